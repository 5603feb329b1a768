"""The twin as a program: its port, its threads, and what survives when it is killed."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from services.twin.server import BODY_MAX, Twin
from tests.twin.stripe_rig import KEY, MovedClock, Rig, text_of

pytestmark = pytest.mark.loopback

ROOT = Path(__file__).parents[2]
# Answers until it is killed; one line says where.
PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from services.twin.server import Twin

class Clock:
    def now(self):
        return datetime.now(UTC)

print(Twin(Path(sys.argv[1]), clock=Clock(), port=0).start(), flush=True)
"""


def post(url: str, key: str) -> httpx.Response:
    form = {"amount": "2900", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": key}
    return httpx.post(f"{url}/v1/payment_intents", data=form, headers=headers, trust_env=False, timeout=20)


@pytest.mark.slow
def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "twin"
    for number in range(3):
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert program.stdout is not None
        url = program.stdout.readline().strip()
        told = [post(url, f"k{at}").json()["id"] for at in range(number + 1)]
        os.kill(program.pid, signal.SIGKILL)
        program.communicate()
        again = Twin(folder, clock=MovedClock(), port=0)
        try:
            assert again.stripe.count_charges() == len(told)
        finally:
            again.close()


def test_a_port_that_is_taken_is_no_obstacle(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        twin = Twin(tmp_path, clock=MovedClock(), port=port)
        try:
            assert twin.start() != f"http://127.0.0.1:{port}"
            assert httpx.get(f"{twin.url}/c/done/", trust_env=False).status_code == 200
        finally:
            twin.close()


def test_it_does_not_wait_for_a_browser_that_holds_the_line(tmp_path: Path) -> None:
    twin = Twin(tmp_path, clock=MovedClock(), port=0)
    twin.start()
    host, _, port = twin.page_host.partition(":")
    with socket.create_connection((host, int(port))) as quiet:
        quiet.sendall(b"GET /c/done/ HTTP/1.1\r\n")
        httpx.get(f"{twin.url}/c/done/", trust_env=False)
        started = time.monotonic()
        twin.close()
        assert time.monotonic() - started < 5


def test_a_page_made_before_a_restart_is_found_at_the_new_port(rig: Rig, tmp_path: Path) -> None:
    session = rig.session()
    again = Twin(tmp_path / "twin", clock=rig.clock, port=0)
    try:
        url = again.start()
        assert url != rig.url
        path = f"/v1/checkout/sessions/{session['id']}"
        headers = {"authorization": f"Bearer {KEY}"}
        found = httpx.get(f"{url}{path}", headers=headers, trust_env=False).json()
        assert found["url"] == session["url"].replace(rig.url, url)
        assert httpx.get(found["url"], trust_env=False).status_code == 200
    finally:
        again.close()


@pytest.mark.logs("the test provider failed to answer")
def test_a_fault_of_its_own_is_answered_as_the_provider_would(rig: Rig, tmp_path: Path) -> None:
    session = rig.session()
    for name, table in (("stripe.db", "objects"), ("paypal.db", "docs")):
        with closing(sqlite3.connect(tmp_path / "twin" / name)) as record, record:
            record.execute(f"DROP TABLE {table}")
    error = rig.refused(rig.charging())
    assert (error.http_status, error.json_body["error"]["type"]) == (500, "api_error")
    for page in (session["url"], f"{rig.url}/paypal/checkoutnow?token=EC-1"):
        shown = rig.open_page(page)
        assert shown.status_code == 500
        assert "Something went wrong here" in text_of(shown)
        assert "Go back to Souk" in text_of(shown)
    asked = rig.browser.get(f"{rig.url}/paypal/v2/checkout/orders/5O190127TN364715T")
    assert (asked.status_code, asked.json()["name"]) == (500, "INTERNAL_SERVER_ERROR")


def test_a_request_that_cannot_be_read_is_answered(rig: Rig) -> None:
    host, _, port = rig.twin.page_host.partition(":")
    for head, status in (
        (b"GET http://[ HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", b" 400 "),
        (b"GET /c/done/ HTTP/1.1\r\nhost: [\r\n\r\n", b" 421 "),
        (b"GET /c/done/ HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: \xb2\r\n\r\n", b" 413 "),
    ):
        with socket.create_connection((host, int(port)), timeout=20) as line:
            line.sendall(head)
            assert status in line.recv(100)


def test_strange_requests_are_answered_and_break_nothing(rig: Rig) -> None:
    auth = {"authorization": f"Bearer {KEY}"}
    browser = rig.browser
    assert browser.post(f"{rig.url}/c/pay/x", content=b"x" * (BODY_MAX + 1)).status_code == 413
    assert browser.get(f"{rig.url}/v1/account").status_code == 401
    assert browser.get(f"{rig.url}/v1/customers/cus_of_nobody", headers=auth).status_code == 404
    for body in (b"a=1&a[b]=2", b"[]=1", b"=", b"%ff%00=1", b"amount[x]=1&currency[0]=usd"):
        assert browser.post(f"{rig.url}/v1/payment_intents", content=body, headers=auth).status_code == 400
    assert browser.get(f"{rig.url}/v1/events?limit=0", headers=auth).status_code == 400
    assert browser.delete(f"{rig.url}/c/pay/x").status_code == 405
    rig.stripe.breaches.clear()
    assert browser.get(f"{rig.url}/v1/nothing", headers=auth).status_code == 404
    rig.stripe.breaches.clear()
    assert "GMT" in browser.get(f"{rig.url}/v1/account", headers=auth).headers["date"]
