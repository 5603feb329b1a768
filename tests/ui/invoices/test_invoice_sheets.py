"""Paying an invoice and changing billing details in their sheets: by key and mouse, problems beside their fields."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy
from services.api.types import InvoiceState
from tests.fakes import FakeService
from tests.ui.checkout_help import CARDS
from tests.ui.invoice_help import Run, failed_one, paid_one, settle
from tests.ui.page_help import (
    button,
    child,
    click,
    cut_off,
    focused_name,
    nameless,
    press,
    tab_round,
    tab_stops,
    text,
    toasts,
    unnamed,
)
from ui.pages.invoices import InvoicesPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.top_up import PayPhase
from ui.widgets.fields import Labelled
from ui.widgets.notices import Banner
from ui.widgets.overlay import Overlay, OverlayStack
from ui.widgets.select import Select

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
ENTER, TAB, ESC = Qt.Key.Key_Return, Qt.Key.Key_Tab, Qt.Key.Key_Escape


def top(page: InvoicesPage) -> Overlay | None:
    return OverlayStack.of(page).top


def beside(page: InvoicesPage, name: str) -> str:
    """What stands below this field as its error."""
    box = child(page.window(), f"{name}Box")
    assert isinstance(box, Labelled)
    return box.error or ""


def pick(page: InvoicesPage, name: str, data: str) -> None:
    select = child(page.window(), name)
    assert isinstance(select, Select)
    select.set_current(data)
    select.picked.emit(data)


def write(page: InvoicesPage, name: str, words: str) -> None:
    field = child(page.window(), name)
    assert isinstance(field, QLineEdit)
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, words)


# ---- paying


@pytest.fixture
def paying(lived: InvoicesPage, qtbot: QtBot) -> InvoicesPage:
    lived.vm.open(failed_one(lived.vm.state).uuid)
    settle(lived.vm, qtbot)
    button(lived, "payInvoice").setFocus()
    press(ENTER)
    settle(lived.vm, qtbot)
    return lived


def test_invoice_is_paid_by_keyboard_and_everything_follows(paying: InvoicesPage, qtbot: QtBot) -> None:
    assert focused_name() == "payInvoiceCard"
    assert text(paying.window(), "payInvoiceDue") == "$34.51"
    press(ENTER)
    assert paying.vm.payment.state.phase is PayPhase.IDLE  # Enter elsewhere spends nothing
    press(TAB)
    assert focused_name() == "payInvoiceNow"
    assert button(paying.window(), "payInvoiceNow").text() == "Pay $34.51"
    press(ENTER)
    qtbot.waitUntil(lambda: top(paying) is None)
    settle(paying.vm, qtbot)
    assert toasts(paying) == ["SK-2026-000011 is paid."]
    assert paying.vm.state.invoice is not None
    assert paying.vm.state.invoice.state is InvoiceState.PAID
    assert not child(paying, "payInvoice").isVisible()


def test_declined_card_is_said_beside_it_and_nothing_is_lost(paying: InvoicesPage, qtbot: QtBot) -> None:
    pick(paying, "payInvoiceCard", CARDS["declined"])
    click(paying.window(), "payInvoiceNow")
    qtbot.waitUntil(lambda: bool(beside(paying, "payInvoiceCard")))
    assert focused_name() == "payInvoiceCard"
    assert paying.vm.payment.state.payment_token == CARDS["declined"]
    pick(paying, "payInvoiceCard", CARDS["pays"])
    assert beside(paying, "payInvoiceCard") == ""
    click(paying.window(), "payInvoiceNow")
    qtbot.waitUntil(lambda: top(paying) is None)


def test_bank_asks_in_place(paying: InvoicesPage, qtbot: QtBot) -> None:
    pick(paying, "payInvoiceCard", CARDS["needs_confirmation"])
    click(paying.window(), "payInvoiceNow")
    qtbot.waitUntil(lambda: bool(paying.window().findChildren(QWidget, "bankSheet")))
    press(ESC)  # no answer: the question stays open
    assert button(paying.window(), "payInvoiceNow").text() == "Confirm with your bank – $34.51"
    click(paying.window(), "payInvoiceNow")
    qtbot.waitUntil(lambda: focused_name() == "approveButton")
    press(ENTER)
    qtbot.waitUntil(lambda: top(paying) is None)
    assert toasts(paying) == ["SK-2026-000011 is paid."]


def test_no_to_the_bank_leads_back_to_the_card(paying: InvoicesPage, qtbot: QtBot) -> None:
    pick(paying, "payInvoiceCard", CARDS["needs_confirmation"])
    click(paying.window(), "payInvoiceNow")
    qtbot.waitUntil(lambda: bool(paying.window().findChildren(QWidget, "declineButton")))
    click(paying.window(), "declineButton")
    qtbot.waitUntil(lambda: bool(beside(paying, "payInvoiceCard")))
    assert focused_name() == "payInvoiceCard"


def test_lost_connection_keeps_the_attempt(paying: InvoicesPage, qtbot: QtBot) -> None:
    pick(paying, "payInvoiceCard", CARDS["lost_after"])
    click(paying.window(), "payInvoiceNow")
    qtbot.waitUntil(lambda: child(paying.window(), "payInvoiceError").isVisible())
    assert button(paying.window(), "payInvoiceNow").text() == "Check the payment – $34.51"
    assert not child(paying.window(), "payInvoiceCard").isEnabled()
    click(paying.window(), "payInvoiceErrorAction")
    qtbot.waitUntil(lambda: top(paying) is None)


def test_cards_that_cannot_be_read_are_asked_for_again(lived: InvoicesPage, service: FakeService, qtbot: QtBot) -> None:
    lived.vm.open(failed_one(lived.vm.state).uuid)
    settle(lived.vm, qtbot)
    service.fail("get_payment_options", DatabaseBusy())
    click(lived, "payInvoice")
    qtbot.waitUntil(lambda: child(lived.window(), "payInvoiceError").isVisible())
    assert not button(lived.window(), "payInvoiceNow").isEnabled()
    click(lived.window(), "payInvoiceErrorAction")
    qtbot.waitUntil(lambda: button(lived.window(), "payInvoiceNow").isEnabled())


def test_escape_leaves_the_question_and_the_focus_goes_back(paying: InvoicesPage) -> None:
    press(ESC)
    assert top(paying) is None
    assert focused_name() == "payInvoice"
    assert paying.detail.isVisible()


# ---- billing details


@pytest.fixture
def details(lived: InvoicesPage, qtbot: QtBot) -> InvoicesPage:
    button(lived, "billingDetailsButton").setFocus()
    press(ENTER)
    settle(lived.vm, qtbot)
    return lived


def test_details_are_changed_by_keyboard(details: InvoicesPage, holder: ServiceHolder, run: Run, qtbot: QtBot) -> None:
    assert focused_name() == "billingName"
    assert not button(details.window(), "billingSave").isEnabled()
    write(details, "billingName", "Lovelace Holding AG")
    press(ENTER)
    qtbot.waitUntil(lambda: top(details) is None)
    assert run(holder.service.get_billing_details()).name == "Lovelace Holding AG"
    assert toasts(details) == ["The next invoices are made out to these details."]
    assert focused_name() == "billingDetailsButton"


def test_wrong_vat_id_is_said_beside_the_field(details: InvoicesPage, qtbot: QtBot) -> None:
    write(details, "billingVat", "DE136695977")
    click(details.window(), "billingSave")
    qtbot.waitUntil(lambda: "digit" in beside(details, "billingVat"))
    assert focused_name() == "billingVat"
    field = child(details.window(), "billingVat")
    assert isinstance(field, QLineEdit)
    assert field.text() == "DE136695977"
    write(details, "billingVat", "DE136695976")
    assert beside(details, "billingVat") == ""


def test_vat_id_of_another_country_points_at_one_of_the_two(details: InvoicesPage, qtbot: QtBot) -> None:
    pick(details, "billingCountry", "FR")
    click(details.window(), "billingSave")
    qtbot.waitUntil(lambda: bool(beside(details, "billingVat")))
    assert top(details) is not None


def test_failed_save_keeps_what_was_typed(details: InvoicesPage, service: FakeService, qtbot: QtBot) -> None:
    service.fail("set_billing_details", DatabaseBusy())
    write(details, "billingName", "New name")
    click(details.window(), "billingSave")
    qtbot.waitUntil(lambda: child(details.window(), "billingSaveError").isVisible())
    field = child(details.window(), "billingName")
    assert isinstance(field, QLineEdit)
    assert field.text() == "New name"
    assert button(details.window(), "billingSave").isEnabled()


def test_details_that_cannot_be_read_are_asked_for_again(
    lived: InvoicesPage, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("get_billing_details", DatabaseBusy())
    click(lived, "billingDetailsButton")
    qtbot.waitUntil(lambda: child(lived.window(), "billingError").isVisible())
    assert not button(lived.window(), "billingSave").isEnabled()
    click(lived.window(), "billingErrorAction")
    qtbot.waitUntil(lambda: focused_name() == "billingName")


# ---- after the fact


def test_correction_says_what_it_makes_and_shows_the_new_invoice(lived: InvoicesPage, qtbot: QtBot) -> None:
    old = paid_one(lived.vm.state)
    lived.vm.open(old.uuid)
    settle(lived.vm, qtbot)
    click(lived, "correctInvoice")
    note = child(lived.window(), "billingNote")
    assert isinstance(note, Banner)
    assert "A credit note of $126.51 and a new invoice with these details are made" in note.text
    write(lived, "billingName", "Lovelace Holding AG")
    press(ENTER)  # goes to the button: documents are not made by an Enter in a field
    assert focused_name() == "billingSave"
    assert button(lived.window(), "billingSave").text() == "Make credit note and new invoice"
    press(ENTER)
    qtbot.waitUntil(lambda: top(lived) is None)
    settle(lived.vm, qtbot)
    assert text(lived, "invoiceTitle") == "Invoice SK-2026-000013"
    assert text(lived, "invoiceBilledTo").startswith("Lovelace Holding AG")
    assert button(lived, f"linked-{old.number}").text() == f"Corrects {old.number}"
    assert toasts(lived) == ["SK-2026-000013 replaces the old invoice; CN-2026-000003 credits it."]


# ---- room, keyboard and ear


@pytest.mark.parametrize("size", [(1056, 800), (676, 600)])
def test_sheets_fit_and_tab_goes_round_in_them(details: InvoicesPage, look: Theme, size: tuple[int, int]) -> None:
    details.window().resize(*size)
    QApplication.processEvents()
    sheet = top(details)
    assert sheet is not None
    assert cut_off(sheet) == []
    assert unnamed(sheet) == []
    assert nameless(sheet) == []
    assert set(tab_round(details.window())) == set(tab_stops(sheet))


def test_pay_sheet_is_as_tall_as_its_few_lines(paying: InvoicesPage) -> None:
    sheet = top(paying)
    assert sheet is not None
    assert sheet.panel.height() < 420
    assert cut_off(sheet) == []
    assert unnamed(sheet) == []
    assert nameless(sheet) == []
