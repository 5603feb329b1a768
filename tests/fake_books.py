"""The books of one organization in the fake: credit, movements, invoices, what repeats. Use it through tests.fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.api.clock import Ids
from services.api.errors import InsufficientCredit
from services.api.money import Money
from services.api.types import (
    AutoTopUp,
    BillingDetails,
    Cap,
    Credit,
    CreditKind,
    Happening,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceState,
    Movement,
    MovementKind,
    Organization,
    Params,
    Subscription,
    TaxLine,
)
from services.domain import wallet
from services.domain.taxes import Treatment, tax_on

ZERO = Money.zero()
REFUNDABLE = ("top_up", "auto_top_up")  # credit that came from a card may go back to it
SERIES = {InvoiceKind.INVOICE: "SK", InvoiceKind.CREDIT_NOTE: "CN", InvoiceKind.RECEIPT: "RC"}


@dataclass
class Held:
    """A subscription and what the service keeps beside it. Period ends are boundaries `index` of the anchor."""

    subscription: Subscription
    token: str  # the card that pays
    anchor: datetime
    index: int
    worth: Money = ZERO  # paid for the running period and not credited yet
    remaining: timedelta | None = None  # of the period, while paused
    was_reminded: bool = False


@dataclass
class Books:
    """Everything about money of one organization."""

    organization: Organization
    all_books: Callable[[], Iterable[Books]]
    credits: list[Credit] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)  # oldest first
    invoices: dict[str, Invoice] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    caps: dict[str, Cap] = field(default_factory=dict)
    costs: list[tuple[datetime, str, Money]] = field(default_factory=list)  # instant, resource, cost of a call
    details: BillingDetails = field(default_factory=BillingDetails)
    alert: Money | None = None
    auto: AutoTopUp = field(default_factory=lambda: AutoTopUp(is_on=False))
    happenings: list[Happening] = field(default_factory=list)  # oldest first
    redeemed: list[str] = field(default_factory=list)
    paid: list[tuple[datetime, Money]] = field(default_factory=list)  # by card; refunds are negative
    receipts: dict[str, str] = field(default_factory=dict)  # credit -> receipt

    # ---- credit

    def grants(self) -> list[wallet.Grant]:
        """The credits as the rules see them."""
        return [
            wallet.Grant(
                one.uuid,
                wallet.GrantKind(one.kind.value),
                one.amount,
                one.left,
                one.priority,
                one.effective_at,
                one.expires_at,
                one.created_at,
            )
            for one in self.credits
        ]

    def balance(self, at: datetime) -> Money:
        """What can be spent at `at`."""
        return wallet.balance_at(self.grants(), at, "USD")

    def spendable(self, at: datetime) -> list[Credit]:
        """Credits with something left, in the order they are spent."""
        by_uuid = {one.uuid: one for one in self.credits}
        return [by_uuid[grant.id] for grant in wallet.in_order(self.grants()) if wallet.usable_at(grant, at)]

    def credit(self, uuid: str) -> Credit | None:
        """One credit."""
        return next((one for one in self.credits if one.uuid == uuid), None)

    def replace_credit(self, credit: Credit) -> None:
        """Puts a changed credit in its place."""
        self.credits = [credit if one.uuid == credit.uuid else one for one in self.credits]

    def move(self, ids: Ids, at: datetime, kind: MovementKind, amount: Money, params: Params) -> Movement:
        """Notes a change of the balance that has been made."""
        uuid = ids.uuid()
        movement = Movement(uuid, kind, at, amount, self.balance(at), params, f"movement:{uuid}")
        self.movements.append(movement)
        return movement

    def grant(
        self,
        ids: Ids,
        at: datetime,
        amount: Money,
        source: str,
        kind: MovementKind,
        *,
        credit_kind: CreditKind = CreditKind.PAID,
        expires_at: datetime | None = None,
        params: Params | None = None,
    ) -> Credit:
        """New credit, usable at once."""
        back = amount if source in REFUNDABLE else ZERO
        credit = Credit(ids.uuid(), credit_kind, source, amount, amount, 0, at, expires_at, at, back)
        self.credits.append(credit)
        self.move(ids, at, kind, amount, {"source": source, **(params or {})})
        return credit

    def take(self, at: datetime, amount: Money) -> None:
        """Draws credit in burn order. InsufficientCredit leaves everything as it was."""
        drawn = wallet.draw(self.grants(), amount, at)
        if not drawn.missing.is_zero:
            raise InsufficientCredit(balance=self.balance(at).micros, price=amount.micros)
        for share in drawn.shares:
            credit = next(one for one in self.credits if one.uuid == share.grant_id)
            left = credit.left - share.amount
            self.replace_credit(replace(credit, left=left, refundable=min(credit.refundable, left)))

    def spend(self, ids: Ids, at: datetime, amount: Money, kind: MovementKind, params: Params) -> Movement:
        """Draws credit and notes what for."""
        self.take(at, amount)
        return self.move(ids, at, kind, -amount, params)

    # ---- invoices

    def find_line(self, uuid: str) -> tuple[Invoice, InvoiceLine] | None:
        """A line of an invoice that was made."""
        found = ((invoice, line) for invoice in self.invoices.values() for line in invoice.lines if line.uuid == uuid)
        return next(found, None)

    def number(self, kind: InvoiceKind, at: datetime) -> str:
        """The next number of a series, without gaps; all organizations share it."""
        made = (one for books in self.all_books() for one in books.invoices.values())
        count = sum(one.kind is kind and bool(one.number) for one in made) + 1
        return f"{SERIES[kind]}-{at.year}-{count:06d}"

    def keep(self, invoice: Invoice) -> Invoice:
        """Adds or replaces an invoice."""
        self.invoices[invoice.uuid] = invoice
        return invoice

    def tell(self, ids: Ids, at: datetime, kind: str, params: Params, ref: str = "") -> Happening:
        """Notes what happened."""
        happening = Happening(ids.uuid(), at, kind, params, ref)
        self.happenings.append(happening)
        return happening


def roots(lines: Iterable[InvoiceLine]) -> list[InvoiceLine]:
    """The lines that are added up."""
    return [line for line in lines if not line.parent_uuid]


def tax_lines(taxable: Money, treatment: Treatment, country: str) -> tuple[TaxLine, ...]:
    """One line per rate; none without a country."""
    if not country:
        return ()
    tax = tax_on(taxable, treatment).tax
    return (TaxLine(treatment.name, treatment.percent, taxable, tax, treatment.code),)


def compose(
    books: Books,
    uuid: str,
    at: datetime,
    lines: tuple[InvoiceLine, ...],
    treatment: Treatment,
    *,
    details: BillingDetails | None = None,
    kind: InvoiceKind = InvoiceKind.INVOICE,
) -> Invoice:
    """An invoice that nobody has paid yet: subtotal - discount = taxable; + tax = total."""
    details = details or books.details
    reduced = [line.amount.rounded() for line in roots(lines) if line.kind == "discount"]
    subtotal = sum((line.amount.rounded() for line in roots(lines) if line.kind != "discount"), ZERO)
    discount = -sum(reduced, ZERO)
    taxes = tax_lines(subtotal - discount, treatment, details.country)
    tax = sum((line.amount for line in taxes), ZERO)
    total = subtotal - discount + tax
    spans = [line for line in lines if line.period_start]
    return Invoice(
        uuid=uuid,
        number="",
        kind=kind,
        state=InvoiceState.DRAFT,
        organization_uuid=books.organization.uuid,
        organization_name=books.organization.name,
        details=details,
        lines=lines,
        tax_lines=taxes,
        subtotal=subtotal,
        discount=discount,
        credit_applied=ZERO,
        tax=tax,
        total=total,
        paid=ZERO,
        credited=ZERO,
        due=total,
        period_start=spans[0].period_start if spans else None,
        period_end=spans[0].period_end if spans else None,
        created_at=at,
        issued_at=None,
        due_at=None,
        paid_at=None,
        subscription_uuid=next((line.subscription_uuid for line in lines), ""),
    )


def issued(books: Books, invoice: Invoice, at: datetime, *, net_days: int = 0) -> Invoice:
    """Final: it has a number and waits for payment."""
    number = books.number(invoice.kind, at)
    due_at = at + timedelta(days=net_days)
    return books.keep(
        replace(invoice, number=number, state=InvoiceState.OPEN, issued_at=at, due_at=due_at, expected_at=None)
    )


def settled(books: Books, invoice: Invoice, at: datetime, paid_with: str) -> Invoice:
    """Paid in full."""
    return books.keep(
        replace(
            invoice,
            state=InvoiceState.PAID,
            paid=invoice.paid + invoice.due,
            due=ZERO,
            paid_at=at,
            paid_with=paid_with,
        )
    )
