"""Waiting for a page in the browser: opened once and only if it is the provider's, asked about with patience, ended by
the provider's answer alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import (
    CardDeclined,
    NotFound,
    Offline,
    PaymentExpired,
    PaymentUnknown,
    ServiceError,
    SessionExpired,
)
from services.api.types import Action, Placed
from tests.fakes import FakeService
from tests.samples import NOW
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.browser import Browser, ReturnAddress
from ui.viewmodels.hosted_page import (
    DELAYS,
    SECOND,
    UNSEEN_DELAY,
    UNSEEN_LOOKS,
    HostedPageState,
    HostedPageViewModel,
    PagePhase,
    PageTask,
)
from ui.viewmodels.session import SessionViewModel

URL = "https://checkout.stripe.com/c/pay/1"
HOSTS = ("checkout.stripe.com",)


@dataclass
class Address:
    url: str
    is_open: bool = True

    def close(self) -> None:
        self.is_open = False


@dataclass
class Returns:
    """Addresses nobody listens at; `visit()` is the browser that comes back."""

    addresses: list[Address] = field(default_factory=list)
    is_broken: bool = False
    visit: Callable[[], None] = lambda: None

    async def open(self, returned: Callable[[], None]) -> ReturnAddress:
        if self.is_broken:
            raise OSError("no port")
        self.visit = returned
        self.addresses.append(Address(f"http://127.0.0.1:4000/return/{len(self.addresses)}"))
        return self.addresses[-1]


class Waiter:
    """The view-model, a browser that only notes what it is given, and a provider that answers what it is told."""

    def __init__(self, bridge: Bridge, holder: ServiceHolder, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.opened: list[str] = []
        self.has_browser = True
        self.attention = 0
        self.returns = Returns()
        self.browser = Browser(self._open, attention=self._on_attention, returns=self.returns, parent=bridge)
        self.vm = HostedPageViewModel(bridge, holder, self.browser)
        self.action = Action("redirect", URL, NOW + timedelta(hours=24))
        self.answer: Placed | ServiceError = Placed("order", action=self.action)
        self.asked = self.canceled = self.renewed = 0
        self.finished: list[object] = []
        self.given_up: list[object] = []
        self.failed: list[str] = []
        self.vm.finished.connect(self.finished.append)
        self.vm.canceled.connect(self.given_up.append)
        self.vm.failed.connect(lambda error: self.failed.append(error.code))

    @property
    def state(self) -> HostedPageState:
        return self.vm.state

    def _open(self, url: str) -> bool:
        self.opened.append(url)
        return self.has_browser

    def _on_attention(self) -> None:
        self.attention += 1

    async def _refresh(self) -> Placed:
        self.asked += 1
        return self._answered()

    async def _cancel(self) -> object:
        self.canceled += 1
        return self._answered()

    async def _renew(self) -> Placed:
        self.renewed += 1
        return self._answered()

    def _answered(self) -> Placed:
        if isinstance(self.answer, ServiceError):
            raise self.answer
        return self.answer

    def open(self, *, url: str = URL, ends: datetime | None = None, can_renew: bool = True) -> None:
        self.action = Action("redirect", url, ends)
        self.answer = Placed("order", action=self.action)
        renew = self._renew if can_renew else None
        self.vm.open(PageTask(self.action, HOSTS, "Customer Care, Pro", self._refresh, self._cancel, renew, "$99"))

    def look(self) -> None:
        """Asks, and lets the answer come."""
        asked = self.asked
        self.vm.look()
        self.wait(lambda: self.asked > asked and not self.is_asking)

    @property
    def is_asking(self) -> bool:
        return any(self.vm._bridge.is_running(self.vm, verb) for verb in ("look", "cancel", "renew"))

    @property
    def next_look(self) -> int:
        """Seconds; 0 when nobody will look."""
        return self.vm._again.interval() // SECOND if self.vm._again.isActive() else 0

    def wait(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()))


@pytest.fixture
def waiter(bridge: Bridge, holder: ServiceHolder, qtbot: QtBot) -> Waiter:
    return Waiter(bridge, holder, qtbot)


# ---- opening


def test_page_of_the_provider_is_opened_once_and_told(waiter: Waiter) -> None:
    waiter.open()
    assert waiter.opened == [URL]
    assert (waiter.state.phase, waiter.state.is_shown, waiter.state.host) == (PagePhase.WAITING, True, HOSTS[0])
    assert waiter.state.title == "Finish paying in your browser"
    assert "checkout.stripe.com" in waiter.state.words
    waiter.vm.reopen()
    assert waiter.opened == [URL, URL]


@pytest.mark.parametrize("url", ["https://evil.example/", "http://checkout.stripe.com/c/pay/1", "javascript:alert(1)"])
def test_page_of_anybody_else_is_not_opened_and_can_only_be_canceled(waiter: Waiter, url: str) -> None:
    waiter.open(url=url)
    assert waiter.opened == []
    assert (waiter.state.is_refused, waiter.state.url, waiter.next_look) == (True, "", 0)
    waiter.vm.reopen()
    waiter.vm.look()
    assert (waiter.opened, waiter.asked) == ([], 0)
    waiter.vm.leave()
    waiter.wait(lambda: waiter.canceled == 1 and not waiter.state.is_open)


def test_without_a_browser_the_link_is_offered_and_the_wait_is_the_same(waiter: Waiter) -> None:
    waiter.has_browser = False
    waiter.open()
    assert not waiter.state.was_opened
    assert waiter.state.words.startswith("No browser could be opened.")
    assert waiter.state.url == URL
    assert waiter.next_look == DELAYS[0]
    waiter.has_browser = True
    waiter.vm.reopen()
    assert waiter.state.was_opened


# ---- asking


def test_it_is_asked_for_more_and_more_patiently(waiter: Waiter) -> None:
    waiter.open()
    seen = [waiter.next_look]
    for _ in range(7):
        waiter.vm._look()
        waiter.wait(lambda: not waiter.is_asking)
        seen.append(waiter.next_look)
    assert seen == [1, 2, 3, 5, 8, 10, 10, 10]


def test_first_question_comes_by_itself(waiter: Waiter) -> None:
    waiter.open()
    waiter.wait(lambda: waiter.asked == 1)
    assert waiter.state.check == "not_yet"


def test_paid_ends_it_asks_for_notice_and_hands_the_answer_on(waiter: Waiter) -> None:
    waiter.open()
    waiter.answer = Placed("order", "agent")
    waiter.look()
    assert waiter.finished == [waiter.answer]
    assert (waiter.state, waiter.attention, waiter.next_look) == (HostedPageState(), 1, 0)


def test_i_have_paid_says_that_it_looks_and_begins_to_look_often_again(waiter: Waiter) -> None:
    waiter.open()
    for _ in range(4):
        waiter.vm._look()
        waiter.wait(lambda: not waiter.is_asking)
    waiter.vm.look()
    assert waiter.state.check == "asking"
    waiter.wait(lambda: not waiter.is_asking)
    assert waiter.state.line == "Not done yet. Finish on the page; Souk looks again by itself."
    assert waiter.next_look == DELAYS[1]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Offline(), "No network: trying again."),
        (PaymentUnknown(), "The payment provider does not answer: trying again. Nothing is charged twice."),
    ],
)
def test_no_answer_is_no_end(waiter: Waiter, error: ServiceError, line: str) -> None:
    waiter.open()
    waiter.answer = error
    waiter.look()
    assert (waiter.state.phase, waiter.state.line) == (PagePhase.WAITING, line)
    assert waiter.next_look > 0
    waiter.answer = Placed("order")
    waiter.look()
    assert waiter.finished == [waiter.answer]


@pytest.mark.parametrize("error", [CardDeclined(), NotFound(), SessionExpired()])
def test_what_is_definite_ends_it(waiter: Waiter, error: ServiceError) -> None:
    waiter.open()
    waiter.answer = error
    waiter.look()
    assert waiter.failed == [error.code]
    assert not waiter.state.is_open
    assert waiter.next_look == 0


# ---- out of sight


def test_closed_sheet_waits_on_out_of_sight_and_then_rests(waiter: Waiter) -> None:
    waiter.open()
    waiter.vm.leave()
    assert (waiter.state.is_open, waiter.state.is_shown) == (True, False)
    assert waiter.next_look == UNSEEN_DELAY
    waiter.vm._looks = UNSEEN_LOOKS
    waiter.vm._look()
    waiter.wait(lambda: not waiter.is_asking)
    assert waiter.next_look == 0
    waiter.vm.attend()
    assert (waiter.state.is_shown, waiter.next_look) == (True, DELAYS[0])


def test_window_that_is_used_again_asks_at_once(waiter: Waiter) -> None:
    waiter.browser.activated.emit()
    assert waiter.asked == 0
    waiter.open()
    waiter.vm.leave()
    waiter.answer = Placed("order")
    waiter.browser.activated.emit()
    waiter.wait(lambda: waiter.finished)


def test_browser_that_comes_back_is_only_a_reason_to_ask(waiter: Waiter, qloop: asyncio.AbstractEventLoop) -> None:
    found = qloop.create_task(waiter.vm.return_url())
    waiter.wait(found.done)
    assert found.result() == waiter.returns.addresses[0].url
    waiter.open()
    waiter.returns.visit()
    waiter.wait(lambda: waiter.asked == 1 and not waiter.is_asking)
    assert (waiter.finished, waiter.state.phase) == ([], PagePhase.WAITING)
    waiter.answer = Placed("order")
    waiter.returns.visit()
    waiter.wait(lambda: waiter.finished)
    assert not waiter.returns.addresses[0].is_open


def test_without_a_port_it_only_takes_longer(waiter: Waiter, qloop: asyncio.AbstractEventLoop) -> None:
    waiter.returns.is_broken = True
    found = qloop.create_task(waiter.vm.return_url())
    waiter.wait(found.done)
    assert found.result() == ""


def test_next_address_closes_the_one_before(waiter: Waiter, qloop: asyncio.AbstractEventLoop) -> None:
    for _ in range(2):
        waiter.wait(qloop.create_task(waiter.vm.return_url()).done)
    assert [one.is_open for one in waiter.returns.addresses] == [False, True]
    waiter.vm.forget()
    assert [one.is_open for one in waiter.returns.addresses] == [False, False]


# ---- giving it up


def test_cancel_asks_nothing_and_hands_on_what_is_so(waiter: Waiter) -> None:
    waiter.open()
    waiter.answer = Placed("order")
    waiter.vm.cancel()
    assert waiter.state.line == "Closing the page…"
    waiter.vm.cancel()
    waiter.wait(lambda: waiter.given_up)
    assert (waiter.canceled, waiter.finished, waiter.state.is_open) == (1, [], False)


def test_cancel_that_did_not_get_through_is_said_and_the_page_waits_on(waiter: Waiter) -> None:
    waiter.open()
    waiter.answer = PaymentUnknown()
    waiter.vm.cancel()
    waiter.wait(lambda: waiter.state.error)
    assert waiter.state.phase is PagePhase.WAITING
    assert waiter.next_look > 0


# ---- its end


def test_page_is_counted_down_in_its_last_ten_minutes(waiter: Waiter) -> None:
    waiter.open(ends=NOW + timedelta(seconds=601))
    waiter.wait(lambda: not waiter.vm._bridge.is_running(waiter.vm, "time"))
    assert waiter.state.countdown == ""
    waiter.open(ends=NOW + timedelta(seconds=545))
    waiter.wait(lambda: waiter.state.countdown == "The page works for another 9:05.")
    waiter.wait(lambda: waiter.state.countdown == "The page works for another 9:04.")
    waiter.vm.leave()
    assert not waiter.vm._second.isActive()


def test_end_of_the_time_is_no_verdict_but_a_reason_to_ask(waiter: Waiter) -> None:
    waiter.open(ends=NOW)
    waiter.wait(lambda: waiter.asked == 1 and not waiter.is_asking)
    assert waiter.state.phase is PagePhase.WAITING
    assert waiter.state.countdown.startswith("The page has ended.")


def expire(waiter: Waiter, *, can_renew: bool = True) -> None:
    waiter.open(can_renew=can_renew)
    waiter.answer = PaymentExpired()
    waiter.look()


def test_expired_page_can_be_opened_anew_for_the_same(waiter: Waiter) -> None:
    expire(waiter)
    assert (waiter.state.phase, waiter.state.title, waiter.failed) == (PagePhase.EXPIRED, "The page has expired", [])
    assert waiter.next_look == 0
    fresh = "https://checkout.stripe.com/c/pay/2"
    waiter.answer = Placed("order", action=Action("redirect", fresh))
    waiter.vm.renew()
    waiter.vm.renew()
    waiter.wait(lambda: waiter.state.phase is PagePhase.WAITING)
    assert (waiter.renewed, waiter.opened, waiter.state.url) == (1, [URL, fresh], fresh)


def test_expired_page_that_was_paid_after_all_ends_it(waiter: Waiter) -> None:
    expire(waiter)
    waiter.answer = Placed("order")
    waiter.vm.renew()
    waiter.wait(lambda: waiter.finished)


def test_new_page_that_cannot_be_had_now_can_be_asked_for_again(waiter: Waiter) -> None:
    expire(waiter)
    waiter.answer = Offline()
    waiter.vm.renew()
    waiter.wait(lambda: waiter.state.error)
    assert waiter.state.phase is PagePhase.EXPIRED


@pytest.mark.parametrize("how", ["give_way", "leave"])
def test_expired_page_gives_way_to_another(waiter: Waiter, how: str) -> None:
    expire(waiter)
    getattr(waiter.vm, how)()
    assert (waiter.failed, waiter.state.is_open) == (["payment_expired"], False)


def test_expired_page_without_another_is_a_failure(waiter: Waiter) -> None:
    expire(waiter, can_renew=False)
    assert waiter.failed == ["payment_expired"]


# ---- somebody else


def test_nobody_waits_for_the_page_of_somebody_else(
    waiter: Waiter, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    waiter.open()
    with qtbot.waitSignal(signed_in.signed_out):
        signed_in.sign_out()
    assert (waiter.state, waiter.next_look, waiter.failed) == (HostedPageState(), 0, [])
    waiter.wait(lambda: "sign_out" in service.calls)
