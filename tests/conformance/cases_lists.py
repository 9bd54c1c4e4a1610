"""Cases about inverted lists of product codes: before training and after, exact where all lists are visited and all rows
measured, else recorded."""

from __future__ import annotations

from canonical import lcg
from case import FINE, MAIN, PARITY, Case

ALL = {"nprobe": 65536, "rerank": 1048576}


def lists(name: str, about: str, dimension: int = 20, **options) -> Case:
    given = {"nlist": 12, "m": 5, "nbits": 4, "nprobe": 3, "default_rerank": 20, "train_iters": 6}
    given |= options.pop("ivfpq", {})
    more = {"exact_search_threshold": 0} | options
    return Case(name, about, path=MAIN, dimension=dimension, index="ivfpq", ivfpq=given, **more)


def life():
    case = lists("ivfpq_life", "Rows before training, training, rows, deletes, updates; the file packed and from its log.")
    case.add_many(lcg(701, *FINE, rows=300), PARITY)
    case.search(lcg(702, *FINE), 10)
    case.check()
    case.reopen()
    case.search(lcg(702, *FINE), 10)
    case.train(lcg(703, *FINE, rows=200))
    case.check()
    case.search_batch(lcg(704, *FINE, rows=4), 10, **ALL)
    case.search_batch(lcg(704, *FINE, rows=4), 10, recorded=True)
    case.add_many(lcg(705, *FINE, rows=200), PARITY)
    for i in range(3):
        case.add(lcg(720 + i, *FINE))
    case.search_batch(lcg(704, *FINE, rows=4), 10, filter=["parity", "odd"], **ALL)
    case.search_batch(lcg(704, *FINE, rows=4), 10, filter=["parity", "odd"], nprobe=1, rerank=12, recorded=True)
    case.delete_many([id for id in range(500) if id * 7919 % 100 < 40])
    case.update_vector(502, lcg(706, *FINE))
    case.update_vector(501, lcg(707, *FINE))
    case.add_many(lcg(708, *FINE, rows=50))
    case.check()
    case.search_batch(lcg(709, *FINE, rows=4), 10, **ALL)
    case.reopen(checkpoint_on_close=False)
    case.check()
    case.search_batch(lcg(709, *FINE, rows=4), 10, recorded=True)
    case.train()
    case.search_batch(lcg(709, *FINE, rows=4), 10, recorded=True)
    case.add_many(lcg(710, *FINE, rows=40))
    case.delete(502)
    case.close()
    case.reopen()
    case.check()
    case.count()
    case.search_batch(lcg(709, *FINE, rows=4), 10, recorded=True)
    case.search_batch(lcg(709, *FINE, rows=4), 600, **ALL)
    yield case


SHAPES = (
    ("ivfpq_cosine", "cosine", 40, {"m": 10}),
    ("ivfpq_dot_product", "dot_product", 33, {"m": 7}),
    ("ivfpq_bytes", "euclidean", 24, {"nbits": 8, "m": 6}),
    ("ivfpq_five_bits", "cosine", 19, {"nbits": 5, "m": 4}),
    ("ivfpq_rotated", "euclidean", 100, {"rotate": 1, "m": 25, "train_rows": 300}),
    ("ivfpq_auto", "euclidean", 12, {"auto_train": 350, "m": 64}),
)


def shapes():
    for name, metric, dimension, ivfpq in SHAPES:
        about = "Lists, codes and hits are the same on every kernel and target."
        case = lists(name, about, dimension=dimension, distance=metric, ivfpq=ivfpq)
        case.add_many(lcg(731, *FINE, rows=340), PARITY)
        if "auto_train" not in ivfpq:
            case.train()
        case.add_many(lcg(732, *FINE, rows=160), PARITY)
        case.check()
        case.search_batch(lcg(733, *FINE, rows=5), 8, recorded=True)
        case.search_batch(lcg(733, *FINE, rows=5), 8, recorded=True, nprobe=1, rerank=8)
        case.search_batch(lcg(733, *FINE, rows=5), 8, **ALL)
        case.delete_many(list(range(0, 340, 3)))
        case.update_vector(1, lcg(734, *FINE))
        case.reopen()
        case.check()
        case.search_batch(lcg(733, *FINE, rows=5), 8, recorded=True)
        yield case


def duplicates():
    case = lists("ivfpq_duplicates", "256 training rows of which 16 are distinct train; equal rows come in order of ids.",
                 dimension=4, ivfpq={"nlist": 64, "m": 2})
    case.train(lcg(741, 0, 1, rows=256))
    case.add_many(lcg(742, 0, 1, rows=400))
    case.check()
    case.search([0, 1, 0, 1], 40, **ALL)
    case.search([0, 1, 0, 1], 5, nprobe=1, rerank=1)
    case.search([2, 1, 0, 1], 400, **ALL)
    case.add_many([{"fill": 7}] * 100)
    case.search({"fill": 7}, 120, **ALL)
    case.delete_many(list(range(0, 400, 2)))
    case.search([0, 1, 0, 1], 40, **ALL)
    case.train([{"fill": 7}])
    case.check()
    case.search([0, 1, 0, 1], 5)
    case.reopen()
    case.check()
    case.search({"fill": 7}, 120, **ALL)
    yield case


