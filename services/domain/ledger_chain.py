"""The seal on the ledger: each row of an organization carries an HMAC over its content and the row before it.

An edit, a removal or a reordering shows at the first row that no longer fits (BILLING F1).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum

from services.domain.ledger import Transfer

GENESIS = "0" * 64  # what the first row is chained to
_VERSION = 1  # of the canonical form; old rows keep theirs


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A stored row: the transfer as read back, its place and its seal."""

    seq: int
    transfer: Transfer
    mac: str


@dataclass(frozen=True, slots=True)
class Link:
    """A row known to be good: verification goes on after it."""

    seq: int = 0
    mac: str = GENESIS


class Fault(StrEnum):
    EDITED = "edited"  # the content, the number or the seal was changed
    REORDERED = "reordered"  # what belongs here comes later, or came before
    GAP = "gap"  # a number is missing
    REMOVED = "removed"  # the newest rows are not there


@dataclass(frozen=True, slots=True)
class Broken:
    """The first bad row: its number, or the number that is missing."""

    seq: int
    fault: Fault


def canonical(transfer: Transfer, seq: int, organization: str) -> bytes:
    """The same bytes for the same content, whatever the order of entries and the time zone of the (aware) instant."""
    if transfer.at.tzinfo is None:
        raise ValueError("an instant has a time zone")
    entries = sorted(
        [
            entry.account.organization,
            entry.account.kind.value,
            entry.account.sub,
            entry.amount.currency,
            entry.amount.micros,
        ]
        for entry in transfer.entries
    )
    content = {
        "version": _VERSION,
        "organization": organization,
        "seq": seq,
        "kind": transfer.kind.value,
        "key": transfer.key,
        "at": transfer.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "memo": dict(transfer.memo),
        "entries": entries,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def mac(key: bytes, previous: str, content: bytes) -> str:
    """HMAC-SHA256 over the row before and this one, in hex."""
    return hmac.digest(key, previous.encode("ascii") + b"\n" + content, "sha256").hex()


def sealed(transfer: Transfer, organization: str, key: bytes, after: Link) -> ChainRow:
    """The row that follows `after`."""
    return ChainRow(after.seq + 1, transfer, _seal(transfer, organization, key, after))


def _seal(transfer: Transfer, organization: str, key: bytes, after: Link) -> str:
    return mac(key, after.mac, canonical(transfer, after.seq + 1, organization))


def verify_chain(
    rows: Iterable[ChainRow], key: bytes, organization: str, *, after: Link | None = None, newest: int | None = None
) -> Broken | None:
    """The first bad row of one organization's chain, or None. Streams: holds one row at a time.

    `newest`: the last number known from elsewhere (the organization's counter); rows cut off the end show only by it.
    Rows after the first bad one are read only to tell a moved row from a missing or an edited one.
    """
    last = after or Link()
    stream = iter(rows)
    for row in stream:
        expected = last.seq + 1
        if row.seq < expected:
            return Broken(row.seq, Fault.REORDERED)
        if row.seq > expected:
            comes_later = any(other.seq == expected for other in stream)
            return Broken(expected, Fault.REORDERED if comes_later else Fault.GAP)
        if not hmac.compare_digest(row.mac, _seal(row.transfer, organization, key, last)):
            comes_later = any(other.mac == _seal(other.transfer, organization, key, last) for other in stream)
            return Broken(row.seq, Fault.REORDERED if comes_later else Fault.EDITED)
        last = Link(row.seq, row.mac)
    if newest is not None and last.seq < newest:
        return Broken(last.seq + 1, Fault.REMOVED)
    return None
