"""The guide that users hold in their hands: every code block of it runs, as it stands or as the table here says.

Without this file a renamed method, a changed default or a block that stopped working would go unnoticed until a reader
pastes it. `seed_guide.md` is that guide, byte for byte. A block without an entry in TREATMENTS fails.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from documents import HEADER, PROJECT, Block, code_blocks, run_code

GUIDE = Path(__file__).with_name("seed_guide.md")
GUIDE_SHA256 = "13fe0d50829851f7f2856711646dcc99453bd3bed21a390c2d189d86a62adfb4"
BLOCKS = code_blocks(GUIDE)

# What the guide takes for granted around its blocks: the imports, an open database, some vectors.
PRELUDE = """
import random
from typing import Sequence
from gigavector import Database, DistanceType, HNSWConfig, IndexType, IVFPQConfig
from gigavector._ffi import ffi, lib

random.seed(7)
dimension = 128
vectors = [[random.random() for _ in range(dimension)] for _ in range(40)]
queries = vectors[:3]
vector = query = vectors[0]
metadata = {"id": 1, "price": 99.5}
key = "id"
db = Database.open(None, dimension=dimension)
"""

RAW_HANDLE = """
opened = Database.open(None, dimension={dimension})
db = opened._db
"""


@dataclass(frozen=True)
class Run:
    """Run the block after the prelude: `edits` are made first (each must apply), `then` is run after it."""

    begins: str  # the block's first line, so that a block that moves is noticed
    before: str = ""
    edits: tuple[tuple[str, str], ...] = ()
    then: str = ""
    prints: str = ""  # a regular expression for the output
    leaves: str = ""  # the one file that is left in the folder


@dataclass(frozen=True)
class Drawing:
    """No code: every file that it names exists."""

    begins: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Declarations:
    """C in a cdef: it is compiled after #include <gigavector.h>, and the rest of the block runs on the header."""

    begins: str


@dataclass(frozen=True)
class Pair:
    """A declaration here and its wrapper in the next block: both run, against a function that exists."""

    begins: str


@dataclass(frozen=True)
class Second:
    """The second half of the Pair before it."""

    begins: str


@dataclass(frozen=True)
class Configurations:
    """Two runs: HNSW, its quantisation with it, and IVFPQ."""

    begins: str


Treatment = Run | Drawing | Declarations | Pair | Second | Configurations

