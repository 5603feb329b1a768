"""The twin on loopback: one small web server in threads of its own, for what Stripe and PayPal do."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from services.api.clock import Clock
from services.twin.http import TwinHandler, TwinRequest, TwinResponse
from services.twin.paypal import ROOT as PAYPAL
from services.twin.paypal import PayPalTwin
from services.twin.stripe import StripeTwin

PORT = 8742
BODY_MAX = 256 * 1024
_QUIET_AFTER_S = 30

logger = logging.getLogger(__name__)
Answer = Callable[[TwinRequest], TwinResponse]


class Twin:
    """Both providers behind one address. Starts with `start`; the port that is wanted may be taken, then it is any."""

    def __init__(self, folder: Path, *, clock: Clock, seed: int = 1, host: str = "127.0.0.1", port: int = PORT) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.stripe = StripeTwin(folder, clock=clock, seed=seed)
        self.paypal = PayPalTwin(folder, clock=clock, seed=seed)
        self._clock = clock
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Listens from now on; returns its address. OSError when it may not listen at all."""
        try:
            self._server = _Server((self._host, self._port), self._answer)
        except OSError:  # somebody else has it
            self._server = _Server((self._host, 0), self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="souk-twin")
        self._thread.start()
        return self.url

    @property
    def url(self) -> str:
        """ "http://127.0.0.1:8742"; RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the twin does not listen yet")
        return f"http://{self._host}:{self._server.server_address[1]}"

    @property
    def page_host(self) -> str:
        """Where its pages lie, as a browser's address has it."""
        return self.url.removeprefix("http://")

    @property
    def breaches(self) -> list[str]:
        """What was asked against the contracts, of either."""
        return [*self.stripe.breaches, *self.paypal.breaches]

    def _answer(self, request: TwinRequest) -> TwinResponse:
        if not self._is_meant(request.headers.get("host", "")):
            return TwinResponse(421)
        handler: TwinHandler = self.paypal if request.path.startswith(f"{PAYPAL}/") else self.stripe
        try:
            response = handler.handle(request)
        except Exception:  # a fault of ours; whoever asks is answered, as a real provider would
            logger.exception("the test provider failed to answer: %s %s", request.method, _kind_of(request.path))
            response = handler.failed(request)
        stamp = format_datetime(self._clock.now(), usegmt=True)
        return TwinResponse(response.status, {"date": stamp} | response.headers, response.body)

    def _is_meant(self, host: str) -> bool:
        """Nobody's name leads here by itself: a page elsewhere whose name was turned to this machine gets nothing."""
        if self._host not in ("127.0.0.1", "::1"):
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name == "localhost" or _is_loopback(name)

    def close(self) -> None:
        """Ends what is being answered and lets go of files and threads."""
        if self._server is not None:
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
        if self._thread is not None:
            self._thread.join()
        self.stripe.close()
        self.paypal.close()


def _kind_of(path: str) -> str:
    """The part of a path that names nobody: "/v1/customers"."""
    return "/".join(path.split("/")[:3])


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    # elsewhere it would let two programs listen at one port
    allow_reuse_address = os.name == "posix"
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], answer: Answer) -> None:
        self.answer = answer
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # Any: as socketserver has them
        with self._lock:
            self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)

    def hang_up(self) -> None:
        """Browsers open connections that they may need later; nobody waits for those."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RD)
                except OSError:
                    logger.debug("a connection was gone already")

    def handle_error(self, request: Any, client_address: Any) -> None:  # Any: as above
        """Whoever goes away in the middle is no news; a fault of ours is."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            logger.error("the test provider failed to answer", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    timeout = _QUIET_AFTER_S
    server: _Server

    def do_GET(self) -> None:
        self._work()

    def do_POST(self) -> None:
        self._work()

    def do_DELETE(self) -> None:
        self._work()

    def do_PATCH(self) -> None:
        self._work()

    def _work(self) -> None:
        length = self.headers.get("content-length") or "0"
        if not (length.isascii() and length.isdigit()) or int(length) > BODY_MAX:
            self._send(TwinResponse(413))
            return
        try:
            parts = urlsplit(self.path)
        except ValueError:
            self._send(TwinResponse(400))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(length))
        query = parse_qs(parts.query, keep_blank_values=True)
        self._send(self.server.answer(TwinRequest(self.command, parts.path, query, headers, body)))

    def _send(self, response: TwinResponse) -> None:
        self.close_connection = True
        if response.status == 0:  # lost on its way
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, *_args: object) -> None:
        """Addresses hold ids; nothing is logged."""
