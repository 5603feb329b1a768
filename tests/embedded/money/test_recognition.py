"""Fees paid in advance are earned by the time served, exactly, however often and late somebody looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import Money
from services.db import money_models as mm
from services.domain.ledger import AccountKind
from services.domain.periods import Period
from services.embedded.money import due, recognition
from services.embedded.money.duties import DUTIES
from services.embedded.money.recognition import Deferred, next_month
from tests.contract.embedded import START
from tests.embedded.money.books import ZERO, Books, at, usd
from tests.embedded.money.papers import MONTH, fee, issued

DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
YEAR = Period(START, START.replace(year=2027))
A_DAY = timedelta(days=1)


def run_until(books: Books, moment: datetime) -> None:
    """Time goes on."""
    books.core.clock.at = moment  # type: ignore[attr-defined] # a FakeClock
    books.run(due.run_due(books.core, DUTIES, moment))


def earned(books: Books) -> Money:
    return books.balance(AccountKind.REVENUE)


def deferred(books: Books) -> Money:
    return books.balance(AccountKind.DEFERRED_REVENUE)


def line_of(books: Books, uuid: str) -> str:
    """The uuid of an invoice's first line."""
    rows = books.all(sa.select(mm.InvoiceLineRow.uuid).where(mm.InvoiceLineRow.invoice_uuid == uuid))
    return str(rows[0][0])


def test_a_month_is_earned_at_its_months_end_and_at_its_own(books: Books) -> None:
    """From 22 November, 09:30, thirty days: 8 days 14.5 hours of them in November."""
    issued(books, fee("30"))
    assert books.due() == [("recognise", DECEMBER)]
    run_until(books, DECEMBER - timedelta(microseconds=1))
    assert (earned(books), deferred(books)) == (ZERO, usd("30"))
    run_until(books, DECEMBER)
    assert (earned(books), deferred(books)) == (usd("8.604167"), usd("21.395833"))
    assert books.due() == [("recognise", MONTH.end)]
    run_until(books, MONTH.end)
    assert (earned(books), deferred(books)) == (usd("30"), ZERO)
    assert books.due() == []


def test_a_year_is_earned_month_by_month(books: Books) -> None:
    issued(books, fee("990"), period=YEAR)
    for month in range(12):
        before = earned(books)
        run_until(books, next_month(DECEMBER + month * timedelta(days=31) - A_DAY))
        assert earned(books) > before
    run_until(books, YEAR.end)
    assert (earned(books), deferred(books)) == (usd("990"), ZERO)


def test_one_look_or_many_end_the_same(books: Books) -> None:
    issued(books, fee("990"), period=YEAR)
    run_until(books, YEAR.end)
    first = books.all(sa.select(mm.LedgerTransfer.key, mm.LedgerTransfer.at).order_by(mm.LedgerTransfer.seq))
    assert len(first) == 1 + 13
    assert earned(books) == usd("990")
    run_until(books, YEAR.end + A_DAY)
    assert books.all(sa.select(mm.LedgerTransfer.key, mm.LedgerTransfer.at).order_by(mm.LedgerTransfer.seq)) == first


def test_unused_time_takes_back_what_the_old_fee_goes_on_earning(books: Books) -> None:
    issued(books, fee("30"))
    rest = Period(at(days=15), MONTH.end)
    lines = fee("-15", "old", kind="proration_credit"), fee("50", "new", kind="proration_charge")
    issued(books, *lines, moment=rest.start, period=rest)
    run_until(books, MONTH.end)
    assert (earned(books), deferred(books)) == (usd("65"), ZERO)


def test_what_is_not_earned_yet_can_be_taken_back(books: Books) -> None:
    line = line_of(books, issued(books, fee("30")))

    def half_way(connection: sa.Connection) -> Money | None:
        return recognition.catch_up(books.core, connection, line, books.organization, at(days=15))

    assert books.do(half_way) == usd("15")
    assert (earned(books), deferred(books)) == (usd("15"), usd("15"))
    assert books.do(half_way) == usd("15")
    books.do(lambda connection: recognition.take_back(connection, line, books.organization, usd("5")))
    run_until(books, MONTH.end)
    assert (earned(books), deferred(books)) == (usd("25"), usd("5"))  # those five are for a credit note to book


def test_nothing_is_taken_back_once_all_is_earned(books: Books) -> None:
    line = line_of(books, issued(books, fee("30")))
    run_until(books, MONTH.end)
    assert books.do(
        lambda connection: recognition.catch_up(books.core, connection, line, books.organization, MONTH.end)
    ) is None  # fmt: skip
    with pytest.raises(ValueError, match="nothing of this line"):
        books.do(lambda connection: recognition.take_back(connection, line, books.organization, usd("1")))


def test_a_boundary_that_was_passed_already_earns_nothing_more(books: Books) -> None:
    line = line_of(books, issued(books, fee("30")))
    run_until(books, MONTH.end)
    item = due.Due("recognise:again", "recognise", line, books.organization, at(days=31), {})
    books.do(lambda connection: recognition.on_recognise(books.core, connection, item))
    assert earned(books) == usd("30")


def test_the_next_month_begins_on_the_first() -> None:
    assert next_month(datetime(2026, 12, 1, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)
    assert next_month(datetime(2026, 1, 31, 23, 59, tzinfo=UTC)) == datetime(2026, 2, 1, tzinfo=UTC)


MICROS = st.integers(-(10**12), 10**12)
SECONDS = st.integers(0, 10**8)


@given(MICROS, SECONDS, SECONDS, st.integers(1, 10**8))
def test_parts_of_time_earn_all_of_it_and_no_more(micros: int, first: int, second: int, length: int) -> None:
    state = Deferred("line", "organization", Money(micros), START, START + timedelta(seconds=length))
    early, late = sorted((START + timedelta(seconds=first), START + timedelta(seconds=second)))
    one, two = state.earned(early), state.after(early).earned(late)
    assert state.after(early).after(late).left == Money(micros) - one - two
    assert abs((state.earned(late) - one - two).micros) <= 1
    assert one.micros * micros >= 0
    assert abs(one.micros) <= abs(micros)
    if late >= state.until:
        assert one + two == Money(micros)


def test_nothing_is_earned_before_it_begins() -> None:
    state = Deferred("line", "organization", usd("1"), START, at(days=1))
    assert state.earned(START) == state.earned(at(days=-1)) == ZERO
    assert state.earned(at(hours=12)) == usd("0.5")


def test_a_boundary_that_rings_after_somebody_looked_later_changes_nothing() -> None:
    state = Deferred("line", "organization", usd("1"), START, at(days=1))
    half, whole = state.after(at(hours=12)), state.after(at(days=2))
    assert (half.earned(at(hours=6)), half.after(at(hours=6))) == (ZERO, half)
    assert (whole.earned(at(hours=6)), whole.after(at(hours=6))) == (ZERO, whole)
