"""One call, from its reservation to its price: counted, its price set aside, then settled, or given back on failure.

Counting, caps and wallet are conditional UPDATEs in the transaction that writes the event, so none of them is ever
exceeded, whatever else runs at once. Whoever opens the transaction retries it when credit went meanwhile (`retrying`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import SubscriptionState, UsagePayment
from services.db import models as m
from services.db import money_models as mm
from services.db import portable
from services.domain import movements, rating, subscription_states
from services.domain.movements import Stamp
from services.domain.wallet import GrantKind, Share
from services.embedded.core import Core
from services.embedded.money import agreed, alerts, caps, due, grants, ledger, months, rollups

T = TypeVar("T")

EXPIRES = "hold_expires"  # the due item of a call whose process may have died
HELD_FOR = timedelta(minutes=5)
RACES_MAX = 20  # how often credit may be spent by somebody else between looking and taking

_E, _H, _S = m.UsageEvent, mm.HoldRow, mm.SubscriptionRow
_SUBSCRIPTION = (
    sa.select(*_S.__table__.c)
    .join(m.ResourceRow, m.ResourceRow.order_uuid == _S.order_uuid)
    .where(m.ResourceRow.uuid == sa.bindparam("resource"))
)
_PROJECT = sa.select(m.ResourceRow.project_uuid).where(m.ResourceRow.uuid == sa.bindparam("resource"))
_KNOWN = sa.select(_E.state).where(_E.source == sa.bindparam("from_source"), _E.id == sa.bindparam("with_id"))
_HOLD = portable.insert(_H)
_NEW_HOLD = _HOLD.on_conflict_do_update(  # a call that failed may be made again under its key
    index_elements=["organization_uuid", "key"],
    set_={name: _HOLD.excluded[name] for name in ("amount_micros", "currency", "shares", "state", "expires_at",
                                                  "created_at")},
)  # fmt: skip
_TAKEN = (_E.resource_uuid, _E.at, _E.quantity, _E.cost_micros, _E.currency, _E.paid_from, _E.key_uuid)
_RESERVED = (_E.source == sa.bindparam("from_source"), _E.id == sa.bindparam("with_id"), _E.state == "reserved")
_SETTLE = sa.update(_E).where(*_RESERVED).values(state="settled").returning(*_TAKEN)
_REMOVE = sa.delete(_E).where(*_RESERVED).returning(*_TAKEN)
_FINISH = (
    sa.update(_H)
    .where(_H.organization_uuid == sa.bindparam("of"), _H.key == sa.bindparam("call"), _H.state == "held")
    .values(state=sa.bindparam("new_state"))
    .returning(*_H.__table__.c)
)
_NEW_EVENT = portable.insert(_E).on_conflict_do_nothing().returning(_E.id)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a bought agent. (source, id) makes a repeat the same call; an agent's own key is its resource."""

    source: str
    id: str
    resource_uuid: str
    project_uuid: str
    user_uuid: str
    at: datetime
    key_uuid: str = ""
    purpose: str = "chat"

    @property
    def hold_key(self) -> str:
        return f"{self.source}:{self.id}"


@dataclass(frozen=True, slots=True)
class Reserved:
    """What the call will cost when it succeeds, and what pays: included | wallet | invoice."""

    cost: Money
    paid_from: str


async def retrying(core: Core, work: Callable[[Connection], T]) -> T:
    """One transaction, begun again when somebody else spent the credit it had looked at."""
    for _ in range(RACES_MAX):
        try:
            return await core.db.run(work)
        except ledger.BelowFloor:
            continue
    raise errors.DatabaseBusy


def subscription_of(connection: Connection, resource_uuid: str) -> Any:  # Any: a row of SubscriptionRow
    """The subscription a resource belongs to. NotFound."""
    row = connection.execute(_SUBSCRIPTION, {"resource": resource_uuid}).one_or_none()
    if row is None:
        raise errors.NotFound(what="subscription")
    return row


def check_serves(subscription: Any) -> None:
    """SubscriptionSuspended when an invoice is unpaid, WrongState when it is paused or over."""
    state = SubscriptionState(subscription.state)
    if subscription_states.serves(state):
        return
    if state is SubscriptionState.SUSPENDED:
        raise errors.SubscriptionSuspended(invoice_uuid=subscription.unpaid_invoice_uuid)
    raise errors.WrongState(state=state.value)


@dataclass(frozen=True, slots=True)
class NextCall:
    """What one more call would cost now, and what would pay: included | wallet | invoice | nothing."""

    cost: Money
    pays: str


