"""Once over real sockets on this machine: the remote client through uvicorn, and the `souk serve` command."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.serve import SoukServer, address_of, bind, server_for
from services.api.contract import Actor
from services.api.errors import Offline
from services.api.types import OfferingQuery, Register
from services.embedded.service import EmbeddedService
from services.gateways.agents import ScriptedAgents
from services.remote import RemoteService, connect
from tests.contract.conftest import app_over
from tests.contract.embedded import build_embedded
from tests.contract.market import Market, answer_of, raises

pytestmark = pytest.mark.loopback
ROOT = Path(__file__).resolve().parents[2]


async def purchase_and_chat(
    embedded: EmbeddedService, remote: RemoteService, server: SoukServer, bound: socket.socket, answering: asyncio.Event
) -> None:
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        await asyncio.wait_for(answering.wait(), 10)

        async def run_jobs() -> None:
            await embedded.run_due_jobs()

        market = Market(remote, run_jobs)
        offering = await market.agent()
        sample = await answer_of(market.guest().ask_sample(offering.card.uuid, "Worn shoes?", key="s1"))
        buyer = await market.buyer()
        uuid = await market.bought(buyer)
        parts = [part async for part in buyer.ask(uuid, "Worn shoes?", key="q1")]
        assert len(parts) > 2
        transcript = await buyer.get_transcript(uuid)
        assert transcript.messages[1] == sample
        assert transcript.messages[-1] == parts[-1].message
        assert (await buyer.get_resource(uuid)).usage.used == 1
    finally:
        server.should_exit = True
        await running
        await raises(Offline, remote.list_offerings(OfferingQuery()))
        await remote.close()


def test_a_whole_purchase_and_a_chat_over_a_real_port(settled_heap: None, loop: asyncio.Runner, tmp_path: Path) -> None:
    embedded = loop.run(build_embedded(tmp_path, agents=ScriptedAgents()))
    answering, bound = asyncio.Event(), bind("127.0.0.1", 0)
    server = server_for(app_over(embedded), answering.set)
    remote = connect(address_of(bound), Actor(device="device-1"))
    loop.run(purchase_and_chat(embedded, remote, server, bound, answering))
    embedded.close()


@contextmanager
def souk_serve(data: Path, port: int = 0) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--data", str(data)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=-1, stderr=-1) as process:
        try:
            yield process
        finally:
            process.kill()


def printed(process: subprocess.Popen[str]) -> list[str]:
    """What the server says at the start."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("Ctrl+C"):
            return lines
    assert process.stderr is not None
    pytest.fail("the server ended: " + process.stderr.read())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_the_serve_command_answers_until_it_is_told_to_stop(tmp_path: Path, loop: asyncio.Runner) -> None:
    with souk_serve(tmp_path / "one") as process:
        lines = printed(process)
        address = lines[0].removeprefix("Souk answers at ")

        async def sign_up() -> str:
            remote = connect(address, Actor(device="device-1"))
            session = await remote.register(Register("ada@example.com", "correct horse"))
            await remote.close()
            return session.token

        assert loop.run(sign_up())
        assert httpx.get(f"{address}/docs").status_code == 200
        if shutil.which("curl") and shutil.which("sed"):
            start = next(index for index, line in enumerate(lines) if line.startswith("SOUK="))
            pasted = subprocess.run(
                ["sh", "-c", "\n".join(lines[start:-2])], capture_output=True, text=True, timeout=60, check=False
            )
            assert '"band":' in pasted.stdout.splitlines()[-2], pasted.stdout + pasted.stderr
        port = int(address.rpartition(":")[2])
        with souk_serve(tmp_path / "two", port) as second:
            output, complaint = second.communicate(timeout=30)
        assert (second.returncode, output) == (2, "")
        assert complaint.startswith(f"souk: port_in_use: port {port} on 127.0.0.1 is taken")
        assert "Traceback" not in complaint
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=30)
        assert (process.returncode, rest, errors) == (0, "", "")
