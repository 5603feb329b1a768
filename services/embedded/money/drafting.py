"""Invoices before they are final: items composed, lines written, to be changed or thrown away until a number is taken.

Also receipts of top-ups, which are final at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import BillingDetails, InvoiceKind, InvoiceState
from services.db import money_models as mm
from services.domain.discounts import Coupon
from services.domain.invoicing import Draft, Item, compose
from services.domain.periods import Period
from services.embedded.core import Core, insert_into
from services.embedded.money.taxes import details_of, treatment_for

_I, _L = mm.InvoiceRow, mm.InvoiceLineRow


@dataclass(frozen=True, slots=True)
class NewInvoice:
    """What an invoice is to say. `credit_available`: wallet credit that may pay for it before tax (drawn when it is
    finalised). `details` None: those of the organization now. `net_days` > 0: payable by then, not collected."""

    organization_uuid: str
    items: tuple[Item, ...]
    currency: str
    subscription_uuid: str = ""
    order_uuid: str = ""
    coupons: tuple[Coupon, ...] = ()
    credit_available: Money | None = None
    period: Period | None = None
    details: BillingDetails | None = None
    net_days: int = 0
    corrects_uuid: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A written line: its uuid by item id."""

    uuid: str
    lines: dict[str, str] = field(default_factory=dict)


def composed(new: NewInvoice, details: BillingDetails) -> Draft:
    """The arithmetic of `new`: the same function for checkout, preview, invoice and upcoming."""
    return compose(
        new.items,
        currency=new.currency,
        treatment=treatment_for(details),
        coupons=new.coupons,
        credit_available=new.credit_available,
    )


def draft(core: Core, connection: Connection, new: NewInvoice, at: datetime) -> Stored:
    """Writes a draft made at `at` and returns its ids."""
    details = new.details or details_of(connection, new.organization_uuid)
    uuid = core.ids.uuid()
    whole = composed(new, details)
    connection.execute(insert_into(_I), _head(uuid, new, details, whole, at))
    return Stored(uuid, write_lines(core, connection, uuid, whole, new.period))


def redraft(core: Core, connection: Connection, uuid: str, new: NewInvoice) -> Stored:
    """Puts other contents in the place of a draft's: late usage that came within the grace period."""
    details = new.details or details_of(connection, new.organization_uuid)
    whole = composed(new, details)
    connection.execute(sa.delete(_L).where(_L.invoice_uuid == uuid))
    connection.execute(
        sa.update(_I)
        .where(_I.uuid == uuid, _I.state == InvoiceState.DRAFT.value)
        .values(details=asdict(details), **_sums(whole))
    )
    return Stored(uuid, write_lines(core, connection, uuid, whole, new.period))


def _head(uuid: str, new: NewInvoice, details: BillingDetails, whole: Draft, at: datetime) -> dict[str, Any]:
    period = new.period
    return {
        "uuid": uuid, "number": None, "kind": InvoiceKind.INVOICE.value, "state": InvoiceState.DRAFT.value,
        "organization_uuid": new.organization_uuid, "subscription_uuid": new.subscription_uuid,
        "order_uuid": new.order_uuid, "corrects_uuid": new.corrects_uuid, "replaced_by_uuid": "",
        "details": asdict(details), "paid_micros": 0, "credited_micros": 0, "currency": new.currency,
        "period_start": period.start if period else None, "period_end": period.end if period else None,
        "created_at": at, "issued_at": None, "due_at": None, "paid_at": None, "paid_with": "", "attempts": [],
    } | _sums(whole)  # fmt: skip


def _sums(whole: Draft) -> dict[str, Any]:
    return {
        "taxes": [
            [tax.treatment.name, tax.treatment.percent, tax.taxable.micros, tax.tax.micros, tax.treatment.code]
            for tax in whole.taxes
        ],
        "subtotal_micros": whole.subtotal.micros,
        "discount_micros": whole.discount_total.micros,
        "credit_micros": whole.credit_applied.micros,
        "tax_micros": whole.tax_total.micros,
        "total_micros": whole.due.micros,
    }


def write_lines(
    core: Core, connection: Connection, invoice_uuid: str, whole: Draft, period: Period | None
) -> dict[str, str]:
    """Charged lines, what was taken off each of them, and the details that explain them. Returns item id -> line."""
    ids = {item.id: core.ids.uuid() for item in (*(line.item for line in whole.lines), *whole.details)}
    rows: list[dict[str, Any]] = []

    def add(values: dict[str, Any]) -> None:
        rows.append({"invoice_uuid": invoice_uuid, "position": len(rows)} | values)

    for line in whole.lines:
        parts = {"discount_micros": line.discount.micros, "credit_micros": line.credit.micros,
                 "net_micros": line.net.micros, "tax_micros": line.tax.micros}  # fmt: skip
        add(_line_row(ids[line.item.id], "", line.item, line.amount, period) | parts)
        for detail in _details_below(line.item.id, whole.details):
            add(_line_row(ids[detail.id], ids[detail.parent], detail, detail.amount, period))
    for values in _taken_off(core, whole, period):
        add(values)
    if rows:
        connection.execute(insert_into(_L), rows)
    return ids


def _details_below(parent: str, details: Sequence[Item]) -> list[Item]:
    """Everything under a line, depth first, so that a reader meets a parent before its parts."""
    found = []
    for item in details:
        if item.parent == parent:
            found += [item, *_details_below(item.id, details)]
    return found


def _taken_off(core: Core, whole: Draft, period: Period | None) -> list[dict[str, Any]]:
    """One line per coupon, one for the credit that pays: they lower the sum and carry no tax of their own."""
    currency = whole.subtotal.currency
    codes = dict.fromkeys(share.coupon for share in whole.shares)
    lines = []
    for code in codes:
        off = sum((share.amount for share in whole.shares if share.coupon == code), Money.zero(currency))
        item = Item(code, -off, "discount", params={"code": code})
        lines.append(_line_row(core.ids.uuid(), "", item, -off, period))
    if not whole.credit_applied.is_zero:
        item = Item("credit", -whole.credit_applied, "credit", params={"from": "wallet"})
        lines.append(_line_row(core.ids.uuid(), "", item, -whole.credit_applied, period))
    return lines


def _line_row(uuid: str, parent: str, item: Item, amount: Money, period: Period | None) -> dict[str, Any]:
    return {
        "uuid": uuid, "parent_uuid": parent, "kind": item.kind, "params": dict(item.params),
        "quantity": format(item.quantity, "f"), "unit_micros": item.unit.micros if item.unit else None,
        "unit_per": item.unit.per if item.unit else None, "amount_micros": amount.micros, "currency": amount.currency,
        "discount_micros": 0, "credit_micros": 0, "net_micros": 0, "tax_micros": 0,
        "period_start": period.start if period else None, "period_end": period.end if period else None,
        "subscription_uuid": item.subscription, "resource_uuid": item.resource,
    }  # fmt: skip
