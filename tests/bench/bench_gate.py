"""The promises, judged on the results of a run: a list of {"promise", "found", "kept"}; kept is None where it could not
be judged, for want of a peer."""

from __future__ import annotations

from typing import Any

Judged = list[dict[str, Any]]

# queries a second at a recall, times a peer's: (data, ours, peer, recall, at least)
SPEED = (
    ("debian384", "gigavector", "hnswlib", "0.95", 4.0),
    ("debian384", "gigavector", "hnswlib", "0.99", 5.5),
    ("debian384", "gigavector hybrid", "rabitq symphonyqg", "0.95", 1.1),
    ("debian384", "gigavector hybrid", "rabitq symphonyqg", "0.99", 1.4),
    ("clustered128-100000", "gigavector", "hnswlib", "0.95", 8.0),
    ("clustered128-100000", "gigavector hybrid", "rabitq symphonyqg", "0.95", 2.0),
    ("clustered128-1000000", "gigavector hybrid", "rabitq symphonyqg", "0.90", 1.5),
    ("clustered128-1000000", "gigavector hybrid", "rabitq symphonyqg", "0.95", 1.5),
)
# memory of a peer's, both with their rows: (data, ours, peer, at most, which): at rest, ours counted; or what the
# process has grown by when the build returns
REST, GROWN = "memory_bytes", "grown_bytes"
MEMORY = (
    ("debian384", "gigavector", "hnswlib", 1.3, REST),
    ("debian384", "gigavector hybrid", "rabitq symphonyqg", 1.0, GROWN),
    ("clustered128-100000", "gigavector", "hnswlib", 1.35, REST),
    ("clustered128-100000", "gigavector hybrid", "rabitq symphonyqg", 1.0, GROWN),
    ("clustered128-1000000", "gigavector hybrid", "rabitq symphonyqg", 1.0, GROWN),
)
# our build on one thread against a peer's on two: (data, ours, peer)
BUILD = (
    ("debian384", "gigavector", "hnswlib"),
    ("debian384", "gigavector hybrid", "hnswlib"),
    ("clustered128-100000", "gigavector", "hnswlib"),
    ("clustered128-100000", "gigavector hybrid", "hnswlib"),
    ("clustered128-1000000", "gigavector hybrid", "rabitq symphonyqg"),
)
# opened with the vectors left in the file: (data, ours, seconds at most)
MAPPED = (("clustered128-1000000", "gigavector", 0.1), ("clustered128-1000000", "gigavector hybrid", 0.1))
COMPARED = (16, 50, 100)


def _line(promise: str, found: str, kept: bool | None) -> dict[str, Any]:
    return {"promise": promise, "found": found, "kept": kept}


def _absent(result: dict[str, Any], ours: str, peer: str) -> dict[str, Any] | None:
    """A line where one of the two is not there: a walk of ours that the library refuses is a promise not kept."""
    for name in (ours, peer):
        if name not in result["indexes"]:
            reason = result["left_out"].get(name)
            refused = reason is not None and name == ours
            return _line("", f"{name} {reason or 'is not in this run'}", False if refused else None)
    return None


def _speed(result: dict[str, Any], ours: str, peer: str, recall: str, least: float) -> dict[str, Any]:
    promise = f"{result['data']}: {ours} at least {least:g} times {peer} at recall {recall}"
    absent = _absent(result, ours, peer)
    if absent:
        return absent | {"promise": promise}
    mine, theirs = (result["indexes"][name]["qps_at"][recall] for name in (ours, peer))
    if mine is None:
        return _line(promise, f"{ours} does not reach the recall", False)
    if theirs is None:
        return _line(promise, f"{peer} does not reach the recall; ours answers {mine:,.0f} a second", True)
    return _line(promise, f"{mine / theirs:.2f} times: {mine:,.0f} and {theirs:,.0f} a second", mine >= least * theirs)


def _memory(result: dict[str, Any], ours: str, peer: str, most: float, which: str) -> dict[str, Any]:
    when = "at rest" if which == REST else "as built"
    promise = f"{result['data']}: {ours} in at most {most:g} times the memory of {peer}, {when}"
    absent = _absent(result, ours, peer)
    if absent:
        return absent | {"promise": promise}
    mine, theirs = (result["indexes"][name][which] / 2**20 for name in (ours, peer))
    return _line(promise, f"{mine / theirs:.2f} times: {mine:.1f} and {theirs:.1f} MiB", mine <= most * theirs)


def _build(result: dict[str, Any], ours: str, peer: str) -> dict[str, Any]:
    promise = f"{result['data']}: {ours} builds on one thread no slower than {peer} on two"
    absent = _absent(result, ours, peer)
    if absent:
        return absent | {"promise": promise}
    mine, theirs = (
        next((b for b in result["indexes"][name]["build"] if b["threads"] == threads), None)
        for name, threads in ((ours, 1), (peer, 2))
    )
    if not mine or not theirs:
        return _line(promise, "not timed in this run", None)
    found = f"{mine['seconds']:.1f} and {theirs['seconds']:.1f} s"
    if "cpu_seconds" in mine and "cpu_seconds" in theirs:
        found += f"; {mine['cpu_seconds']:.1f} and {theirs['cpu_seconds']:.1f} s of CPU"
    return _line(promise, found, mine["seconds"] <= theirs["seconds"])


