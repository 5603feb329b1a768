"""Finding an invoice among very many: what is counted ends somewhere, and the invoices are never walked through."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from shutil import copyfile

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import InvoiceSearch
from services.db import models as m
from services.db import money_models as mm
from services.db.session import make_engine
from services.embedded.money import invoice_search
from tests.contract.embedded import START, migrated_template

MANY = invoice_search.CAP + 7
NOTHING_YET = {
    "details": {}, "taxes": [], "attempts": [], "kind": "invoice", "state": "open", "currency": "USD",
    "subtotal_micros": 1, "discount_micros": 0, "credit_micros": 0, "tax_micros": 0, "total_micros": 1,
}  # fmt: skip


def crowd(connection: Connection) -> None:
    """Two organizations: Big has many invoices, Small the newest one. Big has two members."""
    for number, name in enumerate(("Big", "Small")):
        connection.execute(sa.insert(m.OrganizationRow).values(uuid=name, name=f"{name} Works", created_at=START))
        for place, email in enumerate((f"first@{name}.example", f"second@{name}.example")):
            user = {"uuid": f"{name} {place}", "email": email.lower(), "full_name": "", "password_hash": "",
                    "created_at": START + timedelta(seconds=place)}  # fmt: skip
            connection.execute(sa.insert(m.User).values(user))
            connection.execute(sa.insert(m.Membership).values(user_uuid=user["uuid"], organization_uuid=name, role=""))
        count = 1 if number else MANY
        made = [
            {**NOTHING_YET, "uuid": f"{name} {place}", "number": f"SK-2026-{number}{place:05d}",
             "organization_uuid": name, "created_at": START + timedelta(minutes=number * MANY + place)}
            for place in range(count)
        ]  # fmt: skip
        connection.execute(sa.insert(mm.InvoiceRow), made)


@pytest.fixture
def there(data_dir: Path) -> Iterator[Connection]:
    """The crowd in a database of its own."""
    data_dir.mkdir(parents=True, exist_ok=True)
    copyfile(migrated_template(), data_dir / "souk.db")
    engine = make_engine(data_dir / "souk.db")
    with engine.connect() as connection:
        crowd(connection)
        yield connection
        connection.rollback()
    engine.dispose()


def found(there: Connection, text: str, page: int = 1, own: list[str] | None = None) -> tuple[int, bool, list[str]]:
    answer = invoice_search.search(there, InvoiceSearch(text, page, 3), own)
    return answer.total, answer.is_capped, [one.invoice.uuid for one in answer.items]


@pytest.mark.parametrize("text", ["works", "big", "first@", "SK-2026", "sk"])
def test_what_is_counted_ends_and_the_newest_come_first(there: Connection, text: str) -> None:
    newest = [] if text == "big" else ["Small 0"]
    newest += [f"Big {MANY - place}" for place in range(1, 4)]
    assert found(there, text) == (invoice_search.CAP, True, newest[:3])
    last = (invoice_search.CAP - 1) // 3 + 1
    total, is_capped, shown = found(there, text, last)
    assert (total, is_capped, len(shown)) == (invoice_search.CAP, True, 1)
    assert found(there, text, last + 1) == (invoice_search.CAP, True, [])


def test_few_are_counted_to_the_last(there: Connection) -> None:
    assert found(there, "small") == (1, False, ["Small 0"])
    assert found(there, "works", own=["Small"]) == (1, False, ["Small 0"])
    assert found(there, "SK-2026", own=["Small"]) == (1, False, ["Small 0"])
    assert found(there, "SK-2026-00001") == (10, False, ["Big 19", "Big 18", "Big 17"])


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("second@", "second@small.example"),
        ("second@small.example", "second@small.example"),
        ("sma", "first@small.example"),
    ],
)
def test_member_who_was_meant_is_shown_else_the_first(there: Connection, text: str, email: str) -> None:
    [newest, *_] = invoice_search.search(there, InvoiceSearch(text), None).items
    assert newest.member_email == email


@pytest.mark.parametrize("text", ["first@big.example", "sk-2026-000001", "big works"])
def test_invoices_are_never_walked_through(there: Connection, text: str) -> None:
    sql = str(invoice_search._matching(there, text, None).compile(there, compile_kwargs={"literal_binds": True}))
    plan = [row[-1] for row in there.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    walks = [step for step in plan if " invoices" in step]
    assert walks
    assert all(step.startswith("SEARCH invoices USING INDEX") for step in walks)
