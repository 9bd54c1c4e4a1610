"""Without this, index_metadata() could take what C misreads, lose a key, or a file that is opened could answer otherwise."""

import numpy as np
import pytest

from gigavector import ArgumentError, Database, FilterError, ReadOnlyError

ROWS = [{"section": f"s{i % 3}", "size": str(i), "café": "à" * (i % 2)} for i in range(30)]


def filled(path=None):
    db = Database.open(path, dimension=2)
    db.add_vectors(np.zeros((len(ROWS), 2), dtype=np.float32), metadata=ROWS)
    return db


def test_keys_come_back_in_order_and_replace_those_before(tmp_path):
    path = tmp_path / "keys.gv"
    with filled(path) as db:
        assert db.indexed_keys == []
        db.index_metadata(["size", "café"])
        assert db.indexed_keys == ["size", "café"]
        db.index_metadata(key for key in ("section", "size"))
        assert db.indexed_keys == ["section", "size"]
        size = db.info.log_bytes
        db.index_metadata(("section", "size"))
        assert db.info.log_bytes == size
    for mapped in (False, True):
        with (Database.open_mmap if mapped else Database.open)(path) as db:
            assert db.indexed_keys == ["section", "size"]
            assert db.count('section == "s1" AND size >= 10') == 7
            db.check()
    with Database.open(path) as db:
        db.index_metadata([])
        assert db.indexed_keys == []


def test_what_is_no_list_of_keys_is_refused():
    with filled() as db:
        db.index_metadata(["size"])
        for keys, word in [
            ("size", "list of str"),
            (b"size", "list of str"),
            ([3], "key 0"),
            (["size", "a\0b"], "key 1"),
            (["size", ""], "key 1 is empty"),
            (["a", "size", "a"], "keys 0 and 2 are the same"),
            ([f"k{i}" for i in range(65)], "at most 64"),
            (["\ud800"], "key 0"),
        ]:
            with pytest.raises(ArgumentError, match=word):
                db.index_metadata(keys)
        assert db.indexed_keys == ["size"]
        with pytest.raises(TypeError):
            db.index_metadata(7)


def test_readers_see_the_list_and_may_not_change_it(tmp_path):
    path = tmp_path / "keys.gv"
    with filled(path) as db:
        db.save()
        with Database.open(path, read_only=True) as reader:
            with pytest.raises(ReadOnlyError):
                reader.index_metadata(["size"])
            db.index_metadata(["size"])
            assert reader.indexed_keys == []
            reader.refresh()
            assert reader.indexed_keys == ["size"]


def test_filters_answer_as_without(tmp_path):
    filters = ["size < 7", 'section IN ("s1", "s2") OR size == 3', "NOT EXISTS `café`", '`café` == "à"', "EXISTS other"]
    with filled() as plain, filled() as db:
        db.index_metadata(["section", "size", "café"])
        for step in range(3):
            for text in filters:
                assert db.count(text) == plain.count(text)
            for one in (plain, db):
                one.delete_vector(step)
                one.update_metadata(10 + step, {"size": "-1", "other": "x"})
                one.upsert([1, 1], {"size": str(20 + step)}, key="size")
        again = Database.from_bytes(db.to_bytes())
        assert again.indexed_keys == ["section", "size", "café"]
        assert [again.count(text) for text in filters] == [plain.count(text) for text in filters]
        again.compact()
        assert again.indexed_keys == ["section", "size", "café"]
        again.close()
        with pytest.raises(FilterError):
            db.count("size <")
