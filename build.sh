#!/usr/bin/env bash
# build.sh: the one command to learn. Without a word it prints its words; each installs what it needs, and only that.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/install.sh
. scripts/install.sh

jobs=${GV_JOBS:-$(nproc)}
export CMAKE_BUILD_PARALLEL_LEVEL=$jobs CTEST_PARALLEL_LEVEL=$jobs PYTHONUNBUFFERED=1

word_help() {
    cat <<'END'
./build.sh <word> [argument ...]

  native   build/release/libGigaVector.so and .a
  wasm     build/wasm/gigavector*.wasm, copied to js/: the small module and the one with all, each once more with relaxed SIMD
  arm      the C library for AArch64, in build/arm, and the tests of its kernels in an emulator; all tests, or some, by the
           arguments of ctest
  python   .venv in which `import gigavector` works (on the native library)
  js       js/node_modules and the module: the package in js/ is ready to import
  demo     questions answered over Debian's package descriptions, in Python and in Node
  web-demo the same search in a web page, served on localhost: --rows N (default 20000), --port N, --build-only
  test     builds, check, then every test there is, and a table of what passed
  check    format, clang-tidy, layer order, unique names, exports equal to the header
  bench    recall, speed, memory and files beside the peers; arguments are handed on (--help). `bench js`: in Node and
           Chromium; `bench sweeps`: other k, strange queries, equal rows, up to a million rows; `bench filters`: from
           one row in a thousand that passes; `bench kdtree`: beside SciPy's cKDTree;
           `bench storage`: vectors kept as f16 and int8; `bench ivfpq`: inverted lists beside faiss's; `bench sparse`: beside
           SciPy's product; `bench serve`: latency beside a writer, opening; `bench overhead`: what the Python bindings add
           to a call; `bench report`: docs/performance.md from all that
  baseline tests/bench/baseline.json anew: the counts of fixed work that ctest compares with
  asan     the C tests under the address and undefined behaviour sanitizers
  tsan     the C tests under the thread sanitizer
  soak     eight threads, everything at once, under the thread sanitizer: 60 seconds, or as many as the argument says
  mutants  each sync out of the source in turn: the power-cut test must catch it
  fmt      format the C sources
  clean    remove what was built (not .venv and node_modules)
  help     this text

Debian and Ubuntu (root or sudo): missing programs are installed. Elsewhere: they are named.
END
}

# ---- building ----

# cmake_build <preset> [target ...]: configures again only when a CMake file has changed.
cmake_build() {
    local preset=$1 dir=build/$1 stamp
    shift
    stamp="$PWD $(hash_of CMakeLists.txt CMakePresets.json cmake tests/*/CMakeLists.txt)"
    mkdir -p "$dir"
    if [ ! -f "$dir/build.ninja" ] || [ "$(cat "$dir/.configured" 2>/dev/null)" != "$stamp" ]; then
        if ! grep -qs "^CMAKE_HOME_DIRECTORY:INTERNAL=$PWD$" "$dir/CMakeCache.txt"; then rm -rf "$dir"; fi
        quietly cmake --preset "$preset"
        printf '%s\n' "$stamp" >"$dir/.configured"
    fi
    cmake --build --preset "$preset" ${1:+--target "$@"}
}

word_native() {
    need_programs "${C_PROGRAMS[@]}"
    locked cmake cmake_build release "${@:-lib}"
}

word_wasm() {
    need_programs "${WASM_PROGRAMS[@]}"
    locked cmake cmake_build wasm "${@:-lib}"
    mkdir -p js
    local file
    for file in gigavector.wasm gigavector.relaxed.wasm gigavector.all.wasm gigavector.all.relaxed.wasm; do
        cmp -s "build/wasm/$file" "js/$file" || cp "build/wasm/$file" "js/$file"
        echo "$file: $(wc -c <"js/$file") bytes, $(gzip -9c "js/$file" | wc -c) by gzip"
    done
}

word_python() {
    word_native
    need_venv
    need_wheels python/requirements-test.txt
    venv_path gigavector "$PWD/python"
    .venv/bin/python -c 'import gigavector; print("gigavector", gigavector.__version__, "in .venv/bin/python")'
}

word_js() {
    word_wasm
    need_node
    need_node_modules js
    node js/pack.mjs
    echo "js/: ready for node $(node --version)"
}

# ---- using ----

word_demo() {
    need_programs "${C_PROGRAMS[@]}" "${WASM_PROGRAMS[@]}" # all that is missing, in one list
    word_python
    word_js
    need_demo
    .venv/bin/python python/demo/run.py "$@"
}

