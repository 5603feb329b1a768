"""What an unpaid invoice does to its subscription: past due, tried again, suspended, and restored by any payment.

The calendar is kept with the invoice (`attempts`) for buyer and support; its instants are due items.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.types import InvoiceState, SubscriptionState
from services.db import money_models as mm
from services.domain import dunning, subscription_states
from services.domain.subscription_states import Event
from services.embedded.core import Core
from services.embedded.money import due, finalising, renewals
from services.embedded.money.due import Due
from services.embedded.money.finalising import OVERDUE
from services.embedded.money.happenings import note_happening

COLLECT, SUSPEND = "collect", "suspend"
PLANNED, FAILED, SUCCEEDED, ACTION_REQUIRED = "planned", "failed", "succeeded", "action_required"
NOT_PAID_IN_TIME = "overdue"

_I, _S = mm.InvoiceRow, mm.SubscriptionRow
_SUBSCRIPTION = sa.select(*_S.__table__.c).where(_S.uuid == sa.bindparam("subscription"))

Attempts = list[list[str]]  # [instant, state, code] each


def subscription_of(connection: Connection, row: Any) -> Any:  # Any: a row of SubscriptionRow, or None
    """The subscription an invoice is for, locked until the transaction ends; None when it is for none."""
    if not row.subscription_uuid:
        return None
    locked = _SUBSCRIPTION.with_for_update()
    return connection.execute(locked, {"subscription": row.subscription_uuid}).one_or_none()


# ---- it was not paid


def attempt_failed(
    core: Core, connection: Connection, row: Any, attempt: int, code: str, at: datetime, *, state: str = FAILED
) -> None:
    """Collecting failed at `at`; attempt 0 is the first one, from which the calendar is made. Once per attempt."""
    if row.state != InvoiceState.OPEN.value or is_made(row.attempts, attempt):
        return
    made = [at.isoformat(), state, code]
    attempts = _first(connection, row, made, at) if attempt == 0 else _later(connection, row, made, attempt)
    connection.execute(sa.update(_I).where(_I.uuid == row.uuid).values(attempts=attempts))
    _blame(core, connection, row, at, code, attempt)


def is_made(attempts: Attempts, attempt: int) -> bool:
    """Whether this attempt has an outcome, or will not be made."""
    if attempt >= len(attempts):
        return attempt > 0  # the calendar was cut off before it
    return attempts[attempt][1] != PLANNED


def _first(connection: Connection, row: Any, made: list[str], at: datetime) -> Attempts:
    calendar = dunning.calendar(at, made[2])
    for number, instant in enumerate(calendar.attempts, 1):
        due.schedule(connection, COLLECT, row.uuid, row.organization_uuid, instant, part=str(number), attempt=number)
    due.schedule(connection, SUSPEND, row.uuid, row.organization_uuid, calendar.suspend_at)
    return [made, *([instant.isoformat(), PLANNED, ""] for instant in calendar.attempts)]


def _later(connection: Connection, row: Any, made: list[str], attempt: int) -> Attempts:
    if not dunning.is_hard(made[2]):
        return [*row.attempts[:attempt], made, *row.attempts[attempt + 1 :]]
    due.drop(connection, row.uuid, COLLECT)
    return [*row.attempts[:attempt], made]


def _blame(core: Core, connection: Connection, row: Any, at: datetime, code: str, attempt: int) -> None:
    subscription = subscription_of(connection, row)
    name = subscription.offering_name if subscription is not None else ""
    note_happening(core, connection, row.organization_uuid, "payment_failed", at, ref=f"invoice:{row.uuid}",
                   number=row.number, name=name, code=code, attempt=attempt,
                   amount_micros=finalising.owed_of(row).micros, currency=row.currency)  # fmt: skip
    if subscription is not None:
        _move(connection, subscription, Event.PAYMENT_FAILED, subscription.unpaid_invoice_uuid or row.uuid)


def _move(connection: Connection, subscription: Any, event: Event, unpaid: str) -> SubscriptionState:
    state = subscription_states.after(SubscriptionState(subscription.state), event)
    connection.execute(
        sa.update(_S)
        .where(_S.uuid == subscription.uuid)
        .values(state=state.value, unpaid_invoice_uuid=unpaid, version=_S.version + 1)
    )
    return state


def on_overdue(core: Core, connection: Connection, item: Due) -> None:
    """An invoice that nobody collects was not paid in time: seven days more, then what it pays for is suspended."""
    row = finalising.row_of(connection, item.subject_uuid)
    if row.state == InvoiceState.OPEN.value:
        _blame(core, connection, row, item.at, NOT_PAID_IN_TIME, 0)
        suspend_at = dunning.calendar(item.at, NOT_PAID_IN_TIME).suspend_at
        due.schedule(connection, SUSPEND, row.uuid, row.organization_uuid, suspend_at)


def on_suspend(core: Core, connection: Connection, item: Due) -> None:
    """The last retry has failed, and nobody has paid another way."""
    row = finalising.row_of(connection, item.subject_uuid)
    subscription = subscription_of(connection, row)
    if row.state != InvoiceState.OPEN.value or subscription is None:
        return
    before = SubscriptionState(subscription.state)
    if before is SubscriptionState.PAUSED:  # nothing is served that could be taken away before it goes on
        due.schedule(connection, SUSPEND, row.uuid, row.organization_uuid, subscription.resumes_at,
                     part=subscription.resumes_at.isoformat())  # fmt: skip
    state = _move(connection, subscription, Event.RETRIES_EXHAUSTED, subscription.unpaid_invoice_uuid or row.uuid)
    if state is SubscriptionState.SUSPENDED and state is not before:
        note_happening(core, connection, row.organization_uuid, "suspended", item.at, ref=f"invoice:{row.uuid}",
                       number=row.number, name=subscription.offering_name,
                       amount_micros=finalising.owed_of(row).micros, currency=row.currency)  # fmt: skip


# ---- nothing is owed any more


def settled(
    core: Core, connection: Connection, row: Any, at: datetime, *, attempt: int | None = None, is_paid: bool = True
) -> None:
    """After an invoice was paid, credited or voided: its calendar ends and its subscription is restored. `row` is as
    it was before; `attempt`: the planned one that succeeded; `is_paid` false: nothing was collected."""
    due.drop(connection, row.uuid, COLLECT, SUSPEND, OVERDUE)
    if row.attempts:
        kept = [made for made in row.attempts if made[1] != PLANNED]
        if is_paid and (attempt is None or attempt >= len(row.attempts) or row.attempts[attempt][1] == PLANNED):
            kept.append([at.isoformat(), SUCCEEDED, ""])
        connection.execute(sa.update(_I).where(_I.uuid == row.uuid).values(attempts=kept))
    subscription = subscription_of(connection, row)
    if subscription is not None and subscription.unpaid_invoice_uuid == row.uuid:
        _restore(core, connection, subscription, row, at)


def _restore(core: Core, connection: Connection, subscription: Any, row: Any, at: datetime) -> None:
    if other := _other_unpaid(connection, subscription, row.uuid):
        connection.execute(sa.update(_S).where(_S.uuid == subscription.uuid).values(unpaid_invoice_uuid=other))
        return
    before = SubscriptionState(subscription.state)
    state = _move(connection, subscription, Event.PAID, "")
    if state is not before:
        if before is SubscriptionState.SUSPENDED:
            renewals.go_on(core, connection, subscription.uuid, at)
        note_happening(core, connection, row.organization_uuid, "restored", at, ref=f"invoice:{row.uuid}",
                       number=row.number, name=subscription.offering_name)  # fmt: skip


def _other_unpaid(connection: Connection, subscription: Any, invoice_uuid: str) -> str | None:
    """The oldest other invoice of the subscription whose payment has failed too."""
    rows = connection.execute(
        sa.select(_I.uuid, _I.attempts, mm.DueItem.key)
        .outerjoin(mm.DueItem, sa.and_(mm.DueItem.subject_uuid == _I.uuid, mm.DueItem.kind == SUSPEND))
        .where(
            _I.subscription_uuid == subscription.uuid,
            _I.state == InvoiceState.OPEN.value,
            _I.uuid != invoice_uuid,
        )
        .order_by(_I.issued_at, _I.uuid)
    )
    return next((row.uuid for row in rows if row.attempts or row.key), None)


def hand_over(connection: Connection, row: Any, new_uuid: str) -> None:
    """The calendar of an unpaid invoice goes on with the one that replaces it, so that a correction buys no time."""
    d = mm.DueItem
    items = connection.execute(
        sa.select(d.kind, d.due_at, d.params).where(
            d.subject_uuid == row.uuid, d.kind.in_([COLLECT, SUSPEND, OVERDUE]), d.done_at.is_(None)
        )
    ).all()
    for item in items:
        part = str(item.params.get("attempt", ""))
        due.schedule(connection, item.kind, new_uuid, row.organization_uuid, item.due_at, part=part, **item.params)
    due.drop(connection, row.uuid, COLLECT, SUSPEND, OVERDUE)
    connection.execute(sa.update(_I).where(_I.uuid == new_uuid).values(attempts=row.attempts, due_at=row.due_at))
    connection.execute(sa.update(_S).where(_S.unpaid_invoice_uuid == row.uuid).values(unpaid_invoice_uuid=new_uuid))
