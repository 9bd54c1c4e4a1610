"""Documents as tests: their code blocks, each run in its own process and its own empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import gigavector
from gigavector import _ffi

PROJECT = Path(__file__).resolve().parents[2]
HEADER = PROJECT / "include" / "gigavector.h"


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int  # of the document, from 1


def code_blocks(document: Path) -> list[Block]:
    """The fenced code blocks, in order."""
    text = document.read_text(encoding="utf-8")
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    blocks = [Block(fence[1], fence[2], text.count("\n", 0, fence.start()) + 2) for fence in fences]
    assert text.count("\n```") + text.startswith("```") == 2 * len(blocks), f"a fence of {document.name} is not closed"
    return blocks


def child_environment() -> dict[str, str]:
    """A child imports the package that is tested, and the loader finds the library that it uses."""
    library = Path(_ffi._lib_path()).resolve().parent
    packages = Path(gigavector.__file__).resolve().parent.parent
    return {**os.environ, "PYTHONPATH": str(packages), "LD_LIBRARY_PATH": str(library), "PYTHONIOENCODING": "utf-8"}


def run_code(code: str, folder: Path, name: str = "snippet") -> subprocess.CompletedProcess[str]:
    """Run Python code in its own process, in `folder`; its file lies elsewhere, so that the folder is left to it."""
    file = folder.parent / f"{folder.name}-{name}.py"
    file.write_text(code, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(file)], cwd=folder, env=child_environment(), capture_output=True, text=True, timeout=300
    )
