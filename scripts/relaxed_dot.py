#!/usr/bin/env python3
"""Puts i32x4.relaxed_dot_i8x16_i7x16_add_s where kernels/wasm128.c has a stand-in: relaxed_dot.py <wasm-dis> <module>.

Compilers and optimisers from before relaxed SIMD was agreed on know its first proposal: a fused multiply-add of the same three operands
and of the same length in bytes. Newer ones emit the dot product itself, and this finds nothing to do.
"""

import re
import subprocess
import sys
from pathlib import Path

STAND_IN, DOT = bytes.fromhex("fdaf01"), bytes.fromhex("fd9302")


def main(disassembler: str, path: Path) -> str | None:
    module = path.read_bytes()
    if STAND_IN not in module:
        return None if DOT in module else f"{path}: neither the dot product nor its stand-in is there"
    command = [disassembler, "--enable-simd", "--enable-relaxed-simd", str(path), "-o", "-"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    stand_ins = re.findall(r"\(f32x4\.(?:qfma|relaxed_fma|relaxed_madd)\b", text)  # its name in turn, over the years
    # the bytes might be part of something else: then there are more of them than instructions
    if module.count(STAND_IN) != len(stand_ins) or DOT in module:
        return f"{path}: its stand-ins cannot be told from other bytes"
    path.write_bytes(module.replace(STAND_IN, DOT))
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
