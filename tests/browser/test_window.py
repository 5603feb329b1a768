"""The real window in a process of its own that is killed while the page is open in a real Chromium."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.chromium import Tab

pytestmark = [pytest.mark.loopback, pytest.mark.slow]


@contextmanager
def window(what: str, data: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Ended without a word at the end, as by a power cut; what it said on stderr fails the test."""
    command = [sys.executable, "-m", "tests.browser.window_driver", what, str(data), str(port), str(data)]
    environ = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        _, complained = process.communicate()
    assert complained == ""


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.skipif(os.name == "nt", reason="signals of other systems")
def test_killed_while_the_page_is_open_and_paid_after_the_next_start(data_dir: Path, tab: Tab) -> None:
    with socket.socket() as probe:  # the twin comes back at the port it had
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with window("buy", data_dir, port) as first:
        url = line_of(first)
        assert tab.go(url) == 200
        tab.fill(number="4242 4242 4242 4242", expiry="12 / 34", cvc="123", name="Ada King")
    with window("wait", data_dir, port) as second:
        assert line_of(second) == "started"
        tab.click("#pay")
        assert line_of(second) == "Customer Care"
    assert not (data_dir / "souk.log").exists()