TREATMENTS: list[Treatment] = [
    Drawing("Python Code", ("python/gigavector/_core.py", "python/gigavector/_ffi.py", "include/gigavector.h")),
    Declarations("from cffi import FFI"),
    Run(
        "# Python creates a buffer",
        before=RAW_HANDLE.format(dimension=3),
        then="del buf; assert opened.get(0).data.tolist() == [ffi.cast('float', x) for x in (0.1, 0.2, 0.3)]",
    ),
    Run(
        "from gigavector import Database, IndexType, DistanceType",
        then="assert [(hit.id, hit.distance, hit.vector.metadata) for hit in results] == [(0, 0.0, {'id': '1'})]",
        leaves="example.db",
    ),
    Run("# Automatically closes database", then="assert len(results) == 1 and db.closed", leaves="example.db"),
    Run(
        "# Add vector with metadata",
        then="assert [hit.vector.metadata['price'] for hit in results] == ['99.99']; "
        "assert db.search(query, k=10, filter_metadata=('category', 'books')) == []",
    ),
    Run(
        "# Batch insertion (more efficient)",
        then="assert len(db) == 1000; assert [len(hits) for hits in all_results] == [5] * 10",
    ),
    Configurations("from gigavector import HNSWConfig, IVFPQConfig"),
    Run("# Good", leaves="db.db"),
    Run("# The library checks dimensions automatically", prints=r"^Error: expected vector of dim 128, got 64$"),
    Run("try:", then="assert len(db) == 1 and db.path == 'db.db'", prints=r"^$", leaves="db.db"),
    Run("# Good - efficient", then="assert len(db) == 2 * len(vectors) and len(results) == len(queries)"),
    Run("# Results are returned as Python lists", then="assert results == [] and type(results) is list"),
    Run("# Check memory usage", prints=r"^Memory: \d+\.\d\d MB\nMax memory: \d+\nMax vectors: \d+$"),
    Run(
        "# Good - list of floats",
        before="db = Database.open(None, dimension=3)",
        edits=(("[0.1, 0.2, 0.3, ...]", "[0.1, 0.2, 0.3]"),),
        then="""
db.add_vector(vector)  # the array itself, too
assert db.get(0) == db.get(1)
try:
    db.add_vector(vector, metadata=metadata)
except ValueError as error:
    assert "'key'" in str(error) and "list" in str(error), error
else:
    raise AssertionError("metadata that is no string was taken")
""",
    ),
    Declarations("# C type definitions"),
    Pair('ffi.cdef("""'),
    Second("class Database:"),
    Run(
        "# Python list to C float array",
        before="metadata = {'id': '1', 'name': 'Müller'}",
        then="""
assert c_str == b"id"
assert lib.gv_db_add_vector_with_rich_metadata(db._db, buf, len(buf), keys_c, values_c, len(keys)) == 0
row = ffi.new("GV_Vector **")
assert lib.gv_db_get(db._db, 0, row) == 0
assert _metadata_to_dict(row[0].metadata) == metadata == db.get(0).metadata
lib.gv_vector_free(row[0])
""",
    ),
    Run(
        "def safe_call(func, *args):",
        before=RAW_HANDLE.format(dimension=128) + "buf = ffi.new('float[]', vector)",
        then="assert len(opened) == 1",
    ),
    Run("# Check library path", prints=r"(?s)GIGAVECTOR_LIB.*folder of this package.*build/release.*loader"),
    Run("# Always use context managers", then="assert db.closed", leaves="db.db"),
    Run("# Use batch operations", then="assert len(db) == 2 * len(vectors)"),
    Run(
        "# Ensure vectors are lists of floats",
        before="vector = list(range(128))",
        then="assert db.get(db.add_vector(vector, metadata)).metadata == {'id': '1', 'price': '99.5'}",
    ),
    Run(
        "import cffi",
        edits=(("cffi.verifier.set_verbose(True)", "assert not hasattr(cffi, 'verifier'), 'it is back'"),),
        then="print(ffi.typeof(lib.gv_db_add_vector))",  # docs/python_bindings.md shows the current way
        prints=r"gv_db_add_vector|GV_Database \*",
    ),
    Run("from gigavector import _ffi", prints=r"^Library loaded: <.*>$"),
    Run(
        "# Database handle is an opaque pointer",
        prints=r"^Database handle: <cdata 'GV_Database \*' .*>$",
        leaves="db.db",
    ),
    Run("import time", then="assert len(db) == 1000", prints=r"^FFI overhead: \d+\.\d{4}s$"),
    Run("# Good - single FFI call", then="assert len(db) == 2 * len(vectors)"),
    Run("# For very high-performance scenarios", then="assert len(buf) == dimension"),
    Run("# Optimal batch size depends on your use case", before="vectors *= 30", then="assert len(db) == 1200"),
]


class RefusedByName(Exception):
    """The core answered GV_ERR_UNSUPPORTED, and its sentence names what it lacks."""


def edited(text: str, edits: tuple[tuple[str, str], ...]) -> str:
    for old, new in edits:
        assert old in text, f"nothing to edit: {old!r}"
        text = text.replace(old, new)
    return text


def run(code: str, folder: Path) -> str:
    """The output of a block that ran; without a word on stderr."""
    done = run_code(code, folder)
    refused = re.search(r"^gigavector\.UnsupportedError: (.*)$", done.stderr, re.MULTILINE)
    if done.returncode and refused:
        raise RefusedByName(refused[1])
    assert done.returncode == 0, f"{done.stderr}\n--- the code ---\n{code}"
    assert done.stderr == ""
    return done.stdout.strip()


def cdef_text(block: Block) -> str:
    found = re.search(r'ffi\.cdef\("""(.*?)"""\)', block.text, re.DOTALL)
    assert found, block.text
    return found[1]