def refused():
    case = lists("ivfpq_errors", "What training and options refuse, by name.", dimension=3)
    case.search([1, 2, 3], 5)
    case.train(error="GV_ERR_ARGUMENT", message_has="no rows")
    case.train({"fill": 1, "rows": 5, "dim": 2}, error="GV_ERR_ARGUMENT", message_has="expected vector of dim 3, got 2", only=["c", "python"])
    case.train([[1, 2, "nan"]], error="GV_ERR_ARGUMENT", message_has="component 2 is NaN")
    case.add([1, 2, 3])
    case.train()
    case.search([1, 2, 3], 5)
    case.search([1, 2, 3], 5, nprobe=65537, error="GV_ERR_ARGUMENT", message_has="65537")
    case.search([1, 2, 3], 5, rerank=1048577, error="GV_ERR_ARGUMENT", message_has="1048577")
    for options, number in (
        ({"nlist": 0}, "0"), ({"nlist": 65537}, "65537"), ({"m": 0}, "0"), ({"m": 1025}, "1025"), ({"nbits": 3}, "3"),
        ({"nbits": 9}, "9"), ({"nprobe": 0}, "0"), ({"train_iters": 0}, "0"), ({"default_rerank": 0}, "0"),
    ):
        case.open_another(dimension=3, index="ivfpq", ivfpq=options, error="GV_ERR_ARGUMENT", message_has=number)
    case.close()
    same = {"nlist": 12, "m": 5, "nbits": 4, "train_iters": 6}
    for changed in ({"nlist": 13}, {"m": 6}, {"nbits": 5}, {"train_iters": 7}, {"rotate": 1}, {"train_rows": 9},
                    {"auto_train": 8}):
        (number,) = changed.values()
        case.open_another(path=MAIN, ivfpq=same | changed, error="GV_ERR_ARGUMENT", message_has=f"{number} asked for")
    case.open_another(path=MAIN, ivfpq=same | {"nprobe": 9, "default_rerank": 99})
    case.open_another(path=MAIN, index="hnsw", error="GV_ERR_ARGUMENT", message_has="IVFPQ")
    yield case

    case = lists("ivfpq_manhattan", "MANHATTAN has no codes: searches are exact, and training is refused.",
                 distance="manhattan", dimension=8)
    case.add_many(lcg(751, *FINE, rows=60))
    case.train(error="GV_ERR_UNSUPPORTED", message_has="MANHATTAN")
    case.search(lcg(752, *FINE), 10)
    case.reopen()
    case.search(lcg(752, *FINE), 10)
    yield case

    case = Case("flat_train", "Only IVFPQ is trained.", dimension=3, index="flat")
    case.train([[1, 2, 3]], error="GV_ERR_ARGUMENT", message_has="not IVFPQ")
    yield case


DROPPED = (
    ("ivfpq_dropped", "euclidean", 20, {}),
    ("ivfpq_dropped_rotated", "cosine", 100, {"rotate": 1, "m": 25}),
    ("ivfpq_dropped_bytes", "dot_product", 24, {"nbits": 8, "m": 7, "auto_train": 200}),
)


def dropped():
    for name, metric, dimension, ivfpq in DROPPED:
        about = "Rows are whole until training drops them, then what their codes stand for: the same on every kernel and target."
        case = lists(name, about, dimension=dimension, distance=metric, ivfpq=ivfpq | {"drop_vectors": 1})
        case.add_many(lcg(761, *FINE, rows=150), PARITY)
        case.search_batch(lcg(762, *FINE, rows=3), 8)
        case.reopen()
        case.search_batch(lcg(762, *FINE, rows=3), 8)
        case.add_many(lcg(763, *FINE, rows=100), PARITY)
        if "auto_train" not in ivfpq:
            case.train()
        case.train(error="GV_ERR_UNSUPPORTED", message_has="these 250 rows are dropped")
        case.check()
        found = lambda **more: case.search_batch(lcg(764, *FINE, rows=4), 8, recorded=True, **more)  # noqa: B023, E731
        found()
        found(**ALL)
        found(filter=["parity", "odd"], nprobe=1)
        for other in ("euclidean", "cosine", "dot_product", "manhattan"):
            found(distance=other)
        case.add_many(lcg(765, *FINE, rows=80), PARITY)
        case.update_vector(7, lcg(766, *FINE))
        case.upsert(lcg(767, *FINE, rows=2), [{"name": "a"}, {"name": "b"}], "name")
        case.upsert(lcg(767, *FINE, rows=2), [{"name": "a", "more": "pairs"}, {"name": "c"}], "name")
        case.delete_many(list(range(10, 60)))
        found(**ALL)
        case.reopen(checkpoint_on_close=False)
        case.check()
        found(**ALL)
        case.add(lcg(768, *FINE))
        case.delete(200)
        case.reopen()
        found()
        case.compact()
        case.check()
        found(**ALL)
        case.count()
        case.close()
        case.reopen(memory_map=True)
        found(**ALL)
        yield case

    case = lists("ivfpq_dropped_errors", "Vectors are not dropped where there are no codes, or narrow ones.", dimension=3,
                 ivfpq={"drop_vectors": 1})
    case.open_another(dimension=3, index="ivfpq", distance="manhattan", ivfpq={"drop_vectors": 1},
                      error="GV_ERR_UNSUPPORTED", message_has="MANHATTAN")
    case.open_another(dimension=3, index="ivfpq", storage="f16", ivfpq={"drop_vectors": 1}, error="GV_ERR_UNSUPPORTED",
                      message_has="storage F16")
    case.add([1, 2, 3])
    case.train()
    case.get(0)
    case.search([1, 2, 3], 5)
    case.close()
    same = {"nlist": 12, "m": 5, "nbits": 4, "train_iters": 6}
    case.open_another(path=MAIN, ivfpq=same, error="GV_ERR_ARGUMENT", message_has="kept asked for, by the file they are dropped")
    case.open_another(path=MAIN, ivfpq=same | {"drop_vectors": 1})
    yield case


GROUPS = (life, shapes, duplicates, refused, dropped)
