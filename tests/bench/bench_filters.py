"""Filters over a data set: how many rows pass, and whether the query knows them.

A column puts every row in a group, or in none: of a tenth of the rows each, say. Three kinds of filter ask for groups:

random      groups drawn at random
near        groups of rows that lie together (sections of Debian, clusters); the query's nearest row is in the one asked
far         the same columns, but a group at the other end from the query's own

Groups that lie together are runs of one long line of rows: labels side by side where their means are near, rows within
a label likewise. So a run is a few labels, or a part of one where few rows pass. What comes out is filters.npz beside
the data: the place of each row in both lines and, of each filter, its queries, their groups and the exact answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench_data import DataSet, K, load, ranked, rough

RATES = (0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.9)
KINDS = ("random", "near", "far")
CHOSEN = 200  # queries asked of a filter, at most
LEAF = 16  # rows that need no order among them
BLOCK = 10
FILE = "filters.npz"


@dataclass
class Filter:
    kind: str
    rate: float
    queries: np.ndarray  # which of the set's
    groups: np.ndarray  # one a query
    truth: np.ndarray  # [queries, K], -1 where fewer pass

    @property
    def line(self) -> str:
        return "random" if self.kind == "random" else "near"

    @property
    def column(self) -> str:
        return f"{self.line}-{self.rate:g}"


def size_of(rows: int, rate: float) -> int:
    return max(round(rows * rate), 1)


def groups_of(places: np.ndarray, rate: float) -> np.ndarray:
    """The group of each row by its place in the line; -1 for those left over behind the last whole group."""
    size = size_of(len(places), rate)
    groups = places // size
    return np.where(groups < len(places) // size, groups, -1).astype(np.int32)


# ---- the line of rows that lie together ----


def _axis(points: np.ndarray) -> np.ndarray:
    """Roughly the direction in which they differ most: some rounds of the power method."""
    centred = points - points.mean(0)
    direction = centred[np.argmax((centred**2).sum(1))]
    for _ in range(5):
        direction = (centred @ direction) @ centred
        direction /= np.linalg.norm(direction) or 1
    return direction


def lined_up(points: np.ndarray, leaf: int) -> np.ndarray:
    """An order in which neighbours are near: halved along the widest direction, the halves likewise."""
    order, open_ = np.arange(len(points)), [(0, len(points))]
    while open_:
        start, end = open_.pop()
        if end - start <= leaf:
            continue
        part = order[start:end]
        order[start:end] = part[np.argsort(points[part] @ _axis(points[part]), kind="stable")]
        middle = (start + end) // 2
        open_ += [(start, middle), (middle, end)]
    return order


def line(data: DataSet, labels: np.ndarray) -> np.ndarray:
    """The rows' ids, label by label."""
    by_label = np.argsort(labels, kind="stable")
    parts = np.split(by_label, np.flatnonzero(np.diff(labels[by_label])) + 1)
    means = np.array([data.base[part].mean(0) for part in parts])
    return np.concatenate([parts[i][lined_up(data.base[parts[i]], LEAF)] for i in lined_up(means, 1)])


# ---- who is asked what ----


def _asked(kind: str, rate: float, homes: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The queries of a filter and the group that each asks for, `homes` being the row where each is at home."""
    rows = len(places)
    count = rows // size_of(rows, rate)
    groups = groups_of(places, rate)[homes]
    if kind == "far":
        groups = (groups + count // 2) % count if count > 1 else -1 - groups  # all but a few pass: ask those few
    queries = np.flatnonzero((groups >= 0) & (groups < count))[:CHOSEN]
    return queries, groups[queries]


def _answers(data: DataSet, order: dict[str, np.ndarray], filters: list[Filter]) -> None:
    squares = np.einsum("ij,ij->i", data.base, data.base)
    for start in range(0, max(int(f.queries.max(initial=0)) for f in filters) + 1, BLOCK):
        some = data.queries[start : start + BLOCK]
        distances = rough(data.base, squares, some, data.metric)
        for chosen in filters:
            size = size_of(len(data.base), chosen.rate)
            for place in np.flatnonzero((chosen.queries >= start) & (chosen.queries < start + BLOCK)):
                group, query = int(chosen.groups[place]), int(chosen.queries[place]) - start
                rows = order[chosen.line][group * size : (group + 1) * size]
                if len(rows) > K + 30:
                    rows = rows[np.argpartition(distances[query][rows], K + 29)[: K + 30]]
                ids = ranked(data.base, rows, some[query], data.metric, K)[0]
                chosen.truth[place, : len(ids)] = ids


def make(folder: Path) -> None:
    """Writes the file where it is not there yet."""
    if (folder / FILE).is_file():
        return
    data, labels = load(folder), np.load(folder / "labels.npy")
    rng = np.random.default_rng(5)
    order = {"random": rng.permutation(len(data.base)), "near": line(data, labels)}
    places = {name: np.argsort(ids, kind="stable").astype(np.int32) for name, ids in order.items()}
    homes = {"random": rng.integers(len(data.base), size=len(data.queries)), "near": data.truth[:, 0]}
    filters = []
    for kind in KINDS:
        for rate in RATES:
            name = "random" if kind == "random" else "near"
            queries, groups = _asked(kind, rate, homes[name], places[name])
            filters.append(Filter(kind, rate, queries, groups, np.full((len(queries), K), -1, np.int32)))
    _answers(data, order, filters)
    arrays = {f"places-{name}": array for name, array in places.items()}
    for chosen in filters:
        for part in ("queries", "groups", "truth"):
            arrays[f"{chosen.kind}-{chosen.rate:g}-{part}"] = getattr(chosen, part)
    np.savez(folder / FILE, **arrays)


class Filters:
    """What make() wrote, read again."""

    def __init__(self, folder: Path) -> None:
        with np.load(folder / FILE) as file:
            self._places = {name: file[f"places-{name}"] for name in ("random", "near")}
            self.all = [
                Filter(kind, rate, *(file[f"{kind}-{rate:g}-{part}"] for part in ("queries", "groups", "truth")))
                for kind in KINDS
                for rate in RATES
            ]

    def columns(self) -> dict[str, np.ndarray]:
        return {f"{name}-{rate:g}": groups_of(places, rate) for name, places in self._places.items() for rate in RATES}

    def groups(self, chosen: Filter) -> np.ndarray:
        """Of every row."""
        return groups_of(self._places[chosen.line], chosen.rate)
