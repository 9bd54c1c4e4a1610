"""Cases about opening, saving and the bytes of the file."""

from __future__ import annotations

from canonical import lcg
from case import FINE, FLAT, GRAPH, MAIN, PARITY, Case, both


def wrong_options():
    case = Case(
        "open_errors", "Options that cannot be are refused by name, and leave no file behind.", dimension=3, **FLAT
    )
    bad = "GV_ERR_ARGUMENT"
    for path in ({}, {"path": "none.gv"}):
        case.open_another(index="flat", error=bad, **path)  # a new database needs a dimension
        case.open_another(dimension=65536, index="flat", error=bad, message_has="65536", **path)
        for config, number in (
            ({"M": 1}, "1"),
            ({"M": 65}, "65"),
            ({"ef_construction": 4097}, "4097"),
            ({"ef_construction": 0}, "0"),
            ({"ef_search": 65537}, "65537"),
            ({"ef_search": 0}, "0"),
        ):
            case.open_another(dimension=3, index="hnsw", hnsw=config, error=bad, message_has=number, **path)
    case.open_another(dimension=3, index="hnsw", hnsw={"M": 2})
    case.open_another(dimension=3, index="hnsw", hnsw={"M": 64, "ef_construction": 4096, "ef_search": 65536})
    case.open_another(path="none.gv", read_only=True, error="GV_ERR_NOT_FOUND")
    case.open_another(path="none.gv", memory_map=True, error="GV_ERR_NOT_FOUND")
    case.open_another(path="none.gv", dimension=3, read_only=True, error="GV_ERR_NOT_FOUND")
    case.add([1, 2, 3])
    case.save(error="GV_ERR_ARGUMENT")  # a database in memory has no file of its own
    yield case

    case = Case("unsupported", "What this version lacks is refused by name.", dimension=3, **FLAT)
    for distance in ("euclidean", "manhattan"):
        case.open_another(path="none.gv", dimension=3, index="sparse", distance=distance, error="GV_ERR_UNSUPPORTED")
    case.open_another(
        dimension=3, index="hnsw", distance="manhattan", hnsw={"use_binary_quant": 1}, error="GV_ERR_UNSUPPORTED"
    )
    case.open_another(
        path="none.gv", dimension=40000, index="hnsw", hnsw={"use_binary_quant": 1}, error="GV_ERR_UNSUPPORTED"
    )
    yield case


