"""Credit notes and new invoices: never more than the invoice, the books exact, what was paid goes where it belongs."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api.errors import InvalidInput, WrongState
from services.api.money import Money
from services.api.types import BillingDetails, Invoice, InvoiceKind, InvoiceState
from services.db import money_models as mm
from services.domain.discounts import Coupon
from services.domain.invoicing import Item
from services.domain.ledger import AccountKind
from services.domain.periods import Period
from services.embedded.money import corrections, finalising, outcomes, payments
from services.embedded.money.corrections import Credited
from services.embedded.money.drafting import TO_WALLET
from services.embedded.money.payments import REFUND
from services.embedded.ways import TRANSFER, Way
from tests.contract.embedded import START
from tests.embedded.money.books import ZERO, Books, at, usd
from tests.embedded.money.papers import (
    FRENCH,
    GERMAN,
    MONTH,
    NOBODY,
    calls,
    drafted,
    fee,
    issued,
    numbers,
    read,
    settled,
    sums,
)
from tests.embedded.money.test_recognition import run_until

MOVED = BillingDetails("Lovelace GmbH", ("Unter den Linden 5",), "DE", "DE136695976")


def credit(
    books: Books, uuid: str, text: str | None = None, moment: datetime = START, *, back: bool = True
) -> Credited:
    """A credit note of an amount, or of all that is left."""
    amount = None if text is None else usd(text)
    return books.do(
        lambda connection: corrections.credit(books.core, connection, uuid, amount, moment, refund_to_card=back)
    )


def replaced(
    books: Books, uuid: str, details: BillingDetails, moment: datetime = START
) -> tuple[Invoice, Invoice, str]:
    """The note, the new invoice and the refund's intent."""
    note, new = books.do(lambda connection: corrections.replace(books.core, connection, uuid, details, moment))
    return read(books, note.note_uuid), read(books, new), note.refund_uuid


def void(books: Books, uuid: str, moment: datetime = START) -> None:
    books.do(lambda connection: corrections.void(books.core, connection, uuid, moment))


def charged(books: Books, uuid: str) -> None:
    """A card pays an open invoice, as a person does it."""

    def begin(connection: sa.Connection) -> str:
        row = finalising.row_of(connection, uuid)
        return payments.open_intent(
            books.core, connection, organization_uuid=books.organization, purpose="invoice",
            subject={"attempt": None, "paid_with": "Visa •••• 4242"}, way=Way("test", token="tok_visa"),
            amount=finalising.owed_of(row), at=START, invoice_uuid=uuid,
        )  # fmt: skip

    books.run(outcomes.carry_out(books.core, books.do(begin)))


# ---- credit notes


def test_a_note_takes_tax_and_time_not_served_with_it(books: Books) -> None:
    uuid = settled(books, fee(), details=GERMAN)
    note = read(books, credit(books, uuid, "11.90", at(days=15), back=False).note_uuid)
    assert (note.number, note.kind, note.state) == ("CN-2026-000001", InvoiceKind.CREDIT_NOTE, InvoiceState.PAID)
    assert (note.subtotal, note.tax, note.total, note.due) == (usd("-10"), usd("-1.90"), usd("-11.90"), ZERO)
    assert (note.corrects_uuid, note.corrects_number, note.details) == (uuid, "SK-2026-000001", GERMAN)
    assert [(line.amount, line.unit_price, line.params["name"]) for line in note.lines] == [
        (usd("-10"), None, "Customer Care")
    ]
    assert [(one.rate, one.taxable, one.amount) for one in note.tax_lines] == [("19", usd("-10"), usd("-1.90"))]
    kept = read(books, uuid)
    assert (kept.credited, kept.state, kept.total) == (usd("11.90"), InvoiceState.PAID, usd("34.51"))
    assert sums(books) == {
        "clearing": usd("-34.51"), "refunds": usd("11.90"), "tax_payable": usd("3.61"),
        "revenue": usd("14.50"), "deferred_revenue": usd("4.50"),
    }  # fmt: skip
    run_until(books, MONTH.end)
    assert sums(books)["revenue"] == usd("19")
    assert "deferred_revenue" not in sums(books)


def test_what_is_deferred_is_taken_off_before_what_is_earned(books: Books) -> None:
    uuid = settled(books, fee("30"))
    credit(books, uuid, "20", at(days=15), back=False)
    assert sums(books) == {"clearing": usd("-30"), "refunds": usd("20"), "revenue": usd("10")}
    run_until(books, MONTH.end)
    assert sums(books)["revenue"] == usd("10")


def test_all_of_an_invoice_is_its_mirror(books: Books) -> None:
    uuid = settled(books, fee(), *calls(100), details=GERMAN)
    note = read(books, credit(books, uuid, back=False).note_uuid)
    assert [line.amount for line in note.lines] == [usd("-29"), usd("-1")]
    assert note.total == -read(books, uuid).total
    assert sums(books) == {"clearing": usd("-35.70"), "refunds": usd("35.70")}


