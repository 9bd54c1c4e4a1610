"""The tables of docs/performance.md that a plain run fills, and what all its tables are made with."""

from __future__ import annotations

from typing import Any

EFS = (16, 50, 100)
MIB = 2**20
COMPARED = ("hnswlib", "rabitq symphonyqg")
Set = dict[str, Any]


def table(head: list[str], left: int, rows: list[list[Any]]) -> list[str]:
    """A table whose first `left` columns are words and the others numbers."""
    lines = [head, ["---"] * left + ["---:"] * (len(head) - left), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]


def number(value: float | None, form: str = ",.0f") -> str:
    return "–" if value is None else format(value, form)


def ratio(mine: float | None, theirs: float | None) -> str:
    return "–" if mine is None or not theirs else f"{mine / theirs:.2f}"


def title(one: Set) -> str:
    return f"{one['data']}, {one['rows']:,} x {one['dimension']}"


def speed(index: Set, recall: str) -> str:
    found = index["qps_at"][recall]
    return "not reached" if found is None else number(found)


def speed_of(one: Set, name: str, recall: str) -> float | None:
    index = one["indexes"].get(name)
    return index["qps_at"][recall] if index else None


def by_speed(one: Set) -> list[tuple[str, Set]]:
    return sorted(one["indexes"].items(), key=lambda item: -(item[1]["qps_at"]["0.95"] or 0))


def opening(found: dict[str, float] | None) -> str:
    return "–" if found is None else f"{found['seconds'] * 1e3:,.1f} + {found['first_100_ms']:,.1f}"


def latency(found: dict[str, float] | None) -> str:
    return "–" if found is None else f"{found['p50_us']:,.0f} / {found['p99_us']:,.0f}"


def left_out(one: Set) -> list[str]:
    """Who did not run, and why."""
    reasons = [f"{name} ({reason})" for name, reason in one["left_out"].items()]
    reasons += [f"{name} (not asked for)" for name in one.get("not_asked", [])]
    return ["", f"Did not run: {'; '.join(reasons)}."] if reasons else []


def search_tables(sets: list[Set]) -> list[str]:
    lines = []
    for one in sets:
        rows = []
        for name, index in by_speed(one):
            speeds = [speed(index, recall) for recall in ("0.90", "0.95", "0.99")]
            single = index["single"]
            against = [ratio(index["qps_at"]["0.95"], speed_of(one, peer, "0.95")) for peer in COMPARED]
            rows.append([name, index["version"], *speeds, *against, f"{latency(single)} ({single['recall']:.3f})"])
        head = [title(one), "version", "at 0.90", "at 0.95", "at 0.99", "÷ hnswlib", "÷ SymphonyQG"]
        head.append("p50 / p99 us (recall)")
        lines += ["", *table(head, 2, rows), *left_out(one)]
    return lines[1:]


def cost_tables(sets: list[Set]) -> list[str]:
    lines = []
    for one in sets:
        rows = []
        for name, index in by_speed(one):
            seconds = {build["threads"]: build["seconds"] for build in index["build"]}
            rows.append(
                [
                    name,
                    *(number(seconds.get(threads), ".1f") for threads in (1, 2)),
                    number(index["memory_bytes"] / MIB),
                    number(index["memory_bytes"] / one["rows"]),
                    number(index["file_bytes"] / MIB if "file_bytes" in index else None),
                    number(index.get("save_s"), ".2f"),
                    *(opening(index.get(how)) for how in ("open", "open_mapped")),
                    latency(index.get("inserts")),
                ]
            )
        head = [title(one), "build, 1 thread, s", "2 threads", "memory, MiB", "bytes a row", "file, MiB", "save, s"]
        lines += ["", *table([*head, "open, ms", "mapped, ms", "one insert, us"], 1, rows)]
    return lines[1:]


def storage_table(sets: list[Set]) -> list[str]:
    """What narrower vectors spare, and what they cost: recall is of the rows as they were given."""
    rows = []
    for one in sets:
        for name, index in one["indexes"].items():
            found = {point["setting"]: point["recall"] for point in index["curve"]}
            recalls = [number(found.get(ef, found.get(None)), ".4f") for ef in (50, 100)]
            sizes = [number(index[what] / one["rows"]) for what in ("memory_bytes", "file_bytes")]
            rows.append([title(one), name, *sizes, *recalls, speed(index, "0.95"), latency(index["single"])])
    head = ["data", "", "memory, bytes a row", "file, bytes a row", "recall at ef 50", "at ef 100", "queries a second at 0.95"]
    return table([*head, "one query, p50 / p99 us"], 2, rows)


