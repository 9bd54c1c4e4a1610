"""summary.py suites.txt: the table at the end of `./build.sh test`, and its exit code.

Each line: suite, kind of output, exit code, seconds, log. A suite that failed without counting a failure, or that
counted no test at all, counts as one failure: nothing passes by not running."""
from __future__ import annotations

import re
import sys
from pathlib import Path


def number(pattern: str, text: str) -> int:
    """The last count that `pattern` finds, since logs end with their totals."""
    found = re.findall(pattern, text, re.MULTILINE)
    return int(found[-1]) if found else 0


def counts(kind: str, text: str, code: int) -> tuple[int, int, int]:
    """(passed, failed, skipped) as the suite's own output says."""
    if kind == "ctest":
        failed = number(r"tests passed, (\d+) tests? failed out of \d+", text)
        skipped = len(re.findall(r"\*\*\*(?:Skipped|Not Run)", text))
        whole = len(re.findall(r"^skip  ", text, re.MULTILINE))  # the suite itself
        return number(r"tests? failed out of (\d+)", text) - failed - skipped, failed, skipped + whole
    if kind == "pytest":
        last = [line for line in text.splitlines() if re.search(r" in [\d.]+s", line)][-1:]
        totals = {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", last[0] if last else "")}
        failed = totals.get("failed", 0) + totals.get("error", 0) + totals.get("errors", 0)
        return totals.get("passed", 0), failed, totals.get("skipped", 0) + totals.get("xfailed", 0)
    if kind == "node":
        passed, failed, cancelled, skipped, todo = (
            number(rf"^(?:#|ℹ) {word} (\d+)", text) for word in ("pass", "fail", "cancelled", "skipped", "todo")
        )
        return passed, failed + cancelled, skipped + todo
    if kind == "mutants":
        survived = number(r"^\d+ mutants, (\d+) survived", text)
        return number(r"^(\d+) mutants, ", text) - survived, survived, 0
    if kind == "check":
        return tuple(len(re.findall(rf"^{word}  ", text, re.MULTILINE)) for word in ("ok  ", "FAIL", "skip"))
    return int(code == 0), int(code != 0), 0


def main(path: str) -> int:
    rows, reasons = [], []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        name, kind, code, seconds, log = line.split("\t")
        text = re.sub(r"\x1b\[[0-9;]*m", "", Path(log).read_text(encoding="utf-8", errors="replace"))
        passed, failed, skipped = counts(kind, text, int(code))
        if failed == 0 and (int(code) != 0 or passed + skipped == 0):
            failed = 1
        rows.append((name, passed, failed, skipped, int(seconds)))
        reasons += [found for found in re.findall(r"^(?:skip  +.*|SKIPPED .*|\s*ok .*# SKIP .*)$", text, re.MULTILINE)]
        if failed:
            reasons.append(f"failed: {name}, see {log}")
    print(f"\n{'suite':<16}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for name, passed, failed, skipped, seconds in rows:
        print(f"{name:<16}{passed:>8}{failed:>8}{skipped:>9}{seconds:>9}")
    print(*reasons, sep="\n")
    passed, failed, skipped = (sum(row[i] for row in rows) for i in (1, 2, 3))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
