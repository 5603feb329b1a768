"""The guards of conftest.py are seen to fail: each bad test below must end red, each good one green."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

SAMPLES = """
import asyncio, logging, socket, threading, time, warnings
import pytest
from PySide6.QtCore import QObject, QSettings, QTimer

keep = []

def test_bad_warning_in_the_log():
    logging.getLogger("souk").warning("lost")

@pytest.mark.logs("lost")
def test_good_marked_warning():
    logging.getLogger("souk").warning("lost")

def test_good_taken_warning(logged):
    logging.getLogger("souk").warning("lost")
    assert logged.take("lost") == ["lost"]

def test_bad_slow_callback(loop):
    async def work():
        time.sleep(0.1 * max(1, loop.get_loop().slow_callback_duration / 0.1) + 0.2)
    loop.run(work())

def test_bad_stray_thread():
    gate = threading.Event()
    keep.append(gate)
    threading.Thread(target=gate.wait, daemon=True).start()

def test_good_thread_that_ends():
    threading.Thread(target=time.sleep, args=(0.1,)).start()

def test_bad_stray_task(loop):
    async def work():
        keep.append(asyncio.create_task(asyncio.sleep(9)))
    loop.run(work())

def test_good_async(loop):
    async def work():
        return await asyncio.gather(asyncio.sleep(0, 1), asyncio.to_thread(lambda: 2))
    assert loop.run(work()) == [1, 2]

def test_bad_stray_timer(qapp):
    timer = QTimer()
    timer.start(1000)
    keep.append(timer)

def test_good_timer_that_dies_with_its_owner(qtbot):
    owner = QObject()
    timer = QTimer(owner)
    timer.start(1000)
    keep.append(timer)
    owner.deleteLater()

def test_bad_network():
    socket.create_connection(("127.0.0.1", 9), timeout=1)

@pytest.mark.loopback
def test_good_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass

@pytest.mark.loopback
def test_bad_loopback_reaching_out():
    socket.create_connection(("192.0.2.1", 9), timeout=1)

def test_bad_python_warning():
    warnings.warn("old", DeprecationWarning)

def test_bad_qt_warning(qapp):
    QObject().setObjectName("x")
    QTimer().start(-1)

def test_good_settings_are_my_own(tmp_path):
    settings = QSettings("souk", "souk")
    assert settings.value("seen") is None
    settings.setValue("seen", 1)
    settings.sync()

def test_good_settings_are_my_own_again(tmp_path):
    test_good_settings_are_my_own(tmp_path)
"""
NAMES = re.findall(r"^def (test_\w+)", SAMPLES, re.MULTILINE)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    folder = tmp_path_factory.mktemp("guards")
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copy(ROOT / "tests/conftest.py", folder / "tests")
    (folder / "tests/test_samples.py").write_text(SAMPLES)
    command = [sys.executable, "-m", "pytest", "-rA", "-q", "--tb=short", "-p", "no:cacheprovider"]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found: dict[str, set[str]] = {name: set() for name in NAMES}
    for outcome, name in re.findall(
        r"^(PASSED|FAILED|ERROR) tests/test_samples\.py::(\w+)", answer.stdout, re.MULTILINE
    ):
        found[name].add(outcome)
    assert any(found.values()), answer.stdout + answer.stderr
    return found


@pytest.mark.parametrize("name", NAMES)
def test_guard(name: str, outcomes: dict[str, set[str]]) -> None:
    good = outcomes[name] == {"PASSED"}
    assert good == name.startswith("test_good"), outcomes[name]
