"""What is remembered comes back, and nonsense in the file does no harm."""

from pathlib import Path

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QApplication

from ui.prefs import DEFAULT_SIZE, Prefs, on_screen

SCREEN = QRect(0, 0, 1920, 1080)
SECOND = QRect(1920, 0, 1280, 1024)


def test_everything_comes_back_after_a_restart(qapp: QApplication, tmp_path: Path) -> None:
    path = tmp_path / "souk.ini"
    prefs = Prefs(path)
    prefs.theme_mode = "dark"
    prefs.text_scale = 1.3
    prefs.reduced_motion = True
    prefs.is_maximised = True
    prefs.last_page = "wallet"
    prefs.is_time_bar_shown = True
    prefs.marketplace_sort = "rating"
    prefs.set_column_widths("invoices", [120, 80])
    prefs.remember_command("a")
    prefs.remember_command("b")
    prefs.remember_command("a")
    prefs.sync()
    again = Prefs(path)
    assert (again.theme_mode, again.text_scale, again.reduced_motion) == ("dark", 1.3, True)
    assert (again.is_maximised, again.last_page, again.marketplace_sort) == (True, "wallet", "rating")
    assert again.is_time_bar_shown
    assert again.column_widths("invoices") == (120, 80)
    assert again.recent_commands == ("a", "b")


def test_a_broken_file_means_defaults(qapp: QApplication, tmp_path: Path) -> None:
    path = tmp_path / "souk.ini"
    path.write_text("[look]\ntheme=purple\ntext_scale=huge\n[window]\ngeometry=a b c\n[tables]\ninvoices=1 x\n")
    prefs = Prefs(path)
    assert (prefs.theme_mode, prefs.text_scale) == ("system", 1.0)
    assert prefs.geometry.width() > 0
    assert prefs.column_widths("invoices") == ()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (QRect(100, 100, 1280, 800), QRect(100, 100, 1280, 800)),
        (QRect(2000, 50, 1200, 800), QRect(2000, 50, 1200, 800)),
        (QRect(-5000, 100, 1280, 800), QRect(320, 140, 1280, 800)),
        (QRect(1900, 1079, 1280, 800), QRect(320, 140, 1280, 800)),
        (QRect(100, 100, 9000, 9000), QRect(100, 100, 1920, 1080)),
        (QRect(100, 100, 10, 10), QRect(100, 100, 900, 600)),
    ],
)
def test_a_window_is_always_within_reach(wanted: QRect, expected: QRect) -> None:
    assert on_screen(wanted, [SCREEN, SECOND]) == expected


def test_the_first_start_is_centred() -> None:
    rect = on_screen(None, [SCREEN])
    assert rect.size() == DEFAULT_SIZE
    assert abs(rect.center().x() - SCREEN.center().x()) <= 1
