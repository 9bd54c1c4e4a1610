"""Texts to unit vectors of 384 components, with the vectors of texts seen before kept on disk.

Each text is run alone, on one thread, and several threads take texts at the same time. This is three times as fast as
batches on a shared pool of threads, needs no padding, and makes a vector depend on nothing but its own text.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import minilm
from progress import progress

SAVE_EVERY = 5000  # texts; a run that is killed loses at most so many


class Embedder:
    """`folder` keeps the model and the vectors; the model is made there on first use."""

    def __init__(self, folder: Path) -> None:
        model, vocabulary = minilm.ensure_model(folder)
        self._session = minilm.session(model)
        self._tokenizer = minilm.tokenizer(vocabulary)
        self._cache = folder / f"vectors-{minilm.NAME}.npz"

    def embed(self, text: str) -> np.ndarray:
        """The vector of one text, float32 [384]."""
        return minilm.run(self._session, self._tokenizer.encode(text).ids)

    def embed_all(self, texts: list[str]) -> np.ndarray:
        """The vectors of `texts`, float32 [len(texts), 384]; only those not in the cache are computed."""
        known = self._load()
        keys = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]
        missing = {key: text for key, text in zip(keys, texts) if key not in known}
        work = list(missing.items())
        with (
            progress("embed texts", len(work), "text") as bar,
            ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool,
        ):
            for start in range(0, len(work), SAVE_EVERY):
                part = work[start : start + SAVE_EVERY]
                try:
                    for (key, _), vector in zip(part, pool.map(self.embed, [text for _, text in part])):
                        known[key] = vector
                        bar.update()
                finally:  # ^C keeps what is there, too
                    self._save(known)
        return np.array([known[key] for key in keys], np.float32).reshape(-1, minilm.DIMENSION)

    def _load(self) -> dict[str, np.ndarray]:
        try:
            with np.load(self._cache) as file:
                return dict(zip(file["keys"].tolist(), file["vectors"]))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            print(f"embedding all texts again, since the vectors kept do not load: {error}", flush=True)
            return {}

    def _save(self, vectors: dict[str, np.ndarray]) -> None:
        scratch = self._cache.with_suffix(f".{os.getpid()}.part.npz")
        np.savez(scratch, keys=np.array(list(vectors)), vectors=np.array(list(vectors.values()), np.float32))
        os.replace(scratch, self._cache)
