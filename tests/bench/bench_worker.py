"""One native index in a process of its own, so that its memory is its own: asked and answering in lines of JSON.

    python bench_worker.py NAME FOLDER      an index of bench_indexes.py over a data set of bench_data.py

{"do": "build", "threads": 1}               -> seconds, cpu_seconds, memory_bytes (counted, or resident at rest),
                                               grown_bytes (resident, as the build leaves it)
{"do": "search", "setting": 50}             -> seconds, cpu_seconds, recall, queries: all in one call, on one thread
{"do": "single", "setting": 50}             -> p50_us, p99_us: one query a call
{"do": "save", "path": "..."}               -> seconds, bytes
{"do": "open", "path": "...", "setting": 50, "mapped": false}
                                            -> seconds, first_ms, first_100_ms: of so many queries, and their recall
{"do": "ask", "name": "own-100"}            -> an ask of bench_asks.py: recall, seconds, setting
{"do": "filtered", "number": 3}             -> a filter of bench_filters.py: recall, qps; built with "filters": true
{"do": "inserts", "path": "..."}            -> p50_us, p99_us of single rows added to a saved file
{"do": "deletes"}                           -> what bench_deletes.py found
{"do": "turnovers", "order": "at random", "threads": 2}
                                            -> what bench_turnovers.py found, of an index of its own

A failure is answered by {"error": sentence}. js/ has the same for Node and Chromium.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench_measure
import numpy as np
from bench_asks import load_ask
from bench_curve import recall
from bench_data import load
from bench_filters import Filters
from bench_index import GigaVector
from bench_indexes import INDEXES

AT_LEAST = 0.1  # seconds that a setting is timed for

clock = time.perf_counter


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = clock()
    result = call()
    return clock() - start, result


def resident_bytes(at_rest: bool) -> int:
    """What this process has in memory; at rest: once freed blocks of the heap have been given back."""
    gc.collect()
    try:
        if at_rest:
            ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        pass  # not glibc
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def bytes_on_disk(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def settled(setting: Any) -> Any:
    return tuple(setting) if isinstance(setting, list) else setting


class Worker:
    def __init__(self, name: str, folder: Path) -> None:
        self.index = INDEXES[name]()
        self.folder, self.data = folder, load(folder)
        self.filters: Filters | None = None
        if self.index.unit and self.data.metric == "cosine":
            for rows in (self.data.base, self.data.queries):
                rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    def _warm_up(self, threads: int) -> None:
        """A small index of another object: neither imports nor the library's own pages are counted afterwards."""
        type(self.index)().build(self.data.base[:1000], self.data.metric, threads)

    def build(self, threads: int, filters: bool = False) -> dict[str, Any]:
        self._warm_up(threads)
        if filters:
            self.filters = Filters(self.folder)
            self.index.know(self.filters.columns())
        before, cpu = resident_bytes(True), time.process_time()
        seconds, _ = timed(lambda: self.index.build(self.data.base, self.data.metric, threads))
        cpu = time.process_time() - cpu
        grown, rest = (resident_bytes(at_rest) - before for at_rest in (False, True))
        counted = self.index.memory_bytes()
        memory = rest if counted is None else counted
        return {"seconds": seconds, "cpu_seconds": cpu, "memory_bytes": memory, "grown_bytes": grown}

    def search(self, setting: Any) -> dict[str, Any]:
        """The mean of passes that fill AT_LEAST seconds, after one that brings back what other processes pushed out of
        caches: a quick index would be timed for little else."""
        self.index.set(settled(setting))
        found = self.index.search(self.data.queries)
        start, cpu = clock(), time.process_time()
        passes, spent = 0, 0.0
        while spent < AT_LEAST:
            self.index.search(self.data.queries)
            passes += 1
            spent = clock() - start
        cpu = time.process_time() - cpu
        right = recall(found, self.data.truth)
        return {"seconds": spent / passes, "cpu_seconds": cpu / passes, "recall": right, "queries": len(found)}

    def single(self, setting: Any) -> dict[str, Any]:
        self.index.set(settled(setting))
        times = [timed(lambda query=query: self.index.one(query))[0] for query in self.data.queries]
        p50, p99 = np.percentile(times, (50, 99)) * 1e6
        return {"p50_us": float(p50), "p99_us": float(p99)}

    def save(self, path: str) -> dict[str, Any]:
        seconds, _ = timed(lambda: self.index.save(Path(path)))
        return {"seconds": seconds, "bytes": bytes_on_disk(Path(path))}

    def open(self, path: str, setting: Any, mapped: bool) -> dict[str, Any]:
        self._warm_up(1)
        open_it = self.index.open_mapped if mapped else self.index.open
        seconds, _ = timed(lambda: open_it(Path(path), self.data.base.shape[1], self.data.metric))
        self.index.set(settled(setting))
        first, one = timed(lambda: self.index.one(self.data.queries[0]))
        rest, others = timed(lambda: [self.index.one(query) for query in self.data.queries[1:100]])
        found = recall(np.array([one, *others]), self.data.truth[: 1 + len(others)])
        return {"seconds": seconds, "first_ms": first * 1e3, "first_100_ms": (first + rest) * 1e3, "recall": found}

    def ask(self, name: str) -> dict[str, Any]:
        return bench_measure.asked(self.index, self.data, load_ask(self.folder, name))

    def filtered(self, number: int) -> dict[str, Any]:
        assert self.filters
        return bench_measure.filtered(self.index, self.data, self.filters, number)

    def inserts(self, path: str) -> dict[str, Any]:
        assert isinstance(self.index, GigaVector)
        return bench_measure.inserts(self.index, self.data, Path(path))

    def deletes(self) -> dict[str, Any]:
        from bench_deletes import deletes

        return deletes(self.data)

    def turnovers(self, order: str, threads: int) -> dict[str, Any]:
        from bench_turnovers import turnovers

        index = type(self.index)()
        assert isinstance(index, GigaVector)
        return {"states": turnovers(index, self.data, order, threads)}

    def version(self) -> dict[str, Any]:
        package = self.index.package
        if package:
            return {"version": importlib.metadata.version(package)}
        import gigavector

        return {"version": gigavector.__version__}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is not an answer
    worker: Worker | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            worker = worker or Worker(sys.argv[1], Path(sys.argv[2]))
            answer = getattr(worker, request.pop("do"))(**request)
        except ModuleNotFoundError as error:
            answer = {"error": f"{error.name} is not installed"}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
