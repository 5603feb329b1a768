"""What the tests of invoices share: a quarter of a buyer's life, and a person in front of the page."""

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from services.api.types import Invoice, InvoiceKind, InvoiceState
from tests.fakes import FakeService
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.invoices import InvoicesState, InvoicesViewModel

Run = Callable[..., Any]


def fake(holder: ServiceHolder) -> FakeService:
    """The service of whoever is signed in."""
    assert isinstance(holder.service, FakeService)
    return holder.service


def settle(vm: InvoicesViewModel, qtbot: QtBot) -> None:
    """Until everything that is under way has come to its end."""
    verbs = ("load", "list", "more", "open")
    qtbot.waitUntil(lambda: not any(vm._bridge.is_running(vm, verb) for verb in verbs))
    answers = [(part, verb) for part in (vm.payment, vm.details) for verb in ("cards", "pay", "load", "save")]
    qtbot.waitUntil(lambda: not any(vm._bridge.is_running(part, verb) for part, verb in answers))
    QApplication.processEvents()


def failed_one(state: InvoicesState) -> Invoice:
    """Open because its card is refused; tried again by itself."""
    return next(one for one in state.items if one.state is InvoiceState.OPEN and one.attempts)


def replaced_one(state: InvoicesState) -> Invoice:
    return next(one for one in state.items if one.replaced_by_uuid)


def paid_one(state: InvoicesState) -> Invoice:
    """Paid, with usage on it."""
    return next(one for one in state.items if one.kind is InvoiceKind.INVOICE and len(one.lines) > 2)
