"""Invoices on `books`: made, finalised, paid, and read as they stand."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from services.api.money import Money, Rate
from services.api.types import BillingDetails, Invoice
from services.db import money_models as mm
from services.domain.invoicing import Item
from services.domain.ledger import AccountKind
from services.domain.periods import Period
from services.embedded.money import drafting, finalising, invoice_views
from services.embedded.money.drafting import NewInvoice
from tests.contract.embedded import START
from tests.embedded.money.books import PROVIDER, Books, at, usd

GERMAN = BillingDetails("Lovelace GmbH", ("Torstraße 1", "10119 Berlin"), "DE", "DE136695976", "billing@example.com")
FRENCH = BillingDetails("Lovelace SARL", ("1 rue de Rivoli",), "FR", "FR40303265045")
NOBODY = BillingDetails()
MONTH = Period(START, at(days=30))


def fee(text: str = "29", item: str = "fee", **changes: Any) -> Item:  # Any: fields of Item
    """A plan's fee."""
    params = {"name": "Customer Care", "plan": "Starter", "cycle": "monthly"}
    return Item(item, usd(text), **{"kind": "fee", "params": params, **changes})


def calls(number: int = 100, price: int = 10_000, item: str = "calls") -> tuple[Item, Item]:
    """Calls with what explains them."""
    unit = Rate(price)
    cost = unit.cost(number)
    return (
        Item(item, cost, "usage", params={"resource": "Customer Care", "calls": number}, quantity=Decimal(number)),
        Item(f"{item}:unit", cost, "tier", item, {"code": "unit"}, Decimal(number), unit),
    )


def drafted(books: Books, *items: Item, moment: datetime = START, **changes: Any) -> str:  # Any: fields of NewInvoice
    """The uuid of a new draft over a month."""
    wanted = {"period": MONTH, "details": NOBODY, **changes}
    new = NewInvoice(books.organization, items or (fee(),), "USD", **wanted)
    return books.do(lambda connection: drafting.draft(books.core, connection, new, moment)).uuid


def finalised(books: Books, uuid: str, moment: datetime = START, **changes: Any) -> str:
    """Its number."""
    return books.do(lambda connection: finalising.finalise(books.core, connection, uuid, moment, **changes))


def paid(books: Books, uuid: str, moment: datetime = START) -> None:
    """What is due arrives."""
    books.do(
        lambda connection: finalising.mark_paid(
            books.core, connection, uuid, moment, provider=PROVIDER, paid_with="Visa •••• 4242"
        )
    )


def issued(books: Books, *items: Item, moment: datetime = START, **changes: Any) -> str:
    """The uuid of an open invoice."""
    uuid = drafted(books, *items, moment=moment, **changes)
    finalised(books, uuid, moment)
    return uuid


def settled(books: Books, *items: Item, moment: datetime = START, **changes: Any) -> str:
    """The uuid of a paid invoice."""
    uuid = issued(books, *items, moment=moment, **changes)
    paid(books, uuid, moment)
    return uuid


def read(books: Books, uuid: str) -> Invoice:
    """As people see it."""
    return books.do(lambda connection: invoice_views.find(connection, mm.InvoiceRow.uuid == uuid))[0]


def sums(books: Books) -> dict[str, Money]:
    """The accounts that have something in them."""
    found = {kind.value: books.balance(kind) for kind in AccountKind}
    return {kind: amount for kind, amount in found.items() if not amount.is_zero}


def numbers(books: Books) -> list[str]:
    """All numbers, in their order."""
    i = mm.InvoiceRow
    return [number for (number,) in books.all(sa.select(i.number).where(i.number.is_not(None)).order_by(i.number))]