def ivfpq_table(sets: list[Set]) -> list[str]:
    """Inverted lists, with vectors and without. How far recall goes is how far the codes go."""
    rows = []
    for one in sets:
        for name, index in one["indexes"].items():
            speeds = [speed(index, recall) for recall in ("0.90", "0.95")]
            took = {build["threads"]: build["seconds"] for build in index["build"]}
            builds = [number(took.get(threads), ".1f") for threads in (1, 2)]
            most = max(point["recall"] for point in index["curve"])
            sizes = [number(index[what] / one["rows"]) for what in ("memory_bytes", "file_bytes")]
            rows.append([title(one), name, *builds, *sizes, *speeds, f"{most:.3f}"])
    head = ["data", "", "build, 1 thread, s", "2 threads", "memory, bytes a row", "file, bytes a row"]
    return table([*head, "queries a second at 0.90", "at 0.95", "best recall"], 2, rows)


def recall_table(sets: list[Set]) -> list[str]:
    rows = []
    for one in sets:
        for name in ("gigavector", "gigavector hybrid", "hnswlib"):
            if name in one["indexes"]:
                found = {point["setting"]: point["recall"] for point in one["indexes"][name]["curve"]}
                rows.append([title(one), name, *(number(found.get(ef), ".4f") for ef in EFS)])
    return table(["data", "", *(f"ef {ef}" for ef in EFS)], 2, rows)


def delete_table(sets: list[Set]) -> list[str]:
    rows = [
        [one["data"], point["ef"], f"{point['deleted']:.4f}", f"{point['fresh']:.4f}"]
        for one in sets
        for point in one["deletes"]["recall"]
    ]
    return table(["data", "ef", "recall after deleting half", "recall of a fresh build"], 1, rows)


JS_PEERS = ("hnswlib-wasm", "edgevec")
JS_SCAN = "plain loop"


def against(one: Set, name: str) -> list[str]:
    """How many times as fast as the peers of its host at recall 0.95; a scan is beside the plain loop only."""
    host, _, index = name.partition(" ")
    scans = "flat" in index or index == JS_SCAN
    mine = speed_of(one, name, "0.95")
    graphs = [None if scans else speed_of(one, f"{host} {peer}", "0.95") for peer in JS_PEERS]
    loop = speed_of(one, f"{host} {JS_SCAN}", "0.95") if scans else None
    return [ratio(mine, theirs) for theirs in (*graphs, loop)]


def no_files(one: Set) -> list[str]:
    """What could not be saved, or not be opened again, and why."""
    reasons = [f"{name} ({index['file_error']})" for name, index in one["indexes"].items() if "file_error" in index]
    return ["", f"Not saved, or not opened again: {'; '.join(reasons)}."] if reasons else []


def milliseconds(seconds: float | None) -> str:
    return number(None if seconds is None else seconds * 1e3, ",.1f")


def js_speed_table(one: Set) -> list[str]:
    rows = []
    for name, index in one["indexes"].items():
        speeds = [speed(index, recall) for recall in ("0.90", "0.95", "0.99")]
        best = max(point["recall"] for point in index["curve"])
        rows.append([name, *speeds, f"{best:.4f}", *against(one, name), latency(index["single"])])
    peers = [f"÷ {peer}" for peer in (*JS_PEERS, JS_SCAN)]
    return table([title(one), "at 0.90", "at 0.95", "at 0.99", "best recall", *peers, "p50 / p99 us"], 1, rows)


def js_cost_table(one: Set) -> list[str]:
    rows = []
    for name, index in one["indexes"].items():
        inserts = one["rows"] / index["build"][-1]["seconds"]
        size = number(index["file_bytes"] / MIB if "file_bytes" in index else None, ",.1f")
        opened = index.get("open", {}).get("seconds")
        times = [milliseconds(index.get("save_s")), milliseconds(opened)]
        rows.append([name, number(inserts), number(index["memory_bytes"] / MIB, ",.1f"), size, *times])
    head = [title(one), "inserts a second", "memory, MiB", "saved, MiB", "save, ms", "open, ms"]
    return [*table(head, 1, rows), *left_out(one), *no_files(one)]


def js_tables(sets: list[Set]) -> list[str]:
    ran = [(name.partition(" ")[2], index) for one in sets for name, index in one["indexes"].items()]
    hosts = sorted({index["host"] for _, index in ran if index.get("host")})
    versions = sorted({f"{name} {index['version']}" for name, index in ran if name in (*JS_PEERS, "hnswlib")})
    lines = [f"In {' and '.join(hosts)}, beside {', '.join(versions)}."]
    for one in sets:
        lines += ["", *js_speed_table(one), "", *js_cost_table(one)]
    return lines
