"""A case: each method writes a step down and carries it out on a plain dict of rows, to know what it must answer."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np

from canonical import distance_value, distances, expand, stored, write_distance

METRICS = ("euclidean", "cosine", "dot_product", "manhattan")
GRAPH = {  # force the walk, wide enough to be exact on 200 rows
    "index": "hnsw",
    "hnsw": {"M": 16, "ef_construction": 200, "ef_search": 300},
    "exact_search_threshold": 0,
}
FLAT = {"index": "flat"}
INDEXES = {"flat": FLAT, "hnsw": GRAPH}
PARITY = {"cycle": [{"parity": "even"}, {"parity": "odd"}]}
FINE = (-1000000, 1000000, 2.0**-20)  # 20 bits a component: products and sums round
MAIN = "main.gv"


@dataclass
class State:
    """What a database holds: the truth that survives a reopen."""

    dimension: int
    distance: str
    storage: str = "f32"
    rows: dict = field(default_factory=dict)  # id -> (vector, metadata)
    next_id: int = 0
    keys: list = field(default_factory=list)  # that are declared

    def matching(self, filter, where) -> list:
        """`filter` is None, a pair, or an expression, whose meaning the case gives as `where(metadata)`."""
        if isinstance(filter, list):
            where = lambda meta: meta.get(filter[0]) == filter[1]  # noqa: E731
        return [i for i, (_, meta) in self.rows.items() if filter is None or where(meta)]

    def nearest(self, query, k: int, metric: str, filter, where) -> list:
        ids = self.matching(filter, where)
        if not ids:
            return []
        found = distances(metric, query, np.stack([self.rows[i][0] for i in ids]))
        order = sorted(range(len(ids)), key=lambda at: (found[at], ids[at]))
        return [[ids[at], write_distance(metric, found[at])] for at in order[:k]]


class Case:
    """One case: each method appends a step and, unless it must fail, does it to the model."""

    def __init__(self, name: str, about: str, **options):
        self.name, self.about, self.open, self.steps = name, about, options, []
        self.files: dict[str, State] = {}
        self.state = self._opened(options)

    def _opened(self, options) -> State:
        path = options.get("path")
        if path in self.files:
            return self.files[path]
        state = State(options.get("dimension", 0), options.get("distance", "euclidean"), options.get("storage", "f32"))
        if path:
            self.files[path] = state
        return state

    def _step(self, step: dict, more: dict) -> bool:
        """Append it; True if the model has to follow."""
        self.steps.append(step | more)
        return "error" not in more

    def _vector(self, spec):
        return expand(spec, self.open["dimension"])

    def add(self, vector, metadata=None, **more):
        step = {"add": vector} | ({"metadata": metadata} if metadata is not None else {})
        if self._step(step, more):
            self.steps[-1]["id"] = self.state.next_id
            self._insert(self._vector(vector), metadata or {})

    def add_many(self, rows, metadata=None, **more):
        step = {"add_many": rows} | ({"metadata": metadata} if metadata is not None else {})
        if self._step(step, more):
            new, first = self._vector(rows), self.state.next_id
            pattern = metadata["cycle"] if isinstance(metadata, dict) else metadata or [{}]
            assert isinstance(metadata, dict) or metadata is None or len(metadata) == len(new)
            for i, row in enumerate(new):
                self._insert(row, pattern[i % len(pattern)])
            if len(new):
                self.steps[-1]["ids"] = [first, first + len(new) - 1]

    def _insert(self, vector, metadata):
        assert vector.shape == (self.state.dimension,)
        self.state.rows[self.state.next_id] = (self._stored(vector), dict(metadata))
        self.state.next_id += 1

    def _stored(self, vector):
        return vector if self.state.storage == "f32" else stored(self.state.storage, vector)

    def search(
        self, query, k: int, distance=None, filter=None, ef_search=None, recorded=False, where=None,
        nprobe=None, rerank=None, **more
    ):
        step = {"search": query, "k": k} | self._arguments(distance, filter, ef_search, nprobe, rerank)
        if self._step(step, more):
            answer = lambda: self._nearest(self._vector(query), k, distance, filter, where)  # noqa: E731
            self.steps[-1] |= self._hits(answer, recorded)

    def search_batch(
        self, queries, k: int, distance=None, filter=None, ef_search=None, recorded=False, where=None,
        nprobe=None, rerank=None, **more
    ):
        step = {"search_batch": queries, "k": k} | self._arguments(distance, filter, ef_search, nprobe, rerank)
        if self._step(step, more):
            rows = self._vector(queries)
            answer = lambda: [self._nearest(row, k, distance, filter, where) for row in rows]  # noqa: E731
            self.steps[-1] |= self._hits(answer, recorded)

    def _nearest(self, query, k, distance, filter, where):
        return self.state.nearest(query, k, distance or self.state.distance, filter, where)

    @staticmethod
    def _arguments(distance, pair, ef_search, nprobe, rerank) -> dict:
        given = {"distance": distance, "filter": pair, "ef_search": ef_search, "nprobe": nprobe, "rerank": rerank}
        return {key: value for key, value in given.items() if value is not None}

    @staticmethod
    def _hits(answer, recorded) -> dict:
        return {"recorded": True, "hits": None} if recorded else {"hits": answer()}

    def upsert(self, rows, metadata, key, **more):
        """Each row in the place of the one with the same metadata[key], or as a new one; one call."""
        if self._step({"upsert": rows, "metadata": metadata, "key": key}, more):
            ids = []
            for row, pairs in zip(self._vector(rows), metadata, strict=True):
                same = [id for id, (_, old) in self.state.rows.items() if old.get(key) == pairs[key]]
                assert len(same) < 2
                if same:
                    self.state.rows[same[0]] = (self._stored(row), dict(pairs))
                else:
                    self._insert(row, pairs)
                ids.append(same[0] if same else self.state.next_id - 1)
            self.steps[-1]["ids"] = ids

    def range_search(self, query, nth, max_results, distance=None, filter=None, where=None, **more):
        """The radius is the distance of the nth nearest row: the bound is in."""
        every = self._nearest(self._vector(query), len(self.state.rows), distance, filter, where)
        radius = every[nth][1]
        bound = distance_value(radius)
        within = [hit for hit in every if distance_value(hit[1]) <= bound]
        step = {"range_search": query, "radius": radius, "max_results": max_results}
        if self._step(step | self._arguments(distance, filter, None, None, None), more):
            self.steps[-1] |= {"total": len(within), "hits": within[:max_results]}

    def delete(self, id, **more):
        if self._step({"delete": id}, more):
            del self.state.rows[id]

    def delete_many(self, ids, **more):
        if self._step({"delete_many": ids}, more):
            for id in ids:
                del self.state.rows[id]

    def update_vector(self, id, vector, **more):
        if self._step({"update_vector": id, "vector": vector}, more):
            self.state.rows[id] = (self._stored(self._vector(vector)), self.state.rows[id][1])

    def update_metadata(self, id, metadata, **more):
        if self._step({"update_metadata": id, "metadata": metadata}, more):
            self.state.rows[id] = (self.state.rows[id][0], dict(metadata))

    def train(self, rows=True, **more):
        """On `rows`, or on those it has."""
        self._step({"train": rows}, more)

    def get(self, id, **more):
        if self._step({"get": id}, more):
            vector, metadata = self.state.rows[id]
            whole = [float(x).is_integer() and abs(x) < 1e15 and not (x == 0 and np.signbit(x)) for x in vector]
            numbers = [int(x) if short else float(x) for x, short in zip(vector, whole, strict=True)]
            same = len(numbers) > 4 and len(set(vector.view(np.uint32).tolist())) == 1
            self.steps[-1]["vector"] = {"fill": numbers[0]} if same else numbers
            if metadata:
                self.steps[-1]["metadata"] = metadata

    def contains(self, *ids):
        for id in ids:
            self._step({"contains": id, "is": id in self.state.rows}, {})

    def count(self):
        self._step({"count": len(self.state.rows)}, {})

    def count_matching(self, filter, where=None, **more):
        step = {"count_matching": filter}
        if self._step(step, more):
            self.steps[-1]["is"] = len(self.state.matching(filter, where))

    def index_keys(self, *keys, **more):
        """And what they are afterwards."""
        if self._step({"index_keys": list(keys)}, more):
            self.state.keys = list(keys)
        self.indexed_keys()

    def indexed_keys(self):
        self._step({"indexed_keys": list(self.state.keys)}, {})

    def check(self):
        self._step({"check": True}, {})

    def limits(self, **limits):
        self._step({"limits": limits}, {})

    def compact(self, **more):
        self._step({"compact": True}, more)

    def flush(self):
        self._step({"flush": True}, {})

    def save(self, name=None, **more):
        if self._step({"save": name or True}, more) and name:
            self.files[name] = copy.deepcopy(self.state)

    def close(self):
        self._step({"close": True}, {})

    def reopen(self, **options):
        """Options override those of the case; None removes one. Errors belong to open_another."""
        self._step({"reopen": options}, {})
        merged = {key: value for key, value in (self.open | options).items() if value is not None}
        self.state = self._opened(merged)

    def open_another(self, error=None, message_has=None, **options):
        more = {"error": error, "message_has": message_has}
        if self._step({"open_another": options}, {key: value for key, value in more.items() if value is not None}):
            self._opened(options)

    def as_json(self) -> dict:
        body = {"format": "gv-conformance/1", "name": self.name, "about": self.about}
        body |= {"open": self.open, "steps": self.steps}
        return body | ({"files": {name: None for name in sorted(self.files)}} if self.files else {})


def both(name: str, about: str, **options):
    """An empty case for each index; `{}` in `about` is its name."""
    for index, chosen in INDEXES.items():
        yield Case(f"{index}_{name}", about.format(index.upper()), path=MAIN, **options, **chosen)
