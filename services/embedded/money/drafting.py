"""Invoices before they are final: items composed, lines written, to be changed or thrown away until a number is taken.

Also receipts of top-ups, which are final at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
_BORN = sa.select(_I.created_at).where(_I.uuid == sa.bindparam("invoice"))
_CLEAR = sa.delete(_L).where(_L.invoice_uuid == sa.bindparam("invoice"))
_CONTENTS = sa.update(_I).where(_I.uuid == sa.bindparam("invoice"), _I.state == InvoiceState.DRAFT.value)
DISCOUNT, CREDIT = "discount", "credit"  # the kinds of lines that say what was taken off others
TO_WALLET = "to_wallet"  # the kind of a line that balances what comes back as credit
CONTENTS = ("details", "taxes", "subtotal_micros", "discount_micros", "credit_micros", "tax_micros", "total_micros")


@dataclass(frozen=True, slots=True)
class NewInvoice:
    """What an invoice is to say. `credit_available`: wallet credit that may pay for it before tax (drawn when it is
    finalised). `period` is that of every item without one of its own in `periods` (by item id). `details` None: those
    of the organization now. `net_days` > 0: payable by then, not collected."""

    organization_uuid: str
    items: tuple[Item, ...]
    currency: str
    subscription_uuid: str = ""
    order_uuid: str = ""
    coupons: tuple[Coupon, ...] = ()
    credit_available: Money | None = None
    period: Period | None = None
    periods: Mapping[str, Period] = field(default_factory=dict)
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


@dataclass(frozen=True, slots=True)
class Written:
    """An invoice as its rows, nothing of them stored. `ids`: line uuid by item id."""

    head: dict[str, Any]
    lines: list[dict[str, Any]]
    ids: dict[str, str]


def written(
    uuid: str, new: NewInvoice, details: BillingDetails, at: datetime, line_id: Callable[[str], str]
) -> Written:
    """The rows of a draft made at `at`; `line_id` gives an item's line its uuid."""
    whole = composed(new, details)
    ids = {item.id: line_id(item.id) for item in (*(line.item for line in whole.lines), *whole.details)}
    lines = _Lines(uuid, new)
    for line in whole.lines:
        parts = {"discount_micros": line.discount.micros, "credit_micros": line.credit.micros,
                 "net_micros": line.net.micros, "tax_micros": line.tax.micros}  # fmt: skip
        lines.add(ids[line.item.id], "", line.item, line.amount, **parts)
        for detail in _details_below(line.item.id, whole.details):
            lines.add(ids[detail.id], ids[detail.parent], detail, detail.amount)
    for item in _taken_off(whole):
        lines.add(line_id(item.id), "", item, item.amount)
    return Written(_head(uuid, new, details, at) | sums_of(whole), lines.rows, ids)


def draft(core: Core, connection: Connection, new: NewInvoice, at: datetime) -> Stored:
    """Writes a draft made at `at` and returns its ids. ValueError when it comes to less than nothing: what goes back
    to the wallet is a line of its own (TO_WALLET)."""
    rows = draft_rows(core, connection, new, at)
    return Stored(rows.head["uuid"], rows.ids)


def draft_rows(core: Core, connection: Connection, new: NewInvoice, at: datetime) -> Written:
    """As `draft`; returns what it wrote."""
    details = new.details or details_of(connection, new.organization_uuid)
    rows = written(core.ids.uuid(), new, details, at, lambda _id: core.ids.uuid())
    if rows.head["total_micros"] < 0:
        raise ValueError("an invoice is not below nothing")
    connection.execute(insert_into(_I), rows.head)
    _store_lines(connection, rows)
    return rows


def redraft(core: Core, connection: Connection, uuid: str, new: NewInvoice) -> Stored:
    """Puts other contents in the place of a draft's: late usage that came within the grace period."""
    details = new.details or details_of(connection, new.organization_uuid)
    created_at = connection.execute(_BORN, {"invoice": uuid}).scalar_one()
    rows = written(uuid, new, details, created_at, lambda _id: core.ids.uuid())
    connection.execute(_CLEAR, {"invoice": uuid})
    changed = {name: value for name, value in rows.head.items() if name in CONTENTS}
    connection.execute(_CONTENTS, {"invoice": uuid, **changed})
    return _store_lines(connection, rows)


