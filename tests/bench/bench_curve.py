"""Recall, and speed at a recall: the arithmetic of the benchmark."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Curve = list[dict[str, Any]]  # points with "setting", "recall" and "qps"


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    pairs = zip(found, truth, strict=True)
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / len(b) for a, b in pairs]))


def front(curve: Curve) -> Curve:
    """The points that no other one beats in both recall and speed, by rising recall."""
    best: Curve = []
    for point in sorted(curve, key=lambda p: (-p["recall"], -p["qps"])):
        if not best or point["qps"] > best[-1]["qps"]:
            best.append(point)
    return best[::-1]


def at_recall(curve: Curve, target: float) -> float | None:
    """Queries a second at a recall, on a straight line between the logarithms of the two nearest settings."""
    points = front(curve)
    above = [p for p in points if p["recall"] >= target]
    below = [p for p in points if p["recall"] < target]
    if not above:
        return None
    a, b = (below or above)[-1 if below else 0], above[0]
    if a is b:
        return float(b["qps"])
    part = (target - a["recall"]) / (b["recall"] - a["recall"])
    return math.exp(math.log(a["qps"]) * (1 - part) + math.log(b["qps"]) * part)


def value_at_recall(points: list[tuple[float, float]], target: float) -> float | None:
    """What (recall, count) points give at a recall, on a line between the two nearest; None if out of reach."""
    points = sorted(points)
    for (low, below), (high, above) in zip(points, points[1:], strict=False):
        if low < target <= high:
            return below + (above - below) * (target - low) / (high - low)
    return points[0][1] if points[0][0] >= target else None


def working_point(curve: Curve, target: float) -> dict[str, Any]:
    """The fastest setting that reaches the recall; the best there is where none does."""
    able = [p for p in curve if p["recall"] >= target]
    return max(able, key=lambda p: p["qps"]) if able else max(curve, key=lambda p: p["recall"])
