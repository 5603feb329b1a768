"""Where pages lead back to: a shop on loopback with an origin of its own, which notes who came."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b'<!doctype html><html lang="en"><title>Back</title><p>Back at the shop</p></html>'


class Merchant:
    """Listens from its making until `close`. `visits`: paths with their queries, favicons left out."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        visits = self.visits

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/favicon.ico":
                    visits.append(self.path)
                self.send_response_only(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(PAGE)))
                self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(PAGE)

        Handler.timeout = 5
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="merchant")
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
