"""What the tests of the wallet share: a past with credit and prepaid calls, and a person in front of its page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from services.api.contract import Service
from services.api.money import Money
from services.api.types import MovementKind, TopUp
from tests.fakes import FakeService
from tests.ui.page_help import child
from ui.pages.wallet import WalletPage
from ui.viewmodels.base import Status
from ui.widgets.amount_link import AmountLink
from ui.widgets.fields import Labelled
from ui.widgets.table import Table

Run = Callable[..., Any]
CARD = "tok_test_pays"
TAB, ENTER = Qt.Key.Key_Tab, Qt.Key.Key_Return


def live(service: FakeService, caller: Service, run: Run, days: int, amount: str, credit: str = "50") -> None:
    """A top-up so many days ago and a call of `amount` a day since, the last one now. The clock ends where it was."""
    world = service.world
    now = world.clock.now()
    world.clock.at = now - timedelta(days=days)
    run(caller.top_up(TopUp(Money.parse(credit), CARD), key=f"life-{days}-{credit}"))
    world.clock.at = now
    books = world.books[run(caller.get_wallet()).organization_uuid]
    for day in range(days - 1, -1, -1):
        params: dict[str, str | int | None] = {"name": f"Agent {day}", "calls": 1}
        books.spend(world.ids, now - timedelta(days=day), Money.parse(amount), MovementKind.USAGE, params)


def settle(page: WalletPage, qtbot: QtBot) -> None:
    vm = page.vm
    qtbot.waitUntil(lambda: vm.state.status is not Status.LOADING and vm.state.movement_status is not Status.LOADING)
    qtbot.waitUntil(lambda: not vm._bridge.is_running(vm.caps, "load") and not vm._bridge.is_running(vm, "load"))
    QApplication.processEvents()


def press(page: WalletPage, *keys: Qt.Key) -> None:
    for key in keys:
        QTest.keyClick(QApplication.focusWidget() or page, key)


def write(page: WalletPage, words: str) -> None:
    """Into the focused field, in the place of what is there."""
    field = QApplication.focusWidget()
    assert isinstance(field, QLineEdit)
    field.selectAll()
    QTest.keyClicks(field, words)


def focused() -> str:
    widget = QApplication.focusWidget()
    return widget.objectName() if widget is not None else ""


def tab_to(page: WalletPage, name: str, most: int = 40) -> None:
    for _ in range(most):
        if focused() == name:
            return
        press(page, TAB)
    raise AssertionError(f"Tab does not come to {name}")


def beside(page: WalletPage, name: str) -> str:
    """What stands below this field."""
    box = child(page.window(), f"{name}Box")
    assert isinstance(box, Labelled)
    return box.note.text if box.error else ""


def amount(page: WalletPage, name: str) -> AmountLink:
    found = child(page, name)
    assert isinstance(found, AmountLink)
    return found


def table_of(page: WalletPage) -> Table:
    found = child(page, "movementTable")
    assert isinstance(found, Table)
    return found


def write_into(page: WalletPage, name: str, words: str) -> None:
    child(page.window(), name).setFocus()
    write(page, words)


def label_of(page: WalletPage, name: str) -> str:
    found = child(page.window(), name)
    assert isinstance(found, QLabel)
    return found.text()
