"""What the programs of the benchmark share: what they ran on, on which data, and where the results go."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import bench_gate
from bench_data import ROOT, clustered, debian, debian_source, demo, demo_source
from bench_indexes import INDEXES

FORM = 2  # of the JSON
ROWS = 100_000
RESULTS = ROOT / "build" / "bench"


def machine() -> str:
    """What the numbers were measured on."""
    with open("/proc/cpuinfo") as f:
        info = f.read()
    model = info.split("model name\t: ", 1)[1].split("\n", 1)[0] if "model name\t: " in info else "unknown CPU"
    flags = set(info.split("flags\t\t: ", 1)[1].split("\n", 1)[0].split()) if "flags\t\t: " in info else set()
    known = [flag for flag in ("avx2", "avx_vnni", "avx512bw", "avx512_vnni") if flag in flags]
    return f"{model}, {os.cpu_count()} cores, {' '.join(known) or 'no AVX2'}"


def commit() -> str:
    said = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return said.stdout.strip() or "unknown"


def facts(kind: str, passes: int) -> dict[str, Any]:
    """The head of a result."""
    found = {"form": FORM, "kind": kind, "machine": machine(), "commit": commit(), "passes": passes}
    print(f"{found['machine']}; commit {found['commit']}")
    return found


def options_of(program: str, about: str, data: str = "all") -> argparse.ArgumentParser:
    """A parser with the options that all programs have."""
    parser = argparse.ArgumentParser(
        prog=program, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", choices=("all", "clustered", "debian", "demo"), default=data, help=f"default: {data}")
    add("--debian", metavar="FOLDER", help="where debian384 lies; default: $GV_DATA/debian384, else the demo's rows")
    add("--rows", type=int, help="of each set, at most; default: 100000 clustered, all texts")
    add("--only", metavar="NAME,...", help="these indexes: " + ", ".join(INDEXES))
    add("--quick", action="store_true", help="see above")
    add("--passes", type=int, help="of each measurement; the best counts")
    add("--gate", action="store_true", help="exit 1 where a promise is broken")
    add("--json", metavar="FILE", help="where the results go; default: a new file in build/bench")
    return parser


def chosen_names(parser: argparse.ArgumentParser, only: str | None, known: Iterable[str]) -> tuple[str, ...] | None:
    """What --only names, each of which must be `known`; None without it."""
    if only is None:
        return None
    names, known = tuple(name.strip() for name in only.split(",")), list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"no such index: {', '.join(unknown)}; there are {', '.join(known)}")
    return names


def chosen_data(
    parser: argparse.ArgumentParser, options: argparse.Namespace, usual: int | None = None
) -> list[Callable[[], Path]]:
    """What makes the sets asked for: texts and clusters, of --rows or else of `usual` many."""
    cut = options.rows or usual
    sets: list[Callable[[], Path]] = []
    source = None if options.data == "demo" else debian_source(options.debian)
    left = demo_source()
    if options.debian and not source:
        parser.error(f"{options.debian} holds no debian384: base.npy or base.f16.npy, queries likewise, gt.npy")
    if options.data != "clustered" and source:
        sets.append(lambda: debian(source, cut))
    elif options.data != "clustered" and left:
        sets.append(lambda: demo(left, cut))
    elif options.data in ("debian", "demo"):
        parser.error("no texts are to be had: run ./build.sh demo, or name debian384 by --debian FOLDER or $GV_DATA")
    elif options.data == "all":
        print("texts are left out: there are none (./build.sh demo makes some; --debian FOLDER; $GV_DATA/debian384)")
    if options.data in ("all", "clustered"):
        sets.append(lambda: clustered(cut or ROWS))
    return sets


def facts_of(folder: Path) -> dict[str, Any]:
    """The head of a set's result."""
    meta = json.loads((folder / "meta.json").read_text())
    print(f"{folder.name}: {meta['rows']} rows of {meta['dimension']}, {meta['metric']}", flush=True)
    return {"data": folder.name, **{key: meta[key] for key in ("rows", "dimension", "metric")}}


def finish(head: dict[str, Any], rest: dict[str, Any], judged: bench_gate.Judged, options: argparse.Namespace) -> int:
    """Says what was promised and found, writes the results, and gives the program's exit code."""
    for line in judged:
        word = {True: "kept", False: "BROKEN", None: "not judged"}[line["kept"]]
        print(f"{word:10}  {line['promise']}: {line['found']}")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = Path(options.json) if options.json else RESULTS / f"{stamp}-{head['kind']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**head, "time": stamp, **rest, "promises": judged}, indent=1) + "\n")
    broken = sum(line["kept"] is False for line in judged)
    print(f"{len(judged)} promises, {broken} broken; results in {path}")
    return 1 if broken and options.gate else 0
