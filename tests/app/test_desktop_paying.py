"""A purchase on a page in the browser: the real window on the real service, and a browser that is a second party."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:  # Any: JSON
    data: Path = tmp_path_factory.mktemp("data")
    done = subprocess.run(
        [sys.executable, "-m", "tests.app.paying_driver", str(data)],
        capture_output=True, text=True, timeout=110, env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_page_is_opened_once_on_a_host_that_was_named(bought: dict[str, Any]) -> None:
    assert bought["opened"] == 1
    assert bought["host"].startswith("127.0.0.1:")


def test_browser_is_led_back_to_the_window_which_asks_to_be_looked_at(bought: dict[str, Any]) -> None:
    assert bought["back"].startswith("200 ")
    assert "You can close this page and go back to Souk." in bought["back"]
    assert bought["noticed"] == 1


def test_paid_purchase_is_taken_back_and_can_be_bought_again_with_the_same_card(bought: dict[str, Any]) -> None:
    assert bought["paid with"] == "Visa •••• 4242"
    assert (bought["plan"], bought["again"]) == ("Pro", "Complete purchase – $990")
