"""The contenders that run in Node and in Chromium: the workers are in js/ and speak as bench_worker.py does."""

from __future__ import annotations

from pathlib import Path

from bench_driver import HERE, Contender
from bench_indexes import EFS

GRAPHS = tuple(ef for ef in EFS if ef <= 400)
HOSTS = {
    host: ("gigavector", "gigavector hybrid", "gigavector flat", "hnswlib-wasm", "edgevec", "plain loop")
    for host in ("node", "chromium")
}
HOSTS["chromium"] = (*HOSTS["chromium"], "gigavector simd128")


def in_host(host: str, name: str, folder: Path) -> Contender:
    command = ["node", str(HERE / "js" / f"{host}_worker.mjs"), name, str(folder)]
    sweep = (None,) if "flat" in name or "loop" in name else GRAPHS
    contender = Contender(f"{host} {name}", command, sweep, (1,))
    contender.opens_in_place = True
    return contender
