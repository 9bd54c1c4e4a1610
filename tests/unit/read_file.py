"""A second reader of the file, written from docs/format.md alone: rows, metadata, codes and the log, in plain Python.

    python read_file.py PATH      prints what the file holds

It is a test of the document: python/tests/test_format.py holds it against the library.
"""
from __future__ import annotations

import struct
import sys
from typing import Iterator

PAGE, BLOCK, NO_ID = 4096, 65536, 2**64 - 1
ROWS, IDS, METADATA_AT, METADATA, PAIRS_AT, PAIRS, KEYS, KEY_VALUES, CODES, CODE_HEADS = 1, 2, 4, 5, 6, 7, 8, 9, 22, 23
SPARSE = 3
IVFPQ, IVF_MODEL, IVF_LISTS, IVF_BLOCKS = 32, 33, 34, 35
ADD, DELETE, UPDATE, CHANGE_METADATA, PATCH, TRAIN, DECLARE = 1, 2, 3, 4, 5, 6, 7


class Damaged(Exception):
    pass


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes, crc: int = 0) -> int:
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def superblock(data: bytes) -> dict:
    copies = [data[at : at + PAGE] for at in (0, PAGE)]
    valid = [c for c in copies if c[:8] == b"GIGAVEC\0" and struct.unpack("<I", c[4092:])[0] == crc32c(c[:4092])]
    if not valid or valid[0] != valid[-1]:
        raise Damaged("superblock")
    names = ("version sections generation dimension index distance slots seed M ef_construction ef_search binary rerank "
             "table_crc next_id live table_at table_bytes log_start "
             "nlist m nbits nprobe train_iters default_rerank rotate train_rows auto_train storage vectors").split()
    head = dict(zip(names, struct.unpack_from("<IIQIIIIQ5IIQQQQQ11I", valid[0], 8)))
    if head["version"] > 1 or (head["vectors"] and head["version"] != 1):
        raise Damaged("version")
    return head


def sections(data: bytes, head: dict) -> dict[int, bytes]:
    table = data[head["table_at"] : head["table_at"] + head["table_bytes"]]
    if crc32c(table) != head["table_crc"]:
        raise Damaged("section table")
    found = {}
    for i in range(head["sections"]):
        kind, _flags, offset, size, first = struct.unpack_from("<IIQQQ", table, 32 * i)
        found[kind] = data[offset : offset + size]
        for n, at in enumerate(range(0, size, BLOCK)):
            (crc,) = struct.unpack_from("<I", table, 32 * head["sections"] + 4 * (first + n))
            if crc32c(found[kind][at : at + BLOCK]) != crc:
                raise Damaged(f"section {kind}, block {n}")
    return found


def pairs(packed: bytes) -> dict[str, str]:
    found, at = {}, 4
    for _ in range(struct.unpack_from("<I", packed)[0] if packed else 0):
        k, v = struct.unpack_from("<II", packed, at)
        found[packed[at + 8 : at + 8 + k].decode()] = packed[at + 8 + k : at + 8 + k + v].decode()
        at += 8 + k + v
    return found


def frames(data: bytes, head: dict) -> Iterator[tuple[int, bytes]]:
    """(type, payload) of the frames of whole groups, in order."""
    at, sequence, group = head["log_start"], 1, []
    while at + 40 <= len(data):
        magic, kind, flags, number, _synced, size, zero, crc, _ = struct.unpack_from("<IHHQQIIII", data, at)
        body = data[at + 40 : at + 40 + (size + 7) // 8 * 8]
        sealed = struct.pack("<Q", head["generation"]) + data[at : at + 32] + body
        if magic != 0x464C5647 or zero or number != sequence or crc32c(sealed) != crc:
            return
        group.append((kind, body[:size]))
        if flags & 1:
            yield from group
            group = []
        at, sequence = at + 40 + len(body), sequence + 1


def sparse_row(data: bytes, at: int) -> tuple[tuple[tuple[int, float], ...], int]:
    """The (index, value) pairs at `at`, and where they end."""
    (size,) = struct.unpack_from("<I", data, at)
    count, at = size // 8, at + 4
    return tuple(zip(struct.unpack_from(f"<{count}I", data, at), struct.unpack_from(f"<{count}f", data, at + 4 * count))), at + size


def f32(value: float) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0]