def reopens():
    for case in both(
        "reopen",
        "{}: after a clean close everything is there, and more can be written.",
        dimension=16,
        distance="manhattan",
    ):
        case.add_many(lcg(181, *FINE, rows=70), PARITY)
        for turn in range(3):
            case.reopen()
            case.count()
            case.search(lcg(190, *FINE), 10)
            case.search(lcg(190, *FINE), 10, filter=["parity", "odd"])
            case.add_many(lcg(182 + turn, *FINE, rows=20), [{"turn": str(turn), "row": str(i)} for i in range(20)])
            case.delete(3 * turn)
        case.check()
        case.search(lcg(191, *FINE), 200)
        case.close()
        case.reopen(dimension=None, index=None, distance=None)
        case.search(lcg(191, *FINE), 200)
        yield case
    for case in both(
        "reopen_log",
        "{}: without a checkpoint on close the log is replayed, and again.",
        dimension=16,
        checkpoint_on_close=False,
    ):
        for i in range(12):
            case.add(lcg(200 + i, *FINE), {"row": str(i)})
        case.add_many(lcg(181, *FINE, rows=50), PARITY)
        case.update_vector(3, lcg(300, *FINE))
        case.update_metadata(4, {"row": "four", "extra": "yes"})
        case.delete_many([1, 20, 30])
        case.delete(0)
        for turn in range(2):
            case.reopen()
            case.count()
            case.check()
            case.search(lcg(190, *FINE), 70)
            case.search(lcg(190, *FINE), 10, filter=["extra", "yes"])
            case.get(3)
            case.add(lcg(210 + turn, *FINE))
        yield case
    for case in both("reopen_mixed", "{}: image and log together, then packed.", dimension=8):
        case.add_many(lcg(221, *FINE, rows=60), PARITY)
        case.reopen(checkpoint_on_close=False)
        case.add_many(lcg(222, *FINE, rows=60), PARITY)
        case.delete_many(list(range(10, 110, 5)))
        case.reopen(checkpoint_on_close=False)
        case.update_vector(0, {"fill": 0.5})
        case.search({"fill": 0.5}, 120)
        case.check()
        case.reopen()
        case.search({"fill": 0.5}, 120)
        case.check()
        case.add({"fill": 0.25})
        yield case
    for case in both(
        "read_only", "{}: a read-only handle answers, refuses every write, and changes no byte.", dimension=5
    ):
        case.add_many(lcg(231, *FINE, rows=40), PARITY)
        case.reopen(checkpoint_on_close=False)
        case.add({"fill": 0.5}, {"parity": "none"})
        for options in ({"read_only": True}, {"memory_map": True}):
            case.reopen(**options)
            case.count()
            case.search({"fill": 0.5}, 10)
            case.search({"fill": 0.5}, 10, filter=["parity", "odd"])
            case.search({"fill": 0.5}, 10, distance="cosine")
            case.get(40)
            case.check()
            case.add({"fill": 0}, error="GV_ERR_READ_ONLY")
            case.add_many(lcg(232, *FINE, rows=4), error="GV_ERR_READ_ONLY")
            case.delete(0, error="GV_ERR_READ_ONLY")
            case.delete_many([0, 1], error="GV_ERR_READ_ONLY")
            case.update_vector(0, {"fill": 0}, error="GV_ERR_READ_ONLY")
            case.update_metadata(0, {"a": "b"}, error="GV_ERR_READ_ONLY")
            case.save(error="GV_ERR_READ_ONLY")
            case.count()
        case.close()
        yield case
    for case in both(
        "memory_map", "{}: a mapped open of a packed file answers as the writer did.", dimension=33, distance="cosine"
    ):
        case.add_many(lcg(241, *FINE, rows=190), PARITY)
        case.delete_many(list(range(5, 100, 9)))
        case.search(lcg(242, *FINE), 12)
        case.reopen(memory_map=True)
        case.search(lcg(242, *FINE), 12)
        case.search(lcg(242, *FINE), 190, distance="euclidean")
        case.search(lcg(243, *FINE), 12, filter=["parity", "even"])
        case.search_batch(lcg(244, *FINE, rows=3), 4)
        case.get(7)
        case.contains(4, 5)
        case.check()
        yield case


def reopen_conflicts():
    for case in both(
        "reopen_conflicts",
        "{}: an option that differs from the file is refused, and the file stays as it was.",
        dimension=3,
    ):
        case.add([1, 2, 3])
        case.add([4, 5, 6])
        case.close()
        bad = {"path": MAIN, "error": "GV_ERR_ARGUMENT"}
        mine, other = ("flat", "hnsw") if case.name.startswith("flat") else ("hnsw", "flat")
        for mode in ({}, {"read_only": True}):
            case.open_another(dimension=4, message_has="4", **mode, **bad)
            case.open_another(dimension=3, index=other, **mode, **bad)
            case.open_another(dimension=3, index=mine, distance="cosine", **mode, **bad)
        if mine == "hnsw":
            case.open_another(hnsw={"M": 8, "ef_construction": 200}, message_has="8", **bad)
            case.open_another(hnsw={"M": 16, "ef_construction": 100}, message_has="100", **bad)
            case.open_another(
                path=MAIN, hnsw={"M": 16, "ef_construction": 200, "ef_search": 10}
            )  # ef_search alone may differ
        case.open_another(seed=12345, message_has="12345", **bad)
        case.open_another(path=MAIN)
        case.open_another(path=MAIN, dimension=3, index=mine, distance="euclidean")
        case.reopen()
        case.search([1, 2, 3], 2)
        yield case


