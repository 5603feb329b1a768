"""A month of a buyer's life, played in the real window on the real service by a second process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("shots")
    done = subprocess.run(
        [sys.executable, "-m", "tests.journey.money_driver", str(data), str(out)],
        capture_output=True, text=True, timeout=110, env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    log = data / "souk.log"
    assert not log.exists() or log.read_text() == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def has(lines: list[str], *words: str) -> bool:
    """Whether one line says all of it."""
    return any(all(word in line for word in words) for line in lines)


def test_a_month_later_the_renewal_is_in_the_list_without_a_refresh(lived: dict[str, Any]) -> None:
    assert len(lived["bought"]) == 1
    assert len(lived["renewed"]) == 2
    assert lived["renewed"][1:] == lived["bought"]
    assert lived["time"].startswith("Simulated time: ")


def test_the_balance_beside_everything_follows_a_top_up(lived: dict[str, Any]) -> None:
    assert (lived["balance"], lived["topped up"]) == ("$0.00", "$20.00")
    assert has(lived["wallet"], "Top-up", "$20.00")


def test_what_was_spent_opens_down_to_the_lines_that_were_paid(lived: dict[str, Any]) -> None:
    assert has(lived["spent"], "Payment for", lived["renewed"][0], "$29.00")
    assert has(lived["spent"], "Customer Care, Starter, monthly", "$29.00")
    assert has(lived["spent"], "Wallet credit", "$20.00")


def test_the_calls_open_down_to_the_one_that_was_made(lived: dict[str, Any]) -> None:
    lines: list[str] = lived["calls"]
    assert len(lines) == 2
    assert has(lines[:1], "1 call", "1,000 included, then $0.01 each", "$0.00")
    assert has(lines[1:], "Ada King", "Customer Care", "included", "$0.00")
