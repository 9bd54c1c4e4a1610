"""Deleted, the benchmark could say anything: here its arithmetic, its verdicts and one small run are checked."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from gigavector import Database, DistanceType

BENCH = Path(__file__).resolve().parents[2] / "tests" / "bench"
sys.path.insert(0, str(BENCH))

import bench_asks  # noqa: E402
import bench_data  # noqa: E402
import bench_filters  # noqa: E402
import bench_gate  # noqa: E402
import report  # noqa: E402
from bench_curve import at_recall, front, recall, value_at_recall, working_point  # noqa: E402
from bench_driver import Worker, native  # noqa: E402
from bench_indexes import INDEXES  # noqa: E402
from bench_plot import svg  # noqa: E402
from counts import differences  # noqa: E402
from run_sweeps import COUNTER  # noqa: E402

CURVE = [
    {"setting": 10, "recall": 0.90, "qps": 10000.0},
    {"setting": 20, "recall": 0.94, "qps": 9000.0},
    {"setting": 15, "recall": 0.92, "qps": 3000.0},  # beaten in both by the one before
    {"setting": 40, "recall": 0.98, "qps": 4000.0},
]


def index(**facts: object) -> dict[str, object]:
    speeds = {"0.90": 100.0, "0.95": 50.0, "0.99": None}
    return {
        "qps_at": speeds,
        "memory_bytes": 100,
        "grown_bytes": 120,
        "build": [{"threads": 2, "seconds": 2.0}],
        "curve": CURVE,
        **facts,
    }


def test_recall_counts_ids_in_any_order() -> None:
    assert recall(np.array([[1, 2], [3, -1]]), np.array([[2, 1], [4, 3]])) == 0.75


def test_speed_between_two_settings_is_interpolated_on_the_front() -> None:
    assert [p["setting"] for p in front(CURVE)] == [10, 20, 40]
    assert at_recall(CURVE, 0.96) == pytest.approx((9000 * 4000) ** 0.5)
    assert at_recall(CURVE, 0.94) == pytest.approx(9000)
    assert at_recall(CURVE, 0.5) == 10000
    assert at_recall(CURVE, 0.99) is None
    assert working_point(CURVE, 0.93)["setting"] == 20
    assert working_point(CURVE, 0.99)["setting"] == 40


def test_a_count_between_two_settings_is_on_a_straight_line() -> None:
    points = [(0.98, 400.0), (0.90, 100.0), (0.94, 200.0)]
    assert value_at_recall(points, 0.96) == pytest.approx(300)
    assert value_at_recall(points, 0.5) == 100
    assert value_at_recall(points, 0.99) is None


def test_promises_are_judged_against_the_peer_of_the_same_run() -> None:
    fast = index(qps_at={"0.90": 500.0, "0.95": 199.0, "0.99": 60.0}, build=[{"threads": 1, "seconds": 2.5}])
    result = {"data": "debian384", "indexes": {"gigavector": fast, "hnswlib": index()}, "left_out": {}}
    verdicts = {line["promise"]: line["kept"] for line in bench_gate.judge_search(result)}
    assert verdicts["debian384: gigavector at least 4 times hnswlib at recall 0.95"] is False
    assert verdicts["debian384: gigavector at least 1 times hnswlib at recall 0.95"] is True
    assert verdicts["debian384: gigavector at least 5.5 times hnswlib at recall 0.99"] is True, "it does not get there"
    assert verdicts["debian384: gigavector in at most 1.3 times the memory of hnswlib, at rest"] is True
    assert verdicts["debian384: gigavector builds on one thread no slower than hnswlib on two"] is False
    hybrid = "debian384: gigavector hybrid at least 1.1 times rabitq symphonyqg at recall 0.95"
    assert verdicts[hybrid] is None, "nobody asked for it"
    result["left_out"] = {"gigavector hybrid": "UnsupportedError: not in this version"}
    verdicts = {line["promise"]: line["kept"] for line in bench_gate.judge_search(result)}
    assert verdicts[hybrid] is False, "the library refuses it"


def test_counts_differ_within_a_tolerance_or_not_at_all() -> None:
    then = {"a": 1000, "b": 5}
    assert differences({"a": 1029, "b": 5}, then, 0.03) == []
    assert differences({"a": 1031, "b": 5}, then, 0.03) == ["a is 1,031, was 1,000 (+3.10 %)"]
    assert len(differences({"a": 999, "c": 1}, then, 0)) == 3


# ---- what is asked ----


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clustered set of its own."""
    monkeypatch.setattr(bench_data, "CACHE", tmp_path)
    monkeypatch.setattr(bench_asks, "CACHE", tmp_path)
    return bench_data.clustered(1500, dimension=64, query_count=100)