def _store_lines(connection: Connection, rows: Written) -> Stored:
    connection.execute(insert_into(_L), rows.lines)
    return Stored(rows.head["uuid"], rows.ids)


def _head(uuid: str, new: NewInvoice, details: BillingDetails, at: datetime) -> dict[str, Any]:
    period = new.period
    return {
        "uuid": uuid, "number": None, "kind": InvoiceKind.INVOICE.value, "state": InvoiceState.DRAFT.value,
        "organization_uuid": new.organization_uuid, "subscription_uuid": new.subscription_uuid,
        "order_uuid": new.order_uuid, "corrects_uuid": new.corrects_uuid, "replaced_by_uuid": "",
        "details": asdict(details), "paid_micros": 0, "credited_micros": 0, "currency": new.currency,
        "period_start": period.start if period else None, "period_end": period.end if period else None,
        "created_at": at, "issued_at": None, "due_at": None, "paid_at": None, "paid_with": "", "attempts": [],
    }  # fmt: skip


def sums_of(whole: Draft) -> dict[str, Any]:
    """The sums of an invoice as they are stored."""
    return {
        "taxes": [
            [tax.treatment.name, tax.treatment.percent, tax.taxable.micros, tax.tax.micros, tax.treatment.code]
            for tax in whole.taxes
        ],
        "subtotal_micros": whole.subtotal.micros,
        "discount_micros": whole.discount_total.micros,
        "credit_micros": whole.credit_applied.micros,
        "tax_micros": whole.tax_total.micros,
        "total_micros": whole.total.micros,
    }


def _details_below(parent: str, details: Sequence[Item]) -> list[Item]:
    """Everything under a line, depth first, so that a reader meets a parent before its parts."""
    found = []
    for item in details:
        if item.parent == parent:
            found += [item, *_details_below(item.id, details)]
    return found


def _taken_off(whole: Draft) -> list[Item]:
    """One item per coupon, one for the credit that pays: they lower the sum and carry no tax of their own."""
    currency = whole.subtotal.currency
    items = []
    for code in dict.fromkeys(share.coupon for share in whole.shares):
        off = sum((share.amount for share in whole.shares if share.coupon == code), Money.zero(currency))
        items.append(Item(f"coupon:{code}", -off, DISCOUNT, params={"code": code}))
    if not whole.credit_applied.is_zero:
        items.append(Item(CREDIT, -whole.credit_applied, CREDIT, params={"from": "wallet"}))
    return items


class _Lines:
    """The rows of an invoice's lines, in their order."""

    def __init__(self, invoice_uuid: str, new: NewInvoice) -> None:
        self.rows: list[dict[str, Any]] = []
        self._invoice = invoice_uuid
        self._new = new

    def add(self, uuid: str, parent: str, item: Item, amount: Money, **parts: int) -> None:
        """`parts`: what a charged line was lowered by, its net and its tax."""
        period = self._new.periods.get(item.id) or self._new.period
        row = {
            "invoice_uuid": self._invoice, "position": len(self.rows), "uuid": uuid, "parent_uuid": parent,
            "kind": item.kind, "params": dict(item.params), "quantity": format(item.quantity.normalize(), "f"),
            "unit_micros": item.unit.micros if item.unit else None, "unit_per": item.unit.per if item.unit else None,
            "amount_micros": amount.micros, "currency": amount.currency,
            "discount_micros": 0, "credit_micros": 0, "net_micros": 0, "tax_micros": 0,
            "period_start": period.start if period else None, "period_end": period.end if period else None,
            "subscription_uuid": item.subscription, "resource_uuid": item.resource,
        }  # fmt: skip
        self.rows.append(row | parts)
