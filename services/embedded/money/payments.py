"""Money asked of a provider outside an order: the intent on disk, then the question under a key made from it.

What an answer means is decided by its purpose (outcomes.py). No transaction is open while the provider is asked; an
intent that nobody waits for any more is settled by the sweep from the provider's own record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import Action, Paid, PaymentMethod, PaymentState
from services.db import money_models as mm
from services.domain import movements
from services.domain.movements import Stamp
from services.embedded import asking, held, refusals
from services.embedded.asking import Question, Sent
from services.embedded.core import Core, insert_into
from services.embedded.money import kept_methods, ledger
from services.embedded.ways import TRANSFER, Way, label_of
from services.gateways.payments import Charge, ProviderRefused, ProviderUnreachable

LEASE = timedelta(seconds=20)
PROCESSING_LEASE = timedelta(minutes=15)  # a bank takes days: it is not asked about every few seconds
CONFIRMATION_LIFETIME = timedelta(days=1)
NOT_COMPLETED = errors.PaymentNotCompleted.code
CONFIRMATION_NEEDED = errors.ConfirmationNeeded.code  # of a payment that nobody was there to confirm
REFUSED = "request_invalid"  # of a refund that a provider looked at: any other refusal says nothing about it
REFUND = "refund"  # the purpose that sends money back
GIVEN_UP = "given_up"  # what a refund is for when its charge paid for nothing; without it (once) the books know nothing

OPEN = (PaymentState.SENT.value, PaymentState.ACTION_REQUIRED.value, PaymentState.PROCESSING.value)
WITH_PROVIDER = (PaymentState.SENT.value, PaymentState.PROCESSING.value)  # nobody can do anything but wait

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
    way: Way
    sent: Sent = field(repr=False)
    charge_id: str
    amount: Money
    state: PaymentState
    error_code: str
    action_url: str
    invoice_uuid: str
    expires_at: datetime | None
    created_at: datetime

    @property
    def question(self) -> Question:
        """As a provider is asked."""
        return Question(
            self.key, self.uuid, self.organization_uuid, self.way, self.amount, self.sent, self.created_at,
            self.charge_id,
        )  # fmt: skip


def open_intent(
    core: Core,
    connection: Connection,
    *,
    organization_uuid: str,
    purpose: str,
    subject: Mapping[str, Any],
    way: Way,
    amount: Money,
    at: datetime,
    sent: Sent | None = None,
    invoice_uuid: str = "",
    charge_id: str = "",
) -> str:
    """Saves an intent made at `at` and returns its uuid. For a refund `charge_id` is the charge it goes back to, and
    `way` names its provider."""
    uuid = core.ids.uuid()
    connection.execute(
        insert_into(_P),
        {"uuid": uuid, "key": f"intent:{uuid}", "organization_uuid": organization_uuid, "purpose": purpose,
         "subject": dict(subject), "provider": way.provider, "method": way.method.value,
         "provider_token": way.token, "sent": sent.to_json() if sent else {}, "charge_id": charge_id,
         "expires_at": None,
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
        way=Way(row.provider, PaymentMethod(row.method), row.provider_token), sent=Sent.from_json(row.sent),
        charge_id=row.charge_id, amount=Money(row.amount_micros, row.currency), state=PaymentState(row.state),
        error_code=row.error_code, action_url=row.action_url, invoice_uuid=row.invoice_uuid,
        expires_at=row.expires_at, created_at=row.created_at,
    )  # fmt: skip


def set_state(
    connection: Connection, uuid: str, state: PaymentState, *, charge: Charge | None = None, code: str = ""
) -> bool:
    """Compare-and-set of an unfinished intent; false when it has its outcome already."""
    values: dict[str, Any] = {"state": state.value, "error_code": code}
    if charge is not None:
        values |= {"charge_id": charge.id, "action_url": charge.action_url, "expires_at": charge.expires_at}
    changed = connection.execute(sa.update(_P).where(_P.uuid == uuid, _P.state.in_(OPEN)).values(**values))
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
    """A charge for something that was given up, ran out or was paid another way goes back in full, once: it came, and
    is the buyer's until the sweep has sent it. `found` is locked."""
    refund = sa.select(_P.uuid).where(
        _P.organization_uuid == found.organization_uuid, _P.purpose == REFUND, _P.provider == found.way.provider,
        _P.charge_id == charge.id,
    )  # fmt: skip
    if connection.execute(refund.limit(1)).first() is not None:
        return
    stamp = Stamp(found.organization_uuid, f"surplus:{found.uuid}", at, {"payment": found.uuid})
    surplus = movements.pay_surplus(stamp, amount=charge.amount, provider=found.way.provider)
    if not ledger.post(core, connection, surplus).is_new:
        return
    connection.execute(sa.update(_P).where(_P.uuid == found.uuid).values(charge_id=charge.id))
    open_intent(
        core, connection, organization_uuid=found.organization_uuid, purpose=REFUND,
        subject={"for": GIVEN_UP, "given_up": found.uuid, "ref": _ref(found)}, way=Way(found.way.provider),
        amount=charge.amount, charge_id=charge.id, at=at,
    )  # fmt: skip