def look(connection: Connection, subscription: Any, scopes: caps.Scopes, used: int, at: datetime) -> NextCall:
    """The price tag before a call, by the rules of `reserve`; writes nothing."""
    terms = agreed.rating_terms(subscription.terms, subscription.quantity)
    cost = rating.next_call(terms, used)
    if not subscription_states.serves(SubscriptionState(subscription.state)) or rating.refusal(terms, used):
        return NextCall(cost, "nothing")
    if cost.is_zero:
        return NextCall(cost, "included")
    if not caps.has_room(connection, scopes, cost, at):
        return NextCall(cost, "nothing")
    if not grants.balance(connection, subscription.organization_uuid, cost.currency, at) < cost:
        return NextCall(cost, "wallet")
    return NextCall(cost, "invoice" if _is_postpaid(subscription) else "nothing")


def _is_postpaid(subscription: Any) -> bool:
    return bool(subscription.usage_payment == UsagePayment.POSTPAID.value)


def reserve(core: Core, connection: Connection, call: Call) -> Reserved:
    """Counts a call and sets its price aside. RequestInProgress for a repeat, LimitReached, InsufficientCredit,
    SubscriptionSuspended, WrongState: nothing is written then (the transaction is the caller's)."""
    subscription = subscription_of(connection, call.resource_uuid)
    check_serves(subscription)
    start = months.month_of(subscription, call.at).start
    used = months.count(connection, call.resource_uuid, start, 1) - 1
    if connection.execute(_KNOWN, {"from_source": call.source, "with_id": call.id}).first() is not None:
        raise errors.RequestInProgress(key=call.id)
    terms = agreed.rating_terms(subscription.terms, subscription.quantity)
    if reason := rating.refusal(terms, used):
        raise errors.LimitReached(limit="plan", included=subscription.terms["included"], left=0, reason=reason)
    cost = rating.cost_of_call(terms, used)
    paid_from = "included"
    if not cost.is_zero:
        scopes = caps.Scopes(subscription.organization_uuid, call.project_uuid, call.key_uuid or call.resource_uuid)
        caps.reserve(connection, scopes, cost, call.at)
        paid_from = _set_aside(core, connection, subscription, call, cost)
    if not _write_event(connection, call, cost, paid_from):
        raise errors.RequestInProgress(key=call.id)
    months.add_cost(connection, call.resource_uuid, start, cost)
    due.schedule(connection, EXPIRES, call.hold_key, subscription.organization_uuid, call.at + HELD_FOR)
    return Reserved(cost, paid_from)


def _write_event(connection: Connection, call: Call, cost: Money, paid_from: str) -> bool:
    row = {
        "source": call.source, "id": call.id, "resource_uuid": call.resource_uuid, "meter": "calls", "quantity": 1,
        "at": call.at, "purpose": call.purpose, "state": "reserved", "cost_micros": cost.micros,
        "currency": cost.currency, "paid_from": paid_from, "would_cost_micros": 0,
        "key_uuid": call.key_uuid or call.resource_uuid, "user_uuid": call.user_uuid, "recorded_at": call.at,
        "invoice_uuid": "",
    }  # fmt: skip
    return connection.execute(_NEW_EVENT, row).first() is not None


def _set_aside(core: Core, connection: Connection, subscription: Any, call: Call, cost: Money) -> str:
    """The wallet when it can pay the whole price, else the next invoice when that was agreed."""
    organization = subscription.organization_uuid
    drawn = grants.draw(connection, organization, cost, call.at)
    if drawn.missing.is_zero:
        _hold(core, connection, organization, call, cost, drawn.shares)
        return "wallet"
    if _is_postpaid(subscription):
        return "invoice"
    balance = grants.balance(connection, organization, cost.currency, call.at)
    raise errors.InsufficientCredit(balance=balance.micros, price=cost.micros, currency=cost.currency)


def _hold(
    core: Core, connection: Connection, organization: str, call: Call, cost: Money, shares: Sequence[Share]
) -> None:
    stamp = _stamp(core, organization, "hold", call.hold_key, call.resource_uuid, call.at)
    ledger.post(core, connection, movements.hold(stamp, shares))
    connection.execute(
        _NEW_HOLD,
        {"organization_uuid": organization, "key": call.hold_key, "amount_micros": cost.micros,
         "currency": cost.currency,
         "shares": [[share.grant_id, share.kind.value, share.amount.micros] for share in shares],
         "state": "held", "expires_at": call.at + HELD_FOR, "created_at": call.at},
    )  # fmt: skip
    alerts.after_change(core, connection, organization, call.at)


