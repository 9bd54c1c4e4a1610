"""Put the results of runs into docs/performance.md, between its markers, and the pictures beside it.

    ./build.sh bench && ./build.sh bench js && ./build.sh bench serve
    ./build.sh bench report [FILE ...]

Without files: the newest native and the newest js results in build/bench, and what `bench serve` printed. Several files
of one kind: the sets of all of them. A section without results stays as it is.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from bench_data import ROOT
from bench_plot import svg
from run import FORM

DOCUMENT = ROOT / "docs" / "performance.md"
PICTURES = DOCUMENT.parent / "performance"
RESULTS = ROOT / "build" / "bench"
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


def speed_of(one: Set, name: str, recall: str) -> float | None:
    index = one["indexes"].get(name)
    return index["qps_at"][recall] if index else None


def by_speed(one: Set) -> list[tuple[str, Set]]:
    return sorted(one["indexes"].items(), key=lambda item: -(item[1]["qps_at"]["0.95"] or 0))


def opening(found: dict[str, float] | None) -> str:
    return "–" if found is None else f"{found['seconds'] * 1e3:,.1f} + {found['first_100_ms']:,.1f}"


def left_out(one: Set) -> list[str]:
    if not one["left_out"]:
        return []
    return ["", "Left out: " + "; ".join(f"{name} ({reason})" for name, reason in one["left_out"].items()) + "."]


def search_tables(sets: list[Set]) -> list[str]:
    lines = []
    for one in sets:
        rows = []
        for name, index in by_speed(one):
            speeds = [number(index["qps_at"][recall]) for recall in ("0.90", "0.95", "0.99")]
            single = index["single"]
            against = [ratio(index["qps_at"]["0.95"], speed_of(one, peer, "0.95")) for peer in COMPARED]
            latency = f"{single['p50_us']:,.0f} / {single['p99_us']:,.0f} ({single['recall']:.3f})"
            rows.append([name, index["version"], *speeds, *against, latency])
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
                ]
            )
        head = [title(one), "build, 1 thread, s", "2 threads", "memory, MiB", "bytes a row", "file, MiB", "save, s"]
        lines += ["", *table([*head, "open, ms", "mapped, ms"], 1, rows)]
    return lines[1:]


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


def plots(sets: list[Set]) -> list[str]:
    """Writes the pictures; the lines that show them."""
    PICTURES.mkdir(exist_ok=True)
    lines = []
    for one in sets:
        path = PICTURES / f"{one['data']}.svg"
        path.write_text(svg(one))
        lines.append(f"![Recall and queries a second on {title(one)}]({PICTURES.name}/{path.name})")
    return lines


def js_tables(sets: list[Set]) -> list[str]:
    lines = []
    for one in sets:
        rows = []
        for name, index in one["indexes"].items():
            peer = {"node": "node hnswlib-wasm", "chromium": "chromium hnswlib-wasm"}.get(name.split(" ")[0], name)
            if "flat" in name or "loop" in name:
                peer = f"{name.split(' ')[0]} plain loop"
            single = index["single"]
            rows.append(
                [
                    name,
                    *(number(index["qps_at"][recall]) for recall in ("0.90", "0.95", "0.99")),
                    ratio(index["qps_at"]["0.95"], speed_of(one, peer, "0.95")),
                    number(one["rows"] / index["build"][-1]["seconds"]),
                    f"{single['p50_us']:,.0f} / {single['p99_us']:,.0f}",
                    number(index["memory_bytes"] / MIB),
                ]
            )
        head = [title(one), "at 0.90", "at 0.95", "at 0.99", "÷ peer", "inserts a second", "p50 / p99 us", "MiB"]
        lines += ["", *table(head, 1, rows), *left_out(one)]
    hosts = sorted({index["host"] for one in sets for index in one["indexes"].values() if index.get("host")})
    return [f"In {' and '.join(hosts)}.", *lines]


def promise_table(runs: list[dict[str, Any]]) -> list[str]:
    words = {True: "kept", False: "**broken**", None: "not judged"}
    rows = [[words[line["kept"]], line["promise"], line["found"]] for run in runs for line in run["promises"]]
    return table(["", "promise", "found"], 3, rows)


def read(paths: list[Path]) -> dict[str, list[dict[str, Any]]]:
    runs: dict[str, list[dict[str, Any]]] = {"native": [], "js": []}
    for path in paths:
        run = json.loads(path.read_text())
        if run.get("form") != FORM:
            sys.exit(f"{path}: results of form {run.get('form')}, this program reads {FORM}")
        runs[run["kind"]].append(run)
    return runs


def newest() -> list[Path]:
    found = (sorted(RESULTS.glob(f"*-{kind}.json"))[-1:] for kind in ("native", "js"))
    return [path for paths in found for path in paths]


def sections(runs: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    """The lines for each marker that there are results for."""
    made: dict[str, list[str]] = {}
    sets = [one for run in runs["native"] for one in run["sets"]]
    searched = [one for one in sets if "indexes" in one]
    if searched:
        made |= {"search": search_tables(searched), "costs": cost_tables(searched), "recall": recall_table(searched)}
        made["plots"] = plots(searched)
    deleted = [one for one in sets if "deletes" in one]
    if deleted:
        made["deletes"] = delete_table(deleted)
    if runs["js"]:
        made["js"] = js_tables([one for run in runs["js"] for one in run["sets"]])
    every = runs["native"] + runs["js"]
    if every:
        made["promises"] = promise_table(every)
        made["machine"] = sorted({f"{run['machine']}; commit {run['commit']}" for run in every})
    served = RESULTS / "serve.txt"
    if served.is_file():
        printed = served.read_text().splitlines()
        made["serve"] = ["```text", *(line for line in printed if " p99 " in line or " open " in line), "```"]
    return made


def main() -> None:
    made = sections(read([Path(name) for name in sys.argv[1:]] or newest()))
    if not made:
        sys.exit(f"no results in {RESULTS}: run ./build.sh bench first")
    text = DOCUMENT.read_text()
    for name, lines in made.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        put = "".join(f"{line}\n" for line in lines)
        text, count = re.subn(pattern, lambda m, put=put: m[1] + put + m[2], text, flags=re.DOTALL)
        if count != 1:
            sys.exit(f"{DOCUMENT}: no place for {name}")
    DOCUMENT.write_text(text)
    print(f"{DOCUMENT}: {', '.join(made)}")


if __name__ == "__main__":
    main()
