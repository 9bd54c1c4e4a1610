"""The files of src/ that a compile_commands.json compiles, one a line: what clang-tidy is to look at."""
import json
import sys

from header import ROOT

commands = json.load(open(sys.argv[1], encoding="utf-8"))
print("\n".join(sorted({c["file"] for c in commands if c["file"].startswith(f"{ROOT}/src/")})))
