"""What calls put on an invoice: itemised, summed exactly, billed once; late ones as what they add."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money, Rate
from services.db import models as m
from services.domain.invoicing import Item, compose
from services.embedded.money import months, usage
from services.embedded.money.usage import Billable
from tests.contract.embedded import START
from tests.embedded.money.books import ZERO, Books, at, usd
from tests.embedded.money.desk import Desk, E, plan

MONTH = datetime(2026, 12, 22, 9, 30, tzinfo=START.tzinfo)  # one after the start
NEXT = datetime(2027, 1, 22, 9, 30, tzinfo=START.tzinfo)
Row = tuple[str, str, Money, Decimal]


def billable(desk: Desk, until: datetime = MONTH, invoice: str = "") -> Billable:
    return desk.books.do(lambda connection: usage.billable(connection, desk.row(connection), until, invoice))


def bill(desk: Desk, invoice: str, until: datetime = MONTH) -> Billable:
    """What an invoice of this name asks for, and it is billed."""
    found = billable(desk, until, invoice)
    desk.books.do(lambda connection: usage.mark_billed(connection, desk.row(connection), until, invoice))
    return found


def rows(found: Billable) -> list[Row]:
    """Kind, code, amount and quantity of each item."""
    return [(one.kind, str(one.params.get("code", "")), one.amount, one.quantity) for one in found.items]


def asked(items: tuple[Item, ...]) -> Money:
    """The total of an invoice with these items."""
    return compose(items, currency="USD").total


def later(desk: Desk, moment: datetime = NEXT) -> None:
    """The clock stands there, so that calls before it can be told."""
    desk.core.clock.at = moment  # type: ignore[attr-defined] # a clock of the tests


# ---- one month


def test_nothing_was_called(books: Books) -> None:
    found = billable(Desk(books))
    assert (found.items, dict(found.periods), found.is_due) == ((), {}, False)


def test_included_calls_alone_make_no_invoice(books: Books) -> None:
    desk = Desk(books, plan(included_calls=5))
    desk.answered(2)
    found = billable(desk)
    assert rows(found) == [("usage", "", ZERO, Decimal(2)), ("tier", "included", ZERO, Decimal(2))]
    assert not found.is_due


def test_calls_are_itemised_by_what_they_cost(books: Books) -> None:
    desk = Desk(books, plan(included_calls=3), postpaid=True)
    desk.answered(5)
    found = billable(desk)
    assert rows(found) == [
        ("usage", "", usd("0.04"), Decimal(5)),
        ("tier", "included", ZERO, Decimal(3)),
        ("tier", "per_unit", usd("0.04"), Decimal(2)),
    ]
    whole, included, beyond = found.items
    assert whole.params == {
        "name": "Agent 1", "used": 5, "included": 3, "over": 2, "unit": "0.02", "per": 1
    }  # fmt: skip
    assert (included.parent, beyond.parent) == (whole.id, whole.id)
    assert beyond.params == {"name": "Agent 1", "code": "per_unit", "unit": "0.02", "per": 1}
    assert (included.unit, beyond.unit) == (Rate(0), Rate(20_000))
    assert {(one.subscription, one.resource, one.is_discountable) for one in found.items} == {
        (desk.subscription, desk.agent_uuid, False)
    }
    month = books.do(lambda connection: months.month_of(desk.row(connection), START))
    assert found.periods == {one.id: month for one in found.items}
    assert found.is_due


def test_a_quantity_multiplies_the_allowance_that_is_told(books: Books) -> None:
    desk = Desk(books, plan(included_calls=3), postpaid=True, quantity=2)
    desk.answered(1)
    assert billable(desk).items[0].params["included"] == 6


def test_unlimited_calls_have_no_allowance(books: Books) -> None:
    desk = Desk(books, plan(included_calls=None))
    desk.answered(1)
    assert billable(desk).items[0].params["included"] is None


def test_what_the_wallet_has_paid_is_taken_off(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    books.grant("0.05")
    desk.answered(4)
    found = billable(desk)
    assert rows(found) == [
        ("usage", "", usd("0.08"), Decimal(4)),
        ("tier", "per_unit", usd("0.08"), Decimal(4)),
        ("usage_paid", "", usd("-0.04"), Decimal(1)),
    ]
    assert found.items[-1].params == {"name": "Agent 1", "paid_micros": 40_000}
    assert asked(found.items) == usd("0.04")


def test_what_was_paid_whole_asks_for_nothing_and_still_stands_there(books: Books) -> None:
    desk = Desk(books)
    books.grant("1")
    desk.answered(3)
    found = billable(desk)
    assert asked(found.items) == ZERO
    assert found.is_due


def test_fractions_of_a_cent_are_rounded_once_with_what_is_paid(books: Books) -> None:
    """5 calls at $0.008 cost $0.04, of which the wallet paid $0.024: $0.016 is left, two cents."""
    desk = Desk(books, plan(overage=Rate.parse("0.008")), postpaid=True)
    books.grant("0.03")
    desk.answered(5)
    found = billable(desk)
    assert [one.amount for one in found.items] == [usd("0.04"), usd("0.04"), usd("-0.02")]
    assert asked(found.items) == usd("0.02")


def test_half_a_cent_rounds_up(books: Books) -> None:
    desk = Desk(books, plan(overage=Rate.parse("0.005")), postpaid=True)
    desk.answered(1)
    assert asked(billable(desk).items) == usd("0.01")


def test_each_agent_and_each_month_has_its_line(books: Books) -> None:
    desk = Desk(books, postpaid=True, agents=2)
    desk.answered(1, START)
    desk.answered(2, MONTH, agent=desk.agents[1])
    desk.answered(3, MONTH)
    found = billable(desk, NEXT)
    lines = [(one.resource, found.periods[one.id].start, one.amount) for one in found.items if one.kind == "usage"]
    assert lines == [
        (desk.agents[0], START, usd("0.02")),
        (desk.agents[0], MONTH, usd("0.06")),
        (desk.agents[1], MONTH, usd("0.04")),
    ]
    assert asked(found.items) == usd("0.12")


def test_a_price_that_changed_within_a_month_is_told_twice(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    desk.answered(2)
    desk.change(terms=_terms(desk, 8_000))
    desk.answered(3)
    assert [(one.unit, one.quantity) for one in billable(desk).items[1:]] == [
        (Rate(8_000), Decimal(3)),
        (Rate(20_000), Decimal(2)),
    ]


def _terms(desk: Desk, overage: int) -> dict[str, object]:
    terms = desk.books.do(lambda connection: desk.row(connection).terms)
    return {**terms, "overage_micros": overage}


def test_calls_under_way_test_calls_and_those_from_the_end_on_do_not_count(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    later(desk)
    desk.answered(1, MONTH - timedelta(microseconds=1))
    desk.answered(1, MONTH)
    desk.reserve()
    desk.told(START, purpose="test")
    assert asked(billable(desk).items) == usd("0.02")


# ---- billed once


def test_calls_are_billed_once(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    desk.answered(3)
    first = bill(desk, "i1")
    assert asked(first.items) == usd("0.06")
    assert billable(desk).items == ()
    assert billable(desk, invoice="i1") == first
    desk.answered(1, MONTH)
    assert asked(bill(desk, "i2", NEXT).items) == usd("0.02")
    assert books.all(sa.select(E.invoice_uuid, sa.func.count()).group_by(E.invoice_uuid).order_by(E.invoice_uuid)) == [
        ("i1", 3), ("i2", 1)
    ]  # fmt: skip


def test_another_subscription_is_not_billed(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    desk.answered(3)
    nobody = SimpleNamespace(order_uuid="another", uuid="s", currency="USD", anchor_at=START, zone="UTC")

    def work(connection: Connection) -> Billable:
        usage.mark_billed(connection, nobody, MONTH, "i1")
        return usage.billable(connection, nobody, MONTH)

    assert books.do(work).items == ()
    assert asked(billable(desk).items) == usd("0.06")


# ---- late calls


def test_calls_told_before_the_invoice_is_final_join_it(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    desk.answered(3)
    bill(desk, "i1")
    later(desk)
    desk.told(START, START)
    found = bill(desk, "i1")
    assert rows(found)[0] == ("usage", "", usd("0.10"), Decimal(5))
    assert billable(desk).items == ()


def test_calls_told_later_are_a_line_of_their_own_on_the_next_invoice(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    desk.answered(3, at(days=9))
    bill(desk, "i1")
    later(desk)
    desk.told(at(days=8), at(days=8))
    desk.answered(1, MONTH)
    found = bill(desk, "i2", NEXT)
    assert [(one.kind, found.periods[one.id].start, one.amount) for one in found.items if not one.parent] == [
        ("late_usage", START, usd("0.04")),
        ("usage", MONTH, usd("0.02")),
    ]


def test_a_call_after_the_last_billed_one_is_not_late(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    desk.answered(1, at(days=9))
    bill(desk, "i1", at(days=10))
    desk.answered(1, at(days=11))
    assert billable(desk).items[0].kind == "usage"


def test_old_and_late_line_come_to_what_one_line_would_have_said(books: Books) -> None:
    """Three times $0.004 is $0.012, one cent: the first invoice rounded $0.008 to that already."""
    desk = Desk(books, plan(overage=Rate.parse("0.004")), postpaid=True)
    desk.answered(2, at(days=2))
    first = asked(bill(desk, "i1").items)
    later(desk)
    desk.told(at(days=1))
    found = bill(desk, "i2", NEXT)
    assert (first, asked(found.items)) == (usd("0.01"), ZERO)
    assert [(one.kind, one.amount) for one in found.items] == [
        ("late_usage", ZERO),
        ("tier", usd("0.004")),
        ("rounding", usd("-0.004")),
    ]


def test_late_calls_settle_with_what_the_wallet_paid_before(books: Books) -> None:
    """Before: $0.016, the wallet paid $0.008 of it: $0.01 asked. One more call at $0.008: $0.024 - $0.008 = $0.016,
    two cents in all, so one more."""
    desk = Desk(books, plan(overage=Rate.parse("0.008")), postpaid=True)
    books.grant("0.01")
    desk.answered(2, at(days=2))
    first = asked(bill(desk, "i1").items)
    later(desk)
    desk.told(at(days=1))
    found = bill(desk, "i2", NEXT)
    assert (first, asked(found.items)) == (usd("0.01"), usd("0.01"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_however_calls_are_cut_into_invoices_their_sum_is_that_of_one(written: Desk, data: st.DataObject) -> None:
    """`written` has calls at fractions of a cent, some paid by the wallet; each example bills other portions."""
    desk = written
    desk.books.do(lambda connection: connection.execute(sa.update(E).values(invoice_uuid="")))
    whole = asked(billable(desk).items)
    ids = sorted(row[0] for row in desk.events(E.id))
    total, number = ZERO, 0
    left = data.draw(st.permutations(ids))
    while left:
        portion, left = left[: (size := data.draw(st.integers(1, len(left))))], left[size:]
        number += 1
        _hide(desk, portion)
        total += asked(bill(desk, f"i{number}").items)
        _show(desk)
    assert abs((total - whole).micros) <= 10_000 * number  # each invoice rounds; what came late is exact
    assert billable(desk).items == ()


def _hide(desk: Desk, shown: list[str]) -> None:
    """Only these are known yet."""
    hidden = sa.update(E).where(E.id.not_in(shown), E.invoice_uuid == "").values(state="unknown")
    desk.books.do(lambda connection: connection.execute(hidden))


def _show(desk: Desk) -> None:
    desk.books.do(lambda connection: connection.execute(sa.update(E).values(state="settled")))


@pytest.fixture
def written(books: Books) -> Desk:
    """Twelve calls of one month."""
    desk = Desk(books, plan(overage=Rate.parse("0.0035")), postpaid=True)
    books.grant("0.02")
    for day in range(12):
        desk.answered(1, at(days=day))
    return desk


# ---- calls told afterwards


def test_a_call_told_twice_is_one_call(books: Books) -> None:
    desk = Desk(books, plan(included_calls=1), postpaid=True)
    later(desk, at(days=2))
    assert desk.told(START, START, id="same") == 1
    assert desk.told(at(days=1), id="same") == 0
    assert desk.told(START, id="same", source="other") == 1
    assert desk.events(E.source, E.cost_micros, E.paid_from, E.recorded_at) == [
        ("meter", 0, "included", at(days=2)), ("other", 20_000, "invoice", at(days=2))
    ]  # fmt: skip
    assert desk.totals() == [(START, 2, 20_000)]
    assert desk.is_consistent()


def test_a_test_call_costs_nothing_and_says_what_it_would_have_cost(books: Books) -> None:
    desk = Desk(books, plan(included_calls=1), postpaid=True)
    desk.told(START, purpose="test")
    desk.answered(1)
    desk.told(START, purpose="test")
    assert desk.events(E.source, E.cost_micros, E.would_cost_micros, E.paid_from) == [
        ("chat", 0, 0, "included"), ("meter", 0, 0, "test"), ("meter", 0, 20_000, "test")
    ]  # fmt: skip
    assert desk.totals() == [(START, 1, 0)]
    assert desk.is_consistent()


def test_calls_told_afterwards_are_priced_in_time_order_after_those_of_their_month(books: Books) -> None:
    desk = Desk(books, plan(included_calls=2), postpaid=True)
    later(desk)
    desk.answered(1)
    desk.told(at(days=3), at(days=1), MONTH)
    assert desk.events(E.at, E.cost_micros)[1:] == [(at(days=3), 20_000), (at(days=1), 0), (MONTH, 0)]
    assert desk.totals() == [(START, 3, 20_000), (MONTH, 1, 0)]


def test_neither_the_future_is_told_nor_a_time_before_the_subscription(books: Books) -> None:
    desk = Desk(books, postpaid=True)
    assert desk.told(START) == 1
    for moment in (at(microseconds=1), at(microseconds=-1)):
        with pytest.raises(errors.InvalidInput) as caught:
            desk.told(moment)
        assert caught.value.fields == {"at": "out_of_range"}
    with pytest.raises(errors.NotFound):
        desk.told(START, agent="nobody")
    assert [row[0] for row in books.all(sa.select(m.UsageEvent.at))] == [START]