def second_handle():
    for case in both("second_handle", "{}: a second writer is kept out, a reader is let in.", dimension=2):
        case.add([1, 2])
        case.open_another(path=MAIN, error="GV_ERR_LOCKED")
        case.open_another(path=MAIN, dimension=2, error="GV_ERR_LOCKED")
        case.open_another(path=MAIN, read_only=True)
        case.open_another(path="other.gv", dimension=9, index="flat")
        case.save()
        case.open_another(path=MAIN, error="GV_ERR_LOCKED")
        case.open_another(path=MAIN, read_only=True)
        case.add([3, 4])
        case.search([0, 0], 5)
        case.close()
        case.open_another(path=MAIN)
        case.reopen()
        case.search([0, 0], 5)
        yield case


def saves():
    for case in both("save", "{}: save packs the own file, and writes another one without leaving it.", dimension=7):
        case.add_many(lcg(251, *FINE, rows=50), PARITY)
        case.save()
        case.add_many(lcg(252, *FINE, rows=20))
        case.save("copy.gv")
        case.delete_many(list(range(30)))
        case.save(MAIN, error="GV_ERR_ARGUMENT")
        case.count()
        case.reopen(path="copy.gv")
        case.count()
        case.search(lcg(253, *FINE), 80)
        case.check()
        case.add({"fill": 0.5})
        case.save()
        case.save()
        case.reopen(path=MAIN)
        case.count()
        case.search(lcg(253, *FINE), 80)
        case.save("copy.gv")  # replaces the other file
        case.flush()
        yield case
    case = Case(
        "memory_only", "A database in memory answers as one with a file, and can be saved to one.", dimension=7, **GRAPH
    )
    case.add_many(lcg(251, *FINE, rows=50), PARITY)
    case.delete_many([1, 2, 3])
    case.search(lcg(253, *FINE), 80)
    case.check()
    case.save("copy.gv")
    case.add({"fill": 0.5})
    case.search(lcg(253, *FINE), 80)
    case.open_another(path="copy.gv", dimension=7, index="hnsw")
    case.reopen(path="copy.gv")
    case.count()
    case.search(lcg(253, *FINE), 80)
    yield case


def ids_stable():
    for case in both("ids_stable", "{}: an id means the same row over delete, update, save and reopen.", dimension=4):
        case.add_many(lcg(261, *FINE, rows=30), [{"name": f"row {i}"} for i in range(30)])
        case.delete_many([0, 7, 29])
        case.reopen()
        case.add({"fill": 0.125}, {"name": "row 30"})
        case.save()
        case.delete(30)
        case.reopen()
        case.add({"fill": 0.25}, {"name": "row 31"})
        case.update_vector(1, {"fill": 0.5})
        case.reopen(checkpoint_on_close=False)
        case.delete_many(list(range(10, 20)))
        case.reopen()
        case.add({"fill": 0.75}, {"name": "row 32"})
        for id in (1, 2, 28, 31, 32):
            case.get(id)
        case.contains(0, 7, 15, 29, 30, 33)
        case.search({"fill": 0.5}, 40)
        case.search({"fill": 0.5}, 40, filter=["name", "row 28"])
        case.check()
        yield case


def durabilities():
    for word in ("commit", "os", "none"):
        case = Case(
            f"durability_{word}",
            f"Durability {word!r}: a clean close keeps everything, packed or not.",
            path=MAIN,
            dimension=5,
            durability=word,
            checkpoint_on_close=False,
            **GRAPH,
        )
        for i in range(8):
            case.add(lcg(270 + i, *FINE), {"i": f"n{i}"})
        case.flush()
        case.add_many(lcg(280, *FINE, rows=20))
        case.delete(2)
        case.reopen()
        case.count()
        case.search({"fill": 0}, 30)
        case.save("packed.gv")
        yield case


