"""One window per data folder: a second start raises the first, and a dead process keeps nobody out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.single import SingleInstance

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app.single import SingleInstance
application = QCoreApplication([])
held = SingleInstance(Path(sys.argv[1]))
print(held.claim(), flush=True)
held.listen()
sys.stdin.readline()
"""
Start = Callable[[Path], SingleInstance]


@pytest.fixture
def start(qtbot: QtBot) -> Iterator[Start]:
    """Starts of the program on a folder; all are ended with the test."""
    started: list[SingleInstance] = []

    def one_more(folder: Path) -> SingleInstance:
        started.append(SingleInstance(folder))
        return started[-1]

    yield one_more
    for instance in started:
        instance.release()


def test_the_first_start_is_the_first_and_the_second_raises_it(start: Start, data_dir: Path, qtbot: QtBot) -> None:
    first, second = start(data_dir), start(data_dir)
    assert first.claim()
    first.listen()
    with qtbot.waitSignal(first.raised, timeout=5_000):
        assert not second.claim()


def test_every_further_start_raises_it_again(start: Start, data_dir: Path, qtbot: QtBot) -> None:
    first = start(data_dir)
    assert first.claim()
    first.listen()
    for _ in range(3):
        with qtbot.waitSignal(first.raised, timeout=5_000):
            assert not start(data_dir).claim()


def test_a_second_start_goes_away_even_when_the_first_does_not_listen_yet(start: Start, data_dir: Path) -> None:
    assert start(data_dir).claim()
    assert not start(data_dir).claim()


def test_after_the_first_has_gone_the_next_is_the_first(start: Start, data_dir: Path, qtbot: QtBot) -> None:
    first, second = start(data_dir), start(data_dir)
    assert first.claim()
    first.listen()
    first.release()
    assert second.claim()
    second.listen()
    with qtbot.waitSignal(second.raised, timeout=5_000):
        assert not start(data_dir).claim()


def test_another_folder_is_another_window(start: Start, tmp_path: Path) -> None:
    assert start(tmp_path / "one").claim()
    assert start(tmp_path / "two").claim()


def test_the_same_folder_by_another_name_is_the_same(
    start: Start, data_dir: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "link").symlink_to(data_dir)
    first = start(data_dir)
    assert first.claim()
    first.listen()
    with qtbot.waitSignal(first.raised, timeout=5_000):
        assert not start(tmp_path / "link").claim()


def test_the_folder_is_made(start: Start, data_dir: Path) -> None:
    assert start(data_dir / "deep" / "er").claim()


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_the_lock_of_a_killed_process_is_taken_over(start: Start, data_dir: Path, qtbot: QtBot) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLDER, str(data_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        instance = start(data_dir)
        assert not instance.claim()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert (data_dir / "window.lock").exists()  # nobody tidied up
    assert instance.claim()
    instance.listen()
    with qtbot.waitSignal(instance.raised, timeout=5_000):
        assert not start(data_dir).claim()
