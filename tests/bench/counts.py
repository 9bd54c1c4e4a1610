"""The counts of bench_counts against baseline.json: a change that costs recall, bytes or instructions says so.

    counts.py check PROGRAM BASELINE [--kernels NAME]    every count, to the last digit, on any kernel and target (of
                                                         memory, to a lock: elsewhere it has another size)
    counts.py instructions PROGRAM BASELINE              instructions of the phases, by callgrind, within 3 %
    counts.py write PROGRAM BASELINE                     a new baseline: ./build.sh baseline

Instructions are those of the AVX2 kernels and of one compiler: elsewhere they are not compared (exit 77, and why).
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

KERNELS = "avx2"
ROWS = 1200  # under callgrind everything takes fifty times as long
TOLERANCE = 0.03
LOCK_BYTES = 64  # pthread_mutex_t has 40 bytes on x86-64 and 48 on AArch64
SKIPPED = 77


# One call in a profile: cfn=name, perhaps where it lies, calls=times place, place and inclusive cost.
CALL = re.compile(r"^cfn=(work_\w+)\n(?:cfi=.*\n|cob=.*\n)*calls=.*\n\S+ (\d+)$", re.MULTILINE)


class Skip(Exception):
    """Why instructions cannot be compared here."""


def counts(program: list[str], kernels: str) -> dict[str, int]:
    said = subprocess.run([*program, kernels], capture_output=True, text=True)
    if said.returncode:
        sys.exit(said.stderr.strip())
    result: dict[str, int] = json.loads(said.stdout)
    return result


def compiler(program: str) -> str:
    """What the program says of itself: "GCC: (Debian 12.2.0-14) 12.2.0" without the packager's part."""
    found = re.findall(rb"(GCC: \([^)]*\) [\d.]+|clang version [\d.]+)", Path(program).read_bytes())
    names = sorted({re.sub(r"\([^)]*\) ", "", name.decode()) for name in found})
    return f"{' and '.join(names) or 'an unknown compiler'} on {platform.machine()}"


def instructions(program: str, sets: list[str]) -> dict[str, int]:
    """Of each phase of each set, what it calls included."""
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    result: dict[str, int] = {}
    for name in sets:
        with tempfile.TemporaryDirectory() as folder:
            profile = Path(folder) / "profile"
            how = ["--tool=callgrind", f"--callgrind-out-file={profile}", "--compress-strings=no", "--compress-pos=no"]
            command = ["valgrind", *how, program, KERNELS, str(ROWS), name]
            said = subprocess.run(command, capture_output=True, text=True)
            if said.returncode:
                if "GV_ERR_UNSUPPORTED" in said.stderr:
                    raise Skip(f"this CPU has no {KERNELS}")
                sys.exit(said.stderr.strip())
            calls = CALL.findall(profile.read_text())
        totals: Counter[str] = Counter()
        for function, cost in calls:
            totals[f"{name}.{function}"] += int(cost)
        result.update(totals)
    return result


def differences(now: dict[str, int], then: dict[str, int], tolerance: float, lock_bytes: int = 0) -> list[str]:
    """A line for each count that is new, gone, or not what it was."""
    lines = []
    for name in sorted(now.keys() | then.keys()):
        if name not in then:
            lines.append(f"{name} is {now[name]:,} and not in the baseline")
        elif name not in now:
            lines.append(f"{name} was {then[name]:,} and is not counted any more")
        elif abs(now[name] - then[name]) > tolerance * then[name] + lock_bytes * name.endswith(".memory_bytes"):
            measure = then[name] and "checksum" not in name  # of a checksum only that it differs says something
            change = f" ({(now[name] / then[name] - 1) * 100:+.2f} %)" if measure else ""
            lines.append(f"{name} is {now[name]:,}, was {then[name]:,}{change}")
    return lines


def sets_of(names: Any) -> list[str]:
    return list(dict.fromkeys(name.split(".")[0] for name in names))


def report(lines: list[str], compared: int) -> int:
    for line in lines:
        print(line)
    if lines:
        print(f"{len(lines)} of {compared} counts differ. If that is meant: ./build.sh baseline, and say why")
        return 1
    print(f"{compared} counts are those of the baseline")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("word", choices=("check", "instructions", "write"))
    parser.add_argument("program")
    parser.add_argument("baseline", type=Path)
    parser.add_argument("--kernels", default="best")
    parser.add_argument("--emulator", default="", help="word;word: what runs a program that is not for this machine")
    options = parser.parse_args()
    if options.word == "write":
        found = counts([options.program], "best")
        costs = {"compiler": compiler(options.program), "kernels": KERNELS, "rows": ROWS}
        costs["counts"] = instructions(options.program, sets_of(found))
        options.baseline.write_text(json.dumps({"counts": found, "instructions": costs}, indent=2) + "\n")
        print(f"{len(found)} counts and {len(costs['counts'])} of instructions in {options.baseline}")
        return 0

    baseline = json.loads(options.baseline.read_text())
    if options.word == "check":
        emulator = options.emulator.split(";") if options.emulator else []
        found = counts([*emulator, options.program], options.kernels)
        elsewhere = options.emulator or platform.machine() not in baseline["instructions"]["compiler"]
        return report(differences(found, baseline["counts"], 0, LOCK_BYTES if elsewhere else 0), len(found))
    then = baseline["instructions"]
    try:
        if compiler(options.program) != then["compiler"]:
            raise Skip(f"the baseline was counted with {then['compiler']}, this is {compiler(options.program)}")
        found = instructions(options.program, sets_of(baseline["counts"]))
    except Skip as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    return report(differences(found, then["counts"], TOLERANCE), len(found))


if __name__ == "__main__":
    sys.exit(main())
