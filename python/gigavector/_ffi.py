"""The C library as Python sees it: `ffi` (its declarations), `lib` (its functions), and how it is found.

The declarations are the marked block of gigavector.h, word for word: the header is the one source of truth.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from cffi import FFI

_NAME = {"darwin": "libGigaVector.dylib", "win32": "GigaVector.dll"}.get(sys.platform, "libGigaVector.so")
_PACKAGE = Path(__file__).resolve().parent
_TREE = _PACKAGE.parent.parent  # the source tree, where this is one
_FOLDERS = (_PACKAGE, _TREE / "build" / "release")


def _declarations() -> str:
    """What gigavector.h holds between its marks: from the package's own folder, else from the source tree."""
    for header in (_PACKAGE / "gigavector.h", _TREE / "include" / "gigavector.h"):
        if header.is_file():
            text = header.read_text(encoding="utf-8")
            begin = text.index("*/", text.index("/* bindings:begin")) + 2
            return text[begin : text.index("/* bindings:end", begin)]
    raise ImportError(f"gigavector.h is neither in {_PACKAGE} nor in {_TREE / 'include'}")


def _lib_path() -> str:
    """The library's file, as _load_lib() says; a bare name is left to the system's loader."""
    chosen = os.environ.get("GIGAVECTOR_LIB")
    if chosen:
        return chosen
    for folder in _FOLDERS:
        if (folder / _NAME).is_file():
            return str(folder / _NAME)
    return _NAME


def _load_lib() -> Any:
    """Load libGigaVector, from the first of these places that has it:

    1. the file that the environment variable GIGAVECTOR_LIB names; if it is set, no other place is tried
    2. the folder of this package, where an installed wheel keeps the library
    3. build/release of the source tree, where ./build.sh native (or make lib) puts it
    4. wherever the system's loader looks: LD_LIBRARY_PATH, /etc/ld.so.conf, /usr/lib

    The file is libGigaVector.so on Linux, libGigaVector.dylib on macOS, GigaVector.dll on Windows.
    """
    path = _lib_path()
    try:
        return ffi.dlopen(path)
    except OSError as error:
        tried = f"{path} does not load"
        if path == _NAME:
            tried = f"{_NAME} is not in {', not in '.join(map(str, _FOLDERS))}, and the system's loader has none"
        raise ImportError(f"{tried} ({error}); run ./build.sh native, or set GIGAVECTOR_LIB to the file") from error


ffi: Any = FFI()
ffi.cdef(_declarations())
lib: Any = _load_lib()
