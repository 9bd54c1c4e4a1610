"""Put the results of runs into docs/performance.md, between its markers, and the pictures beside it.

    ./build.sh bench && ./build.sh bench js && ./build.sh bench serve
    ./build.sh bench sweeps && ./build.sh bench filters && ./build.sh bench storage && ./build.sh bench ivfpq
    ./build.sh bench report [FILE ...]

Without files: the newest results of each kind in build/bench, and what `bench serve` printed. Several files of one
kind: the sets of all of them. A section without results stays as it is.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from bench_data import ROOT
from bench_plot import svg
from bench_run import FORM, RESULTS
from report_sweeps import (
    ask_table,
    duplicate_table,
    filter_plots,
    filter_tables,
    growth_plot,
    growth_table,
    turnover_table,
)
from report_tables import (
    Set,
    cost_tables,
    delete_table,
    ivfpq_table,
    js_tables,
    recall_table,
    search_tables,
    storage_table,
    table,
    title,
)

DOCUMENT = ROOT / "docs" / "performance.md"
PICTURES = DOCUMENT.parent / "performance"
KINDS = ("native", "js", "sweeps", "filters", "storage", "ivfpq")


def picture(name: str, about: str, drawn: str) -> str:
    """Writes it; the line that shows it."""
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.svg").write_text(drawn)
    return f"![{about}]({PICTURES.name}/{name}.svg)"


def plots(sets: list[Set]) -> list[str]:
    return [picture(one["data"], f"Recall and queries a second on {title(one)}", svg(one)) for one in sets]


def promise_table(runs: list[dict[str, Any]]) -> list[str]:
    words = {True: "kept", False: "**broken**", None: "not judged"}
    rows = [[words[line["kept"]], line["promise"], line["found"]] for run in runs for line in run["promises"]]
    return table(["", "promise", "found"], 3, rows)


def read(paths: list[Path]) -> dict[str, list[dict[str, Any]]]:
    runs: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for path in paths:
        run = json.loads(path.read_text())
        if run.get("form") != FORM:
            sys.exit(f"{path}: results of form {run.get('form')}, this program reads {FORM}")
        runs[run["kind"]].append(run)
    return runs


def newest() -> list[Path]:
    found = (sorted(RESULTS.glob(f"*-{kind}.json"))[-1:] for kind in KINDS)
    return [path for paths in found for path in paths]


def sweep_sections(runs: list[dict[str, Any]]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    sets = [one for run in runs for one in run["sets"]]
    if asked := [one for one in sets if len(one.get("asks", ())) > 1]:
        made["asks"] = [*ask_table(asked), "", *machines(runs, "asks")]
    if doubled := [one for one in sets if "duplicates" in one]:
        made["duplicates"] = [*duplicate_table(doubled), "", *machines(runs, "duplicates")]
    if turned := [one for one in sets if "turnovers" in one]:
        made["turnovers"] = [*turnover_table(turned), "", *machines(runs, "turnovers")]
    if sizes := [one for run in runs for one in run["growth"]]:
        recall = runs[0]["target"]
        shown = picture("growth", f"Cost at recall {recall} as rows become more", growth_plot(sizes, recall))
        made["growth"] = [shown, "", *growth_table(sizes, runs[0]["easier"], recall), "", *machines([run for run in runs if run["growth"]])]
    return made


def filter_sections(runs: list[dict[str, Any]]) -> dict[str, list[str]]:
    made: list[str] = []
    for one in (one for run in runs for one in run["sets"]):
        shown = picture(f"filters-{one['data']}", f"Searches with a filter on {title(one)}", filter_plots(one))
        made += ["", shown, "", *filter_tables(one)]
    return {"filters": [*made[1:], "", *promise_table(runs), "", *machines(runs)]} if made else {}


def machines(runs: list[dict[str, Any]], part: str = "") -> list[str]:
    """Of the runs whose sets have that part; of all without one."""
    ran = [run for run in runs if not part or any(part in one for one in run["sets"])]
    return sorted({f"{run['machine']}; commit {run['commit']}" for run in ran})


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
    if ran := runs["js"]:
        shown = js_tables([one for run in ran for one in run["sets"]])
        made["js"] = [*shown, "", *promise_table(ran), "", *machines(ran)]
    if stored := [one for run in runs["storage"] for one in run["sets"]]:
        made["storage"] = [*storage_table(stored), "", *machines(runs["storage"])]
    if listed := [one for run in runs["ivfpq"] for one in run["sets"]]:
        made["ivfpq"] = [*ivfpq_table(listed), "", *machines(runs["ivfpq"])]
    made |= sweep_sections(runs["sweeps"]) | filter_sections(runs["filters"])
    if every := runs["native"]:
        made["promises"] = promise_table(every)
        made["machine"] = machines(every)
    served = RESULTS / "serve.txt"
    if served.is_file():
        printed = served.read_text().splitlines()
        shown = [line for line in printed if " p99 " in line or " open " in line]
        made["serve"] = ["```text", *shown, "```", "", *(line for line in printed if "; commit " in line)]
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
