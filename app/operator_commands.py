"""What an operator does from a shell: the books checked, what is due done, staff named, codes made.

Each command opens the same database as the window or the server and leaves it as a transaction would.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.compose import build_embedded
from app.settings import Settings
from services.api.errors import ServiceError
from services.api.money import AMOUNT_MAX, Money
from services.db import models as m
from services.db import money_models as mm
from services.domain.identity import normalize_email
from services.embedded.core import Core, insert_into
from services.embedded.money import corrections, due, happenings, ledger, writing_off
from services.embedded.money.duties import DUTIES

_I = mm.InvoiceRow

Done = tuple[int, Any]  # exit code, what to print: lines, or one JSON value
COUNT_MAX = 100_000  # months, days and redemptions of a code


class Refused(Exception):
    """The command cannot be done; the text says why."""


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Does one of the commands; returns the exit code: 1 for what was found wrong, 2 for what cannot be done."""
    try:
        code, told = asyncio.run(_run(arguments, settings))
    except (ServiceError, Refused) as error:
        print(f"souk: {error}", file=sys.stderr)
        return 2
    print(json.dumps(told, default=str, indent=2) if arguments.json else "\n".join(_lines(told)))
    return code


def _lines(told: Any) -> list[str]:
    if isinstance(told, dict):
        return [f"{name}: {value}" for name, value in told.items()]
    rows = [" ".join(f"{value}" for value in row.values()) if isinstance(row, dict) else str(row) for row in told]
    return rows or ["nothing"]


async def _run(arguments: argparse.Namespace, settings: Settings) -> Done:
    service = await build_embedded(settings, moves_in_time=True)
    try:
        return await COMMANDS[arguments.command](service.core, arguments)
    finally:
        service.close()


# ---- the books


async def _ledger(core: Core, arguments: argparse.Namespace) -> Done:
    return await core.db.read(lambda connection: LEDGER[arguments.what](core, connection))


def _verify(core: Core, connection: Connection) -> Done:
    found = ledger.verify(connection, core.ledger_key)
    told: dict[str, Any] = {"organizations": found.organizations, "transfers": found.transfers,
                            "entries": found.entries, "sound": found.fault is None}  # fmt: skip
    if found.fault is not None:
        told |= {"organization": found.fault.organization_uuid, "first bad row": found.fault.seq,
                 "what": found.fault.what, "detail": found.fault.detail}  # fmt: skip
    return (0 if found.fault is None else 1), told


def _balance(_core: Core, connection: Connection) -> Done:
    a, e = mm.LedgerAccount, mm.LedgerEntry
    rows = connection.execute(
        sa.select(a.kind, e.currency, sa.func.sum(e.amount_micros).label("micros"))
        .join(e, e.account_id == a.id)
        .group_by(a.kind, e.currency)
        .order_by(a.kind, e.currency)
    ).all()
    lines = [
        {"account": row.kind, "amount": Money(int(row.micros), row.currency).decimal(), "currency": row.currency}
        for row in rows
    ]
    left = dict.fromkeys((row.currency for row in rows), 0)
    for row in rows:
        left[row.currency] += int(row.micros)
    lines += [
        {"account": "trial balance", "amount": Money(micros, currency).decimal(), "currency": currency}
        for currency, micros in left.items()
    ]
    return int(any(left.values())), lines


LEDGER: dict[str, Callable[[Core, Connection], Done]] = {"verify": _verify, "balance": _balance}


# ---- time


async def _due(core: Core, _arguments: argparse.Namespace) -> Done:
    before = await core.db.read(happenings.newest_seq)
    await due.run_due(core, DUTIES, core.clock.now())
    told = await core.db.read(lambda connection: happenings.latest(connection, None, limit=1000, after=before))
    return 0, [{"at": one.at.isoformat(timespec="seconds"), "what": one.kind, **one.params} for one in reversed(told)]


# ---- staff


async def _staff(core: Core, arguments: argparse.Namespace) -> Done:
    if arguments.what == "list":
        emails = sa.select(m.User.email).where(m.User.is_staff).order_by(m.User.email)
        return 0, list(await core.db.read(lambda connection: connection.execute(emails).scalars().all()))
    is_staff = arguments.what == "add"
    change = sa.update(m.User).where(m.User.email == normalize_email(arguments.email)).values(is_staff=is_staff)
    changed = await core.db.run(lambda connection: connection.execute(change).rowcount)
    if not changed:
        raise Refused(f"nobody has an account with the address {arguments.email!r}")
    return 0, [f"{arguments.email} {'is' if is_staff else 'is not'} staff"]


# ---- codes


async def _codes(core: Core, arguments: argparse.Namespace) -> Done:
    if arguments.what == "list":
        return 0, await core.db.read(_list_codes)
    if not arguments.code.strip():
        raise Refused("a code needs a name, e.g. souk codes add SUMMER --percent 20")
    if sum(value is not None for value in (arguments.percent, arguments.off, arguments.credit)) != 1:
        raise Refused("say one of --percent, --off and --credit")
    _check_counts(arguments)
    table, row = _credit_code(arguments) if arguments.credit is not None else _coupon(arguments)
    await core.db.run(lambda connection: _add_code(connection, table, row))
    return 0, [f"{row['code']} works now"]


