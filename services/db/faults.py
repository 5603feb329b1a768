"""What a storage failure is called: codes of sqlite3, PostgreSQL and the system as the errors of services.api.

Standard library only, like `backups`.
"""

from __future__ import annotations

import errno
import sqlite3

from services.api.errors import DatabaseBusy, DatabaseCorrupt, DiskFull, ReadOnly, StorageError

# Primary result codes of SQLite (https://www.sqlite.org/rescode.html); the extended ones carry them in the low byte.
_BY_CODE: dict[int, type[StorageError]] = {
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_IOERR: StorageError,  # a full disk is FULL, so this is a disk that fails
    sqlite3.SQLITE_BUSY: DatabaseBusy,
    sqlite3.SQLITE_LOCKED: DatabaseBusy,
    sqlite3.SQLITE_CORRUPT: DatabaseCorrupt,
    sqlite3.SQLITE_NOTADB: DatabaseCorrupt,
    sqlite3.SQLITE_READONLY: ReadOnly,
    sqlite3.SQLITE_CANTOPEN: StorageError,
    sqlite3.SQLITE_PERM: StorageError,
}
_BY_ERRNO: dict[int, type[StorageError]] = {
    errno.ENOSPC: DiskFull,
    errno.EDQUOT: DiskFull,
    errno.EROFS: ReadOnly,
}
# SQLSTATE of PostgreSQL (https://www.postgresql.org/docs/current/errcodes-appendix.html), whole or its class.
_BY_STATE: dict[str, type[StorageError]] = {
    "08": DatabaseBusy,  # connection lost, or not made
    "25006": ReadOnly,
    "25P03": DatabaseBusy,  # our transaction idled for too long
    "28": StorageError,  # not let in
    "3D000": StorageError,  # no such database
    "40001": DatabaseBusy,  # serialization failure
    "40P01": DatabaseBusy,  # deadlock
    "53": DatabaseBusy,  # memory, connections
    "53100": DiskFull,
    "55P03": DatabaseBusy,  # a lock was not to be had in time
    "57": DatabaseBusy,  # shut down, starting up, canceled
    "58": StorageError,  # a disk that fails
    "XX001": DatabaseCorrupt,
    "XX002": DatabaseCorrupt,
}


def storage_error(error: BaseException | None) -> StorageError | None:
    """The expected failure behind an error of a database driver or of the system, or None when it is a bug."""
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, StorageError)(errno=error.errno)
    if error is not None and hasattr(error, "sqlstate"):
        return _of_postgres(error)
    code = getattr(error, "sqlite_errorcode", None)
    kind = None if code is None else _BY_CODE.get(code & 0xFF)
    return None if kind is None else kind(sqlite_code=code)


def _of_postgres(error: BaseException) -> StorageError | None:
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:  # the driver's own word, by the standard's names (PEP 249): it could not reach the server
        return DatabaseBusy() if type(error).__name__ == "OperationalError" else None
    kind = _BY_STATE.get(state) or _BY_STATE.get(state[:2])
    return None if kind is None else kind(sqlstate=state)
