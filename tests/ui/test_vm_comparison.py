"""What other plans would have cost: what is read and when, which option is the best, lines that share a course."""

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import NotFound, Offline
from services.api.types import BreakEven
from tests.fakes import FakeService
from tests.ui.comparison_help import (
    FREE,
    INVOICE,
    PRO,
    STARTER,
    WALLET,
    YEARLY,
    M,
    comparison,
    curve,
    made_calls,
    option,
)
from tests.ui.subscription_help import Owner, Run
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.comparison import ComparisonState, ComparisonViewModel
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.session import SessionViewModel


@pytest.fixture
def vm(bridge: Bridge, holder: ServiceHolder) -> ComparisonViewModel:
    return ComparisonViewModel(bridge, holder)


@pytest.fixture
def owner(bridge: Bridge, holder: ServiceHolder, signed_in: SessionViewModel, run: Run, qtbot: QtBot) -> Owner:
    made = Owner(PlanChangeViewModel(bridge, holder, lambda: "key"), holder, run, qtbot)
    made.buy()
    return made


def opened(vm: ComparisonViewModel, owner: Owner) -> ComparisonState:
    vm.open(owner.only.uuid)
    owner.wait(lambda: vm.state.status is Status.READY)
    return vm.state


# ---- reading


def test_guests_are_not_read_for(vm: ComparisonViewModel, service: FakeService) -> None:
    vm.open("some")
    assert (vm.state.status, vm.state.is_guest) == (Status.EMPTY, True)
    assert service.calls == []


def test_real_calls_go_through_every_plan(vm: ComparisonViewModel, owner: Owner) -> None:
    made_calls(owner, 1_200)
    state = opened(vm, owner)
    assert state.comparison is not None
    assert (state.comparison.calls, state.days) == (1_200, 30)
    assert state.current is not None
    assert (state.current.code, state.current.cost) == ("starter-monthly", M("31"))
    assert state.subscription == owner.only
    assert state.find("pro-monthly") in state.options
    assert state.find("none") is None


def test_other_window_keeps_what_is_shown_until_it_is_there(vm: ComparisonViewModel, owner: Owner) -> None:
    made_calls(owner, 40, days_ago=50)
    state = opened(vm, owner)
    gate = owner.service.hold("compare_plans")
    vm.choose_days(90)
    assert (vm.state.days, vm.state.is_stale, vm.state.comparison) == (90, True, state.comparison)
    gate.open()
    owner.wait(lambda: not vm.state.is_stale)
    assert vm.state.comparison is not None
    assert (vm.state.comparison.days, vm.state.comparison.calls) == (90, 40)


@pytest.mark.parametrize("days", [30, 0, 31, 60, 365])
def test_only_other_windows_are_asked_for(vm: ComparisonViewModel, owner: Owner, days: int) -> None:
    opened(vm, owner)
    vm.choose_days(days)
    assert vm.state.days == 30
    assert owner.service.calls.count("compare_plans") == 1


def test_window_stays_for_another_subscription(vm: ComparisonViewModel, owner: Owner) -> None:
    opened(vm, owner)
    vm.choose_days(90)
    owner.wait(lambda: not vm.state.is_stale)
    vm.open("another")
    assert (vm.state.days, vm.state.comparison, vm.state.status) == (90, None, Status.LOADING)
    owner.wait(lambda: vm.state.status is Status.ERROR)


def test_first_failure_is_an_error_to_retry(vm: ComparisonViewModel, owner: Owner) -> None:
    owner.service.fail("compare_plans", Offline())
    vm.open(owner.only.uuid)
    owner.wait(lambda: vm.state.status is Status.ERROR)
    vm.retry()
    assert vm.state.status is Status.LOADING
    owner.wait(lambda: vm.state.status is Status.READY)
    assert vm.state.error is None


def test_later_failure_leaves_what_is_shown_under_its_own_days(vm: ComparisonViewModel, owner: Owner) -> None:
    before = opened(vm, owner).comparison
    owner.service.fail("compare_plans", NotFound())
    vm.choose_days(90)
    owner.wait(lambda: vm.state.error is not None)
    assert (vm.state.status, vm.state.days, vm.state.is_stale) == (Status.READY, 30, False)
    assert vm.state.comparison == before


