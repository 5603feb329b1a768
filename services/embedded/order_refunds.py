"""Money of an order that goes back: an intent of our own first, a job that asks until the provider has done it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.db import models as m
from services.db import portable
from services.domain import movements, reversals
from services.domain.movements import Stamp
from services.embedded import asking, held
from services.embedded.core import Core, insert_into
from services.embedded.delivery import job_row
from services.embedded.money import ledger, payments, refunding, taken_back
from services.embedded.money.happenings import note_happening
from services.embedded.orders import refunded_with
from services.gateways.payments import AUTHORIZED, FAILED, Charge, ProviderRefused, ProviderUnreachable


def request_refund(core: Core, connection: Connection, order_uuid: str, amount: Money, resource_uuid: str) -> str:
    """Saves the intent to pay an agent back whose order has no invoice, because there were none then, and the job that
    carries it out. Returns its key, "" where there is nothing to ask a provider for."""
    if amount.is_zero:  # it cost nothing
        return ""
    p = m.PaymentRow
    paid = connection.execute(sa.select(p.provider, p.charge_id).where(p.order_uuid == order_uuid)).one()
    key = f"refund:{resource_uuid}"
    return _save(core, connection, key, order_uuid, paid.provider, paid.charge_id, amount, resource_uuid)


def give_back_late(core: Core, connection: Connection, order_uuid: str, answer: Charge, provider: str) -> None:
    """A charge came for an order after it was given up or another way had paid: all of it goes back to its own
    provider, once, and the order is as it was. What was taken is the buyer's until then; what is only held never was
    ours, and is let go. The order is locked."""
    r, at = m.RefundRow, core.clock.now()
    known = sa.select(r.key).where(r.order_uuid == order_uuid, r.charge_id == answer.id)
    if not answer.id or answer.amount.is_zero or connection.execute(known.limit(1)).first() is not None:
        return
    if answer.state != AUTHORIZED:
        organization = sa.select(m.OrderRow.organization_uuid).where(m.OrderRow.uuid == order_uuid)
        stamp = Stamp(connection.execute(organization).scalar_one(), _surplus(answer.id), at, {"order": order_uuid})
        ledger.post(core, connection, movements.pay_surplus(stamp, amount=answer.amount, provider=provider))
    _save(core, connection, _late(answer.id), order_uuid, provider, answer.id, answer.amount)


def _late(charge_id: str) -> str:
    """The key of a refund of what came late; any other names the agent, or the order in rows of an earlier version."""
    return f"refund:{charge_id}"


def _surplus(charge_id: str) -> str:
    """The key under which it came into the books."""
    return f"surplus:{charge_id}"


def _save(
    core: Core, connection: Connection, key: str, order_uuid: str, provider: str, charge_id: str, amount: Money,
    resource_uuid: str | None = None,
) -> str:  # fmt: skip
    now = core.clock.now()
    row = {"key": key, "order_uuid": order_uuid, "resource_uuid": resource_uuid, "provider": provider,
           "charge_id": charge_id, "amount_micros": amount.micros, "currency": amount.currency, "state": "sent",
           "created_at": now}  # fmt: skip
    new = connection.execute(
        portable.insert(m.RefundRow).values(row).on_conflict_do_nothing().returning(m.RefundRow.key)
    )
    if new.first() is not None:
        connection.execute(insert_into(m.Job), job_row("refund", key, now))
    return key


async def carry_out_refund(core: Core, key: str) -> None:
    """Asks the provider for a saved refund and writes it down, once. ProviderUnreachable: the job tries again."""
    if not key:
        return
    row = await core.db.read(
        lambda c: c.execute(sa.select(*m.RefundRow.__table__.c).where(m.RefundRow.key == key)).one()
    )
    if row.state == "done":
        return
    if row.charge_id and row.amount_micros:
        await core.db.read(lambda connection: _check_payable(connection, row))
        gateway = asking.reachable(core, row.provider)
        try:
            answer = await gateway.refund(row.charge_id, Money(row.amount_micros, row.currency), key=key)
            is_refused = answer.state == FAILED
        except ProviderRefused as refused:
            if refused.code != payments.REFUSED:
                raise ProviderUnreachable from refused
            is_refused = True
        if is_refused:  # money owed is never given up
            at = core.clock.now()
            if await core.db.run(lambda connection: taken_back.settle_of_order(core, connection, key, at)):
                return
            raise ProviderUnreachable
    await core.db.run(lambda connection: _record_refund(core, connection, row))


def _check_payable(connection: Connection, row: Any) -> None:
    """ProviderUnreachable while the charge is only held; and where no provider is named though no order's payment was
    ever without one: whose charge it is is not guessed."""
    held.check_taken(connection, row.charge_id)
    p = m.PaymentRow
    paid = sa.select(p.key).where(p.order_uuid == row.order_uuid, p.provider == "")
    if not row.provider and connection.execute(paid).first() is None:
        raise ProviderUnreachable


def _record_refund(core: Core, connection: Connection, row: Any) -> None:
    r, o = m.RefundRow, m.OrderRow
    done = connection.execute(sa.update(r).where(r.key == row.key, r.state == "sent").values(state="done"))
    if done.rowcount != 1:
        return
    if row.key == _late(row.charge_id):
        _record_late(core, connection, row)
        return
    order = connection.execute(
        sa.update(o)
        .where(o.uuid == row.order_uuid, o.paid_at.is_not(None))
        .values(refunded_micros=refunded_with(row.amount_micros))
        .returning(o.uuid, o.organization_uuid)
    ).one_or_none()
    if order is not None and row.charge_id:
        amount = Money(row.amount_micros, row.currency)
        refunding.sent_back(core, connection, order, row.key, amount, core.clock.now())


def _record_late(core: Core, connection: Connection, row: Any) -> None:
    """What had come in has gone again; nothing had where it was only held."""
    owner = sa.select(m.OrderRow.organization_uuid).where(m.OrderRow.uuid == row.order_uuid)
    organization, at = connection.execute(owner).scalar_one(), core.clock.now()
    if not ledger.is_posted(connection, organization, _surplus(row.charge_id)):
        return
    amount = Money(row.amount_micros, row.currency)
    stamp = Stamp(organization, row.key, at, {"order": row.order_uuid})
    ledger.post(core, connection, reversals.refund_card(stamp, amount=amount, provider=row.provider))
    note_happening(core, connection, organization, "refunded", at, ref=f"order:{row.order_uuid}",
                   amount_micros=amount.micros, currency=amount.currency)  # fmt: skip
