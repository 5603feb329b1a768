"""Money asked of a provider outside an order: the intent on disk, then the question under a key made from it.

What an answer means is decided by its purpose (outcomes.py). No transaction is open while the provider is asked; an
intent that nobody waits for any more is settled by the sweep from the provider's own record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import Action, Paid, PaymentState
from services.db import models as m
from services.db import money_models as mm
from services.embedded.core import Core, insert_into
from services.gateways.payments import Charge, ChargeRequest, ProviderUnreachable

LEASE = timedelta(seconds=20)
CONFIRMATION_LIFETIME = timedelta(days=1)
RETRY_PAUSES_S = (0.1, 0.4)  # a lost answer is asked for again before a person is told to wait
NOT_COMPLETED = errors.PaymentNotCompleted.code
CONFIRMATION_NEEDED = "confirmation_needed"  # what a payment fails with when nobody is there to confirm it
REFUND = "refund"  # the purpose that sends money back

_OPEN = (PaymentState.SENT.value, PaymentState.ACTION_REQUIRED.value)

_P = mm.PaymentIntent
_ROW = sa.select(*_P.__table__.c).where(_P.uuid == sa.bindparam("intent"))


@dataclass(frozen=True, slots=True)
class Intent:
    """What to ask the provider for; saved before it is sent."""

    uuid: str
    key: str
    organization_uuid: str
    purpose: str
    subject: dict[str, Any]  # what to do when it succeeded
    token: str = field(repr=False)
    charge_id: str
    amount: Money
    state: PaymentState
    error_code: str
    action_url: str
    invoice_uuid: str
    created_at: datetime


def open_intent(
    core: Core,
    connection: Connection,
    *,
    organization_uuid: str,
    purpose: str,
    subject: Mapping[str, Any],
    provider_token: str,
    amount: Money,
    at: datetime,
    invoice_uuid: str = "",
    charge_id: str = "",
) -> str:
    """Saves an intent made at `at` and returns its uuid. For a refund `charge_id` is the charge it goes back to."""
    uuid = core.ids.uuid()
    connection.execute(
        insert_into(_P),
        {"uuid": uuid, "key": f"intent:{uuid}", "organization_uuid": organization_uuid, "purpose": purpose,
         "subject": dict(subject), "provider_token": provider_token, "charge_id": charge_id,
         "amount_micros": amount.micros, "currency": amount.currency, "state": PaymentState.SENT.value,
         "error_code": "", "action_url": "", "invoice_uuid": invoice_uuid,
         "leased_until": core.clock.now() + LEASE, "created_at": at},
    )  # fmt: skip
    return uuid


def intent(connection: Connection, uuid: str, *, lock: bool = False) -> Intent:
    """A saved intent. NotFound."""
    statement = _ROW.with_for_update() if lock else _ROW
    row = connection.execute(statement, {"intent": uuid}).one_or_none()
    if row is None:
        raise errors.NotFound(what="payment")
    return Intent(
        uuid=row.uuid, key=row.key, organization_uuid=row.organization_uuid, purpose=row.purpose, subject=row.subject,
        token=row.provider_token, charge_id=row.charge_id, amount=Money(row.amount_micros, row.currency),
        state=PaymentState(row.state), error_code=row.error_code, action_url=row.action_url,
        invoice_uuid=row.invoice_uuid, created_at=row.created_at,
    )  # fmt: skip


def set_state(
    connection: Connection, uuid: str, state: PaymentState, *, charge: Charge | None = None, code: str = ""
) -> bool:
    """Compare-and-set of an unfinished intent; false when it has its outcome already."""
    values: dict[str, Any] = {"state": state.value, "error_code": code}
    if charge is not None:
        values |= {"charge_id": charge.id, "action_url": charge.action_url}
    changed = connection.execute(sa.update(_P).where(_P.uuid == uuid, _P.state.in_(_OPEN)).values(**values))
    return changed.rowcount == 1


def reopen(connection: Connection, found: Intent, now: datetime) -> Intent:
    """Somebody waits for the provider's answer (again). What was given up because the provider had never heard of it
    is asked for once more under its key; a charge that turned up afterwards is on its way back and pays for nothing."""
    was_given_up = found.state is PaymentState.FAILED and found.error_code == NOT_COMPLETED and not found.charge_id
    state = PaymentState.SENT if was_given_up else found.state
    connection.execute(
        sa.update(_P)
        .where(_P.uuid == found.uuid)
        .values(leased_until=now + LEASE, state=state.value, error_code="" if was_given_up else found.error_code)
    )
    return replace(found, state=state)


def send_back(core: Core, connection: Connection, found: Intent, charge: Charge, at: datetime) -> None:
    """A charge for something that was given up meanwhile goes back, once; the sweep carries it out."""
    turned_up = connection.execute(
        sa.update(_P).where(_P.uuid == found.uuid, _P.charge_id == "").values(charge_id=charge.id)
    )
    if turned_up.rowcount == 1:
        open_intent(
            core, connection, organization_uuid=found.organization_uuid, purpose=REFUND,
            subject={"given_up": found.uuid}, provider_token="", amount=charge.amount, charge_id=charge.id, at=at,
        )  # fmt: skip


def set_invoice(connection: Connection, uuid: str, invoice_uuid: str) -> None:
    """The document that belongs to a payment."""
    connection.execute(sa.update(_P).where(_P.uuid == uuid).values(invoice_uuid=invoice_uuid))


def renew_lease(connection: Connection, uuid: str, now: datetime) -> None:
    """Nothing is to be asked about it for a while."""
    connection.execute(sa.update(_P).where(_P.uuid == uuid).values(leased_until=now + LEASE))


def unheard(connection: Connection, now: datetime, uuid: str = "") -> list[str]:
    """Intents without an outcome that nobody waits for; a lease longer than any can be is not believed. Of one intent
    when `uuid` names it."""
    nobody_waits = sa.or_(_P.leased_until <= now, _P.leased_until > now + 2 * LEASE)
    statement = sa.select(_P.uuid).where(_P.state.in_(_OPEN), nobody_waits).order_by(_P.created_at, _P.uuid)
    if uuid:
        statement = statement.where(_P.uuid == uuid)
    return list(connection.execute(statement).scalars())


async def ask(core: Core, wanted: Intent) -> Charge | None:
    """The provider's answer under the intent's key, or None when it cannot be had now."""
    pauses = iter(RETRY_PAUSES_S)
    while True:
        try:
            if wanted.purpose == REFUND:
                return await core.payments.refund(wanted.charge_id, wanted.amount, key=wanted.key)
            request = ChargeRequest(wanted.amount, wanted.token, wanted.uuid)
            return await core.payments.charge(request, key=wanted.key)
        except ProviderUnreachable:
            pause = next(pauses, None)
            if pause is None:
                return None
            await asyncio.sleep(pause)


def told(found: Intent) -> Paid:
    """What a person is told: the payment, or why it did not happen. PaymentUnknown while nobody knows."""
    if found.state is PaymentState.FAILED:
        raise errors.all_errors().get(found.error_code, errors.PaymentFailed)(payment_uuid=found.uuid)
    if found.state is PaymentState.SENT and found.purpose != REFUND:
        raise errors.PaymentUnknown(payment_uuid=found.uuid)
    waits = found.state is PaymentState.ACTION_REQUIRED
    action = Action("redirect", found.action_url) if waits else None
    return Paid(found.uuid, found.state, found.amount, found.invoice_uuid, action)


@dataclass(frozen=True, slots=True)
class KnownCard:
    """A card of an organization: our token, the provider's, and what may be shown of it."""

    token: str
    provider_token: str = field(repr=False)
    label: str


def label_of(core: Core, provider_token: str) -> str:
    """ "Visa •••• 4242"; "" for a token the provider does not know."""
    facts = core.payments.describe(provider_token)
    return f"{facts.brand} •••• {facts.last4}" if facts else ""


def card(connection: Connection, organization_uuid: str, token: str = "") -> KnownCard | None:
    """A saved card of the organization: the named one, or the default; None when there is none."""
    c = m.PaymentCard
    statement = sa.select(c.token, c.provider_token, c.brand, c.last4).where(c.organization_uuid == organization_uuid)
    if token:
        statement = statement.where(c.token == token)
    row = connection.execute(statement.order_by(c.is_default.desc(), c.created_at).limit(1)).one_or_none()
    return None if row is None else KnownCard(row.token, row.provider_token, f"{row.brand} •••• {row.last4}")