def _stamp(core: Core, organization: str, what: str, hold_key: str, resource_uuid: str, at: datetime) -> Stamp:
    """Each attempt of a call is a movement of its own: that it happens once is kept by the event and its hold. The
    event of a call that failed is gone, so the movement says itself which agent was called."""
    memo = {"event": hold_key, "resource": resource_uuid}
    return Stamp(organization, f"{what}:{core.ids.uuid()}", at, memo)


def shares_of(hold: Any) -> tuple[Share, ...]:  # Any: a row of HoldRow
    """Who pays a hold, in the order drawn."""
    return tuple(Share(grant, GrantKind(kind), Money(micros, hold.currency)) for grant, kind, micros in hold.shares)


# ---- afterwards


def settle(core: Core, connection: Connection, source: str, event_id: str, at: datetime) -> Money | None:
    """The call succeeded: it is final and paid. Returns its price, None when it was not reserved (any more)."""
    event = _take(connection, source, event_id, _SETTLE)
    if event is None:
        return None
    subscription = subscription_of(connection, event.resource_uuid)
    cost = Money(event.cost_micros, event.currency)
    rollups.add(connection, event.resource_uuid, event.at, event.quantity, cost)
    if cost.is_zero:
        return cost
    caps.settle(connection, scopes_of(connection, subscription, event.resource_uuid, event.key_uuid), cost, event.at)
    if event.paid_from == "wallet":
        hold = _finish_hold(connection, subscription.organization_uuid, f"{source}:{event_id}", "settled")
        stamp = _stamp(core, subscription.organization_uuid, "settle", hold.key, event.resource_uuid, at)
        ledger.post(core, connection, movements.settle_hold(stamp, shares_of(hold), cost))
    return cost


def release(core: Core, connection: Connection, source: str, event_id: str, at: datetime) -> bool:
    """The call failed or never came back: it costs nothing and counts for nothing."""
    event = _take(connection, source, event_id, _REMOVE)
    if event is None:
        return False
    subscription = subscription_of(connection, event.resource_uuid)
    cost = Money(event.cost_micros, event.currency)
    start = months.counted_in(connection, subscription, event.resource_uuid, event.at)
    months.count(connection, event.resource_uuid, start, -event.quantity)
    months.add_cost(connection, event.resource_uuid, start, -cost)
    if not cost.is_zero:
        caps.release(
            connection, scopes_of(connection, subscription, event.resource_uuid, event.key_uuid), cost, event.at
        )
    hold = _finish_hold(connection, subscription.organization_uuid, f"{source}:{event_id}", "released")
    if hold is not None:
        stamp = _stamp(core, subscription.organization_uuid, "release", hold.key, event.resource_uuid, at)
        ledger.post(core, connection, movements.release_hold(stamp, shares_of(hold)))
        alerts.after_return(core, connection, subscription.organization_uuid, at)
    return True


def _take(connection: Connection, source: str, event_id: str, statement: sa.Executable) -> Any:
    """A reserved event, changed or removed by exactly one caller; None when somebody else was first."""
    due.drop(connection, f"{source}:{event_id}", EXPIRES)
    return connection.execute(statement, {"from_source": source, "with_id": event_id}).one_or_none()


def scopes_of(connection: Connection, subscription: Any, resource_uuid: str, key_uuid: str) -> caps.Scopes:
    """What a call of a resource by a key counts against."""
    project = connection.execute(_PROJECT, {"resource": resource_uuid}).scalar_one()
    return caps.Scopes(subscription.organization_uuid, project, key_uuid)


def _finish_hold(connection: Connection, organization: str, key: str, state: str) -> Any:  # Any: a row, or None
    return connection.execute(_FINISH, {"of": organization, "call": key, "new_state": state}).one_or_none()


def on_hold_expires(core: Core, connection: Connection, item: due.Due) -> None:
    """A process died before the answer came: the call is undone, its credit returns."""
    source, _, event_id = item.subject_uuid.partition(":")
    release(core, connection, source, event_id, item.at)


async def release_stale(core: Core, now: datetime) -> None:
    """Takes back the calls of a process that died before the answer came, also those a wrong clock put far ahead."""
    is_stale = sa.or_(_E.at <= now - HELD_FOR, _E.at > now + HELD_FOR)
    statement = sa.select(_E.source, _E.id).where(_E.state == "reserved", is_stale).order_by(_E.at, _E.source, _E.id)
    calls = await core.db.read(lambda connection: connection.execute(statement).all())

    def work(connection: Connection) -> None:
        for source, event_id in calls:
            release(core, connection, source, event_id, now)

    if calls:
        await core.db.run(work)
