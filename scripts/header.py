"""The functions of include/gigavector.h: those declared between its marks, which are what a library may export."""
from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "include" / "gigavector.h"


def functions() -> set[str]:
    text = HEADER.read_text(encoding="utf-8")
    block = text[text.index("/* bindings:begin") : text.index("/* bindings:end")]
    block = re.sub(r"/\*.*?\*/", " ", block, flags=re.DOTALL)
    return set(re.findall(r"\b(gv_[a-z0-9_]+)\s*\(", block))
