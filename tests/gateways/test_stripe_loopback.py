"""The Stripe gateway over real connections: many at once, through a proxy, and into a void."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from services.gateways.payments import Charge, Lookup, ProviderRefused, ProviderUnreachable
from services.gateways.stripe_payments import StripePayments
from services.gateways.stripe_web import Line
from services.twin.server import Twin
from tests.gateways.stripe_rig import KEY, KIM, START, TEST_KEY, MovedClock, no_pause, wish

pytestmark = pytest.mark.loopback
TIMES = 50


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    twin = Twin(tmp_path / "twin", clock=MovedClock(), port=0)
    twin.start()
    yield twin
    twin.close()
    assert twin.breaches == []


def gateway(twin: Twin) -> StripePayments:
    return StripePayments(key=TEST_KEY, clock=MovedClock(), api_base=twin.url, page_hosts=(twin.page_host,))


async def patiently(pays: StripePayments, token: str, customer: str) -> Charge:
    """As the service asks: again when no answer came."""
    for _ in range(5):
        try:
            return await pays.charge(wish(token=token, customer=customer), key=KEY)
        except ProviderUnreachable:
            await asyncio.sleep(0.05)
    raise AssertionError("no answer at all")


async def all_at_once(pays: StripePayments, token: str) -> list[Charge]:
    customer = await pays.provide_customer(KIM)
    return list(await asyncio.gather(*(patiently(pays, token, customer) for _ in range(TIMES))))


def test_one_key_from_fifty_calls_at_once_makes_one_charge(twin: Twin, loop: asyncio.Runner) -> None:
    pays = gateway(twin)
    charges = loop.run(all_at_once(pays, "pm_card_visa"))
    pays.close()
    assert {(one.id, one.state) for one in charges} == {(charges[0].id, "succeeded")}
    assert len(charges) == TIMES
    assert (twin.stripe.balance("USD"), twin.stripe.count_charges()) == (2900, 1)


def test_one_key_from_fifty_calls_at_once_opens_one_page(twin: Twin, loop: asyncio.Runner) -> None:
    pays = gateway(twin)
    pages = loop.run(all_at_once(pays, ""))
    assert {(one.id, one.action_url) for one in pages} == {(pages[0].id, pages[0].action_url)}
    assert pages[0].action_url.startswith(f"http://{pays.page_hosts[0]}/")


def test_one_key_from_fifty_calls_at_once_refunds_once(twin: Twin, loop: asyncio.Runner) -> None:
    pays = gateway(twin)

    async def work() -> set[tuple[str, str]]:
        paid = await pays.charge(wish(token="pm_card_visa"), key=KEY)
        back = await asyncio.gather(*(pays.refund(paid.id, wish("9.00").amount, key="r") for _ in range(TIMES)))
        return {(one.id, one.state) for one in back}

    assert len(loop.run(work())) == 1
    assert twin.stripe.balance("USD") == 2000


def test_the_gateway_goes_on_in_another_loop_and_after_close(twin: Twin, loop: asyncio.Runner) -> None:
    pays = gateway(twin)
    loop.run(pays.provide_customer(KIM))
    with asyncio.Runner() as other:
        charge = other.run(pays.charge(wish(token="pm_card_visa"), key=KEY))
    pays.close()
    found = loop.run(pays.find(Lookup(KEY, charge.id, None, START)))
    assert found is not None
    pays.close()


def test_the_window_is_not_held_up_while_the_library_is_read(twin: Twin, loop: asyncio.Runner) -> None:
    """Its first import takes the better part of a second, in a process of its own here."""
    import subprocess
    import sys

    program = (
        "import asyncio, sys, time\n"
        "from datetime import UTC, datetime\n"
        "from services.api.clock import Clock\n"
        "from services.gateways.payments import Customer\n"
        "from services.gateways.stripe_payments import StripePayments\n"
        "class C:\n"
        "    def now(self): return datetime(2026, 11, 24, tzinfo=UTC)\n"
        "assert 'stripe' not in sys.modules\n"
        "async def beat(gaps):\n"
        "    while True:\n"
        "        at = time.monotonic(); await asyncio.sleep(0.005); gaps.append(time.monotonic() - at)\n"
        "async def main():\n"
        "    gaps = []; beating = asyncio.create_task(beat(gaps))\n"
        f"    pays = StripePayments(key='{TEST_KEY}', clock=C(), api_base=sys.argv[1])\n"
        "    await pays.provide_customer(Customer('u', 'n', 'k@example.com'))\n"
        "    beating.cancel(); print(len(gaps), max(gaps))\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, twin.url], capture_output=True, text=True, timeout=60, check=True
    )
    beats, longest = done.stdout.split()
    assert int(beats) >= 5
    assert float(longest) < 0.5


def test_nobody_there_is_no_answer(loop: asyncio.Runner) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    pays = StripePayments(key=TEST_KEY, clock=MovedClock(), api_base=url, line=Line(pause=no_pause))
    with pytest.raises(ProviderUnreachable):
        loop.run(pays.charge(wish(token="pm_card_visa"), key=KEY))
    [finding] = loop.run(pays.check(now=START))
    assert (finding.what, finding.is_well, finding.code) == ("network", False, "unreachable")


class Proxy:
    """Writes down what it is asked for, and answers for everybody."""

    def __enter__(self) -> Proxy:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                body = b'{"error": {"type": "invalid_request_error", "code": "resource_missing"}}'
                self.send_response_only(404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.asked = asked
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def test_the_proxy_of_the_environment_is_used(loop: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        pays = StripePayments(key=TEST_KEY, clock=MovedClock(), api_base="http://stripe.example")
        assert loop.run(pays.find(Lookup(KEY, "pi_1", None, START))) is None
    assert [one.partition("?")[0] for one in proxy.asked] == ["http://stripe.example/v1/payment_intents/pi_1"]


def test_no_proxy_leads_back_to_this_machine(twin: Twin, loop: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert loop.run(gateway(twin).provide_customer(KIM)).startswith("cus_")
    assert proxy.asked == []


def test_a_revoked_key_is_refused(twin: Twin, loop: asyncio.Runner) -> None:
    pays = StripePayments(key=f"{TEST_KEY}_revoked", clock=MovedClock(), api_base=twin.url)
    with pytest.raises(ProviderRefused) as refused:
        loop.run(pays.charge(wish(token="pm_card_visa"), key=KEY))
    assert refused.value.code == "key_invalid"
