#!/usr/bin/env bash
# run.sh: each test_*.sh beside it is one test, run in an empty folder of its own with the root of the tree as $ROOT.
# What breaks if one is deleted: the library could be right here and still be of no use once installed elsewhere.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
export ROOT
failures=0
for test in "$here"/test_*.sh; do
    name=$(basename "$test" .sh)
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    folder=$(mktemp -d)
    if output=$(cd "$folder" && bash -euo pipefail "$test" 2>&1); then
        printf 'ok    %s: %s\n' "$name" "$(tail -n 1 <<<"$output")"
    else
        printf '%s\nFAIL  %s\n' "$output" "$name"
        failures=$((failures + 1))
    fi
    rm -rf "$folder"
done
exit $((failures > 0))
