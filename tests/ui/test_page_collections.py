"""What support does with money: transfers marked as received, refunds with their ledger lines, disputes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import Offline, PaymentUnknown
from services.api.money import Money
from services.api.types import Dispute, Invoice, InvoiceKind, InvoiceQuery, InvoiceState, RefundReason, TransferDue
from tests.samples import NOW
from tests.samples_money import history
from tests.ui.kept_service import Desk, KeptService
from tests.ui.page_help import button, child, click, cut_off, focused_name, in_window, nameless, press, unnamed
from ui.bridge import Bridge
from ui.pages.collections import CollectionsPage
from ui.text.collections import dispute_state, goes_to_text, ledger_account, receive_effect, transfer_state
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.collections import CollectionsViewModel, RefundViewModel
from ui.viewmodels.session import SessionViewModel
from ui.widgets.fields import Labelled
from ui.widgets.notices import Banner, toast_area
from ui.widgets.table import Table

pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
Run = Callable[..., Any]
ENTER, TAB = Qt.Key.Key_Return, Qt.Key.Key_Tab


def money(amount: str) -> Money:
    return Money.parse(amount)


ORDER = TransferDue(
    "o1", "order", "SKT-0F3A99C2D1", "Lovelace Ltd", "ada@example.com", "Support Agent, Pro", money("100"), money("0"),
    NOW - timedelta(days=4), True,
)  # fmt: skip
INVOICE = TransferDue(
    "i1", "invoice", "SK-000042", "Babbage Engines", "charles@example.com", "SK-000042", money("290"), money("100"),
    NOW + timedelta(days=6), False,
)  # fmt: skip
BACK = TransferDue(
    "r1", "refund", "SKR-12345ABCDE", "Lovelace Ltd", "ada@example.com", "x", money("40"), money("0"), NOW, False
)
DISPUTE = Dispute(
    "d1", "stripe", "open", "fraudulent", money("99"), money("60"), "o", "Lovelace Ltd", "ada@example.com", "i7",
    "SK-000031", NOW - timedelta(days=3), NOW + timedelta(days=11),
)  # fmt: skip


@pytest.fixture
def service() -> KeptService:
    return KeptService(desk=Desk(transfers=(ORDER, INVOICE, BACK), disputes=(DISPUTE,)))


@pytest.fixture
def desk(service: KeptService) -> Desk:
    return service.desk


@pytest.fixture
def page(
    look: Theme, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], qtbot: QtBot
) -> Iterator[CollectionsPage]:
    with in_window(CollectionsPage(CollectionsViewModel(bridge, holder, new_key)), qtbot) as made:
        yield made


@pytest.fixture
def lived(page: CollectionsPage, signed_in: SessionViewModel, qtbot: QtBot) -> CollectionsPage:
    page.vm.load()
    qtbot.waitUntil(lambda: page.vm.state.status is not Status.LOADING)
    QApplication.processEvents()
    return page


def rows(page: QWidget, name: str) -> list[str]:
    table = child(page, name)
    assert isinstance(table, Table)
    found = [table.rows.row(number) for number in range(table.rows.rowCount())]
    return [row.sentence for row in found if row is not None]


def write(page: QWidget, name: str, words: str) -> None:
    field = child(page.window(), name)
    if isinstance(field, QPlainTextEdit):
        field.setPlainText(words)
        return
    assert isinstance(field, QLineEdit)
    field.setText(words)


def banner(page: QWidget, name: str) -> str:
    found = child(page.window(), name)
    assert isinstance(found, Banner)
    return found.text if found.isVisible() else ""


def beside(page: QWidget, name: str) -> str:
    box = child(page.window(), f"{name}Box")
    assert isinstance(box, Labelled)
    return box.error or ""


def is_shown(page: QWidget, name: str) -> bool:
    return any(widget.isVisible() for widget in page.window().findChildren(QWidget, name))


def toasts(page: QWidget) -> list[str]:
    return [toast.text for toast in toast_area(page).toasts()]


def open_sheet(page: CollectionsPage, reference: str) -> None:
    page.transfers.due.table.select(reference)
    click(page, "transferDueMark")


# ---- who sees it


def test_guest_is_led_to_sign_in(page: CollectionsPage, qtbot: QtBot) -> None:
    page.vm.load()
    assert focused_name() == "collectionsGuestAction"
    with qtbot.waitSignal(page.sign_in_requested):
        press(ENTER)


def test_buyer_where_money_is_real_is_led_to_invoices(
    page: CollectionsPage, desk: Desk, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    desk.is_denied = True
    page.vm.load()
    qtbot.waitUntil(lambda: page.vm.state.is_denied)
    assert child(page, "collectionsDenied").isVisible()
    with qtbot.waitSignal(page.invoices_requested):
        press(ENTER)


def test_lost_connection_can_be_tried_again(
    page: CollectionsPage, service: KeptService, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    service.fail("list_transfers", Offline())
    page.vm.load()
    qtbot.waitUntil(lambda: page.vm.state.status is Status.ERROR)
    press(ENTER)
    qtbot.waitUntil(lambda: page.vm.state.status is Status.READY)


# ---- transfers


def test_what_is_due_is_listed_the_most_overdue_first(lived: CollectionsPage) -> None:
    assert rows(lived, "transferDueTable") == [
        "SKT-0F3A99C2D1, Lovelace Ltd, Order: Support Agent, Pro, 4 days overdue, $100.00, $0.00, $100.00, 10 Mar 2026",
        "SK-000042, Babbage Engines, Invoice SK-000042, Part is there, $290.00, $100.00, $190.00, 20 Mar 2026",
    ]
    assert focused_name() == "transferDueTable"


def test_names_of_what_is_due_are_read_whole(lived: CollectionsPage) -> None:
    table = lived.transfers.due.table
    assert [table.tip_of(table.rows.index(row, column)) for row in range(2) for column in (1, 2)] == ["", "", "", ""]
    lived.window().resize(676, 800)
    QApplication.processEvents()
    assert table.tip_of(table.rows.index(0, 1)) == ""


def test_whole_arrival_is_marked_by_keyboard(lived: CollectionsPage, desk: Desk, qtbot: QtBot) -> None:
    press(ENTER)
    assert is_shown(lived, "receiveSheet")
    assert focused_name() == "receiveReference", "the amount is what is left already"
    assert banner(lived, "receiveEffect") == "All of it is paid; the order starts now."
    write(lived, "receiveReference", "BANK-77")
    press(ENTER)
    assert focused_name() == "receiveMark", "Enter in a field does not write it down yet"
    press(ENTER)
    qtbot.waitUntil(lambda: not is_shown(lived, "receiveSheet"))
    assert toasts(lived) == ["$100.00 is marked; nothing is left to be paid."]
    qtbot.waitUntil(lambda: len(rows(lived, "transferDueTable")) == 1)
    assert rows(lived, "receivedTable")[0].startswith("14 Mar 2026, SKT-0F3A99C2D1, $100.00")
    assert desk.bank_references == {"BANK-77"}


def test_too_little_says_what_is_left_before_it_is_marked(lived: CollectionsPage, desk: Desk, qtbot: QtBot) -> None:
    open_sheet(lived, "SK-000042")
    write(lived, "receiveAmount", "90.50")
    assert banner(lived, "receiveEffect") == "$99.50 is left to be paid; the invoice stays open."
    write(lived, "receiveReference", "BANK-1")
    click(lived.window(), "receiveMark")
    qtbot.waitUntil(lambda: not is_shown(lived, "receiveSheet"))
    assert toasts(lived) == ["$90.50 is marked; $99.50 is left."]
    assert desk.received[0].left == money("99.50")


def test_too_much_says_what_becomes_credit_before_it_is_marked(lived: CollectionsPage, qtbot: QtBot) -> None:
    open_sheet(lived, "SK-000042")
    write(lived, "receiveAmount", "200")
    words = "The invoice is paid. $10.00 more than is due becomes credit in the buyer’s wallet."
    assert banner(lived, "receiveEffect") == words
    assert button(lived.window(), "receiveMark").text() == "Mark as received – $200.00"


@pytest.mark.parametrize(
    ("field", "words", "said"),
    [
        ("receiveAmount", "", "Enter the amount on the statement."),
        ("receiveAmount", "abc", "Enter an amount such as 25 or 12.50."),
        ("receiveAmount", "0", "Enter the amount on the statement."),
        ("receiveAmount", "1000000000.01", "Enter $1,000,000,000.00 or less, as on the statement."),
        ("receiveReference", "", "Enter the reference of the bank, so that one arrival is marked once."),
        ("receiveDay", "yesterday", "Enter a day such as 2026-05-01."),
        ("receiveDay", "2031-01-01", "Enter a day of the last twelve months."),
        ("receiveDay", "1999-01-01", "Enter a day of the last twelve months."),
    ],
)
def test_mistakes_are_said_beside_the_field_and_nothing_is_written(
    lived: CollectionsPage, service: KeptService, field: str, words: str, said: str
) -> None:
    open_sheet(lived, "SK-000042")
    write(lived, "receiveReference", "BANK-1")
    write(lived, field, words)
    click(lived.window(), "receiveMark")
    assert beside(lived, field) == said
    assert focused_name() == field
    assert "receive_transfer" not in service.calls


def test_arrival_that_was_marked_before_is_refused_beside_its_reference(
    lived: CollectionsPage, desk: Desk, qtbot: QtBot
) -> None:
    desk.bank_references.add("BANK-1")
    open_sheet(lived, "SK-000042")
    write(lived, "receiveReference", "BANK-1")
    click(lived.window(), "receiveMark")
    qtbot.waitUntil(lambda: beside(lived, "receiveReference").startswith("This arrival was marked before"))
    assert desk.received == []


def test_lost_answer_is_asked_for_with_the_same_key(
    lived: CollectionsPage, service: KeptService, desk: Desk, qtbot: QtBot
) -> None:
    service.fail("receive_transfer", PaymentUnknown())
    open_sheet(lived, "SK-000042")
    write(lived, "receiveReference", "BANK-1")
    click(lived.window(), "receiveMark")
    qtbot.waitUntil(lambda: lived.vm.receiving.state.error is not None)
    key = lived.vm.receiving.state.attempt_key
    assert not child(lived.window(), "receiveAmount").isEnabled()
    click(lived.window(), "receiveMark")
    qtbot.waitUntil(lambda: not is_shown(lived, "receiveSheet"))
    assert list(desk.keys) == [key]
    assert len(desk.received) == 1


def test_nothing_due_says_what_would_stand_here(lived: CollectionsPage, desk: Desk, qtbot: QtBot) -> None:
    desk.transfers = ()
    lived.vm.load()
    qtbot.waitUntil(lambda: is_shown(lived, "transfersNone"))
    assert not is_shown(lived, "transferDueMark")
    assert focused_name() == "collectionTabs-0", "the keyboard does not go astray when the last one is marked"


# ---- refunds by transfer, disputes


def test_refund_by_transfer_is_marked_as_sent_in_one_piece(lived: CollectionsPage, desk: Desk, qtbot: QtBot) -> None:
    lived.tabs.set_current(1)
    assert rows(lived, "refundDueTable")[0].startswith("SKR-12345ABCDE, Lovelace Ltd, To be sent back")
    click(lived, "refundDueMark")
    write(lived, "receiveAmount", "39")
    write(lived, "receiveReference", "OUT-1")
    click(lived.window(), "receiveMark")
    assert beside(lived, "receiveAmount") == "Enter $40.00: it is sent in one piece."
    write(lived, "receiveAmount", "40")
    click(lived.window(), "receiveMark")
    qtbot.waitUntil(lambda: not is_shown(lived, "receiveSheet"))
    assert [one.reference for one in desk.received] == ["SKR-12345ABCDE"]


def test_dispute_says_what_is_frozen_and_until_when_it_is_answered(lived: CollectionsPage, qtbot: QtBot) -> None:
    lived.tabs.set_current(2)
    assert rows(lived, "disputeTable") == [
        "Open, Lovelace Ltd, SK-000031, Not made by the card holder, $99.00, $60.00, 25 Mar 2026"
    ]
    child(lived, "disputeTable").setFocus()
    with qtbot.waitSignal(lived.invoice_requested) as asked:
        press(ENTER)
    assert asked.args == ["i7"]


def test_states_are_said_in_words_with_their_tone() -> None:
    assert transfer_state(ORDER, NOW) == ("4 days overdue", "danger")
    assert transfer_state(replace(ORDER, is_overdue=False), NOW) == ("Waiting", "neutral")
    assert dispute_state(DISPUTE, NOW) == ("Open", "warning")
    assert dispute_state(DISPUTE, NOW + timedelta(days=12)) == ("Answer is late", "danger")
    assert dispute_state(replace(DISPUTE, state="lost"), NOW) == ("Lost", "danger")
    assert receive_effect(ORDER, money("60")) == ("$40.00 is left to be paid; the order waits for it.", "warning")


# ---- giving money of an invoice back


@pytest.fixture
def paid(holder: ServiceHolder, signed_in: SessionViewModel, run: Run) -> Invoice:
    service = holder.service
    assert isinstance(service, KeptService)
    run(history(service))
    query = InvoiceQuery(state=InvoiceState.PAID, kind=InvoiceKind.INVOICE)
    found: tuple[Invoice, ...] = run(service.list_invoices(query)).items
    return next(one for one in found if one.credited.is_zero and not one.paid.is_zero)


@pytest.fixture
def refund(
    bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], paid: Invoice, qtbot: QtBot
) -> RefundViewModel:
    vm = RefundViewModel(bridge, holder, new_key)
    vm.start(paid)
    qtbot.waitUntil(lambda: vm.state.preview is not None)
    return vm


def look(vm: RefundViewModel, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: vm.state.preview is not None and not vm.state.is_previewing)


def test_all_that_is_left_is_proposed_with_its_ledger_lines(refund: RefundViewModel, paid: Invoice) -> None:
    preview = refund.state.preview
    assert preview is not None
    assert (refund.state.amount, preview.amount) == (paid.paid, paid.paid)
    assert [ledger_account(line) for line in preview.lines] == ["Revenue", "Clearing, Stripe"]


def test_where_money_goes_names_a_tax_only_when_there_is_one(refund: RefundViewModel) -> None:
    preview = refund.state.preview
    assert preview is not None
    amount, tax = Money.parse("24"), Money.parse("4")
    card, free = replace(preview, amount=amount, tax=tax, goes_to="Visa •••• 4242"), Money.zero("USD")
    assert goes_to_text(card) == "$24.00, tax of $4.00 included, goes back to Visa •••• 4242."
    assert goes_to_text(replace(card, tax=free)) == "$24.00 goes back to Visa •••• 4242."
    assert goes_to_text(replace(card, tax=free, goes_to="wallet")) == "$24.00 goes back to the wallet."
    sent = goes_to_text(replace(card, tax=free, goes_to="transfer"))
    assert sent == "$24.00 is to be sent back by bank transfer. You send it and mark it."


def test_part_is_looked_at_anew_and_given_back_with_reason_and_note(
    refund: RefundViewModel, desk: Desk, qtbot: QtBot
) -> None:
    refund.type_amount("5")
    refund.choose_reason(RefundReason.DUPLICATE)
    refund.type_note("  paid twice ")
    look(refund, qtbot)
    with qtbot.waitSignal(refund.refunded):
        refund.send()
    assert [(one.amount, one.reason, one.note, one.ends_access) for one in desk.refunds] == [
        (money("5"), RefundReason.DUPLICATE, "paid twice", False)
    ]


def test_end_of_access_is_a_choice_of_its_own(refund: RefundViewModel, desk: Desk, qtbot: QtBot) -> None:
    before = refund.state.preview
    refund.end_access(True)
    look(refund, qtbot)
    after = refund.state.preview
    assert before is not None
    assert after is not None
    assert (before.ends, after.ends) == ((), ("Support Agent",))
    with qtbot.waitSignal(refund.refunded):
        refund.send()
    assert desk.refunds[0].ends_access


def test_sum_that_moved_is_refused_and_shown_again(
    refund: RefundViewModel, desk: Desk, paid: Invoice, qtbot: QtBot
) -> None:
    desk.shift = 1
    refund.send()
    qtbot.waitUntil(lambda: refund.state.moved_from is not None)
    look(refund, qtbot)
    assert refund.state.moved_from == paid.paid
    assert desk.refunds == []
    with qtbot.waitSignal(refund.refunded):
        refund.send()
    assert len(desk.refunds) == 1


@pytest.mark.parametrize(("typed", "code"), [("", "required"), ("0", "not_positive"), ("99999", "over_invoice")])
def test_amount_that_cannot_be_given_back_is_not_asked_about(
    refund: RefundViewModel, service: KeptService, qtbot: QtBot, typed: str, code: str
) -> None:
    asked = service.calls.count("preview_refund")
    refund.type_amount(typed)
    with qtbot.waitSignal(refund.problems_found):
        refund.send()
    assert refund.state.problems == {"amount": code}
    assert service.calls.count("preview_refund") == asked
    refund.close()


def test_refund_whose_answer_was_lost_is_asked_for_with_the_same_key(
    refund: RefundViewModel, service: KeptService, desk: Desk, qtbot: QtBot
) -> None:
    service.fail("refund_invoice", PaymentUnknown())
    refund.send()
    qtbot.waitUntil(lambda: refund.state.error is not None)
    key = refund.state.attempt_key
    refund.type_amount("1")
    assert refund.state.amount != money("1"), "nothing changes until the outcome is known"
    with qtbot.waitSignal(refund.refunded):
        refund.send()
    assert list(desk.keys) == [key]


# ---- how it looks


def test_controls_have_names_and_texts_fit(lived: CollectionsPage, look: Theme, qtbot: QtBot) -> None:
    for tab in range(3):
        lived.tabs.set_current(tab)
        assert unnamed(lived) == []
        assert nameless(lived) == []
        for width, height, scale in ((1056, 800, 1.0), (676, 600, 1.0), (1056, 800, 2.0), (676, 600, 2.0)):
            look.set_text_scale(scale)
            lived.window().resize(width, height)
            qtbot.waitUntil(lambda: cut_off(lived) == [])  # heights follow widths a turn later


def test_sheet_of_an_arrival_has_names_and_fits(lived: CollectionsPage, look: Theme) -> None:
    open_sheet(lived, "SK-000042")
    write(lived, "receiveAmount", "200")
    sheet = child(lived.window(), "receiveSheet")
    assert unnamed(sheet) == []
    for width, height, scale in ((1056, 800, 1.0), (676, 600, 1.5), (900, 600, 2.0)):
        look.set_text_scale(scale)
        lived.window().resize(width, height)
        for _ in range(3):
            QApplication.processEvents()
        assert cut_off(sheet) == [], (width, scale)
