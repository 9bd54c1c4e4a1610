"""The package as a user installs it: wheel and sdist, from an empty folder, with no source tree to lean on.

Without these tests a file missing from the wheel or the sdist would be found only after a release, since in the source
tree everything is at hand.
"""

from __future__ import annotations

import email
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from documents import PROJECT

import gigavector

pytestmark = pytest.mark.slow

CHECK = """
import pathlib, sys
import numpy as np
import gigavector
from gigavector import Database, _ffi

here = pathlib.Path(gigavector.__file__).resolve().parent
assert here.is_relative_to(pathlib.Path(sys.argv[1]).resolve()), here
assert pathlib.Path(_ffi._lib_path()).parent == here, _ffi._lib_path()
assert (here / "py.typed").is_file() and (here / "gigavector.h").is_file()
with Database.open("installed.gv", dimension=8) as db:
    db.add_vectors(np.eye(8), metadata=[{"row": str(i)} for i in range(8)])
with Database.open("installed.gv") as db:
    hit = db.search(np.eye(8)[3], k=1)[0]
    print(gigavector.__version__, hit.id, hit.distance, hit.vector.metadata)
"""
PRINTED = f"{gigavector.__version__} 3 0.0 {{'row': '3'}}"


def run(*command: object, folder: Path) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "GIGAVECTOR_LIB", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    }
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the sdist, and the wheel built from the unpacked sdist, as `python -m build` does."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, PROJECT / "python", folder=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def sdist(built) -> Path:
    (sdist,) = built.glob("*.tar.gz")
    return sdist


def test_the_wheel_is_for_any_python_of_this_platform(wheel):
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert wheel.name == f"gigavector-{gigavector.__version__}-py3-none-{platform}.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = email.message_from_bytes(archive.read(next(name for name in names if name.endswith("/METADATA"))))
    package = sorted(name.removeprefix("gigavector/") for name in names if name.startswith("gigavector/"))
    source = [path.name for path in (PROJECT / "python" / "gigavector").iterdir() if path.suffix in (".py", ".typed")]
    assert package == sorted([*source, "gigavector.h", "libGigaVector.so"])
    assert {name.split("/")[0] for name in names} == {"gigavector", f"gigavector-{gigavector.__version__}.dist-info"}
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(line.split(">")[0] for line in needed) == ["cffi", "numpy"]
    assert any(name.endswith("LICENSE") for name in names)


def test_the_sdist_carries_the_core(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    tree = {
        f"core/{path.relative_to(PROJECT)}"
        for folder in ("src", "include", "cmake")
        for path in (PROJECT / folder).rglob("*")
        if path.is_file()
    }
    assert tree <= names
    assert {"core/CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE", "gigavector/py.typed"} <= names
    stray = [name for name in names if name.endswith((".so", ".o", ".pyc")) or ".venv" in name]
    assert stray == []


def test_the_license_is_the_projects():
    assert (PROJECT / "python" / "LICENSE").read_bytes() == (PROJECT / "LICENSE").read_bytes()


def test_nothing_was_left_in_the_source_tree(built):
    left = {path.name for path in (PROJECT / "python").iterdir()} & {"core", "build", "dist", "_skbuild"}
    assert left == set()


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A new environment with the wheel, and with what pip makes of its dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    run(folder / "venv" / "bin" / "python", "-m", "pip", "install", "-q", wheel, folder=folder)
    return folder / "venv"


def test_the_wheel_works_from_an_empty_folder(environment, tmp_path):
    python = environment / "bin" / "python"
    assert run(python, "-c", CHECK, environment, folder=tmp_path) == PRINTED
    assert [path.name for path in tmp_path.iterdir()] == ["installed.gv"]
    installed = run(python, "-m", "pip", "list", "--format=freeze", folder=tmp_path).split()
    names = {line.split("==")[0].lower() for line in installed}
    assert names - {"pip", "setuptools", "wheel"} == {"gigavector", "cffi", "numpy", "pycparser"}


def test_an_editable_install_is_the_source_tree(environment, tmp_path):
    """After the test above: it takes the wheel's place. The library is then that of build/release."""
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-deps", "-e", PROJECT / "python", folder=tmp_path)
    code = "import gigavector; from gigavector import _ffi; print(gigavector.__file__, _ffi._lib_path())"
    package, library = run(python, "-c", code, folder=tmp_path).split()
    assert Path(package) == PROJECT / "python" / "gigavector" / "__init__.py"
    assert Path(library).parent == PROJECT / "build" / "release"


def test_the_sdist_installs_in_an_empty_folder(sdist, tmp_path):
    """pip builds it alone, in its own environment, from nothing but the archive."""
    folder, target = tmp_path / "empty", tmp_path / "target"
    folder.mkdir()
    alone = folder / sdist.name
    alone.write_bytes(sdist.read_bytes())
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, alone, folder=folder)
    alone.unlink()
    code = f"import sys; sys.path.insert(0, {str(target)!r})\n{CHECK}"
    assert run(sys.executable, "-P", "-c", code, target, folder=folder) == PRINTED


def test_pip_install_of_the_folder(tmp_path):
    """pip install ./python, as the README says."""
    target = tmp_path / "target"
    command = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", target)
    run(sys.executable, *command, PROJECT / "python", folder=tmp_path)
    code = f"import sys; sys.path.insert(0, {str(target)!r})\n{CHECK}"
    assert run(sys.executable, "-c", code, target, folder=tmp_path) == PRINTED
