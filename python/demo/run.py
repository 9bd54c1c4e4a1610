"""Ask a distribution's package descriptions in plain words.

Reads the descriptions through apt, embeds them with all-MiniLM-L6-v2, writes a GigaVector file (HNSW, cosine, with
metadata), and answers questions from it. Model, vectors and database are kept in .cache/demo, so only the first run
takes long. In the end js/demo/reopen.mjs opens the same file in Node and compares the hits.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

BEGIN = time.perf_counter()

try:
    from gigavector import Database, GigaVectorError

    from answers import Answer, ask, show, write_answers
    from database import read_note, write_database
    from embedder import Embedder
    from packages import NoPackages, choose, distribution, read_packages
    from progress import Bar
except ModuleNotFoundError as error:
    sys.exit(f"{error.name} is not installed: ./build.sh demo installs what the demo needs and runs it")
except KeyboardInterrupt:
    sys.exit(130)

PROJECT = Path(__file__).resolve().parents[2]
QUESTIONS = (
    "Which program edits photos with layers and brushes?",
    "How can I capture and inspect network traffic?",
    "I want to play chess against the computer.",
    "What converts video files between formats?",
    "How do I recover deleted files from a memory card?",
)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--packages", type=_positive, default=10_000, metavar="N", help="how many packages (default 10000)")
    add("--all", action="store_true", help="all packages that apt knows")
    add("--query", action="append", default=[], metavar="TEXT", help="one more question; may be repeated")
    add(
        "--interactive",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="read questions from the terminal afterwards (default: where there is one)",
    )
    add("-k", type=_positive, default=5, metavar="K", help="hits a question (default 5)")
    add("--rebuild", action="store_true", help="write the database anew")
    add(
        "--cache",
        type=Path,
        default=PROJECT / ".cache" / "demo",
        metavar="FOLDER",
        help="where model, vectors, package lists and database are kept (default .cache/demo)",
    )
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 is due, not {text!r}")
    return int(text)


def open_database(
    path: Path, count: int | None, embedder: Embedder, lists: Path, rebuild: bool
) -> tuple[Database, str]:
    """The database, read-only, and the source of its texts; written first if it is not there or does not open."""
    note = None if rebuild else read_note(path)
    if note is not None:
        try:
            return Database.open(path, read_only=True), note["source"]
        except GigaVectorError as error:
            print(f"writing {_short(path)} anew, since it does not open: {error}", flush=True)
    source = distribution()
    print(f"reading the package descriptions of {source}", flush=True)
    packages = choose(read_packages(lists), count)
    vectors = embedder.embed_all([package.text for package in packages])
    write_database(path, packages, vectors, source)
    return Database.open(path, read_only=True), source


def answer_all(db: Database, embedder: Embedder, questions: list[str], k: int, interactive: bool) -> list[Answer]:
    answers = []

    def answer(question: str) -> None:
        answers.append(ask(db, embedder, question, k))
        show(answers[-1])

    for question in questions:
        answer(question)
    if interactive:
        print("\nAsk for a program in your own words; an empty line ends.")
        while question := _read_line("? "):
            answer(question)
    return answers


def reopen_in_node(answers: Path) -> int:
    """Let Node answer the same questions from the same file: 0 if its hits are equal, or if it is not set up."""
    print(flush=True)
    if shutil.which("node") is None or not (PROJECT / "js" / "gigavector.wasm").exists():
        print("not compared with Node: ./build.sh js sets it up")
        return 0
    return subprocess.run(["node", PROJECT / "js" / "demo" / "reopen.mjs", answers]).returncode


def _read_line(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except (EOFError, KeyboardInterrupt):
        print()
        return ""


def _short(path: Path) -> str:
    """The path as a user standing in the project's folder would type it."""
    return str(path.relative_to(PROJECT)) if path.is_relative_to(PROJECT) else str(path)


def main(argv: list[str] | None = None) -> int:
    options = parse_arguments(argv)
    cache: Path = options.cache.resolve()
    count = None if options.all else options.packages
    path = cache / f"packages-{count or 'all'}.gv"
    interactive = sys.stdin.isatty() if options.interactive is None else options.interactive

    embedder = Embedder(cache / "model")
    begin = time.perf_counter()
    try:
        db, source = open_database(path, count, embedder, cache / "apt", options.rebuild)
    except NoPackages as error:
        sys.exit(str(error))
    ready_ms = (time.perf_counter() - begin) * 1e3
    with db:
        size = f"{path.stat().st_size / 2**20:.1f} MiB"
        print(f"{_short(path)}: {len(db):,} packages, {size}, ready in {ready_ms:,.0f} ms")
        print(f"texts: package descriptions of {source}; model: all-MiniLM-L6-v2 (Apache-2.0), int8")
        answers = answer_all(db, embedder, [*QUESTIONS, *options.query], options.k, interactive)
    write_answers(cache / "answers.json", path, options.k, answers)
    status = reopen_in_node(cache / "answers.json")
    print(f"{len(answers)} questions answered; the whole run took {time.perf_counter() - BEGIN:.1f} s")
    return status


def run() -> int:
    """main(), where an end that is nobody's fault in here is one sentence and not a traceback."""
    signal.signal(signal.SIGINT, Bar.on_interrupt)
    try:
        return main()
    except KeyboardInterrupt:
        print("\ninterrupted; the next run goes on from what is in the cache", file=sys.stderr)
        return 130
    except (OSError, GigaVectorError) as error:  # a full disk, a folder that may not be written
        print(f"\nthe demo cannot go on: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run())