word_web_demo() {
    local rows=20000 port=4173 serve=yes
    while [ $# -gt 0 ]; do
        case $1 in
        --build-only) serve=no ;;
        --rows | --port)
            case ${2:-} in '' | *[!0-9]*) fail "$1 needs a number" ;; esac
            printf -v "${1#--}" %s "$2"
            shift
            ;;
        *) fail "web-demo takes --rows N, --port N and --build-only, not $1" ;;
        esac
        shift
    done
    need_programs "${C_PROGRAMS[@]}" "${WASM_PROGRAMS[@]}"
    word_python
    word_js
    need_web_demo
    export GV_DEMO_DATA=$PWD/.cache/web-demo/$rows GV_DEMO_DIST=${GV_DEMO_DIST:-$PWD/build/web-demo}
    .venv/bin/python web-demo/build_data.py --rows "$rows" --out "$GV_DEMO_DATA"
    (cd web-demo && npx vite build --logLevel warn)
    if [ $serve = no ]; then return 0; fi
    (cd web-demo && exec npx vite preview --host 127.0.0.1 --port "$port")
}

word_bench() {
    case ${1:-} in
    serve) bench_serve ;;
    overhead) bench_overhead "${@:2}" ;;
    js) bench_js "${@:2}" ;;
    storage | ivfpq) bench_with run.py "--$1" "${@:2}" ;;
    sweeps) bench_sweeps "${@:2}" ;;
    filters) bench_with run_filters.py "${@:2}" ;;
    kdtree | sparse) bench_scipy "$1" "${@:2}" ;;
    report) bench_report "${@:2}" ;;
    *) bench_with run.py "$@" ;;
    esac
}

# bench_with <program> [argument ...]: with the peers that can be had.
bench_with() {
    word_python
    need_each_wheel tests/bench/requirements.txt
    .venv/bin/python "tests/bench/$1" "${@:2}"
}

bench_scipy() {
    word_python
    need_wheels "tests/bench/requirements-$1.txt"
    .venv/bin/python "tests/bench/bench_$1.py" "${@:2}"
}

bench_sweeps() {
    if [ "$(uname)" != Darwin ]; then word_native bench_distances; fi
    bench_with run_sweeps.py "$@"
}

bench_js() {
    word_js
    need_node_modules tests/bench/js
    need_browser
    bench_with run.py --js "$@"
}

bench_serve() {
    word_native bench_serve
    mkdir -p build/bench
    {
        echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores; commit $(git describe --always --dirty)"
        build/release/tests/bench/bench_serve latency build/bench
        build/release/tests/bench/bench_serve open build/bench
    } | tee build/bench/serve.txt
}

bench_overhead() {
    word_python
    word_native bench_calls
    .venv/bin/python tests/bench/bench_overhead.py "$@"
}

bench_report() {
    need_venv
    .venv/bin/python tests/bench/report.py "$@"
}

word_baseline() {
    word_native bench_counts
    need_programs python3:python3 valgrind:valgrind
    python3 tests/bench/counts.py write build/release/tests/bench/bench_counts tests/bench/baseline.json
}

# ---- testing ----

# fixed <command ...>: without address randomisation where that is allowed, since the thread sanitizer of older compilers
# does not find its way in the wider ranges of newer kernels.
fixed() {
    if setarch -R true 2>/dev/null; then setarch -R "$@"; else "$@"; fi
}

# sanitized <preset> [argument of ctest ...]
sanitized() {
    need_programs "${C_PROGRAMS[@]}"
    locked cmake cmake_build "$1"
    fixed ctest --preset "$@"
}

word_asan() { sanitized asan-ubsan "$@"; }
word_tsan() { sanitized tsan "$@"; }

# The kernels and checksums, bit for bit, and all cases of the corpus (hits, and the sha256 of files) on the best kernels. The rest tests
# what does not depend on the CPU, several times slower in an emulator.
word_arm() {
    local tests="test_base|test_kernels|test_codes|test_blocks|test_stored|conformance_neon-dot"
    need_arm
    if [ $# -gt 0 ]; then
        locked cmake cmake_build arm all
        ctest --preset arm "$@"
    else
        locked cmake cmake_build arm lib test_base test_kernels test_codes test_blocks test_stored gv_conformance
        ctest --preset arm -R "^($tests)"
    fi
}

word_soak() {
    need_programs "${C_PROGRAMS[@]}"
    locked cmake cmake_build tsan test_soak_native
    cd build/tsan # where its databases are, should it not come to its end
    TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1" fixed ./test_soak_native "${1:-60}"
}

word_mutants() {
    word_native
    need_programs python3:python3
    python3 tests/crash/mutants.py --jobs "$jobs" "$@"
}

word_fmt() {
    need_venv
    need_wheels scripts/requirements-check.txt
    c_files | xargs .venv/bin/clang-format -i
}

word_check() {
    word_native
    word_wasm
    need_programs clang-tidy:clang-tidy
    need_venv
    need_wheels scripts/requirements-check.txt
    scripts/check.sh "$jobs"
}

word_test() {
    scripts/test.sh "$@"
}

word_clean() {
    rm -rf build js/gigavector*.wasm js/gigavector.node.js js/gigavector.browser.js
}

case ${1:-help} in
native | wasm | arm | python | js | demo | web-demo | test | check | bench | baseline | asan | tsan | soak | mutants | fmt | clean | help)
    word=${1:-help}
    shift || true
    "word_${word//-/_}" "$@"
    ;;
*)
    echo "build.sh: no such word: $1" >&2
    word_help >&2
    exit 2
    ;;
esac
