"""Answers as server-sent events: one AnswerPart as JSON per `data:` line, `event: error` when it breaks midway."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from services import wire
from services.api.errors import AgentUnavailable, ServiceError
from services.api.types import AnswerPart, ChatMessage
from services.http.call import Call
from services.http.reply import DETAILS, SAFE_HEADERS, Header, RawAnswer, Reply, bug_body

EVENT_STREAM = b"text/event-stream; charset=utf-8"


async def answer(call: Call, parts: AsyncIterator[AnswerPart]) -> Reply[AnswerPart]:
    """Streams, or gives everything at once to who accepts JSON. Refusals before the first part keep their status."""
    if b"application/json" in call.header(b"accept"):
        return call.reply_same(await _whole(parts))
    first = await anext(parts, None)
    return Stream(first, parts, list(call.extra_headers()), call.scope["path"])


async def _whole(parts: AsyncIterator[AnswerPart]) -> AnswerPart:
    text: list[str] = []
    message: ChatMessage | None = None
    async for part in parts:
        text.append(part.text)
        message = part.message or message
    if message is None:
        raise AgentUnavailable
    return AnswerPart("".join(text), message)


class Stream(Reply[AnswerPart]):
    """A reply that is still being written."""

    def __init__(
        self, first: AnswerPart | None, rest: AsyncIterator[AnswerPart], headers: list[Header], path: str
    ) -> None:
        super().__init__(b"", 200, headers, media_type=EVENT_STREAM)
        self.first, self.rest, self.path = first, rest, path

    def to_asgi_response(self, app: object, request: object, **kwargs: Any) -> ASGIResponse:  # Any: Litestar's options
        return _StreamAnswer(self)


class _StreamAnswer(RawAnswer):
    __slots__ = ("stream",)

    def __init__(self, stream: Stream) -> None:
        buffering: Header = (b"x-accel-buffering", b"no")  # nginx would hold the stream back
        headers = [*SAFE_HEADERS, *stream.extra, (b"content-type", EVENT_STREAM), buffering]
        super().__init__(b"", 200, headers)
        self.stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(_wait_for_leaving, receive, gone)
            await self._write(send, gone)
            group.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send, gone: anyio.Event) -> None:
        async with aclosing(_events(self.stream)) as events:
            async for event in events:
                if gone.is_set():
                    break
                await send({"type": "http.response.body", "body": event, "more_body": True})


async def _wait_for_leaving(receive: Receive, gone: anyio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _events(stream: Stream) -> AsyncGenerator[bytes, None]:
    if stream.first is not None:
        yield b"data: " + wire.encode(stream.first) + b"\n\n"
    try:
        async for part in stream.rest:
            yield b"data: " + wire.encode(part) + b"\n\n"
    except ServiceError as error:
        body = wire.error_body(error, DETAILS.get(error.code, ""))
        yield b"event: error\ndata: " + wire.encode(body) + b"\n\n"
    except Exception as error:  # noqa: BLE001 - the status is sent; this is where on_bug stands for streams
        yield b"event: error\ndata: " + wire.encode(bug_body(error, stream.path)) + b"\n\n"
    finally:
        # Closing tells the service that nobody waits any more; an unfinished call is then taken back.
        if close := getattr(stream.rest, "aclose", None):
            await close()
