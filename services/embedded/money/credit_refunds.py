"""Unused paid credit goes back to the card it came from, its share of the tax with it, and the receipt is credited.

The books move when it is decided, so nobody can spend the credit meanwhile; the provider is asked afterwards, and again
by the sweep until it has sent the money (`outcomes`).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import WrongState
from services.api.money import Money
from services.api.types import InvoiceKind, InvoiceState
from services.db import money_models as mm
from services.domain import reversals, wallet
from services.domain.invoicing import Item
from services.domain.movements import Stamp
from services.domain.wallet import Grant, Share
from services.embedded.core import Core, insert_into
from services.embedded.money import alerts, charges, drafting, finalising, grants, ledger, payments, refunds, taxes
from services.embedded.money.drafting import NewInvoice
from services.embedded.money.happenings import note_happening
from services.embedded.money.payments import REFUND
from services.embedded.ways import TRANSFER, Way

CREDIT = "credit"  # what a refund is for

_G, _I, _L, _P = mm.GrantRow, mm.InvoiceRow, mm.InvoiceLineRow, mm.PaymentIntent
_PAID = sa.select(_G.uuid, _G.amount_micros, _G.tax_micros, _G.currency, _G.payment_uuid).where(
    _G.organization_uuid == sa.bindparam("of"), _G.payment_uuid != ""
)
_REFUNDED = sa.select(_P.subject).where(_P.organization_uuid == sa.bindparam("of"), _P.purpose == REFUND)


def refundable(connection: Connection, organization_uuid: str, loaded: list[Grant], at: datetime) -> dict[str, Share]:
    """Grant -> what may go back of it, without tax; nothing of credit that no card paid for."""
    before = refunded(connection, organization_uuid)
    paid = {
        row.uuid: Money(row.amount_micros - before.get(row.uuid, 0), row.currency)
        for row in connection.execute(_PAID, {"of": organization_uuid})
    }
    return {share.grant_id: share for share in wallet.refundable(loaded, paid, at)}


def refunded(connection: Connection, organization_uuid: str) -> dict[str, int]:
    """Grant -> micros without tax that went back already, or are on their way."""
    found: dict[str, int] = {}
    for subject in connection.execute(_REFUNDED, {"of": organization_uuid}).scalars():
        if subject.get("for") == CREDIT:
            found[subject["grant"]] = found.get(subject["grant"], 0) + subject["credit_micros"]
    return found


def tax_of(grant: Any, before: int, back: Money) -> Money:
    """The tax that goes along when `back` of a grant (a row) is refunded after `before` micros were."""
    return reversals.tax_share(
        credit=Money(grant.amount_micros, grant.currency),
        tax=Money(grant.tax_micros, grant.currency),
        refunded_before=Money(before, grant.currency),
        refunded_now=back,
    )


def open_refund(core: Core, connection: Connection, grant: Any, at: datetime) -> str:
    """Takes what may go back out of the wallet, with its credit note, and saves what to ask of the provider. Returns
    the payment's uuid. `grant`: its row. WrongState when nothing may."""
    organization = grant.organization_uuid
    ledger.lock(connection, organization)
    loaded = grants.load(connection, organization)
    share = refundable(connection, organization, loaded, at).get(grant.uuid)
    if share is None:
        raise WrongState(state=_why_not(grant, at))
    before = refunded(connection, organization).get(grant.uuid, 0)
    tax_back = tax_of(grant, before, share.amount)
    payment = payments.intent(connection, grant.payment_uuid)
    way = charges.read(connection, payment.charge_id, payment.way.provider, payment.amount.micros).way
    note_uuid, number = _credit_note(core, connection, payment.invoice_uuid, share.amount, tax_back, at)
    intent_uuid = payments.open_intent(
        core,
        connection,
        organization_uuid=organization,
        purpose=REFUND,
        subject={"for": CREDIT, "grant": grant.uuid, "credit_micros": share.amount.micros},
        way=Way(way),
        amount=share.amount + tax_back,
        at=at,
        invoice_uuid=note_uuid,
        charge_id=payment.charge_id,
    )
    card = payment.subject["paid_with"]
    stamp = Stamp(organization, f"refund:{intent_uuid}", at, {"grant": grant.uuid, "number": number, "card": card})
    if way == TRANSFER:  # the card cannot be credited any more: support sends it
        ledger.post(core, connection, reversals.owe_credit(stamp, [share], tax=tax_back))
    else:
        ledger.post(core, connection, reversals.refund_credit(stamp, [share], tax=tax_back, provider=way))
    note_happening(core, connection, organization, "credit_refunded", at, ref=f"credit:{grant.uuid}", number=number,
                   card=card, amount_micros=share.amount.micros, currency=grant.currency)  # fmt: skip
    alerts.after_change(core, connection, organization, at)
    return intent_uuid


def _why_not(grant: Any, at: datetime) -> str:
    if grant.is_frozen:
        return refunds.DISPUTED
    if not grant.payment_uuid:
        return str(grant.source)
    return "expired" if grant.expires_at is not None and grant.expires_at <= at else "spent"


def _credit_note(
    core: Core, connection: Connection, receipt_uuid: str, net: Money, tax: Money, at: datetime
) -> tuple[str, str]:
    """Takes a part of a receipt back, made out to whom the receipt was. Returns uuid and number of the note."""
    receipt = finalising.row_of(connection, receipt_uuid)
    item = Item("top_up", -net, "top_up", params={"number": receipt.number, "amount_micros": -net.micros},
                quantity=Decimal(1))  # fmt: skip
    details = taxes.details_from(receipt.details)
    new = NewInvoice(receipt.organization_uuid, (item,), net.currency, details=details, corrects_uuid=receipt_uuid)
    note_uuid = core.ids.uuid()
    rows = drafting.written(note_uuid, new, details, at, lambda _id: core.ids.uuid())
    total = -(net + tax)
    name, percent, _taxable, _tax, code = receipt.taxes[0]
    sums = {"taxes": [[name, percent, -net.micros, -tax.micros, code]], "tax_micros": -tax.micros,
            "total_micros": total.micros}  # fmt: skip
    connection.execute(insert_into(_I), rows.head | sums | {"kind": InvoiceKind.CREDIT_NOTE.value})
    connection.execute(insert_into(_L), [line | {"tax_micros": -tax.micros} for line in rows.lines])
    number = finalising.take_number(connection, InvoiceKind.CREDIT_NOTE, at)
    connection.execute(
        sa.update(_I)
        .where(_I.uuid == note_uuid)
        .values(
            state=InvoiceState.PAID.value, number=number, issued_at=at, due_at=at, paid_at=at,
            paid_micros=total.micros, paid_with=receipt.paid_with,
        )
    )  # fmt: skip
    connection.execute(
        sa.update(_I).where(_I.uuid == receipt_uuid).values(credited_micros=_I.credited_micros - total.micros)
    )
    return note_uuid, number
