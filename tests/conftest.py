"""Guards for every test: own folders, no network, no unexpected log record, nothing left running.

A record at WARNING or above fails the test unless it is marked `@pytest.mark.logs("pattern")` or taken through the
`logged` fixture. Async code runs in `loop.run(coroutine)`, in debug mode.
"""

import asyncio
import gc
import logging
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before anything imports Qt
os.environ["LC_ALL"] = "C.UTF-8"  # one number format everywhere, and Qt warns of any other encoding
# No test may touch the keyring of the person who runs it.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

import hypothesis
import pytest
import shiboken6
from PySide6 import QtCore

QUIET_CALLBACK_SECONDS = 0.5  # what a loaded machine takes from a callback by itself was seen to reach 0.33
LEAVE_SECONDS = 2.0  # a thread that was told to end gets this long
# pytest-timeout's own timer, where the system has no alarm signal
FOREIGN_THREADS = ("pytest_timeout",)

hypothesis.settings.register_profile("default", deadline=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=200, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.get_closest_marker("loopback"):
        item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "::1"]))


# ---------------------------------------------------------------- folders


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, data and caches of this test live and die with its `tmp_path`."""
    home = tmp_path / "home"
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home / name.lower()))
    for form in (QtCore.QSettings.Format.NativeFormat, QtCore.QSettings.Format.IniFormat):
        QtCore.QSettings.setPath(form, QtCore.QSettings.Scope.UserScope, str(home / "settings"))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty folder to keep a database in."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


# ---------------------------------------------------------------- log records


class LogGuard(logging.Handler):
    """Collects what nobody should have logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def take(self, pattern: str = "") -> list[str]:
        """The messages that match, from now on expected."""
        taken = [record for record in self.records if re.search(pattern, record.getMessage())]
        self.records = [record for record in self.records if record not in taken]
        return [record.getMessage() for record in taken]


@pytest.fixture(autouse=True)
def logged(request: pytest.FixtureRequest) -> Iterator[LogGuard]:
    guard = LogGuard()
    root = logging.getLogger()
    root.addHandler(guard)
    try:
        yield guard
    finally:
        root.removeHandler(guard)
    for marker in request.node.iter_markers("logs"):
        guard.take(*marker.args)
    if guard.records:
        lines = [f"{record.levelname} {record.name}: {record.getMessage()}" for record in guard.records]
        pytest.fail("unexpected log records:\n" + "\n".join(lines), pytrace=False)


# ---------------------------------------------------------------- garbage

# As in the program (app/collector.py): a QObject that is collected in a worker thread takes Qt down with it.
gc.disable()
FULL_COLLECTION_EVERY = 100  # tests; the young generations after each


@pytest.fixture(autouse=True)
def collected_in_this_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    done = request.session.stash.get(TESTS_DONE, 0) + 1
    request.session.stash[TESTS_DONE] = done
    if done % FULL_COLLECTION_EVERY:
        gc.collect(1)
    else:
        gc.collect()
        gc.freeze()  # what outlives a hundred tests stays: walking it again and again was a sixth of all the time


TESTS_DONE = pytest.StashKey[int]()

# ---------------------------------------------------------------- nothing left running


class TrackedTimer(QtCore.QTimer):
    """Every timer made from Python, so that one left running can be named."""

    alive: ClassVar["weakref.WeakSet[TrackedTimer]"] = weakref.WeakSet()

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: handed on to QTimer as they are
        super().__init__(*args, **kwargs)
        TrackedTimer.alive.add(self)


QtCore.QTimer = TrackedTimer  # type: ignore[misc] # modules under test import the name after this line


def running_timers() -> set[QtCore.QTimer]:
    return {timer for timer in TrackedTimer.alive if shiboken6.isValid(timer) and timer.isActive()}


def pending_tasks() -> set["asyncio.Task[Any]"]:
    # all_tasks() wants a loop; the private set knows the tasks of all loops. Python 3.12 renamed it, and 3.14 keeps
    # most tasks elsewhere: there the `loop` fixture's own check remains.
    known = getattr(asyncio.tasks, "_scheduled_tasks", None) or getattr(asyncio.tasks, "_all_tasks", None)
    return {task for task in list(known or ()) if not task.done()}


def running_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith(FOREIGN_THREADS)}


def delete_what_qt_was_told_to() -> None:
    if QtCore.QCoreApplication.instance() is not None:
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete.value)


def left_over(look: Callable[[], set[Any]], before: set[Any]) -> set[Any]:
    """What is there now and was not before, after a fair chance to go."""
    if left := look() - before:
        del left
        gc.collect()
        delete_what_qt_was_told_to()
    for thread in {item for item in look() - before if isinstance(item, threading.Thread)}:
        thread.join(LEAVE_SECONDS)
    return look() - before


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    looks: dict[str, Callable[[], set[Any]]] = {
        "threads": running_threads,
        "tasks": pending_tasks,
        "timers": running_timers,
    }
    before = {name: look() for name, look in looks.items()}
    yield
    delete_what_qt_was_told_to()
    left = {name: left_over(look, before[name]) for name, look in looks.items()}
    for timer in left["timers"]:
        timer.stop()
    if any(left.values()):
        found = "\n".join(f"{name}: {item!r}" for name, items in left.items() for item in items)
        pytest.fail(f"left running after the test:\n{found}", pytrace=False)


# ---------------------------------------------------------------- asyncio


def machine_is_busy_by() -> float:
    """1 on an idle machine; more where other work shares the cores and stretches every callback."""
    if not hasattr(os, "getloadavg"):
        return 1.0
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    """`loop.run(coroutine)`: asyncio in debug mode. A callback over half a second is logged, and so fails the test."""
    with asyncio.Runner(debug=True) as runner:
        runner.get_loop().slow_callback_duration = QUIET_CALLBACK_SECONDS * machine_is_busy_by()
        yield runner
        left = [task for task in asyncio.all_tasks(runner.get_loop()) if not task.done()]
        names = [task.get_name() for task in left]
    if names:
        pytest.fail(f"tasks left running after the test: {names}", pytrace=False)


@pytest.fixture
def until() -> Callable[..., None]:
    """`until(condition)`: wait for something another thread or process does. In Qt tests use qtbot.waitUntil."""

    def wait(condition: Callable[[], object], *, seconds: float = 5.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not so after {seconds} s: {condition!r}")
            time.sleep(0.01)

    return wait
