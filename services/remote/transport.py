"""HTTP as the remote service speaks it: the exact representation, keys, streams, and errors as they were raised."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar
from urllib.parse import quote

import httpx

from services import wire
from services.api.contract import Actor
from services.api.errors import EventRejected, InvalidInput, Offline, PaymentUnknown, ServiceError
from services.api.types import AnswerPart

T = TypeVar("T")

TIMEOUT = httpx.Timeout(connect=5, read=30, write=15, pool=5)
CHAT_TIMEOUT = httpx.Timeout(connect=5, read=120, write=15, pool=5)  # a model may think before its first word
LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=30)

# They say how one message was sent, not what it said.
_OF_ONE_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade"})
# Raised before anything was sent, so nothing can have happened at the other end.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


class Transport:
    """A service's calls for one actor, over one shared HTTP client."""

    def __init__(self, client: httpx.AsyncClient, actor: Actor | None = None) -> None:
        self._client = client
        self._actor = actor or Actor()

    @property
    def actor(self) -> Actor:
        return self._actor

    async def close(self) -> None:
        """Closes the connections, also those of services made by `for_actor`."""
        await self._client.aclose()

    async def get(self, kind: type[T], path: str, **parameters: str) -> T:
        return _read(await self.send("GET", path, parameters=parameters), kind)

    async def post(self, kind: type[T], path: str, body: object = None, *, key: str = "") -> T:
        return _read(await self.send("POST", path, body, key=key), kind)

    async def delete(self, kind: type[T], path: str) -> T:
        return _read(await self.send("DELETE", path), kind)

    async def pay(self, kind: type[T], path: str, body: object, key: str) -> T:
        """A call that may move money: when its answer is lost, nobody may say that nothing happened."""
        try:
            return _read(await self.send("POST", path, body, key=key), kind)
        except Offline as error:
            was_lost_on_the_way = error.__cause__ is not None and not isinstance(error.__cause__, _NOT_SENT)
            if was_lost_on_the_way or "status" in error.params:  # the latter: some proxy answered in Souk's place
                raise PaymentUnknown from error
            raise

    async def send(
        self, method: str, path: str, body: object = None, *, key: str = "", parameters: dict[str, str] | None = None
    ) -> bytes:
        content = None if body is None else _encoded(body)
        headers = self._headers(wire.NATIVE_TYPE, key)
        try:
            answer = await self._client.request(method, path, content=content, headers=headers, params=parameters)
        except httpx.RequestError as error:
            raise Offline from error
        if answer.is_success:
            return answer.content
        raise wire.error_from(answer.status_code, answer.content)

    async def hand_on(self, path: str, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        """What somebody else sent, byte for byte and under their headers."""
        try:
            kept = [(name.encode("ascii"), text.encode("latin-1")) for name, text in headers if name not in _OF_ONE_HOP]
        except UnicodeEncodeError:
            raise EventRejected from None
        try:
            answer = await self._client.post(path, content=body, headers=kept)
        except httpx.RequestError as error:
            raise Offline from error
        if not answer.is_success:
            raise wire.error_from(answer.status_code, answer.content)

    def _headers(self, accept: str, key: str) -> dict[str, str]:
        headers = {"Accept": accept, "Content-Type": "application/json"}
        if self._actor.device:
            headers["Cart-Token"] = self._actor.device
        if self._actor.session:
            headers["Authorization"] = f"Token {self._actor.session}"
        if key:
            headers["Idempotency-Key"] = key
        return headers

    async def stream(self, path: str, text: str, key: str) -> AsyncIterator[AnswerPart]:
        """The parts of an answer. Offline when the stream ends before its last part."""
        headers, is_whole = self._headers(f"text/event-stream, {wire.NATIVE_TYPE}", key), False
        content = _encoded({"text": text})
        try:
            async with self._client.stream(
                "POST", path, content=content, headers=headers, timeout=CHAT_TIMEOUT
            ) as answer:
                if not answer.is_success:
                    raise wire.error_from(answer.status_code, await answer.aread())
                async for part in _parts(_lines(answer.aiter_bytes())):
                    is_whole = is_whole or part.message is not None
                    yield part
        except httpx.RequestError as error:
            raise Offline from error
        if not is_whole:
            raise Offline


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines ended by \\n only: httpx's own splitter also breaks at U+2028 and others, which JSON may hold."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")


async def _parts(lines: AsyncIterator[bytes]) -> AsyncIterator[AnswerPart]:
    event = b""
    async for line in lines:
        name, _, value = line.partition(b":")
        if name == b"event":
            event = value.strip()
        elif name == b"data" and event == b"error":
            raise wire.error_from(500, value)
        elif name == b"data":
            yield _read(value, AnswerPart)
        elif not line:
            event = b""


def _read(data: bytes, kind: type[T]) -> T:
    try:
        return wire.decode(data, kind)
    except wire.WireError as error:
        raise ServiceError(reason="not_a_souk_answer") from error


def _encoded(body: object) -> bytes:
    try:
        return wire.encode(body)
    except UnicodeEncodeError:  # half of a surrogate pair, as a broken clipboard gives
        raise InvalidInput(fields={wire.BODY: "unexpected"}) from None


def segment(text: str) -> str:
    """One piece of a path, whatever was typed; never empty, never a step up."""
    return quote(text, safe="", errors="replace") if text.strip(".") else f"-{text}"
