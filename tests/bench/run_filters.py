"""Searches with a filter: recall, speed and full counts of hits, from one row in a thousand that passes to nine in ten.

    ./build.sh bench filters                    100,000 clustered rows, and texts where there are some: minutes
    ./build.sh bench filters --quick --rows 5000 --data clustered

bench_filters.py says what the three kinds are: random, near, far. All at the setting of one who sets nothing (ours) or
an ef of 50 (others), one query a call. Ours is given (key, value) and finds the rows itself; hnswlib calls Python back
for every row it meets, which is all its package offers; faiss is given a bitmap made beforehand, which is not timed;
"faiss flat" with it is a plain scan of the rows that pass. The promise: 10 hits, or as many as rows pass.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import bench_filters
from bench_driver import TURN, Contender, built, native
from bench_filters import KINDS, RATES, Filters
from bench_gate import Judged, judge_filters
from bench_indexes import INDEXES
from bench_run import chosen_data, chosen_names, facts, facts_of, finish, options_of

NAMES = ("gigavector", "gigavector hybrid", "hnswlib", "faiss hnsw", "faiss flat")
QUICK_ROWS = 20_000


def able_to_filter() -> list[str]:
    return [name for name, index in INDEXES.items() if index.filters]


def ask_all(able: list[Contender], filters: Filters, passes: int) -> list[dict[str, Any]]:
    """Of each filter what every index answered, the fastest pass."""
    found = [{"kind": f.kind, "rate": f.rate, "queries": len(f.queries), "indexes": {}} for f in filters.all]
    for _ in range(passes):
        for number, line in enumerate(found):
            with TURN:
                for contender in able:
                    assert contender.worker
                    now = contender.worker.ask("filtered", number=number)
                    kept = line["indexes"].get(contender.name)
                    if now["queries"] and (kept is None or now["qps"] > kept["qps"]):
                        line["indexes"][contender.name] = now
    return found


def print_filters(found: list[dict[str, Any]], names: list[str]) -> None:
    print("  recall, queries a second      " + "".join(f"{name:>22}" for name in names))
    for line in found:
        cells = []
        for name in names:
            one = line["indexes"].get(name)
            cells.append(f"{one['recall']:.4f} {one['qps']:>8,.0f}" if one else "-")
        print(f"  {line['kind']:8} {line['rate']:6.1%} of rows pass" + "".join(f"{cell:>22}" for cell in cells))


def run_set(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    result = facts_of(folder)
    bench_filters.make(folder)
    contenders = [native(name, folder, quick=True) for name in options.only or NAMES]
    for contender in contenders:
        contender.build_options = {"filters": True}
    with built(contenders) as (able, left_out):
        result["filters"] = ask_all(able, Filters(folder), options.passes)
        names = [contender.name for contender in able]
    print_filters(result["filters"], names)
    return result | {"left_out": left_out}


def main() -> int:
    parser = options_of("./build.sh bench filters", __doc__)
    options = parser.parse_args()
    options.passes = options.passes or (1 if options.quick else 3)
    options.only = chosen_names(parser, options.only, able_to_filter())
    head = facts("filters", options.passes)
    sets: list[dict[str, Any]] = []
    judged: Judged = []
    for make in chosen_data(parser, options, QUICK_ROWS if options.quick else None):
        sets.append(run_set(make(), options))
        judged += judge_filters(sets[-1])
    return finish(head, {"sets": sets, "kinds": KINDS, "rates": RATES}, judged, options)


if __name__ == "__main__":
    sys.exit(main())
