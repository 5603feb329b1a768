"""Credit bought with a card: what it costs with tax, and what happens when the provider has charged it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import BillingDetails, TopUpQuote
from services.domain.invoicing import Draft, Item
from services.domain.wallet import GrantKind
from services.embedded.core import Core
from services.embedded.money import alerts, drafting, finalising, grants, payments
from services.embedded.money.drafting import NewInvoice
from services.embedded.money.grants import NewGrant
from services.embedded.money.happenings import note_happening
from services.embedded.money.payments import Intent
from services.gateways.payments import Charge

TOP_UP, AUTO_TOP_UP = "top_up", "auto_top_up"


def _invoice(organization_uuid: str, credit: Money) -> NewInvoice:
    item = Item("top_up", credit, "top_up", params={"amount_micros": credit.micros}, quantity=Decimal(1))
    return NewInvoice(organization_uuid, (item,), credit.currency)


def compose(organization_uuid: str, credit: Money, details: BillingDetails) -> Draft:
    """Credit with its tax: prepaid credit is taxed when it is bought."""
    return drafting.composed(_invoice(organization_uuid, credit), details)


def quote(organization_uuid: str, credit: Money, details: BillingDetails) -> TopUpQuote:
    """What a top-up will charge."""
    whole = compose(organization_uuid, credit, details)
    treatment = whole.taxes[0].treatment
    return TopUpQuote(credit, whole.tax_total, whole.total, treatment.name, treatment.percent, treatment.code)


def subject_of(credit: Money, tax: Money, paid_with: str) -> dict[str, str | int]:
    """What a top-up's intent remembers until the provider has answered."""
    return {"credit_micros": credit.micros, "tax_micros": tax.micros, "currency": credit.currency,
            "paid_with": paid_with}  # fmt: skip


def settle(core: Core, connection: Connection, intent: Intent, _charge: Charge, at: datetime) -> None:
    """The charge succeeded: the credit is there for the very next call, with its receipt."""
    subject, organization = intent.subject, intent.organization_uuid
    credit = Money(subject["credit_micros"], subject["currency"])
    tax = Money(subject["tax_micros"], subject["currency"])
    provider = core.payments.name
    grant_uuid = grants.create(
        core,
        connection,
        NewGrant(organization, GrantKind.PAID, intent.purpose, credit, at, tax=tax, provider=provider,
                 payment_uuid=intent.uuid),
        at,
        {"source": intent.purpose, "payment": intent.uuid},
    )  # fmt: skip
    stored = drafting.draft(core, connection, _invoice(organization, credit), at)
    number = finalising.issue_receipt(connection, stored.uuid, at, paid_with=subject["paid_with"])
    payments.set_invoice(connection, intent.uuid, stored.uuid)
    kind = "auto_topped_up" if intent.purpose == AUTO_TOP_UP else "topped_up"
    note_happening(core, connection, organization, kind, at, ref=f"credit:{grant_uuid}", number=number,
                   amount_micros=credit.micros, currency=credit.currency, paid_with=subject["paid_with"])  # fmt: skip
    alerts.after_change(core, connection, organization, at)