def _ref(found: Intent) -> str:
    """What explains its amount."""
    return f"invoice:{found.invoice_uuid}" if found.invoice_uuid else f"wallet:{found.organization_uuid}"


def set_invoice(connection: Connection, uuid: str, invoice_uuid: str) -> None:
    """The document that belongs to a payment."""
    connection.execute(sa.update(_P).where(_P.uuid == uuid).values(invoice_uuid=invoice_uuid))


def renew_lease(connection: Connection, uuid: str, now: datetime, lease: timedelta = LEASE) -> None:
    """Nothing is to be asked about it for a while."""
    connection.execute(sa.update(_P).where(_P.uuid == uuid).values(leased_until=now + lease))


def unheard(connection: Connection, now: datetime, uuid: str = "") -> list[str]:
    """Intents without an outcome that nobody waits for; a lease longer than any can be is not believed. Of one intent
    when `uuid` names it."""
    longest = sa.case((_P.state == PaymentState.PROCESSING.value, now + 2 * PROCESSING_LEASE), else_=now + 2 * LEASE)
    nobody_waits = sa.or_(_P.leased_until <= now, _P.leased_until > longest)
    # what support sends by transfer is known from support alone
    statement = (
        sa.select(_P.uuid)
        .where(_P.state.in_(OPEN), _P.provider != TRANSFER, nobody_waits)
        .order_by(_P.created_at, _P.uuid)
    )
    if uuid:
        statement = statement.where(_P.uuid == uuid)
    return list(connection.execute(statement).scalars())


async def ask(core: Core, wanted: Intent) -> Charge | None:
    """The provider's answer under the intent's key, or None when it cannot be had now."""
    if wanted.purpose != REFUND:
        return await asking.charge(core, wanted.question)
    return await asking.patiently(partial(refund, core, wanted))


async def refund(core: Core, wanted: Intent) -> Charge:
    """Sends money back under the intent's key. ProviderUnreachable, also when the provider would not be asked: money
    owed is never given up."""
    await core.db.read(lambda connection: held.check_taken(connection, wanted.charge_id))
    gateway = asking.reachable(core, wanted.way.provider)
    reason = str(wanted.subject.get("reason", ""))
    try:
        return await gateway.refund(wanted.charge_id, wanted.amount, key=wanted.key, reason=reason)
    except ProviderRefused as refused:
        raise RefundRefused if refused.code == REFUSED else ProviderUnreachable from refused


class RefundRefused(ProviderUnreachable):
    """The provider has looked at it, and has not sent it."""


def told(found: Intent) -> Paid:
    """What a person is told: the payment, or why it did not happen. PaymentUnknown while nobody knows."""
    if found.state in (PaymentState.FAILED, PaymentState.CANCELED):
        raise refusals.error_of(found.error_code or refusals.GIVEN_UP, payment_uuid=found.uuid)
    if found.state is PaymentState.SENT and found.purpose != REFUND:
        raise errors.PaymentUnknown(payment_uuid=found.uuid)
    waits = found.state is PaymentState.ACTION_REQUIRED
    action = Action("redirect", found.action_url, found.expires_at) if waits else None
    return Paid(found.uuid, found.state, found.amount, found.invoice_uuid, action)


def kept(core: Core, connection: Connection, found: Intent, charge: Charge, at: datetime) -> tuple[str, str]:
    """What a payment was made with, as it is shown, and our token of what was given on a page: kept for next time."""
    label = str(found.subject.get("paid_with", ""))
    if label or charge.method is None:
        return label, ""
    label, card = label_of(charge.method), ""
    connection.execute(sa.update(_P).where(_P.uuid == found.uuid).values(subject=found.subject | {"paid_with": label}))
    if charge.method.token:
        provider = found.way.provider
        card = kept_methods.keep(core, connection, found.organization_uuid, provider, charge.method, at)
    return label, card
