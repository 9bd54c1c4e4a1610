"""KDTREE beside SciPy's cKDTree, in one process, on one thread: queries a second, building, opening.

Both answer the same queries on the same rows, by turns; each figure is the best of three. Rows are uniform in a cube, the
hardest there is for a tree at a given dimension. SciPy's answers are of f64 and may order near ties otherwise: ids are
compared with those of FLAT, which must be equal to the last one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import numpy as np
from gigavector import Database, IndexType
from scipy.spatial import cKDTree


def seconds(call, times: int = 3) -> float:
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def measure(rows: np.ndarray, queries: np.ndarray, k: int) -> str:
    dimension = rows.shape[1]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.gv")
        with Database.open(path, dimension, IndexType.KDTREE, threads=1) as db:
            build = seconds(lambda: db.add_vectors(rows), 1)
        opened = []
        start = time.perf_counter()
        opened.append(Database.open(path, threads=1))
        opening = time.perf_counter() - start
        with opened[0] as db, Database.open(None, dimension, IndexType.FLAT) as flat:
            flat.add_vectors(rows)
            peer_build = seconds(lambda: cKDTree(rows, leafsize=16), 1)
            peer = cKDTree(rows, leafsize=16)
            ids, _ = db.knn_query(queries, k)
            exact, _ = flat.knn_query(queries, k)
            assert np.array_equal(ids, exact), "KDTREE and FLAT differ"
            ours = theirs = float("inf")
            for _ in range(3):
                ours = min(ours, seconds(lambda: db.knn_query(queries, k), 1))
                theirs = min(theirs, seconds(lambda: peer.query(queries, k, workers=1), 1))
    n = len(queries)
    return (
        f"| {dimension} | {n / ours:,.0f} | {n / theirs:,.0f} | {theirs / ours:.2f} | {build:.2f} | {peer_build:.2f} "
        f"| {opening:.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 3, 8, 16])
    arguments = parser.parse_args()
    print(f"{arguments.rows:,} rows, k = {arguments.k}, one thread, batches of {arguments.queries}\n")
    print("| d | KDTREE, queries/s | cKDTree | ratio | add, s | cKDTree built, s | opened, s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for dimension in arguments.dimensions:
        rng = np.random.default_rng(dimension)
        rows = rng.random((arguments.rows, dimension), dtype=np.float32)
        print(measure(rows, rng.random((arguments.queries, dimension), dtype=np.float32), arguments.k), flush=True)


if __name__ == "__main__":
    main()
