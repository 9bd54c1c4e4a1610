# pkg-config finds the installed library, shared and static, and a plain compiler call builds a C and a C++ program.
cmake --install "$ROOT/build/release" --prefix "$PWD/prefix" >/dev/null
mv prefix moved
export PKG_CONFIG_PATH=$PWD/moved/lib/pkgconfig:$PWD/moved/lib64/pkgconfig:$PWD/moved/lib/$(gcc -print-multiarch)/pkgconfig
libdir=$(pkg-config --variable=libdir gigavector)
source=$ROOT/tests/install/outside.c

gcc -Wall -Wextra -Werror "$source" $(pkg-config --cflags --libs gigavector) -Wl,-rpath,"$libdir" -o outside
./outside "$PWD/shared.gvdb"
gcc "$source" $(pkg-config --cflags gigavector) "$libdir/libGigaVector.a" -pthread -lm -o fixed
./fixed "$PWD/static.gvdb"
cp "$source" outside.cpp
g++ -Wall -Wextra -Werror outside.cpp $(pkg-config --cflags --libs gigavector) -Wl,-rpath,"$libdir" -o outside_cpp
./outside_cpp
