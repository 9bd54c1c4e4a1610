"""Recall, speed, memory and files of the library beside its peers, in one run on the same data.

    ./build.sh bench                            both data sets, where debian384 is to be had, all peers
    ./build.sh bench --quick                    the peers that promises name, builds on two threads only, fewer passes
    ./build.sh bench --data clustered --rows 1000000 --only gigavector,"rabitq symphonyqg"
    ./build.sh bench --gate                     exit 1 where a promise is broken
    ./build.sh bench js                         the WebAssembly module in Node and Chromium, and its peers
    ./build.sh bench report                     docs/performance.md, from the newest results

Recall@10; all queries in one call on one thread, where an index has such a call. Every index has a process of its own
and all of them are asked in turn, pass after pass: the speed of a shared machine does not stay, so compare ratios
within a run, not numbers. Natively a second of a search is one of the process's CPU time, which on an idle machine is
the clock's; builds, files and single calls are timed by the clock. Each run leaves one JSON file in build/bench.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench_gate
from bench_data import ROOT, clustered, debian, debian_source
from bench_driver import TURN, Contender, Worker, WorkerError, measure, native
from bench_indexes import INDEXES
from bench_js import HOSTS, in_host

QUICK = ("gigavector", "gigavector hybrid", "gigavector flat", "hnswlib", "rabitq symphonyqg")
FORM = 2  # of the JSON


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


def print_curves(result: dict[str, Any]) -> None:
    print("  queries a second at recall     0.90      0.95      0.99    single call p50/p99 us at recall")
    for name, index in result["indexes"].items():
        cells = [f"{speed:,.0f}" if speed else "-" for speed in index["qps_at"].values()]
        single = index["single"]
        tail = f"{single['p50_us']:8.0f} {single['p99_us']:8.0f}  {single['recall']:.4f}"
        print(f"  {name:26}" + "".join(f"{cell:>10}" for cell in cells) + f"   {tail}", flush=True)


def search(folder: Path, contenders: list[Contender], passes: int, with_files: bool) -> dict[str, Any]:
    meta = json.loads((folder / "meta.json").read_text())
    print(f"{folder.name}: {meta['rows']} rows of {meta['dimension']}, {meta['metric']}", flush=True)
    facts = {key: meta[key] for key in ("rows", "dimension", "metric")}
    result = {"data": folder.name, **facts, **measure(contenders, passes, with_files)}
    print_curves(result)
    return result


def deletes(folder: Path) -> dict[str, Any]:
    worker = Worker(native("gigavector", folder, quick=True).command)
    try:
        with TURN:
            found = worker.ask("deletes")
    finally:
        TURN.end()
        worker.close()
    print(f"  {folder.name}: a deletion took {found['delete_us']:.0f} us")
    for point in found["recall"]:
        print(f"  half deleted, ef {point['ef']:3d}: recall {point['deleted']:.4f}, fresh {point['fresh']:.4f}")
    return found


def run_native(folders: list[Path], options: argparse.Namespace) -> tuple[list[dict[str, Any]], bench_gate.Judged]:
    names = options.only or (QUICK if options.quick else tuple(INDEXES))
    sets, judged = [], []
    for folder in folders:
        result: dict[str, Any] = {"data": folder.name}
        if options.mode != "deletes":
            contenders = [native(name, folder, options.quick) for name in names]
            result = search(folder, contenders, options.passes, with_files=True)
            judged += bench_gate.judge_search(result)
        if options.mode != "search" and "gigavector" in names:
            try:
                result["deletes"] = deletes(folder)
                judged += bench_gate.judge_deletes(folder.name, result["deletes"])
            except WorkerError as error:
                judged.append({"promise": f"{folder.name}: deletes", "found": str(error), "kept": False})
        sets.append(result)
    return sets, judged


def run_js(folders: list[Path], options: argparse.Namespace) -> tuple[list[dict[str, Any]], bench_gate.Judged]:
    sets, judged = [], []
    for folder in folders:
        contenders = [in_host(host, name, folder) for host in HOSTS for name in HOSTS[host]]
        hnswlib = native("hnswlib", folder, quick=True)
        hnswlib.name, hnswlib.by_clock = "native hnswlib", True
        contenders.append(hnswlib)
        if options.only:
            contenders = [c for c in contenders if c.name in options.only]
        sets.append(search(folder, contenders, options.passes, with_files=False))
        judged += bench_gate.judge_js(sets[-1])
    return sets, judged


def chosen_data(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[Callable[[], Path]]:
    rows = options.rows or (20_000 if options.js else 100_000)
    sets: list[Callable[[], Path]] = []
    source = debian_source(options.debian)
    if options.data != "clustered" and source:
        sets.append(lambda: debian(source, rows if options.js else None))
    elif options.data == "debian" or options.debian:
        parser.error("debian384 is nowhere to be found: name its folder with --debian, or its parent in $GV_DATA")
    elif options.data == "all":
        print("debian384 is left out: it is nowhere to be found (--debian FOLDER, or $GV_DATA/debian384)")
    if options.data != "debian":
        sets.append(lambda: clustered(rows))
    return sets


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./build.sh bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--js", action="store_true", help="the module in Node and Chromium: ./build.sh bench js")
    parser.add_argument("--data", choices=("all", "clustered", "debian"), default="all")
    parser.add_argument("--debian", metavar="FOLDER", help="where debian384 lies; default: $GV_DATA/debian384")
    parser.add_argument("--rows", type=int, help="of the clustered set (100000); with js of both (20000)")
    parser.add_argument("--only", metavar="NAME,...", help="these indexes: " + ", ".join(INDEXES))
    parser.add_argument("--quick", action="store_true", help="see above")
    parser.add_argument("--mode", choices=("all", "search", "deletes"), default="all")
    parser.add_argument("--passes", type=int, help="of each setting, the best counts; default 5, with --quick or js 3")
    parser.add_argument("--gate", action="store_true", help="exit 1 where a promise is broken")
    parser.add_argument("--json", metavar="FILE", help="where the results go; default: a new file in build/bench")
    options = parser.parse_args()
    options.passes = options.passes or (3 if options.quick or options.js else 5)
    options.only = tuple(name.strip() for name in options.only.split(",")) if options.only else None
    unknown = [name for name in options.only or () if not options.js and name not in INDEXES]
    if unknown:
        parser.error(f"no such index: {', '.join(unknown)}; there are {', '.join(INDEXES)}")

    kind = "js" if options.js else "native"
    facts = {"form": FORM, "kind": kind, "machine": machine(), "commit": commit(), "passes": options.passes}
    print(f"{facts['machine']}; commit {facts['commit']}")
    folders = [make() for make in chosen_data(parser, options)]
    sets, judged = (run_js if options.js else run_native)(folders, options)
    for line in judged:
        word = {True: "kept", False: "BROKEN", None: "not judged"}[line["kept"]]
        print(f"{word:10}  {line['promise']}: {line['found']}")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = Path(options.json) if options.json else ROOT / "build" / "bench" / f"{stamp}-{kind}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**facts, "time": stamp, "sets": sets, "promises": judged}, indent=1) + "\n")
    broken = sum(line["kept"] is False for line in judged)
    print(f"{len(judged)} promises, {broken} broken; results in {path}")
    return 1 if broken and options.gate else 0


if __name__ == "__main__":
    sys.exit(main())
