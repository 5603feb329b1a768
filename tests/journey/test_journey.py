"""The first minute, played in the real window by a real second process: seven people and their budgets."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.journey import (
    FIELDS_MAX,
    OWN_WAIT_MAX_MS,
    PAGE_BUDGETS,
    PAGE_FIELDS_MAX,
    PAGE_SCREENS_MAX,
    PAGE_WAIT_MAX_MS,
    SCREENS_MAX,
)

TRIES = 3  # our own waits are measured on a machine that may be doing other work


def souk(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it, with no display."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    }
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments], capture_output=True, text=True, timeout=110, env=clean | environ
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Everybody as they were when they were within their budgets, else as they were at last."""
    out = tmp_path_factory.mktemp("shots")
    good: dict[str, dict[str, Any]] = {}
    for _ in range(TRIES):
        done = souk("journey", "--json", "--out", str(out), "--seed", "7")
        found: dict[str, Any] = json.loads(done.stdout)
        assert done.stderr == ""
        assert (done.returncode == 0) is found["ok"]
        good |= {scenario["name"]: scenario for scenario in found["scenarios"] if scenario["ok"]}
        if len(good) == len(found["scenarios"]):
            break
    found["scenarios"] = [good.get(scenario["name"], scenario) for scenario in found["scenarios"]]
    return found


def scenarios(played: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {scenario["name"]: scenario for scenario in played["scenarios"]}


def test_everybody_reaches_an_answer_within_their_seconds(played: dict[str, Any]) -> None:
    found = scenarios(played)
    assert found["new person"]["klm_seconds"] <= 40
    assert found["returning"]["klm_seconds"] <= 25
    assert found["returning by palette"]["klm_seconds"] <= 25
    assert found["new person typing a card"]["klm_seconds"] <= 55
    assert found["new card in the browser"]["klm_seconds"] <= 45
    assert found["declined then another card"]["klm_seconds"] <= 60
    assert found["PayPal in the browser"]["klm_seconds"] <= 30
    assert [scenario["name"] for scenario in found.values() if not scenario["ok"]] == []


def test_nobody_sees_more_screens_or_fields_than_promised(played: dict[str, Any]) -> None:
    for scenario in played["scenarios"]:
        on_page = scenario["name"] in PAGE_BUDGETS
        assert scenario["screens"] <= (PAGE_SCREENS_MAX if on_page else SCREENS_MAX)
        assert scenario["fields"] <= (PAGE_FIELDS_MAX if on_page else FIELDS_MAX)


def test_our_own_waits_stay_short(played: dict[str, Any]) -> None:
    for scenario in played["scenarios"]:
        on_page = scenario["name"] in PAGE_BUDGETS
        assert scenario["own_wait_ms"] <= (PAGE_WAIT_MAX_MS if on_page else OWN_WAIT_MAX_MS)


def test_what_is_done_on_the_page_is_counted_too(played: dict[str, Any]) -> None:
    """By hand: a look, the hand to the mouse and back, one click, four fields of 31 characters, Tabs and Enter."""
    typed = 1.35 + (1.1 + 2 * 0.1) + 2 * 0.4 + 4 * 1.35 + 31 * 0.28 + 3 * 0.28 + 0.28
    steps = {step["name"]: step for step in scenarios(played)["new person typing a card"]["steps"]}
    assert steps["page open"]["screen"] == "payment page"
    assert steps["paid"]["klm_s"] == pytest.approx(typed - 0.4, abs=0.01)  # the hand was on the mouse already


def test_a_decline_leaves_the_page_and_the_second_card_pays_there(played: dict[str, Any]) -> None:
    steps = [(step["name"], step["screen"]) for step in scenarios(played)["declined then another card"]["steps"]]
    at = steps.index(("declined", "payment page"))
    assert steps[at - 1] == ("page open", "payment page")
    assert steps[at + 1] == ("paid", "confirmation")


def test_every_step_has_a_screenshot_of_the_whole_window(played: dict[str, Any]) -> None:
    for scenario in played["scenarios"]:
        assert len(scenario["screenshots"]) == len(scenario["steps"]) >= 6
        assert all(Path(picture).stat().st_size > 10_000 for picture in scenario["screenshots"])


def test_no_window_of_its_own_flashes_up_on_the_way(played: dict[str, Any]) -> None:
    assert played["stray_windows"] == []


def test_without_a_display_the_plain_command_says_so_and_plays(tmp_path: Path) -> None:
    done = souk("--data", str(tmp_path))
    assert done.stdout.startswith("There is no display here")
    assert "first answer" in done.stdout
    assert "Screenshots are in" in done.stdout


@pytest.mark.parametrize("arguments", [("--help",), ("journey", "--help"), ("serve", "--help"), ("--version",)])
def test_help_and_version_answer_at_once(arguments: tuple[str, ...]) -> None:
    done = souk(*arguments)
    assert done.returncode == 0
    assert "souk" in done.stdout


def test_an_unknown_setting_is_named_and_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "souk.toml").write_text("colour = 1")
    done = souk("--data", str(tmp_path), "journey")
    assert done.returncode == 2
    assert "unknown setting colour" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals of other systems")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_window_ends_quietly_when_it_is_told_to(tmp_path: Path, number: signal.Signals) -> None:
    environ = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "app", "--data", str(tmp_path)]
    window = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)
    deadline = time.monotonic() + 30
    while not (tmp_path / "souk.db").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)  # the service is being built; the end may come at any moment of it
    window.send_signal(number)
    told, complained = window.communicate(timeout=20)
    assert (window.returncode, told, complained) == (0, "", "")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """`souk serve` in a process of its own, on a port nobody else has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--data", str(tmp_path / "server")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "Ctrl+C" in line:
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.loopback
def test_the_same_window_buys_from_a_server(server: str, tmp_path: Path) -> None:
    done = souk("--remote", server, "journey", "--json", "--out", str(tmp_path / "shots"))
    found = json.loads(done.stdout)
    assert [scenario["steps"][-1]["name"] for scenario in found["scenarios"]] == ["first answer"] * 7
    assert done.stderr == ""
