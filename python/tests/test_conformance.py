"""The conformance corpus through Python: every binding must give these very hits, errors and file bytes.

Without this runner Python could differ from C, WASM and JavaScript in a rounding, an order or a default, and no test of
its own would know. tests/conformance/README.md says what a case means.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from documents import PROJECT

from gigavector import Database, DistanceType, GigaVectorError, HNSWConfig, IndexType, IVFPQConfig

CASES = sorted((PROJECT / "tests" / "conformance").glob("*.json"))


def bits(distance: float) -> str:
    return struct.pack(">f", distance).hex()


def expected_bits(distance: object) -> str:
    if isinstance(distance, str):
        if distance.startswith("sqrt("):
            return bits(np.float32(math.sqrt(float(distance[5:-1]))))
        return distance
    return bits(distance)


def generated(spec: dict, rows: int, dimension: int) -> np.ndarray:
    dimension = spec.get("dim", dimension)
    if "fill" in spec:
        assert spec.keys() <= {"fill", "dim", "rows"}, spec
        return np.full((rows, dimension), number(spec["fill"]), np.float32)
    assert spec.keys() <= {"lcg", "low", "high", "scale", "dim", "rows"}, spec
    x, low, span = spec["lcg"], spec["low"], spec["high"] - spec["low"] + 1
    values = np.empty(rows * dimension)
    for i in range(rows * dimension):
        x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
        values[i] = low + (x >> 33) % span
    return (values * spec.get("scale", 1)).astype(np.float32).reshape(rows, dimension)


def number(value: object) -> float:
    return float(value)  # "nan", "inf" and "-inf" are strings


def vector(spec: object, dimension: int) -> object:
    if isinstance(spec, dict):
        return generated(spec, 1, dimension)[0]
    return [number(value) for value in spec]


def is_sparse(spec: object) -> bool:
    return isinstance(spec, dict) and "indices" in spec


def pairs(spec: dict) -> tuple[list, list]:
    return spec["indices"], [number(value) for value in spec["values"]]


def rows(spec: object, dimension: int) -> object:
    if isinstance(spec, dict):
        return generated(spec, spec["rows"], dimension)
    return [vector(row, dimension) for row in spec]


def metadata_of(spec: object, count: int) -> list | None:
    if spec is None:
        return None
    if isinstance(spec, dict):
        assert spec.keys() == {"cycle"}
        return [spec["cycle"][i % len(spec["cycle"])] for i in range(count)]
    return spec


class Case:
    """One case: its folder, its handle, and a method for each step."""

    def __init__(self, case: dict, folder: Path) -> None:
        self.options, self.folder, self.db = case["open"], folder, None
        self.dimension = case["open"].get("dimension", 0)
        self.reopened: dict = self.options

    def open(self, options: dict) -> Database:
        given = dict(options)
        path = given.pop("path", None)
        threshold = given.pop("exact_search_threshold", None)
        arguments: dict = {"dimension": given.pop("dimension", None)}
        if "index" in given:
            arguments["index"] = IndexType[given.pop("index").upper()]
        if "distance" in given:
            arguments["distance"] = DistanceType[given.pop("distance").upper()]
        if "hnsw" in given:
            arguments["hnsw_config"] = HNSWConfig(**given.pop("hnsw"))
        if "ivfpq" in given:
            ivfpq = dict(given.pop("ivfpq"))
            if "drop_vectors" in ivfpq:
                ivfpq["keep_vectors"] = not ivfpq.pop("drop_vectors")
            arguments["ivfpq_config"] = IVFPQConfig(**ivfpq)
        where = None if path is None else self.folder / path
        if given.pop("memory_map", False):
            given.pop("read_only", None)
            assert not given, f"no such options of open_mmap: {given}"
            db = Database.open_mmap(where, **arguments)
        else:
            for name in ("seed", "storage", "durability", "checkpoint_on_close", "read_only"):
                if name in given:
                    arguments[name] = given.pop(name)
            assert not given, f"unknown options: {given}"
            db = Database.open(where, **arguments)
        if threshold is not None:
            db.set_exact_search_threshold(threshold)
        return db

    def close(self) -> None:
        if self.db is not None:
            self.db.close()
            self.db = None

    def do(self, step: dict) -> None:
        """Do one step. What it does not take out of `step` is unknown, and an error of the corpus."""
        step = dict(step)
        if "python" not in step.pop("only", ["python"]):
            return
        for remark in ("about", "recorded"):
            step.pop(remark, None)
        error, has = step.pop("error", None), step.pop("message_has", "")
        names = [name for name in step if hasattr(self, f"do_{name}")]
        assert len(names) == 1, f"not one step but {names} in {step}"
        arguments = {"hits": None} if names[0] in ("search", "search_batch", "range_search") else {}
        arguments.update(step)
        call = getattr(self, f"do_{names[0]}")
        first = arguments.pop(names[0])
        if error is None:
            call(first, **arguments)
            return
        with pytest.raises(GigaVectorError) as caught:
            call(first, **arguments)
        assert (caught.value.status, has in str(caught.value)) == (error, True), str(caught.value)

    def do_add(self, spec, metadata=None, id=None):
        if is_sparse(spec):
            given = self.db.add_sparse_vector(*pairs(spec), metadata)
        else:
            given = self.db.add_vector(vector(spec, self.dimension), metadata)
        assert id is None or given == id

    def do_add_many(self, spec, metadata=None, ids=None):
        many = rows(spec, self.dimension)
        given = self.db.add_vectors(many, metadata_of(metadata, len(many)))
        assert ids is None or given == list(range(ids[0], ids[1] + 1))

    @staticmethod
    def same(given, expected):
        wanted = [(id, expected_bits(distance)) for id, distance in expected]
        assert [(id, bits(distance)) for id, distance in given] == wanted

    @staticmethod
    def arguments_of(distance, filter):
        return {
            "distance": None if distance is None else DistanceType[distance.upper()],
            "filter": filter if isinstance(filter, str) else None,
            "filter_metadata": tuple(filter) if isinstance(filter, list) else None,
        }

    def do_search(self, spec, k, hits, distance=None, filter=None, **how):
        assert how.keys() <= {"ef_search", "nprobe", "rerank"}, how
        arguments = {**self.arguments_of(distance, filter), **how}
        if is_sparse(spec):
            self.same([(hit.id, hit.distance) for hit in self.db.search_sparse(*pairs(spec), k, **arguments)], hits)
            return
        query = vector(spec, self.dimension)
        found = self.db.search(query, k, **arguments)
        self.same([(hit.id, hit.distance) for hit in found], hits)
        ids, distances = self.db.knn_query(query, k, **arguments)
        count = len(found)
        self.same(zip(ids[0, :count].tolist(), distances[0, :count].tolist(), strict=True), hits)
        assert (ids[0, count:] == -1).all() and (distances[0, count:] == np.inf).all()

    def do_search_batch(self, spec, k, hits, distance=None, filter=None, **how):
        assert how.keys() <= {"ef_search", "nprobe", "rerank"}, how
        arguments = {**self.arguments_of(distance, filter), **how}
        if isinstance(spec, list) and is_sparse(spec[0]):
            self.batch_of_pairs([pairs(query) for query in spec], k, hits, arguments)
            return
        queries = rows(spec, self.dimension)
        found = self.db.search_batch(queries, k, **arguments)
        ids, distances = self.db.knn_query(queries, k, **arguments)
        assert len(found) == len(ids) == len(hits)
        for query, one, row, wanted in zip(queries, found, zip(ids, distances, strict=True), hits, strict=True):
            self.same([(hit.id, hit.distance) for hit in one], wanted)
            self.same(list(zip(row[0].tolist(), row[1].tolist(), strict=True))[: len(wanted)], wanted)
            assert self.db.search(query, k, **arguments) == one

    def batch_of_pairs(self, queries, k, hits, arguments):
        found = self.db.search_batch_sparse(queries, k, threads=2, **arguments)
        ids, distances = self.db.knn_query_sparse(queries, k, **arguments)
        for one, row, wanted in zip(found, zip(ids, distances, strict=True), hits, strict=True):
            self.same([(hit.id, hit.distance) for hit in one], wanted)
            self.same(list(zip(row[0].tolist(), row[1].tolist(), strict=True))[: len(wanted)], wanted)

    def do_search_groups(self, spec, k, key, group_size, groups=None, distance=None, filter=None):
        found = self.db.search_groups_sparse(*pairs(spec), k, key, group_size, **self.arguments_of(distance, filter))
        for group, wanted in zip(found, groups, strict=True):
            self.same([(hit.id, hit.distance) for hit in group.hits], wanted)

    def do_upsert(self, spec, metadata, key, ids=None):
        many = rows(spec, self.dimension)
        if len(many) == 1:
            given = [self.db.upsert(many[0], metadata[0], key)]
        else:
            given = self.db.upsert_many(many, metadata, key)
        assert ids is None or given == ids

    def do_range_search(self, spec, radius, max_results, hits, total=None, distance=None, filter=None):
        (bound,) = struct.unpack(">f", bytes.fromhex(expected_bits(radius)))
        arguments = self.arguments_of(distance, filter)
        if is_sparse(spec):
            found = self.db.range_search_sparse(*pairs(spec), bound, max_results, **arguments)
        else:
            found = self.db.range_search(vector(spec, self.dimension), bound, max_results, **arguments)
        self.same([(hit.id, hit.distance) for hit in found], hits)
        assert found.total == total

    def do_delete(self, id):
        self.db.delete_vector(id)

    def do_delete_many(self, ids):
        self.db.delete_vectors(ids)

    def do_update_vector(self, id, vector):
        if is_sparse(vector):
            self.db.update_sparse_vector(id, *pairs(vector))
        else:
            self.db.update_vector(id, globals()["vector"](vector, self.dimension))

    def do_index_keys(self, keys):
        self.db.index_metadata(keys)

    def do_indexed_keys(self, keys):
        assert self.db.indexed_keys == keys

    def do_train(self, spec):
        self.db.train_ivfpq(None if spec is True else rows(spec, self.dimension))

    def do_update_metadata(self, id, metadata=None):
        self.db.update_metadata(id, metadata)

    def do_get(self, id, vector=None, metadata=None):
        row = self.db.get(id)
        wanted = np.asarray(globals()["vector"](vector, self.dimension), np.float32)
        assert row.data.tobytes() == wanted.tobytes()
        assert list(row.metadata.items()) == list((metadata or {}).items())

    def do_contains(self, id, **expected):
        assert (id in self.db) is expected.pop("is") and not expected

    def do_count(self, count):
        assert len(self.db) == count

    def do_count_matching(self, filter, **expected):
        assert self.db.count(filter) == expected.pop("is") and not expected

    def do_limits(self, limits):
        self.db.set_resource_limits(**{"max_vectors": 0, "max_memory_bytes": 0, **limits})

    def do_compact(self, _):
        self.db.compact()

    def do_flush(self, _):
        self.db.flush()

    def do_save(self, where):
        self.db.save(None if where is True else self.folder / where)

    def do_check(self, _):
        report = self.db.check()
        assert report.faults == 0 and report.reachable == report.rows == len(self.db)

    def do_close(self, _):
        self.close()

    def do_reopen(self, changes):
        self.close()
        merged = {**self.options, **changes}
        self.db = self.open({key: value for key, value in merged.items() if value is not None})

    def do_open_another(self, options):
        self.open(options).close()


def test_there_is_a_corpus():
    assert len(CASES) >= 30


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path):
    case = json.loads(path.read_text(encoding="utf-8"))
    assert case["format"] == "gv-conformance/1" and case["name"] == path.stem
    assert case.keys() <= {"format", "name", "about", "open", "steps", "files"}
    runner = Case(case, tmp_path)
    try:
        runner.db = runner.open(case["open"])
        for number, step in enumerate(case["steps"]):
            try:
                runner.do(step)
            except (AssertionError, GigaVectorError) as error:
                raise AssertionError(f"step {number}: {json.dumps(step)[:300]}: {error}") from error
    finally:
        runner.close()
    expected = case.get("files", {})
    assert {file.name for file in tmp_path.iterdir()} == expected.keys()
    for name, file in expected.items():
        assert file is not None, f"the hash of {name} has not been taken: generate.py --update"
        data = (tmp_path / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"]), name
