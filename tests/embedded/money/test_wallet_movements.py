"""The statement of the wallet: every change with the balance after it, found, read in pages, and kept as a file."""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api import errors
from services.api.money import Money
from services.api.types import Movement, MovementKind, MovementPage, MovementQuery
from services.db import models as m
from services.db import money_models as mm
from services.domain import movements as rules
from services.domain.ledger import AccountKind, TransferKind
from services.domain.wallet import GrantKind, Share
from services.embedded.money import ledger, movements
from tests.contract.market import answer_of
from tests.contract.money import ZERO, per_use, usd
from tests.embedded.money.books import PROVIDER, Books, at
from tests.embedded.money.credit import owner
from tests.embedded.shop import Shop, story, unavailable

KINDS = MovementKind


def page(books: Books, **query: Any) -> MovementPage:  # Any: fields of MovementQuery
    return books.do(lambda connection: movements.page(connection, books.organization, MovementQuery(**query)))


def shown(books: Books, **query: Any) -> list[tuple[MovementKind, Money, Money]]:
    """Kind, amount and balance of what is found, newest first."""
    return [(one.kind, one.amount, one.balance) for one in page(books, **query).items]


def noted(books: Books, **memo: str) -> rules.Stamp:
    stamp = books.stamp()
    return rules.Stamp(stamp.organization, stamp.key, stamp.at, memo)


def one_of_each(books: Books) -> None:
    """Every way a wallet moves, in this order."""
    paid = Share(books.grant("20"), GrantKind.PAID, usd("1"))
    books.grant("30", source="auto_top_up")
    books.grant("5", GrantKind.PROMOTIONAL, source="promotional_code")
    books.grant("6", provider=rules.GIFT, source="gift_code")
    books.grant("7", source="plan_change")
    books.post(rules.hold(noted(books, event="chat:q1"), [paid]))
    books.post(rules.settle_hold(noted(books, event="chat:q1"), [paid], usd("0.40")))
    books.post(rules.hold(noted(books, event="chat:q2"), [paid]))
    books.post(rules.release_hold(noted(books, event="chat:q2"), [paid]))
    issued = rules.issue_invoice(
        noted(books, number="SK-1"), revenue=usd("1"), deferred=ZERO, tax=ZERO, credits_applied=[paid]
    )
    books.post(issued)
    books.post(rules.void_invoice(noted(books, number="SK-1"), issued))
    books.post(rules.pay_invoice(noted(books, number="SK-2"), amount=usd("9"), provider=PROVIDER))
    books.post(
        rules.credit_note(
            noted(books, number="CN-1"), revenue=usd("2"), deferred=ZERO, tax=ZERO, off_receivable=usd("1"),
            to_grants=[paid],
        )
    )  # fmt: skip
    books.post(rules.expire_grant(noted(books), paid))
    books.post(
        rules.book(
            TransferKind.INVOICE_ISSUED,
            noted(books, number="SK-3"),
            [*rules.wallet_moves([paid], 1), (AccountKind.DEFERRED_REVENUE, "", usd("-1"))],
        )
    )


EACH = [
    (KINDS.TOP_UP, "20", "20"),
    (KINDS.AUTO_TOP_UP, "30", "50"),
    (KINDS.GIFT, "5", "55"),
    (KINDS.GIFT, "6", "61"),
    (KINDS.PLAN_CHANGE, "7", "68"),
    (KINDS.USAGE, "-1", "67"),
    (KINDS.USAGE, "0.60", "67.60"),
    (KINDS.USAGE, "-1", "66.60"),
    (KINDS.REVERSAL, "1", "67.60"),
    (KINDS.INVOICE, "-1", "66.60"),
    (KINDS.REVERSAL, "1", "67.60"),
    (KINDS.PLAN_CHANGE, "1", "68.60"),
    (KINDS.EXPIRY, "-1", "67.60"),
    (KINDS.PLAN_CHANGE, "1", "68.60"),
]
NEWEST_FIRST = [(kind, usd(amount), usd(balance)) for kind, amount, balance in reversed(EACH)]


def test_every_change_is_there_with_the_balance_after_it(books: Books) -> None:
    one_of_each(books)
    assert shown(books) == NEWEST_FIRST
    assert page(books).total == len(EACH)
    assert books.balance() == usd("68.60")
    assert books.fault() is None


@pytest.mark.parametrize("kind", list(MovementKind))
def test_what_is_filtered_keeps_its_balances(books: Books, kind: MovementKind) -> None:
    one_of_each(books)
    expected = [one for one in NEWEST_FIRST if one[0] is kind]
    assert shown(books, kind=kind) == expected
    assert page(books, kind=kind).total == len(expected)
    assert bool(expected) is (kind is not KINDS.REFUND)


