"""All rows deleted and added again, ten times over, a tenth at a time: oldest first, or at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from bench_curve import recall
from bench_data import DataSet
from bench_index import GigaVector

EFS = (16, 50, 100)
ORDERS = ("oldest first", "at random")
TURNOVERS = 10
PARTS = 10
TOLD = (0, 1, TURNOVERS)  # after so many


def _state(index: GigaVector, data: DataSet, row_of: np.ndarray) -> dict[str, Any]:
    report = index.db.check()
    found = {}
    for ef in EFS:
        index.set(ef)
        found[str(ef)] = recall(row_of[index.search(data.queries)], data.truth)
    return {
        "recall": found,
        "rows": report.rows,
        "reachable": report.reachable,
        "faults": report.faults,
        "memory_bytes": index.memory_bytes(),
        "file_bytes": len(index.db.to_bytes()),
    }


def turnovers(index: GigaVector, data: DataSet, order: str, threads: int) -> list[dict[str, Any]]:
    """How the index is at first and after one and ten turnovers."""
    rng = np.random.default_rng(10)
    index.build(data.base, data.metric, threads)
    row_of = ids = np.arange(len(data.base))  # by id: which row of the set it is; those that are there, oldest first
    states = [_state(index, data, row_of)]
    for turn in range(1, TURNOVERS + 1):
        for _ in range(PARTS):
            count = len(ids) // PARTS
            places = np.arange(count) if order == ORDERS[0] else rng.choice(len(ids), count, replace=False)
            rows = row_of[ids[places]]
            index.db.delete_vectors(ids[places].tolist())
            new = index.db.add_vectors(data.base[rows])
            ids = np.concatenate([np.delete(ids, places), np.asarray(new, ids.dtype)])
            row_of = np.concatenate([row_of, rows])
        if turn in TOLD:
            states.append({"turnovers": turn, **_state(index, data, row_of)})
    return states
