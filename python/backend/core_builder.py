"""Build backend: scikit-build-core on a staged copy of this folder in which `core/` holds the C sources.

The C core is the folder above this one, where no sdist may reach. Staging makes wheel and sdist come from the same
files, wherever the build starts (the source tree or an unpacked sdist), and writes nothing into the source tree.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scikit_build_core import build as cmake_build
from scikit_build_core.build import (
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_wheel",
]

HERE = Path(__file__).resolve().parent.parent
# What is staged: of this folder, and of the folder above.
PACKAGE = ("pyproject.toml", "CMakeLists.txt", "README.md", "LICENSE", "backend", "gigavector")
CORE = ("CMakeLists.txt", "cmake", "include", "src")

_Settings = dict[str, "list[str] | str"] | None


@contextlib.contextmanager
def _staged() -> Iterator[None]:
    """Work in a copy of this folder that has the core in it; an unpacked sdist is such a folder already."""
    if (HERE / "core").is_dir():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="gigavector-") as folder:
        stage = Path(folder)
        for name in PACKAGE:
            _copy(HERE / name, stage / name)
        for name in CORE:
            _copy(HERE.parent / name, stage / "core" / name)
        before = os.getcwd()
        os.chdir(stage)
        try:
            yield
        finally:
            os.chdir(before)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def build_sdist(sdist_directory: str, config_settings: _Settings = None) -> str:
    target = os.path.abspath(sdist_directory)
    with _staged():
        return cmake_build.build_sdist(target, config_settings)


def build_wheel(wheel_directory: str, config_settings: _Settings = None, metadata_directory: str | None = None) -> str:
    target = os.path.abspath(wheel_directory)
    with _staged():
        return cmake_build.build_wheel(target, config_settings, metadata_directory)


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: _Settings = None) -> str:
    target = os.path.abspath(metadata_directory)
    with _staged():
        return cmake_build.prepare_metadata_for_build_wheel(target, config_settings)


def build_editable(
    wheel_directory: str, config_settings: _Settings = None, metadata_directory: str | None = None
) -> str:
    """Only a pointer to this folder: the library is then the one that ./build.sh native makes in build/release."""
    settings: dict[str, list[str] | str] = {**(config_settings or {}), "wheel.cmake": "false"}
    return cmake_build.build_editable(wheel_directory, settings, metadata_directory)
