"""Orders that are paid by bank transfer: how to pay them, what has come in, and its way through the books.

Money belongs to an order only while the order waits for a transfer: until it is delivered it is the buyer's (refunds);
once it is all there, it pays the invoice. As soon as another way to pay is taken, which is asked for the whole price,
what had come in is credit in the wallet, whatever becomes of the order then; so is all that comes for it later. An
order with a part of its money is neither given up by its buyer nor by time: it waits.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import Order, OrderState, PaymentMethod, PaymentState, Transfer
from services.db import models as m
from services.db import payment_models as pm
from services.db import portable
from services.domain import movements
from services.domain.movements import Stamp
from services.domain.wallet import GrantKind
from services.embedded.core import Core
from services.embedded.money import due, grants, ledger
from services.embedded.money.alerts import after_change
from services.embedded.money.grants import NewGrant
from services.embedded.money.happenings import note_happening
from services.embedded.ways import TRANSFER
from services.gateways.payments import PROCESSING, Charge

SOURCE = "transfer"  # of credit that came by one
ENDS = "transfer_expires"  # what is due when nobody has paid
KEPT_DAYS = 30  # an order waits that long for the first part of its money
NET_DAYS = 14  # from the order to its due date
_PREFIX, _REFERENCE_LENGTH = "SKT-", 10

_P, _T = m.PaymentRow, pm.TransferRow
_ROW = sa.select(_P.charge_id, _P.amount_micros, _P.currency, _P.created_at).where(
    _P.order_uuid == sa.bindparam("order"), _P.provider == TRANSFER
)
_PART = (_T.amount_micros - _T.surplus_micros).expression
_RECEIVED = sa.select(portable.sum_of(_PART)).where(_T.subject_uuid == sa.bindparam("of"))
_PARTS = (
    sa.select(_T.uuid, _T.reference, _T.currency, _PART.label("micros"))
    .where(_T.subject_uuid == sa.bindparam("of"), _T.surplus_micros < _T.amount_micros)
    .order_by(_T.marked_at, _T.uuid)
)
_ALL_IS_CREDIT = sa.update(_T).where(_T.subject_uuid == sa.bindparam("of")).values(surplus_micros=_T.amount_micros)


def reference_of(order_uuid: str) -> str:
    """What the buyer writes with the transfer; the end of an id is where chance is."""
    return f"{_PREFIX}{order_uuid[-_REFERENCE_LENGTH:].upper()}"


def named(connection: Connection, reference: str) -> str | None:
    """The order a reference was made from, whether it waits for money or not."""
    tail = reference.removeprefix(_PREFIX)
    if tail == reference or len(tail) != _REFERENCE_LENGTH or not (tail.isascii() and tail.isalnum()):
        return None
    order = m.OrderRow
    found = sa.select(order.uuid).where(order.uuid.like(f"%{tail.lower()}")).order_by(order.uuid).limit(1)
    return connection.execute(found).scalar()


def promised(order_uuid: str, amount: Money) -> Charge:
    """What stands for a provider's answer: the buyer will pay."""
    return Charge(reference_of(order_uuid), PROCESSING, amount)


def received(connection: Connection, subject_uuid: str) -> int:
    """Micros that came in for an order or invoice, without what was too much."""
    return int(connection.execute(_RECEIVED, {"of": subject_uuid}).scalar_one())


def instructions(core: Core, connection: Connection, order_uuid: str) -> Transfer | None:
    """How to pay an order that waits for a transfer; None for any other."""
    row = connection.execute(_ROW, {"order": order_uuid}).one_or_none()
    if row is None:
        return None
    come_in = received(connection, order_uuid)
    left = Money(row.amount_micros - come_in, row.currency)
    due_at = row.created_at + timedelta(days=NET_DAYS)
    return Transfer(row.charge_id, left, due_at, core.bank_account, Money(come_in, row.currency))


def with_transfer(core: Core, connection: Connection, order: Order) -> Order:
    """The order as its buyer sees it while it waits for the money."""
    waits = order.state is OrderState.PENDING_PROVIDER and order.payment_state is PaymentState.PROCESSING
    if not waits or order.payment_method is not PaymentMethod.INVOICE:
        return order
    return replace(order, transfer=instructions(core, connection, order.uuid))


def schedule_end(connection: Connection, order_uuid: str, at: datetime) -> None:
    """A promise that nobody keeps is over one day; does nothing for an order that is paid another way."""
    o = m.OrderRow
    found = sa.select(o.organization_uuid).join(_P, _P.order_uuid == o.uuid)
    organization = connection.execute(found.where(o.uuid == order_uuid, _P.provider == TRANSFER)).scalar()
    if organization is not None:
        due.schedule(connection, ENDS, order_uuid, organization, at + timedelta(days=KEPT_DAYS))


def note_arrival(core: Core, connection: Connection, organization_uuid: str, transfer_uuid: str, amount: Money,
                 at: datetime) -> None:  # fmt: skip
    """Money came in for an order that is not delivered yet."""
    stamp = Stamp(organization_uuid, f"transfer:{transfer_uuid}", at, {"transfer": transfer_uuid})
    ledger.post(core, connection, movements.receive_transfer(stamp, amount=amount, provider=TRANSFER))


def to_credit(core: Core, connection: Connection, organization_uuid: str, order_uuid: str, at: datetime) -> None:
    """The order does not wait for a transfer any more: what had come in for it is the buyer's credit, once."""
    parts = connection.execute(_PARTS, {"of": order_uuid}).all()
    if not parts:
        return
    amount, last = Money(sum(part.micros for part in parts), parts[0].currency), parts[-1]
    stamp = Stamp(organization_uuid, f"transfer_credited:{last.uuid}", at, {"order": order_uuid})
    ledger.post(core, connection, movements.apply_transfer(stamp, amount=amount, provider=TRANSFER))
    connection.execute(_ALL_IS_CREDIT, {"of": order_uuid})
    credit(core, connection, organization_uuid, last.reference, amount, at)


def credit(
    core: Core, connection: Connection, organization_uuid: str, reference: str, amount: Money, at: datetime
) -> None:
    """What came by transfer and pays for nothing is the buyer's to spend, and they are told."""
    grant = NewGrant(organization_uuid, GrantKind.PAID, SOURCE, amount, at, provider=TRANSFER)
    uuid = grants.create(core, connection, grant, at, {"source": SOURCE, "reference": reference})
    note_happening(core, connection, organization_uuid, "transfer_credited", at, ref=f"credit:{uuid}",
                   number=reference, amount_micros=amount.micros, currency=amount.currency)  # fmt: skip
    after_change(core, connection, organization_uuid, at)


def clear(core: Core, connection: Connection, organization_uuid: str, order_uuid: str, at: datetime) -> None:
    """The order is delivered: what came in for it pays its invoice."""
    row = connection.execute(_ROW, {"order": order_uuid}).one()
    amount = Money(received(connection, order_uuid), row.currency)
    if not amount.is_zero:
        stamp = Stamp(organization_uuid, f"transfer_applied:{order_uuid}", at, {"order": order_uuid})
        ledger.post(core, connection, movements.apply_transfer(stamp, amount=amount, provider=TRANSFER))
