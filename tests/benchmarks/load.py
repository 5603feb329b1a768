"""A small HTTP/1.1 client over raw sockets, for this machine only: keep-alive connections, counted and bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import cast

HOST = "127.0.0.1"
Request = Callable[[], bytes]


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the last answer is whole, until the time is over."""

    def __init__(self, requests: Iterator[bytes], ends: float) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answers = 0
        self._requests, self._ends = requests, ends
        self._read = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is one without being a child of it
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, mark, body = self._read.partition(b"\r\n\r\n")
        if not mark or len(body) < _length(head):
            return
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            self._end(RuntimeError(self._read[:500].decode("latin-1")))
            return
        self._read = b""
        self.answers += 1
        assert self._transport is not None
        if time.perf_counter() < self._ends:
            self._transport.write(next(self._requests))
        else:
            self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def _end(self, error: Exception | None) -> None:
        assert self._transport is not None
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)
        self._transport.close()


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0])


async def per_second(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> float:
    """Answers a second over so many keep-alive connections."""
    started = time.perf_counter()
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: _Connection(requests, started + seconds), HOST, port))[1]
        for _ in range(connections)
    ]
    await asyncio.wait_for(asyncio.gather(*(connection.done for connection in made)), seconds + 10)
    return sum(connection.answers for connection in made) / (time.perf_counter() - started)
