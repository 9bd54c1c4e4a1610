"""SPARSE beside SciPy's product of a CSR matrix, in one process, on one thread: queries a second over the tf-idf of Debian's descriptions.

A query is a whole description, or five of its words, drawn anew by a fixed seed. Both answer all of them by turns; each figure is the
best of three. SciPy is asked in the quicker of two ways: the matrix by a dense query, and the ten greatest by argpartition. Distances are compared.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from gigavector import Database, DistanceType, IndexType
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python" / "demo"))

from packages import NoPackages, read_packages  # noqa: E402

Query = tuple[np.ndarray, np.ndarray]  # indices, values


def queries_of(matrix: csr_array, count: int, words: int | None) -> list[Query]:
    rng = np.random.default_rng(1)
    found: list[Query] = []
    while len(found) < count:
        row = int(rng.integers(matrix.shape[0]))
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        indices, values = matrix.indices[part], matrix.data[part]
        if words is not None and len(indices) >= words:
            chosen = np.sort(rng.permutation(len(indices))[:words])
            indices, values = indices[chosen], values[chosen]
        if len(indices) > 0:
            found.append((indices, values))
    return found


def by_scipy(matrix: csr_array, query: Query, k: int) -> np.ndarray:
    whole = np.zeros(matrix.shape[1], np.float32)
    whole[query[0]] = query[1]
    products = matrix @ whole
    best = np.argpartition(-products, k)[:k]
    return np.sort(products[best])[::-1]


def by_us(db: Database, query: Query, k: int) -> np.ndarray:
    hits = db.search_sparse(*query, k, with_vectors=False, with_metadata=False)
    return -np.array([hit.distance for hit in hits])


def seconds(call, queries: list[Query]) -> float:
    start = time.perf_counter()
    for query in queries:
        call(query)
    return time.perf_counter() - start


def measure(name: str, db: Database, matrix: csr_array, queries: list[Query], k: int) -> str:
    for query in queries[:50]:
        np.testing.assert_allclose(by_us(db, query, k), by_scipy(matrix, query, k), atol=1e-5)
    ours = theirs = float("inf")
    for _ in range(3):
        ours = min(ours, seconds(lambda query: by_us(db, query, k), queries))
        theirs = min(theirs, seconds(lambda query: by_scipy(matrix, query, k), queries))
    n = len(queries)
    return f"| {name} | {n / ours:,.0f} | {n / theirs:,.0f} | {theirs / ours:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--rows", type=int, help="of the descriptions (default: all)")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            texts = [package.text for package in read_packages(Path(folder))][: arguments.rows]
    except NoPackages as missing:
        raise SystemExit(f"no descriptions: {missing}") from None
    matrix = csr_array(TfidfVectorizer(dtype=np.float32).fit_transform(texts))
    matrix.sort_indices()
    with tempfile.TemporaryDirectory() as folder:
        compare(f"{folder}/words.gv", matrix, arguments)


def compare(path: str, matrix: csr_array, arguments: argparse.Namespace) -> None:
    with Database.open(path, matrix.shape[1], IndexType.SPARSE, DistanceType.DOT_PRODUCT) as db:
        start = time.perf_counter()
        db.add_sparse_vectors(matrix)
        added = time.perf_counter() - start
    start = time.perf_counter()
    with Database.open(path) as db:
        opened = time.perf_counter() - start
        rows, words = matrix.shape
        print(f"{rows:,} rows of {words:,} words, {matrix.nnz / rows:.1f} each, k = {arguments.k}, one thread, one query a call")
        print(f"opened in {opened / added:.2f} of the time of adding; {db.get_memory_usage() / matrix.nnz:.1f} bytes a pair\n")
        print("| query | SPARSE, queries/s | SciPy | ratio |")
        print("| --- | ---: | ---: | ---: |")
        for name, count in (("a whole description", None), ("five words of one", 5), ("two words of one", 2)):
            print(measure(name, db, matrix, queries_of(matrix, arguments.queries, count), arguments.k), flush=True)


if __name__ == "__main__":
    main()
