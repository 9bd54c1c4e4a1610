"""Threads, signals and forks: searches beside a writer, and close() at any moment, end in answers or errors.

Without these tests a close() that frees the handle under a running search would be found by a user's crash, and an
interpreter lock that is held during calls by a user's slow server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from documents import child_environment

from gigavector import ClosedError, Database, IndexType


def in_threads(*works, timeout: float = 120) -> None:
    """Run functions at once; the first exception of any is raised here."""
    errors: list[BaseException] = []

    def guarded(work):
        try:
            work()
        except BaseException as error:  # handed to the main thread
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


@pytest.mark.parametrize("index", [IndexType.FLAT, IndexType.HNSW])
def test_searches_while_one_writes(tmp_path, rng, index):
    rows = rng.normal(size=(4000, 16)).astype(np.float32)
    with Database.open(tmp_path / "a.gv", 16, index, durability="os") as db:
        db.add_vectors(rows[:1000])
        done = threading.Event()

        def write():
            try:
                for start in range(1000, 4000, 100):
                    db.add_vectors(rows[start : start + 100], [{"batch": str(start)}] * 100)
                    db.delete_vector(start - 1000)
                    db.update_vector(start - 999, rows[start])
            finally:
                done.set()

        searched = []

        def search():
            count = 0
            while not done.is_set() or count < 20:
                hits = db.search(rows[count % 1000], 10)
                assert len(hits) == 10 and [h.distance for h in hits] == sorted(h.distance for h in hits)
                assert len({hit.id for hit in hits}) == 10
                ids, distances = db.knn_query(rows[:5], 10)
                assert (ids >= 0).all() and (np.diff(distances, axis=1) >= 0).all()
                assert -len(db) % 100 <= 30, "a batch of 100 appears whole; 30 rows are deleted one by one"
                count += 1
            searched.append(count)

        in_threads(write, search, search, search)
        assert min(searched) >= 20 and len(db) == 4000 - 30 and db.check().faults == 0


def test_threads_may_all_write(db):
    in_threads(*[lambda: [db.add_vector([i, 0, 0, 0]) for i in range(100)] for _ in range(4)])
    assert len(db) == 400 and db.info.next_id == 400


def test_close_while_others_search(rng):
    """Every search ends in hits or in ClosedError, at any moment of the close, many times over."""
    rows = rng.normal(size=(500, 32)).astype(np.float32)
    for round in range(40):
        db = Database.open(None, 32, IndexType.FLAT)
        db.add_vectors(rows)
        running = threading.Barrier(4)

        def search(db=db, running=running):
            running.wait()
            with pytest.raises(ClosedError):
                while True:
                    assert len(db.search(rows[0], 5)) == 5
                    assert db.knn_query(rows[:20], 5)[0].shape == (20, 5)

        def close(db=db, running=running, pause=round * 0.0002):
            running.wait()
            time.sleep(pause)
            db.close()
            db.close()

        in_threads(search, search, search, close)


def test_many_close_at_once(tmp_path):
    db = Database.open(tmp_path / "a.gv", 4)
    in_threads(*[db.close] * 8)
    assert db.closed


def test_the_interpreter_is_not_held_during_a_call(rng):
    """While one thread is in one long call, this one goes on: it counts far more than a switch interval allows."""
    rows = rng.normal(size=(20_000, 256)).astype(np.float32)
    with Database.open(None, 256, IndexType.FLAT) as db:
        db.add_vectors(rows)
        begin = time.perf_counter()
        db.knn_query(rows[:50], 5)
        alone = time.perf_counter() - begin
        thread = threading.Thread(target=db.knn_query, args=(rows[:50], 5))
        ticks, longest, last = 0, 0.0, time.perf_counter()
        thread.start()
        while thread.is_alive():
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
            ticks += 1
        thread.join()
    assert ticks > 1000 and longest < max(0.5 * alone, 0.1), (ticks, longest, alone)


def test_close_within_a_signal_handler():
    """A SIGTERM handler that closes the database while this thread searches: no deadlock, no crash."""
    code = """
import signal, sys, threading, os, time
import numpy as np
from gigavector import Database, ClosedError
db = Database.open(None, 64)
db.add_vectors(np.random.default_rng(1).random((2000, 64)))
signal.signal(signal.SIGTERM, lambda *_: db.close())
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
try:
    while True:
        db.knn_query(np.ones((50, 64), np.float32), 10)
except ClosedError:
    print("closed")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "closed", "")


def test_interrupt_during_a_call_leaves_it_usable():
    code = """
import faulthandler, signal, sys, time
import numpy as np
from gigavector import Database
faulthandler.dump_traceback_later(50, exit=True)  # a hang says where
# by the system's timer: threads would leave weak references behind, in whose callbacks Python drops an interrupt
signal.signal(signal.SIGALRM, signal.default_int_handler)
db = Database.open(None, 64)
db.add_vectors(np.random.default_rng(1).random((2000, 64)))
caught = 0
for delay in range(20):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001 * delay + 0.0001)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            db.search(np.ones(64, np.float32), 10)
        sys.exit(f"interrupt {delay} did not come out of search()")  # not a hang, but one that was swallowed
    except KeyboardInterrupt:
        caught += 1
assert db._calls == {} and len(db.search([1.0] * 64, 3)) == 3
db.close()
print(caught)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "20", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_may_read_but_not_write(tmp_path):
    """Neither its end nor its close() touches the parent's file or lock."""
    code = """
import os, sys
from gigavector import Database, ReadOnlyError, LockedError
db = Database.open("a.gv", 3)
db.add_vector([1, 2, 3])
child = os.fork()
if child == 0:
    assert db.search([1, 2, 3], 1)[0].id == 0
    try:
        db.add_vector([4, 5, 6])
    except ReadOnlyError:
        pass
    else:
        os._exit(3)
    db.close()
    try:
        Database.open("a.gv")
    except LockedError:
        sys.exit(0)
    sys.exit(4)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert db.add_vector([7, 8, 9]) == 1
db.close()
with Database.open("a.gv") as again:
    assert len(again) == 2
print("whole")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "whole", "")


def test_a_killed_writer_loses_nothing(tmp_path):
    """What add_vector returned is there after SIGKILL, and the lock has gone with the process."""
    code = """
import sys
from gigavector import Database
db = Database.open("a.gv", 3)
while True:
    print(db.add_vector([1, 2, 3]), flush=True)
"""
    writer = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=child_environment(), stdout=subprocess.PIPE, text=True
    )
    for _ in range(50):
        last = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = writer.communicate()[0].split("\n")
    last = max([last, *(int(line) for line in rest[:-1])])
    with Database.open(tmp_path / "a.gv") as db:
        assert last < len(db) <= last + 2 and db.check().faults == 0
