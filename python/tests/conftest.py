"""Shared by all tests: an open database, and vectors that are the same every time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from gigavector import Database, IndexType


@pytest.fixture
def db() -> Iterator[Database]:
    """In memory, exact, four dimensions."""
    with Database.open(None, dimension=4, index=IndexType.FLAT) as database:
        yield database


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)
