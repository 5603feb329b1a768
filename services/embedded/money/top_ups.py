"""Credit bought with a card: what it costs with tax, and what happens when the provider has charged it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import BillingDetails, TopUpQuote
from services.domain.invoicing import Item
from services.domain.taxes import UNTAXED
from services.domain.wallet import GrantKind
from services.embedded.asking import Sent
from services.embedded.core import Core
from services.embedded.money import alerts, drafting, finalising, grants, payments, taxes
from services.embedded.money.alerts import AUTO_TOP_UP
from services.embedded.money.drafting import NewInvoice
from services.embedded.money.grants import NewGrant
from services.embedded.money.happenings import note_happening
from services.embedded.money.payments import Intent
from services.embedded.ways import Way
from services.gateways.payments import Charge

TOP_UP = "top_up"


def _invoice(organization_uuid: str, credit: Money, details: BillingDetails) -> NewInvoice:
    item = Item("top_up", credit, "top_up", params={"amount_micros": credit.micros}, quantity=Decimal(1))
    return NewInvoice(organization_uuid, (item,), credit.currency, details=details)


def quote(organization_uuid: str, credit: Money, details: BillingDetails) -> TopUpQuote:
    """What a top-up will charge: prepaid credit is taxed when it is bought."""
    whole = drafting.composed(_invoice(organization_uuid, credit, details), details)
    treatment = whole.taxes[0].treatment
    note = "" if treatment == UNTAXED else treatment.code
    return TopUpQuote(credit, whole.tax_total, whole.total, treatment.name, treatment.percent, note)


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is bought for whom; kept with the intent until the provider has answered."""

    organization_uuid: str
    credit: Money
    details: BillingDetails  # the receipt is made out to whom the tax was computed for, whatever is changed meanwhile
    way: Way
    sent: Sent
    cause: str = ""  # key of what made an automatic one due


def open_intent(core: Core, connection: Connection, purpose: str, wanted: Purchase, at: datetime) -> str:
    """Saves what the card will be asked for. Returns the payment's uuid."""
    told = quote(wanted.organization_uuid, wanted.credit, wanted.details)
    subject = {
        "credit_micros": told.credit.micros, "tax_micros": told.tax.micros, "currency": told.credit.currency,
        "details": asdict(wanted.details), "paid_with": wanted.way.label, "cause": wanted.cause,
    }  # fmt: skip
    return payments.open_intent(
        core,
        connection,
        organization_uuid=wanted.organization_uuid,
        purpose=purpose,
        subject=subject,
        way=wanted.way,
        sent=wanted.sent,
        amount=told.total,
        at=at,
    )


def settle(core: Core, connection: Connection, intent: Intent, charge: Charge, at: datetime) -> None:
    """The charge succeeded: the credit is there for the very next call, with its receipt."""
    subject, organization = intent.subject, intent.organization_uuid
    credit = Money(subject["credit_micros"], subject["currency"])
    tax = Money(subject["tax_micros"], subject["currency"])
    label, _card = payments.kept(core, connection, intent, charge, at)
    grant_uuid = grants.create(
        core,
        connection,
        NewGrant(organization, GrantKind.PAID, intent.purpose, credit, at, tax=tax, provider=intent.way.provider,
                 payment_uuid=intent.uuid),
        at,
        {"source": intent.purpose, "payment": intent.uuid, "card": label},
    )  # fmt: skip
    invoice = _invoice(organization, credit, taxes.details_from(subject["details"]))
    stored = drafting.draft(core, connection, invoice, at)
    number = finalising.issue_receipt(connection, stored.uuid, at, paid_with=label)
    payments.set_invoice(connection, intent.uuid, stored.uuid)
    is_automatic = intent.purpose == AUTO_TOP_UP
    if is_automatic:
        alerts.save_settings(connection, organization, auto_problem="")
    kind = "auto_topped_up" if is_automatic else "topped_up"
    note_happening(core, connection, organization, kind, at, ref=f"credit:{grant_uuid}", number=number,
                   amount_micros=credit.micros, currency=credit.currency, paid_with=label)  # fmt: skip
    alerts.after_change(core, connection, organization, at)


def fail_automatic(core: Core, connection: Connection, intent: Intent, code: str, at: datetime) -> None:
    """A refused card is not tried again before a person has looked at it; what the provider never heard of is."""
    if code == payments.NOT_COMPLETED:
        alerts.after_change(core, connection, intent.organization_uuid, core.clock.now())
    else:
        alerts.note_problem(core, connection, intent.organization_uuid, code, at)
