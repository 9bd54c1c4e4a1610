"""What the bindings add to a search: the time of a call from Python less that of the same call inside C.

    ./build.sh bench overhead [--gate]

On a FLAT database of 16 rows of 384 components, where the search itself is next to nothing. Times are of the
processor, the best of several passes. The promises: a `knn_query` of one query under 5 us, `search` with 10 hits, their
vectors and metadata under 15 us (`--gate`: exit 1 if not).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gigavector
import numpy as np
from gigavector import Database, IndexType

DIMENSION, ROWS, K = 384, 16, 10
QUERIES = (1, 10, 1000)
PASSES = 15
PROGRAM = Path(__file__).resolve().parents[2] / "build" / "release" / "tests" / "bench" / "bench_calls"
clock = time.process_time


def cost_us(call: Callable[[], Any], rounds: int) -> float:
    best = float("inf")
    for _ in range(PASSES):
        start = clock()
        for _ in range(rounds):
            call()
        best = min(best, (clock() - start) / rounds)
    return best * 1e6


def inside_c() -> dict[str, float]:
    sizes = [str(number) for number in (DIMENSION, ROWS, K, *QUERIES)]
    printed = subprocess.run([PROGRAM, *sizes], check=True, capture_output=True, text=True).stdout
    return {name: nanoseconds / 1000 for name, nanoseconds in json.loads(printed).items()}


def use(hits: list[gigavector.SearchHit]) -> None:
    for hit in hits:
        _ = hit.id, hit.distance, hit.vector.data, hit.vector.metadata


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gate", action="store_true", help="exit 1 where a promise is broken")
    gate = parser.parse_args().gate
    rng = np.random.default_rng(1)
    core = inside_c()
    lines: list[tuple[str, float, float, float]] = []
    with Database.open(None, DIMENSION, IndexType.FLAT) as db:
        for row in rng.random((ROWS, DIMENSION), dtype=np.float32):
            db.add_vector(row, {"title": "A title of some length", "lang": "en"})
        for count in QUERIES:
            queries = rng.random((count, DIMENSION), dtype=np.float32)
            took = cost_us(lambda queries=queries: db.knn_query(queries, K), 2000 // count + 1)
            lines.append((f"knn_query, {count} queries", took, core[str(count)], 5 if count == 1 else float("inf")))
        one = queries[0]
        took = cost_us(lambda: db.knn_query(one, K), 2000)
        lines.append(("knn_query, a single vector", took, core["1"], 5))
        for what, call, most in (
            ("search", lambda: db.search(one, K), 15.0),
            ("search, every hit's contents used", lambda: use(db.search(one, K)), float("inf")),
            ("search without either", lambda: db.search(one, K, with_vectors=False, with_metadata=False), 15.0),
        ):
            lines.append((what, cost_us(call, 1000), core["rows"], most))
    print(f"{'us a call':36} Python    in C   added    share")
    broken = False
    for what, took, inside, most in lines:
        broken |= took - inside > most
        mark = f"   more than {most:g}" if took - inside > most else ""
        print(f"{what:36} {took:6.2f}  {inside:6.2f}  {took - inside:6.2f}   {1 - inside / took:5.0%}{mark}")
    return 1 if broken and gate else 0


if __name__ == "__main__":
    sys.exit(main())