def empty_files():
    for case in both(
        "empty",
        "{}: a database without rows is a file too, and keeps what it was opened with.",
        dimension=11,
        distance="dot_product",
    ):
        case.count()
        case.check()
        case.reopen()
        case.count()
        case.search({"fill": 1}, 3)
        case.add_many([], only=["c"])
        case.count()
        case.close()
        case.open_another(path=MAIN, dimension=12, error="GV_ERR_ARGUMENT", message_has="12")
        case.open_another(path=MAIN, distance="euclidean", error="GV_ERR_ARGUMENT")
        case.reopen(dimension=None, index=None, distance=None)
        case.add({"fill": 2})
        case.search({"fill": 1}, 3)
        yield case


def many_groups():
    case = Case(
        "hnsw_many_groups",
        "150 commits of one row each give the same graph as the log that replays them.",
        path=MAIN,
        dimension=8,
        durability="os",
        checkpoint_on_close=False,
        **GRAPH,
    )
    for i in range(150):
        case.add(lcg(1000 + i, *FINE), {"i": f"n{i}"} if i % 10 == 0 else None)
    case.search(lcg(1, *FINE), 150)
    case.reopen()
    case.search(lcg(1, *FINE), 150)
    case.check()
    case.save("packed.gv")
    yield case


def declared_keys():
    colours = [{"colour": "red", "size": "9", "Größe": "ä"}, {"colour": "green", "size": "10"}, {}, {"size": "n/a", "colour": ""}]
    filters = {
        "colour == 'red'": lambda meta: meta.get("colour") == "red",
        "size < 10": lambda meta: meta.get("size") in ("9", "0.5"),
        "NOT EXISTS `Größe`": lambda meta: "Größe" not in meta,
        "name == 'row 7' OR colour == ''": lambda meta: meta.get("name") == "row 7" or meta.get("colour") == "",
    }
    for case in both("index_keys", "{}: declared keys, in the log and in the image.", dimension=5, checkpoint_on_close=False):

        def ask(case=case):
            for text, where in filters.items():
                case.count_matching(text, where)
                case.search(lcg(1202, *FINE), 9, filter=text, where=where)

        bad = {"error": "GV_ERR_ARGUMENT"}
        case.index_keys("a", "", message_has="key 1 is empty", **bad)
        case.index_keys("a", "b", "a", message_has="keys 0 and 2 are the same", **bad)
        case.index_keys(*[f"k{i}" for i in range(65)], message_has="65 keys, at most 64", **bad)
        case.add_many(lcg(1200, *FINE, rows=90), {"cycle": colours})
        case.index_keys("size", "colour", "name")
        ask()
        case.add_many(lcg(1201, *FINE, rows=20), [{"name": f"row {i}", "colour": f"c{i % 6}"} for i in range(20)])
        case.delete_many([0, 1, 5, 90, 91])
        case.save("copy.gv")
        case.reopen()  # all of it is in the log
        case.indexed_keys()
        ask()
        case.save()
        case.update_metadata(8, {"name": "row 7", "size": "0.5"})
        case.update_metadata(9, {})
        case.update_vector(10, lcg(1203, *FINE))
        case.upsert(lcg(1204, *FINE, rows=3), [{"name": f"row {i}"} for i in (3, 4, 77)], "name")
        case.add(lcg(1205, *FINE), colours[0])
        case.reopen()  # an image and a log
        case.indexed_keys()
        case.check()
        ask()
        case.index_keys("colour", "Größe")
        case.reopen(memory_map=True, checkpoint_on_close=None)
        case.indexed_keys()
        ask()
        case.check()
        case.reopen()
        case.compact()
        case.indexed_keys()
        ask()
        case.delete_many([14, 15])
        case.save()
        case.check()
        yield case
    for case in both("index_no_keys", "{}: a list that has gone leaves the file it never was in.", dimension=3):
        case.index_keys("size", "colour")
        case.add_many(lcg(1206, *FINE, rows=12), {"cycle": colours})
        case.save("keys.gv")
        case.index_keys()
        case.save()
        case.reopen()
        case.indexed_keys()
        yield case


GROUPS = (
    declared_keys,
    wrong_options,
    reopens,
    reopen_conflicts,
    second_handle,
    saves,
    ids_stable,
    durabilities,
    empty_files,
    many_groups,
)
