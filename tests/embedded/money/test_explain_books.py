"""The trees read from the tables, on both databases: usage, the invoice to come and a stored one, credit, payments."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from services.api.money import Rate
from services.api.types import Explanation
from services.db import models as m
from services.db import money_models as mm
from services.domain.wallet import GrantKind
from services.embedded.money import drafting, prices, renewals, trees, usage
from tests.contract.embedded import START
from tests.contract.money import total
from tests.embedded.money.books import ZERO, Books, at, usd
from tests.embedded.money.desk import Desk, plan

LINES = [["price", "plan", 30_000_000, 30_000_000, 1], ["discount", "other", -1_000_000, None, 1]]
SHELF = plan(included_calls=2, overage=Rate.parse("0.0085"))


def explained(desk: Desk, ref: str, offset: int = 0, limit: int = 100) -> Explanation:
    def work(connection: sa.Connection) -> Explanation:
        tree = prices.find(connection, ref, at(days=2))
        assert tree is not None, ref
        assert tree.organization_uuid == desk.books.organization
        return tree.explanation(ref, offset, limit)

    return desk.books.do(work)


def walked(desk: Desk, ref: str) -> list[Explanation]:
    """All nodes; whatever opens is the sum of what is in it."""
    node = explained(desk, ref)
    assert len(node.children) == node.child_count
    assert not node.children or total(child.amount for child in node.children) == node.amount
    found = [node]
    for child in node.children:
        assert child.kind != trees.REST
        below = walked(desk, child.ref) if child.child_count else [child]
        assert below[0].amount == child.amount
        found += below
    return found


def busy(books: Books) -> Desk:
    """Two agents; three calls each, of which the wallet could pay one; one call of each was a test."""
    desk = Desk(books, SHELF, postpaid=True, agents=2)
    books.grant("0.01", GrantKind.PROMOTIONAL)
    desk.core.clock.at = at(days=2)  # type: ignore[attr-defined] # a clock of the tests
    for agent in desk.agents:
        desk.answered(3, at(hours=1), agent)
        desk.told(at(hours=2), agent=agent, purpose="test")
    return desk


def test_usage_of_the_month(books: Books) -> None:
    desk = busy(books)
    nodes = walked(desk, f"usage:{desk.agents[0]}")
    assert nodes[0].amount == usd("0.0085")
    assert [node.kind for node in nodes] == ["usage", "tier", "event", "event", "tier", "event", "test", "event"]
    event = nodes[2]
    assert (event.params["person"], event.params["key"], event.params["resource"]) == ("Ada King", "Agent 1", "Agent 1")
    page = explained(desk, f"calls:{desk.agents[0]}:0", 1, 1)
    assert (page.child_count, page.children) == (2, (nodes[3],))


def test_the_invoice_to_come_and_the_stored_one_are_one_tree(books: Books) -> None:
    desk = busy(books)
    coming = walked(desk, f"upcoming:{desk.subscription}")
    assert (coming[0].amount, sum(node.kind == "event" for node in coming)) == (usd("0.01"), 7)

    def store(connection: sa.Connection) -> str:
        row = desk.row(connection)
        found = renewals.upcoming(connection, row, at(days=2))
        assert found is not None
        uuid = drafting.draft(desk.core, connection, found.new, at(days=2)).uuid
        usage.mark_billed(connection, row, found.at, uuid)
        return uuid

    stored = walked(desk, f"invoice:{books.do(store)}")
    assert [(node.kind, node.amount) for node in stored[1:]] == [(node.kind, node.amount) for node in coming[1:]]
    assert (stored[0].kind, stored[0].params["number"], stored[0].params["state"]) == ("invoice", "", "draft")
    assert walked(desk, f"upcoming:{desk.subscription}")[0].amount == ZERO


def test_credit_and_what_used_it(books: Books) -> None:
    desk = busy(books)
    wallet = walked(desk, f"wallet:{books.organization}")
    assert (wallet[0].amount, wallet[0].params) == (usd("0.0015"), {"name": "Ada's Organization"})
    assert [node.kind for node in wallet] == ["wallet", "credit", "granted", "spent_on", "usage", "call"]
    movement = wallet[4].ref
    assert [node.kind for node in walked(desk, movement)] == ["usage", "call"]
    books.grant("5", effective_at=at(days=30))
    books.grant("5", expires_at=at(days=2))
    assert walked(desk, f"wallet:{books.organization}")[0].amount == usd("0.0015")


def test_payments_of_the_month(books: Books) -> None:
    desk = busy(books)
    assert walked(desk, f"spent:{books.organization}")[0].amount == ZERO
    books.grant("20", tax=usd("3.80"))
    nodes = walked(desk, f"spent:{books.organization}")
    assert [(node.kind, node.amount, node.params["number"]) for node in nodes[1:]] == [("payment", usd("23.80"), "")]
    assert nodes[1].params["what"] == "top_up"


def test_an_order(books: Books) -> None:
    desk = busy(books)
    node = explained(desk, f"order:{desk.order}")
    assert (node.amount, node.child_count, node.params) == (ZERO, 0, {"number": "SK-000001", "name": "Agent"})


@pytest.mark.parametrize(
    "ref",
    [
        "", "nothing", "nothing:x", "nothing:x:y", "usage:", "usage:nobody", "calls:nobody:0", "upcoming:nobody",
        "upcoming:nobody:fee", "invoice:nobody", "invoice:upcoming:nobody", "line:nobody", "line:upcoming:nobody:fee",
        "events:nobody", "order:nobody", "movement:nobody", "credit:nobody", "credit:nobody:usage", "wallet:nobody",
        "spent:nobody", "calls:AGENT:-1", "calls:AGENT:8500.0", "calls:AGENT:7", "upcoming:SUB:nothing",
    ],
)  # fmt: skip
def test_there_is_nothing_under_other_names(books: Books, ref: str) -> None:
    desk = busy(books)
    name = ref.replace("AGENT", desk.agent_uuid).replace("SUB", desk.subscription)
    assert books.do(lambda connection: prices.find(connection, name, at(days=2))) is None


def test_credit_without_an_entry_is_nothing(books: Books) -> None:
    desk = busy(books)
    row = {"uuid": "g", "organization_uuid": books.organization, "kind": "paid", "source": "top_up",
           "amount_micros": 1, "currency": "USD",
           "priority": 1, "effective_at": START, "expires_at": None, "created_at": START}  # fmt: skip
    books.do(lambda connection: connection.execute(sa.insert(mm.GrantRow).values(**row)))
    for ref in ("credit:g", "credit:g:usage"):
        assert books.do(partial(prices.find, ref=ref, now=START)) is None
    assert desk.core.clock.now() - START == timedelta(days=2)


def test_an_order_paid_before_there_were_books(books: Books) -> None:
    desk = busy(books)
    books.do(lambda connection: connection.execute(sa.update(m.OrderRow).values(total_micros=29_000_000, lines=LINES)))
    nodes = walked(desk, f"spent:{books.organization}")
    assert [(node.kind, node.amount) for node in nodes] == [
        ("spent", usd("29")), ("order", usd("29")), ("price", usd("30")), ("discount", usd("-1"))
    ]  # fmt: skip
    assert nodes[2].params == {"label": "plan", "quantity": 1, "unit": "30", "per": 1}
