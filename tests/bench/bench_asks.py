"""What else is asked of a data set: other numbers of hits, queries of another kind, rows that are there twice.

own-K       200 of the set's own queries, K hits: 1, 10, 100, 1,000
normal      normal vectors with the mean and the spread of each component: where no cluster is
between     the mean of two random rows: between the clusters
An ask is an .npz beside the data: queries, k, truth [queries, k], and `limits`, the distance of the last right hit. A
hit is right if it is no farther than that, so that of equal rows any will do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench_data import CACHE, DataSet, K, exact, is_ready, load, ranked, store

KS = (1, 10, 100, 1000)
QUERIES = 200
STRANGE = ("normal", "between")
SLACK = 1e-6  # of a distance, for the float32 of those who scale rows to unit length


@dataclass
class Ask:
    name: str
    k: int
    queries: np.ndarray
    limits: np.ndarray  # float64 [queries]


def names_of(folder: Path) -> list[str]:
    rows = json.loads((folder / "meta.json").read_text())["rows"]
    return [f"own-{k}" for k in KS if k <= rows] + list(STRANGE)


def _strange(kind: str, base: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(77)
    if kind == "normal":
        some = base[rng.integers(len(base), size=min(len(base), 100_000))]
        noise = rng.standard_normal((QUERIES, base.shape[1]))
        return (some.mean(0) + some.std(0) * noise).astype(np.float32)
    pairs = base[rng.integers(len(base), size=(QUERIES, 2))]
    return pairs.mean(1).astype(np.float32)


def _limits(data: DataSet, queries: np.ndarray, truth: np.ndarray) -> np.ndarray:
    last = [ranked(data.base, truth[i, -1:], query, data.metric, 1)[1][0] for i, query in enumerate(queries)]
    return np.array(last, np.float64)


def _make_one(folder: Path, name: str) -> None:
    data = load(folder)
    if name in STRANGE:
        k, queries = K, _strange(name, data.base)
    else:
        k, queries = int(name.split("-")[1]), data.queries[:QUERIES]
    truth = exact(data.base, queries, data.metric, k)
    np.savez(folder / f"ask-{name}.npz", queries=queries, k=k, limits=_limits(data, queries, truth))


def make(folder: Path) -> None:
    """All asks of a set, each where it is not there yet."""
    for name in names_of(folder):
        if not (folder / f"ask-{name}.npz").is_file():
            _make_one(folder, name)


def load_ask(folder: Path, name: str) -> Ask:
    with np.load(folder / f"ask-{name}.npz") as file:
        return Ask(name, int(file["k"]), file["queries"], file["limits"])


def recall_within(data: DataSet, ask: Ask, found: np.ndarray) -> float:
    """The share of hits that are no farther than the last right one; the same row twice is one hit."""
    right = 0
    for query, ids, limit in zip(ask.queries, found, ask.limits, strict=True):
        ids = np.unique(ids[ids >= 0])
        far = ranked(data.base, ids, query, data.metric, ask.k)[1]
        right += int((far <= limit + SLACK * abs(limit)).sum())
    return right / (len(found) * ask.k)


def with_duplicates(folder: Path, share: float = 0.1) -> Path:
    """The same set, some of its rows made equal to others."""
    twin = CACHE / f"{folder.name}-duplicates"
    if is_ready(twin):
        return twin
    data = load(folder)
    rng = np.random.default_rng(10)
    order = rng.permutation(len(data.base))
    copies = int(len(order) * share)
    data.base[order[:copies]] = data.base[rng.choice(order[copies:], copies)]
    labels = np.load(folder / "labels.npy")
    return store(twin, data.metric, data.base, data.queries, exact(data.base, data.queries, data.metric), labels)
