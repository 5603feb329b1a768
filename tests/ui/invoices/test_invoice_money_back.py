"""On the page of an invoice: refunds, how to pay by transfer, and what the bank wants confirmed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from services.api.money import Money
from services.api.types import Attempt, Invoice, InvoiceKind, InvoiceState, Transfer
from tests.samples import NOW
from tests.ui.invoice_help import failed_one, settle
from tests.ui.kept_service import Desk, KeptService
from tests.ui.page_help import button, child, click, cut_off, text, unnamed
from ui.pages.invoices import InvoicesPage
from ui.theme import Theme
from ui.viewmodels.collections import RefundViewModel
from ui.viewmodels.invoices import InvoicesViewModel
from ui.widgets.notices import Banner, toast_area
from ui.widgets.table import Table

pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
Run = Callable[..., Any]
ACCOUNT = (("holder", "Souk Ltd"), ("iban", "DE89 3704 0044 0532 0130 00"), ("bic", ""))


@pytest.fixture
def service() -> KeptService:
    return KeptService(desk=Desk())


def paid_one(vm: InvoicesViewModel) -> Invoice:
    found = (one for one in vm.state.items if one.kind is InvoiceKind.INVOICE and one.state is InvoiceState.PAID)
    return next(one for one in found if one.credited.is_zero and not one.paid.is_zero)


def see(page: InvoicesPage, invoice: Invoice, qtbot: QtBot) -> None:
    page.vm.open(invoice.uuid)
    settle(page.vm, qtbot)


def show(page: InvoicesPage, invoice: Invoice) -> None:
    """As the service would give it."""
    page.vm._set(chosen=invoice.uuid, invoice=invoice)
    QApplication.processEvents()


def is_shown(page: InvoicesPage, name: str) -> bool:
    return any(widget.isVisible() for widget in page.window().findChildren(type(child(page.window(), name)), name))


def looked(vm: RefundViewModel, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: vm.state.preview is not None and not vm.state.is_previewing)


def test_refund_is_offered_for_what_is_paid_and_to_whom_may(lived: InvoicesPage, qtbot: QtBot) -> None:
    see(lived, paid_one(lived.vm), qtbot)
    assert is_shown(lived, "refundInvoice")
    see(lived, failed_one(lived.vm.state), qtbot)
    assert not is_shown(lived, "refundInvoice")
    lived.vm._set(may_refund=False)
    see(lived, paid_one(lived.vm), qtbot)
    assert not is_shown(lived, "refundInvoice")


def test_refund_shows_its_ledger_lines_and_is_done(lived: InvoicesPage, service: KeptService, qtbot: QtBot) -> None:
    invoice = paid_one(lived.vm)
    see(lived, invoice, qtbot)
    click(lived, "refundInvoice")
    looked(lived.vm.refund, qtbot)
    field = child(lived.window(), "refundAmount")
    assert isinstance(field, QLineEdit)
    field.setText("5")
    looked(lived.vm.refund, qtbot)
    table = child(lived.window(), "refundLines")
    assert isinstance(table, Table)
    lines = [row.sentence for row in map(table.rows.row, range(table.rows.rowCount())) if row is not None]
    assert lines == ["Revenue, $5.00", "Clearing, Stripe, $5.00"]
    assert text(lived.window(), "refundEnds") == "The subscription goes on as it is."
    assert button(lived.window(), "refundNow").text() == "Refund $5.00"
    click(lived.window(), "refundNow")
    qtbot.waitUntil(lambda: bool(toast_area(lived).toasts()))
    assert toast_area(lived).toasts()[0].text == "$5.00 goes back. Credit note CN-000001 says so."
    assert [one.amount for one in service.desk.refunds] == [Money.parse("5")]
    settle(lived.vm, qtbot)


def test_books_that_changed_meanwhile_are_shown_again_before_anything_goes_back(
    lived: InvoicesPage, service: KeptService, qtbot: QtBot
) -> None:
    see(lived, paid_one(lived.vm), qtbot)
    click(lived, "refundInvoice")
    looked(lived.vm.refund, qtbot)
    service.desk.shift = 1
    click(lived.window(), "refundNow")
    looked(lived.vm.refund, qtbot)
    notice = child(lived.window(), "refundError")
    assert isinstance(notice, Banner)
    qtbot.waitUntil(notice.isVisible)
    assert notice.text.startswith("The books changed meanwhile. Nothing was given back.")
    assert service.desk.refunds == []


def test_open_invoice_says_how_to_pay_by_transfer(lived: InvoicesPage, look: Theme, qtbot: QtBot) -> None:
    invoice = failed_one(lived.vm.state)
    amount = Money.parse("34.5")
    show(lived, replace(invoice, transfer=Transfer("SK-000042", amount, NOW + timedelta(days=9), ACCOUNT, Money(0))))
    values = {}
    for name in ("reference", "amount", "holder", "iban"):
        field = child(lived, f"transfer-{name}")
        assert isinstance(field, QLineEdit)
        values[name] = field.text()
    assert values == {
        "reference": "SK-000042", "amount": "34.50", "holder": "Souk Ltd", "iban": "DE89 3704 0044 0532 0130 00",
    }  # fmt: skip
    assert lived.findChildren(QLineEdit, "transfer-bic") == [], "what is not known is not shown"
    assert text(lived, "transferWords").startswith("Transfer $34.50, due on 23 March 2026")
    for width, scale in ((1056, 1.0), (676, 1.0), (676, 2.0)):
        look.set_text_scale(scale)
        lived.window().resize(width, 700)
        for _ in range(3):
            QApplication.processEvents()
        assert cut_off(child(lived, "transferCard")) == [], (width, scale)
    assert unnamed(lived) == []


def test_paid_invoice_does_not_say_when_it_is_tried(lived: InvoicesPage) -> None:
    paid = next(one for one in lived.vm.state.items if one.state is InvoiceState.PAID)
    show(lived, replace(paid, attempts=(Attempt(NOW, "succeeded"),)))
    assert not child(lived, "attemptsTitle").isVisibleTo(lived.detail)
    late = (Attempt(NOW, "failed", "insufficient_funds"), Attempt(NOW + timedelta(days=1), "succeeded"))
    show(lived, replace(paid, attempts=late))
    assert text(lived, "attemptsTitle") == "When the payment was tried"


def test_what_the_bank_wants_confirmed_is_said_and_confirmed_from_there(lived: InvoicesPage, qtbot: QtBot) -> None:
    invoice = failed_one(lived.vm.state)
    see(lived, invoice, qtbot)
    show(lived, replace(invoice, attempts=(Attempt(NOW, "failed", "confirmation_needed"),)))
    notice = child(lived, "invoiceNotice")
    assert isinstance(notice, Banner)
    assert "needs your confirmation" in notice.text
    with qtbot.waitSignal(lived.vm.payment.paid):
        click(lived, "invoiceNoticeAction")
    settle(lived.vm, qtbot)
    assert lived.vm.state.invoice is not None
    assert lived.vm.state.invoice.state is InvoiceState.PAID
