"""The secret that seals the ledger: from the operator's setting, else a file of this data folder, made on first use.

It does not stop whoever may read that file; it shows what anybody else changed in the database or in a copy of it.
"""

from __future__ import annotations

import os
from pathlib import Path

from services.api.clock import Ids

FILE = "ledger.key"


def ledger_key(folder: Path, configured: str, ids: Ids) -> bytes:
    """The key, at least 32 characters. An existing file is never replaced: its chain could not be verified any more."""
    if configured:
        return configured.encode()
    file = folder / FILE
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _make(file, ids.token())
    return file.read_bytes().strip()


def _make(file: Path, secret: str) -> None:
    """Whole or not at all, readable by its owner only; of two processes the first one wins."""
    draft = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secret)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    except OSError:  # a file system without links: the small race is better than no books
        draft.replace(file)
        return
    draft.unlink()
