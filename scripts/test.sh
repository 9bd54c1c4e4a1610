#!/usr/bin/env bash
# test.sh: every suite, one after the other but where it says beside, whatever fails; then a table. Called by `./build.sh test`.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh
mkdir -p build/test
rm -f build/test/*

# run_suite <name> <kind of output> <log> <command ...>: its end is remembered beside its log; until then it has failed.
run_suite() {
    local name=$1 kind=$2 log=$3 begin=$SECONDS code=0
    remember() { printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$kind" "$1" "$((SECONDS - begin))" "$log" >"${log%.log}.tsv"; }
    shift 3
    remember 1
    "$@" </dev/null 2>&1 || code=$?
    remember "$code"
}

next_log() {
    suites=$((suites + 1))
    printf -v log 'build/test/%02d-%s.log' "$suites" "${1// /-}"
}

# suite <name> <kind of output> <command ...>: its output is shown and kept.
suite() {
    local log
    next_log "$1"
    say "$1"
    run_suite "$1" "$2" "$log" "${@:3}" | tee "$log"
}

# aside <name> <kind of output> <command ...>: one of those that `begin` starts, one after the other, beside what follows: suites that keep one
# core busy, or wait for the network. `meet` waits for them, and shows what they printed.
aside() {
    next_log "$1"
    asides+=("$(printf '%q ' run_suite "$1" "$2" "$log" "${@:3}")>$(printf %q "$log")")
    aside_logs+=("$log")
}

begin() {
    say "begun, beside what follows: ${aside_logs[*]}"
    set -m # a process group of its own, to be ended with all it started
    for each in "${asides[@]}"; do eval "$each"; done &
    set +m
    aside_group=$!
    trap 'kill -- "-$aside_group" 2>/dev/null' EXIT
}

meet() {
    wait "$aside_group"
    trap - EXIT
    for log in "${aside_logs[@]}"; do
        say "$log"
        cat "$log"
    done
    asides=() aside_logs=()
}
asides=() aside_logs=()
suites=0

web_demo_tests() { (cd web-demo && node --test --test-reporter=tap test/demo.test.js); }

arm_tests() {
    if [ "$(uname -m)" = aarch64 ]; then echo "skip  ctest arm: this machine is one; see ctest native"
    elif can_arm; then ./build.sh arm
    else echo "skip  ctest arm: no cross compiler and emulator for AArch64, and they could not be installed"
    fi
}

# Everything that is needed, first: a machine that lacks something fails here and at once.
set -e
need_programs "${C_PROGRAMS[@]}" "${WASM_PROGRAMS[@]}" clang-tidy:clang-tidy pkg-config:pkg-config
need_venv
need_node
need_browser
need_firefox
need_valgrind
if [ "$(uname -m)" != aarch64 ]; then (need_arm) || true; fi # without it one suite is skipped
set +e

aside "set up bundlers" step need_node_modules js/test/bundlers
aside "set up runtimes" step need_node_modules js/test/runtimes
aside "set up demo" step need_demo
begin
suite "build native" step ./build.sh native all
suite "build wasm" step ./build.sh wasm all
meet
suite "set up python" step ./build.sh python
suite "set up js" step ./build.sh js
export GV_DEMO_DIST=$PWD/build/web-demo-500
suite "set up web demo" step ./build.sh web-demo --rows 500 --build-only
suite "check" check ./build.sh check
suite "ctest native" ctest ctest --preset release
suite "ctest wasm" ctest ctest --preset wasm
suite "ctest asan" ctest ./build.sh asan
suite "ctest tsan" ctest ./build.sh tsan -R "threads|batch|parallel|compact|soak"
suite "mutants" mutants ./build.sh mutants
aside "pytest" pytest .venv/bin/python -m pytest python/tests
aside "ctest arm" ctest arm_tests
begin
suite "node" node scripts/node_tests.sh node
suite "browsers" node scripts/node_tests.sh browser
suite "web demo" node web_demo_tests
suite "install" check tests/install/run.sh
meet

cat build/test/*.tsv >build/test/suites.txt
.venv/bin/python scripts/summary.py build/test/suites.txt
