"""What a worker measures beside the plain search: asks, filters, single insertions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_asks import Ask, recall_within
from bench_data import DataSet, K
from bench_filters import Filter, Filters
from bench_index import GigaVector, Index

PATIENCE = 6.0  # seconds of one filter after which no more queries are asked
INSERTS = 1000


def asked(index: Index, data: DataSet, ask: Ask) -> dict[str, Any]:
    """All queries of an ask in one call, at the setting of one who sets nothing."""
    setting = index.default(ask.k)
    index.set(setting)
    start, cpu = time.perf_counter(), time.process_time()
    found = index.search(ask.queries, ask.k)
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
    right = recall_within(data, ask, np.asarray(found))
    return {"setting": setting, "recall": right, "cpu_seconds": cpu, "seconds": seconds, "queries": len(found)}


def _filters_made(index: Index, filters: Filters, chosen: Filter) -> list[tuple[Any, int]]:
    """For each query what its index takes as a filter (one a group), and how many rows pass."""
    groups = filters.groups(chosen)
    made: dict[int, tuple[Any, int]] = {}
    for group in np.unique(chosen.groups).tolist():
        passes = groups == group
        made[group] = index.filter_of(chosen.column, group, passes), int(passes.sum())
    return [made[group] for group in chosen.groups.tolist()]


def filtered(index: Index, data: DataSet, filters: Filters, number: int) -> dict[str, Any]:
    """One query a call, each with its filter; making the filter is not timed where an index takes a made one."""
    chosen = filters.all[number]
    index.set(index.default(K))
    made = _filters_made(index, filters, chosen)
    times, right, short = [], [], 0
    start = time.perf_counter()
    for place, (of_set, (what, passing)) in enumerate(zip(chosen.queries.tolist(), made, strict=True)):
        query = data.queries[of_set]
        due = min(K, passing)  # hnswlib fails if asked for more
        cpu = time.process_time()
        found = index.one_filtered(query, due, what)
        times.append(time.process_time() - cpu)
        ids = {int(id) for id in found if id >= 0}
        right.append(len(ids & set(chosen.truth[place, :due].tolist())) / due)
        short += len(ids) < due
        if time.perf_counter() - start > PATIENCE:
            break
    if not times:
        return {"queries": 0}
    return {
        "queries": len(times),
        "recall": float(np.mean(right)),
        "qps": len(times) / sum(times),
        "p50_us": float(np.percentile(times, 50) * 1e6),
        "short": short,
    }


def inserts(index: GigaVector, data: DataSet, path: Path) -> dict[str, Any]:
    """The queries as new rows, one a call, into the file that was saved before."""
    index.open_to_write(path)
    times = []
    for row in data.queries[:INSERTS]:
        start = time.perf_counter()
        index.insert(row)
        times.append(time.perf_counter() - start)
    p50, p99 = np.percentile(times, (50, 99)) * 1e6
    return {"p50_us": float(p50), "p99_us": float(p99), "count": len(times)}
