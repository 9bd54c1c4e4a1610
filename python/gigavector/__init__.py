"""GigaVector: an embedded vector database. One file, one C core, the same answers everywhere.

`Database.open(path, dimension)` is where to begin; README.md and docs/usage.md show the rest.
"""

from ._core import Database
from ._errors import (
    ArgumentError,
    ClosedError,
    CorruptError,
    DatabaseError,
    FilterError,
    GigaVectorError,
    LimitError,
    LockedError,
    MemoryLimitError,
    NotFoundError,
    OutOfMemoryError,
    QueryError,
    ReadOnlyError,
    StorageError,
    UnsupportedError,
)
from ._ffi import ffi as _ffi_declarations
from ._ffi import lib as _lib
from ._sparse import reciprocal_rank_fusion
from ._suggest import suggest_index
from ._types import (
    CheckReport,
    DatabaseInfo,
    DistanceType,
    Explanation,
    HNSWConfig,
    IndexType,
    IVFPQConfig,
    RangeHits,
    Row,
    SearchGroup,
    SearchHit,
    SparseVector,
    Stats,
    Vector,
)

__version__: str = _ffi_declarations.string(_lib.gv_version()).decode()  # the library's: it is the same release

__all__ = [
    "ArgumentError",
    "CheckReport",
    "ClosedError",
    "CorruptError",
    "Database",
    "DatabaseError",
    "DatabaseInfo",
    "DistanceType",
    "Explanation",
    "FilterError",
    "GigaVectorError",
    "HNSWConfig",
    "IVFPQConfig",
    "IndexType",
    "LimitError",
    "LockedError",
    "MemoryLimitError",
    "NotFoundError",
    "OutOfMemoryError",
    "QueryError",
    "RangeHits",
    "ReadOnlyError",
    "Row",
    "SearchGroup",
    "SearchHit",
    "SparseVector",
    "Stats",
    "StorageError",
    "UnsupportedError",
    "Vector",
    "__version__",
    "reciprocal_rank_fusion",
    "suggest_index",
]

for _name in __all__:  # what is public is named so, in error messages and in pickles
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
del _name