def test_notes_never_exceed_the_invoice(books: Books) -> None:
    uuid = settled(books, fee(), details=GERMAN)
    credit(books, uuid, "34.50", back=False)
    for text, code in (
        ("0.02", "over_invoice"),
        ("0", "not_positive"),
        ("-1", "not_positive"),
        ("0.005", "not_whole_minor"),
    ):
        with pytest.raises(InvalidInput) as caught:
            credit(books, uuid, text)
        assert caught.value.fields == {"amount": code}
    credit(books, uuid, "0.01", back=False)
    assert read(books, uuid).credited == usd("34.51")
    with pytest.raises(InvalidInput) as caught:
        credit(books, uuid)
    assert caught.value.fields == {"amount": "nothing_left"}
    assert numbers(books) == ["CN-2026-000001", "CN-2026-000002", "SK-2026-000001"]


def test_the_database_refuses_too_much_credit(books: Books) -> None:
    uuid = settled(books)
    with pytest.raises(sa.exc.IntegrityError):
        books.do(
            lambda connection: connection.execute(
                sa.update(mm.InvoiceRow).where(mm.InvoiceRow.uuid == uuid).values(credited_micros=29_000_001)
            )
        )


@given(st.lists(st.integers(1, 2000), max_size=6), st.integers(0, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
def test_any_notes_and_the_rest_are_the_invoice(books: Books, cents: list[int], day: int) -> None:
    before = sums(books)
    uuid = settled(books, fee(), *calls(123), details=GERMAN, coupons=(Coupon("X", amount=usd("3.33")),))
    whole = read(books, uuid).total
    left = whole
    for part in (Money(cent * 10_000) for cent in cents):
        if not left < part:
            credit(books, uuid, part.decimal(), at(days=day), back=False)
            left -= part
    if not left.is_zero:
        credit(books, uuid, None, at(days=day), back=False)
    i = mm.InvoiceRow
    rows = books.all(sa.select(i.total_micros, i.tax_micros).where(i.corrects_uuid == uuid))
    assert sum(total for total, _ in rows) == -whole.micros
    assert sum(tax for _, tax in rows) == -read(books, uuid).tax.micros
    changed = {kind: amount - before.get(kind, ZERO) for kind, amount in sums(books).items()}
    assert {kind: amount for kind, amount in changed.items() if not amount.is_zero} == {
        "clearing": -whole, "refunds": whole,
    }  # fmt: skip


def test_an_unpaid_invoice_asks_for_less_and_then_for_nothing(books: Books) -> None:
    uuid = issued(books, details=GERMAN)
    credited = credit(books, uuid, "4.51")
    assert (read(books, uuid).due, read(books, uuid).state) == (usd("30"), InvoiceState.OPEN)
    assert credited.refund_uuid == ""
    assert sums(books)["receivable"] == usd("-30")
    credit(books, uuid, moment=at(days=1))
    invoice = read(books, uuid)
    assert (invoice.due, invoice.state, invoice.paid, invoice.paid_at) == (ZERO, InvoiceState.PAID, ZERO, at(days=1))
    assert sums(books) == {}


def test_a_credited_part_is_not_paid_again(books: Books) -> None:
    uuid = issued(books)
    credit(books, uuid, "9")
    charged(books, uuid)
    assert read(books, uuid).paid == usd("20")
    assert sums(books)["clearing"] == usd("-20")


@pytest.mark.parametrize("kind", ["draft", "note", "void", "receipt"])
def test_only_a_final_invoice_is_credited(books: Books, kind: str) -> None:
    if kind == "draft":
        uuid = drafted(books)
    elif kind == "note":
        uuid = credit(books, settled(books), "1").note_uuid
    elif kind == "void":
        uuid = issued(books)
        void(books, uuid)
    else:
        uuid = drafted(books)
        books.do(lambda connection: finalising.issue_receipt(connection, uuid, START, paid_with=""))
    with pytest.raises(WrongState):
        credit(books, uuid)
    with pytest.raises(WrongState):
        replaced(books, uuid, MOVED)


def test_what_gave_credit_is_not_credited(books: Books) -> None:
    settled(books)
    back = fee("-5", "old", kind="proration_credit"), Item(TO_WALLET, usd("5"), TO_WALLET)
    uuid = issued(books, *back)
    for work in (lambda: credit(books, uuid), lambda: replaced(books, uuid, MOVED)):
        with pytest.raises(WrongState):
            work()


# ---- the money goes back


def test_what_a_card_paid_goes_back_to_it(books: Books) -> None:
    uuid = issued(books, details=GERMAN)
    charged(books, uuid)
    refund = credit(books, uuid, "11.90").refund_uuid
    assert sums(books)["refunds"] == usd("11.90")
    books.run(outcomes.carry_out(books.core, refund))
    books.run(outcomes.carry_out(books.core, refund))
    assert sums(books)["clearing"] == usd("-22.61")
    assert "refunds" not in sums(books)
    p = mm.PaymentIntent
    [(charge,)] = books.all(sa.select(p.charge_id).where(p.purpose == "invoice"))
    assert books.all(sa.select(p.charge_id, p.state, p.amount_micros).where(p.purpose == REFUND)) == [
        (charge, "succeeded", 11_900_000)
    ]
    assert "refunded" in books.happenings()


def test_what_two_charges_paid_goes_back_by_both(books: Books) -> None:
    """A corrected invoice asked for the tax on top: the last charge is too small to send everything back by."""
    uuid = issued(books)
    charged(books, uuid)
    _note, new, _refund = replaced(books, uuid, MOVED)
    assert (new.total, new.paid, new.due) == (usd("34.51"), usd("29"), usd("5.51"))
    charged(books, new.uuid)
    p = mm.PaymentIntent
    rows = books.all(sa.select(p.amount_micros, p.charge_id).where(p.purpose == "invoice"))
    first, second = (dict(rows)[micros] for micros in (29_000_000, 5_510_000))
    back = sa.select(p.charge_id, p.amount_micros, p.state).where(p.purpose == REFUND)
    books.run(outcomes.carry_out(books.core, credit(books, new.uuid, "4.51").refund_uuid))
    assert books.all(back) == [(second, 4_510_000, "succeeded")]
    books.run(outcomes.carry_out(books.core, credit(books, new.uuid).refund_uuid))
    books.core.clock.at = at(days=1)  # type: ignore[attr-defined] # a FakeClock
    books.run(outcomes.sweep(books.core))
    assert sorted(books.all(back)) == sorted(
        [(second, 4_510_000, "succeeded"), (second, 1_000_000, "succeeded"), (first, 29_000_000, "succeeded")]
    )
    assert sums(books) == {}


def test_what_no_card_paid_is_owed_until_it_was_sent_by_transfer(books: Books) -> None:
    uuid = credit(books, settled(books), "9").refund_uuid
    p = mm.PaymentIntent
    rows = books.all(sa.select(p.provider, p.amount_micros, p.state).where(p.uuid == uuid))
    assert rows == [(TRANSFER, 9_000_000, "sent")]
    assert sums(books)["refunds"] == usd("9")


# ---- other details


def test_a_replacement_is_paid_by_what_was_paid(books: Books) -> None:
    uuid = settled(books, fee(), *calls(100), details=GERMAN)
    note, new, refund = replaced(books, uuid, MOVED, at(days=1))
    assert (note.total, new.total, new.paid, new.due, new.state) == (
        usd("-35.70"), usd("35.70"), usd("35.70"), ZERO, InvoiceState.PAID,
    )  # fmt: skip
    assert (new.details, new.number, new.corrects_uuid, new.paid_with) == (
        MOVED, "SK-2026-000002", uuid, "Visa •••• 4242",
    )  # fmt: skip
    assert [(line.kind, line.amount, line.params) for line in new.lines] == [
        (line.kind, line.amount, line.params) for line in read(books, uuid).lines
    ]
    assert [bool(line.parent_uuid) for line in new.lines] == [False, False, True]
    assert new.lines[2].parent_uuid == new.lines[1].uuid
    assert read(books, uuid).replaced_by_uuid == new.uuid
    assert refund == ""
    run_until(books, MONTH.end)
    assert sums(books) == {"clearing": usd("-35.70"), "tax_payable": usd("5.70"), "revenue": usd("30")}


def test_tax_that_is_not_owed_any_more_goes_back(books: Books) -> None:
    uuid = issued(books, details=GERMAN)
    charged(books, uuid)
    _, new, refund = replaced(books, uuid, FRENCH)
    assert (new.total, new.paid, new.state) == (usd("29"), usd("29"), InvoiceState.PAID)
    books.run(outcomes.carry_out(books.core, refund))
    assert sums(books) == {"clearing": usd("-29"), "deferred_revenue": usd("29")}


def test_tax_that_is_owed_now_is_asked_for(books: Books) -> None:
    uuid = settled(books, details=NOBODY)
    _, new, _ = replaced(books, uuid, GERMAN)
    assert (new.total, new.paid, new.due, new.state) == (usd("34.51"), usd("29"), usd("5.51"), InvoiceState.OPEN)
    assert new.due_at == at(days=14)
    assert ("overdue", at(days=14)) in books.due()
    charged(books, new.uuid)
    assert read(books, new.uuid).paid == usd("34.51")
    assert sums(books)["clearing"] == usd("-34.51")
    _, third, refund = replaced(books, new.uuid, NOBODY, at(days=1))
    assert (third.total, third.due) == (usd("29"), ZERO)
    assert refund != ""


def test_a_discount_and_credit_stay_on_the_replacement(books: Books) -> None:
    grant = books.grant("10")
    coupon = Coupon("TENOFF", amount=usd("10"))
    uuid = settled(books, fee(), credit_available=usd("10"), coupons=(coupon,), details=GERMAN)
    old = read(books, uuid)
    _, new, _ = replaced(books, uuid, MOVED)
    assert (new.discount, new.credit_applied, new.tax, new.total) == (
        old.discount, old.credit_applied, old.tax, usd("10.71"),
    )  # fmt: skip
    assert [(line.kind, line.amount) for line in new.lines] == [(line.kind, line.amount) for line in old.lines]
    assert books.left(grant) == ZERO
    run_until(books, MONTH.end)
    assert sums(books) == {"clearing": usd("-10.71") - usd("10"), "revenue": usd("19"), "tax_payable": usd("1.71")}


def test_an_invoice_that_credit_paid_may_be_corrected(books: Books) -> None:
    books.grant("29")
    uuid = issued(books, credit_available=usd("29"))
    note, new, _ = replaced(books, uuid, MOVED)
    assert (note.total, new.total, new.state, new.paid_with) == (ZERO, ZERO, InvoiceState.PAID, "wallet")
    run_until(books, MONTH.end)
    assert sums(books) == {"clearing": usd("-29"), "revenue": usd("29")}


@pytest.mark.parametrize("earlier", ["replaced", "credited"])
def test_an_invoice_is_replaced_once_and_whole(books: Books, earlier: str) -> None:
    uuid = settled(books)
    if earlier == "replaced":
        replaced(books, uuid, MOVED)
    else:
        credit(books, uuid, "1")
    with pytest.raises(WrongState) as caught:
        replaced(books, uuid, MOVED)
    assert caught.value.params == {"state": earlier}


# ---- void


def test_a_void_invoice_leaves_the_books_as_they_were(books: Books) -> None:
    grant = books.grant("9")
    uuid = issued(books, fee(), credit_available=usd("9"), details=GERMAN)
    void(books, uuid, at(days=15))
    invoice = read(books, uuid)
    assert (invoice.state, invoice.due, invoice.number) == (InvoiceState.VOID, ZERO, "SK-2026-000001")
    assert books.left(grant) == usd("9")
    assert sums(books) == {"clearing": usd("-9"), "wallet_paid": usd("9")}
    run_until(books, MONTH.end)
    assert books.balance(AccountKind.REVENUE) == ZERO


def test_what_was_paid_or_credited_is_not_voided(books: Books) -> None:
    part = issued(books)
    credit(books, part, "1")
    for uuid in (settled(books), part, drafted(books)):
        with pytest.raises(WrongState):
            void(books, uuid)


# ---- paid from the wallet afterwards


def test_credit_that_came_later_pays_without_tax(books: Books) -> None:
    uuid = issued(books, details=GERMAN)

    def pay(connection: sa.Connection) -> bool:
        return corrections.pay_from_wallet(books.core, connection, finalising.row_of(connection, uuid), START)

    grant = books.grant("28.99")
    assert not books.do(pay)
    assert read(books, uuid).state is InvoiceState.OPEN
    other = books.grant("0.01")
    assert books.do(pay)
    old = read(books, uuid)
    new = read(books, old.replaced_by_uuid)
    assert (old.state, new.state, new.total, new.credit_applied) == (
        InvoiceState.VOID, InvoiceState.PAID, ZERO, usd("29"),
    )  # fmt: skip
    assert books.left(grant) == books.left(other) == ZERO
    assert sums(books) == {"clearing": usd("-29"), "deferred_revenue": usd("29")}


def test_credit_on_the_unpaid_invoice_counts_unless_it_is_over(books: Books) -> None:
    lasting, ending = books.grant("9"), books.grant("10", expires_at=at(days=2))
    uuid = issued(books, fee(), credit_available=usd("19"))
    books.grant("10")

    def pay(moment: datetime) -> bool:
        return books.do(
            lambda connection: corrections.pay_from_wallet(
                books.core, connection, finalising.row_of(connection, uuid), moment
            )
        )

    assert not pay(at(days=2))
    assert pay(at(days=1))
    assert books.left(lasting) == books.left(ending) == ZERO


def test_sums_fit_any_period(books: Books) -> None:
    """A correction long after the time was served takes all of it from revenue."""
    uuid = settled(books, fee("30"), period=Period(START, at(days=1)))
    run_until(books, at(days=2))
    credit(books, uuid, "30", at(days=40), back=False)
    assert sums(books) == {"clearing": usd("-30"), "refunds": usd("30")}
    assert Money.zero() == books.balance(AccountKind.REVENUE)
