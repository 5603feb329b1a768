"""The PayPal gateway over real connections: many at once, a server that says the time, nothing left open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.gateways.payments import Charge
from services.gateways.paypal_payments import PayPalPayments
from services.twin.paypal import PayPalTwin
from tests.twin.paypal_rig import Rig, asked, wish

pytestmark = pytest.mark.loopback


@contextmanager
def served(twin: PayPalTwin) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            url = f"http://{self.headers['host']}{self.path}"
            response = twin.handle(asked(self.command, url, body, dict(self.headers)))
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/paypal"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_fifty_connections_with_one_key_make_one_charge(tmp_path: Path, loop: asyncio.Runner) -> None:
    rig = Rig(tmp_path)
    method = loop.run(rig.pay(key="first")).method
    assert method is not None
    with served(rig.twin) as base:
        pays = PayPalPayments(
            client_id="c", secret="s", base_url=base, page_hosts=(), clock=rig.clock, is_test_mode=True,
            default_return_url=f"{base}/back",
        )  # fmt: skip

        async def all_at_once() -> list[Charge]:
            wanted = wish("5.00", token=method.token)
            return await asyncio.gather(*(pays.charge(wanted, key="second") for _ in range(50)))

        charges = loop.run(all_at_once())
        findings = loop.run(pays.check(now=rig.clock.now()))
        pays.close()
    assert {charge.state for charge in charges} == {"succeeded"}
    assert len({charge.id for charge in charges}) == 1
    assert rig.twin.balance("USD") == 3400
    assert "seconds" in next(one for one in findings if one.what == "clock").detail
    rig.close()
    assert rig.twin.breaches == []


def test_nobody_listening_is_unreachable_and_said_so(loop: asyncio.Runner, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    pays = PayPalPayments(
        client_id="c", secret="s", base_url="http://127.0.0.1:9/paypal", page_hosts=(), clock=rig.clock,
        is_test_mode=True, default_return_url="http://127.0.0.1:9/back",
    )  # fmt: skip
    assert [(one.what, one.code) for one in loop.run(pays.check(now=rig.clock.now()))] == [("network", "unreachable")]
    rig.close()
