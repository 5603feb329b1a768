"""Coupons: looked up, checked, taken for an order before anything is charged, and given back when it comes to nothing.

Taking one is a conditional UPDATE, so the last use goes to one order only, whoever else wants it at the same instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.api.money import Money
from services.db import money_models as mm
from services.db import portable
from services.domain.discounts import Coupon, Duration, Redemption, problem
from services.embedded.core import insert_into

CODE_MAX = 64  # characters

_C, _U = mm.CouponRow, mm.CouponUse
_ROW = sa.select(*_C.__table__.c).where(_C.code == sa.bindparam("wanted"))
_USED = sa.select(sa.func.count()).where(_U.code == sa.bindparam("wanted"), _U.organization_uuid == sa.bindparam("of"))
_TAKE = (
    sa.update(_C)
    .where(_C.code == sa.bindparam("wanted"), sa.or_(_C.max_total.is_(None), _C.redeemed < _C.max_total))
    .values(redeemed=_C.redeemed + 1)
)
_LAST = sa.select(sa.func.coalesce(sa.func.max(_U.number), 0)).where(
    _U.code == sa.bindparam("wanted"), _U.organization_uuid == sa.bindparam("of")
)
_OF_ORDER = sa.select(_U.code).where(_U.order_uuid == sa.bindparam("order"))


@dataclass(frozen=True, slots=True)
class Wish:
    """A code as it was typed, and what it is to be used for."""

    text: str
    organization_uuid: str  # "": of nobody yet
    offering: str  # slug
    currency: str
    at: datetime


def check(connection: Connection, wish: Wish) -> Coupon | None:
    """The coupon behind a code; None when nothing was typed. InvalidInput(coupon: unknown or why not now)."""
    code = wish.text.strip().upper()
    if not code:
        return None
    row = connection.execute(_ROW, {"wanted": code}).one_or_none() if len(code) <= CODE_MAX else None
    if row is None:
        raise InvalidInput(fields={"coupon": "unknown"})
    coupon = _from_row(row)
    mine = connection.execute(_USED, {"wanted": code, "of": wish.organization_uuid}).scalar_one()
    context = Redemption(wish.at, wish.currency, (wish.offering,), row.redeemed, mine)
    if why := problem(coupon, context):
        raise InvalidInput(fields={"coupon": why})
    return coupon


def take(connection: Connection, coupon: Coupon, organization_uuid: str, order_uuid: str, at: datetime) -> None:
    """Uses a coupon for an order, in the order's own transaction. InvalidInput(coupon: exhausted | already_used)."""
    if connection.execute(_TAKE, {"wanted": coupon.code}).rowcount != 1:
        raise InvalidInput(fields={"coupon": "exhausted"})
    mine = {"wanted": coupon.code, "of": organization_uuid}  # others wait for the row changed above
    if coupon.max_per_customer is not None and (
        connection.execute(_USED, mine).scalar_one() >= coupon.max_per_customer
    ):
        raise InvalidInput(fields={"coupon": "already_used"})
    number = connection.execute(_LAST, mine).scalar_one() + 1
    connection.execute(
        insert_into(_U),
        {"code": coupon.code, "organization_uuid": organization_uuid, "number": number, "order_uuid": order_uuid,
         "at": at},
    )  # fmt: skip


def give_back(connection: Connection, order_uuid: str) -> None:
    """An order came to nothing: its coupon may be used again."""
    for code in connection.execute(_OF_ORDER, {"order": order_uuid}).scalars().all():
        connection.execute(sa.update(_C).where(_C.code == code).values(redeemed=_C.redeemed - 1))
        connection.execute(sa.delete(_U).where(_U.code == code, _U.order_uuid == order_uuid))


# ---- how a coupon is kept with what it was used for


def to_json(coupon: Coupon | None) -> dict[str, Any]:
    """The terms as they were agreed; {} for none."""
    if coupon is None:
        return {}
    amount = coupon.amount
    return {
        "code": coupon.code,
        "percent": None if coupon.percent is None else format(coupon.percent, "f"),
        "amount_micros": None if amount is None else amount.micros,
        "currency": "" if amount is None else amount.currency,
        "duration": coupon.duration.value,
        "months": coupon.months,
        "offerings": sorted(coupon.offerings),
    }


def from_json(stored: Mapping[str, Any]) -> Coupon | None:
    """The reverse of `to_json`; its limits were checked when it was taken."""
    if not stored:
        return None
    micros = stored["amount_micros"]
    return Coupon(
        code=stored["code"],
        percent=None if stored["percent"] is None else Decimal(stored["percent"]),
        amount=None if micros is None else Money(micros, stored["currency"]),
        duration=Duration(stored["duration"]),
        months=stored["months"],
        offerings=frozenset(stored["offerings"]),
    )


def _from_row(row: Any) -> Coupon:  # Any: a row of CouponRow
    return Coupon(
        code=row.code,
        percent=Decimal(row.percent) if row.percent else None,
        amount=None if row.amount_micros is None else Money(row.amount_micros, row.currency),
        duration=Duration(row.duration),
        months=row.periods or 0,
        max_redemptions=row.max_total,
        max_per_customer=row.max_per_customer,
        starts_at=row.starts_at,
        expires_at=row.ends_at,
        offerings=frozenset(row.offerings),
    )


# ---- samples of test mode


_SAMPLES = (
    Coupon("WELCOME20", percent=Decimal(20), duration=Duration.MONTHS, months=3),
    Coupon("TENOFF", amount=Money.parse("10")),
    Coupon("FOREVER5", percent=Decimal(5), duration=Duration.FOREVER),
    Coupon("OLDNEWS", percent=Decimal(50), expires_at=datetime(2024, 1, 1, tzinfo=UTC)),
)


def write(connection: Connection, coupon: Coupon) -> None:
    """Puts a coupon on offer; one that is there already stays as it is."""
    connection.execute(
        portable.insert(_C)
        .values(
            code=coupon.code,
            percent="" if coupon.percent is None else format(coupon.percent, "f"),
            amount_micros=None if coupon.amount is None else coupon.amount.micros,
            currency="USD" if coupon.amount is None else coupon.amount.currency,
            duration=coupon.duration.value,
            periods=coupon.months or None,
            max_total=coupon.max_redemptions,
            max_per_customer=coupon.max_per_customer,
            redeemed=0,
            starts_at=coupon.starts_at,
            ends_at=coupon.expires_at,
            offerings=sorted(coupon.offerings),
        )
        .on_conflict_do_nothing()
    )


def seed(connection: Connection) -> None:
    """The coupons every test-mode workspace knows."""
    for coupon in _SAMPLES:
        write(connection, coupon)