def brute_force(rows: np.ndarray, query: np.ndarray, k: int) -> np.ndarray:
    far = ((rows.astype(np.float64) - query) ** 2).sum(1)
    return np.argsort(far, kind="stable")[:k]


def test_exact_answers_are_exact_for_any_number_of_hits(folder: Path) -> None:
    data = bench_data.load(folder)
    for k in (1, 10, 1000):
        truth = bench_data.exact(data.base, data.queries, "l2", k)
        assert all(
            (row == brute_force(data.base, query, k)).all() for row, query in zip(truth, data.queries, strict=True)
        )


def test_the_demos_rows_make_a_set(folder: Path, tmp_path: Path) -> None:
    rows = bench_data.load(folder).base[:300]
    sections = [{"section": "net" if row[0] > 0 else "games"} for row in rows]
    with Database.open(tmp_path / "packages-300.gv", rows.shape[1], distance=DistanceType.COSINE) as db:
        db.add_vectors(rows, sections)
    made = bench_data.demo(tmp_path / "packages-300.gv", 200)
    data, labels = bench_data.load(made), np.load(made / "labels.npy")
    assert (data.name, len(data.base), len(data.queries)) == ("demo384-200", 200, 30)
    assert len(np.unique(np.vstack([data.base, data.queries]), axis=0)) == 230, "no query is among the rows"
    assert (labels == (data.base[:, 0] > 0)).all(), "sections go with their rows: games 0, net 1"


def test_of_equal_rows_any_is_right_but_each_counts_once(folder: Path) -> None:
    twin = bench_asks.with_duplicates(folder)
    bench_asks.make(twin)
    data, ask = bench_data.load(twin), bench_asks.load_ask(twin, "own-10")
    assert len(np.unique(data.base, axis=0)) == 1350
    found = np.array([brute_force(data.base, query, 10) for query in ask.queries])
    assert bench_asks.recall_within(data, ask, found) == 1
    equal = {row.tobytes(): i for i, row in enumerate(data.base)}  # the last of those that are equal
    other = np.array([[equal[data.base[id].tobytes()] for id in ids] for ids in found])
    once = np.mean([len(set(ids)) / 10 for ids in other.tolist()])
    assert once < 1, "some twin is among the hits"
    assert bench_asks.recall_within(data, ask, other) == pytest.approx(once)
    found[:, 0] = -1
    assert bench_asks.recall_within(data, ask, found) == pytest.approx(0.9)


def test_filters_let_through_what_they_say_and_their_answers_are_exact(folder: Path) -> None:
    bench_filters.make(folder)
    data, filters = bench_data.load(folder), bench_filters.Filters(folder)
    assert len(filters.all) == len(bench_filters.KINDS) * len(bench_filters.RATES)
    nearest = {"near": [], "far": []}
    for one in filters.all:
        groups = filters.columns()[one.column]
        assert (groups == filters.groups(one)).all()
        assert len(one.queries) > 0, f"{one.kind} {one.rate}"
        for place, (number, group) in enumerate(zip(one.queries.tolist(), one.groups.tolist(), strict=True)):
            passing = np.flatnonzero(groups == group)
            assert len(passing) == max(round(1500 * one.rate), 1)
            right = passing[brute_force(data.base[passing], data.queries[number], 10)]
            assert one.truth[place, : len(right)].tolist() == right.tolist()
            assert (one.truth[place, len(right) :] == -1).all()
            if one.kind in nearest:
                assert (data.truth[number, 0] in passing) == (one.kind == "near")
                nearest[one.kind].append(recall(one.truth[place : place + 1], data.truth[number : number + 1]))
    assert np.mean(nearest["near"]) > 0.6 > 0.2 > np.mean(nearest["far"]), "rows that pass lie together"


MODULES = {"faiss-cpu": "faiss", "scalable-vs": "svs", None: "gigavector"}
INSTALLED = [
    name for name, index in INDEXES.items() if importlib.util.find_spec(MODULES.get(index.package) or index.package)
]


