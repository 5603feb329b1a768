"""The time of a test workspace: shown only where it may be, moved on, moved back, and everything told to look again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import InvalidInput, NotFound, Offline
from services.api.types import BillingCycle, ChangeAction, PendingChange, Subscription
from tests.fakes import FakeService
from tests.samples import EXPENSE_AUDITOR, NOW
from tests.ui.subscription_help import Owner, Run
from ui.bridge import Bridge, Change
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.timeline import (
    ALL_AREAS,
    FURTHEST,
    STEPS_KEPT,
    Moved,
    TimelineViewModel,
    date_code,
    name_at,
    parse_instant,
)

DAY = timedelta(days=1)


@pytest.fixture
def vm(bridge: Bridge, holder: ServiceHolder) -> TimelineViewModel:
    return TimelineViewModel(bridge, holder)


@pytest.fixture
def owner(bridge: Bridge, holder: ServiceHolder, signed_in: SessionViewModel, run: Run, qtbot: QtBot) -> Owner:
    made = Owner(PlanChangeViewModel(bridge, holder, lambda: "key"), holder, run, qtbot)
    made.buy()
    return made


def load(vm: TimelineViewModel, qtbot: QtBot) -> None:
    vm.load()
    qtbot.waitUntil(lambda: vm.state.timeline is not None)


def still(vm: TimelineViewModel, owner: Owner) -> None:
    """Waits until time stands again and what comes next is known."""
    owner.wait(lambda: not vm.state.moving and not vm._bridge.is_running(vm, "load"))


# ---- where it may be


def test_real_workspace_has_nothing_of_it(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    owner.service.world.is_time_available = False
    owner.service.calls.clear()
    load(vm, qtbot)
    vm.show_bar(True)
    assert (vm.state.is_available, vm.state.is_shown, vm.state.is_simulated) == (False, False, False)
    vm.next_event()
    vm.day()
    vm.month()
    vm.type_date("2030-01-01")
    vm.to_date()
    assert owner.service.calls == ["get_timeline"]


def test_bar_is_shown_when_it_is_wanted(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    seen = [vm.state.is_shown]
    load(vm, qtbot)
    for _ in range(2):
        seen.append(vm.state.is_shown)
        vm.toggle_bar()
    assert [*seen, vm.state.is_shown] == [False, False, True, False]


def test_simulated_time_is_always_shown(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    vm.day()
    still(vm, owner)
    assert (vm.state.is_wanted, vm.state.is_simulated, vm.state.is_shown) == (False, True, True)


def test_guests_see_the_time_but_do_not_move_it(vm: TimelineViewModel, service: FakeService, qtbot: QtBot) -> None:
    load(vm, qtbot)
    assert (vm.state.now, vm.state.is_guest) == (NOW, True)
    vm.day()
    assert service.calls == ["get_timeline"]


def test_failure_to_read_the_time_disturbs_nobody(
    vm: TimelineViewModel, owner: Owner, bridge: Bridge, reports: object
) -> None:
    owner.service.fail("get_timeline", NotFound())
    vm.load()
    owner.wait(lambda: not bridge.is_running(vm, "load"))
    assert (vm.state.timeline, vm.state.error) == (None, None)
    assert reports.failed == []  # type: ignore[attr-defined] # of Reports


# ---- forward


def test_day_and_month(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    vm.day()
    still(vm, owner)
    assert vm.state.now == NOW + DAY
    vm.month()
    still(vm, owner)
    assert vm.state.now == datetime(2026, 4, 15, NOW.hour, NOW.minute, NOW.second, tzinfo=UTC)


def test_next_event_names_whose_it_is(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    end = owner.only.period_end
    load(vm, qtbot)
    assert vm.state.timeline is not None
    assert (vm.state.timeline.next_event_at, vm.state.next_name) == (end, "Customer Care")
    with qtbot.waitSignal(vm.moved) as told:
        vm.next_event()
    assert told.args is not None
    step = told.args[0]
    assert isinstance(step, Moved)
    assert (step.start, step.end) == (NOW, end)
    assert [one.kind for one in step.happenings] == ["renewed", "invoice_issued", "invoice_paid"]
    assert vm.state.steps == (step,)
    assert vm.state.happened == 3


def test_list_opens_by_itself_once(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    vm.month()
    still(vm, owner)
    seen = [vm.state.is_log_open]
    vm.toggle_log()
    vm.month()
    still(vm, owner)
    assert [*seen, vm.state.is_log_open] == [True, False]
    assert [step.start for step in vm.state.steps] == [vm.state.steps[1].end, NOW]


def test_list_stays_shut_when_nothing_happened(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    vm.day()
    still(vm, owner)
    assert (vm.state.is_log_open, len(vm.state.steps), vm.state.happened) == (False, 1, 0)


def test_old_moves_are_let_go(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    vm._set(steps=tuple(Moved(NOW, NOW, ()) for _ in range(STEPS_KEPT)))
    vm.day()
    still(vm, owner)
    assert len(vm.state.steps) == STEPS_KEPT
    assert vm.state.steps[0].end == NOW + DAY


def test_everything_is_told_to_look_again(vm: TimelineViewModel, owner: Owner, bridge: Bridge, qtbot: QtBot) -> None:
    load(vm, qtbot)
    changes: list[Change] = []
    bridge.changed.connect(changes.append)
    vm.day()
    still(vm, owner)
    (change,) = changes
    assert change.areas == set(ALL_AREAS)
    assert {"wallet", "subscriptions", "invoices", "catalogue", "chat", "timeline"} <= change.areas


def test_time_moves_once_at_a_time(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    gate = owner.service.hold("move_time")
    vm.day()
    assert vm.state.moving == "day"
    vm.month()
    vm.next_event()
    assert vm.state.moving == "day"
    gate.open()
    still(vm, owner)
    assert (vm.state.now, owner.service.calls.count("move_time")) == (NOW + DAY, 1)


def test_without_anything_due_there_is_no_next(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    owner.do(ChangeAction.CANCEL_NOW)
    load(vm, qtbot)
    assert (vm.state.has_next, vm.state.next_name) == (False, "")
    vm.next_event()
    assert "move_time" not in owner.service.calls


def test_failed_move_says_so_and_looks_where_it_is(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    owner.service.fail("move_time", Offline())
    vm.day()
    owner.wait(lambda: vm.state.error is not None)
    still(vm, owner)
    assert (vm.state.now, vm.state.steps) == (NOW, ())
    vm.day()
    assert vm.state.error is None
    still(vm, owner)
    assert vm.state.now == NOW + DAY


# ---- to a date


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "required"), ("  ", "required"), ("soon", "date_invalid"), ("2026-02-30", "date_invalid"),
     ("2026-03-01", "in_past"), ("2027-03-01", ""), ("2037-03-01", "out_of_range")],
)  # fmt: skip
def test_what_can_be_typed(text: str, code: str) -> None:
    assert date_code(text, NOW) == code


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31 23:59"])
def test_days_at_the_ends_of_the_calendar_are_refused(text: str) -> None:
    assert date_code(text, NOW) in ("date_invalid", "in_past", "out_of_range")  # by the zone of the machine


def test_edges_of_what_can_be_typed() -> None:
    now = datetime(2026, 3, 14, 9, 26, tzinfo=UTC).astimezone()
    assert date_code(f"{now:%Y-%m-%d %H:%M}", now) == "in_past"
    assert date_code(f"{now + timedelta(minutes=1):%Y-%m-%d %H:%M}", now) == ""
    furthest = (now.astimezone(UTC) + FURTHEST).astimezone()
    assert date_code(f"{furthest:%Y-%m-%d %H:%M}", now) == ""
    assert date_code(f"{furthest + timedelta(minutes=1):%Y-%m-%d %H:%M}", now) == "out_of_range"


def test_typed_instant_is_of_the_readers_zone() -> None:
    at = parse_instant(" 2026-12-22 09:30 ")
    assert at is not None
    assert f"{at.astimezone():%Y-%m-%d %H:%M}" == "2026-12-22 09:30"
    assert parse_instant("2026-12-22T09:30+01:00") == datetime(2026, 12, 22, 8, 30, tzinfo=UTC)


def test_wrong_date_is_said_beside_it_and_kept(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    vm.type_date("2020-01-01")
    assert vm.state.date_code == ""
    with qtbot.waitSignal(vm.date_refused):
        vm.to_date()
    assert (vm.state.date_code, vm.state.date_text) == ("in_past", "2020-01-01")
    vm.type_date("2026-04-01")
    assert vm.state.date_code == ""
    vm.to_date()
    still(vm, owner)
    assert (vm.state.now, vm.state.date_text) == (parse_instant("2026-04-01"), "")


def test_refusal_of_the_service_stands_beside_the_date(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    owner.service.fail("move_time", InvalidInput(fields={"to": "out_of_range"}))
    vm.type_date("2026-04-01")
    with qtbot.waitSignal(vm.date_refused):
        vm.to_date()
    assert (vm.state.date_code, vm.state.moving, vm.state.error) == ("out_of_range", "", None)
    assert vm.state.date_text == "2026-04-01"


# ---- back


def test_going_back_forgets_what_came_after(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    vm.month()
    still(vm, owner)
    vm.month()
    still(vm, owner)
    newest, oldest = vm.state.points
    assert (oldest.at, newest.at) == (NOW, vm.state.steps[1].end)
    with qtbot.waitSignal(vm.returned) as told:
        vm.go_back(newest.uuid)
    assert told.args == [newest.at]
    still(vm, owner)
    assert (vm.state.now, len(vm.state.steps), vm.state.is_simulated) == (newest.at, 1, True)
    vm.go_back(oldest.uuid)
    still(vm, owner)
    assert (vm.state.now, vm.state.steps, vm.state.is_simulated) == (NOW, (), False)
    assert owner.only.period_start == NOW


def test_unknown_point_is_not_asked_for(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    vm.go_back("none")
    assert "return_to" not in owner.service.calls


def test_point_that_is_gone(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    load(vm, qtbot)
    vm.day()
    still(vm, owner)
    (point,) = vm.state.points
    owner.service.world.points.clear()
    vm.go_back(point.uuid)
    owner.wait(lambda: vm.state.error is not None and vm.state.points == ())


# ---- who looks


def test_purchase_elsewhere_may_be_what_comes_next(
    vm: TimelineViewModel, owner: Owner, bridge: Bridge, qtbot: QtBot
) -> None:
    owner.do(ChangeAction.CANCEL_NOW)
    bridge.announce("subscriptions")
    assert not bridge.is_running(vm, "load")  # not before it is wanted
    load(vm, qtbot)
    owner.buy(offering=EXPENSE_AUDITOR)
    bridge.announce("orders")
    owner.wait(lambda: vm.state.next_name == "Expense Auditor")
    bridge.announce("cart")
    assert not bridge.is_running(vm, "load")


def test_another_person_does_not_see_what_happened(
    vm: TimelineViewModel, owner: Owner, signed_in: SessionViewModel, qtbot: QtBot
) -> None:
    load(vm, qtbot)
    vm.month()
    still(vm, owner)
    vm.type_date("2027-01-01")
    with qtbot.waitSignal(signed_in.signed_out):
        signed_in.sign_out()
    assert (vm.state.is_guest, vm.state.steps, vm.state.date_text, vm.state.next_name) == (True, (), "", "")
    assert vm.state.is_simulated


# ---- whose event it is


def test_name_of_every_kind_of_instant(owner: Owner) -> None:
    one: Subscription = owner.only
    at = NOW + timedelta(days=40)
    for changed in (
        replace(one, period_end=at),
        replace(one, next_charge_at=at),
        replace(one, resumes_at=at),
        replace(one, trial_ends_at=at),
        replace(one, trial_ends_at=at + timedelta(days=3)),
        replace(one, pending=PendingChange("change_plan", at, cycle=BillingCycle.YEARLY)),
    ):
        assert name_at([changed], at) == "Customer Care"
    assert name_at([one], at) == ""
    other = replace(one, period_end=at, offering_name="Expense Auditor")
    assert name_at([replace(one, period_end=at), other], at) == ""
    assert name_at([replace(other, offering_name="Customer Care"), replace(one, period_end=at)], at) == "Customer Care"


def test_name_of_the_next_try_to_collect(vm: TimelineViewModel, owner: Owner, qtbot: QtBot) -> None:
    owner.fall_behind()
    load(vm, qtbot)
    planned = [one.at for one in owner.only.attempts if one.state == "planned"]
    assert vm.state.timeline is not None
    assert vm.state.timeline.next_event_at == planned[0]
    assert vm.state.next_name == "Customer Care"
