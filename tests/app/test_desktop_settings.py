"""A window whose payments cannot be opened says so, keeps the catalogue, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(os.name == "nt", reason="signals of other systems")
def test_live_without_a_key_is_said_and_the_window_stays(tmp_path: Path) -> None:
    environ = os.environ | {"QT_QPA_PLATFORM": "offscreen", "SOUK_PAYMENTS": "live"}
    command = [sys.executable, "-m", "app", "--data", str(tmp_path)]
    window = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)
    assert window.stderr is not None
    said = window.stderr.readline()
    assert said.startswith("souk: payments: it is live, but there is no key")
    assert window.poll() is None
    window.send_signal(signal.SIGTERM)
    told, complained = window.communicate(timeout=20)
    ours = [line for line in complained.splitlines() if not line.startswith("QBackingStore")]  # Qt, ended while drawing
    assert (window.returncode, told, ours) == (0, "", [])


def test_the_server_says_it_and_does_not_start(tmp_path: Path) -> None:
    environ = os.environ | {"SOUK_PAYMENTS": "live"}
    command = [sys.executable, "-m", "app", "serve", "--port", "0", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("souk: payments: it is live, but there is no key")


@pytest.mark.parametrize("command", ["doctor", "keys"])
def test_a_key_in_the_clear_stops_every_command(command: str, tmp_path: Path) -> None:
    (tmp_path / "souk.toml").write_text('stripe_key = "canary-0f"', "utf-8")
    words = {"doctor": ["doctor", "payments"], "keys": ["keys", "show"]}[command]
    whole = [sys.executable, "-m", "app", *words, "--data", str(tmp_path)]
    done = subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "stripe_key is a secret" in done.stderr
    assert "canary" not in done.stderr