def test_pages_follow_each_other_and_end(books: Books) -> None:
    one_of_each(books)
    size = 5
    pages = [page(books, page=number, page_size=size) for number in (1, 2, 3, 4)]
    assert [(one.kind, one.amount, one.balance) for part in pages for one in part.items] == NEWEST_FIRST
    assert [len(part.items) for part in pages] == [5, 5, 4, 0]
    assert {part.total for part in pages} == {14}
    gifts = [page(books, kind=KINDS.GIFT, page=number, page_size=1) for number in (1, 2)]
    assert [(part.total, part.items[0].balance) for part in gifts] == [(2, usd("61")), (2, usd("55"))]


WRONG: dict[str, MovementQuery] = {
    "page": MovementQuery(page=0),
    "page_size": MovementQuery(page_size=0),
    "start": MovementQuery(start=at().replace(tzinfo=None)),
    "end": MovementQuery(end=at().replace(tzinfo=None)),
}


@pytest.mark.parametrize(("field", "query"), WRONG.items())
def test_a_query_that_means_nothing_is_refused(books: Books, field: str, query: MovementQuery) -> None:
    for work in (movements.page, movements.statement):
        with pytest.raises(errors.InvalidInput) as caught:
            books.do(partial(work, organization_uuid=books.organization, query=query))
        assert caught.value.fields == {field: "out_of_range"}


def test_pages_have_bounds(books: Books) -> None:
    for query in (MovementQuery(page=1_000_001), MovementQuery(page_size=501)):
        with pytest.raises(errors.InvalidInput):
            books.do(partial(movements.page, organization_uuid=books.organization, query=query))
    assert page(books, page=1_000_000, page_size=500).items == ()


def test_a_range_of_time_is_half_open(books: Books) -> None:
    for days in (1, 2, 3):
        books.grant(str(days), created_at=at(days=days))
    assert [one.amount for one in page(books, start=at(days=2)).items] == [usd("3"), usd("2")]
    assert [one.amount for one in page(books, end=at(days=2)).items] == [usd("1")]
    assert [one.balance for one in page(books, start=at(days=2), end=at(days=3)).items] == [usd("3")]


FOUND = {
    "top_up": 2, "auto": 1, "usage": 3, "CN-1": 1, "cn-1": 1, "SK-1": 2, "sk": 3, "sk 3": 1, "chat": 0, "%": 0,
    "_": 7, "plan_change sk": 1, "promotional": 1, "nobody": 0,
}  # fmt: skip


@pytest.mark.parametrize(("text", "count"), FOUND.items())
def test_words_are_found_in_kinds_and_names(books: Books, text: str, count: int) -> None:
    one_of_each(books)
    assert page(books, text=text).total == count
    assert len(page(books, text=text).items) == count


def test_nothing_is_found_where_there_is_nothing(books: Books) -> None:
    assert page(books) == MovementPage((), 0)
    assert page(books, kind=KINDS.USAGE) == MovementPage((), 0)
    other = books.new_organization()
    one_of_each(books)
    books.organization = other
    assert page(books) == MovementPage((), 0)
    assert books.do(lambda connection: movements.spent_since(connection, other, at())) == []
    assert books.do(lambda connection: movements.balance_before(connection, other, at(days=9))) == ZERO


def test_one_movement_is_found_by_its_uuid(books: Books) -> None:
    one_of_each(books)
    found = page(books).items[5]
    assert books.do(lambda connection: movements.find(connection, found.uuid)) == (books.organization, found)
    paid = books.all(sa.select(mm.LedgerTransfer.uuid).where(mm.LedgerTransfer.kind == "invoice_paid"))[0][0]
    for uuid in (paid, "unknown"):  # what did not touch the wallet is no movement
        assert books.do(partial(movements.find, uuid=uuid)) is None


def test_a_repeat_does_not_make_the_statement_longer(books: Books) -> None:
    grant = books.grant("20")
    for _ in range(3):
        books.hold(grant, "1", "once")
    assert page(books).total == len(page(books).items) == 2
    assert books.do(lambda connection: ledger.count_wallet_moves(connection, books.organization)) == 2


# ---- what was spent


def test_what_was_spent_is_what_was_earned(books: Books) -> None:
    one_of_each(books)
    spent = books.do(lambda connection: movements.spent_since(connection, books.organization, at()))
    assert [micros for _, micros in spent] == [400_000, 1_000_000, -1_000_000]  # a call; an invoice, which was void
    assert {when for when, _ in spent} == {at()}
    later = at(microseconds=1)
    assert books.do(lambda connection: movements.spent_since(connection, books.organization, later)) == []


