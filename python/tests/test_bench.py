"""Deleted, the benchmark could say anything: here its arithmetic, its verdicts and one small run are checked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

BENCH = Path(__file__).resolve().parents[2] / "tests" / "bench"
sys.path.insert(0, str(BENCH))

import bench_gate  # noqa: E402
from bench_curve import at_recall, front, recall, working_point  # noqa: E402
from bench_plot import svg  # noqa: E402
from counts import differences  # noqa: E402

CURVE = [
    {"setting": 10, "recall": 0.90, "qps": 10000.0},
    {"setting": 20, "recall": 0.94, "qps": 9000.0},
    {"setting": 15, "recall": 0.92, "qps": 3000.0},  # beaten in both by the one before
    {"setting": 40, "recall": 0.98, "qps": 4000.0},
]


def index(**facts: object) -> dict[str, object]:
    speeds = {"0.90": 100.0, "0.95": 50.0, "0.99": None}
    return {"qps_at": speeds, "memory_bytes": 100, "grown_bytes": 120, "build": [{"threads": 2, "seconds": 2.0}], "curve": CURVE, **facts}


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


def test_one_small_run(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    only = "gigavector,gigavector flat"
    command = [sys.executable, str(BENCH / "run.py"), "--data", "clustered", "--rows", "1500", "--mode", "search"]
    said = subprocess.run(
        [*command, "--only", only, "--passes", "1", "--json", str(results)], capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout + said.stderr
    (one,) = json.loads(results.read_text())["sets"]
    graph, flat = one["indexes"]["gigavector"], one["indexes"]["gigavector flat"]
    assert one["left_out"] == {}
    assert [p["recall"] for p in flat["curve"]] == [1.0]
    assert max(p["recall"] for p in graph["curve"]) > 0.95
    assert graph["memory_bytes"] > 1500 * 128 * 4 and graph["file_bytes"] > 1500 * 128 * 4
    assert graph["open"]["recall"] > 0.9 and graph["open_mapped"]["recall"] == graph["open"]["recall"]
    picture = ElementTree.fromstring(svg(one))
    assert sum(element.tag.endswith("circle") for element in picture.iter()) >= len(front(graph["curve"]))
