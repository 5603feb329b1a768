"""Drafts and final invoices: exact sums in the books, numbers without gaps, nothing final ever changed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from services.api.errors import WrongState
from services.api.types import InvoiceKind, InvoiceState
from services.db import money_models as mm
from services.db.session import Database
from services.domain.discounts import Coupon
from services.domain.invoicing import Item
from services.domain.periods import Period
from services.embedded.money import drafting, finalising
from services.embedded.money.drafting import TO_WALLET, NewInvoice
from services.embedded.money.ledger import BelowFloor
from tests.contract.embedded import START
from tests.embedded.money.books import ZERO, Books, at, usd
from tests.embedded.money.papers import (
    FRENCH,
    GERMAN,
    MONTH,
    calls,
    drafted,
    fee,
    finalised,
    issued,
    numbers,
    paid,
    read,
    settled,
    sums,
)

TWENTY = Coupon("WELCOME20", percent=Decimal(20))


def test_a_draft_has_no_number_and_moves_nothing(books: Books) -> None:
    invoice = read(books, drafted(books))
    assert (invoice.number, invoice.state, invoice.issued_at, invoice.due) == ("", InvoiceState.DRAFT, None, usd("29"))
    assert sums(books) == {}
    assert numbers(books) == []


def test_lines_are_kept_with_what_explains_them(books: Books) -> None:
    usage, detail = calls(3, 8_000)
    before = Period(at(days=-30), START)
    uuid = drafted(books, fee(), usage, detail, periods={usage.id: before, detail.id: before})
    first, second, third = read(books, uuid).lines
    assert (first.kind, first.amount, first.quantity, first.period_start) == ("fee", usd("29"), "1", START)
    assert (second.kind, second.amount, second.quantity) == ("usage", usd("0.02"), "3")
    assert (second.period_start, second.period_end) == (at(days=-30), START)
    assert (third.parent_uuid, third.amount, third.kind) == (second.uuid, usd("0.024"), "tier")
    assert third.unit_price == detail.unit


def test_a_coupon_and_tax_are_lines_and_sums(books: Books) -> None:
    uuid = drafted(books, fee(), coupons=(TWENTY,), details=GERMAN)
    invoice = read(books, uuid)
    assert [(line.kind, line.amount, line.params.get("code")) for line in invoice.lines] == [
        ("fee", usd("29"), None),
        ("discount", usd("-5.80"), "WELCOME20"),
    ]
    assert (invoice.subtotal, invoice.discount, invoice.tax, invoice.total) == (
        usd("29"), usd("5.80"), usd("4.41"), usd("27.61"),
    )  # fmt: skip
    assert [(one.name, one.rate, one.taxable, one.amount, one.note) for one in invoice.tax_lines] == [
        ("VAT", "19", usd("23.20"), usd("4.41"), "")
    ]
    assert [one.note for one in read(books, drafted(books, details=FRENCH)).tax_lines] == ["reverse_charge"]
    assert read(books, drafted(books)).tax_lines == ()


def test_an_invoice_below_nothing_is_refused(books: Books) -> None:
    with pytest.raises(ValueError, match="not below nothing"):
        drafted(books, fee("-1"))


def test_another_draft_takes_the_place_of_the_first(books: Books) -> None:
    uuid = drafted(books, fee())
    new = NewInvoice(books.organization, (fee(), *calls(100)), "USD", period=MONTH, details=GERMAN)
    books.do(lambda connection: drafting.redraft(books.core, connection, uuid, new))
    invoice = read(books, uuid)
    assert [line.kind for line in invoice.lines] == ["fee", "usage", "tier"]
    assert (invoice.total, invoice.details, invoice.created_at) == (usd("35.70"), GERMAN, START)


# ---- numbers


def test_numbers_count_by_kind_and_year(books: Books) -> None:
    assert finalised(books, drafted(books)) == "SK-2026-000001"
    assert finalised(books, drafted(books)) == "SK-2026-000002"
    later = at(days=60)
    assert finalised(books, drafted(books, moment=later), later) == "SK-2027-000001"


def test_a_number_goes_back_with_its_transaction(books: Books) -> None:
    """Otherwise a failure would leave a gap."""
    first, second = drafted(books), drafted(books)

    def fails(connection: Any) -> None:  # Any: a connection
        assert finalising.finalise(books.core, connection, first, START) == "SK-2026-000001"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        books.do(fails)
    assert read(books, first).state is InvoiceState.DRAFT
    assert sums(books) == {}
    assert finalised(books, second) == "SK-2026-000001"
    assert finalised(books, first) == "SK-2026-000002"


def test_a_final_invoice_keeps_its_number(books: Books) -> None:
    uuid = drafted(books)
    assert finalised(books, uuid) == finalised(books, uuid, at(days=1)) == "SK-2026-000001"
    assert read(books, uuid).issued_at == START
    assert sums(books)["receivable"] == usd("-29")


def test_many_become_final_at_once_without_a_gap(books: Books) -> None:
    uuids = [drafted(books) for _ in range(12)]
    db: Database = books.core.db

    async def all_at_once() -> list[str]:
        work = [partial(finalising.finalise, books.core, invoice_uuid=uuid, at=START) for uuid in [*uuids, *uuids]]
        return await asyncio.gather(*(db.run(one) for one in work))

    found = books.run(all_at_once())
    assert sorted(set(found)) == numbers(books) == [f"SK-2026-{count:06d}" for count in range(1, 13)]
    assert found[:12] == found[12:]
    assert sums(books)["receivable"] == usd("-348")


# ---- the books


def test_a_fee_in_advance_is_deferred_and_calls_are_earned(books: Books) -> None:
    issued(books, fee(), *calls(100), details=GERMAN)
    assert sums(books) == {
        "receivable": usd("-35.70"),
        "deferred_revenue": usd("29"),
        "revenue": usd("1"),
        "tax_payable": usd("5.70"),
    }


def test_a_fee_whose_time_is_over_is_earned_at_once(books: Books) -> None:
    issued(books, moment=MONTH.end)
    assert sums(books) == {"receivable": usd("-29"), "revenue": usd("29")}
    issued(books, moment=MONTH.end - timedelta(microseconds=1))
    assert sums(books)["deferred_revenue"] == usd("29")


def test_credit_pays_before_tax_and_an_invoice_of_nothing_is_paid(books: Books) -> None:
    grant = books.grant("50")
    uuid = issued(books, fee(), credit_available=usd("50"), details=GERMAN)
    invoice = read(books, uuid)
    assert (invoice.state, invoice.total, invoice.credit_applied, invoice.paid_with) == (
        InvoiceState.PAID, ZERO, usd("29"), "wallet",
    )  # fmt: skip
    assert invoice.paid_at == START
    assert [line.kind for line in invoice.lines] == ["fee", "credit"]
    assert books.left(grant) == usd("21")
    assert sums(books)["deferred_revenue"] == usd("29")
    assert "receivable" not in sums(books)


def test_credit_for_a_part_leaves_the_rest_with_tax(books: Books) -> None:
    grant = books.grant("9")
    invoice = read(books, issued(books, fee(), credit_available=usd("9"), details=GERMAN))
    assert (invoice.credit_applied, invoice.tax, invoice.total, invoice.due) == (
        usd("9"), usd("3.80"), usd("23.80"), usd("23.80"),
    )  # fmt: skip
    assert books.left(grant) == ZERO
    assert sums(books)["receivable"] == usd("-23.80")


def test_credit_that_went_meanwhile_is_noticed(books: Books) -> None:
    uuid = drafted(books, fee(), credit_available=usd("50"))
    with pytest.raises(BelowFloor):
        finalised(books, uuid)
    assert numbers(books) == []


def test_what_comes_back_to_the_wallet_is_credit_and_its_tax_stays(books: Books) -> None:
    """A cancelled plan: 14.50 of 29 plus VAT was not used."""
    settled(books, fee(), details=GERMAN)
    half = Period(at(days=15), MONTH.end)
    back = (
        Item("old", usd("-14.50"), "proration_credit"),
        Item(TO_WALLET, usd("14.50"), TO_WALLET, is_discountable=False),
    )
    invoice = read(books, issued(books, *back, moment=half.start, period=half, details=GERMAN))
    assert (invoice.total, invoice.tax, invoice.state) == (ZERO, ZERO, InvoiceState.PAID)
    assert sums(books) == {
        "clearing": usd("-34.51"), "revenue": usd("14.50"), "tax_payable": usd("5.51"), "wallet_paid": usd("14.50"),
    }  # fmt: skip


def test_a_payment_is_booked_once(books: Books) -> None:
    uuid = settled(books)
    paid(books, uuid, at(days=1))
    invoice = read(books, uuid)
    assert (invoice.state, invoice.paid, invoice.due, invoice.paid_at, invoice.paid_with) == (
        InvoiceState.PAID, usd("29"), ZERO, START, "Visa •••• 4242",
    )  # fmt: skip
    assert sums(books) == {"clearing": usd("-29"), "deferred_revenue": usd("29")}
    assert books.happenings() == ["invoice_issued", "invoice_paid"]


def test_a_draft_cannot_be_paid(books: Books) -> None:
    uuid = drafted(books)
    with pytest.raises(WrongState):
        paid(books, uuid)
    assert sums(books) == {}


def test_an_invoice_payable_later_is_noted(books: Books) -> None:
    uuid = drafted(books)
    finalised(books, uuid, net_days=30)
    assert read(books, uuid).due_at == at(days=30)
    assert ("overdue", at(days=30)) in books.due()
    paid(books, uuid, at(days=29))
    assert [kind for kind, _ in books.due()] == ["recognise"]


# ---- nothing final changes

CHANGES = (
    sa.update(mm.InvoiceRow).values(total_micros=1),
    sa.update(mm.InvoiceRow).values(number="SK-2026-000099"),
    sa.update(mm.InvoiceRow).values(details={"name": "Eve"}),
    sa.update(mm.InvoiceRow).values(state="draft"),
    sa.delete(mm.InvoiceRow),
    sa.update(mm.InvoiceLineRow).values(amount_micros=1),
    sa.delete(mm.InvoiceLineRow),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change).split(" SET ")[-1][:40])
def test_the_database_refuses_to_change_what_is_final(books: Books, change: sa.Executable) -> None:
    before = read(books, uuid := issued(books))
    with pytest.raises(sa.exc.IntegrityError):
        books.do(lambda connection: connection.execute(change))
    assert read(books, uuid) == before


def test_the_database_refuses_a_line_for_what_is_final(books: Books) -> None:
    uuid = issued(books)
    line = (
        books.do(lambda c: dict(c.execute(sa.select(mm.InvoiceLineRow)).mappings().one()))["InvoiceLineRow"]
        if 0
        else None
    )
    assert line is None
    with pytest.raises(sa.exc.IntegrityError):
        books.do(
            lambda connection: connection.execute(
                sa.insert(mm.InvoiceLineRow).values(
                    uuid="0" * 32, invoice_uuid=uuid, position=9, kind="fee", params={}, quantity="1",
                    amount_micros=1, currency="USD",
                )
            )
        )  # fmt: skip
    assert len(read(books, uuid).lines) == 1


def test_a_receipt_has_its_own_numbers(books: Books) -> None:
    uuid = drafted(books, Item("top_up", usd("50"), "top_up"), period=None)
    number = books.do(lambda connection: finalising.issue_receipt(connection, uuid, START, paid_with="Visa •••• 4242"))
    receipt = read(books, uuid)
    assert (number, receipt.kind, receipt.paid, receipt.due) == ("RC-2026-000001", InvoiceKind.RECEIPT, usd("50"), ZERO)
    assert sums(books) == {}
