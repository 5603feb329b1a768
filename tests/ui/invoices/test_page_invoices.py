"""The invoices page: list, what comes next, the one that is looked at, its states, room, names and order."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, Offline
from services.api.types import InvoiceKind
from tests.fakes import FakeService
from tests.samples_money import history
from tests.ui.checkout_help import CARDS
from tests.ui.invoice_help import Run, failed_one, fake, paid_one, replaced_one, settle
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
    unnamed,
)
from ui.pages.invoices import InvoicesPage
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.session import SessionViewModel
from ui.widgets.amount_link import AmountLink
from ui.widgets.layout import Badge
from ui.widgets.notices import Banner, toast_area
from ui.widgets.table import Table

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
ENTER, TAB, ESC, DOWN = Qt.Key.Key_Return, Qt.Key.Key_Tab, Qt.Key.Key_Escape, Qt.Key.Key_Down
NARROW = (676, 600)


def table(page: InvoicesPage) -> Table:
    return page.list.table


def rows(page: InvoicesPage) -> list[tuple[str, ...]]:
    found = [table(page).rows.row(number) for number in range(table(page).rows.rowCount())]
    return [tuple(cell.text for cell in row.cells) for row in found if row is not None]


def look_at(page: InvoicesPage, uuid: str, qtbot: QtBot) -> None:
    page.vm.open(uuid)
    settle(page.vm, qtbot)


def amounts(part: QWidget) -> list[str]:
    return [one.text() for one in part.findChildren(AmountLink) if one.isVisible()]


def resize(page: InvoicesPage, width: int, height: int) -> None:
    page.window().resize(width, height)
    QApplication.processEvents()


# ---- states


def test_guest_is_asked_to_sign_in(page: InvoicesPage, qtbot: QtBot) -> None:
    page.vm.load()
    with qtbot.waitSignal(page.sign_in_requested):
        press(ENTER)
    with qtbot.waitSignal(page.sign_in_requested):
        page.open_details()


def test_who_has_none_is_led_to_the_marketplace(page: InvoicesPage, signed_in: SessionViewModel, qtbot: QtBot) -> None:
    page.vm.load()
    settle(page.vm, qtbot)
    assert child(page, "invoicesEmpty").isVisible()
    with qtbot.waitSignal(page.browse):
        press(ENTER)


def test_failure_is_said_and_tried_again(
    page: InvoicesPage, signed_in: SessionViewModel, holder: ServiceHolder, service: FakeService, run: Run, qtbot: QtBot
) -> None:
    run(history(fake(holder)))
    service.fail("list_invoices", Offline())
    page.vm.load()
    qtbot.waitUntil(lambda: child(page, "invoicesError").isVisible())
    assert focused_name() == "invoicesErrorAction"
    press(ENTER)
    qtbot.waitUntil(lambda: table(page).isVisible())
    assert focused_name() == "invoiceTable"


def test_failure_later_leaves_the_list_in_sight(lived: InvoicesPage, service: FakeService, qtbot: QtBot) -> None:
    service.fail("list_invoices", DatabaseBusy())
    lived.vm.load()
    qtbot.waitUntil(lambda: child(lived, "invoicesNotice").isVisible())
    assert table(lived).isVisible()
    click(lived, "invoicesNoticeAction")
    qtbot.waitUntil(lambda: not child(lived, "invoicesNotice").isVisible())


# ---- the list


def test_rows_say_number_date_what_state_total_and_due(lived: InvoicesPage) -> None:
    assert rows(lived)[0] == (
        "SK-2026-000012",
        "14 Mar 2026",
        "Customer Care, Enterprise",
        "Open",
        "$737.80",
        "$737.80",
    )
    assert rows(lived)[1][3:] == ("Overdue", "$34.51", "$34.51")
    assert rows(lived)[2][3:] == ("Paid", "$126.51", "")
    assert ("CN-2026-000002", "2 Mar 2026", "Corrects SK-2026-000003", "Credited", "−$1,178.10", "") in rows(lived)
    assert text(lived, "invoiceCount") == "18 documents"


def test_filter_and_search_narrow_the_list(lived: InvoicesPage, qtbot: QtBot) -> None:
    click(lived, "invoiceFilter-receipts")
    qtbot.waitUntil(lambda: len(rows(lived)) == 4)
    assert {row[2] for row in rows(lived)} == {"Top-up"}
    QTest.keyClicks(lived.list.search, "nothing like it")
    qtbot.waitUntil(lambda: child(lived, "invoicesUnfound").isVisible())
    click(lived, "invoicesUnfoundAction")
    qtbot.waitUntil(lambda: len(rows(lived)) == 18)
    assert lived.list.search.text() == ""


def test_failed_search_offers_another_try(lived: InvoicesPage, service: FakeService, qtbot: QtBot) -> None:
    service.fail("list_invoices", DatabaseBusy())
    click(lived, "invoiceFilter-open")
    qtbot.waitUntil(lambda: child(lived, "invoiceListError").isVisible())
    click(lived, "invoiceListErrorAction")
    qtbot.waitUntil(lambda: len(rows(lived)) == 2)


def test_total_of_a_row_is_explained(lived: InvoicesPage, qtbot: QtBot) -> None:
    place = table(lived).visualRect(table(lived).rows.index(2, 4)).center()
    with qtbot.waitSignal(lived.explain_requested) as caught:
        QTest.mouseClick(table(lived).viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert caught.args == [f"invoice:{paid_one(lived.vm.state).uuid}"]


# ---- what comes next


def test_next_invoices_stand_on_top_as_many_as_fit(lived: InvoicesPage, qtbot: QtBot) -> None:
    assert amounts(lived.upcoming) == ["$117.81", "$83.60", "$38.22", "$34.51"]
    assert button(lived, "upcomingMore").text() == "Show 2 more"
    click(lived, "upcomingMore")
    assert len(amounts(lived.upcoming)) == 6
    assert button(lived, "upcomingMore").text() == "Show fewer"
    click(lived, "upcomingMore")
    assert len(amounts(lived.upcoming)) == 4


def test_next_invoice_is_explained_and_looked_at(lived: InvoicesPage, qtbot: QtBot) -> None:
    first = lived.vm.state.upcoming[0].subscription_uuid
    card = lived.upcoming._cards[first]
    with qtbot.waitSignal(lived.explain_requested) as caught:
        card._amount.click()
    assert caught.args == [f"upcoming:{first}"]
    card.details.click()
    settle(lived.vm, qtbot)
    assert text(lived, "invoiceTitle") == "Next invoice for Contract Reviewer, Pro"
    assert not child(lived, "savePdf").isVisible()
    notice = child(lived, "invoiceNotice")
    assert isinstance(notice, Banner)
    assert notice.text.startswith("This is how it stands now. It becomes final on 23 March 2026")
    assert not table(lived).selectedIndexes()


def test_amount_of_the_next_invoice_changes_by_itself(lived: InvoicesPage, holder: ServiceHolder, qtbot: QtBot) -> None:
    one = lived.vm.state.upcoming[0]
    books = fake(holder).world.books[one.organization_uuid]
    books.held.pop(one.subscription_uuid)
    lived.vm._bridge.announce("subscriptions")
    qtbot.waitUntil(lambda: amounts(lived.upcoming)[0] == "$83.60")


# ---- the one that is looked at


def test_enter_opens_a_row_beside_the_list(lived: InvoicesPage, qtbot: QtBot) -> None:
    table(lived).setFocus()
    press(DOWN, DOWN, ENTER)
    settle(lived.vm, qtbot)
    assert text(lived, "invoiceTitle") == "Invoice SK-2026-000010"
    assert table(lived).isVisible()
    badge = child(lived, "invoiceBadge")
    assert isinstance(badge, Badge)
    assert badge.text() == "Paid"
    press(ESC)
    assert not lived.detail.isVisible()
    assert focused_name() == "invoiceTable"


def test_every_line_and_sum_stands_there(lived: InvoicesPage, qtbot: QtBot) -> None:
    look_at(lived, paid_one(lived.vm.state).uuid, qtbot)
    assert amounts(lived.detail.lines) == [
        "$29.00", "$77.31", "$0.00", "$77.31", "$106.31", "$20.20", "$126.51", "−$126.51",
    ]  # fmt: skip
    assert text(lived, "invoiceBilledTo").splitlines() == [
        "Lovelace Analytics GmbH", "Torstraße 1", "10119 Berlin", "Germany", "VAT ID DE136695976",
    ]  # fmt: skip
    assert text(lived, "invoicePaidWith") == "Paid with Visa •••• 4242"
    assert text(lived, "invoiceDates") == "Issued on 9 March 2026"


def test_lines_and_total_are_explained(lived: InvoicesPage, qtbot: QtBot) -> None:
    invoice = paid_one(lived.vm.state)
    look_at(lived, invoice.uuid, qtbot)
    wanted = {"line-1": f"line:{invoice.lines[1].uuid}", "invoice-total-2": f"invoice:{invoice.uuid}"}
    for name, ref in wanted.items():
        with qtbot.waitSignal(lived.explain_requested) as caught:
            click(lived.detail, name)
        assert caught.args == [ref]


def test_unpaid_invoice_shows_the_calendar_of_tries(lived: InvoicesPage, qtbot: QtBot) -> None:
    look_at(lived, failed_one(lived.vm.state).uuid, qtbot)
    notice = child(lived, "invoiceNotice")
    assert isinstance(notice, Banner)
    assert notice.text == "$34.51 is unpaid. It is tried again on 15 March 2026."
    words = [label.text() for label in lived.detail._attempts.findChildren(QWidget) if hasattr(label, "text")]
    assert [word for word in words if word.endswith("Too little money")] == [
        "10 March 2026: Too little money", "11 March 2026: Too little money", "13 March 2026: Too little money",
    ]  # fmt: skip
    assert "17 March 2026: Next try" in words
    assert button(lived, "payInvoice").text() == "Pay $34.51"


def test_what_a_bank_is_paying_is_not_asked_for_again(
    lived: InvoicesPage, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    service = fake(holder)
    uuid = failed_one(lived.vm.state).uuid
    service.world.outcomes[CARDS["pays"]] = "debits"
    run(service.pay_invoice(uuid, CARDS["pays"], key="debit"))
    lived.vm.load()
    settle(lived.vm, qtbot)
    look_at(lived, uuid, qtbot)
    notice = child(lived, "invoiceNotice")
    assert isinstance(notice, Banner)
    assert notice.text == "The payment of $34.51 is under way. You are told when it has arrived."
    badge = child(lived, "invoiceBadge")
    assert isinstance(badge, Badge)
    assert badge.text() == "Being paid"
    assert not button(lived, "payInvoice").isVisible()


def test_linked_documents_are_one_press_away(lived: InvoicesPage, qtbot: QtBot) -> None:
    old = replaced_one(lived.vm.state)
    look_at(lived, old.uuid, qtbot)
    assert not child(lived, "correctInvoice").isVisible()
    click(lived, "linked-SK-2026-000009")
    settle(lived.vm, qtbot)
    assert text(lived, "invoiceTitle") == "Invoice SK-2026-000009"
    click(lived, f"linked-{old.number}")
    settle(lived.vm, qtbot)
    assert button(lived, "linked-CN-2026-000002").text() == "Credit note CN-2026-000002 of $1,178.10"
    click(lived, "linked-CN-2026-000002")
    settle(lived.vm, qtbot)
    assert text(lived, "invoiceTitle") == "Credit note CN-2026-000002"
    assert table(lived).current() is not None


def test_number_is_copied(lived: InvoicesPage, qtbot: QtBot) -> None:
    look_at(lived, paid_one(lived.vm.state).uuid, qtbot)
    click(lived, "copyNumber")
    assert QGuiApplication.clipboard().text() == "SK-2026-000010"
    assert [toast.text for toast in toast_area(lived).toasts()] == ["SK-2026-000010 copied."]


@pytest.mark.parametrize(("name", "suffix"), [("savePdf", "pdf"), ("saveJson", "json"), ("saveCsv", "csv")])
def test_file_is_saved_where_the_dialog_says(
    lived: InvoicesPage, tmp_path: Path, qtbot: QtBot, name: str, suffix: str
) -> None:
    look_at(lived, paid_one(lived.vm.state).uuid, qtbot)
    click(lived, name)
    qtbot.waitUntil(lambda: bool(lived.window().findChildren(QFileDialog)))
    dialog = lived.window().findChildren(QFileDialog)[0]
    assert Path(dialog.selectedFiles()[0]).name == f"SK-2026-000010.{suffix}"
    assert not dialog.testOption(QFileDialog.Option.DontConfirmOverwrite)
    target = tmp_path / f"mine.{suffix}"
    dialog.fileSelected.emit(str(target))
    dialog.reject()
    assert target.read_bytes()
    assert [toast.text for toast in toast_area(lived).toasts()] == [f"Saved as mine.{suffix}."]


def test_invoice_that_is_not_there_says_so(lived: InvoicesPage, qtbot: QtBot) -> None:
    look_at(lived, "nothing", qtbot)
    assert child(lived, "invoiceError").isVisible()
    assert not child(lived, "invoiceBadge").isVisible()
    click(lived, "invoiceClose")
    assert not lived.detail.isVisible()


def test_invoice_asked_for_before_the_list_is_there(
    page: InvoicesPage, signed_in: SessionViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    run(history(fake(holder)))
    books = next(iter(fake(holder).world.books.values()))
    uuid = next(one.uuid for one in books.invoices.values() if one.kind is InvoiceKind.INVOICE)
    page.vm.open(uuid)
    page.vm.load()
    settle(page.vm, qtbot)
    assert text(page, "invoiceTitle") == "Invoice SK-2025-000001"
    assert table(page).isVisible()


# ---- room


def test_narrow_window_shows_the_invoice_in_the_place_of_the_list(lived: InvoicesPage, qtbot: QtBot) -> None:
    resize(lived, *NARROW)
    table(lived).setFocus()
    press(DOWN, ENTER)
    settle(lived.vm, qtbot)
    assert not table(lived).isVisible()
    assert focused_name() == "invoiceBack"
    press(ENTER)
    assert table(lived).isVisible()
    assert focused_name() == "invoiceTable"


def test_columns_give_way_where_it_is_narrow(lived: InvoicesPage) -> None:
    assert not any(table(lived).isColumnHidden(number) for number in range(6))
    resize(lived, *NARROW)
    assert [number for number in range(6) if table(lived).isColumnHidden(number)] == [2, 5]


@pytest.mark.parametrize(("width", "height", "scale"), [(1056, 800, 1.0), (*NARROW, 1.0), (1056, 700, 2.0)])
def test_nothing_is_cut_off(
    lived: InvoicesPage, look: Theme, qtbot: QtBot, width: int, height: int, scale: float
) -> None:
    look.set_text_scale(scale)
    resize(lived, width, height)
    assert lived.window().size().toTuple() == (width, height)
    assert cut_off(lived) == []
    for wanted in (failed_one(lived.vm.state), replaced_one(lived.vm.state)):
        look_at(lived, wanted.uuid, qtbot)
        qtbot.waitUntil(lambda: cut_off(lived) == [])  # laid out in another turn of the loop


def test_dark_and_right_to_left_are_painted_without_a_complaint(lived: InvoicesPage, look: Theme, qtbot: QtBot) -> None:
    look.set_mode("dark")
    lived.window().setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    look_at(lived, failed_one(lived.vm.state).uuid, qtbot)
    assert not lived.grab().isNull()
    assert lived.detail.geometry().left() < lived.list.mapTo(lived, lived.list.rect().topLeft()).x()


# ---- keyboard and ear


def test_tab_visits_everything_in_reading_order(lived: InvoicesPage, qtbot: QtBot) -> None:
    look_at(lived, failed_one(lived.vm.state).uuid, qtbot)
    button(lived, "billingDetailsButton").setFocus()
    visited = tab_round(lived.window())
    assert set(visited) == set(tab_stops(lived))
    names = [widget.objectName() for widget in visited]
    assert names.index("upcomingAmount") < names.index("invoiceSearch") < names.index("invoiceTable")
    assert names.index("invoiceTable") < names.index("invoiceClose") < names.index("payInvoice")
    assert names.index("payInvoice") < names.index("line-0")


def test_every_control_has_a_name(lived: InvoicesPage, qtbot: QtBot) -> None:
    look_at(lived, replaced_one(lived.vm.state).uuid, qtbot)
    assert unnamed(lived) == []
    assert nameless(lived) == []
    assert button(lived, "saveJson").accessibleName() == "Save as JSON"
