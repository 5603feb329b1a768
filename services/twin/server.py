"""The twin on loopback: one small web server in threads of its own, for what Stripe and PayPal do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from services.api.clock import Clock
from services.twin.http import TwinHandler, TwinRequest, TwinResponse
from services.twin.paypal import ROOT as PAYPAL
from services.twin.paypal import PayPalTwin
from services.twin.stripe import StripeTwin

PORT = 8742
BODY_MAX = 256 * 1024
_QUIET_AFTER_S = 30


class Twin:
    """Both providers behind one address. Starts with `start`; the port that is wanted may be taken, then it is any."""

    def __init__(self, folder: Path, *, clock: Clock, seed: int = 1, host: str = "127.0.0.1", port: int = PORT) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.stripe = StripeTwin(folder, clock=clock, seed=seed)
        self.paypal = PayPalTwin(folder, clock=clock, seed=seed)
        self._host = host
        self._port = port
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Listens from now on; returns its address."""
        handler = _handler(self._handler_of)
        try:
            self._server = _Server((self._host, self._port), handler)
        except OSError:
            self._server = _Server((self._host, 0), handler)
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

    def _handler_of(self, path: str) -> TwinHandler:
        return self.paypal if path.startswith(f"{PAYPAL}/") else self.stripe

    def close(self) -> None:
        """Ends what is being answered and lets go of files and threads."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._thread is not None:
            self._thread.join()
        self.stripe.close()
        self.paypal.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever went away in the middle is no news."""


def _handler(find: Callable[[str], TwinHandler]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _QUIET_AFTER_S

        def do_GET(self) -> None:
            self._work()

        def do_POST(self) -> None:
            self._work()

        def do_DELETE(self) -> None:
            self._work()

        def do_PATCH(self) -> None:
            self._work()

        def _work(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if length > BODY_MAX:
                self._send(TwinResponse(413))
                return
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = TwinRequest(
                self.command, parts.path, parse_qs(parts.query, keep_blank_values=True), headers,
                self.rfile.read(length),
            )  # fmt: skip
            self._send(find(parts.path).handle(request))

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
            if self.command != "HEAD":
                self.wfile.write(response.body)

        def log_message(self, *_args: object) -> None:
            """Addresses hold ids; nothing is logged."""

    return Handler
