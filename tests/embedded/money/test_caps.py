"""Hard limits: nested, exact under any number of callers, and honest about what is left."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Actor
from services.api.money import Money
from services.api.types import CapLevel, CapWindow, SetCap
from services.db import models as m
from services.db import money_models as mm
from services.embedded.core import hashed
from services.embedded.money import caps, reservations
from services.embedded.money.limits import EmbeddedCaps
from tests.contract.embedded import START
from tests.embedded.money.books import ZERO, Books, at, usd
from tests.embedded.money.desk import Desk, look, plan

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
TOTALS = sa.select(mm.CapTotal.used_micros, mm.CapTotal.held_micros).order_by(
    mm.CapTotal.window_start, mm.CapTotal.used_micros
)


class Office(Desk):
    """A desk whose person is signed in and may set limits. Calls are put on the invoice."""

    def __init__(self, books: Books, *, postpaid: bool = True, agents: int = 1) -> None:
        super().__init__(books, plan(), postpaid=postpaid, agents=agents)
        self.area = EmbeddedCaps(self.core, Actor(session="token"))
        books.do(self._sign_in)

    def _sign_in(self, connection: sa.Connection) -> None:
        forever = START + timedelta(days=4000)
        connection.execute(
            sa.insert(m.SessionRow).values(
                token_hash=hashed("token"), user_uuid=self.person, created_at=START, expires_at=forever
            )
        )
        connection.execute(
            sa.insert(m.Membership).values(
                user_uuid=self.person, organization_uuid=self.books.organization, role="CUSTOMER.OWNER"
            )
        )

    def limit(
        self, text: str, level: CapLevel = CapLevel.ORGANIZATION, window: CapWindow = CapWindow.MONTH, scope: str = ""
    ) -> str:
        """Sets one; its uuid."""
        own = {
            CapLevel.ORGANIZATION: self.books.organization,
            CapLevel.PROJECT: self.project,
            CapLevel.KEY: self.agent_uuid,
        }
        wanted = SetCap(level, scope or own[level], window, usd(text))
        return self.books.run(self.area.set_cap(wanted)).uuid

    def refused(self, call: reservations.Call | None = None) -> dict[str, str | int | None]:
        """What the refusal of a call says."""
        with pytest.raises(errors.LimitReached) as caught:
            self.reserve(call)
        return caught.value.params

    def shown(self) -> list[tuple[str, str, Money, Money, Money]]:
        """Level, window, spent, held and left of each limit."""
        found = self.books.run(self.area.list_caps()).items
        return [(one.level.value, one.window.value, one.spent, one.held, one.left) for one in found]

    def clock_is(self, moment: datetime) -> None:
        self.core.clock.at = moment  # type: ignore[attr-defined] # a clock of the tests


# ---- taking room


def test_a_price_equal_to_what_is_left_fits_and_one_micro_less_does_not(books: Books) -> None:
    desk = Office(books)
    desk.limit("0.06")
    assert [desk.reserve().cost for _ in range(3)] == [usd("0.02")] * 3
    assert desk.refused() == {
        "limit": "organization", "window": "month", "price": 20_000, "currency": "USD", "left_organization": 0
    }  # fmt: skip
    books.do(lambda connection: connection.execute(sa.update(mm.SpendingCap).values(limit_micros=79_999)))
    assert desk.refused()["left_organization"] == 19_999
    books.do(lambda connection: connection.execute(sa.update(mm.SpendingCap).values(limit_micros=80_000)))
    desk.reserve()


def test_a_refused_call_takes_room_nowhere(books: Books) -> None:
    desk = Office(books)
    desk.limit("1")
    desk.limit("1", CapLevel.PROJECT)
    desk.limit("0.02", CapLevel.KEY)
    desk.answered(1)
    assert desk.refused() == {
        "limit": "key", "window": "month", "price": 20_000, "currency": "USD", "left_organization": 980_000,
        "left_project": 980_000, "left_key": 0,
    }  # fmt: skip
    assert books.all(TOTALS) == [(20_000, 0)] * 3
    assert len(desk.events()) == 1


def test_of_several_limits_the_tightest_is_named_and_of_one_level_the_least_is_left(books: Books) -> None:
    desk = Office(books)
    desk.limit("0.01", CapLevel.ORGANIZATION, CapWindow.DAY)
    desk.limit("5", CapLevel.ORGANIZATION, CapWindow.MONTH)
    desk.limit("0.005", CapLevel.PROJECT, CapWindow.LIFETIME)
    found = desk.refused()
    assert (found["limit"], found["window"]) == ("project", "lifetime")
    assert (found["left_organization"], found["left_project"]) == (10_000, 5_000)


def test_a_limit_of_nothing_refuses_what_costs_and_not_what_is_free(books: Books) -> None:
    desk = Office(books)
    desk.limit("0")
    assert desk.refused()["left_organization"] == 0
    desk.change(terms=desk_terms(desk, included=2))
    assert desk.answered(2) == [ZERO, ZERO]
    assert desk.refused()["limit"] == "organization"


def desk_terms(desk: Desk, included: int) -> dict[str, object]:
    """The agreed terms with so many calls included."""
    [(terms,)] = desk.books.all(sa.select(mm.SubscriptionRow.terms))
    return {**terms, "included": included}


def test_a_limit_is_for_its_own_scope(books: Books) -> None:
    desk = Office(books, agents=2)
    other = desk.new_project()
    elsewhere = desk.agent("Elsewhere", other)
    desk.limit("0.02", CapLevel.KEY)
    desk.limit("0.02", CapLevel.PROJECT, scope=other)
    for agent, project in ((desk.agents[0], desk.project), (elsewhere, other)):
        call = desk.call(agent=agent, project=project)
        desk.reserve(call)
        desk.settle(call)
        desk.refused(desk.call(agent=agent, project=project))
    assert desk.answered(3, agent=desk.agents[1]) == [usd("0.02")] * 3


def test_what_a_failed_call_held_is_free_again(books: Books) -> None:
    desk = Office(books)
    desk.limit("0.02")
    call = desk.call()
    desk.reserve(call)
    assert books.all(TOTALS) == [(20_000, 20_000)]
    assert desk.shown() == [("organization", "month", ZERO, usd("0.02"), ZERO)]
    desk.release(call)
    assert books.all(TOTALS) == [(0, 0)]
    desk.answered(1)
    assert desk.shown() == [("organization", "month", usd("0.02"), ZERO, ZERO)]


def test_a_call_counts_in_the_window_it_was_made_in(books: Books) -> None:
    desk = Office(books)
    desk.limit("0.02", window=CapWindow.DAY)
    late = desk.call(at=MIDNIGHT - timedelta(microseconds=1))
    desk.reserve(late)
    desk.refused(desk.call(at=MIDNIGHT - timedelta(microseconds=1)))
    desk.reserve(desk.call("next day", MIDNIGHT))
    desk.release(late, MIDNIGHT + timedelta(minutes=1))
    assert books.all(TOTALS) == [(0, 0), (20_000, 20_000)]


@pytest.mark.parametrize(
    ("window", "last", "begins"),
    [
        (CapWindow.DAY, MIDNIGHT - timedelta(microseconds=1), MIDNIGHT),
        (CapWindow.MONTH, DECEMBER - timedelta(microseconds=1), DECEMBER),
    ],
)
def test_a_window_begins_empty_at_its_instant(
    books: Books, window: CapWindow, last: datetime, begins: datetime
) -> None:
    desk = Office(books)
    desk.limit("0.02", window=window)
    desk.answered(1, START)
    desk.refused(desk.call(at=last))
    assert desk.answered(1, begins) == [usd("0.02")]
    desk.clock_is(begins)
    assert desk.shown() == [("organization", window.value, usd("0.02"), ZERO, ZERO)]


def test_a_lifetime_never_begins_anew(books: Books) -> None:
    desk = Office(books)
    desk.limit("0.02", window=CapWindow.LIFETIME)
    desk.answered(1)
    desk.refused(desk.call(at=at(days=3000)))
    assert books.all(sa.select(mm.CapTotal.window_start)) == [(caps.ALWAYS,)]


def test_a_wallet_is_asked_after_the_limits(books: Books) -> None:
    desk = Office(books, postpaid=False)
    grant = books.grant("1")
    desk.limit("0.02")
    desk.answered(1)
    desk.refused()
    assert books.left(grant) == usd("0.98")
    desk.limit("10")
    desk.answered(49)
    with pytest.raises(errors.InsufficientCredit):
        desk.reserve()
    assert books.all(TOTALS) == [(1_000_000, 0)]


# ---- setting, raising, removing


def test_a_new_limit_counts_what_its_window_has_used(books: Books) -> None:
    desk = Office(books, agents=2)
    desk.clock_is(MIDNIGHT + timedelta(hours=1))
    desk.answered(1, MIDNIGHT - timedelta(microseconds=1))
    desk.answered(2, MIDNIGHT)
    desk.answered(3, MIDNIGHT, agent=desk.agents[1])
    under_way = desk.call(at=MIDNIGHT + timedelta(minutes=50))
    desk.reserve(under_way)
    desk.limit("1", window=CapWindow.DAY)
    desk.limit("1", window=CapWindow.MONTH)
    desk.limit("1", CapLevel.KEY, CapWindow.DAY)
    desk.limit("1", CapLevel.PROJECT, CapWindow.LIFETIME)
    assert [(spent, held) for _, _, spent, held, _ in desk.shown()] == [
        (usd("0.10"), usd("0.02")),
        (usd("0.12"), usd("0.02")),
        (usd("0.04"), usd("0.02")),
        (usd("0.12"), usd("0.02")),
    ]
    desk.settle(under_way)
    assert [held for _, _, _, held, _ in desk.shown()] == [ZERO] * 4


def test_a_new_limit_below_what_is_used_leaves_nothing(books: Books) -> None:
    desk = Office(books)
    desk.answered(3)
    desk.limit("0.05")
    assert desk.shown() == [("organization", "month", usd("0.06"), ZERO, ZERO)]
    assert desk.refused()["left_organization"] == 0


def test_another_organization_counts_for_nothing_here(books: Books) -> None:
    desk = Office(books)
    desk.answered(2)
    other = books.new_organization("Bob's")
    books.do(lambda connection: connection.execute(sa.update(m.ResourceRow).values(organization_uuid=other)))
    desk.limit("1")
    assert desk.shown() == [("organization", "month", ZERO, ZERO, usd("1"))]


def test_setting_a_limit_again_keeps_what_was_spent(books: Books) -> None:
    desk = Office(books)
    first = desk.limit("1")
    desk.answered(2)
    assert desk.limit("2") == first
    assert desk.shown() == [("organization", "month", usd("0.04"), ZERO, usd("1.96"))]
    assert desk.limit("2", window=CapWindow.DAY) != first


def test_a_raise_holds_until_its_instant(books: Books) -> None:
    desk = Office(books)
    uuid = desk.limit("0.02")
    desk.answered(1)
    until = at(hours=1)
    raised = books.run(desk.area.raise_cap(uuid, usd("0.04"), until))
    assert (raised.limit, raised.raised_to, raised.raised_until, raised.left) == (
        usd("0.02"), usd("0.04"), until, usd("0.02")
    )  # fmt: skip
    desk.refused(desk.call(at=until))
    desk.reserve(desk.call(at=until - timedelta(microseconds=1)))
    desk.clock_is(until)
    [shown] = books.run(desk.area.list_caps()).items
    assert (shown.raised_to, shown.raised_until, shown.left) == (None, None, ZERO)


@pytest.mark.parametrize(
    ("text", "hours", "field", "code"),
    [("0.02", 1, "limit", "too_small"), ("0.01", 1, "limit", "too_small"), ("0.03", 0, "until", "in_past")],
)
def test_a_raise_is_higher_and_ends_later(books: Books, text: str, hours: int, field: str, code: str) -> None:
    desk = Office(books)
    uuid = desk.limit("0.02")
    with pytest.raises(errors.InvalidInput) as caught:
        books.run(desk.area.raise_cap(uuid, usd(text), at(hours=hours)))
    assert caught.value.fields == {field: code}


def test_amounts_of_another_currency_or_size_are_no_limits(books: Books) -> None:
    desk = Office(books)
    uuid = desk.limit("0")
    wrong = (Money(1, "EUR"), "wrong_currency"), (Money(-1), "out_of_range"), (Money(2**63), "out_of_range")
    for amount, code in wrong:
        with pytest.raises(errors.InvalidInput) as caught:
            books.run(desk.area.set_cap(SetCap(CapLevel.ORGANIZATION, books.organization, CapWindow.DAY, amount)))
        assert caught.value.fields == {"limit": code}
    for amount, code in wrong[::2]:
        with pytest.raises(errors.InvalidInput) as caught:
            books.run(desk.area.raise_cap(uuid, amount, at(hours=1)))
        assert caught.value.fields == {"limit": code}


def test_a_limit_that_is_gone_stops_nobody_and_one_set_anew_counts_again(books: Books) -> None:
    desk = Office(books)
    uuid = desk.limit("0.02")
    under_way = desk.call()
    desk.reserve(under_way)
    books.run(desk.area.remove_cap(uuid))
    assert books.all(TOTALS) == []
    desk.answered(1)
    desk.limit("0.05")
    assert desk.shown() == [("organization", "month", usd("0.02"), usd("0.02"), usd("0.01"))]
    desk.release(under_way)
    assert desk.shown() == [("organization", "month", usd("0.02"), ZERO, usd("0.03"))]


def test_what_a_limit_may_be_set_on(books: Books) -> None:
    desk = Office(books, agents=2)
    books.do(
        lambda connection: connection.execute(
            sa.update(m.ResourceRow).where(m.ResourceRow.uuid == desk.agents[1]).values(state="retired")
        )
    )
    scopes = books.run(desk.area.list_caps()).scopes
    assert [(one.level, one.uuid, one.name) for one in scopes] == [
        (CapLevel.ORGANIZATION, books.organization, "Ada's Organization"),
        (CapLevel.PROJECT, desk.project, "Default"),
        (CapLevel.KEY, desk.agents[0], "Agent 1"),
    ]
    with pytest.raises(errors.NotFound):
        books.run(desk.area.set_cap(SetCap(CapLevel.PROJECT, desk.agents[0], CapWindow.DAY, usd("1"))))
    with pytest.raises(errors.NotFound):
        books.run(desk.area.list_caps("nobody"))


# ---- calls told afterwards


def test_a_call_told_late_counts_also_above_the_limit(books: Books) -> None:
    desk = Office(books)
    desk.limit("0.03", window=CapWindow.DAY)
    desk.clock_is(MIDNIGHT)
    desk.told(START, START)
    desk.told(START, purpose="test")
    assert books.all(TOTALS) == [(40_000, 0)]
    assert desk.refused()["left_organization"] == 0


# ---- the price tag


def test_the_price_tag_knows_the_limits(books: Books) -> None:
    desk = Office(books)
    desk.limit("0.02")
    assert look(desk) == (usd("0.02"), "invoice")
    desk.answered(1)
    assert look(desk, 1) == (usd("0.02"), "nothing")
    assert books.all(TOTALS) == [(20_000, 0)]
    empty = Money.zero()
    assert books.do(lambda c: caps.has_room(c, caps.Scopes(books.organization, "p", "k"), empty, START))


# ---- many at once


def test_thirty_two_callers_stay_within_every_limit(books: Books) -> None:
    desk = Office(books, agents=4)
    desk.limit("0.30")
    desk.limit("0.24", CapLevel.PROJECT, CapWindow.DAY)
    desk.limit("0.04", CapLevel.KEY)
    calls = [desk.call(f"k{n:02}", agent=desk.agents[n % 4]) for n in range(32)]
    outcomes = books.run(desk.answer_at_once(calls))
    # the first agent makes 2 of its 8; the project has room for 12 in all
    assert Counter(outcomes) == {"invoice": 12, "limit_reached": 20}
    by_agent = Counter(agent for (agent,) in desk.events(m.UsageEvent.resource_uuid))
    assert by_agent[desk.agents[0]] <= 2
    assert {used for used, _ in books.all(TOTALS)} <= {0, 20_000, 40_000, 240_000}
    assert all(held == 0 for _, held in books.all(TOTALS))
    assert desk.is_consistent()


def test_thirty_two_callers_of_whom_some_fail_use_the_room_of_those(books: Books) -> None:
    desk = Office(books)
    desk.limit("0.20")
    calls = [desk.call(f"k{n:02}") for n in range(32)]
    outcomes = Counter(books.run(desk.answer_at_once(calls, fails=lambda n: n % 3 == 0)))
    assert outcomes["invoice"] <= 10
    assert outcomes["invoice"] + outcomes["failed"] + outcomes["limit_reached"] == 32
    assert books.all(TOTALS) == [(outcomes["invoice"] * 20_000, 0)]
    assert desk.is_consistent()


def test_a_limit_set_among_callers_misses_none_of_them(books: Books) -> None:
    desk = Office(books)

    async def all_at_once() -> None:
        wanted = SetCap(CapLevel.ORGANIZATION, books.organization, CapWindow.MONTH, usd("100"))
        calls = [desk.call(f"k{n:02}") for n in range(24)]
        halves = desk.answer_at_once(calls[:12]), desk.area.set_cap(wanted), desk.answer_at_once(calls[12:])
        await asyncio.gather(*halves)

    books.run(all_at_once())
    assert books.all(TOTALS) == [(480_000, 0)]


def test_calls_told_late_count_on_the_day_they_were_made(books: Books) -> None:
    """The last instant of a day, the first of the next, and one an hour later, told at once."""
    desk = Office(books)
    desk.limit("0.03", window=CapWindow.DAY)
    desk.limit("0.03", window=CapWindow.LIFETIME)
    desk.clock_is(at(days=2))
    desk.told(MIDNIGHT + timedelta(hours=1), MIDNIGHT, MIDNIGHT - timedelta(microseconds=1))
    assert books.all(TOTALS) == [(60_000, 0), (20_000, 0), (40_000, 0)]
