"""The data sets of the benchmark, each a folder under build/bench-data that every worker reads, in whatever language.

clustered   generated here: uneven clusters of different spread, each a low-rank ellipsoid with some noise
debian384   real text embeddings, where a folder has them: base.npy or base.f16.npy, queries likewise, gt.npy

A folder holds base.npy and queries.npy (float32), truth.npy (int32 ids, the K nearest, nearest first) and meta.json.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "bench-data"
K = 10
FORM = 1  # of the folders: another number makes them anew


@dataclass
class DataSet:
    name: str
    metric: str  # "l2" or "cosine"
    base: np.ndarray
    queries: np.ndarray
    truth: np.ndarray  # [queries, K]: ids, nearest first


def exact(base: np.ndarray, queries: np.ndarray, metric: str) -> np.ndarray:
    """The K nearest rows: candidates by float32 matrix products, their order by float64."""
    wide = min(K + 30, len(base))
    squares = np.einsum("ij,ij->i", base, base)
    truth = np.empty((len(queries), K), np.int32)
    for start in range(0, len(queries), 100):
        some = queries[start : start + 100]
        distances = squares - 2 * (some @ base.T) if metric == "l2" else -(some @ base.T) / np.sqrt(squares)
        candidates = np.argpartition(distances, wide - 1, axis=1)[:, :wide]
        for i, ids in enumerate(candidates):
            rows, query = base[ids].astype(np.float64), some[i].astype(np.float64)
            if metric == "l2":
                precise = ((rows - query) ** 2).sum(1)
            else:
                precise = -(rows @ query) / np.linalg.norm(rows, axis=1)
            truth[start + i] = ids[np.lexsort((ids, precise))[:K]]
    return truth


def load(folder: Path) -> DataSet:
    meta = json.loads((folder / "meta.json").read_text())
    arrays = (np.load(folder / f"{stem}.npy") for stem in ("base", "queries", "truth"))
    return DataSet(folder.name, meta["metric"], *arrays)


def _is_ready(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / "meta.json").read_text())["form"] == FORM)
    except (OSError, ValueError, KeyError):
        return False


def _store(folder: Path, metric: str, base: np.ndarray, queries: np.ndarray, truth: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, array in (("base", base), ("queries", queries), ("truth", truth)):
        np.save(folder / f"{stem}.npy", array)
    meta = {"form": FORM, "metric": metric, "rows": len(base), "dimension": base.shape[1], "queries": len(queries)}
    (folder / "meta.json").write_text(json.dumps(meta) + "\n")  # last: a folder with it is whole
    return folder


def clustered(count: int, dimension: int = 128, query_count: int = 1000) -> Path:
    """Gaussian clusters of about a hundred rows, hard enough that a graph has to work for its recall."""
    folder = CACHE / f"clustered{dimension}-{count}"
    if _is_ready(folder):
        return folder
    rng = np.random.default_rng(128)
    rank, clusters, scale = 16, max(count // 100, 10), 1.95
    centres = rng.standard_normal((clusters, dimension), np.float32)
    axes = rng.standard_normal((clusters, rank, dimension), np.float32) / np.sqrt(np.float32(rank))
    spread = rng.uniform(0.3, 0.6, clusters).astype(np.float32)
    weight = rng.gamma(2.0, size=clusters)
    member = rng.choice(clusters, count + query_count, p=weight / weight.sum())
    rows = np.empty((count + query_count, dimension), np.float32)
    for start in range(0, len(rows), 10000):
        c = member[start : start + 10000]
        along = rng.standard_normal((len(c), rank), np.float32)
        noise = rng.standard_normal((len(c), dimension), np.float32)
        low = np.einsum("nr,nrd->nd", along, axes[c], optimize=True)
        rows[start : start + 10000] = centres[c] + scale * spread[c, None] * (low + scale / 2 * noise)
    base, queries = rows[:count], rows[count:]
    return _store(folder, "l2", base, queries, exact(base, queries, "l2"))


def _floats(folder: Path, stem: str) -> np.ndarray:
    for name in (f"{stem}.npy", f"{stem}.f16.npy"):
        if (folder / name).is_file():
            return np.ascontiguousarray(np.load(folder / name), np.float32)
    raise FileNotFoundError(f"{folder} has neither {stem}.npy nor {stem}.f16.npy")


def debian_source(wanted: str | None) -> Path | None:
    """Where debian384 lies: the folder asked for, $GV_DATA/debian384, or beside the project; None if nowhere."""
    folder = Path(wanted) if wanted else Path(os.environ.get("GV_DATA", ROOT.parent / "shared" / "data")) / "debian384"
    return folder if (folder / "gt.npy").is_file() else None


def debian(source: Path, count: int | None = None) -> Path:
    """All of debian384, or its first `count` rows with the exact answers among them."""
    folder = CACHE / ("debian384" if count is None else f"debian384-{count}")
    if _is_ready(folder):
        return folder
    base, queries = _floats(source, "base"), _floats(source, "queries")
    if count is None:
        return _store(folder, "cosine", base, queries, np.load(source / "gt.npy")[:, :K].astype(np.int32))
    return _store(folder, "cosine", base[:count], queries, exact(base[:count], queries, "cosine"))