def _mapped(result: dict[str, Any], ours: str, most: float) -> dict[str, Any]:
    promise = f"{result['data']}: {ours} is opened by open_mmap in {most * 1e3:.0f} ms"
    absent = _absent(result, ours, ours)
    if absent:
        return absent | {"promise": promise}
    opened = result["indexes"][ours].get("open_mapped")
    if opened is None:
        return _line(promise, result["indexes"][ours].get("file_error", "not measured in this run"), False)
    found = f"{opened['seconds'] * 1e3:.1f} ms, the first 100 queries {opened['first_100_ms']:.1f} ms"
    return _line(promise, found, opened["seconds"] <= most)


def _recalls(result: dict[str, Any]) -> Judged:
    """The same ef finds no less than hnswlib's, and at 0.95 it is no slower; a scan finds everything."""
    indexes, data, lines = result["indexes"], result["data"], []
    if "gigavector" in indexes and "hnswlib" in indexes:
        ours, theirs = ({p["setting"]: p["recall"] for p in indexes[n]["curve"]} for n in ("gigavector", "hnswlib"))
        for ef in COMPARED:
            promise = f"{data}: recall at ef {ef} not more than 0.005 below hnswlib's"
            if ef in ours and ef in theirs:
                lines.append(_line(promise, f"{ours[ef]:.4f} and {theirs[ef]:.4f}", ours[ef] >= theirs[ef] - 0.005))
            else:
                lines.append(_line(promise, "not measured in this run", None))
        lines.append(_speed(result, "gigavector", "hnswlib", "0.95", 1.0))
    if "gigavector flat" in indexes:
        found = indexes["gigavector flat"]["curve"][0]["recall"]  # the truth may differ in a tie
        lines.append(_line(f"{data}: FLAT finds everything", f"recall {found:.4f}", found > 0.9995))
    return lines


def judge_search(result: dict[str, Any]) -> Judged:
    data = result["data"]
    lines = _recalls(result)
    lines += [_speed(result, *rest) for name, *rest in SPEED if name == data]
    lines += [_memory(result, *rest) for name, *rest in MEMORY if name == data]
    lines += [_build(result, *rest) for name, *rest in BUILD if name == data]
    lines += [_mapped(result, *rest) for name, *rest in MAPPED if name == data]
    return lines


def judge_deletes(data: str, found: dict[str, Any]) -> Judged:
    lines = []
    for point in found["recall"]:
        where = f"{data}: half of the rows deleted, ef {point['ef']}"
        text = f"{point['short']} queries with fewer than {found['k']} hits, {point['dead']} deleted hits"
        lines.append(
            _line(f"{where}: {found['k']} live hits for every query", text, not point["short"] + point["dead"])
        )
        text = f"{point['deleted']:.4f}, fresh {point['fresh']:.4f}"
        kept = point["deleted"] >= point["fresh"] - 0.02
        lines.append(_line(f"{where}: recall not more than 0.02 below a fresh build's", text, kept))
    return lines


def judge_filters(result: dict[str, Any]) -> Judged:
    """As many hits as there are, for every query of ours."""
    lines = []
    for name in ("gigavector", "gigavector hybrid"):
        found = [line["indexes"][name] for line in result["filters"] if name in line["indexes"]]
        if found:
            short, asked = sum(one["short"] for one in found), sum(one["queries"] for one in found)
            promise = f"{result['data']}: {name} finds 10 hits, or all that pass, whatever the filter"
            lines.append(_line(promise, f"{short} of {asked} queries with fewer", short == 0))
    return lines


# in Node and Chromium: (ours, peer, recall, at least)
JS_SPEED = (
    ("{host} gigavector", "{host} hnswlib-wasm", "0.95", 10.0),
    ("{host} gigavector", "native hnswlib", "0.95", 1.0),
    ("{host} gigavector flat", "{host} plain loop", "0.95", 5.0),
)


def judge_js(result: dict[str, Any]) -> Judged:
    lines = []
    for host in ("node", "chromium"):
        for ours, peer, recall, least in JS_SPEED:
            lines.append(_speed(result, ours.format(host=host), peer.format(host=host), recall, least))
        ours, peer = f"{host} gigavector", f"{host} hnswlib-wasm"
        promise = f"{result['data']}: {ours} inserts at least 4 times as fast as {peer}"
        absent = _absent(result, ours, peer)
        if absent:
            lines.append(absent | {"promise": promise})
            continue
        mine, theirs = (result["rows"] / result["indexes"][name]["build"][-1]["seconds"] for name in (ours, peer))
        lines.append(
            _line(promise, f"{mine / theirs:.2f} times: {mine:,.0f} and {theirs:,.0f} a second", mine >= 4 * theirs)
        )
    return lines
