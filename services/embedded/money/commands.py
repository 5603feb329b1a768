"""Commands of a person, done once per key: the same again gives the same answer, something else under it is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, KeyReused
from services.db import money_models as mm
from services.db import portable
from services.embedded.core import KEY_MAX, Caller, insert_into

_C = mm.CommandKey
_KNOWN = sa.select(_C.command, _C.request_hash, _C.subject_uuid).where(
    _C.scope == sa.bindparam("who"), _C.key == sa.bindparam("given")
)


def check_key(key: str) -> None:
    """InvalidInput for a key that cannot be one."""
    if not 0 < len(key) <= KEY_MAX:
        raise InvalidInput(fields={"idempotency_key": "out_of_range"})


def known(connection: Connection, caller: Caller, key: str, command: str, request: object) -> str | None:
    """What this command made when it was given before, or None. KeyReused. Of two at once the second waits here."""
    check_key(key)
    portable.one_at_a_time(connection, f"command:{caller.uuid}:{key}")
    row = connection.execute(_KNOWN, {"who": caller.uuid, "given": key}).one_or_none()
    if row is None:
        return None
    if (row.command, row.request_hash) != (command, fingerprint(request)):
        raise KeyReused(key=key)
    return str(row.subject_uuid)


def note(
    connection: Connection, caller: Caller, key: str, command: str, request: object, subject_uuid: str, at: datetime
) -> None:
    """Remembers what a command made."""
    connection.execute(
        insert_into(_C),
        {"scope": caller.uuid, "key": key, "command": command, "request_hash": fingerprint(request),
         "subject_uuid": subject_uuid, "created_at": at},
    )  # fmt: skip


def fingerprint(request: object) -> str:
    """The same for the same content. Where the browser returns to is no part of it: the window that asks again has
    another address."""
    plain: Any = asdict(request) if is_dataclass(request) and not isinstance(request, type) else request
    if isinstance(plain, dict):
        plain = {name: value for name, value in plain.items() if name != "return_url"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()
