"""What the page loads, written into one folder: the database twice, the model, its tokenizer, the map and a note on all.

The texts, the model and the vectors are those of python/demo, and are kept where it keeps them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "python" / "demo"))

from gigavector import Database, DistanceType, HNSWConfig, IndexType  # noqa: E402

import minilm  # noqa: E402
from embedder import Embedder  # noqa: E402
from packages import NoPackages, Package, choose, distribution, read_packages  # noqa: E402
from progress import progress  # noqa: E402

FORMAT = 3  # raise when what is written changes, so that no stale folder is used
BATCH = 500
DETAILS = 280  # characters of the description's first paragraph that the page shows
PROBES = ("play chess", "Which program edits photos with layers and brushes?", "a web server that proxies http")


def metadata(package: Package) -> dict[str, str]:
    row = {
        "package": package.name,
        "section": package.section,
        "description": package.summary,
        "size": str(package.size_kb),
    }
    if package.details:
        row["details"] = shorten(package.details)
    return row


def shorten(text: str) -> str:
    return text if len(text) <= DETAILS else text[:DETAILS].rpartition(" ")[0] + " …"


def write_database(path: Path, packages: list[Package], vectors: np.ndarray, binary: bool) -> None:
    path.unlink(missing_ok=True)
    hnsw = HNSWConfig(use_binary_quant=binary)
    options = {"distance": DistanceType.COSINE, "hnsw_config": hnsw, "storage": "int8"}  # half of what a page would wait for
    with (
        Database.open(path, vectors.shape[1], IndexType.HNSW, **options) as db,
        progress("write " + path.name, len(packages), "row") as bar,
    ):
        for start in range(0, len(packages), BATCH):
            part = packages[start : start + BATCH]
            db.add_vectors(vectors[start : start + BATCH], metadata=[metadata(package) for package in part])
            bar.update(len(part))


def write_map(path: Path, vectors: np.ndarray) -> None:
    """Two coordinates a row, u16 from 0 to 65535: neighbours in 384 dimensions are neighbours on the map (t-SNE)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    with progress("draw map", 1, "map") as bar:
        few = PCA(min(30, *vectors.shape), random_state=1).fit_transform(vectors)
        layout = TSNE(
            perplexity=min(20, (len(few) - 1) / 3), max_iter=500, angle=0.7, random_state=1, n_jobs=-1
        ).fit_transform(few)
        bar.update()
    # The outermost thousandth is drawn on the edge, so that a few strays do not make all the rest small.
    low, high = np.quantile(layout, [0.001, 0.999], axis=0)
    share = np.clip((layout - low) / np.maximum(high - low, 1e-9), 0, 1)
    path.write_bytes(np.round(share * 65535).astype("<u2").tobytes())


def build(out: Path, cache: Path, rows: int) -> None:
    about_path = out / "about.json"
    asked = {"format": FORMAT, "rows_asked": rows, "model": minilm.NAME}
    try:
        about = json.loads(about_path.read_text())
        if all(about.get(key) == value for key, value in asked.items()):
            print(f"{out}: {about['rows']:,} rows are there already", flush=True)
            return
    except (FileNotFoundError, ValueError):
        pass
    out.mkdir(parents=True, exist_ok=True)
    about_path.unlink(missing_ok=True)

    embedder = Embedder(cache / "model")
    packages = choose(read_packages(cache / "apt"), rows)
    vectors = embedder.embed_all([package.text for package in packages])
    write_database(out / "packages.gv", packages, vectors, binary=False)
    write_database(out / "packages-binary.gv", packages, vectors, binary=True)
    write_map(out / "map.bin", vectors)
    shutil.copyfile(cache / "model" / f"{minilm.NAME}.onnx", out / "model.onnx")
    shutil.copyfile(cache / "model" / "tokenizer.json", out / "tokenizer.json")
    about = {
        **asked,
        "rows": len(packages),
        "dimension": vectors.shape[1],
        "max_tokens": minilm.MAX_TOKENS,
        "source": distribution(),
        "files": {path.name: path.stat().st_size for path in sorted(out.iterdir()) if path.suffix != ".json"},
        "probes": [{"text": text, "vector": embedder.embed(text).round(5).tolist()} for text in PROBES],
    }
    scratch = about_path.with_suffix(".part")
    scratch.write_text(json.dumps(about) + "\n")
    os.replace(scratch, about_path)  # last, so it says that the folder is complete


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, metavar="N", help="how many packages (default 20000)")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--cache", type=Path, default=PROJECT / ".cache" / "demo", help="as of python/demo/run.py")
    options = parser.parse_args()
    try:
        build(options.out, options.cache, options.rows)
    except NoPackages as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
