"""Idempotency-Key for the POSTs that the service does not key itself: the same key and body give the same answer.

Kept in this process only, for the last thousand keys. What must never happen twice (a charge, a counted call) is
keyed in the database by the service, not here.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from services.api.errors import KeyReused, RequestInProgress
from services.http.call import Call
from services.http.reply import Reply

P = ParamSpec("P")
T = TypeVar("T")

_KEPT = 1000
_REPLAYED = (b"idempotent-replayed", b"true")


@dataclass(slots=True)
class _Answer:
    fingerprint: bytes
    reply: Reply[Any] | None = None  # None: still being worked on. Any: answers of every route


class Replays:
    """The answers given, by caller, path and key."""

    def __init__(self) -> None:
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()

    def forget(self) -> None:
        """Begins anew, as after a restart."""
        self._answers.clear()

    def drop(self, slot: bytes) -> None:
        """Does not keep an answer after all."""
        self._answers.pop(slot, None)

    async def answer(self, slot: bytes, fingerprint: bytes, work: Callable[[], Awaitable[Reply[T]]]) -> Reply[T]:
        """The answer kept under `slot`, else that of `work`, which is kept unless it fails."""
        if known := self._answers.get(slot):
            return _repeat(known, fingerprint)
        self._answers[slot] = answer = _Answer(fingerprint)
        try:
            reply = await work()
        except BaseException:
            self.drop(slot)
            raise
        answer.reply = reply
        while len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        return reply


def _repeat(known: _Answer, fingerprint: bytes) -> Reply[Any]:
    if known.fingerprint != fingerprint:
        raise KeyReused
    if known.reply is None:
        raise RequestInProgress
    return known.reply.with_header(_REPLAYED)


def once(handler: Callable[P, Awaitable[Reply[T]]]) -> Callable[P, Awaitable[Reply[T]]]:
    """Makes a POST handler answer a repeated Idempotency-Key from memory."""

    @wraps(handler)
    async def keyed(*args: P.args, **kwargs: P.kwargs) -> Reply[T]:
        call = cast("Call", kwargs["request"])
        if not call.header(b"idempotency-key"):
            return await handler(*args, **kwargs)
        actor = call.actor
        parts = (actor.session or actor.device, call.scope["path"], call.key)
        slot = hashlib.sha256("\x00".join(parts).encode()).digest()
        fingerprint = hashlib.sha256(call.header(b"accept") + b"\x00" + await call.body()).digest()
        replays: Replays = call.app.state.replays
        reply = await replays.answer(slot, fingerprint, lambda: handler(*args, **kwargs))
        if call.new_device:  # only the guest who made this call may learn the token in its answer
            replays.drop(slot)
        return reply

    return keyed
