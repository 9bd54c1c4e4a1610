"""The exceptions, one class for each status of the core. Each carries the core's code and its sentence."""

from __future__ import annotations

from ._ffi import ffi, lib
from ._types import CheckReport


class GigaVectorError(Exception):
    """Base of all errors of this package: `code` is the core's status, the text is the core's own sentence."""

    code: int = 0

    def __str__(self) -> str:  # KeyError would print the sentence in quotes
        return str(self.args[0]) if self.args else ""

    @property
    def status(self) -> str:
        """Name of the code, such as "GV_ERR_ARGUMENT"."""
        return _text(lib.gv_status_name(self.code))


class ArgumentError(GigaVectorError, ValueError):
    """What was passed breaks a rule: a wrong dimension, a component that is not finite, a wrong type."""

    code = lib.GV_ERR_ARGUMENT


class DatabaseError(GigaVectorError, RuntimeError):
    """The database could not do what was asked."""


class QueryError(ArgumentError, DatabaseError):
    """A search that asks for nothing, such as k = 0."""


class FilterError(ArgumentError, DatabaseError):
    """A filter that cannot be understood."""

    code = lib.GV_ERR_BAD_FILTER


class CorruptError(DatabaseError):
    """A checksum or a structure of the file is wrong; the sentence names the offset."""

    code = lib.GV_ERR_CORRUPT
    report: CheckReport | None = None  # the figures, where Database.check() found it


class StorageError(DatabaseError):
    """The file system refused; the sentence carries its own words."""

    code = lib.GV_ERR_IO


class LockedError(DatabaseError):
    """Another process, or another handle of this one, writes this file."""

    code = lib.GV_ERR_LOCKED


class ReadOnlyError(DatabaseError):
    """A write on a read-only database, or in a forked child."""

    code = lib.GV_ERR_READ_ONLY


class NotFoundError(DatabaseError, KeyError):
    """No live row has this id, or there is no such file to read."""

    code = lib.GV_ERR_NOT_FOUND


class LimitError(DatabaseError):
    """A limit of the database or of its file format would be passed; nothing was written."""

    code = lib.GV_ERR_LIMIT


class MemoryLimitError(LimitError):
    """`max_memory_bytes` would be passed; nothing was written."""


class OutOfMemoryError(DatabaseError, MemoryError):
    """An allocation failed."""

    code = lib.GV_ERR_NO_MEMORY


class UnsupportedError(DatabaseError, NotImplementedError):
    """Not in this build: an index type, a kernel, a newer file format."""

    code = lib.GV_ERR_UNSUPPORTED


class ClosedError(DatabaseError):
    """The database was closed before."""

    code = lib.GV_ERR_ARGUMENT


_BY_CODE: dict[int, type[GigaVectorError]] = {
    kind.code: kind
    for kind in (
        ArgumentError,
        FilterError,
        CorruptError,
        StorageError,
        LockedError,
        ReadOnlyError,
        NotFoundError,
        LimitError,
        OutOfMemoryError,
        UnsupportedError,
    )
}


def _text(string: object) -> str:
    text: str = ffi.string(string).decode("utf-8", "replace")
    return text


def last_error(argument_kind: type[ArgumentError] = ArgumentError) -> GigaVectorError:
    """This thread's latest failure in the core, to be raised; `argument_kind` is the class for GV_ERR_ARGUMENT."""
    code, sentence = int(lib.gv_last_status()), _text(lib.gv_last_error())
    kind = argument_kind if code == ArgumentError.code else _BY_CODE.get(code, DatabaseError)
    if kind is LimitError and "max_memory_bytes" in sentence:
        kind = MemoryLimitError
    error = kind(sentence)
    error.code = code
    return error


def search_failure(k: int) -> type[ArgumentError]:
    """The class for GV_ERR_ARGUMENT of a search for `k` hits, of which 0 is no number."""
    return QueryError if k == 0 else ArgumentError


def check(status: int) -> None:
    """Raise unless a call into the core answered GV_OK."""
    if status != 0:
        raise last_error()
