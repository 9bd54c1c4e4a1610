"""How the library does where nobody has tuned it: many hits, strange queries, equal rows, more and more rows.

    ./build.sh bench sweeps                             all five, up to a million rows: an hour
    ./build.sh bench sweeps --quick                     20,000 rows; from 10,000 to 50,000: some minutes
    ./build.sh bench sweeps --only gigavector --sweep asks,duplicates --data clustered --rows 5000
    ./build.sh bench sweeps --sweep growth --sizes 10000,100000

asks         1, 10, 100 and 1,000 hits; queries that are like no row: recall at the setting of one who sets nothing
             (ours), or at an ef of 50 and no less than k (others)
duplicates   a tenth of the rows are equal to others; a hit counts if it is no farther than the last right one
turnovers    all rows deleted and added again, ten times: recall, reachable rows, memory, file. Ours alone
growth       at recall 0.95, from the sizes of the clustered set: distances measured and queries a second, seconds of
             building. Distances are counted for ours, by a program (bench_distances.c) on the file that was saved
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import bench_asks
import bench_turnovers
from bench_curve import at_recall, value_at_recall
from bench_data import ROOT, K, clustered
from bench_driver import TURN, Contender, Worker, built, native, sweep_all
from bench_indexes import EFS, INDEXES
from bench_run import chosen_data, chosen_names, facts, facts_of, finish, options_of

SWEEPS = ("asks", "duplicates", "turnovers", "growth")
NAMES = ("gigavector", "gigavector hybrid", "hnswlib")
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
QUICK_ROWS = 20_000
QUICK_SIZES = (10_000, 20_000, 50_000)
TARGET = 0.95
EASIER = 0.90  # at which queries a second are told, too
COUNTER = ROOT / "build" / "release" / "tests" / "bench" / "bench_distances"
Found = dict[str, Any]


def numbers(words: str) -> list[int]:
    return [int(word) for word in words.split(",")]


def graphs() -> list[str]:
    """The indexes with an ef or its like: those that can be asked at a default."""
    return [name for name, index in INDEXES.items() if index.sweep is EFS]


def contenders_for(folder: Path, options: argparse.Namespace) -> list[Contender]:
    """Each built once, on as many threads as it is searched after."""
    return [native(name, folder, quick=True) for name in options.only or NAMES]


def ask_all(able: list[Contender], names: list[str], passes: int) -> dict[str, Found]:
    """By ask and index: recall, setting, queries a second of the best pass."""
    found: dict[str, Found] = {name: {} for name in names}
    for _ in range(passes):
        for name in names:
            with TURN:
                for contender in able:
                    assert contender.worker
                    now = contender.worker.ask("ask", name=name)
                    now["qps"] = now.pop("queries") / (now.pop("cpu_seconds") or now["seconds"])
                    del now["seconds"]
                    kept = found[name].get(contender.name)
                    if kept is None or now["qps"] > kept["qps"]:
                        found[name][contender.name] = now
    return found


def print_asks(asks: dict[str, Found]) -> None:
    for name, by_index in asks.items():
        cells = [f"{index} {found['recall']:.4f} {found['qps']:>7,.0f}/s" for index, found in by_index.items()]
        print(f"  {name:12}" + "   ".join(cells), flush=True)


def asks_of(folder: Path, names: list[str], options: argparse.Namespace) -> Found:
    result = facts_of(folder)
    bench_asks.make(folder)
    with built(contenders_for(folder, options)) as (able, left_out):
        result["asks"] = ask_all(able, names, options.passes)
        result["builds"] = {c.name: c.result["build"][-1] for c in able}
    print_asks(result["asks"])
    return result | {"left_out": left_out}


def turned_over(folder: Path, name: str) -> dict[str, list[Found]]:
    """By order of the deletes: a graph at first, after one turnover, after ten."""
    contender = native(name, folder, quick=True)
    states = {}
    for order in bench_turnovers.ORDERS:
        worker = Worker(contender.command)
        with TURN:
            states[order] = worker.ask("turnovers", order=order, threads=2)["states"]
        worker.close()
        for state in states[order]:
            found = ", ".join(f"{recall:.4f} at ef {ef}" for ef, recall in state["recall"].items())
            print(
                f"  {name:18} {order:13} {state.get('turnovers', 0):>2} turnovers: {found}; {state['reachable']:,} of "
                f"{state['rows']:,} rows reachable, {state['memory_bytes'] / 2**20:.1f} MiB",
                flush=True,
            )
    return states


def run_set(folder: Path, options: argparse.Namespace) -> Found:
    """The asks of a set, what becomes of the plainest of them when rows are there twice, and graphs turned over."""
    plain = [f"own-{K}"]
    found = facts_of(folder)
    if {"asks", "duplicates"} & set(options.sweep):
        found = asks_of(folder, bench_asks.names_of(folder) if "asks" in options.sweep else plain, options)
    if "duplicates" in options.sweep:
        found["duplicates"] = asks_of(bench_asks.with_duplicates(folder), plain, options)
    if "turnovers" in options.sweep:
        names = [name for name in options.only or NAMES if name.startswith("gigavector")]
        found["turnovers"] = {name: turned_over(folder, name) for name in names}
    return found


# ---- growth ----


def counted(contender: Contender, folder: Path, scratch: Path) -> dict[str, float] | None:
    """Distances a query at the recall, of each sort; None where nobody counts."""
    if "gigavector" not in contender.name or not COUNTER.is_file():
        return None
    assert contender.worker
    path = scratch / contender.name.replace(" ", "-")
    contender.worker.ask("save", path=str(path))
    curve = contender.result["curve"]
    efs = [str(point["setting"]) for point in curve]
    said = subprocess.run([COUNTER, path, folder / "queries.npy", str(K), *efs], capture_output=True, text=True)
    path.unlink()
    if said.returncode:
        print(f"  {contender.name}: {said.stderr.strip()}")
        return None
    counts = json.loads(said.stdout)
    sorts = counts[efs[0]]
    return {
        sort: value_at_recall([(p["recall"], counts[str(p["setting"])][sort]) for p in curve], TARGET) for sort in sorts
    }


def grown_to(size: int, options: argparse.Namespace) -> Found:
    folder = clustered(size)
    result = facts_of(folder)
    contenders = contenders_for(folder, options)
    for contender in contenders:
        contender.enough = TARGET + 0.01
    with built(contenders) as (able, left_out), tempfile.TemporaryDirectory(prefix="gigavector-bench-") as scratch:
        sweep_all(able, min(options.passes, 3))
        indexes = {}
        for contender in able:
            build = contender.result["build"][-1]
            indexes[contender.name] = {
                "qps": at_recall(contender.result["curve"], TARGET),
                "qps_easier": at_recall(contender.result["curve"], EASIER),
                "distances": counted(contender, folder, Path(scratch)),
                "build_us": build["seconds"] / size * 1e6,
                "build_threads": build["threads"],
                "memory_bytes": contender.result["memory_bytes"],
            }
    for name, index in indexes.items():
        speed = f"{index['qps']:,.0f} queries a second" if index["qps"] else "never there"
        counts = ", ".join(f"{count:,.0f} {sort}" for sort, count in (index["distances"] or {}).items())
        print(f"  {name:26} {speed}, {index['build_us']:.0f} us a row to build{counts and ', ' + counts}", flush=True)
    return result | {"indexes": indexes, "left_out": left_out}


def main() -> int:
    parser = options_of("./build.sh bench sweeps", __doc__)
    parser.add_argument("--sweep", metavar="NAME,...", default=",".join(SWEEPS), help="default: " + ",".join(SWEEPS))
    parser.add_argument(
        "--sizes", metavar="ROWS,...", type=numbers, help=f"of growth; default {','.join(map(str, SIZES))}"
    )
    options = parser.parse_args()
    options.passes = options.passes or (2 if options.quick else 3)
    options.only = chosen_names(parser, options.only, graphs())
    options.sweep = options.sweep.split(",")
    if unknown := set(options.sweep) - set(SWEEPS):
        parser.error(f"no such sweep: {', '.join(unknown)}; there are {', '.join(SWEEPS)}")
    sizes = options.sizes or (QUICK_SIZES if options.quick else SIZES)

    head = facts("sweeps", options.passes)
    sets: list[Found] = []
    if {"asks", "duplicates", "turnovers"} & set(options.sweep):
        for make in chosen_data(parser, options, QUICK_ROWS if options.quick else None):
            sets.append(run_set(make(), options))
    growth = [grown_to(size, options) for size in sizes] if "growth" in options.sweep else []
    return finish(head, {"sets": sets, "growth": growth, "target": TARGET, "easier": EASIER}, [], options)


if __name__ == "__main__":
    sys.exit(main())
