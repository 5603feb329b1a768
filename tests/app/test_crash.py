"""A bug is told with its kind and place; what it was working on is in no report and no log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import crash
from tests.conftest import LogGuard

CANARY = "canary-password-c0ffee"


def buggy(password: str) -> None:
    secret = {"password": password}
    raise KeyError(f"no such thing: {secret}")


def worse(password: str) -> None:
    try:
        buggy(password)
    except KeyError as error:
        error.add_note(f"with {password}")
        raise KeyError(password) from error


def caught(password: str = CANARY) -> KeyError:
    """A bug with a secret in its message, its arguments, its notes and its cause."""
    with pytest.raises(KeyError) as found:
        worse(password)
    return found.value


@pytest.fixture
def log_file(data_dir: Path) -> Iterator[Path]:
    """The program's log, taken away again afterwards."""
    root = logging.getLogger()
    before = list(root.handlers)
    crash.keep_log(data_dir / "logs" / "souk.log")
    yield data_dir / "logs" / "souk.log"
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()


@pytest.fixture
def own_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hook a test sets is gone with it."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


def shown_by(error: BaseException) -> list[str]:
    """What the user is shown when nobody caught this."""
    shown: list[str] = []
    crash.catch_everything(shown.append)
    sys.excepthook(type(error), error, error.__traceback__)
    return shown


# ---- the report


def test_a_report_names_the_kind_and_the_place_and_no_value(log_file: Path, logged: LogGuard) -> None:
    report = crash.report(caught())
    assert report.startswith("KeyError at test_crash.py:")
    [message] = logged.take()
    assert "worse" in message  # the way there, by function names
    assert CANARY not in report + message + log_file.read_text("utf-8")
    assert str(Path(__file__).parent) not in report + message  # nor where somebody's files lie


def test_an_error_that_was_never_raised_has_no_place(logged: LogGuard) -> None:
    assert crash.report(ValueError(CANARY)) == "ValueError at unknown place"
    assert CANARY not in "".join(logged.take())


def test_many_errors_at_once_are_told_as_one(logged: LogGuard) -> None:
    assert crash.report(ExceptionGroup(CANARY, [caught()])).startswith("ExceptionGroup at ")
    assert CANARY not in "".join(logged.take())


# ---- the hook


def test_what_nobody_caught_is_shown(own_hook: None, logged: LogGuard, capsys: pytest.CaptureFixture[str]) -> None:
    [shown] = shown_by(caught())
    assert shown.startswith("KeyError at test_crash.py:")
    assert CANARY not in shown + "".join(logged.take())
    assert "Traceback" in capsys.readouterr().err  # who started it from a terminal sees everything, there


def test_ctrl_c_is_no_bug(own_hook: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown_by(KeyboardInterrupt()) == []
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_a_report_that_fails_does_not_fail_again(
    own_hook: None, log_file: Path, logged: LogGuard, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(text: str) -> None:
        raise RuntimeError(f"no window for {CANARY}")

    error = caught()
    crash.catch_everything(broken)
    sys.excepthook(type(error), error, error.__traceback__)
    assert any("the crash report itself failed" in message for message in logged.take())
    assert "the crash report itself failed" in log_file.read_text("utf-8")
    assert CANARY not in log_file.read_text("utf-8")
    assert "Traceback" in capsys.readouterr().err


# ---- the log


def test_only_warnings_and_worse_are_kept(log_file: Path, logged: LogGuard) -> None:
    logging.getLogger("souk").info("a visitor came")
    assert not log_file.exists()  # nothing to say, no file
    logging.getLogger("somebody").warning("the roof leaks")
    assert "WARNING somebody the roof leaks" in log_file.read_text("utf-8")
    logged.take("the roof leaks")


def test_the_log_stays_small(log_file: Path, logged: LogGuard) -> None:
    for number in range(250):
        logging.getLogger("souk").warning("%06d %s", number, "x" * 10_000)
    files = sorted(log_file.parent.iterdir())
    assert len(files) == 3
    assert sum(file.stat().st_size for file in files) < 3 * 520_000
    logged.take()
