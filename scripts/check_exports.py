"""Exports: the shared library gives exactly the header's functions; the modules those and what its loader needs."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from header import ROOT, functions

# What a WebAssembly module has besides: its memory and allocator, and what Emscripten adds to a module without main.
MODULE_EXTRAS = {"memory", "malloc", "free", "_initialize", "__indirect_function_table", "__errno_location"} | {
    "stackSave", "stackRestore", "stackAlloc", "_emscripten_stack_restore", "_emscripten_stack_alloc",
    "emscripten_stack_get_current", "setThrew",
}  # fmt: skip
MODULE_NEEDS = {"memory", "malloc", "free", "_initialize"}
MODULES = ("gigavector.wasm", "gigavector.relaxed.wasm", "gigavector.all.wasm", "gigavector.all.relaxed.wasm")
MODULE_IMPORTS = {"env.emscripten_notify_memory_growth"}  # besides env.gv_host_*


def library_exports(path: Path) -> set[str]:
    lines = subprocess.run(["nm", "-D", "--defined-only", path], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in lines.splitlines()}


def uleb(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def name_at(data: bytes, at: int) -> tuple[str, int]:
    size, at = uleb(data, at)
    return data[at : at + size].decode(), at + size


def module_names(path: Path) -> tuple[set[str], set[str]]:
    """(function imports as module.name, exports) of a WebAssembly module, read from sections 2 and 7."""
    data, at = path.read_bytes(), 8
    imports, exports = set(), set()
    while at < len(data):
        section, (size, at) = data[at], uleb(data, at + 1)
        end = at + size
        if section in (2, 7):
            count, at = uleb(data, at)
            for _ in range(count):
                first, at = name_at(data, at)
                if section == 7:
                    exports.add(first)
                    _, at = uleb(data, at + 1)
                    continue
                second, at = name_at(data, at)
                if data[at] != 0:
                    raise SystemExit(f"{path}: {first}.{second} is not a function; the module has its own memory")
                imports.add(f"{first}.{second}")
                _, at = uleb(data, at + 1)
        at = end
    return imports, exports


def differences(what: str, found: set[str], needed: set[str], allowed: set[str]) -> list[str]:
    return [f"{what}: {name} is missing" for name in sorted(needed - found)] + [
        f"{what}: {name} should not be there" for name in sorted(found - needed - allowed)
    ]


def module_faults(path: Path) -> list[str]:
    imports, exports = module_names(path)
    host = {name for name in imports if name.startswith("env.gv_host_")}
    return differences(f"{path.name}: export", exports, functions() | MODULE_NEEDS, MODULE_EXTRAS) + differences(
        f"{path.name}: import", imports - host, set(), MODULE_IMPORTS
    )


def main(which: str) -> list[str]:
    if which == "library":
        path = ROOT / "build/release/libGigaVector.so"
        return differences(path.name, library_exports(path), functions(), set())
    return [fault for name in MODULES for fault in module_faults(ROOT / "build/wasm" / name)]


if __name__ == "__main__":
    faults = main(sys.argv[1])
    print("\n".join(faults))
    sys.exit(bool(faults))
