"""What the database itself refuses, whoever asks: the last line behind the rules."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from services.db import models as m
from services.db.session import make_engine
from tests.contract.embedded import migrated_template

NOW = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
USER: dict[str, Any] = {"uuid": "u", "email": "ada@example.com", "full_name": "Ada", "password_hash": "x",
                        "failed_sign_ins": 0, "paused_until": None, "created_at": NOW}  # fmt: skip
ORDER: dict[str, Any] = {
    "uuid": "o", "number": None, "state": "executing", "user_uuid": "u", "organization_uuid": "g",
    "project_uuid": "p", "offering_id": 1, "plan_uuid": "l", "offering_name": "Care", "plan_name": "Pro",
    "billing_cycle": "monthly", "lines": [], "total_micros": 99_000_000, "refunded_micros": 0, "currency": "USD",
    "paid_with": "", "error_code": "", "created_at": NOW, "paid_at": NOW, "renews_at": None,
}  # fmt: skip
PAYMENT: dict[str, Any] = {
    "key": "order:o", "order_uuid": "o", "state": "sent", "provider_token": "tok", "amount_micros": 1,
    "currency": "USD", "leased_until": NOW, "created_at": NOW, "charge_id": "", "action_url": "",
}  # fmt: skip
KEY: dict[str, Any] = {"scope": "u", "key": "k", "request_hash": "h", "order_uuid": "o", "created_at": NOW}


@pytest.fixture
def connection(data_dir: Path) -> Iterator[Connection]:
    """A migrated database with one paid order in it."""
    copyfile(migrated_template(), data_dir / "souk.db")
    engine = make_engine(data_dir / "souk.db")
    with engine.connect().execution_options(souk_writes=True) as connection:
        _add_market(connection)
        connection.execute(sa.insert(m.OrderRow), ORDER)
        yield connection


def _add_market(connection: Connection) -> None:
    """The rows an order points at."""
    connection.execute(sa.insert(m.User), USER)
    connection.execute(sa.insert(m.OrganizationRow), {"uuid": "g", "name": "Acme", "created_at": NOW})
    connection.execute(
        sa.insert(m.ProjectRow), {"uuid": "p", "organization_uuid": "g", "name": "Default", "created_at": NOW}
    )
    connection.execute(
        sa.insert(m.CategoryRow),
        {"id": 1, "uuid": "c", "slug": "c", "title": "", "description": "", "icon": "", "hue": 1},
    )
    connection.execute(
        sa.insert(m.VendorRow),
        {"id": 1, "uuid": "v", "slug": "v", "name": "", "country": "", "city": "", "is_verified": True, "since": 2020,
         "about": "", "support_email": ""},
    )  # fmt: skip
    connection.execute(
        sa.insert(m.OfferingRow),
        {"id": 1, "uuid": "f", "slug": "f", "kind": "agent", "name": "Care", "tagline": "", "vendor_id": 1,
         "category_id": 1, "rating": 4.5, "review_count": 1, "tags": [], "billing_models": [], "from_price_micros": 0,
         "per_call_micros": None, "per_call_units": None, "currency": "USD", "created_at": NOW, "sort_rating": 0,
         "sort_name": "care", "sort_newest": 0, "content": {}, "is_active": True},
    )  # fmt: skip
    connection.execute(
        sa.insert(m.PlanRow),
        {"uuid": "l", "offering_id": 1, "position": 0, "slug": "pro", "name": "Pro", "billing_model": "subscription",
         "monthly_micros": 99_000_000, "list_monthly_micros": 99_000_000, "currency": "USD", "included_calls": 10_000,
         "overage_micros": 8_000, "overage_units": 1, "overage_policy": "charge", "points": [], "badge": "",
         "is_active": True},
    )  # fmt: skip


def refused(connection: Connection, model: type[m.Base], row: dict[str, Any], match: str) -> None:
    with pytest.raises(sa.exc.IntegrityError, match=match):
        connection.execute(sa.insert(model), row)


# ---- money


@pytest.mark.parametrize("total", [-1, -(10**15)])
def test_an_order_never_costs_less_than_nothing(total: int, connection: Connection) -> None:
    refused(connection, m.OrderRow, ORDER | {"uuid": "n", "total_micros": total}, "total_not_negative|refund_within")


@pytest.mark.parametrize("refunded", [-1, 99_000_001])
def test_never_more_comes_back_than_was_paid(refunded: int, connection: Connection) -> None:
    change = sa.update(m.OrderRow).where(m.OrderRow.uuid == "o")
    connection.execute(change.values(refunded_micros=99_000_000))
    with pytest.raises(sa.exc.IntegrityError, match="refund_within_total"):
        connection.execute(change.values(refunded_micros=refunded))


def test_one_order_number_stands_on_one_order(connection: Connection) -> None:
    connection.execute(sa.update(m.OrderRow).values(number="SK-000001"))
    refused(connection, m.OrderRow, ORDER | {"uuid": "n", "number": "SK-000001"}, "orders.number")
    connection.execute(sa.insert(m.OrderRow), ORDER | {"uuid": "n"})  # unpaid orders have none, and may be many


def test_one_key_is_charged_once_and_means_one_order(connection: Connection) -> None:
    connection.execute(sa.insert(m.PaymentRow), PAYMENT)
    refused(connection, m.PaymentRow, PAYMENT, "payments.key")
    connection.execute(sa.insert(m.IdempotencyKey), KEY)
    refused(connection, m.IdempotencyKey, KEY | {"request_hash": "other"}, "idempotency_keys")
    other = USER | {"uuid": "u2", "email": "bob@example.com"}
    connection.execute(sa.insert(m.User), other)
    connection.execute(sa.insert(m.IdempotencyKey), KEY | {"scope": "u2"})  # another person's key is another key


def test_one_refund_key_gives_back_once(connection: Connection) -> None:
    row = {"key": "refund:o", "order_uuid": "o", "resource_uuid": None, "charge_id": "ch", "amount_micros": 1,
           "currency": "USD", "state": "sent", "created_at": NOW}  # fmt: skip
    connection.execute(sa.insert(m.RefundRow), row)
    refused(connection, m.RefundRow, row, "refunds.key")


def test_a_call_counts_once(connection: Connection) -> None:
    connection.execute(
        sa.insert(m.ResourceRow),
        {"uuid": "r", "order_uuid": "o", "organization_uuid": "g", "project_uuid": "p", "offering_id": 1,
         "plan_uuid": "l", "name": "Care", "greeting": "", "state": "ready", "steps": [], "failure": "",
         "price_micros": 0, "currency": "USD", "created_at": NOW},
    )  # fmt: skip
    call = {"source": "chat", "id": "r:k", "resource_uuid": "r", "meter": "calls", "quantity": 1, "at": NOW,
            "purpose": "chat", "state": "settled", "cost_micros": 0, "currency": "USD"}  # fmt: skip
    connection.execute(sa.insert(m.UsageEvent), call)
    refused(connection, m.UsageEvent, call, "usage_events")


# ---- people and places


def test_one_address_is_one_account(connection: Connection) -> None:
    refused(connection, m.User, USER | {"uuid": "u2"}, "users.email")


def test_an_organization_has_each_project_name_once(connection: Connection) -> None:
    row = {"uuid": "p2", "organization_uuid": "g", "name": "Default", "created_at": NOW}
    refused(connection, m.ProjectRow, row, "projects")


@pytest.mark.parametrize("column", ["user_uuid", "organization_uuid", "project_uuid", "plan_uuid", "offering_id"])
def test_an_order_points_only_at_what_exists(column: str, connection: Connection) -> None:
    nothing = 999 if column == "offering_id" else "nobody"
    refused(connection, m.OrderRow, ORDER | {"uuid": "n", column: nothing}, "FOREIGN KEY")


@pytest.mark.parametrize(
    "model", [m.User, m.OrganizationRow, m.ProjectRow, m.OfferingRow, m.PlanRow], ids=lambda model: model.__tablename__
)
def test_what_an_order_points_at_cannot_be_removed(model: type[m.Base], connection: Connection) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="FOREIGN KEY"):
        connection.execute(sa.delete(model))


# ---- instants


def test_naive_instants_are_refused(connection: Connection) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(sa.exc.StatementError, match="naive datetime"):
        connection.execute(sa.insert(m.User), USER | {"uuid": "n", "email": "n@x.example", "created_at": naive})
    with pytest.raises(sa.exc.StatementError, match="naive datetime"):
        connection.execute(sa.select(m.User).where(m.User.created_at > naive))


def test_an_instant_comes_back_as_utc_to_the_microsecond(connection: Connection) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    connection.execute(sa.update(m.User).values(created_at=elsewhere))
    found = connection.execute(sa.select(m.User.created_at)).scalar_one()
    assert (found, found.tzinfo) == (NOW, UTC)
    raw = connection.exec_driver_sql("SELECT created_at, paused_until FROM users").one()
    assert tuple(raw) == ("2026-11-22 09:30:00.123456", None)


instants = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.timezones())  # noqa: DTZ001  made aware


@given(instants, instants)
def test_stored_instants_sort_as_time_does(one: datetime, other: datetime) -> None:
    kind, dialect = m.UtcDateTime(), sqlite.dialect()
    first, second = (kind.process_bind_param(each, dialect) for each in (one, other))
    assert first is not None
    assert second is not None
    assert (first.isoformat(sep=" ", timespec="microseconds") < second.isoformat(sep=" ", timespec="microseconds")) == (
        one.astimezone(UTC) < other.astimezone(UTC)
    )
    assert kind.process_result_value(first, dialect) == one.astimezone(UTC)  # zones differ on ambiguous hours


def test_another_database_keeps_the_zone() -> None:
    kind, dialect = m.UtcDateTime(), postgresql.dialect()  # type: ignore[no-untyped-call]  # as it comes
    assert kind.process_bind_param(NOW, dialect) == kind.process_result_value(NOW, dialect) == NOW
    assert kind.process_bind_param(None, dialect) is kind.process_result_value(None, dialect) is None


def test_sqlite_here_checks_foreign_keys_at_once(connection: Connection) -> None:
    assert sqlite3.sqlite_version_info >= (3, 35)  # RETURNING
    assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
