# find_package(GigaVector) finds the installed library; shared and static programs build, run, and open a file.
cmake --install "$ROOT/build/release" --prefix "$PWD/prefix" >/dev/null
cp "$ROOT/tests/install/outside.c" "$ROOT/tests/install/CMakeLists.txt" .
mv prefix moved # an installed tree may be moved
cmake -G Ninja -S . -B build -DCMAKE_PREFIX_PATH="$PWD/moved" -DCMAKE_BUILD_TYPE=Release
cmake --build build
build/outside_static "$PWD/static.gvdb"
build/outside "$PWD/shared.gvdb"
