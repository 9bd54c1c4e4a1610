"""The data sets of the benchmark, each a folder under build/bench-data that every worker reads, in whatever language.

clustered   generated here: uneven clusters of different spread, each a low-rank ellipsoid with some noise
debian384   real text embeddings, where a folder has them: base.npy or base.f16.npy, queries likewise, gt.npy, and
            texts.jsonl.gz for their sections
demo384     what ./build.sh demo has embedded, where it has: package descriptions too, some held back as queries

A folder holds base.npy and queries.npy (float32), truth.npy (int32 ids, the K nearest, nearest first), labels.npy
(int32: the cluster or section of each row, for filters) and meta.json. What else is asked of a set lies beside them:
bench_asks.py, bench_filters.py.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "bench-data"
K = 10
FORM = 2  # of the folders: another number makes them anew
BLOCK = 64 << 20  # distances at once


@dataclass
class DataSet:
    name: str
    metric: str  # "l2" or "cosine"
    base: np.ndarray
    queries: np.ndarray
    truth: np.ndarray  # [queries, K]: ids, nearest first


def ranked(base: np.ndarray, ids: np.ndarray, query: np.ndarray, metric: str, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of some rows by float64, ties by id, and how far they are (squared, or the negated cosine)."""
    rows, query = base[ids].astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        precise = ((rows - query) ** 2).sum(1)
    else:
        precise = -(rows @ query) / (np.linalg.norm(rows, axis=1) * np.linalg.norm(query))
    order = np.lexsort((ids, precise))[:k]
    return ids[order], precise[order]


def rough(base: np.ndarray, squares: np.ndarray, queries: np.ndarray, metric: str) -> np.ndarray:
    """[queries, rows] that rank the rows of each query, by float32 matrix products."""
    if metric == "l2":
        return squares - 2 * (queries @ base.T)
    return -(queries @ base.T) / np.sqrt(squares)


def exact(base: np.ndarray, queries: np.ndarray, metric: str, k: int = K) -> np.ndarray:
    """The k nearest rows: candidates by float32 matrix products, their order by float64."""
    wide = min(k + 30, len(base))
    squares = np.einsum("ij,ij->i", base, base)
    truth = np.empty((len(queries), min(k, len(base))), np.int32)
    step = max(min(BLOCK // len(base), 100), 1)
    for start in range(0, len(queries), step):
        some = queries[start : start + step]
        distances = rough(base, squares, some, metric)
        for i, candidates in enumerate(np.argpartition(distances, wide - 1, axis=1)[:, :wide]):
            truth[start + i] = ranked(base, candidates, some[i], metric, k)[0]
    return truth


def load(folder: Path) -> DataSet:
    meta = json.loads((folder / "meta.json").read_text())
    arrays = (np.load(folder / f"{stem}.npy") for stem in ("base", "queries", "truth"))
    return DataSet(folder.name, meta["metric"], *arrays)


def is_ready(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / "meta.json").read_text())["form"] == FORM)
    except (OSError, ValueError, KeyError):
        return False


def store(
    folder: Path, metric: str, base: np.ndarray, queries: np.ndarray, truth: np.ndarray, labels: np.ndarray
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.np[yz]"):
        old.unlink()  # of an earlier form, asks and filters too
    arrays = {"base": base, "queries": queries, "truth": truth, "labels": labels.astype(np.int32)}
    for stem, array in arrays.items():
        np.save(folder / f"{stem}.npy", array)
    meta = {"form": FORM, "metric": metric, "rows": len(base), "dimension": base.shape[1], "queries": len(queries)}
    (folder / "meta.json").write_text(json.dumps(meta) + "\n")  # last: a folder with it is whole
    return folder


def clustered(count: int, dimension: int = 128, query_count: int = 1000) -> Path:
    """Gaussian clusters of about a hundred rows, hard enough that a graph has to work for its recall."""
    folder = CACHE / f"clustered{dimension}-{count}"
    if is_ready(folder):
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
    return store(folder, "l2", base, queries, exact(base, queries, "l2"), member[:count])


def _numbered(names: list[str]) -> np.ndarray:
    return np.unique(names, return_inverse=True)[1]


# ---- texts: embeddings that somebody has made ----


def _stored(folder: Path, stem: str) -> np.ndarray:
    for name in (f"{stem}.npy", f"{stem}.f16.npy"):
        if (folder / name).is_file():
            return np.load(folder / name, mmap_mode="r")
    raise FileNotFoundError(f"{folder} has neither {stem}.npy nor {stem}.f16.npy")


def _floats(folder: Path, stem: str) -> np.ndarray:
    return np.ascontiguousarray(_stored(folder, stem), np.float32)


def _sections(folder: Path, count: int) -> np.ndarray:
    """Of each row, by number; all in one where there are no texts."""
    try:
        with gzip.open(folder / "texts.jsonl.gz", "rt") as lines:
            names = [json.loads(line)["section"] for line, _ in zip(lines, range(count), strict=False)]
    except (OSError, KeyError, ValueError):
        names = []
    return _numbered(names) if len(names) == count else np.zeros(count, np.int32)


def debian_source(wanted: str | None) -> Path | None:
    """Where debian384 lies: the folder asked for, $GV_DATA/debian384, or beside the project; None if nowhere."""
    folder = Path(wanted) if wanted else Path(os.environ.get("GV_DATA", ROOT.parent / "shared" / "data")) / "debian384"
    return folder if (folder / "gt.npy").is_file() else None


def debian(source: Path, most: int | None = None) -> Path:
    """All of debian384, or its first rows with the exact answers among them."""
    every = len(_stored(source, "base"))
    count = min(most or every, every)
    folder = CACHE / ("debian384" if count == every else f"debian384-{count}")
    if is_ready(folder):
        return folder
    base, queries = _floats(source, "base")[:count], _floats(source, "queries")
    if count == every:
        truth = np.load(source / "gt.npy")[:, :K].astype(np.int32)
    else:
        truth = exact(base, queries, "cosine")
    return store(folder, "cosine", base, queries, truth, _sections(source, count))


def demo_source() -> Path | None:
    """The largest database that ./build.sh demo has left; None if it has not run."""
    found = (ROOT / ".cache" / "demo").glob("packages-*.gv")
    return max(found, key=lambda path: path.stat().st_size, default=None)


def demo(source: Path, most: int | None = None, query_count: int = 1000) -> Path:
    """The demo's rows in another order, the last of them (no more than a tenth) as queries."""
    from gigavector import Database

    with Database.open(source, read_only=True) as db:
        rows = [db.get(id) for id in range(len(db))]
    left = len(rows) - min(query_count, len(rows) // 10)
    count = min(most or left, left)
    folder = CACHE / f"demo384-{count}"
    if is_ready(folder):
        return folder
    order = np.random.default_rng(384).permutation(len(rows))
    vectors = np.array([rows[i].data for i in order], np.float32)
    labels = _numbered([rows[i].metadata["section"] for i in order[:count]])
    base, queries = vectors[:count], vectors[left:]
    return store(folder, "cosine", base, queries, exact(base, queries, "cosine"), labels)
