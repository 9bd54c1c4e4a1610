"""Half of the rows deleted at random, against a graph of the other half."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from bench_curve import recall
from bench_data import DataSet, K, exact
from bench_index import GigaVector

EFS = (16, 50, 100)


def deletes(data: DataSet) -> dict[str, Any]:
    rng = np.random.default_rng(50)
    gone = np.sort(rng.permutation(len(data.base))[: len(data.base) // 2])
    left = np.setdiff1d(np.arange(len(data.base)), gone)
    truth = left[exact(data.base[left], data.queries, data.metric)]
    worn, fresh = GigaVector(), GigaVector()
    worn.build(data.base, data.metric, 1)
    start = time.perf_counter()
    worn.db.delete_vectors(gone.tolist())
    seconds = time.perf_counter() - start
    fresh.build(data.base[left], data.metric, 1)
    points = []
    for ef in EFS:
        worn.set(ef)
        fresh.set(ef)
        found = worn.search(data.queries)
        points.append(
            {
                "ef": ef,
                "deleted": recall(found, truth),
                "fresh": recall(left[fresh.search(data.queries)], truth),
                "short": int((found < 0).any(axis=1).sum()),  # queries with fewer than K hits
                "dead": int(np.isin(found, gone).sum()),  # hits that had been deleted
            }
        )
    return {"delete_us": seconds / len(gone) * 1e6, "k": K, "recall": points}