def test_new_calls_are_counted_without_asking(vm: ComparisonViewModel, owner: Owner, bridge: Bridge) -> None:
    opened(vm, owner)
    made_calls(owner, 7)
    bridge.announce("usage")
    owner.wait(lambda: vm.state.comparison is not None and vm.state.comparison.calls == 7)


def test_resting_reads_nothing(vm: ComparisonViewModel, owner: Owner, bridge: Bridge) -> None:
    opened(vm, owner)
    vm.rest()
    bridge.announce("usage")
    assert not bridge.is_running(vm, "load")


def test_signing_out_forgets(vm: ComparisonViewModel, owner: Owner, signed_in: SessionViewModel, qtbot: QtBot) -> None:
    opened(vm, owner)
    with qtbot.waitSignal(signed_in.signed_out):
        signed_in.sign_out()
    assert (vm.state.is_guest, vm.state.comparison) == (True, None)


# ---- what follows from the figures


def state_of(*options: object, **fields: object) -> ComparisonState:
    made = comparison(*options, **fields)  # type: ignore[arg-type] # handed on as they are
    return ComparisonState(Status.READY, comparison=made)


def test_cheapest_serves_all_calls() -> None:
    assert state_of(FREE, PRO, STARTER).best == PRO


def test_refusing_counts_no_more_than_it_does_now() -> None:
    current = option("free-monthly", "0", refused=500, is_current=True)
    assert state_of(current, PRO, option("lite-monthly", "1", refused=500)).best == current
    fewer = option("lite-monthly", "0", refused=499)
    more = option("less-monthly", "0", refused=501)
    assert state_of(more, option("free-monthly", "5", refused=500, is_current=True), fewer).best == fewer


def test_same_price_is_no_reason_to_change() -> None:
    same = option("other-monthly", "29", "112.30", now="141.30")
    assert state_of(same, STARTER).best == STARTER
    fixed = option("fixed-monthly", "99", can_change=False)
    assert state_of(fixed, PRO, STARTER).best == PRO


def test_the_share_in_a_bundle_is_no_price_one_could_have_paid() -> None:
    bundle = option("suite-monthly", "5", is_bundle=True)
    assert state_of(bundle, PRO, STARTER).best == PRO
    owned = option("suite-monthly", "5", is_bundle=True, is_current=True)
    assert state_of(owned, PRO).best == owned
    assert state_of(bundle).best == bundle


def test_best_of_plans_that_all_refuse_is_still_one() -> None:
    assert state_of(FREE).best == FREE
    assert ComparisonState().best is None


@pytest.mark.parametrize(("calls", "few"), [(0, False), (1, True), (99, True), (100, False)])
def test_few_calls(calls: int, few: bool) -> None:
    assert state_of(STARTER, calls=calls).has_few_calls is few


def test_break_evens_that_never_come_stand_last() -> None:
    never, late, soon = BreakEven("a", "b", None), BreakEven("b", "c", 8_000), BreakEven("c", "d", 0)
    assert state_of(STARTER, break_evens=(never, late, soon)).break_evens == (soon, late, never)


def test_options_of_the_same_course_share_a_line_and_the_current_is_first() -> None:
    curves = (curve("pro-monthly", "99", "99"), curve("pay_per_use-prepaid", "0", "20"),
              curve("pay_per_use-postpaid", "0", "20"), curve("starter-monthly", "29", "29"),
              curve("pro-yearly"))  # fmt: skip
    lines = state_of(YEARLY, PRO, STARTER, WALLET, INVOICE, curves=curves).lines
    assert [line.options for line in lines] == [(STARTER,), (PRO,), (WALLET, INVOICE)]
    assert lines[2].points == ((0, M("0")), (1_000, M("20")))
    assert ComparisonState().lines == ()


def test_chart_or_table_is_remembered(vm: ComparisonViewModel) -> None:
    vm.show_chart_as_table(True)
    assert vm.state.is_chart_table