def compile_declarations(declarations: str, folder: Path) -> None:
    """Compile C after the header: prototypes must agree with it, structs must begin as its own do."""
    checks = []

    def renamed(struct: re.Match[str]) -> str:
        for field in re.findall(r"(\w+);", struct[1]):
            checks.append(
                f"_Static_assert(offsetof(guide_{struct[2]}, {field}) == offsetof({struct[2]}, {field})"
                f' && sizeof(((guide_{struct[2]} *)0)->{field}) == sizeof((({struct[2]} *)0)->{field}), "{field}");'
            )
        return f"typedef struct {{{struct[1]}}} guide_{struct[2]};"

    prototypes = re.sub(r"typedef struct \{(.*?)\} (\w+);", renamed, declarations, flags=re.DOTALL)
    assert "(" in prototypes and checks, "no prototype or no struct: then what is compiled here?"
    source = folder.parent / f"{folder.name}.c"
    source.write_text("#include <gigavector.h>\n" + prototypes + "\n".join(checks) + "\n")
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "no C compiler"
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    done = subprocess.run([compiler, *flags, f"-I{HEADER.parent}", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "empty"
    path.mkdir()
    return path


def numbered(kind: type) -> list:
    return [
        pytest.param(block, treatment, id=f"block{number}-line{block.line}")
        for number, (block, treatment) in enumerate(zip(BLOCKS, TREATMENTS, strict=False))
        if isinstance(treatment, kind)
    ]


def test_the_copy_is_the_guide():
    assert hashlib.sha256(GUIDE.read_bytes()).hexdigest() == GUIDE_SHA256


def test_every_block_has_a_treatment():
    assert [block.text.split("\n")[0] for block in BLOCKS] == [treatment.begins for treatment in TREATMENTS]


@pytest.mark.parametrize("block, how", numbered(Run))
def test_block_runs(block: Block, how: Run, folder: Path):
    output = run("\n".join((PRELUDE, how.before, edited(block.text, how.edits), how.then)), folder)
    assert re.search(how.prints, output, re.MULTILINE), output
    left = [path.name for path in folder.iterdir()]
    assert left == ([how.leaves] if how.leaves else [])


@pytest.mark.parametrize("block, how", numbered(Drawing))
def test_drawing_names_what_is_there(block: Block, how: Drawing, folder: Path):
    for name in how.names:
        assert (PROJECT / name).is_file()
    for module in re.findall(r"gigavector\.(\w+)\.py", block.text):
        run(f"import gigavector.{module}", folder)


@pytest.mark.parametrize("block, how", numbered(Declarations))
def test_declarations_agree_with_the_header(block: Block, how: Declarations, folder: Path):
    declarations = cdef_text(block)
    compile_declarations(declarations, folder)
    code = edited(block.text, ((f'ffi.cdef("""{declarations}""")', "ffi.cdef(_declarations())"),))
    before = "from cffi import FFI\nfrom gigavector._ffi import _declarations\nffi = FFI()\n"
    run(before + code + "\nassert ffi.string(lib.gv_version())", folder)


@pytest.mark.parametrize("block, how", numbered(Pair))
def test_new_function_by_one_that_exists(block: Block, how: Pair, folder: Path):
    """gv_db_new_function(db, data) becomes gv_db_add_vector(db, data, dimension)."""
    wrapper = BLOCKS[BLOCKS.index(block) + 1].text
    declaration = edited(
        block.text,
        (
            ("gv_db_new_function(GV_Database *db, const float *data)",
             "gv_db_add_vector(GV_Database *db, const float *data, size_t dimension)"),
            ('""")', '""", override=True)'),  # cffi asks for it where a name is declared already
        ),
    )  # fmt: skip
    call = ("lib.gv_db_new_function(self._db, buf)", "lib.gv_db_add_vector(self._db, buf, len(buf))")
    wrapper = edited(wrapper, (call,))
    then = """
assert Database.new_function(db, vector) == 0 and len(db) == 1
try:
    Database.new_function(db, [1.0])
except RuntimeError as error:
    assert str(error) == "gv_db_new_function failed"
else:
    raise AssertionError("a vector of another dimension was taken")
"""
    run("\n".join((PRELUDE, declaration, wrapper, then)), folder)


def configurations() -> tuple[str, str]:
    """The HNSW half and the IVFPQ half of the block on configuration."""
    (block,) = (block for block, how in zip(BLOCKS, TREATMENTS, strict=True) if isinstance(how, Configurations))
    hnsw, ivfpq = block.text.split("# IVFPQ configuration\n")
    return hnsw, block.text.split("\n")[0] + "\n" + ivfpq


def test_configuration_hnsw(folder: Path):
    then = "db.add_vectors(vectors); assert len(db.search(query, 10)) == 10 and db.index is IndexType.HNSW; db.close()"
    run(PRELUDE + configurations()[0] + then, folder)


def test_configuration_ivfpq(folder: Path):
    then = (
        "assert db.info.trained and db.index is IndexType.IVFPQ; ids = db.add_vectors(training_data); "
        "assert [hit.id for hit in db.search(training_data[7], 1)] == [7]; db.close()"
    )
    run(PRELUDE + configurations()[1] + then, folder)
