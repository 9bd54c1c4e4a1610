"""Where a file lies and whose it is: links, modes, folders changed, several processes creating one path at once.

A checkpoint replaces the file by a rename. Without these tests it could replace a link, widen who may read the rows,
write into the wrong folder after a chdir(), or take the place of a file that another process has just made.
"""
from __future__ import annotations

import os
import stat
import subprocess
import sys

import numpy as np
import pytest
from documents import child_environment

from gigavector import ArgumentError, Database, DatabaseError, IndexType, LockedError

ROW = np.array([1.0, 2.0], np.float32)


def test_a_link_to_a_file_stays_a_link(tmp_path):
    """A checkpoint renames a new file into place: in place of the file, not of the link that leads to it."""
    (tmp_path / "real").mkdir()
    file, link = tmp_path / "real" / "a.gv", tmp_path / "link.gv"
    Database.open(file, 2, IndexType.FLAT).close()
    link.symlink_to(file)
    with Database.open(link) as db:
        db.add_vector([1, 2])
        db.save()
        with pytest.raises(LockedError):
            Database.open(file)
        db.save(copy := tmp_path / "copy.gv")
    assert link.is_symlink() and os.listdir(file.parent) == ["a.gv"]
    copy.replace(tmp_path / "real" / "b.gv")
    copy.symlink_to(tmp_path / "real" / "b.gv")
    with Database.open(link, read_only=True) as db:
        db.save(copy)
    assert copy.is_symlink() and sorted(os.listdir(file.parent)) == ["a.gv", "b.gv"]
    with Database.open(file) as db:
        assert len(db) == 1


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    """Following it would be a guess at what was meant, and replacing it would lose it."""
    link = tmp_path / "link.gv"
    link.symlink_to(tmp_path / "gone.gv")
    with pytest.raises(DatabaseError, match="leads nowhere"):
        Database.open(link, 2)
    with Database.open(None, 2) as db, pytest.raises(DatabaseError, match="leads nowhere"):
        db.save(link)
    assert link.is_symlink() and os.listdir(tmp_path) == ["link.gv"]


def test_save_does_not_overwrite_what_is_no_database(tmp_path):
    """A slip in a path costs nobody their file. An empty file, such as tempfile makes, holds nothing to lose."""
    letter, empty, damaged = tmp_path / "letter.txt", tmp_path / "empty.gv", tmp_path / "damaged.gv"
    letter.write_text("Dear reader, " * 2000)
    empty.touch()
    Database.open(damaged, 2).close()
    damaged.write_bytes(damaged.read_bytes()[:5000])  # a database still, though none that opens
    with Database.open(None, 2) as db:
        db.add_vector(ROW)
        with pytest.raises(ArgumentError, match="letter.txt is not a GigaVector database: it is not overwritten"):
            db.save(letter)
        assert letter.read_text() == "Dear reader, " * 2000
        db.save(empty)
        db.save(damaged)
    for path in (empty, damaged):
        with Database.open(path) as db:
            assert len(db) == 1
    assert sorted(os.listdir(tmp_path)) == ["damaged.gv", "empty.gv", "letter.txt"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_checkpoint_keeps_the_mode(tmp_path, mode):
    path = tmp_path / "private.gv"
    with Database.open(path, 2) as db:
        os.chmod(path, mode)
        db.add_vector(ROW)
        db.save()
        assert stat.S_IMODE(path.stat().st_mode) == mode
        db.add_vector(ROW)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_relative_path_is_that_of_the_open(tmp_path, monkeypatch):
    """A change of the working folder neither moves the file nor writes over another one of the same name."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        Database.open("a.gv", 2, IndexType.FLAT).close()
    before = (tmp_path / "there" / "a.gv").read_bytes()
    monkeypatch.chdir(tmp_path / "here")
    with Database.open("a.gv") as db:
        monkeypatch.chdir(tmp_path / "there")
        db.add_vector([1, 2])
        db.save()
        db.add_vector([3, 4])
    assert (tmp_path / "there" / "a.gv").read_bytes() == before
    with Database.open(tmp_path / "here" / "a.gv") as db:
        assert len(db) == 2


def test_paths_of_all_kinds(tmp_path):
    for name in ["with space.gv", "grün-数据.gv", "-dash.gv", "quote'\".gv"]:
        with Database.open(tmp_path / name, 2, IndexType.FLAT) as db:
            db.add_vector(ROW)
        assert len(Database.open(str(tmp_path / name))) == 1
    with pytest.raises(DatabaseError):
        Database.open(tmp_path, 2)  # a folder
    with pytest.raises(DatabaseError):
        Database.open(tmp_path / "missing" / "file.gv", 2)
    assert not (tmp_path / "missing").exists()


CREATOR = """
import sys
from gigavector import Database, LockedError
sys.stdin.readline()
while True:
    try:
        db = Database.open(sys.argv[1], 2)
        break
    except LockedError:
        pass
db.add_vector([float(sys.argv[2]), 0.0])
db.close()
"""


def test_processes_that_create_one_path_lose_nothing(tmp_path):
    """Three at once, many times: each one's row is there afterwards."""
    for round_ in range(25):
        path = tmp_path / f"{round_}.gv"
        children = [
            subprocess.Popen(
                [sys.executable, "-c", CREATOR, path, str(i)], stdin=subprocess.PIPE, env=child_environment(), text=True
            )
            for i in range(3)
        ]
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        assert [child.wait(timeout=60) for child in children] == [0, 0, 0]
        for child in children:
            child.stdin.close()
        with Database.open(path) as db:
            assert sorted(float(db.get(i).data[0]) for i in range(len(db))) == [0.0, 1.0, 2.0], f"round {round_}"
