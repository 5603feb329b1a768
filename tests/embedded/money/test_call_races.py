"""Calls at the same instant: nobody spends what is not there, and each call is counted, priced and ended once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.types import OveragePolicy
from services.domain.ledger import Account, AccountKind
from services.domain.wallet import GrantKind
from services.embedded.money import reservations
from services.embedded.money.ledger import BelowFloor
from tests.contract.embedded import START
from tests.embedded.money.books import Books, usd
from tests.embedded.money.desk import Desk, paid, plan


def test_thirty_two_callers_never_spend_more_than_there_is(books: Books) -> None:
    desk = Desk(books)
    books.grant("0.30")
    books.grant("0.05", GrantKind.PROMOTIONAL)
    books.grant("0.02", GrantKind.PROMOTIONAL)
    outcomes = books.run(desk.answer_at_once(desk.call(f"k{n:02}") for n in range(32)))
    assert Counter(outcomes) == {"wallet": 18, "insufficient_credit": 14}
    assert (books.balance(), books.balance(AccountKind.REVENUE)) == (usd("0.01"), usd("0.36"))
    assert desk.is_consistent()


def test_thirty_two_callers_get_exactly_what_is_included(books: Books) -> None:
    desk = Desk(books, plan(included_calls=20, overage_policy=OveragePolicy.THROTTLE))
    outcomes = books.run(desk.answer_at_once(desk.call(f"k{n:02}") for n in range(32)))
    assert Counter(outcomes) == {"included": 20, "limit_reached": 12}
    assert desk.totals() == [(START, 20, 0)]


def test_calls_that_fail_among_others_leave_their_credit_to_them(books: Books) -> None:
    desk = Desk(books, agents=3)
    books.grant("10")
    calls = [desk.call(f"k{n:02}", agent=desk.agents[n % 3]) for n in range(32)]
    outcomes = books.run(desk.answer_at_once(calls, fails=lambda n: n % 4 == 0))
    assert Counter(outcomes) == {"wallet": 24, "failed": 8}
    assert books.balance() == usd("10") - paid("0.02", 24)
    assert desk.is_consistent()


def test_one_call_sent_by_eight_at_once_is_one_call(books: Books) -> None:
    desk = Desk(books)
    books.grant("10")
    outcomes = books.run(desk.answer_at_once([desk.call("same")] * 8))
    assert Counter(outcomes) == {"wallet": 1, "request_in_progress": 7}
    assert books.balance() == usd("9.98")


def test_a_call_is_settled_or_given_back_and_never_both(books: Books) -> None:
    desk = Desk(books)
    books.grant("1")
    call = desk.call()
    desk.reserve(call)

    async def both() -> list[bool]:
        def settle(connection: sa.Connection) -> bool:
            return reservations.settle(desk.core, connection, call.source, call.id, call.at) is not None

        def release(connection: sa.Connection) -> bool:
            return reservations.release(desk.core, connection, call.source, call.id, call.at)

        work = [desk.core.db.run(one) for one in (settle, release) * 8]
        return list(await asyncio.gather(*work))

    assert Counter(books.run(both())) == {True: 1, False: 15}
    assert books.balance() + books.balance(AccountKind.REVENUE) == usd("1")
    assert desk.is_consistent()


def test_credit_that_is_always_gone_again_is_a_busy_database(books: Books) -> None:
    tried = []

    def never(_connection: sa.Connection) -> None:
        tried.append(1)
        raise BelowFloor(Account(books.organization, AccountKind.WALLET_PAID, "USD", "g"))

    with pytest.raises(errors.DatabaseBusy):
        books.run(reservations.retrying(books.core, never))
    assert len(tried) == reservations.RACES_MAX