def test_the_balance_before_an_instant_is_without_it(books: Books) -> None:
    books.grant("3", created_at=at(days=1))
    books.grant("4", created_at=at(days=2))
    for days, text in ((0, "0"), (1, "0"), (2, "3"), (3, "7")):
        found = books.do(partial(movements.balance_before, organization_uuid=books.organization, at=at(days=days)))
        assert found == usd(text)


# ---- as a file


def rows_of(books: Books, **query: Any) -> list[list[str]]:
    document = books.do(lambda connection: movements.statement(connection, books.organization, MovementQuery(**query)))
    assert (document.name, document.media_type) == ("wallet.csv", "text/csv; charset=utf-8")
    return list(csv.reader(io.StringIO(document.data.decode())))


def test_the_file_says_the_same_oldest_first(books: Books) -> None:
    one_of_each(books)
    header, *rows = rows_of(books)
    assert header == ["at", "kind", "amount", "balance", "currency", "for"]
    assert [(KINDS(row[1]), usd(row[2]), usd(row[3])) for row in rows] == NEWEST_FIRST[::-1]
    assert {row[0] for row in rows} == {at().isoformat()}
    assert {row[4] for row in rows} == {"USD"}
    assert [row[5] for row in rows if row[5]] == ["SK-1", "SK-1", "CN-1", "SK-3"]
    assert [row[1] for row in rows_of(books, kind=KINDS.GIFT)[1:]] == ["gift", "gift"]
    books.organization = books.new_organization()
    assert rows_of(books) == [header]


def test_a_name_is_never_a_formula(books: Books) -> None:
    grant = books.grant("20")
    stamp = noted(books, number='=HYPERLINK("http://evil"),"x"')
    books.post(rules.hold(stamp, [Share(grant, GrantKind.PAID, usd("1"))]))
    assert rows_of(books)[-1][5] == '\'=HYPERLINK("http://evil"),"x"'


# ---- of real calls


@story
async def test_a_call_names_its_agent(shop: Shop) -> None:
    mine = await owner(shop)
    resource = await shop.market.bought(mine.service, await per_use(shop.market))
    name = (await mine.service.get_resource(resource)).name
    await answer_of(mine.service.ask(resource, "How long may a customer take?", key="q1"))
    [call, _] = await mine.movements()
    assert (call.kind, call.params["name"], call.ref) == (KINDS.USAGE, name, f"movement:{call.uuid}")
    assert [one.uuid for one in await mine.movements(text=name.split()[0])] == [call.uuid]
    document = await mine.service.export_movements(MovementQuery(kind=KINDS.USAGE))
    assert document.data.decode().splitlines()[1].endswith(f",USD,{name}")
    await shop.write(sa.update(m.ResourceRow).values(name="=1+1"))
    document = await mine.service.export_movements(MovementQuery())
    assert document.data.decode().splitlines()[2].endswith(",USD,'=1+1")


@story
async def test_a_call_that_failed_gives_back_what_it_took_and_both_name_the_agent(shop: Shop) -> None:
    mine = await owner(shop)
    resource = await shop.market.bought(mine.service, await per_use(shop.market))
    name = (await mine.service.get_resource(resource)).name
    shop.agents.before["answer"] = [unavailable]
    with pytest.raises(errors.AgentUnavailable):
        await answer_of(mine.service.ask(resource, "How long may a customer take?", key="q1"))
    returned, taken, _ = await mine.movements()
    assert (returned.kind, taken.kind) == (KINDS.REVERSAL, KINDS.USAGE)
    assert returned.amount == -taken.amount > ZERO
    assert (returned.balance, returned.params, taken.params) == (usd("20"), {"name": name}, {"name": name})


@given(amounts=st.lists(st.integers(-400_000, 900_000).filter(bool), max_size=10), size=st.integers(1, 4))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_any_pages_the_balances_are_the_running_sum(books: Books, amounts: list[int], size: int) -> None:
    books.organization = books.new_organization()
    books.grant("3")
    books.grant("2")
    running, expected = usd("5"), [usd("3"), usd("5")]
    for number, micros in enumerate(amounts):
        if micros > 0:
            books.grant(f"0.{micros:06d}", GrantKind.PROMOTIONAL)
        elif not books.do(partial(books.draw, text=f"0.{-micros:06d}", key=f"{books.organization}:{number}")):
            continue
        running += Money(micros)
        expected.append(running)
    found: list[Movement] = []
    for number in range(1, len(expected) // size + 2):
        found += page(books, page=number, page_size=size).items
    assert [one.balance for one in found] == expected[::-1]
    assert running == books.balance()
