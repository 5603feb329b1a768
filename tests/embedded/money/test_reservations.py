"""One call: counted, priced, its price set aside, then settled or given back; exact whoever calls at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api import errors
from services.api.money import Rate
from services.api.types import OveragePolicy, SubscriptionState
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.domain.wallet import GrantKind
from services.embedded.money import months, reservations
from services.embedded.money.reservations import HELD_FOR, Reserved
from tests.contract.embedded import START
from tests.embedded.money.books import ZERO, Books, at, usd
from tests.embedded.money.desk import Desk, E, H, T, look, plan

MONTH = datetime(2026, 12, 22, 9, 30, tzinfo=START.tzinfo)  # one after the start


# ---- prepaid


def test_a_price_is_set_aside_and_then_earned(books: Books) -> None:
    desk = Desk(books)
    grant = books.grant("1")
    call = desk.call()
    assert desk.reserve(call) == Reserved(usd("0.02"), "wallet")
    assert (books.left(grant), books.balance(AccountKind.HOLDS)) == (usd("0.98"), usd("0.02"))
    assert books.balance(AccountKind.REVENUE) == ZERO
    assert desk.events() == [(call.id, "reserved", 20_000)]
    assert desk.totals() == [(START, 1, 20_000)]
    assert desk.settle(call, at(seconds=3)) == usd("0.02")
    assert (books.left(grant), books.balance(AccountKind.HOLDS)) == (usd("0.98"), ZERO)
    assert books.balance(AccountKind.REVENUE) == usd("0.02")
    assert desk.events() == [(call.id, "settled", 20_000)]
    assert desk.is_consistent()


def test_what_a_call_is_written_down_with(books: Books) -> None:
    desk = Desk(books)
    books.grant("1")
    call = replace(desk.call(), purpose="api")
    desk.reserve(call)
    columns = (E.source, E.id, E.resource_uuid, E.meter, E.quantity, E.at, E.purpose, E.paid_from, E.key_uuid,
               E.user_uuid, E.recorded_at, E.invoice_uuid, E.currency, E.would_cost_micros)  # fmt: skip
    assert desk.events(*columns) == [
        ("chat", call.id, desk.agent_uuid, "calls", 1, START, "api", "wallet", desk.agent_uuid, desk.person, START, "",
         "USD", 0)
    ]  # fmt: skip


def test_a_call_that_fails_costs_nothing_and_leaves_nothing(books: Books) -> None:
    desk = Desk(books)
    grant = books.grant("1")
    call = desk.call()
    desk.reserve(call)
    assert desk.release(call)
    assert not desk.release(call)
    assert desk.settle(call) is None
    assert (books.left(grant), books.balance(AccountKind.REVENUE)) == (usd("1"), ZERO)
    assert desk.events() == []
    assert desk.totals() == [(START, 0, 0)]
    assert books.all(sa.select(H.state)) == [("released",)]
    assert desk.is_consistent()


def test_a_settled_call_is_neither_settled_again_nor_given_back(books: Books) -> None:
    desk = Desk(books)
    grant = books.grant("1")
    call = desk.call()
    desk.reserve(call)
    desk.settle(call)
    assert desk.settle(call) is None
    assert not desk.release(call)
    assert books.left(grant) == usd("0.98")
    assert desk.is_consistent()


def test_a_key_may_be_used_again_after_its_call_failed_and_is_paid_once(books: Books) -> None:
    desk = Desk(books)
    grant = books.grant("1")
    call = desk.call()
    for _ in range(3):
        desk.reserve(call)
        desk.release(call)
    desk.reserve(call)
    assert books.left(grant) == usd("0.98")
    desk.settle(call)
    assert (books.left(grant), books.balance(AccountKind.REVENUE)) == (usd("0.98"), usd("0.02"))
    assert desk.is_consistent()


def test_a_repeat_is_the_same_call_before_and_after_its_answer(books: Books) -> None:
    desk = Desk(books)
    books.grant("1")
    call = desk.call()
    desk.reserve(call)
    with pytest.raises(errors.RequestInProgress):
        desk.reserve(call)
    desk.settle(call)
    with pytest.raises(errors.RequestInProgress):
        desk.reserve(replace(call, at=MONTH))
    assert desk.totals() == [(START, 1, 20_000)]
    assert desk.is_consistent()


def test_a_wallet_pays_exactly_what_is_in_it_and_then_says_what_is_missing(books: Books) -> None:
    desk = Desk(books)
    grant = books.grant("0.05")
    assert desk.answered(2) == [usd("0.02")] * 2
    with pytest.raises(errors.InsufficientCredit) as caught:
        desk.reserve()
    assert caught.value.params == {"balance": 10_000, "price": 20_000, "currency": "USD"}
    assert books.left(grant) == usd("0.01")
    books.grant("0.01")
    assert desk.answered(1) == [usd("0.02")]
    assert books.balance() == ZERO
    assert desk.totals() == [(START, 3, 60_000)]
    assert desk.is_consistent()


def test_credit_pays_in_burn_order_and_comes_back_to_where_it_came_from(books: Books) -> None:
    desk = Desk(books)
    paid_credit = books.grant("1")
    promotional = books.grant("0.01", GrantKind.PROMOTIONAL)
    call = desk.call()
    desk.reserve(call)
    assert (books.left(promotional), books.left(paid_credit)) == (ZERO, usd("0.99"))
    shares = [[promotional, "promotional", 10_000], [paid_credit, "paid", 10_000]]
    assert books.all(sa.select(H.shares)) == [(shares,)]
    desk.release(call)
    assert (books.left(promotional), books.left(paid_credit)) == (usd("0.01"), usd("1"))


def test_credit_does_not_pay_from_its_expiry_on(books: Books) -> None:
    desk = Desk(books)
    books.grant("1", expires_at=at(hours=1))
    desk.reserve(desk.call(at=at(minutes=59)))
    with pytest.raises(errors.InsufficientCredit):
        desk.reserve(desk.call(at=at(hours=1)))


# ---- postpaid, included, throttled


def test_afterwards_is_only_paid_what_the_wallet_cannot_pay_whole(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    grant = books.grant("0.03")
    assert [desk.reserve().paid_from for _ in range(3)] == ["wallet", "invoice", "invoice"]
    assert books.left(grant) == usd("0.01")
    assert [kind for kind, _ in books.due()] == ["hold_expires"] * 3


def test_a_call_on_the_invoice_moves_no_money(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    kept, failed = desk.call(), desk.call()
    desk.reserve(kept)
    desk.reserve(failed)
    assert desk.settle(kept) == usd("0.02")
    assert desk.release(failed)
    assert books.all(sa.select(mm.LedgerTransfer.key)) == []
    assert desk.events() == [(kept.id, "settled", 20_000)]
    assert desk.is_consistent()


def test_included_calls_are_free_to_the_last_one(books: Books) -> None:
    desk = Desk(books, plan(included_calls=3))
    books.grant("0.04")
    assert desk.answered(5) == [ZERO, ZERO, ZERO, usd("0.02"), usd("0.02")]
    assert [row[0] for row in desk.events(E.paid_from)] == ["included"] * 3 + ["wallet"] * 2
    assert desk.is_consistent()


def test_a_quantity_multiplies_what_is_included(books: Books) -> None:
    desk = Desk(books, plan(included_calls=2), quantity=2, postpaid=True)
    assert desk.answered(5)[3:] == [ZERO, usd("0.02")]


def test_each_agent_has_an_allowance_of_its_own(books: Books) -> None:
    desk = Desk(books, plan(included_calls=1), agents=2, postpaid=True)
    assert [desk.answered(2, agent=agent) for agent in desk.agents] == [[ZERO, usd("0.02")]] * 2


def test_a_plan_that_throttles_refuses_what_is_beyond(books: Books) -> None:
    desk = Desk(books, plan(included_calls=2, overage_policy=OveragePolicy.THROTTLE))
    assert desk.answered(2) == [ZERO, ZERO]
    with pytest.raises(errors.LimitReached) as caught:
        desk.reserve()
    assert caught.value.params == {"limit": "plan", "included": 2, "left": 0, "reason": "included_used_up"}
    assert desk.totals() == [(START, 2, 0)]
    desk.reserve(desk.call(at=MONTH))
    assert desk.totals() == [(START, 2, 0), (MONTH, 1, 0)]


def test_unlimited_calls_cost_nothing(books: Books) -> None:
    desk = Desk(books, plan(included_calls=None))
    assert desk.answered(3) == [ZERO] * 3


def test_fractions_of_a_cent_are_kept(books: Books) -> None:
    desk = Desk(books, plan(overage=Rate.parse("0.0085")))
    grant = books.grant("1")
    desk.answered(3)
    assert books.left(grant) == usd("0.9745")


# ---- months


def test_a_month_begins_at_its_instant(books: Books) -> None:
    desk = Desk(books, plan(included_calls=1), postpaid=True)
    last = MONTH - timedelta(microseconds=1)
    assert desk.answered(1, last) == [ZERO]
    assert desk.answered(1, last) == [usd("0.02")]
    assert desk.answered(2, MONTH) == [ZERO, usd("0.02")]
    assert desk.totals() == [(START, 2, 20_000), (MONTH, 2, 20_000)]


def test_a_call_that_fails_later_is_taken_from_the_month_it_was_made_in(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    early = desk.call(at=MONTH - timedelta(seconds=1))
    desk.reserve(early)
    desk.answered(1, MONTH)
    desk.release(early, MONTH + timedelta(seconds=1))
    assert desk.totals() == [(START, 0, 0), (MONTH, 1, 20_000)]


def test_calls_used_stay_used_when_months_are_counted_anew(books: Books) -> None:
    desk = Desk(books, plan(included_calls=3), postpaid=True)
    desk.answered(4)
    changed = at(days=10)

    def change(connection: sa.Connection) -> None:
        before = desk.row(connection)
        connection.execute(sa.update(mm.SubscriptionRow).values(anchor_at=changed))
        months.carry(connection, before, desk.row(connection), changed, changed)

    books.do(change)
    assert desk.totals() == [(START, 0, 20_000), (changed, 4, 0)]
    assert desk.answered(1, changed) == [usd("0.02")]
    books.do(change)  # the months are the same now
    assert desk.totals() == [(START, 0, 20_000), (changed, 5, 20_000)]
    assert desk.is_consistent()


def test_costs_are_in_the_month_their_calls_lie_in(books: Books) -> None:
    """The end of a pause counts the months from an anchor behind or before the calls that were made."""
    desk = Desk(books, postpaid=True)
    desk.answered(1)
    desk.answered(2, at(days=7))

    def count_from(anchor: datetime, now: datetime) -> None:
        def change(connection: sa.Connection) -> None:
            before = desk.row(connection)
            connection.execute(sa.update(mm.SubscriptionRow).values(anchor_at=anchor))
            months.carry(connection, before, desk.row(connection), now, now)

        books.do(change)

    count_from(at(days=5), at(days=10))
    assert desk.totals() == [(START, 0, 20_000), (at(days=5), 3, 40_000)]
    desk.answered(1, at(days=11))
    count_from(at(days=7), at(days=12))
    assert desk.totals() == [(START, 0, 20_000), (at(days=5), 0, 0), (at(days=7), 4, 60_000)]
    count_from(START, at(days=13))
    assert desk.totals() == [(START, 4, 80_000), (at(days=5), 0, 0), (at(days=7), 0, 0)]
    assert desk.is_consistent()


def test_a_call_under_way_while_months_are_counted_anew_is_given_back_once(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    call, moved = desk.call(at=at(days=10)), at(days=10, seconds=1)
    desk.reserve(call)
    desk.change(anchor_at=moved)
    books.do(lambda connection: connection.execute(sa.update(T).values(period_start=moved)))
    desk.release(call, at(days=10, seconds=2))
    assert desk.totals() == [(moved, 0, 0)]


# ---- states


@pytest.mark.parametrize("state", [SubscriptionState.PAUSED, SubscriptionState.CANCELED])
def test_what_is_paused_or_over_serves_nobody(books: Books, state: SubscriptionState) -> None:
    desk = Desk(books, postpaid=True)
    desk.change(state=state.value)
    with pytest.raises(errors.WrongState) as caught:
        desk.reserve()
    assert caught.value.params == {"state": state.value}
    assert desk.totals() == []


@pytest.mark.parametrize("state", [SubscriptionState.TRIALING, SubscriptionState.PAST_DUE])
def test_a_trial_and_a_failed_payment_still_serve(books: Books, state: SubscriptionState) -> None:
    desk = Desk(books, postpaid=True)
    desk.change(state=state.value)
    assert desk.reserve().paid_from == "invoice"


def test_what_is_suspended_names_the_invoice_to_pay(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    desk.change(state=SubscriptionState.SUSPENDED.value, unpaid_invoice_uuid="i1")
    with pytest.raises(errors.SubscriptionSuspended) as caught:
        desk.reserve()
    assert caught.value.params == {"invoice_uuid": "i1"}


def test_an_agent_of_no_subscription_is_not_found(books: Books) -> None:
    desk = Desk(books)
    with pytest.raises(errors.NotFound):
        desk.reserve(replace(desk.call(), resource_uuid="nobody"))


def test_a_call_under_way_is_settled_although_the_subscription_is_over_meanwhile(books: Books) -> None:
    desk = Desk(books)
    books.grant("1")
    call = desk.call()
    desk.reserve(call)
    desk.change(state=SubscriptionState.CANCELED.value)
    assert desk.settle(call) == usd("0.02")
    assert desk.is_consistent()


# ---- the price tag before a call


def test_the_price_tag_says_what_the_next_call_does(books: Books) -> None:
    desk = Desk(books, plan(included_calls=1))
    assert look(desk) == (ZERO, "included")
    assert look(desk, 1) == (usd("0.02"), "nothing")
    books.grant("0.0199", GrantKind.PROMOTIONAL)
    assert look(desk, 1) == (usd("0.02"), "nothing")
    books.grant("0.0001", GrantKind.PROMOTIONAL)
    assert look(desk, 1) == (usd("0.02"), "wallet")
    desk.change(usage_payment="postpaid")
    assert look(desk, 1) == (usd("0.02"), "wallet")
    desk.reserve(desk.call())
    desk.reserve(desk.call())
    assert look(desk, 2) == (usd("0.02"), "invoice")
    desk.change(state=SubscriptionState.SUSPENDED.value)
    assert look(desk, 2) == (usd("0.02"), "nothing")


def test_nothing_pays_for_what_a_plan_refuses(books: Books) -> None:
    desk = Desk(books, plan(included_calls=1, overage_policy=OveragePolicy.THROTTLE), postpaid=True)
    books.grant("1")
    assert look(desk) == (ZERO, "included")
    assert look(desk, 1) == (ZERO, "nothing")


# ---- calls nobody waits for any more


def test_a_hold_is_released_five_minutes_on_and_not_before(books: Books) -> None:
    desk = Desk(books)
    grant = books.grant("1")
    desk.reserve(desk.call())
    assert books.due() == [("hold_expires", START + HELD_FOR)]
    assert desk.run_due(START + HELD_FOR - timedelta(microseconds=1)) == 0
    assert books.left(grant) == usd("0.98")
    assert desk.run_due(START + HELD_FOR) == 1
    assert (books.left(grant), desk.events(), desk.totals()) == (usd("1"), [], [(START, 0, 0)])
    assert books.due() == []
    assert desk.is_consistent()


@pytest.mark.parametrize("postpaid", [True, False])
def test_a_settled_call_has_nothing_left_to_expire(books: Books, postpaid: bool) -> None:
    desk = Desk(books, postpaid=postpaid)
    books.grant("1")
    desk.answered(1)
    assert books.due() == []
    assert desk.run_due(at(days=1)) == 0
    assert [row[1] for row in desk.events()] == ["settled"]


def test_a_key_that_expired_can_be_held_again(books: Books) -> None:
    desk = Desk(books)
    books.grant("1")
    call = desk.call()
    desk.reserve(call)
    desk.run_due(at(minutes=5))
    later = replace(call, at=at(minutes=6))
    desk.reserve(later)
    assert books.due() == [("hold_expires", at(minutes=11))]
    desk.run_due(at(minutes=11))
    assert (books.balance(), desk.events()) == (usd("1"), [])


def test_calls_of_a_dead_process_are_taken_back_also_those_of_a_wrong_clock(books: Books) -> None:
    desk = Desk(books)
    grant = books.grant("1")
    late, early, fresh = desk.call("a"), desk.call("b", at(days=400)), desk.call("c", at(minutes=4))
    for call in (late, early, fresh):
        desk.reserve(call)
    books.run(reservations.release_stale(desk.core, at(minutes=5)))
    assert [row[0] for row in desk.events()] == [fresh.id]
    assert books.left(grant) == usd("0.98")


# ---- whatever happens


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["answered", "failed", "lost", "told", "test", "again"]), st.integers(0, 90), st.integers(0, 1)
    ),
    max_size=12,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_totals_and_rollups_are_the_sums_of_the_events(furnished: Desk, steps: list[tuple[str, int, int]]) -> None:
    desk = furnished
    for what, days, number in steps:
        moment, agent = at(days=days, hours=days % 7), desk.agents[number]
        if what in ("told", "test"):
            desk.told(moment, agent=agent, purpose="test" if what == "test" else "chat")
            continue
        call = desk.call(at=moment, agent=agent)
        desk.reserve(call)
        if what == "lost":
            desk.run_due(moment + HELD_FOR)
        elif what == "failed":
            desk.release(call, moment)
        else:
            desk.settle(call, moment)
        if what == "again":
            with pytest.raises(errors.RequestInProgress):
                desk.reserve(call)
    assert desk.is_consistent()


@pytest.fixture
def furnished(books: Books) -> Desk:
    """Two agents, a wallet for some of their calls, an invoice for the others; the examples follow each other."""
    desk = Desk(books, plan(included_calls=2), postpaid=True, agents=2)
    books.core.clock.advance(days=100)  # type: ignore[attr-defined] # a clock of the tests
    books.grant("0.15")
    return desk