def coded_row(data: bytes, head: dict, number: int, code: bytes) -> list[float]:
    """The view, in f32, that a code of list `number` stands for; two parts a byte with 4 bits, else one."""
    dim, words = head["dimension"], 1 << head["nbits"]
    m, values = min(head["m"], dim), sections(data, head)[IVF_MODEL]
    part = -(-dim // m)
    width = m * part
    centroids, books = dim, dim + head["nlist"] * width
    view = list(struct.unpack_from(f"<{width}f", values, 4 * (centroids + number * width)))
    for j in range(m):
        word = code[j // 2] >> 4 * (j % 2) & 15 if head["nbits"] == 4 else code[j]
        for i in range(part):
            (entry,) = struct.unpack_from("<f", values, 4 * (books + (j * part + i) * words + word))
            view[j * part + i] = f32(view[j * part + i] + entry)
    return view


def kept(data: bytes, head: dict, view: list[float]) -> tuple[float, ...]:
    """The row of a view, where vectors are dropped and views are not turned."""
    mean = struct.unpack_from(f"<{head['dimension']}f", sections(data, head)[IVF_MODEL])
    return tuple(f32(x + y) for x, y in zip(view, mean))


def read(data: bytes) -> tuple[dict, dict[int, tuple[tuple[float, ...], dict[str, str]]]]:
    """The superblock's fields, and {id: (vector, metadata)} of the live rows."""
    head = superblock(data)
    parts, dim = sections(data, head), head["dimension"]
    if head["index"] == SPARSE:
        dim = 0
    stride = (4 * dim + 63) // 64 * 64 if 4 * dim > 64 else next(p for p in (4, 8, 16, 32, 64) if p >= 4 * dim)
    vector = struct.Struct(f"<{dim}f")
    rows = {}

    dropped = head["vectors"] == 2
    code_bytes = min(head["m"], dim) if head["nbits"] > 4 else (min(head["m"], dim) + 1) // 2
    views = {identity: view for identity, (_list, view, _term) in decoded(data).items()} if dropped else {}

    def row_at(payload: bytes, at: int) -> tuple[tuple, int]:
        if dropped:
            (number,) = struct.unpack_from("<I", payload, at)
            code = payload[at + 8 : at + 8 + code_bytes]
            return kept(data, head, coded_row(data, head, number, code)), at + 8 + code_bytes
        return sparse_row(payload, at) if head["index"] == SPARSE else (vector.unpack_from(payload, at), at + 4 * dim)

    for slot in range(head["slots"]):
        (identity,) = struct.unpack_from("<Q", parts[IDS], 8 * slot)
        (where,) = struct.unpack_from("<Q", parts[METADATA_AT], 8 * slot)
        size = struct.unpack_from("<I", parts[METADATA], where - 1)[0] if where else 0
        if identity != NO_ID:
            found = kept(data, head, views[identity]) if dropped else vector.unpack_from(parts[ROWS], stride * slot)
            if head["index"] == SPARSE:
                (start,) = struct.unpack_from("<Q", parts[PAIRS_AT], 8 * slot)
                found, _end = sparse_row(parts[PAIRS], start - 1)
            rows[identity] = (found, pairs(parts[METADATA][where + 3 : where + 3 + size]))
    for kind, payload in frames(data, head):
        at = 0
        while at < len(payload) and kind not in (PATCH, TRAIN, DECLARE):
            (identity,) = struct.unpack_from("<Q", payload, at)
            if kind == DELETE:
                del rows[identity]
                at += 8
            elif kind == UPDATE:
                row, at = row_at(payload, at + 8)
                rows[identity] = (row, rows[identity][1])
            else:
                (size,) = struct.unpack_from("<I", payload, at + 8)
                old, start = row_at(payload, at + 12) if kind == ADD else (rows[identity][0], at + 12)
                rows[identity] = (old, pairs(payload[start : start + size]))
                at = start + size
    return head, rows


def key_list(data: bytes) -> list[str]:
    found, at = [], 4
    for _ in range(struct.unpack_from("<I", data)[0]):
        (size,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + size].decode())
        at += 4 + size
    if at != len(data) or len(set(found)) != len(found):
        raise Damaged(f"a list of keys of {len(data)} bytes")
    return found


def keys(data: bytes) -> list[str]:
    """The declared keys, log included."""
    head = superblock(data)
    found = key_list(sections(data, head).get(KEYS, bytes(4)))
    for kind, payload in frames(data, head):
        found = key_list(payload) if kind == DECLARE else found
    return found


def columns(data: bytes) -> dict[str, dict[int, int]]:
    """{key: {id: the number of its value, 0 for none}} of the image's live rows and keys."""
    head = superblock(data)
    parts, slots = sections(data, head), head["slots"]
    names, ids = key_list(parts.get(KEYS, bytes(4))), struct.unpack(f"<{slots}Q", parts[IDS])
    if len(parts.get(KEY_VALUES, b"")) != 4 * slots * len(names):
        raise Damaged("columns of keys")
    found = {}
    for i, name in enumerate(names):
        numbers = struct.unpack_from(f"<{slots}I", parts[KEY_VALUES], 4 * slots * i)
        if any(number and identity == NO_ID for number, identity in zip(numbers, ids)):
            raise Damaged("the number of no row")
        found[name] = {identity: number for number, identity in zip(numbers, ids) if identity != NO_ID}
    return found


def codes(data: bytes) -> dict[int, tuple[bytes, tuple[float, ...]]]:
    """{id: (code, (step, low, spread, norm))} of the image's live rows; {} if rows have no codes."""
    head = superblock(data)
    parts, size = sections(data, head), (head["dimension"] + 63) // 64 * 64
    ids = struct.unpack(f"<{head['slots']}Q", parts[IDS])
    return {identity: (parts[CODES][slot * size : (slot + 1) * size], struct.unpack_from("<4f", parts[CODE_HEADS], 16 * slot))
            for slot, identity in enumerate(ids) if identity != NO_ID and CODES in parts}


def decoded(data: bytes) -> dict[int, tuple[int, list[float], float]]:
    """{id: (list, the view that its code stands for, term)} of the image's live rows, IVFPQ without rotation; {} untrained."""
    head = superblock(data)
    parts, dim = sections(data, head), head["dimension"]
    trained, blocks, *_ = struct.unpack("<4I", parts[IVFPQ])
    if not trained:
        return {}
    m, words, nlist = min(head["m"], dim), 1 << head["nbits"], head["nlist"]
    part = -(-dim // m)
    width, values = m * part, struct.unpack(f"<{len(parts[IVF_MODEL]) // 4}f", parts[IVF_MODEL])
    centroids, books = dim, dim + nlist * width
    code_bytes = 16 * (-(-m // 4) * 4) if head["nbits"] == 4 else 32 * m
    stride, found = (code_bytes + 272 + 63) // 64 * 64, {}
    ids = struct.unpack(f"<{head['slots']}Q", parts[IDS])
    assert len(parts[IVF_BLOCKS]) == blocks * stride
    for number in range(nlist):
        count, at, last = struct.unpack_from("<3I", parts[IVF_LISTS], 12 * number)
        while count > 0:
            block = parts[IVF_BLOCKS][at * stride : (at + 1) * stride]
            terms, slots = struct.unpack_from("<32f", block, code_bytes), struct.unpack_from("<32I", block, code_bytes + 128)
            of, following, _before, _zero = struct.unpack_from("<4I", block, code_bytes + 256)
            assert of == number and (count > 32 or at == last)
            for row in range(min(count, 32)):
                view = list(values[centroids + number * width : centroids + (number + 1) * width])
                for j in range(m):
                    byte = block[16 * j + row % 16] if head["nbits"] == 4 else block[32 * j + row]
                    word = byte >> (4 if row >= 16 else 0) & 15 if head["nbits"] == 4 else byte
                    for i in range(part):
                        view[j * part + i] = f32(view[j * part + i] + values[books + (j * part + i) * words + word])
                found[ids[slots[row]]] = number, view, terms[row]
            count, at = count - min(count, 32), following
    return found


def patches(data: bytes) -> Iterator[list[tuple[int, int]]]:
    """The operations of each record of the PATCH frames: [(operation, slot), ...]."""
    head = superblock(data)
    operands = {1: 1, 2: 1, 3: 2, 4: 1, 5: 3, 6: 1, 7: 1, 8: 1}
    for payload in (payload for kind, payload in frames(data, head) if kind == PATCH):
        words, start = struct.unpack(f"<{len(payload) // 4}I", payload), 0
        while start < len(words):
            at, end, found = start + 1, start + 1 + words[start], []
            while at < end:
                code, level, number = words[at] & 0xFF, words[at] >> 8 & 0xFF, words[at] >> 16
                found.append((code, words[at + 1]))
                degree = head["M"] if level else 2 * head["M"]
                at += 1 + operands[code] + (number if code == 2 else 0) + ((degree + 31) // 32 if code in (2, 3) else 0)
            if at != end:
                raise Damaged(f"patch of {words[start]} words")
            yield found
            start = end


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        about, content = read(file.read())
    print(about)
    for row in sorted(content):
        print(row, *content[row])
