"""An invoice made from the lines of another: the same goods, made out to other details or paid another way.

A discount that was given stays as it is on its line; credit and tax are computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import BillingDetails, InvoiceState
from services.db import money_models as mm
from services.domain.invoicing import Draft, Item, compose
from services.domain.taxes import Treatment
from services.embedded.core import Core, insert_into
from services.embedded.money.drafting import CREDIT, DISCOUNT, sums_of
from services.embedded.money.taxes import treatment_for

_I, _L = mm.InvoiceRow, mm.InvoiceLineRow
_LINES = sa.select(*_L.__table__.c).where(_L.invoice_uuid == sa.bindparam("invoice")).order_by(_L.position)

Line = dict[str, Any]  # the columns of an invoice line


def lines_of(connection: Connection, invoice_uuid: str) -> list[Line]:
    """The lines of an invoice in their order."""
    return [dict(row._mapping) for row in connection.execute(_LINES, {"invoice": invoice_uuid})]


def _is_charged(line: Line) -> bool:
    return not line["parent_uuid"] and line["kind"] not in (DISCOUNT, CREDIT)


def taxable(lines: Sequence[Line], currency: str) -> Money:
    """What the lines come to before credit and tax."""
    return Money(sum(line["amount_micros"] - line["discount_micros"] for line in lines if _is_charged(line)), currency)


def priced(
    lines: Sequence[Line],
    currency: str,
    treatment: Treatment,
    credit: Money | None,
    new_id: Callable[[], str],
) -> tuple[list[Line], dict[str, Any]]:
    """The lines with credit, net and tax as they are now, and the sums of the whole invoice."""
    goods = [line for line in lines if line["kind"] != CREDIT]
    charged = [line for line in goods if _is_charged(line)]
    items = [
        Item(line["uuid"], Money(line["amount_micros"] - line["discount_micros"], currency), line["kind"])
        for line in charged
    ]
    whole = compose(items, currency=currency, treatment=treatment, credit_available=credit)
    for line, part in zip(charged, whole.lines, strict=True):
        line |= {"credit_micros": part.credit.micros, "net_micros": part.net.micros, "tax_micros": part.tax.micros}
    if not whole.credit_applied.is_zero:
        goods.append(_credit_line(new_id(), goods[-1], -whole.credit_applied))
    for position, line in enumerate(goods):
        line["position"] = position
    return goods, _sums(charged, whole)


def _sums(charged: Sequence[Line], whole: Draft) -> dict[str, Any]:
    """The discounts are those of the lines, which `whole` was given without."""
    discount = sum(line["discount_micros"] for line in charged)
    return sums_of(whole) | {"discount_micros": discount, "subtotal_micros": whole.subtotal.micros + discount}


def _credit_line(uuid: str, like: Line, amount: Money) -> Line:
    return like | {
        "uuid": uuid, "parent_uuid": "", "kind": CREDIT, "params": {"from": "wallet"}, "quantity": "1",
        "unit_micros": None, "unit_per": None, "amount_micros": amount.micros, "discount_micros": 0,
        "credit_micros": 0, "net_micros": 0, "tax_micros": 0, "resource_uuid": "",
    }  # fmt: skip


def copy(
    core: Core, connection: Connection, row: Any, details: BillingDetails, credit: Money | None, at: datetime
) -> str:
    """A draft of the same goods made out to `details`, in the place of a final invoice. Returns its uuid."""
    uuid = core.ids.uuid()
    ids: dict[str, str] = {}
    lines = []
    for line in lines_of(connection, row.uuid):
        ids[line["uuid"]] = core.ids.uuid()
        parent = ids.get(line["parent_uuid"], "")
        lines.append(line | {"uuid": ids[line["uuid"]], "parent_uuid": parent, "invoice_uuid": uuid})
    goods, sums = priced(lines, row.currency, treatment_for(details), credit, core.ids.uuid)
    head = {
        **row._mapping, **sums, "uuid": uuid, "number": None, "state": InvoiceState.DRAFT.value,
        "corrects_uuid": row.uuid, "replaced_by_uuid": "", "details": asdict(details), "paid_micros": 0,
        "credited_micros": 0, "created_at": at, "issued_at": None, "due_at": None, "paid_at": None, "paid_with": "",
        "attempts": [],
    }  # fmt: skip
    connection.execute(insert_into(_I), head)
    connection.execute(insert_into(_L), goods)
    return uuid
