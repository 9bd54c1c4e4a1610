#!/usr/bin/env bash
# node_tests.sh node|browser: the tests in js/test by `node --test`. Those that start a browser say so in their path.
set -euo pipefail
cd "$(dirname "$0")/../js"
in_browser=browser
if [ "$1" = browser ]; then choose=(-E); else choose=(-vE); fi
mapfile -t files < <(find test -name node_modules -prune -o -name '*.test.js' -print | LC_ALL=C sort | grep "${choose[@]}" "$in_browser")
if [ ${#files[@]} = 0 ]; then
    echo "no $1 tests in js/test"
    exit 1
fi
exec node --test --test-reporter=tap "${files[@]}"
