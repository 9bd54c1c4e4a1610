"""The tables and pictures of docs/performance.md that `bench sweeps` and `bench filters` fill."""

from __future__ import annotations

from bench_chart import Panel, grid
from bench_data import K
from report_tables import Set, left_out, number, table, title

ASKS = {
    "normal": f"{K} hits, normal queries",
    "between": f"{K} hits, queries between rows",
}


def _cell(found: Set | None) -> str:
    return "–" if found is None else f"{found['recall']:.4f} · {found['qps']:,.0f}"


def _named(ask: str) -> str:
    if ask in ASKS:
        return ASKS[ask]
    k = int(ask.split("-")[1])
    return f"{k:,} hit{'s' if k > 1 else ''}"


def _indexes(by_index: list[Set]) -> list[str]:
    return list(dict.fromkeys(name for found in by_index for name in found))


def ask_table(sets: list[Set]) -> list[str]:
    names = _indexes([found for one in sets for found in one["asks"].values()])
    rows = [
        [title(one), _named(ask), *(_cell(found.get(name)) for name in names)]
        for one in sets
        for ask, found in one["asks"].items()
    ]
    return [*table(["data", "asked", *names], 2, rows), *(line for one in sets for line in left_out(one))]


def duplicate_table(sets: list[Set]) -> list[str]:
    rows = []
    for one in sets:
        for name in one["builds"]:
            plain, twice = (each["asks"][f"own-{K}"].get(name) for each in (one, one["duplicates"]))
            seconds = [each["builds"].get(name, {}).get("seconds") for each in (one, one["duplicates"])]
            rows.append([title(one), name, _cell(plain), _cell(twice), *(number(each, ".1f") for each in seconds)])
    head = ["data", "", "rows as they are", "a tenth equal to others", "build, s", "with equal rows, s"]
    return table(head, 2, rows)


def turnover_table(sets: list[Set]) -> list[str]:
    efs = list(next(iter(sets[0]["turnovers"].values()))["at random"][0]["recall"])
    rows = [
        [
            title(one),
            name,
            order,
            state.get("turnovers", "as built"),
            *(f"{state['recall'][ef]:.4f}" for ef in efs),
            f"{state['reachable']:,} of {state['rows']:,}",
            *(number(state[size] / 2**20, ",.1f") for size in ("memory_bytes", "file_bytes")),
        ]
        for one in sets
        for name, orders in one["turnovers"].items()
        for order, states in orders.items()
        for state in states
    ]
    head = ["data", "", "deleted", "turnovers", *(f"recall at ef {ef}" for ef in efs), "rows reachable"]
    return table([*head, "memory, MiB", "file, MiB"], 3, rows)


# ---- growth ----


def growth_table(sizes: list[Set], easier: float, recall: float) -> list[str]:
    rows = []
    for one in sizes:
        for name, index in one["indexes"].items():
            counts = index["distances"] or {}
            rows.append(
                [
                    f"{one['rows']:,}",
                    name,
                    *("not reached" if qps is None else number(qps) for qps in (index["qps_easier"], index["qps"])),
                    *(number(counts.get(sort)) for sort in ("codes", "bits", "rows")),
                    number(index["build_us"]),
                    index["build_threads"],
                    number(index["memory_bytes"] / one["rows"]),
                ]
            )
    head = ["rows", "", f"queries a second at {easier:.2f}", f"at {recall:.2f}", "7-bit codes", "1-bit codes", "whole rows"]
    return table([*head, "build, us a row", "threads", "bytes a row"], 2, rows)


def _lines(sizes: list[Set], value_of: str) -> dict[str, list[tuple[float, float]]]:
    names = _indexes([one["indexes"] for one in sizes])
    lines: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for one in sizes:
        for name, index in one["indexes"].items():
            if value_of == "distances":
                value = sum(count or 0 for count in (index["distances"] or {}).values())
            else:
                value = index[value_of]
            if value:
                lines[name].append((one["rows"], value))
    return {name: line for name, line in lines.items() if line}


def growth_plot(sizes: list[Set], recall: float) -> str:
    named = {
        "qps": f"queries a second at recall {recall:g}",
        "distances": "distances a query, of any kind",
        "build_us": "microseconds a row to build",
    }
    lines = {key: _lines(sizes, key) for key in named}
    panels = [Panel(named[key], "rows", lines[key], x_form=_thousands) for key in named if lines[key]]
    first = sizes[0]
    return grid(f"From {first['rows']:,} rows of {first['dimension']} on, clustered, {first['metric']}", [panels])


def _thousands(rows: float) -> str:
    return f"{rows / 1e6:g}M" if rows >= 1e6 else f"{rows / 1e3:g}k"


# ---- filters ----


def _filter_cell(found: Set | None) -> str:
    return _cell(found) + (f" ({found['short']} short)" if found and found["short"] else "")


def filter_tables(one: Set) -> list[str]:
    names = _indexes([line["indexes"] for line in one["filters"]])
    rows = [
        [
            line["kind"],
            f"{line['rate'] * 100:g} %",
            line["queries"],
            *(_filter_cell(line["indexes"].get(n)) for n in names),
        ]
        for line in one["filters"]
    ]
    return [*table([title(one), "rows that pass", "queries", *names], 1, rows), *left_out(one)]


def filter_plots(one: Set) -> str:
    kinds = list(dict.fromkeys(line["kind"] for line in one["filters"]))
    names = _indexes([line["indexes"] for line in one["filters"]])

    def lines(kind: str, what: str) -> dict[str, list[tuple[float, float]]]:
        chosen = [line for line in one["filters"] if line["kind"] == kind]
        return {
            name: [(f["rate"] * 100, f["indexes"][name][what]) for f in chosen if name in f["indexes"]]
            for name in names
        }

    passing = "% of rows that pass"
    recalls = [Panel(f"{kind}: recall@{K}", passing, lines(kind, "recall"), share=True) for kind in kinds]
    speeds = [Panel(f"{kind}: queries a second", passing, lines(kind, "qps")) for kind in kinds]
    return grid(f"Filters on {title(one)}, one query a call", [recalls, speeds])
