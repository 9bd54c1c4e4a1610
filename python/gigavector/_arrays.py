"""Arrays in: whatever holds numbers becomes float32 that C can read, or is refused by name. Never misread."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ._errors import ArgumentError
from ._ffi import ffi

FLOATS = ffi.typeof("float[]")
_FLOAT32 = np.dtype(np.float32)


def one_vector(values: Any) -> tuple[Any, int]:
    """`const float *` and length of one vector. The pointer keeps what it points into alive.

    float32 arrays that are contiguous and of the machine's byte order are lent as they are; the rest is copied.
    """
    kind = type(values)
    if (kind is list or kind is tuple) and not (values and type(values[0]) is bool):
        try:  # the quick way for plain numbers; what it cannot take goes the long way, which can say why
            pointer = ffi.new(FLOATS, values)
            return pointer, len(pointer)
        except (TypeError, OverflowError):
            pass
    floats = _as_floats(values)
    if floats.ndim != 1:
        raise ArgumentError(f"expected one vector, got an array of shape {floats.shape}")
    return ffi.from_buffer(FLOATS, floats), len(floats)


def many_vectors(values: Any, dimension: int) -> npt.NDArray[np.float32]:
    """The float32 matrix of many vectors; not a copy if it is one already. No vectors are [0, `dimension`]."""
    if type(values) is not np.ndarray and isinstance(values, Iterator):
        values = list(values)
    if isinstance(values, (list, tuple)) and not values:
        return np.empty((0, dimension), np.float32)
    floats = _as_floats(values)
    if floats.ndim != 2:
        raise ArgumentError(f"expected rows of vectors, got an array of shape {floats.shape}")
    return floats


def lent_queries(values: Any, dimension: int) -> tuple[Any, int, int]:
    """`const float *`, rows and columns of many vectors, or of one as a matrix of one row."""
    if type(values) is np.ndarray and values.dtype is _FLOAT32:
        shape = values.shape
        flags = values.flags
        if len(shape) == 1 and flags.c_contiguous and flags.aligned:
            return ffi.from_buffer(FLOATS, values), 1, shape[0]
    rows = one_or_many(values, dimension)
    count, columns = rows.shape
    return ffi.from_buffer(FLOATS, rows), count, columns


def one_or_many(values: Any, dimension: int) -> npt.NDArray[np.float32]:
    """As many_vectors(); one vector becomes a matrix of one row."""
    if isinstance(values, np.ndarray):
        return _as_floats(values)[np.newaxis] if values.ndim == 1 else many_vectors(values, dimension)
    if isinstance(values, array):
        return _as_floats(values)[np.newaxis]
    if isinstance(values, (list, tuple)) and values and np.ndim(values[0]) == 0 and not isinstance(values[0], str):
        return _as_floats(values)[np.newaxis]
    return many_vectors(values, dimension)


def _as_floats(values: Any) -> npt.NDArray[np.float32]:
    """float32, C-contiguous, the machine's byte order; converted only if need be."""
    if type(values) is np.ndarray and values.dtype is _FLOAT32 and values.flags.c_contiguous and values.flags.aligned:
        return values
    if isinstance(values, np.ma.MaskedArray):
        raise ArgumentError("masked arrays are refused: a vector has no missing components")
    if isinstance(values, (bytes, bytearray)):
        raise ArgumentError(f"expected numbers, got {type(values).__name__}")
    try:
        given = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ArgumentError(_ragged(values) or f"expected numbers, got {type(values).__name__}: {error}") from None
    if given.dtype.kind not in "fiu":
        if given.dtype.kind == "O":
            raise ArgumentError(_ragged(values) or f"expected numbers, got {_first_stranger(given)}")
        raise ArgumentError(f"expected numbers, got values of type {given.dtype.type.__name__.strip('_')}")
    with np.errstate(over="ignore"):  # beyond float32 is infinity, and the core refuses that by name
        floats = given.astype(np.float32, order="C", copy=False)
    return floats if floats.flags.aligned and floats.flags.c_contiguous else floats.copy()


def _ragged(values: Any) -> str | None:
    """A sentence if `values` are rows of different lengths."""
    if not isinstance(values, (list, tuple)):
        return None
    lengths = [len(row) if hasattr(row, "__len__") and not isinstance(row, str) else 0 for row in values]
    for row, length in enumerate(lengths):
        if length != lengths[0]:
            return f"rows differ in length: row 0 has {lengths[0]}, row {row} has {length}"
    return None


def _first_stranger(given: npt.NDArray[Any]) -> str:
    """Name of the first element that is no number, as an object array holds it."""
    for element in given.flat:
        if not isinstance(element, (int, float)) or isinstance(element, bool):
            return f"an object of type {type(element).__name__}"
    return "numbers too large for any float"
