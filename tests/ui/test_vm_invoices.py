"""The invoices' view-model: what is read and when, filters, more rows, the one that is looked at, and files."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, NotFound, Offline
from services.api.types import Document, DocumentFormat, InvoiceKind, InvoiceQuery, InvoiceState
from tests.fakes import FakeService
from tests.samples_money import history
from tests.ui.invoice_help import Run, fake, paid_one, replaced_one, settle
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.invoices import PAGE, InvoiceFilter, InvoicesViewModel
from ui.viewmodels.session import SessionViewModel


@pytest.fixture
def invoices(bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> InvoicesViewModel:
    return InvoicesViewModel(bridge, holder, new_key)


@pytest.fixture
def lived(
    invoices: InvoicesViewModel, signed_in: SessionViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> InvoicesViewModel:
    """Shown, with three months behind it."""
    run(history(fake(holder)))
    invoices.load()
    settle(invoices, qtbot)
    return invoices


# ---- reading


def test_guest_sees_nothing_and_nothing_is_asked(invoices: InvoicesViewModel, service: FakeService) -> None:
    invoices.load()
    assert (invoices.state.status, invoices.state.is_guest) == (Status.EMPTY, True)
    assert "list_invoices" not in service.calls


def test_who_has_bought_nothing_has_none(
    invoices: InvoicesViewModel, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    invoices.load()
    settle(invoices, qtbot)
    assert (invoices.state.status, invoices.state.is_guest) == (Status.EMPTY, False)


def test_documents_come_newest_first_and_what_is_next_soonest_first(lived: InvoicesViewModel) -> None:
    state = lived.state
    assert state.status is Status.READY
    assert len(state.items) == state.total == 18
    made = [one.issued_at for one in state.items if one.issued_at]
    assert made == sorted(made, reverse=True)
    expected = [one.expected_at for one in state.upcoming if one.expected_at]
    assert expected == sorted(expected)
    assert len(expected) == 6
    assert state.now is not None


def test_nothing_is_read_before_it_is_wanted_nor_after(
    lived: InvoicesViewModel, bridge: Bridge, service: FakeService, qtbot: QtBot
) -> None:
    lived.rest()
    service.calls.clear()
    bridge.announce("invoices")
    QCoreApplication.processEvents()
    assert not {"list_invoices", "list_upcoming"} & set(service.calls)
    lived.load()
    settle(lived, qtbot)
    assert "list_upcoming" in service.calls


@pytest.mark.parametrize("area", ["invoices", "subscriptions", "usage", "wallet", "orders", "timeline"])
def test_upcoming_is_live(
    lived: InvoicesViewModel, bridge: Bridge, holder: ServiceHolder, qtbot: QtBot, area: Any
) -> None:
    growing = next(one for one in lived.state.upcoming if len(one.lines) > 2)
    lived.open_upcoming(growing.subscription_uuid)
    assert lived.state.is_upcoming
    world = fake(holder).world
    resource = growing.lines[1].resource_uuid
    owner, held = world.resources[resource]
    over = (held.usage.used or 0) - (held.usage.included or 0) + 100
    more = replace(held.usage, used=held.usage.used + 100, cost=held.usage.next_call_cost * over)
    world.resources[resource] = (owner, replace(held, usage=more))
    bridge.announce(area)
    qtbot.waitUntil(lambda: lived.state.invoice is not None and growing.total < lived.state.invoice.total)


def test_upcoming_that_is_gone_is_not_looked_at_any_more(
    lived: InvoicesViewModel, bridge: Bridge, holder: ServiceHolder, qtbot: QtBot
) -> None:
    first = lived.state.upcoming[0]
    lived.open_upcoming(first.subscription_uuid)
    for books in fake(holder).world.books.values():
        books.held.pop(first.subscription_uuid, None)
    bridge.announce("subscriptions")
    qtbot.waitUntil(lambda: lived.state.chosen == "")
    assert lived.state.invoice is None


def test_first_failure_is_an_error_and_a_later_one_leaves_what_is_known(
    invoices: InvoicesViewModel, signed_in: SessionViewModel, holder: ServiceHolder, service: FakeService, run: Run,
    qtbot: QtBot,
) -> None:  # fmt: skip
    run(history(fake(holder)))
    service.fail("list_invoices", DatabaseBusy())
    invoices.load()
    qtbot.waitUntil(lambda: invoices.state.status is Status.ERROR)
    invoices.retry()
    qtbot.waitUntil(lambda: invoices.state.status is Status.READY and invoices.state.error is None)
    service.fail("list_upcoming", Offline())
    invoices.load()
    qtbot.waitUntil(lambda: invoices.state.error is not None)
    assert invoices.state.status is Status.READY
    assert len(invoices.state.items) == 18


def test_another_person_sees_nothing_of_it(lived: InvoicesViewModel, signed_in: SessionViewModel) -> None:
    lived.open(lived.state.items[0].uuid)
    signed_in.sign_out()
    assert lived.state.is_guest
    assert (lived.state.items, lived.state.upcoming, lived.state.invoice) == ((), (), None)


# ---- filters


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (InvoiceFilter.OPEN, 2),
        (InvoiceFilter.PAID, 10),
        (InvoiceFilter.CREDIT_NOTES, 2),
        (InvoiceFilter.RECEIPTS, 4),
    ],
)
def test_filters(lived: InvoicesViewModel, qtbot: QtBot, wanted: InvoiceFilter, count: int) -> None:
    lived.choose(wanted)
    assert lived.state.list_status is Status.LOADING
    settle(lived, qtbot)
    items = lived.state.items
    assert len(items) == count
    kinds = {InvoiceFilter.CREDIT_NOTES: InvoiceKind.CREDIT_NOTE, InvoiceFilter.RECEIPTS: InvoiceKind.RECEIPT}
    assert {one.kind for one in items} == {kinds.get(wanted, InvoiceKind.INVOICE)}
    if wanted is InvoiceFilter.OPEN:
        assert {one.state for one in items} == {InvoiceState.OPEN}


def test_search_waits_for_the_end_of_a_word_and_can_be_cleared(
    lived: InvoicesViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.calls.clear()
    for text in ("e", "ex", "expense"):
        lived.search(text)
    qtbot.waitUntil(lambda: lived.state.total == 3)
    assert service.calls.count("list_invoices") == 1
    lived.search("nobody")
    qtbot.waitUntil(lambda: lived.state.list_status is Status.EMPTY)
    assert lived.state.is_filtered
    assert lived.state.status is Status.READY  # the page is not empty, only the filter is
    lived.clear_filter()
    qtbot.waitUntil(lambda: lived.state.total == 18)


def test_failed_search_can_be_repeated(lived: InvoicesViewModel, service: FakeService, qtbot: QtBot) -> None:
    service.fail("list_invoices", DatabaseBusy())
    lived.choose(InvoiceFilter.RECEIPTS)
    qtbot.waitUntil(lambda: lived.state.list_status is Status.ERROR)
    assert lived.state.list_error is not None
    lived.retry_list()
    qtbot.waitUntil(lambda: lived.state.list_status is Status.READY)
    assert len(lived.state.items) == 4


# ---- more rows


@pytest.fixture
def many(lived: InvoicesViewModel, holder: ServiceHolder, qtbot: QtBot) -> InvoicesViewModel:
    """A hundred and eighteen documents."""
    books = next(iter(fake(holder).world.books.values()))
    old = next(iter(books.invoices.values()))
    for number in range(100):
        copy = replace(old, uuid=f"copy-{number:03}", number=f"SK-2020-{number:06}")
        books.invoices = {copy.uuid: copy, **books.invoices}
    lived.load()
    settle(lived, qtbot)
    return lived


def test_pages_follow_each_other_without_gap_or_repeat(many: InvoicesViewModel, qtbot: QtBot) -> None:
    for count in (PAGE, 2 * PAGE, 118):
        assert len({one.uuid for one in many.state.items}) == len(many.state.items) == count
        many.more()
        settle(many, qtbot)
    assert many.state.has_all


def test_rows_read_further_down_stay_when_the_first_page_is_read_again(many: InvoicesViewModel, qtbot: QtBot) -> None:
    many.more()
    settle(many, qtbot)
    many.load()
    settle(many, qtbot)
    assert len(many.state.items) == 2 * PAGE


# ---- the one that is looked at


def test_open_shows_at_once_what_the_list_knows(lived: InvoicesViewModel, qtbot: QtBot) -> None:
    known = paid_one(lived.state)
    lived.open(known.uuid)
    assert lived.state.invoice == known
    settle(lived, qtbot)
    assert lived.state.invoice == known
    lived.close()
    state = lived.state
    assert state.chosen == ""
    assert state.invoice is None


def test_corrected_invoice_knows_its_credit_note_and_its_successor(lived: InvoicesViewModel, qtbot: QtBot) -> None:
    old = replaced_one(lived.state)
    lived.open(old.uuid)
    settle(lived, qtbot)
    linked = lived.state.linked
    assert linked.replaced_by is not None
    assert linked.replaced_by.corrects_uuid == old.uuid
    assert [one.corrects_number for one in linked.credit_notes] == [old.number]
    lived.open(linked.replaced_by.uuid)
    settle(lived, qtbot)
    assert lived.state.linked.corrects is not None
    assert lived.state.linked.corrects.uuid == old.uuid
    assert lived.state.linked.credit_notes == ()


def test_invoice_that_is_not_there_is_said_and_can_be_tried_again(
    lived: InvoicesViewModel, service: FakeService, qtbot: QtBot
) -> None:
    lived.open("nothing")
    qtbot.waitUntil(lambda: lived.state.invoice_error is not None)
    assert lived.state.invoice is None
    service.fail("get_invoice", NotFound())
    known = paid_one(lived.state)
    lived.open(known.uuid)
    qtbot.waitUntil(lambda: lived.state.invoice_error is not None)
    lived.retry_chosen()
    qtbot.waitUntil(lambda: not lived._bridge.is_running(lived, "open"))
    assert lived.state.invoice_error is None
    assert lived.state.invoice == known


@pytest.mark.parametrize("wanted", list(DocumentFormat))
def test_files(lived: InvoicesViewModel, qtbot: QtBot, wanted: DocumentFormat) -> None:
    lived.open(paid_one(lived.state).uuid)
    with qtbot.waitSignal(lived.exported) as caught:
        lived.export(wanted)
    assert caught.args is not None
    document = caught.args[0]
    assert isinstance(document, Document)
    assert document.name == f"{paid_one(lived.state).number}.{wanted.value}"


def test_what_is_not_made_yet_is_no_file(lived: InvoicesViewModel, service: FakeService) -> None:
    lived.export(DocumentFormat.PDF)
    lived.open_upcoming(lived.state.upcoming[0].subscription_uuid)
    lived.export(DocumentFormat.PDF)
    QCoreApplication.processEvents()
    assert "export_invoice" not in service.calls


def test_queries_ask_for_one_page(lived: InvoicesViewModel) -> None:
    assert lived._query(3) == InvoiceQuery(page=3, page_size=PAGE)
