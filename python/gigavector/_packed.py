"""Metadata out of the packed bytes of GV_PackedMetadata."""

from __future__ import annotations

import struct

COUNT = struct.Struct("<I")  # of a row's pairs
SIZES = struct.Struct("<II")  # of a key and a value, in bytes


def unpack_rows(packed: bytes, rows: int) -> list[dict[str, str]]:
    """The metadata of `rows` rows out of packed bytes."""
    result = []
    at = 0
    count_at, sizes_at = COUNT.unpack_from, SIZES.unpack_from
    text = packed.decode() if packed.isascii() else None  # most often: a byte, sizes included, is a character
    for _ in range(rows):
        (pairs,) = count_at(packed, at)
        at += 4
        row = {}
        for _ in range(pairs):
            key_size, value_size = sizes_at(packed, at)
            at += 8
            value_at = at + key_size
            end = value_at + value_size
            if text is None:
                row[packed[at:value_at].decode()] = packed[value_at:end].decode()
            else:
                row[text[at:value_at]] = text[value_at:end]
            at = end
        result.append(row)
    return result
