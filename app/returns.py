"""Where a payment page leads back to on this machine: one address with an unguessable path, good for one visit. That
somebody came says nothing about the payment; it is only a reason to ask the provider."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable

from ui.text import tr

OPEN_SECONDS = 24 * 60 * 60  # as long as a page works
VISIT_SECONDS = 5.0  # for one request line
LONGEST = 4096  # bytes of a request's head
MOST_VISITS = 8  # at once
STYLE = """:root{color-scheme:light dark;font:18px/1.5 system-ui,sans-serif}
body{min-height:90vh;margin:0;display:grid;place-content:center;text-align:center;padding:24px;
background:light-dark(#fff,#171918);color:light-dark(#1b1c1a,#eef0ee)}h1{font-size:1.5em;margin:0 0 8px}p{margin:0}"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest())


class Return:
    """One address, listening until it was visited, closed, or its time is over."""

    def __init__(self, server: asyncio.Server, path: str, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{path}"
        self._visits: set[_Visit] = set()
        self._end = loop.call_later(OPEN_SECONDS, self.close)

    def close(self) -> None:
        """Lets go of the port and of whoever is connected; called again, does nothing."""
        self._end.cancel()
        self._server.close()
        for visit in tuple(self._visits):
            visit.abort()

    @property
    def visits(self) -> int:
        """How many are connected now."""
        return len(self._visits)

    def greet(self, visit: _Visit) -> None:
        self._visits.add(visit)
        if len(self._visits) > MOST_VISITS:
            visit.abort()

    def see_off(self, visit: _Visit) -> None:
        self._visits.discard(visit)


class Returns:
    """Makes addresses on the loop that runs; see ui/viewmodels/browser.py."""

    async def open(self, returned: Callable[[], None]) -> Return:
        """OSError when no port can be had."""
        loop = asyncio.get_running_loop()
        path = f"/return/{secrets.token_urlsafe(32)}"
        address: list[Return] = []

        def visited() -> None:
            address[0].close()
            returned()

        server = await loop.create_server(lambda: _Visit(loop, path, address, visited), "127.0.0.1", 0)
        address.append(Return(server, path, loop))
        return address[0]


class _Visit(asyncio.Protocol):
    """One connection: its request line is looked at, the rest is not read."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, path: str, address: list[Return], visited: Callable[[], None]
    ) -> None:
        self._loop, self._path, self._address, self._visited = loop, path, address, visited
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  what a TCP server hands out
        self._transport = transport
        self._patience = self._loop.call_later(VISIT_SECONDS, self.abort)
        self._address[0].greet(self)

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._head += data
        if len(self._head) > LONGEST:
            self._answer(b"431 Request Header Fields Too Large", "")
        elif b"\r\n\r\n" in self._head:
            self._judge(self._head.split(b"\r\n", 1)[0])

    def _judge(self, line: bytes) -> None:
        method, _, rest = line.partition(b" ")
        target = rest.partition(b" ")[0].partition(b"?")[0]
        if method != b"GET":
            self._answer(b"405 Method Not Allowed", "", b"Allow: GET\r\n")
        elif not secrets.compare_digest(target, self._path.encode()):
            self._answer(b"404 Not Found", "")
        else:
            self._answer(b"200 OK", _page())
            self._loop.call_soon(self._visited)

    def _answer(self, status: bytes, page: str, more: bytes = b"") -> None:
        if self._transport is None:
            return
        body = page.encode()
        self._transport.write(
            b"HTTP/1.1 " + status + b"\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
            b"Content-Security-Policy: default-src 'none'; style-src 'sha256-" + _STYLE_HASH
            + b"'\r\nReferrer-Policy: no-referrer\r\n"
            b"X-Content-Type-Options: nosniff\r\nConnection: close\r\n" + more
            + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )  # fmt: skip
        self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._transport = None
        self._address[0].see_off(self)

    def abort(self) -> None:
        """Ends it; what is still to be sent goes first when something was answered already."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()


def _page() -> str:
    """No script, nothing from elsewhere, nothing of the request."""
    title, words = tr("Back to Souk"), tr("You can close this page and go back to Souk.")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style><body><main><h1>{title}</h1><p>{words}</p></main></body></html>"
    )
