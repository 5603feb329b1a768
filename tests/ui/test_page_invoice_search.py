"""Finding somebody's invoice on the page of collections: by keyboard, in words, and so that everything fits."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from services.api.errors import Offline
from services.api.money import Money
from services.api.types import RefundRequest
from tests.fakes import FakeService
from tests.ui.finding_help import sold
from tests.ui.page_help import button, child, click, cut_off, focused_name, in_window, nameless, press, text, unnamed
from ui.bridge import Bridge
from ui.pages.collections import CollectionsPage
from ui.text.invoice_search import found_state
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.collections import CollectionsViewModel
from ui.viewmodels.session import SessionViewModel

pytestmark = pytest.mark.qt_log_ignore("plugin does not support")
Run = Callable[..., Any]
ENTER, ESCAPE, DOWN, END, TAB = (
    Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Down, Qt.Key.Key_End, Qt.Key.Key_Tab,
)  # fmt: skip
HELP = "An e-mail address or an invoice number from its beginning, or words of the organization’s name."


@pytest.fixture
def page(
    look: Theme,
    bridge: Bridge,
    holder: ServiceHolder,
    service: FakeService,
    signed_in: SessionViewModel,
    new_key: Callable[[], str],
    run: Run,
    qtbot: QtBot,
) -> Iterator[CollectionsPage]:
    """Of ada, who is support; grace has one invoice, margaret has twenty-two."""
    run(sold(service, "grace@example.com", "Grace Hopper"))
    run(sold(service, "margaret@example.com", "Margaret Hamilton", times=22))
    service.world.staff.add("ada@example.com")
    with in_window(CollectionsPage(CollectionsViewModel(bridge, holder, new_key)), qtbot) as made:
        made.vm.load()
        qtbot.waitUntil(lambda: made.vm.state.status is Status.READY)
        yield made
        made.vm.rest()


def find(page: CollectionsPage, qtbot: QtBot, words: str) -> None:
    """Typed after Ctrl+F, and answered."""
    QTest.keySequence(page.window(), "Ctrl+F")
    assert focused_name() == "findInvoice"
    QTest.keyClicks(page.finder.search, words)
    qtbot.waitUntil(lambda: page.vm.finding.state.asked == words)


def rows(page: CollectionsPage) -> list[str]:
    model = page.finder.table.rows
    found = [model.row(number) for number in range(model.rowCount())]
    return [row.sentence for row in found if row is not None]


def is_shown(page: CollectionsPage, name: str) -> bool:
    return any(widget.isVisible() for widget in page.findChildren(QWidget, name))


def test_what_is_found_says_whose_it_is_and_takes_the_place_of_the_lists(page: CollectionsPage, qtbot: QtBot) -> None:
    assert is_shown(page, "collectionTabs")
    assert page.finder._note.text == HELP
    find(page, qtbot, "grace@")
    assert rows(page) == ["SK-2026-000001, grace@example.com, Grace Hopper's Organization, 14 Mar 2026, $29.00, Paid"]
    assert page.finder._note.text == "1 document found"
    assert not is_shown(page, "collectionTabs")
    assert focused_name() == "findInvoice", "typing goes on where it was"


def test_invoice_is_found_and_opened_by_keyboard_alone(page: CollectionsPage, qtbot: QtBot) -> None:
    find(page, qtbot, "hopper")
    press(ENTER)
    assert focused_name() == "foundTable"
    with qtbot.waitSignal(page.invoice_requested) as asked:
        press(ENTER)
    assert asked.args == [page.vm.finding.state.items[0].invoice.uuid]
    press(ESCAPE)
    assert focused_name() == "findInvoice"
    press(DOWN)
    assert focused_name() == "foundTable"
    press(ESCAPE, ESCAPE)
    assert (page.finder.search.text(), is_shown(page, "collectionTabs")) == ("", True)


def test_click_on_a_row_opens_its_invoice(page: CollectionsPage, qtbot: QtBot) -> None:
    find(page, qtbot, "sk-2026-000001")
    table = page.finder.table
    with qtbot.waitSignal(page.invoice_requested):
        QTest.mouseClick(
            table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(table.rows.index(0, 1)).center()
        )


def test_coming_back_from_an_invoice_finds_the_search_as_it_was(page: CollectionsPage, qtbot: QtBot) -> None:
    find(page, qtbot, "hopper")
    press(ENTER)
    page.hide()
    page.show()
    assert (focused_name(), len(rows(page))) == ("foundTable", 1)


def test_nobody_found_is_said_in_words_and_cleared_by_one_button(page: CollectionsPage, qtbot: QtBot) -> None:
    find(page, qtbot, "nobody")
    unfound = child(page, "findUnfound")
    assert unfound.isVisible()
    assert page.finder._unfound.title_label.text() == "No invoice is found for “nobody”"
    press(TAB, TAB)
    assert focused_name() == "findUnfoundAction"
    press(ENTER)
    assert (page.finder.search.text(), focused_name()) == ("", "findInvoice")
    assert is_shown(page, "collectionTabs")


def test_one_letter_is_too_little_and_says_so(page: CollectionsPage, service: FakeService) -> None:
    QTest.keySequence(page.window(), "Ctrl+F")
    QTest.keyClicks(page.finder.search, "g")
    assert page.finder._note.text == "Write at least 2 characters."
    assert not is_shown(page, "foundInvoices")
    assert "find_invoices" not in service.calls


def test_waiting_is_shown_until_the_first_answer(page: CollectionsPage, service: FakeService, qtbot: QtBot) -> None:
    QTest.keySequence(page.window(), "Ctrl+F")
    QTest.keyClicks(page.finder.search, "grace")
    assert page.finder._waiting.isVisible()
    qtbot.waitUntil(page.finder.table.isVisible)
    assert not page.finder._waiting.isVisible()


def test_lost_connection_is_said_and_tried_again(page: CollectionsPage, service: FakeService, qtbot: QtBot) -> None:
    service.fail("find_invoices", Offline())
    QTest.keySequence(page.window(), "Ctrl+F")
    QTest.keyClicks(page.finder.search, "grace")
    qtbot.waitUntil(lambda: child(page, "findError").isVisible())
    click(page, "findErrorAction")
    qtbot.waitUntil(lambda: len(rows(page)) == 1)
    assert focused_name() == "findInvoice"


def test_more_are_shown_by_a_button(page: CollectionsPage, service: FakeService, qtbot: QtBot) -> None:
    find(page, qtbot, "organization")
    assert page.finder._note.text == "20 of 23 documents found"
    service.fail("find_invoices", Offline())
    child(page, "findMore").setFocus()
    press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: child(page, "findNotice").isVisible())
    assert len(rows(page)) == 20
    click(page, "findMore")
    qtbot.waitUntil(lambda: len(rows(page)) == 23)
    assert (is_shown(page, "findMore"), is_shown(page, "findNotice")) == (False, False)
    assert page.finder._note.text == "23 documents found"


def test_page_follows_the_keyboard_down_the_list(page: CollectionsPage, qtbot: QtBot) -> None:
    find(page, qtbot, "organization")
    press(ENTER, END)
    table = page.finder.table
    row = table.visualRect(table.currentIndex()).center()
    place = table.viewport().mapTo(page, row)
    assert 0 < place.y() < page.height()


def test_where_columns_are_left_out_the_chosen_row_is_told_whole(
    page: CollectionsPage, look: Theme, qtbot: QtBot
) -> None:
    find(page, qtbot, "hopper")
    assert not is_shown(page, "foundRow")
    page.window().resize(676, 600)
    QApplication.processEvents()
    assert text(page, "foundRow").startswith("SK-2026-000001 · grace@example.com · Grace Hopper's Organization · ")
    assert is_shown(page, "foundRow")


def test_money_that_went_back_is_seen_in_the_list(
    page: CollectionsPage, holder: ServiceHolder, bridge: Bridge, run: Run, qtbot: QtBot
) -> None:
    find(page, qtbot, "sk-2026-000001")
    request = RefundRequest(page.vm.finding.state.items[0].invoice.uuid)
    preview = run(holder.service.preview_refund(request))
    run(holder.service.refund_invoice(request, preview.hash, key="refund"))
    bridge.announce("invoices")
    qtbot.waitUntil(lambda: rows(page)[0].endswith("$29.00, Credited"))
    invoice = page.vm.finding.state.items[0].invoice
    assert found_state(invoice, None) == ("Credited", "info")
    assert found_state(replace(invoice, credited=Money.parse("9")), None) == ("Part credited", "info")
    assert found_state(replace(invoice, credited=Money.zero()), None) == ("Paid", "success")


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_controls_have_names_and_texts_fit(page: CollectionsPage, look: Theme, qtbot: QtBot, mode: str) -> None:
    look.set_mode(mode)  # type: ignore[arg-type] # one of the two
    for words, shown in (("organization", "foundTable"), ("nobody at all " * 4, "findUnfound"), ("x", "findInvoice")):
        page.finder.search.setText(words)
        page.vm.finding.enter()
        qtbot.waitUntil(partial(is_shown, page, shown))
        qtbot.waitUntil(lambda: not page.finder._waiting.isVisible())
        assert unnamed(page) == []
        assert nameless(page) == []
        for width, height, scale in ((1056, 800, 1.0), (676, 600, 1.0), (1056, 800, 2.0), (676, 600, 2.0)):
            look.set_text_scale(scale)
            page.window().resize(width, height)
            qtbot.waitUntil(lambda: cut_off(page) == [])  # heights follow widths a turn later


def test_field_is_the_first_stop_of_the_page(page: CollectionsPage, qtbot: QtBot) -> None:
    find(page, qtbot, "organization")
    press(TAB)
    visited = []
    for _ in range(4):
        visited.append(focused_name())
        press(TAB)
    assert "foundTable" in visited
    assert "findMore" in visited
    assert button(page, "findMore").mapTo(page, QPoint()).x() >= 0
