"""Put the tables of a run into docs/performance.md, between its markers.

    ./build.sh bench --json results.jsonl
    ./build.sh bench serve | tee serve.txt
    .venv/bin/python tests/bench/report.py results.jsonl serve.txt
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
EFS = (16, 50, 100)


def row(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def search_table(results: list[dict[str, Any]]) -> list[str]:
    lines = [
        row(["data", "", *(f"recall@10, ef {ef}" for ef in EFS), "speed at recall 0.95", "build", "bytes a row"]),
        row(["---", "---", *["---:"] * (len(EFS) + 3)]),
    ]
    for result in results:
        theirs = result["hnswlib"]
        for name in ("gigavector", "hnswlib"):
            index = result[name]
            recalls = {point["ef"]: point["recall"] for point in index["curve"]}
            speed = index["qps_at_0.95"] / theirs["qps_at_0.95"]
            build = index["build_s"] / theirs["build_s"]
            first = f"{result['data']}, {result['rows']:,} x {result['dimension']}" if name == "gigavector" else ""
            cells = [first, name, *(f"{recalls[ef]:.4f}" for ef in EFS), f"{speed:.2f}", f"{build:.2f}"]
            lines.append(row([*cells, f"{index['bytes_a_row']:.0f}"]))
    return lines


def delete_table(results: list[dict[str, Any]]) -> list[str]:
    lines = [row(["data", "ef", "recall after deleting half", "recall of a fresh build"]), row(["---", "---:", "---:", "---:"])]
    for result in results:
        for i, point in enumerate(result["recall"]):
            first = result["data"] if i == 0 else ""
            lines.append(row([first, point["ef"], f"{point['deleted']:.4f}", f"{point['fresh']:.4f}"]))
    return lines


def main() -> None:
    with open(sys.argv[1]) as file:
        results = [json.loads(line) for line in file]
    by_mode = {mode: [r for r in results if r["mode"] == mode] for mode in ("search", "deletes")}
    tables = {"search": search_table(by_mode["search"]), "deletes": delete_table(by_mode["deletes"])}
    tables["machine"] = [results[0]["machine"]]
    printed = Path(sys.argv[2]).read_text().splitlines()
    tables["serve"] = ["```text", *(line for line in printed if " p99 " in line or " open " in line), "```"]
    text = DOCUMENT.read_text()
    for name, lines in tables.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        text, count = re.subn(pattern, lambda m, lines=lines: m[1] + "\n".join(lines) + "\n" + m[2], text, flags=re.DOTALL)
        if count != 1:
            sys.exit(f"{DOCUMENT}: no place for {name}")
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
