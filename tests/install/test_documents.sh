# The C examples of README.md and docs/c_api_guide.md build against an installed library with the very commands that stand
# beside them, by pkg-config and by CMake, and run.
cmake --install "$ROOT/build/release" --prefix "$PWD/prefix" >/dev/null
export PKG_CONFIG_PATH=$PWD/prefix/lib/pkgconfig:$PWD/prefix/lib64/pkgconfig:$PWD/prefix/lib/$(gcc -print-multiarch)/pkgconfig
LD_LIBRARY_PATH=$(pkg-config --variable=libdir gigavector) # a user's ldconfig finds it in /usr/local
export LD_LIBRARY_PATH

# block <document> <language> <number>: what stands in the document's n-th fenced block of that language.
block() { awk -v fence="^\`\`\`$2\$" -v n="$3" '/^```$/ { inside = 0 } inside && k == n; $0 ~ fence { inside = 1; k++ }' "$ROOT/$1"; }
# command <document> <words>: the indented line that begins with these words.
command_line() { sed -n "s/^    \($2.*\)/\1/p" "$ROOT/$1" | head -n 1; }

block README.md c 1 >points.c
eval "$(command_line README.md 'cc points.c')" >printed # cc points.c $(pkg-config ...) && ./a.out
diff printed - <<<$'1 1\n0 4.24264'

for number in 1 2; do
    mkdir "$number" && cd "$number"
    block docs/c_api_guide.md c "$number" >program.c
    eval "$(command_line docs/c_api_guide.md 'cc program.c')"
    {
        printf '%s\n' 'cmake_minimum_required(VERSION 3.21)' 'project(Program C)' 'add_executable(program program.c)'
        block docs/c_api_guide.md cmake 1
    } >CMakeLists.txt
    cmake -G Ninja -S . -B build -DCMAKE_PREFIX_PATH="$PWD/../prefix" >/dev/null
    cmake --build build >/dev/null
    if [ "$number" = 2 ]; then
        for program in ./a.out build/program; do
            "$program" >printed
            diff printed - <<<$'1 at 1.20416\nname = Nord\nlang = de'
        done
    else # it writes articles.gv, which the second run opens
        ./a.out && build/program && test -s articles.gv
    fi
    cd ..
done
echo "3 programs, by pkg-config and by CMake"
