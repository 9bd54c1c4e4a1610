"""Distances apart from the library: float32 NumPy in the canonical order of sums; and the notations of numbers."""

from __future__ import annotations

import math

import numpy as np

F32 = np.float32
MASK = (1 << 64) - 1


def canonical_sum(terms: np.ndarray) -> np.ndarray:
    """Sum float32 [rows, n] along rows: element i to partial i mod 32, then folded by halves."""
    rows, n = terms.shape
    padded = np.zeros((rows, -(-n // 32) * 32), F32)
    padded[:, :n] = terms
    partial = np.zeros((rows, 32), F32)
    for block in range(0, padded.shape[1], 32):
        partial = partial + padded[:, block : block + 32]
    for half in (16, 8, 4, 2, 1):
        partial = partial[:, :half] + partial[:, half : 2 * half]
    return partial[:, 0]


def distances(metric: str, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The float32 distance of `query[n]` to each of `rows[m, n]`."""
    assert query.dtype == F32 and rows.dtype == F32
    with np.errstate(over="ignore", under="ignore", invalid="raise"):
        if metric == "manhattan":
            return canonical_sum(np.abs(query - rows))
        if metric == "euclidean":
            difference = query - rows
            return np.sqrt(canonical_sum(difference * difference))
        dot = canonical_sum(query * rows)
        if metric == "dot_product":
            return F32(0) - dot  # 0 - x and not -x: a dot of 0 gives +0
        norms = canonical_sum(rows * rows)
        norm = canonical_sum((query * query)[None, :])[0]
        zero = (norms == 0) | (norm == 0)
        product = np.where(zero, 1.0, np.float64(norm) * norms.astype(np.float64))
        cosine = (dot.astype(np.float64) / np.sqrt(product)).astype(F32)
        return np.where(zero, F32(1), np.clip(F32(1) - cosine, F32(0), F32(2)))


def stored(storage: str, vector: np.ndarray) -> np.ndarray:
    """The float32 that a stored vector stands for."""
    if storage == "f16":
        return vector.astype(np.float16).astype(F32)
    high = np.abs(vector).max()
    bits = int((high / F32(127)).view(np.uint32))
    scale = max(np.uint32((bits + 255) & ~255).view(F32), F32(2.0**-126))  # 16 significant bits, rounded up
    level = (vector / scale).astype(F32)
    return (np.trunc(level + np.copysign(F32(0.5), level)) + F32(0)).astype(F32) * scale


def lcg(seed: int, low: int, high: int, scale: float = 1, **more) -> dict:
    """A generator as README.md describes; `rows` and `dim` by keyword."""
    assert math.frexp(scale)[0] == 0.5 and low <= high
    return {"lcg": seed, "low": low, "high": high, **({} if scale == 1 else {"scale": scale}), **more}


def expand(spec, dimension: int) -> np.ndarray:
    """The float32 array of a vector or of rows in the notation of the cases."""
    if isinstance(spec, list):
        if spec and isinstance(spec[0], (list, dict)):
            return np.stack([expand(row, dimension) for row in spec])
        with np.errstate(over="ignore", under="ignore"):
            return np.array([float(x) for x in spec], np.float64).astype(F32)
    dimension = spec.get("dim", dimension)
    if "fill" in spec:
        return np.full(dimension, float(spec["fill"]), F32)
    count = spec.get("rows", 1) * dimension
    x, out = spec["lcg"], np.empty(count, F32)
    for i in range(count):
        x = (x * 6364136223846793005 + 1442695040888963407) & MASK
        out[i] = (spec["low"] + (x >> 33) % (spec["high"] - spec["low"] + 1)) * spec.get("scale", 1)
    return out.reshape(-1, dimension) if "rows" in spec else out


def write_distance(metric: str, value: np.float32):
    """The shortest of the notations that gives these bits: a number, "sqrt(n)", or eight hexadecimal digits."""
    as_number = float(value)
    if math.isfinite(as_number) and len(f"{as_number:g}") <= 7 and float(f"{as_number:g}") == as_number:
        return int(as_number) if as_number.is_integer() else as_number
    if metric == "euclidean" and math.isfinite(as_number):
        square = round(as_number * as_number, 4)
        if len(f"{square:g}") <= 7 and float(f"{square:g}") == square and F32(math.sqrt(square)) == value:
            return f"sqrt({square:g})"
    return f"{value.view(np.uint32):08x}"


def distance_value(written) -> float:
    """The other direction."""
    if not isinstance(written, str):
        return float(written)
    if written.startswith("sqrt("):
        return float(F32(math.sqrt(float(written[5:-1]))))
    return float(np.uint32(int(written, 16)).view(F32))
