"""Recall and speed of the graph beside hnswlib's, in one process and one run, on one thread.

    ./build.sh bench                          both data sets, where debian384 is to be had
    ./build.sh bench --data clustered --rows 20000
    ./build.sh bench --gate                   exit 1 where a promise is broken

The promises: recall@10 (M 16, ef_construction 200) no more than 0.005 below hnswlib's at ef 16, 50 and 100; at recall
0.95 at least its queries a second; after deleting half the rows, k hits for every query and recall no more than 0.02
below a fresh build's; a FLAT index finds everything. Passes of the two alternate, since the speed of a shared machine
does not stay: compare ratios, not numbers.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from bench_data import DataSet, K, clustered, debian, debian_folder, exact
from bench_indexes import GigaVector, Hnswlib, machine

SWEEP = (10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320)
COMPARED = (16, 50, 100)
clock = time.perf_counter


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = clock()
    result = call()
    return clock() - start, result


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / K for a, b in zip(found, truth, strict=True)]))


def at_recall(curve: list[dict[str, float]], target: float) -> float | None:
    """Queries a second at a recall, on a straight line between the logarithms of the two nearest settings."""
    below = [p for p in curve if p["recall"] < target]
    above = [p for p in curve if p["recall"] >= target]
    if not above:
        return None
    b = min(above, key=lambda p: p["recall"])
    if not below:
        return b["qps"]
    a = max(below, key=lambda p: p["recall"])
    part = (target - a["recall"]) / (b["recall"] - a["recall"])
    return math.exp(math.log(a["qps"]) * (1 - part) + math.log(b["qps"]) * part)


def sweep(data: DataSet, indexes: list[Any], passes: int) -> dict[str, list[dict[str, float]]]:
    curves: dict[str, list[dict[str, float]]] = {index.name: [] for index in indexes}
    for ef in SWEEP:
        seconds = {index.name: math.inf for index in indexes}
        found = {}
        for _ in range(passes):
            for index in indexes:
                took, found[index.name] = timed(lambda index=index: index.search(data.queries, ef))
                seconds[index.name] = min(seconds[index.name], took)
        for name, curve in curves.items():
            qps = len(data.queries) / seconds[name]
            curve.append({"ef": ef, "recall": recall(found[name], data.truth), "qps": qps})
    return curves


def compare(data: DataSet, passes: int) -> tuple[dict[str, Any], list[str]]:
    indexes = [GigaVector(), Hnswlib()]
    result: dict[str, Any] = {"data": data.name, "rows": len(data.base), "dimension": data.base.shape[1]}
    for index in indexes:
        took, _ = timed(lambda index=index: index.build(data.base, data.metric))
        size = index.memory_bytes() / len(data.base)
        result[index.name] = {"build_s": took, "bytes_a_row": size}
        print(f"  {index.name:11} built in {took:6.1f} s, {size:.0f} bytes a row", flush=True)
    curves = sweep(data, indexes, passes)
    ours, theirs = curves["gigavector"], curves["hnswlib"]
    print("  ef      recall              queries a second\n          ours     hnswlib    ours    hnswlib")
    for a, b in zip(ours, theirs, strict=True):
        print(f"  {a['ef']:3d}     {a['recall']:.4f}   {b['recall']:.4f}   {a['qps']:7.0f}   {b['qps']:7.0f}")
    broken = [
        f"{data.name}: recall {a['recall']:.4f} at ef {a['ef']}, hnswlib's is {b['recall']:.4f}"
        for a, b in zip(ours, theirs, strict=True)
        if a["ef"] in COMPARED and a["recall"] < b["recall"] - 0.005
    ]
    speed = {name: at_recall(curve, 0.95) for name, curve in curves.items()}
    for name, curve in curves.items():
        result[name] |= {"curve": curve, "qps_at_0.95": speed[name]}
    mine, other = speed["gigavector"], speed["hnswlib"]
    print(f"  at recall 0.95: {mine and round(mine)} and {other and round(other)} queries a second")
    if mine is None or (other is not None and mine < other):
        broken.append(f"{data.name}: {mine} queries a second at recall 0.95, hnswlib {other}")
    return result, broken


def deletes(data: DataSet) -> tuple[dict[str, Any], list[str]]:
    """Half of the rows deleted at random, against a graph of the other half."""
    rng = np.random.default_rng(50)
    gone = np.sort(rng.permutation(len(data.base))[: len(data.base) // 2])
    left = np.setdiff1d(np.arange(len(data.base)), gone)
    truth = left[exact(data.base[left], data.queries, data.metric)]
    worn, fresh = GigaVector(), GigaVector()
    added, _ = timed(lambda: worn.build(data.base, data.metric))
    took, _ = timed(lambda: worn.delete(gone))
    fresh.build(data.base[left], data.metric)
    print(f"  an insertion took {added / len(data.base) * 1e6:.0f} us, a deletion {took / len(gone) * 1e6:.0f} us")
    result: dict[str, Any] = {"data": data.name, "delete_us": took / len(gone) * 1e6, "recall": []}
    broken = []
    for ef in COMPARED:
        found = worn.search(data.queries, ef)
        if (found < 0).any() or np.isin(found, gone).any():
            broken.append(f"{data.name}: after deletes, not {K} live hits for every query at ef {ef}")
        a, b = recall(found, truth), recall(left[fresh.search(data.queries, ef)], truth)
        print(f"  half deleted, ef {ef:3d}: recall {a:.4f}, fresh {b:.4f}", flush=True)
        result["recall"].append({"ef": ef, "deleted": a, "fresh": b})
        if a < b - 0.02:
            broken.append(f"{data.name}: recall {a:.4f} after deletes at ef {ef}, fresh {b:.4f}")
    return result, broken


def flat(data: DataSet) -> tuple[dict[str, Any], list[str]]:
    index = GigaVector("FLAT")
    index.build(data.base, data.metric)
    took, found = timed(lambda: index.search(data.queries[:200], K))
    right = recall(found, data.truth[:200])
    print(f"  FLAT: recall {right:.4f}, {200 / took:.0f} queries a second")
    broken = [] if right > 0.9995 else [f"{data.name}: recall {right:.4f} of FLAT"]  # truth may differ in a tie
    return {"data": data.name, "flat_recall": right, "flat_qps": 200 / took}, broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("all", "clustered", "debian"), default="all")
    parser.add_argument("--debian", metavar="FOLDER", help="where debian384 lies; default: $GV_DATA/debian384")
    parser.add_argument("--rows", type=int, default=100_000, help="of the clustered set")
    parser.add_argument("--mode", choices=("all", "search", "deletes", "flat"), default="all")
    parser.add_argument("--passes", type=int, default=5, help="of each setting; the best counts")
    parser.add_argument("--gate", action="store_true", help="exit 1 where a promise is broken")
    parser.add_argument("--json", metavar="FILE", help="append the results, a line each")
    options = parser.parse_args()

    sets: list[Callable[[], DataSet]] = []
    folder = debian_folder(options.debian)
    if options.data != "clustered" and folder:
        sets.append(lambda: debian(folder))
    elif options.data == "debian" or options.debian:
        parser.error("debian384 is nowhere to be found: name its folder with --debian")
    if options.data != "debian":
        sets.append(lambda: clustered(options.rows))
    print(machine())
    broken: list[str] = []
    for make in sets:
        data = make()
        print(f"{data.name}: {len(data.base)} rows of {data.base.shape[1]}, {data.metric}", flush=True)
        parts = {"search": lambda d: compare(d, options.passes), "deletes": deletes, "flat": flat}
        for mode, part in parts.items():
            if options.mode not in ("all", mode):
                continue
            result, faults = part(data)
            broken += faults
            if options.json:
                with open(options.json, "a") as f:
                    print(json.dumps({"machine": machine(), "mode": mode, **result}), file=f)
    for line in broken:
        print(f"broken promise: {line}")
    if not broken:
        print("every promise is kept")
    return 1 if broken and options.gate else 0


if __name__ == "__main__":
    sys.exit(main())
