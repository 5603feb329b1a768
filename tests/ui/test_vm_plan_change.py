"""Changing a subscription: what is previewed is what is done, once, and nothing is lost when it does not work."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import CardDeclined, Offline, PaymentUnknown, SumMoved, WrongState
from services.api.money import Money
from services.api.types import ChangeAction, PaymentMethod, SubscriptionState, UsagePayment
from tests.samples import NOW
from tests.ui.checkout_help import CARDS
from tests.ui.subscription_help import ENTERPRISE, FREE, MONTHLY, PER_USE, PRO, STARTER, YEARLY, Owner, Run
from ui.bridge import Bridge, Change
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.plan_change_state import ChangePhase, PlanChangeState, Task, day_start, months_later
from ui.viewmodels.session import SessionViewModel


@pytest.fixture
def owner(
    bridge: Bridge,
    holder: ServiceHolder,
    signed_in: SessionViewModel,
    new_key: Callable[[], str],
    run: Run,
    qtbot: QtBot,
) -> Owner:
    """Has bought Starter by the month."""
    made = Owner(PlanChangeViewModel(bridge, holder, new_key), holder, run, qtbot)
    made.buy()
    return made


def due(owner: Owner) -> Money:
    assert owner.state.due_now is not None
    return owner.state.due_now


# ---- looking


def test_opens_with_what_one_has_and_asks_about_nothing(owner: Owner) -> None:
    owner.look()
    state = owner.state
    assert (state.plan, state.cycle, state.quantity) == (STARTER, MONTHLY, 1)
    assert [plan.name for plan in state.plans] == ["Free", "Starter", "Pro", "Pay per use"]
    assert state.quote_plan == ENTERPRISE
    assert (state.is_same, state.preview, state.can_commit) == (True, None, False)
    assert "preview_change" not in owner.service.calls


def test_upgrade_is_shown_before_it_is_done(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    preview = owner.state.preview
    assert preview is not None
    assert (preview.old_price, preview.new_price) == (Money.parse("29"), Money.parse("99"))
    assert due(owner) == Money.parse("70")
    assert owner.state.can_commit
    assert owner.only.plan.uuid == STARTER.uuid  # nothing is written


def test_every_choice_is_asked_about_once(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    owner.change.select_cycle(YEARLY)
    owner.settle()
    yearly = due(owner)
    owner.change.select_cycle(MONTHLY)
    owner.settle()
    assert due(owner) == Money.parse("70")
    assert yearly == Money.parse("961")
    assert owner.service.calls.count("preview_change") == 2


def test_last_of_quick_choices_is_shown(owner: Owner) -> None:
    owner.look()
    gate = owner.service.hold("preview_change")
    owner.change.select_plan(PRO.uuid)
    owner.change.select_plan(FREE.uuid)
    assert owner.state.is_previewing
    assert not owner.state.can_commit
    owner.wait(lambda: gate.waiting)
    gate.open()
    owner.settle()
    assert owner.state.preview is not None
    assert owner.state.preview.request.plan_uuid == FREE.uuid
    assert owner.state.preview.is_pending


def test_choosing_back_what_one_has_takes_the_preview_away(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    owner.change.select_plan(STARTER.uuid)
    assert owner.state.preview is None
    assert not owner.state.can_commit


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "ten", "10001", "٣", "1e3", "99999999999999999999"])
def test_no_quantity_is_not_asked_about(owner: Owner, text: str) -> None:
    owner.look()
    owner.change.type_quantity(text)
    assert owner.state.preview is None
    owner.change.commit()
    assert owner.asked_to_look_at == ["quantity"]
    assert owner.state.problems == {"quantity": "out_of_range" if text else "required"}
    assert "commit_change" not in owner.service.calls


@pytest.mark.parametrize("text", ["2", " 3 ", "10000"])
def test_quantity_is_previewed(owner: Owner, text: str) -> None:
    owner.look()
    owner.change.type_quantity(text)
    owner.settle()
    assert owner.state.preview is not None
    assert owner.state.preview.request.quantity == int(text)
    assert due(owner) == Money.parse("29") * (int(text) - 1)


def test_plan_without_fixed_price_has_neither_cycle_nor_quantity(owner: Owner) -> None:
    owner.look()
    owner.change.select_plan(PER_USE.uuid)
    owner.settle()
    request = owner.state.request()
    assert (request.cycle, request.quantity) == (None, 0)
    assert not owner.state.has_quantity


# ---- doing


def test_upgrade_is_charged_once_and_announced(owner: Owner, bridge: Bridge) -> None:
    changes: list[Change] = []
    bridge.changed.connect(changes.append)
    owner.look(plan_uuid=PRO.uuid)
    for _ in range(3):
        owner.change.commit()
    owner.wait(lambda: owner.state.phase is ChangePhase.DONE)
    assert owner.service.calls.count("commit_change") == 1
    assert owner.service.world.charges[-1] == Money.parse("70")
    assert owner.only.plan.uuid == PRO.uuid
    ((done, after),) = owner.finished
    assert (done.task, after) == (Task.PLAN, owner.only)
    owner.wait(lambda: changes)
    assert {"subscriptions", "wallet", "invoices", "resources"} <= changes[-1].areas


def test_sum_that_moved_is_asked_about_again(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    owner.service.world.clock.advance(days=15)
    owner.change.commit()
    owner.wait(lambda: owner.state.moved_from is not None and not owner.state.is_previewing)
    assert owner.state.moved_from == Money.parse("70")
    assert due(owner) < Money.parse("70")
    assert owner.state.phase is ChangePhase.IDLE
    assert owner.only.plan.uuid == STARTER.uuid
    new_sum = due(owner)
    owner.commit()
    assert owner.service.world.charges[-1] == new_sum


def test_declined_card_keeps_everything_and_another_pays(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    owner.change.choose_card(CARDS["declined"])
    owner.settle()
    owner.commit(ChangePhase.FAILED)
    state = owner.state
    assert (owner.error_code, state.plan_uuid, state.has_opened_cards) == ("card_declined", PRO.uuid, True)
    assert not state.is_locked
    assert owner.only.plan.uuid == STARTER.uuid
    owner.change.choose_card(CARDS["pays"])
    owner.settle()
    assert owner.error_code == ""
    owner.commit()
    assert owner.only.plan.uuid == PRO.uuid


def test_unknown_outcome_is_asked_again_with_the_same_key(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    owner.service.fail("commit_change", PaymentUnknown())
    owner.commit(ChangePhase.FAILED)
    key = owner.state.attempt_key
    assert key
    owner.change.select_plan(FREE.uuid)  # what may have been charged cannot become something else
    owner.change.type_quantity("5")
    assert (owner.state.plan_uuid, owner.state.quantity) == (PRO.uuid, 1)
    owner.commit()
    assert owner.state.attempt_key == ""
    assert owner.service.world.charges[-1] == Money.parse("70")
    assert len(owner.finished) == 1


def test_offline_keeps_the_key_too(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    owner.service.fail("commit_change", Offline())
    owner.commit(ChangePhase.FAILED)
    assert owner.state.is_locked
    owner.commit()
    assert owner.only.plan.uuid == PRO.uuid


def test_new_try_after_a_refusal_is_another_attempt(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    owner.service.fail("commit_change", CardDeclined())
    owner.commit(ChangePhase.FAILED)
    assert owner.state.attempt_key == ""


def test_change_made_elsewhere_is_loaded_again(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    owner.service.fail("commit_change", WrongState(state="canceled"))
    owner.commit(ChangePhase.FAILED)
    owner.do(ChangeAction.CANCEL_AT_END)
    owner.change.retry()
    owner.settle()
    assert owner.state.subscription is not None
    assert owner.state.subscription.pending is not None
    assert owner.state.plan_uuid == PRO.uuid  # the choice is kept


def test_failure_to_open_can_be_tried_again(owner: Owner) -> None:
    owner.service.fail("get_offering", Offline())
    owner.change.start(owner.only)
    owner.wait(lambda: owner.state.status is Status.ERROR)
    owner.change.retry()
    owner.settle()
    assert owner.state.plans


def test_failed_preview_says_so_and_the_next_choice_works(owner: Owner) -> None:
    owner.look()
    owner.service.fail("preview_change", SumMoved())
    owner.change.select_plan(PRO.uuid)
    owner.wait(lambda: owner.state.error is not None)
    assert (owner.state.preview, owner.state.can_commit) == (None, False)
    owner.change.select_plan(FREE.uuid)
    owner.settle()
    assert owner.state.error is None


def test_nothing_is_sent_after_it_was_closed(owner: Owner) -> None:
    gate = owner.service.hold("get_subscription")
    owner.change.begin(owner.subscriptions()[0], Task.CANCEL)
    owner.wait(lambda: gate.waiting)
    owner.change.close()
    gate.open()
    assert owner.state == PlanChangeState()


# ---- the bank asks


def confirming(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    owner.change.choose_card(CARDS["needs_confirmation"])
    owner.settle()
    owner.commit(ChangePhase.CONFIRMING)


def test_bank_is_answered_in_place(owner: Owner) -> None:
    urls: list[str] = []
    owner.change.confirming.connect(urls.append)
    confirming(owner)
    assert urls
    assert owner.only.plan.uuid == STARTER.uuid
    owner.change.confirm(True)
    owner.change.confirm(True)
    owner.wait(lambda: owner.state.phase is ChangePhase.DONE)
    assert owner.only.plan.uuid == PRO.uuid
    assert owner.service.calls.count("confirm_payment") == 1


def test_declining_at_the_bank_charges_nothing(owner: Owner) -> None:
    confirming(owner)
    charges = list(owner.service.world.charges)
    owner.change.confirm(False)
    owner.wait(lambda: owner.state.phase is ChangePhase.FAILED)
    assert owner.error_code == "confirmation_declined"
    assert (owner.service.world.charges, owner.state.is_locked) == (charges, False)


def test_answer_that_did_not_arrive_is_given_again(owner: Owner) -> None:
    confirming(owner)
    owner.service.fail("confirm_payment", Offline())
    owner.change.confirm(True)
    owner.wait(lambda: owner.error_code == "offline")
    assert owner.state.phase is ChangePhase.CONFIRMING
    owner.change.confirm(True)
    owner.wait(lambda: owner.state.phase is ChangePhase.DONE)


# ---- the other tasks


def test_both_ways_to_cancel_are_on_one_screen(owner: Owner) -> None:
    owner.look(Task.CANCEL)
    at_end, now = ChangeAction.CANCEL_AT_END, ChangeAction.CANCEL_NOW
    assert set(owner.state.previews) == {at_end, now}
    assert owner.state.previews[now].to_wallet == Money.parse("29")
    assert owner.state.action is at_end
    owner.change.type_reason("too many agents")
    owner.commit()
    pending = owner.only.pending
    assert pending is not None
    assert pending.kind == "cancel"


def test_cancelling_now_gives_the_unused_time_back(owner: Owner, run: Run) -> None:
    owner.look(Task.CANCEL)
    owner.change.cancel_now(True)
    owner.settle()
    owner.commit()
    assert owner.is_in(SubscriptionState.CANCELED)
    assert run(owner.service.get_wallet()).balance == Money.parse("29")


def test_too_long_a_reason_is_said_and_kept(owner: Owner) -> None:
    owner.look(Task.CANCEL)
    owner.change.type_reason("x" * 4001)
    owner.change.commit()
    assert owner.asked_to_look_at == ["reason"]
    assert len(owner.state.reason) == 4001
    owner.change.type_reason("x" * 4000)
    owner.commit()


def test_undo_needs_no_second_question(owner: Owner) -> None:
    owner.do(ChangeAction.CANCEL_AT_END)
    owner.change.begin(owner.only, Task.UNDO)
    owner.wait(lambda: owner.state.phase is ChangePhase.DONE)
    assert owner.only.pending is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "required"), ("soon", "date_invalid"), ("2026-02-30", "date_invalid"), ("2020-01-01", "in_past"),
     (f"{NOW:%Y-%m-%d}", "in_past")],
)  # fmt: skip
def test_pause_needs_a_day_to_come(owner: Owner, text: str, code: str) -> None:
    owner.look(Task.PAUSE)
    owner.change.pause_for(0)
    owner.change.type_resume(text)
    owner.change.commit()
    assert owner.asked_to_look_at == ["resume_at"]
    assert owner.state.problems == {"resume_at": code}


def test_pause_until_a_typed_day(owner: Owner) -> None:
    owner.look(Task.PAUSE)
    owner.change.pause_for(0)
    owner.change.type_resume("2026-05-01")
    owner.settle()
    owner.commit()
    resumes = owner.only.resumes_at
    assert resumes is not None
    assert resumes.astimezone().date().isoformat() == "2026-05-01"


def test_pause_for_months_and_resume(owner: Owner) -> None:
    owner.look(Task.PAUSE)
    owner.change.pause_for(2)
    owner.settle()
    owner.commit()
    assert owner.only.resumes_at == months_later(NOW, 2)
    owner.look(Task.RESUME)
    owner.commit()
    assert owner.is_in(SubscriptionState.ACTIVE)


def test_another_card_must_be_chosen(owner: Owner) -> None:
    owner.look(Task.CARD)
    owner.change.commit()
    assert owner.asked_to_look_at == ["payment_token"]
    owner.change.save_test_card(CARDS["pays"])
    owner.wait(lambda: owner.state.payment_token and owner.state.preview)
    owner.commit()
    assert owner.only.paid_with == "Visa •••• 4242"
    assert "save_card" in owner.service.calls


def test_other_way_to_pay_extra_calls_is_offered_first(owner: Owner) -> None:
    before = owner.only.usage_payment
    owner.look(Task.USAGE_PAYMENT)
    assert owner.state.usage_payment is not before
    owner.commit()
    assert owner.only.usage_payment is not before
    owner.look(Task.USAGE_PAYMENT)
    owner.change.select_usage_payment(UsagePayment.PREPAID)
    owner.settle()
    assert owner.state.request().usage_payment is UsagePayment.PREPAID


def test_unpaid_invoice_is_paid_with_another_card(owner: Owner) -> None:
    owner.fall_behind()
    assert owner.is_in(SubscriptionState.PAST_DUE)
    owner.look(Task.PAY)
    assert due(owner) == Money.parse("29")
    assert owner.state.payment_token == CARDS["pays"]  # not the one that failed
    owner.change.choose_card(CARDS["insufficient_funds"])
    owner.commit(ChangePhase.FAILED)
    assert owner.error_code == "insufficient_funds"
    owner.change.choose_card(CARDS["pays"])
    owner.commit()
    assert owner.is_in(SubscriptionState.ACTIVE)
    ((done, after),) = owner.finished
    assert (done.task, after) == (Task.PAY, None)


def test_signing_out_forgets_it(owner: Owner, signed_in: SessionViewModel, qtbot: QtBot) -> None:
    owner.look(plan_uuid=PRO.uuid)
    with qtbot.waitSignal(signed_in.signed_out):
        signed_in.sign_out()
    assert owner.state == PlanChangeState()


# ---- days


@pytest.mark.parametrize(
    ("at", "months", "wanted"),
    [("2026-01-31", 1, "2026-02-28"), ("2026-11-30", 3, "2027-02-28"), ("2027-12-31", 2, "2028-02-29"),
     ("2026-03-14", 12, "2027-03-14")],
)  # fmt: skip
def test_months_later_keeps_to_the_end_of_the_month(at: str, months: int, wanted: str) -> None:
    start = datetime.fromisoformat(at).replace(hour=9, tzinfo=UTC)
    assert months_later(start, months) == datetime.fromisoformat(wanted).replace(hour=9, tzinfo=UTC)


def test_typed_day_begins_at_the_readers_midnight() -> None:
    at = day_start(" 2026-05-01 ", NOW)
    assert at is not None
    assert (at.hour, at.minute, at.utcoffset()) == (0, 0, NOW.astimezone().utcoffset())
    assert day_start("1 May", NOW) is None


def test_change_that_a_bank_is_paying_is_not_called_made(owner: Owner, qtbot: QtBot) -> None:
    owner.service.world.outcomes[CARDS["pays"]] = "debits"
    owner.look(plan_uuid=PRO.uuid)
    with qtbot.waitSignal(owner.change.under_way):
        owner.change.commit()
    assert owner.state.phase is ChangePhase.DONE
    assert owner.finished == []
    assert owner.only.plan.name == "Starter"


def test_card_is_offered_when_the_subscription_has_none(owner: Owner) -> None:
    owner.look(plan_uuid=PRO.uuid)
    assert not owner.state.needs_card_choice
    item = owner.state.subscription
    assert item is not None

    def by(method: PaymentMethod) -> PlanChangeState:
        return replace(owner.state, subscription=replace(item, payment_method=method))

    assert by(PaymentMethod.WALLET).needs_card_choice
    assert not by(PaymentMethod.BANK).needs_card_choice
    assert not by(PaymentMethod.PAYPAL).needs_card_choice
    assert timedelta(0) < item.period_end - item.period_start
