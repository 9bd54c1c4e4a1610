"""Metadata out of the packed bytes of GV_PackedMetadata."""

from __future__ import annotations

import struct

COUNT = struct.Struct("<I")  # of a row's pairs
SIZES = struct.Struct("<II")  # of a key and a value, in bytes
HEAD = struct.Struct("<III")  # a count and the first sizes: one call less a row
HEAD_BYTES = HEAD.size


def unpack_rows(packed: bytes, rows: int) -> list[dict[str, str]]:
    """The metadata of `rows` rows out of packed bytes."""
    if not packed.isascii():
        return _unpack_any(packed, rows)
    result = []
    at = 0
    head_at, sizes_at = HEAD.unpack_from, SIZES.unpack_from
    text = packed.decode()  # a byte, sizes included, is a character
    size = len(packed)
    for _ in range(rows):
        row: dict[str, str] = {}
        result.append(row)
        if size - at < HEAD_BYTES:  # the last rows, and no pair is in them
            at += 4
            continue
        pairs, key_size, value_size = head_at(packed, at)
        if not pairs:  # what came with it is of the next row
            at += 4
            continue
        at += HEAD_BYTES
        while True:
            value_at = at + key_size
            end = value_at + value_size
            row[text[at:value_at]] = text[value_at:end]
            if pairs == 1:
                at = end
                break
            pairs -= 1
            key_size, value_size = sizes_at(packed, end)
            at = end + 8
    return result


def _unpack_any(packed: bytes, rows: int) -> list[dict[str, str]]:
    result = []
    at = 0
    for _ in range(rows):
        (pairs,) = COUNT.unpack_from(packed, at)
        at += 4
        row = {}
        for _ in range(pairs):
            key_size, value_size = SIZES.unpack_from(packed, at)
            value_at = at + 8 + key_size
            end = value_at + value_size
            row[packed[at + 8 : value_at].decode()] = packed[value_at:end].decode()
            at = end
        result.append(row)
    return result
