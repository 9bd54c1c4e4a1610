"""The demo's database file: one row a package, with its name, section, description and installed size in KiB."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from gigavector import Database, DistanceType, IndexType

from packages import Package
from progress import progress

BATCH = 500  # rows a call: each call is one commit, whole or not at all


def write_database(path: Path, packages: list[Package], vectors: np.ndarray, source: str) -> None:
    """Write `path` anew. The note beside it comes last, so a note says that the file is complete."""
    for old in (_note(path), path):
        old.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        Database.open(path, dimension=vectors.shape[1], index=IndexType.HNSW, distance=DistanceType.COSINE) as db,
        progress("write database", len(packages), "row") as bar,
    ):
        for start in range(0, len(packages), BATCH):
            part = packages[start : start + BATCH]
            db.add_vectors(vectors[start : start + BATCH], metadata=[_metadata(package) for package in part])
            bar.update(len(part))
    scratch = path.with_name(path.name + ".part")
    scratch.write_text(json.dumps({"rows": len(packages), "source": source}) + "\n")
    os.replace(scratch, _note(path))


def read_note(path: Path) -> dict | None:
    """What was written to `path`: {"rows", "source"}; None if it is not there or not complete."""
    try:
        note = json.loads(_note(path).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return note if path.exists() and isinstance(note, dict) and "source" in note else None


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _metadata(package: Package) -> dict[str, str]:
    return {
        "package": package.name,
        "section": package.section,
        "description": package.summary,
        "size": str(package.size_kb),
    }
