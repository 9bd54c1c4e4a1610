"""Metadata in, as the packed bytes of GV_PackedMetadata: one call, however many rows and pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ._errors import ArgumentError
from ._ffi import ffi
from ._packed import COUNT, SIZES

_NO_PAIRS = COUNT.pack(0)
_U32_MAX = 0xFFFFFFFF


def encoded(text: object, what: str) -> bytes:
    """UTF-8 of a string that C may read: `what` names it if it is none."""
    if not isinstance(text, str):
        raise ArgumentError(f"{what} must be str, got {type(text).__name__}")
    if "\0" in text:
        raise ArgumentError(f"{what} contains a NUL character")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{what} is not valid Unicode: {error.reason} at {error.start}") from None


def pack_row(metadata: Mapping[str, str]) -> bytes:
    """The packed bytes of one row."""
    if not isinstance(metadata, Mapping):
        raise ArgumentError(f"metadata must be a dict of strings, got {type(metadata).__name__}")
    parts = [COUNT.pack(len(metadata))]
    for key, value in metadata.items():
        key_bytes = encoded(key, f"metadata key {key!r}")
        value_bytes = encoded(value, f"metadata value of {key!r}")
        if len(key_bytes) > _U32_MAX or len(value_bytes) > _U32_MAX:
            raise ArgumentError(f"metadata of {key[:40]!r} is longer than 4 GiB")
        parts += (SIZES.pack(len(key_bytes), len(value_bytes)), key_bytes, value_bytes)
    return b"".join(parts)


def pack_rows(metadata: Iterable[Mapping[str, str] | None], rows: int) -> bytes:
    """The packed bytes of `rows` rows; None is a row without metadata."""
    try:
        listed = None if isinstance(metadata, (Mapping, str, bytes)) else list(metadata)
    except TypeError:
        listed = None
    if listed is None:
        raise ArgumentError(f"metadata of many rows must be a list with one dict a row, got {type(metadata).__name__}")
    parts = [_NO_PAIRS if row is None else pack_row(row) for row in listed]
    if len(parts) != rows:
        raise ArgumentError(f"metadata for {len(parts)} rows, but there are {rows} vectors")
    return b"".join(parts)


def borrowed(packed: bytes) -> Any:
    """`const GV_PackedMetadata *` of packed bytes, which the struct does not keep alive: hold on to both."""
    return ffi.new("GV_PackedMetadata *", {"bytes": ffi.from_buffer("uint8_t[]", packed), "size_bytes": len(packed)})
