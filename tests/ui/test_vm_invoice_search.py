"""Support looks for an invoice: when it is asked, what stays on screen meanwhile, and what is said when it fails."""

from collections.abc import Callable
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import InvalidInput, Offline
from tests.fakes import FakeService
from tests.ui.finding_help import sold
from ui.bridge import Bridge
from ui.text.invoice_search import found_text, search_problem, unfound_title
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.invoice_search import InvoiceSearchViewModel
from ui.viewmodels.session import SessionViewModel

Run = Callable[..., Any]


@pytest.fixture
def vm(
    bridge: Bridge, holder: ServiceHolder, service: FakeService, signed_in: SessionViewModel, run: Run
) -> InvoiceSearchViewModel:
    """Of ada, who is support; grace has three invoices, margaret has twenty-two."""
    run(sold(service, "grace@example.com", "Grace Hopper", times=3))
    run(sold(service, "margaret@example.com", "Margaret Hamilton", times=22))
    service.world.staff.add("ada@example.com")
    return InvoiceSearchViewModel(bridge, holder)


def find(vm: InvoiceSearchViewModel, qtbot: QtBot, text: str) -> None:
    vm.type(text)
    qtbot.waitUntil(lambda: vm.state.asked == text)


def emails(vm: InvoiceSearchViewModel) -> set[str]:
    return {one.member_email for one in vm.state.items}


def test_typing_asks_once_when_it_pauses(vm: InvoiceSearchViewModel, service: FakeService, qtbot: QtBot) -> None:
    for text in ("g", "gr", "gra", "grace"):
        vm.type(text)
    assert (vm.state.status, vm.state.is_open) == (Status.LOADING, True)
    qtbot.waitUntil(lambda: vm.state.status is Status.READY)
    assert service.calls.count("find_invoices") == 1
    assert (len(vm.state.items), vm.state.total, emails(vm)) == (3, 3, {"grace@example.com"})


def test_what_was_found_stays_until_the_next_answer(vm: InvoiceSearchViewModel, qtbot: QtBot) -> None:
    find(vm, qtbot, "grace")
    vm.type("margaret")
    assert (vm.state.status, emails(vm)) == (Status.READY, {"grace@example.com"})
    qtbot.waitUntil(lambda: emails(vm) == {"margaret@example.com"})


def test_typing_back_to_what_was_asked_asks_nothing(
    vm: InvoiceSearchViewModel, service: FakeService, qtbot: QtBot
) -> None:
    find(vm, qtbot, "grace")
    vm.type("graceful")
    vm.type("grace ")
    vm.enter()
    assert (service.calls.count("find_invoices"), len(vm.state.items)) == (1, 3)


@pytest.mark.parametrize(("text", "code"), [("x", "too_short"), (" x ", "too_short"), ("x" * 255, "too_long")])
def test_what_cannot_be_right_is_not_asked(
    vm: InvoiceSearchViewModel, service: FakeService, qtbot: QtBot, text: str, code: str
) -> None:
    find(vm, qtbot, "grace")
    vm.type(text)
    vm.enter()
    assert (vm.state.problem, vm.state.items) == (code, ())
    assert service.calls.count("find_invoices") == 1
    vm.clear()
    assert (vm.state.problem, vm.state.is_open) == ("", False)


def test_what_the_service_refuses_is_said_at_the_field(
    vm: InvoiceSearchViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("find_invoices", InvalidInput(fields={"text": "unexpected"}))
    vm.type("grace")
    qtbot.waitUntil(lambda: vm.state.problem == "unexpected")
    assert (vm.state.error, vm.state.status) == (None, Status.EMPTY)


def test_enter_asks_at_once_and_goes_to_what_is_found(vm: InvoiceSearchViewModel, qtbot: QtBot) -> None:
    vm.type("grace")
    with qtbot.waitSignal(vm.entered):
        vm.enter()
    with qtbot.waitSignal(vm.entered):
        vm.enter()


def test_enter_goes_nowhere_when_nothing_is_found(vm: InvoiceSearchViewModel, qtbot: QtBot) -> None:
    vm.type("nobody")
    with qtbot.assertNotEmitted(vm.entered):
        vm.enter()
        qtbot.waitUntil(lambda: vm.state.asked == "nobody")
    assert (vm.state.status, vm.state.items) == (Status.READY, ())


def test_more_of_them_are_read_page_by_page(vm: InvoiceSearchViewModel, qtbot: QtBot) -> None:
    find(vm, qtbot, "organization")
    assert (len(vm.state.items), vm.state.total, vm.state.has_all) == (20, 25, False)
    vm.more()
    qtbot.waitUntil(lambda: vm.state.has_all)
    assert len({one.invoice.uuid for one in vm.state.items}) == 25


def test_lost_connection_says_so_and_can_be_tried_again(
    vm: InvoiceSearchViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("find_invoices", Offline())
    vm.type("grace")
    qtbot.waitUntil(lambda: vm.state.status is Status.ERROR)
    vm.retry()
    qtbot.waitUntil(lambda: vm.state.status is Status.READY)
    assert len(vm.state.items) == 3


def test_more_that_cannot_be_read_leaves_what_is_there(
    vm: InvoiceSearchViewModel, service: FakeService, qtbot: QtBot
) -> None:
    find(vm, qtbot, "organization")
    service.fail("find_invoices", Offline())
    vm.more()
    qtbot.waitUntil(lambda: vm.state.error is not None)
    assert (len(vm.state.items), vm.state.status, vm.state.is_reading_more) == (20, Status.READY, False)
    vm.retry()
    qtbot.waitUntil(lambda: vm.state.error is None and vm.state.status is Status.READY)


def test_money_that_moved_is_read_anew_as_far_as_it_was_read(
    vm: InvoiceSearchViewModel, service: FakeService, run: Run, qtbot: QtBot
) -> None:
    find(vm, qtbot, "organization")
    vm.more()
    qtbot.waitUntil(lambda: vm.state.has_all)
    run(sold(service, "katherine@example.com", "Katherine Johnson"))
    vm.refresh()
    qtbot.waitUntil(lambda: vm.state.total == 26)
    assert len(vm.state.items) == 25
    service.fail("find_invoices", Offline())
    vm.refresh()
    qtbot.waitUntil(lambda: vm.state.error is not None)
    assert len(vm.state.items) == 25, "what was found is not taken away"


def test_another_person_does_not_see_what_was_found(
    vm: InvoiceSearchViewModel, session: SessionViewModel, qtbot: QtBot
) -> None:
    find(vm, qtbot, "grace")
    with qtbot.waitSignal(session.signed_out):
        session.sign_out()
    assert (vm.state.text, vm.state.items) == ("", ())


def test_too_many_to_count_are_said_to_be_so(vm: InvoiceSearchViewModel, service: FakeService, qtbot: QtBot) -> None:
    service.world.search_cap = 21
    find(vm, qtbot, "organization")
    assert (vm.state.total, vm.state.is_capped) == (21, True)
    assert found_text(20, 21, is_capped=True) == "20 of more than 21 documents found. Write more to find fewer."


def test_words_of_a_search() -> None:
    assert found_text(1, 1, is_capped=False) == "1 document found"
    assert found_text(20, 65, is_capped=False) == "20 of 65 documents found"
    assert unfound_title("  a  b ") == "No invoice is found for “a b”"
    assert unfound_title("x" * 60) == f"No invoice is found for “{'x' * 40}…”"
    for code in ("too_short", "too_long", "unexpected", "anything"):
        assert search_problem(code).endswith(".")