@pytest.mark.parametrize("name", INSTALLED)
def test_each_installed_index_answers_truly(name: str, folder: Path, tmp_path: Path) -> None:
    """In a process of its own, as it is measured: found, filtered, saved and opened."""
    bench_asks.make(folder)
    bench_filters.make(folder)
    index = INDEXES[name]
    best, path = index.sweep[-1], str(tmp_path / "index")
    worker, fresh = (Worker(native(name, folder, quick=True).command) for _ in range(2))
    try:
        built = worker.ask("build", threads=1, filters=index.filters)
        assert built["seconds"] > 0
        keep_less = {"rabitq hnsw": 0.9, "ivf codes": 0.6, "ivfpq codes": 0.6, "int8": 0.98}
        least = next((recall for part, recall in keep_less.items() if part in name), 0.99)
        assert worker.ask("search", setting=best)["recall"] >= least
        assert worker.ask("ask", name="own-100")["recall"] > 0.5
        if index.filters:
            half = bench_filters.RATES.index(0.5)
            filtered = worker.ask("filtered", number=half)
            assert filtered["recall"] > 0.9 and filtered["short"] == 0
        worker.ask("save", path=path)
        assert fresh.ask("open", path=path, setting=best, mapped=False)["recall"] >= least
    finally:
        worker.close()
        fresh.close()


# ---- whole runs, on few rows ----


def results_of(program: str, *arguments: str, to: Path) -> dict[str, object]:
    command = [sys.executable, str(BENCH / program), "--data", "clustered", "--passes", "1", "--json", str(to)]
    said = subprocess.run([*command, *arguments], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    return json.loads(to.read_text())


def drawn(picture: str, tag: str) -> int:
    return sum(element.tag.endswith(tag) for element in ElementTree.fromstring(picture).iter())


def test_one_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only = "gigavector,gigavector flat"
    run = results_of("run.py", "--rows", "1500", "--mode", "search", "--only", only, to=tmp_path / "results.json")
    (one,) = run["sets"]
    graph, flat = one["indexes"]["gigavector"], one["indexes"]["gigavector flat"]
    assert one["left_out"] == {} and "hnswlib" in one["not_asked"]
    assert [p["recall"] for p in flat["curve"]] == [1.0]
    assert max(p["recall"] for p in graph["curve"]) > 0.95
    assert graph["memory_bytes"] > 1500 * 128 * 4 and graph["file_bytes"] > 1500 * 128 * 4
    assert graph["open"]["recall"] > 0.9 and graph["open_mapped"]["recall"] == graph["open"]["recall"]
    assert graph["inserts"]["count"] == 1000 and 0 < graph["inserts"]["p50_us"] <= graph["inserts"]["p99_us"]
    assert drawn(svg(one), "circle") >= len(front(graph["curve"]))

    monkeypatch.setattr(report, "PICTURES", tmp_path / "performance")
    made = report.sections(report.read([tmp_path / "results.json"]))
    assert {"search", "costs", "recall", "plots", "promises", "machine"} <= set(made)


def test_small_sweeps_and_filters_and_their_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PICTURES", tmp_path / "performance")
    files = tmp_path / "sweeps.json", tmp_path / "filters.json"
    quick = "--quick", "--rows", "1500", "--only", "gigavector"
    sweeps = results_of("run_sweeps.py", *quick, "--sizes", "1500,3000", to=files[0])
    filters = results_of("run_filters.py", *quick, to=files[1])
    asks = {name: found["gigavector"] for name, found in sweeps["sets"][0]["asks"].items()}
    assert set(asks) == {"own-1", "own-10", "own-100", "own-1000", "normal", "between"}
    assert all(found["recall"] > 0.9 for found in asks.values())
    assert sweeps["sets"][0]["duplicates"]["asks"]["own-10"]["gigavector"]["recall"] > 0.9
    for order, states in sweeps["sets"][0]["turnovers"]["gigavector"].items():
        first, last = states[0], states[-1]
        assert last["turnovers"] == 10 and last["reachable"] == last["rows"] == 1500 and not last["faults"], order
        assert last["recall"]["50"] > first["recall"]["50"] - 0.01, order
    small, large = (size["indexes"]["gigavector"] for size in sweeps["growth"])
    assert small["qps"] > 0 and large["build_us"] > 0
    if COUNTER.is_file():
        assert 16 <= small["distances"]["codes"] < 1500 and small["distances"]["rows"] >= 10
    assert [line["kept"] for line in filters["promises"]] == [True]
    assert len(filters["sets"][0]["filters"]) == 21

    made = report.sections(report.read(list(files)))
    assert {"asks", "duplicates", "turnovers", "growth", "filters"} <= set(made)
    assert not {"promises", "machine"} & set(made), "these tell of the run that compares the peers"
    pictures = {path.name: path.read_text() for path in (tmp_path / "performance").iterdir()}
    assert set(pictures) == {"growth.svg", "filters-clustered128-1500.svg"}
    assert drawn(pictures["filters-clustered128-1500.svg"], "circle") == 2 * 21
    marked = report.DOCUMENT.read_text()
    assert all(f"<!-- {name} -->" in marked for name in made), "every section has its place in the document"
