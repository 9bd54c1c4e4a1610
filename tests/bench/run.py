"""Recall, speed, memory and files of the library beside its peers, in one run on the same data.

    ./build.sh bench                            both data sets, where texts are to be had, all peers
    ./build.sh bench --quick                    the peers that promises name, builds on two threads only, fewer passes
    ./build.sh bench --data clustered --rows 1000000 --only gigavector,"rabitq symphonyqg"
    ./build.sh bench --gate                     exit 1 where a promise is broken
    ./build.sh bench storage                    vectors kept as f32, f16 and int8
    ./build.sh bench ivfpq                      inverted lists of product codes, with vectors and without, beside faiss's
    ./build.sh bench js                         the WebAssembly module in Node and Chromium, and its peers
    ./build.sh bench sweeps                     other k, other queries, equal rows, and from 10,000 rows to a million
    ./build.sh bench filters                    filters that let through a tenth of a per cent to nine tenths
    ./build.sh bench report                     docs/performance.md, from the newest results

Recall@10; all queries in one call on one thread, where an index has such a call. Every index has a process of its own
and all of them are asked in turn, again and again: the speed of a shared machine does not stay, so compare ratios
within a run, not numbers. A turn is timed once a pass has brought the index back into the caches. Natively a second
of a search is one of the process's CPU time, which on an idle machine is the clock's; builds, files and single calls are timed by the clock. Each run leaves one JSON file in build/bench.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import bench_gate
from bench_driver import TURN, Contender, Worker, WorkerError, measure, native
from bench_indexes import INDEXES
from bench_js import HOSTS, in_host
from bench_run import chosen_data, chosen_names, facts, facts_of, finish, options_of

QUICK = ("gigavector", "gigavector hybrid", "gigavector flat", "hnswlib", "rabitq symphonyqg")
STORED = ("gigavector", "gigavector f16", "gigavector int8", "gigavector flat", "gigavector flat int8")
LISTED = ("gigavector ivfpq", "faiss ivf fastscan", "gigavector ivfpq codes", "faiss ivf codes")
ASIDE = (*STORED, *LISTED)  # that a run of all is without, but for those that promises name
NATIVE_HNSWLIB = "native hnswlib"


def print_curves(result: dict[str, Any]) -> None:
    print("  queries a second at recall     0.90      0.95      0.99    single call p50/p99 us at recall")
    for name, index in result["indexes"].items():
        cells = [f"{speed:,.0f}" if speed else "never" for speed in index["qps_at"].values()]
        single = index["single"]
        tail = f"{single['p50_us']:8.0f} {single['p99_us']:8.0f}  {single['recall']:.4f}"
        print(f"  {name:26}" + "".join(f"{cell:>10}" for cell in cells) + f"   {tail}", flush=True)
    for name, index in result["indexes"].items():
        if "inserts" in index:
            found = index["inserts"]
            print(f"  {name}: one row inserted in p50 {found['p50_us']:,.0f}, p99 {found['p99_us']:,.0f} us")


def search(folder: Path, contenders: list[Contender], passes: int, with_files: bool) -> dict[str, Any]:
    result = {**facts_of(folder), **measure(contenders, passes, with_files)}
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
    names = options.only or (QUICK if options.quick else tuple(n for n in INDEXES if n in QUICK or n not in ASIDE))
    sets, judged = [], []
    for folder in folders:
        result: dict[str, Any] = {"data": folder.name}
        if options.mode != "deletes":
            contenders = [native(name, folder, options.quick) for name in names]
            result = search(folder, contenders, options.passes, with_files=True)
            result["not_asked"] = [name for name in INDEXES if name not in names]
            judged += [] if options.storage or options.ivfpq else bench_gate.judge_search(result)
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
        hnswlib.name, hnswlib.by_clock = NATIVE_HNSWLIB, True
        contenders.append(hnswlib)
        if options.only:
            contenders = [c for c in contenders if c.name in options.only]
        sets.append(search(folder, contenders, options.passes, with_files=True))
        judged += bench_gate.judge_js(sets[-1])
    return sets, judged


def main() -> int:
    parser = options_of("./build.sh bench", __doc__)
    parser.add_argument("--js", action="store_true", help="the module in Node and Chromium: ./build.sh bench js")
    parser.add_argument("--storage", action="store_true", help="narrower vectors: ./build.sh bench storage")
    parser.add_argument("--ivfpq", action="store_true", help="inverted lists: ./build.sh bench ivfpq")
    parser.add_argument("--mode", choices=("all", "search", "deletes"), default="all")
    options = parser.parse_args()
    options.passes = options.passes or (3 if options.quick or options.js else 5)
    in_hosts = [f"{host} {name}" for host, names in HOSTS.items() for name in names]
    options.only = chosen_names(parser, options.only, (*in_hosts, NATIVE_HNSWLIB) if options.js else INDEXES)

    if options.storage:
        options.only, options.mode, options.quick = STORED, "search", True
    if options.ivfpq:
        options.only, options.mode = LISTED, "search"
    kind = next((name for name in ("js", "storage", "ivfpq") if getattr(options, name)), "native")
    head = facts(kind, options.passes)
    folders = [make() for make in chosen_data(parser, options, 20_000 if options.js else None)]
    sets, judged = (run_js if options.js else run_native)(folders, options)
    return finish(head, {"sets": sets}, judged, options)


if __name__ == "__main__":
    sys.exit(main())
