#!/usr/bin/env bash
# check.sh [jobs]: what can be said of the sources and of what they export. Called by `./build.sh check`, which builds first.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh
jobs=${1:-2}
python=.venv/bin/python
failures=0

# check <name> <command ...>: one line if it holds, what it printed if not.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok    %s\n' "$name"
    else
        printf '%s\nFAIL  %s\n' "$output" "$name"
        failures=$((failures + 1))
    fi
}

formatted() { c_files | xargs .venv/bin/clang-format --dry-run -Werror; }

# Findings depend on the sources and the rules only, so a clean run is remembered.
tidy() {
    local stamp=build/.tidy-clean hash
    hash="$(hash_of src include .clang-tidy) $(clang-tidy --version)"
    if [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then return 0; fi
    "$python" scripts/native_sources.py build/release/compile_commands.json |
        xargs -P "$jobs" -n 4 clang-tidy -p build/release --quiet --warnings-as-errors='*' 2>/dev/null || return 1
    printf '%s\n' "$hash" >"$stamp"
}

# A lock file names packages and their hashes; where to download from is the user's own setting.
locks_without_addresses() {
    ! grep -rnE '"resolved"|https?://[^"]*\.tgz' --include=package-lock.json --exclude-dir={node_modules,build,.venv,.cache} .
}

shell_parses() { for file in build.sh scripts/*.sh tests/install/*.sh .ci/run; do bash -n "$file" || return 1; done; }

check "format (clang-format)" formatted
check "clang-tidy" tidy
check "layer order of includes" "$python" scripts/check_layers.py layers
check "unique base names" "$python" scripts/check_layers.py names
check "exports of libGigaVector.so" "$python" scripts/check_exports.py library
check "exports of gigavector*.wasm" "$python" scripts/check_exports.py module
check "one version" "$python" scripts/check_versions.py
check "lock files without addresses" locks_without_addresses
check "shell scripts parse" shell_parses
exit $((failures > 0))
