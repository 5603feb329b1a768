"""What a storage failure is called: sqlite3's result codes and the system's errors as the errors of services.api.

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


def storage_error(error: BaseException | None) -> StorageError | None:
    """The expected failure behind an error of sqlite3 or of the system, or None when it is a bug."""
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, StorageError)(errno=error.errno)
    code = getattr(error, "sqlite_errorcode", None)
    kind = None if code is None else _BY_CODE.get(code & 0xFF)
    return None if kind is None else kind(sqlite_code=code)
