"""Drives workers: all alive at once, asked in turn, so that what disturbs the machine disturbs them alike.

$GV_BENCH_LOCK names a file to lock around each build and each pass, where several programs take turns at measuring.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from bench_curve import Curve, at_recall, working_point
from bench_indexes import INDEXES

HERE = Path(__file__).resolve().parent
TARGETS = (0.90, 0.95, 0.99)
ENOUGH = 0.995  # recall at which a sweep ends, but not before the settings that the promises name
LAST_PROMISED = 100
SLOW = 6.0  # seconds of one batch after which a sweep ends


class WorkerError(Exception):
    """What a worker answered, or that it died."""


class Turn:
    """The lock on $GV_BENCH_LOCK: kept from one piece of work to the next, but given back after a while."""

    SECONDS = 60.0

    def __init__(self) -> None:
        self._file: IO[str] | None = None
        self._since = 0.0

    def __enter__(self) -> None:
        path = os.environ.get("GV_BENCH_LOCK")
        if path and not self._file:
            import fcntl

            self._file = open(path, "a")
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        if time.monotonic() - self._since > self.SECONDS:
            self.end()

    def end(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


TURN = Turn()


class Worker:
    """A process that answers each line of JSON by one."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self._said = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            cwd=HERE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", **environment},
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        try:
            print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            pass
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._said.seek(0)
            tail = self._said.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise WorkerError(f"the process ended with {code}: {tail[0]}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def close(self) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._said.close()


class Contender:
    """An index in a run: how its worker is started, and what was found."""

    def __init__(self, name: str, command: list[str], sweep: tuple[Any, ...], threads: tuple[int, ...]) -> None:
        self.name, self.command, self.threads = name, command, threads
        self.sweep: list[Any] = list(sweep)
        self.result: dict[str, Any] = {"build": []}
        self.best: dict[int, dict[str, Any]] = {}  # by place in the sweep
        self.worker: Worker | None = None
        self.enough = ENOUGH
        self.build_options: dict[str, Any] = {}
        self.by_clock = False  # even where CPU time is known: beside others of which it is not
        self.opens_in_place = False  # what it saved, in the process that did: a page's disk is nobody else's

    def build(self) -> None:
        """With each number of threads, in a new process each; the last one stays."""
        for threads in self.threads:
            if self.worker:
                self.worker.close()
            self.worker = Worker(self.command, OMP_NUM_THREADS=str(threads))
            self.result |= self.worker.ask("version")
            with TURN:
                built = self.worker.ask("build", threads=threads, **self.build_options)
            for key in ("memory_bytes", "grown_bytes"):
                self.result[key] = built.pop(key)
            self.result["build"].append({"threads": threads, **built})

    def search(self, place: int, first: bool) -> None:
        assert self.worker
        setting = self.sweep[place]
        found = self.worker.ask("search", setting=setting)
        kept = self.best.setdefault(place, {"setting": setting, "recall": found["recall"], "seconds": math.inf})
        # Of the process's CPU where it is known: what else runs on the machine takes the clock's time, not that one.
        cpu = None if self.by_clock else found.get("cpu_seconds")
        kept["seconds"] = min(kept["seconds"], cpu or found["seconds"])
        kept["clock_seconds"] = min(kept.get("clock_seconds", math.inf), found["seconds"])
        kept["qps"] = found["queries"] / kept["seconds"]
        kept["clock_qps"] = found["queries"] / kept["clock_seconds"]
        if first and self._is_enough(setting, found):
            del self.sweep[place + 1 :]

    def _is_enough(self, setting: Any, found: dict[str, Any]) -> bool:
        good = isinstance(setting, int) and setting >= LAST_PROMISED and found["recall"] >= self.enough
        return good or found["seconds"] > SLOW

    def curve(self) -> Curve:
        return [{k: v for k, v in self.best[i].items() if "seconds" not in k} for i in sorted(self.best)]


def native(name: str, folder: Path, quick: bool) -> Contender:
    index = INDEXES[name]
    command = [sys.executable, str(HERE / "bench_worker.py"), name, str(folder)]
    return Contender(name, command, index.sweep, index.threads[-1:] if quick else index.threads)


def build_all(contenders: list[Contender]) -> tuple[list[Contender], dict[str, str]]:
    """Those that could be built, and why the others could not."""
    able, left_out = [], {}
    for contender in contenders:
        try:
            contender.build()
        except WorkerError as error:
            left_out[contender.name] = str(error)
            print(f"  {contender.name:26} left out: {error}", flush=True)
            if contender.worker:
                contender.worker.close()
            continue
        able.append(contender)
        times = ", ".join(f"{b['seconds']:.1f} s on {b['threads']}" for b in contender.result["build"])
        print(f"  {contender.name:26} built in {times}; {contender.result['memory_bytes'] / 2**20:.0f} MiB", flush=True)
    return able, left_out


def sweep_all(contenders: list[Contender], passes: int) -> None:
    """All settings of all, pass after pass; the best time of each setting counts."""
    for number in range(passes):
        order = contenders if number % 2 == 0 else contenders[::-1]
        for place in range(max(len(c.sweep) for c in contenders)):
            with TURN:
                for contender in order:
                    if place < len(contender.sweep):
                        contender.search(place, first=number == 0)
    for contender in contenders:
        curve = contender.curve()
        speeds = {f"{target:.2f}": at_recall(curve, target) for target in TARGETS}
        contender.result |= {"curve": curve, "qps_at": speeds}


def single_calls(contenders: list[Contender], passes: int) -> None:
    """Latency of one query a call, at the fastest setting that reaches 0.95."""
    points = {c.name: working_point(c.result["curve"], 0.95) for c in contenders}
    best: dict[str, dict[str, Any]] = {}
    for _ in range(passes):
        with TURN:
            for contender in contenders:
                assert contender.worker
                now = contender.worker.ask("single", setting=points[contender.name]["setting"])
                if contender.name not in best or now["p50_us"] < best[contender.name]["p50_us"]:
                    best[contender.name] = now
    for contender in contenders:
        point = points[contender.name]
        at = {"setting": point["setting"], "recall": point["recall"]}
        contender.result["single"] = {**at, **best[contender.name]}


def ask_fresh(contender: Contender, do: str, **arguments: Any) -> dict[str, Any]:
    """Of a process that has done nothing yet."""
    fresh = Worker(contender.command, OMP_NUM_THREADS="1")
    try:
        return fresh.ask(do, **arguments)
    finally:
        fresh.close()


def files(contender: Contender, folder: Path) -> None:
    """Saves what is there and opens it, in new processes where it can; a peer that cannot still counts for the rest."""
    assert contender.worker
    ask = contender.worker.ask if contender.opens_in_place else partial(ask_fresh, contender)
    path = folder / "index"
    setting = contender.result["single"]["setting"]
    try:
        with TURN:
            saved = contender.worker.ask("save", path=str(path))
            contender.result |= {"save_s": saved["seconds"], "file_bytes": saved["bytes"]}
            maps = "gigavector" in contender.name and not contender.opens_in_place
            kinds = {"open": False, "open_mapped": True} if maps else {"open": False}
            for key, mapped in kinds.items():
                contender.result[key] = ask("open", path=str(path), setting=setting, mapped=mapped)
            if "open_mapped" in kinds:  # last: it changes the file
                contender.result["inserts"] = ask_fresh(contender, "inserts", path=str(path))
    except WorkerError as error:
        contender.result["file_error"] = str(error)
        print(f"  {contender.name:26} files: {error}", flush=True)


@contextlib.contextmanager
def built(contenders: list[Contender]) -> Iterator[tuple[list[Contender], dict[str, str]]]:
    """Those that could be built, and why the others could not. Workers end when it is done."""
    able, left_out = build_all(contenders)
    try:
        yield able, left_out
    finally:
        TURN.end()
        for contender in able:
            assert contender.worker
            contender.worker.close()


def measure(contenders: list[Contender], passes: int, with_files: bool) -> dict[str, Any]:
    """Everything about one data set."""
    with built(contenders) as (able, left_out):
        if able:
            sweep_all(able, passes)
            single_calls(able, min(passes, 3))
        for contender in able if with_files else []:
            with tempfile.TemporaryDirectory(prefix="gigavector-bench-") as scratch:
                files(contender, Path(scratch))
    return {"indexes": {c.name: c.result for c in able}, "left_out": left_out}