def _check_counts(arguments: argparse.Namespace) -> None:
    """Refused for a number below what makes sense, or above what a date or a database holds."""
    for name, least in (("months", 0), ("max_total", 1), ("valid_days", 1)):
        value = getattr(arguments, name)
        if value is not None and not least <= value <= COUNT_MAX:
            raise Refused(f"--{name.removesuffix('_total').replace('_', '-')} is {least} to {COUNT_MAX}")


def _list_codes(connection: Connection) -> list[dict[str, Any]]:
    coupons = connection.execute(sa.select(*mm.CouponRow.__table__.c).order_by(mm.CouponRow.code))
    credits = connection.execute(sa.select(*mm.CreditCode.__table__.c).order_by(mm.CreditCode.code))
    return [
        *({"code": row.code, "gives": f"{row.percent} % off" if row.percent else f"{_text(row)} off",
           "lasts": f"{row.periods} months" if row.periods else row.duration, "redeemed": row.redeemed}
          for row in coupons),
        *({"code": row.code, "gives": f"{_text(row)} credit", "lasts": f"{row.valid_days or 'no'} days",
           "redeemed": row.redeemed} for row in credits),
    ]  # fmt: skip


def _text(row: Any) -> str:  # Any: a row with an amount
    return f"{row.currency} {Money(row.amount_micros, row.currency).decimal()}"


def _amount(text: str) -> int:
    try:
        amount = Money.parse(text)
    except ValueError as error:
        raise Refused(str(error)) from error
    if not 0 < amount.micros <= AMOUNT_MAX or amount.rounded() != amount:
        raise Refused(f"{text!r} is not a number of whole cents above 0, up to a billion")
    return amount.micros


def _ends(arguments: argparse.Namespace) -> datetime | None:
    """The first instant after the last day."""
    if arguments.ends is None:
        return None
    try:
        return datetime.fromisoformat(arguments.ends).replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise Refused(f"{arguments.ends!r} is not a day such as 2027-01-31") from error


def _coupon(arguments: argparse.Namespace) -> tuple[type[m.Base], dict[str, Any]]:
    percent = ""
    if arguments.percent is not None:
        try:
            value = Decimal(arguments.percent)
        except InvalidOperation as error:
            raise Refused(f"{arguments.percent!r} is not a number") from error
        if not (value.is_finite() and 0 < value <= 100):
            raise Refused("a percentage is above 0 and at most 100")
        percent = format(value, "f")
    duration = {None: "once", 0: "forever"}.get(arguments.months, "months")
    return mm.CouponRow, {
        "code": arguments.code.strip().upper(), "percent": percent,
        "amount_micros": None if percent else _amount(arguments.off), "currency": "USD", "duration": duration,
        "periods": arguments.months or None, "max_total": arguments.max_total, "max_per_customer": 1, "redeemed": 0,
        "starts_at": None, "ends_at": _ends(arguments), "offerings": [],
    }  # fmt: skip


def _credit_code(arguments: argparse.Namespace) -> tuple[type[m.Base], dict[str, Any]]:
    return mm.CreditCode, {
        "code": arguments.code.strip().upper(), "kind": "promotional", "amount_micros": _amount(arguments.credit),
        "currency": "USD", "max_total": arguments.max_total, "redeemed": 0, "starts_at": None,
        "ends_at": _ends(arguments), "valid_days": arguments.valid_days, "priority": 0,
    }  # fmt: skip


def _add_code(connection: Connection, table: type[m.Base], row: dict[str, Any]) -> None:
    for kind in (mm.CouponRow, mm.CreditCode):
        if connection.execute(sa.select(kind.code).where(kind.code == row["code"])).first():
            raise Refused(f"{row['code']} exists already")
    connection.execute(insert_into(table), row)


# ---- invoices


async def _invoices(core: Core, arguments: argparse.Namespace) -> Done:
    if arguments.what == "list":
        return 0, await core.db.read(_open_invoices)
    act = {"void": corrections.void, "write-off": writing_off.write_off}[arguments.what]

    def work(connection: Connection) -> Done:
        uuid = connection.execute(sa.select(_I.uuid).where(_I.number == arguments.number)).scalar()
        if uuid is None:
            raise Refused(f"there is no invoice {arguments.number!r}")
        act(core, connection, uuid, core.clock.now())
        state = connection.execute(sa.select(_I.state).where(_I.uuid == uuid)).scalar_one()
        return 0, [f"{arguments.number} is {state}"]

    return await core.db.run(work)


def _open_invoices(connection: Connection) -> list[dict[str, Any]]:
    columns = (_I.number, _I.due_at, _I.total_micros - _I.paid_micros - _I.credited_micros, _I.currency, _I.state)
    rows = connection.execute(
        sa.select(*columns).where(_I.state.in_(["open", "uncollectible"])).order_by(_I.due_at, _I.number)
    )
    return [
        {"number": number, "due": due_at.date().isoformat() if due_at else "", "left": Money(left, currency).decimal(),
         "currency": currency, "state": state}
        for number, due_at, left, currency, state in rows
    ]  # fmt: skip


COMMANDS: dict[str, Callable[[Core, argparse.Namespace], Awaitable[Done]]] = {
    "ledger": _ledger,
    "due": _due,
    "staff": _staff,
    "codes": _codes,
    "invoices": _invoices,
}
