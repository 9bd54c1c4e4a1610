"""Cases about sparse rows: exact hits by both metrics, through changes, from log and file; and what is refused."""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np

from canonical import MASK, write_distance
from case import MAIN, Case

DIMENSION = 100000


def dot(a: dict, b: dict) -> np.float64:
    """In order of the indices, in f64; no term is rounded, since f32 products are exact there."""
    sum = np.float64(0)
    there = dict(zip(b["indices"], b["values"], strict=True))
    for index, value in zip(a["indices"], a["values"], strict=True):
        if index in there:
            product = Fraction(value) * Fraction(there[index])
            assert Fraction(float(product)) == product
            sum = sum + np.float64(float(product))
    return sum


def distance(metric: str, a: dict, b: dict) -> np.float32:
    product = np.float32(dot(a, b))
    if metric == "dot_product":
        return np.float32(0) - product
    norms = np.float64(np.float32(dot(a, a))) * np.float64(np.float32(dot(b, b)))
    if norms == 0:
        return np.float32(1)
    return np.clip(np.float32(1) - np.float32(np.float64(product) / np.sqrt(norms)), np.float32(0), np.float32(2))


class SparseCase(Case):
    """Rows are {indices, values}, which every target takes where it takes a vector."""

    def _vector(self, spec):
        return spec

    def _insert(self, vector, metadata):
        self.state.rows[self.state.next_id] = (vector, dict(metadata))
        self.state.next_id += 1

    def _nearest(self, query, k, distance_name, filter, where):
        metric = distance_name or self.state.distance
        found = sorted((distance(metric, query, self.state.rows[id][0]), id) for id in self.state.matching(filter, where))
        return [[id, write_distance(metric, far)] for far, id in found[:k]]

    def get(self, id, **more):
        raise NotImplementedError("a case cannot say what pairs a row has: its hits do")


class Words:
    """Rows that share few common indices and many rare ones, by a generator of integers."""

    def __init__(self, seed: int):
        self.state = seed

    def draw(self, below: int) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 33) % below

    def row(self, most: int = 12, negative: bool = False) -> dict:
        indices = sorted({self.draw(DIMENSION >> (self.draw(5) * 4)) for _ in range(self.draw(most + 1))})
        values = [(self.draw(1 << 20) + 1) * 2.0**-16 * (-1 if negative and self.draw(3) == 0 else 1) for _ in indices]
        return {"indices": indices, "values": values}


def life():
    for metric in ("dot_product", "cosine"):
        for negative in (False, True):
            words = Words(71 + negative)
            kind = "signed" if negative else "positive"
            case = SparseCase(
                f"sparse_{metric}_{kind}",
                f"SPARSE with {metric}, {kind} values: hits and bits while rows come, change and go, from log and file.",
                path=MAIN,
                dimension=DIMENSION,
                index="sparse",
                distance=metric,
            )
            for i in range(90):
                case.add(words.row(negative=negative), {"parity": "odd" if i % 2 else "even"})
            queries = [words.row(negative=negative) for _ in range(4)]
            ask = lambda: [case.search(query, k) for query, k in zip(queries, (1, 7, 10, 200), strict=True)]  # noqa: B023, E731
            ask()
            case.search(queries[1], 9, filter="parity == 'odd'", where=lambda meta: meta["parity"] == "odd")
            case.search(queries[2], 9, distance="cosine" if metric == "dot_product" else "dot_product")
            for id in range(0, 60, 5):
                case.delete(id)
            for id in range(1, 60, 7):
                if id % 5:
                    case.update_vector(id, words.row(negative=negative))
            ask()
            case.reopen(checkpoint_on_close=False)
            ask()
            for _ in range(12):
                case.add(words.row(negative=negative))
            case.reopen()
            ask()
            case.compact()
            ask()
            case.save()
            case.check()
            case.count()
            yield case


def refusals():
    case = SparseCase("sparse_errors", "SPARSE: what no row can be is refused and changes nothing.", dimension=100, index="sparse")
    case.state.distance = "dot_product"
    bad = "GV_ERR_ARGUMENT"
    row = {"indices": [3, 50], "values": [1.5, -2.0]}
    case.add(row)
    for indices, says in (([3, 3], "index 3 comes behind 3"), ([50, 3], "index 3 comes behind 50"), ([3, 100], "index 100 is not below")):
        wrong = {"indices": indices, "values": [1.0, 1.0]}
        case.add(wrong, error=bad, message_has=says)
        case.update_vector(0, wrong, error=bad, message_has=says)
        case.search(wrong, 1, error=bad, message_has=says)
    case.add({"indices": [3], "values": ["inf"]}, error=bad, message_has="the value at index 3 is infinite")
    case.update_vector(1, row, error="GV_ERR_NOT_FOUND")
    case.search(row, 0, error=bad)
    case.search(row, 1, distance="euclidean", error="GV_ERR_UNSUPPORTED")
    case.search(copy.deepcopy(row), 5)
    case.search({"indices": [], "values": []}, 5)
    case.count()
    case.check()
    yield case


GROUPS = (life, refusals)
