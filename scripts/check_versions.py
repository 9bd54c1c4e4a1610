"""One version everywhere: CMakeLists.txt, the built library, the Python package, the npm package."""
from __future__ import annotations

import ctypes
import json
import re
import sys

from header import ROOT


def first(pattern: str, path: str) -> str:
    found = re.search(pattern, (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else "none"


if __name__ == "__main__":
    library = ctypes.CDLL(str(ROOT / "build/release/libGigaVector.so"))
    library.gv_version.restype = ctypes.c_char_p
    versions = {
        "CMakeLists.txt": first(r"^project\(GigaVector VERSION ([\d.]+)", "CMakeLists.txt"),
        "gv_version()": library.gv_version().decode(),
        "python/pyproject.toml": first(r'^version = "([^"]+)"', "python/pyproject.toml"),
        "js/package.json": json.loads((ROOT / "js/package.json").read_text(encoding="utf-8"))["version"],
    }
    if len(set(versions.values())) > 1:
        print("\n".join(f"{place} says {version}" for place, version in versions.items()))
        sys.exit(1)
