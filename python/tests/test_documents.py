"""The examples of our own documents run, in order, as a reader would type them: one process and one folder a document.

Without this test a document could show calls that no longer work. Python blocks run; C blocks are compiled.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from documents import HEADER, PROJECT, code_blocks, run_code

DOCUMENTS = ["docs/usage.md", "docs/filters.md", "docs/python_bindings.md", "python/README.md"]


def python_of(document: Path) -> str:
    """All Python blocks as one program, each at its own line, so that an error names the line of the document."""
    program: list[str] = []
    for block in code_blocks(document):
        if block.language == "python":
            program += [""] * (block.line - 1 - len(program)) + block.text.split("\n")[:-1]
    return "\n".join(program)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_examples_run(name, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    program = python_of(PROJECT / name)
    assert "gigavector" in program, "no Python in it: then what is tested here?"
    done = run_code(program, folder)
    assert (done.returncode, done.stderr) == (0, ""), f"{name}: {done.stderr}"


@pytest.mark.parametrize("name", ["README.md", "docs/c_api_guide.md"])
def test_python_and_c_of_other_documents(name, tmp_path):
    """Each Python block of these runs alone; each C block with a main() compiles."""
    document = PROJECT / name
    compiler = shutil.which("cc") or shutil.which("gcc")
    for number, block in enumerate(code_blocks(document)):
        folder = tmp_path / str(number)
        folder.mkdir()
        if block.language == "python":
            done = run_code(block.text, folder)
            assert done.returncode == 0, f"{name}, line {block.line}: {done.stderr}"
        if block.language == "c" and "main(" in block.text:
            source = tmp_path / f"{number}.c"
            source.write_text(block.text)
            command = [compiler, "-std=c11", "-Wall", "-Werror", "-fsyntax-only", f"-I{HEADER.parent}", source]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, f"{name}, line {block.line}: {done.stderr}"


def test_documents_name_files_that_exist():
    """Links of all documents, and the files of this tree that they name in backquotes, are there."""
    folders = ("docs", "docs/adr", "js", "python", "python/demo", "tests/conformance")
    documents = [*PROJECT.glob("*.md"), *(path for folder in folders for path in (PROJECT / folder).glob("*.md"))]
    assert len(documents) > 12
    for document in documents:
        text = document.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (document.parent / link).exists(), f"{document} links to {link}"
        for name in re.findall(r"`((?:docs|include|scripts|src|tests|cmake)/[\w./-]+\.\w+)`", text):
            assert (PROJECT / name).exists(), f"{document} names {name}"
