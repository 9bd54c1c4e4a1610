#!/usr/bin/env python3
"""Write the conformance corpus: the cases of cases_*.py with the hits of canonical.py, one JSON file each.

generate.py                  write the cases; hashes and recorded hits stay as they are
generate.py --check          write nothing; fail if a file is not what would be written
generate.py --update RUNNER  write the cases, then take hashes and recorded hits from the C runner
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import cases_answers
import cases_changes
import cases_files
import cases_filters
import cases_kdtree
import cases_lists
import cases_queries
import cases_sparse
import cases_storage
import cases_walks

MODULES = (
    *(cases_answers, cases_changes, cases_files, cases_filters, cases_kdtree, cases_lists, cases_queries, cases_sparse),
    *(cases_storage, cases_walks),
)
HERE = Path(__file__).resolve().parent


def as_text(case: dict) -> str:
    """One line a step, so that a diff shows the step."""
    write = lambda value: json.dumps(value, ensure_ascii=False, allow_nan=False)  # noqa: E731
    lines = [f"  {write(key)}: {write(value)}" for key, value in case.items() if key not in ("steps", "files")]
    lines.append('  "steps": [\n' + ",\n".join("    " + write(step) for step in case["steps"]) + "\n  ]")
    if "files" in case:
        files = ",\n".join(f"    {write(name)}: {write(value)}" for name, value in case["files"].items())
        lines.append('  "files": {\n' + files + "\n  }")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def keep_recorded(case: dict, old: dict) -> None:
    """Carry over what only the library can say."""
    for name in case.get("files", {}):
        case["files"][name] = old.get("files", {}).get(name)
    for step, before in zip(case["steps"], old.get("steps", []), strict=False):
        if step.get("recorded"):
            step["hits"] = before.get("hits")


def take_from(runner: str, cases: dict[str, dict]) -> bool:
    """Run the C runner in its recording mode: one JSON object a line. A failed case keeps its old."""
    done = subprocess.run([runner, "--record"], stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        said = json.loads(line)
        case = cases[said["case"]]
        if "file" in said:
            case["files"][said["file"]] = {"bytes": said["bytes"], "sha256": said["sha256"]}
        else:
            case["steps"][said["step"]]["hits"] = said["hits"]
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file differs")
    parser.add_argument("--update", metavar="RUNNER", help="the C runner, built from the cases as they are now")
    arguments = parser.parse_args()

    made = [case for module in MODULES for group in module.GROUPS for case in group()]
    cases = {case.name: case.as_json() for case in made}
    assert len(cases) == len(made), "two cases have one name"
    for name, case in cases.items():
        path = HERE / f"{name}.json"
        if path.exists():
            keep_recorded(case, json.loads(path.read_text("utf-8")))
    passed = take_from(arguments.update, cases) if arguments.update else True

    different = []
    for name, case in cases.items():
        path, text = HERE / f"{name}.json", as_text(case)
        if not path.exists() or path.read_text("utf-8") != text:
            different.append(path.name)
            if not arguments.check:
                path.write_text(text, "utf-8")
    for path in sorted(HERE.glob("*.json")):
        if path.stem not in cases:
            different.append(path.name)
            if not arguments.check:
                path.unlink()
    print(f"{len(cases)} cases, {len(different)} {'differ' if arguments.check else 'written'}")
    for name in different:
        print("  " + name)
    return 1 if not passed or (arguments.check and different) else 0


if __name__ == "__main__":
    sys.exit(main())
