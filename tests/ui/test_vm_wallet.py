"""The wallet's view-model: what is read and when, filters, more rows, and the short questions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, Offline
from services.api.money import Money
from services.api.types import MovementKind, TopUp
from tests.fakes import FakeService
from tests.ui.wallet_help import CARD, Run, live
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.low_balance import LowBalanceViewModel
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.wallet import PAGE, WalletViewModel, bounds, month_of, months_between

M = Money.parse


@pytest.fixture
def wallet(bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> WalletViewModel:
    return WalletViewModel(bridge, holder, new_key)


@pytest.fixture
def funded(
    wallet: WalletViewModel, signed_in: SessionViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> WalletViewModel:
    """Shown, with one top-up of $50."""
    run(holder.service.top_up(TopUp(M("50"), CARD), key="first"))
    wallet.load()
    settle(wallet, qtbot)
    return wallet


def settle(vm: WalletViewModel, qtbot: QtBot) -> None:
    """Until everything that is under way has come to its end."""
    verbs = ("load", "movements", "more", "ask", "export")
    qtbot.waitUntil(lambda: not any(vm._bridge.is_running(vm, verb) for verb in verbs))
    QCoreApplication.processEvents()


# ---- reading


def test_guest_sees_nothing_and_nothing_is_asked(wallet: WalletViewModel, service: FakeService) -> None:
    wallet.load()
    assert (wallet.state.status, wallet.state.is_guest) == (Status.EMPTY, True)
    assert "get_wallet" not in service.calls


def test_wallet_its_movements_and_the_cards_are_read(funded: WalletViewModel) -> None:
    state = funded.state
    assert state.status is Status.READY
    assert state.wallet is not None
    assert state.wallet.balance == M("50")
    assert [movement.amount for movement in state.movements] == [M("50")]
    assert state.movement_status is Status.READY
    assert state.options is not None


def test_nothing_is_read_before_it_is_wanted_nor_after(
    wallet: WalletViewModel, signed_in: SessionViewModel, bridge: Bridge, service: FakeService, qtbot: QtBot
) -> None:
    bridge.announce("wallet")
    QCoreApplication.processEvents()
    assert "get_wallet" not in service.calls
    wallet.load()
    settle(wallet, qtbot)
    wallet.rest()
    service.calls.clear()
    bridge.announce("wallet")
    QCoreApplication.processEvents()
    assert not {"get_wallet", "list_movements", "list_caps"} & set(service.calls)


@pytest.mark.parametrize("area", ["wallet", "orders", "usage", "subscriptions", "invoices", "timeline"])
def test_balance_follows_every_change_of_money(
    funded: WalletViewModel, bridge: Bridge, holder: ServiceHolder, run: Run, qtbot: QtBot, area: Any
) -> None:
    run(holder.service.top_up(TopUp(M("20"), CARD), key="second"))
    bridge.announce(area)
    qtbot.waitUntil(lambda: funded.state.wallet is not None and funded.state.wallet.balance == M("70"))
    qtbot.waitUntil(lambda: len(funded.state.movements) == 2)


def test_first_failure_is_an_error_and_a_later_one_leaves_what_is_known(
    wallet: WalletViewModel, signed_in: SessionViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("get_wallet", DatabaseBusy())
    wallet.load()
    qtbot.waitUntil(lambda: wallet.state.status is Status.ERROR)
    first = wallet.state.error
    assert first is not None
    wallet.retry()
    qtbot.waitUntil(lambda: wallet.state.status is Status.READY and wallet.state.error is None)
    service.fail("get_wallet", Offline())
    wallet.load()
    qtbot.waitUntil(lambda: wallet.state.error is not None)
    assert wallet.state.status is Status.READY
    assert wallet.state.wallet is not None


def test_another_person_sees_nothing_of_it(funded: WalletViewModel, signed_in: SessionViewModel) -> None:
    signed_in.sign_out()
    assert funded.state.is_guest
    assert funded.state.wallet is None
    assert funded.state.movements == ()


# ---- movements


def test_filters_go_to_the_service_and_can_be_cleared(
    funded: WalletViewModel, service: FakeService, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    live(service, holder.service, run, 3, "0.02")
    funded.load()
    qtbot.waitUntil(lambda: funded.state.movement_total == 5)
    funded.choose_kind(MovementKind.USAGE)
    assert funded.state.movement_status is Status.LOADING
    qtbot.waitUntil(lambda: funded.state.movement_total == 3)
    funded.search("agent 2")
    qtbot.waitUntil(lambda: funded.state.movement_total == 1)
    funded.search("nobody")
    qtbot.waitUntil(lambda: funded.state.movement_status is Status.EMPTY)
    assert funded.state.filter.is_on
    funded.clear_filter()
    qtbot.waitUntil(lambda: funded.state.movement_total == 5)
    assert not funded.state.filter.is_on


def test_typing_asks_once(funded: WalletViewModel, service: FakeService, qtbot: QtBot) -> None:
    service.calls.clear()
    for text in ("v", "vi", "vis", "visa"):
        funded.search(text)
    qtbot.waitUntil(lambda: "list_movements" in service.calls)
    settle(funded, qtbot)
    assert service.calls.count("list_movements") == 1
    assert funded.state.movement_total == 1


def test_months_with_movements_are_offered_and_bound_the_list(
    wallet: WalletViewModel, signed_in: SessionViewModel, service: FakeService, holder: ServiceHolder, run: Run,
    qtbot: QtBot,
) -> None:  # fmt: skip
    live(service, holder.service, run, 120, "0.02")
    wallet.load()
    qtbot.waitUntil(lambda: wallet.state.movement_total == 121)
    now = service.world.clock.now()
    assert not wallet.state.has_all  # the oldest is asked for
    assert wallet.state.months == months_between(now - timedelta(days=120), now)
    wallet.choose_month(wallet.state.months[1])
    qtbot.waitUntil(lambda: wallet.state.movement_status is Status.READY and wallet.state.movement_total < 121)
    assert {month_of(movement.at) for movement in wallet.state.movements} == {wallet.state.months[1]}
    assert len(wallet.state.months) > 2  # the others are still offered


def test_more_rows_come_page_by_page_each_once(
    funded: WalletViewModel, service: FakeService, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    live(service, holder.service, run, PAGE + 30, "0.02")
    funded.load()
    qtbot.waitUntil(lambda: len(funded.state.movements) == PAGE)
    assert not funded.state.has_all
    funded.more()
    funded.more()
    qtbot.waitUntil(lambda: funded.state.has_all)
    assert len({movement.uuid for movement in funded.state.movements}) == PAGE + 32
    service.calls.clear()
    funded.more()
    assert service.calls == []


def test_rows_read_further_down_stay_when_something_new_comes(
    funded: WalletViewModel, bridge: Bridge, service: FakeService, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    live(service, holder.service, run, PAGE + 30, "0.02")
    funded.load()
    qtbot.waitUntil(lambda: len(funded.state.movements) == PAGE)
    funded.more()
    qtbot.waitUntil(lambda: len(funded.state.movements) == PAGE + 32)
    before = funded.state.movements
    run(holder.service.top_up(TopUp(M("20"), CARD), key="new"))
    bridge.announce("wallet")
    qtbot.waitUntil(lambda: funded.state.movement_total == PAGE + 33)
    assert funded.state.movements[1:] == before
    assert funded.state.movements[0].amount == M("20")
    assert funded.state.has_all
    funded.choose_kind(MovementKind.TOP_UP)
    qtbot.waitUntil(lambda: funded.state.movement_total == 3)
    assert len(funded.state.movements) == 3


def test_movements_that_are_gone_are_not_kept(
    funded: WalletViewModel, bridge: Bridge, service: FakeService, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    """As when a test workspace goes back in time."""
    run(holder.service.top_up(TopUp(M("20"), CARD), key="new"))
    funded.load()
    qtbot.waitUntil(lambda: funded.state.movement_total == 2)
    books = service.world.books[run(holder.service.get_wallet()).organization_uuid]
    books.movements.pop()
    bridge.announce("timeline")
    qtbot.waitUntil(lambda: funded.state.movement_total == 1)
    assert [movement.amount for movement in funded.state.movements] == [M("50")]


def test_rows_that_cannot_be_read_are_said(funded: WalletViewModel, service: FakeService, qtbot: QtBot) -> None:
    service.fail("list_movements", DatabaseBusy())
    funded.choose_kind(MovementKind.GIFT)
    qtbot.waitUntil(lambda: funded.state.movement_status is Status.ERROR)
    assert funded.state.movement_error is not None
    funded.retry_movements()
    qtbot.waitUntil(lambda: funded.state.movement_status is Status.EMPTY)
    assert funded.state.movement_error is None


def test_file_has_what_is_filtered(funded: WalletViewModel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(funded.exported) as caught:
        funded.export()
    assert caught.args is not None
    assert b"top_up,50.000000,50.000000,USD" in caught.args[0].data


@pytest.mark.parametrize(
    ("oldest", "newest", "months"),
    [
        ((2026, 1, 15), (2026, 1, 15), ("2026-01",)),
        ((2025, 11, 2), (2026, 2, 20), ("2026-02", "2026-01", "2025-12", "2025-11")),
    ],
)
def test_months_between_two_days(
    oldest: tuple[int, int, int], newest: tuple[int, int, int], months: tuple[str, ...]
) -> None:
    days = (datetime(*day, 12, tzinfo=UTC) for day in (oldest, newest))
    assert months_between(*days) == months


def test_bounds_of_a_month_are_half_open() -> None:
    start, end = bounds("2026-12")
    assert (month_of(start), month_of(end)) == ("2026-12", "2027-01")
    assert month_of(end - timedelta(seconds=1)) == "2026-12"
    assert start.utcoffset() == timedelta(0)


# ---- codes, alert, refund


def test_code_adds_credit_and_says_how_much(funded: WalletViewModel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(funded.redeemed) as caught:
        funded.redeem(" gift25 ")
    assert caught.args == [M("25")]
    assert funded.state.wallet is not None
    assert funded.state.wallet.balance == M("75")
    assert not funded.state.is_saving


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("", "Enter the code."),
        ("NO-SUCH", "This code is not known. Check it letter by letter."),
        ("EXPIRED10", "This code has expired."),
    ],
)
def test_code_that_cannot_be_used_is_told_why(funded: WalletViewModel, qtbot: QtBot, code: str, words: str) -> None:
    funded.redeem(code)
    qtbot.waitUntil(lambda: funded.state.problems == {"code": words} and not funded.state.is_saving)
    funded.forget_problems()
    assert funded.state.problems == {}


def test_code_can_be_used_once(funded: WalletViewModel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(funded.redeemed):
        funded.redeem("GIFT25")
    settle(funded, qtbot)
    funded.redeem("GIFT25")
    qtbot.waitUntil(lambda: "code" in funded.state.problems)
    assert funded.state.problems["code"] == "Your organization has used this code before."


def test_code_sent_twice_after_no_connection_counts_once(
    funded: WalletViewModel, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("redeem_code", Offline())
    funded.redeem("GIFT25")
    qtbot.waitUntil(lambda: funded.state.ask_error is not None)
    with qtbot.waitSignal(funded.redeemed):
        funded.redeem("GIFT25")
    assert funded.state.wallet is not None
    assert funded.state.wallet.balance == M("75")


def test_alert_is_set_and_taken_away(funded: WalletViewModel, qtbot: QtBot) -> None:
    for threshold in (M("60"), None):
        with qtbot.waitSignal(funded.alert_set):
            funded.set_alert(threshold)
        assert funded.state.wallet is not None
        assert funded.state.wallet.alert_threshold == threshold
        settle(funded, qtbot)


def test_unused_credit_goes_back(funded: WalletViewModel, qtbot: QtBot) -> None:
    assert funded.state.wallet is not None
    with qtbot.waitSignal(funded.refunded) as caught:
        funded.refund(funded.state.wallet.credits[0])
    assert caught.args is not None
    assert caught.args[0].amount == M("50")
    qtbot.waitUntil(lambda: funded.state.wallet is not None and funded.state.wallet.balance.is_zero)
    assert funded.state.wallet.credits == ()


def test_refund_that_fails_is_said_and_asked_with_the_same_key(
    funded: WalletViewModel, service: FakeService, qtbot: QtBot
) -> None:
    assert funded.state.wallet is not None
    credit = funded.state.wallet.credits[0]
    service.fail("refund_credit", Offline())
    funded.refund(credit)
    qtbot.waitUntil(lambda: funded.state.ask_error is not None)
    assert not funded.state.is_saving
    with qtbot.waitSignal(funded.refunded):
        funded.refund(credit)
    assert [key for _, purpose, key in service.world.attempts if purpose == "refund"] == ["key-1"]


# ---- the balance in the account corner, and the warning


def test_balance_of_the_account_follows_without_being_asked(
    signed_in: SessionViewModel, bridge: Bridge, holder: ServiceHolder, run: Run, qtbot: QtBot
) -> None:
    assert signed_in.state.balance == M("0")
    run(holder.service.top_up(TopUp(M("20"), CARD), key="k"))
    bridge.announce("wallet")
    qtbot.waitUntil(lambda: signed_in.state.balance == M("20"))


def test_low_balance_is_said_and_unsaid(
    signed_in: SessionViewModel, bridge: Bridge, holder: ServiceHolder, service: FakeService, run: Run, qtbot: QtBot
) -> None:
    low = LowBalanceViewModel(bridge, holder, signed_in)
    live(service, holder.service, run, 10, "4")
    run(holder.service.set_low_balance_alert(M("20")))
    bridge.announce("usage")
    qtbot.waitUntil(lambda: "At this pace it is empty on" in low.state.text)
    assert low.state.text.startswith("$10.00 is left in your wallet.")
    run(holder.service.top_up(TopUp(M("50"), CARD), key="l"))
    bridge.announce("wallet")
    qtbot.waitUntil(lambda: not low.state.text)


def test_low_balance_is_said_even_when_the_wallet_cannot_be_read(
    signed_in: SessionViewModel, bridge: Bridge, holder: ServiceHolder, service: FakeService, run: Run, qtbot: QtBot
) -> None:
    low = LowBalanceViewModel(bridge, holder, signed_in)
    run(holder.service.top_up(TopUp(M("10"), CARD), key="k"))
    run(holder.service.set_low_balance_alert(M("20")))
    service.fail("get_wallet", DatabaseBusy())
    bridge.announce("wallet")
    qtbot.waitUntil(lambda: low.state.text == "$10.00 is left in your wallet.")
    qtbot.waitUntil(lambda: not bridge.is_running(low, "wallet"))
    signed_in.sign_out()
    assert low.state.text == ""
