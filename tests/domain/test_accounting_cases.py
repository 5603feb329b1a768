"""Worked examples as in accounting text-books, each with the trial balance it must come to.

Credit is positive (see `ledger`): assets and expenses are negative, so what a text-book debits is below zero here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from services.api.money import MICROS, Money, split_largest_remainder
from services.domain import movements, reversals
from services.domain.ledger import Entry, Transfer, TransferKind, by_kind, trial_balance
from services.domain.movements import GIFT, Stamp
from services.domain.wallet import Grant, GrantKind, Share, after_draw, after_return, draw, expired, give_back
from services.domain.wallet import refundable as refundable_credit

ZERO = Money.zero()


def usd(text: str) -> Money:
    return Money.parse(text)


def on(month: int, day: int = 1, organization: str = "acme") -> Stamp:
    at = datetime(2026, month, day, tzinfo=UTC)
    return Stamp(organization, f"{organization} {at.isoformat()}", at)


class Books:
    """Transfers one after the other, and the trial balance in dollars."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def post(self, *transfers: Transfer) -> None:
        for transfer in transfers:
            self.entries += transfer.entries

    def stand(self) -> dict[str, str]:
        assert all(left.is_zero for left in trial_balance(self.entries).values())
        return dollars(self.entries)


def dollars(entries: Iterable[Entry]) -> dict[str, str]:
    return {kind.value: amount.decimal().rstrip("0").rstrip(".") for (kind, _), amount in by_kind(entries).items()}


def test_unearned_subscription_revenue_is_earned_over_twelve_months() -> None:
    """Pro for a year: $990 in advance. Each month served moves a twelfth from a debt to the buyer to revenue."""
    books = Books()
    books.post(movements.issue_invoice(on(1), revenue=ZERO, deferred=usd("990"), tax=ZERO))
    assert books.stand() == {"receivable": "-990", "deferred_revenue": "990"}
    books.post(movements.pay_invoice(on(1), amount=usd("990"), provider="stripe"))
    for month in range(1, 4):
        books.post(movements.recognise(on(month, 28), usd("82.50")))
    assert books.stand() == {"clearing": "-990", "deferred_revenue": "742.5", "revenue": "247.5"}
    for month in range(4, 13):
        books.post(movements.recognise(on(month, 28), usd("82.50")))
    assert books.stand() == {"clearing": "-990", "revenue": "990"}


def test_twelfths_that_are_not_whole_cents_still_come_to_the_year() -> None:
    """Starter for a year: $290 / 12 = $24.1666; eight months earn $24.17 and four $24.16."""
    books = Books()
    books.post(movements.issue_invoice(on(1), revenue=ZERO, deferred=usd("290"), tax=ZERO))
    parts = split_largest_remainder(29_000, [1] * 12)
    assert (parts.count(2_417), parts.count(2_416)) == (8, 4)
    for month, cents in enumerate(parts, 1):
        books.post(movements.recognise(on(month, 28), Money(cents * MICROS // 100)))
    assert books.stand() == {"receivable": "-290", "revenue": "290"}


def test_sales_tax_is_collected_for_the_state_and_paid_to_it() -> None:
    """$29 with 19 % tax: $34.51 comes in, $29 is ours; the state gets $5.51 from our bank."""
    books = Books()
    books.post(movements.issue_invoice(on(1), revenue=usd("29"), deferred=ZERO, tax=usd("5.51")))
    assert books.stand() == {"receivable": "-34.51", "revenue": "29", "tax_payable": "5.51"}
    books.post(movements.pay_invoice(on(1, 3), amount=usd("34.51"), provider="bank"))
    assert books.stand() == {"clearing": "-34.51", "revenue": "29", "tax_payable": "5.51"}
    books.post(reversals.pay_tax(on(2, 10), amount=usd("5.51"), provider="bank"))
    assert books.stand() == {"clearing": "-29", "revenue": "29"}


def test_a_prepaid_gift_card_is_used_in_part_and_the_rest_is_breakage() -> None:
    """$50 is bought by one organization, used by another to $31.40, and expires with $18.60 on it."""
    buyer, receiver = Books(), Books()
    buyer.post(movements.sell_gift(on(1, organization="giver"), credit=usd("50"), tax=ZERO, provider="stripe"))
    assert {(e.account.sub, e.amount) for e in buyer.entries} == {("stripe", usd("-50")), (GIFT, usd("50"))}
    receiver.post(movements.top_up(on(2), grant_id="gift", credit=usd("50"), tax=ZERO, provider=GIFT))
    assert receiver.stand() == {"clearing": "-50", "wallet_paid": "50"}
    begins, ends = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    grants: tuple[Grant, ...] = (
        Grant("gift", GrantKind.PAID, usd("50"), usd("50"), 0, begins, ends, begins),
    )  # fmt: skip
    drawn = draw(grants, usd("31.40"), begins).shares
    receiver.post(movements.hold(on(3), drawn), movements.settle_hold(on(3), drawn, usd("31.40")))
    grants = after_draw(grants, drawn)
    assert refundable_credit(grants, {}, begins) == ()  # the receiver never paid for it
    (rest,) = expired(grants, ends)
    receiver.post(movements.expire_grant(on(12), rest))
    assert receiver.stand() == {"clearing": "-50", "revenue": "31.4", "breakage": "18.6"}
    # Between the two the gift cleared: what one set of books passed on, the other took up.
    both = [entry for entry in [*buyer.entries, *receiver.entries] if entry.account.sub == GIFT]
    assert dollars(both) == {}


def test_a_bad_debt_is_written_off_and_half_of_it_is_paid_later() -> None:
    """An invoice of $100 and $19 tax is never paid; the tax need not be handed over. Later $59.50 arrives after all."""
    books = Books()
    books.post(movements.issue_invoice(on(1), revenue=usd("100"), deferred=ZERO, tax=usd("19")))
    books.post(reversals.write_off(on(3), amount=usd("119"), tax=usd("19"), deferred=ZERO))
    assert books.stand() == {}
    lost = [entry for entry in books.entries if entry.account.sub == "uncollectible"]
    assert dollars(lost) == {"revenue": "-100"}
    paid = reversals.pay_written_off(on(5), amount=usd("59.50"), tax=usd("9.50"), deferred=ZERO, provider="bank")
    books.post(paid)
    assert books.stand() == {"clearing": "-59.5", "revenue": "50", "tax_payable": "9.5"}


def test_a_subscription_that_is_never_paid_takes_back_what_was_not_earned() -> None:
    """$29 in advance, ten dollars' worth served before the write-off: only those ten are a loss."""
    books = Books()
    books.post(movements.issue_invoice(on(1), revenue=ZERO, deferred=usd("29"), tax=ZERO))
    books.post(movements.recognise(on(1, 11), usd("10")))
    books.post(reversals.write_off(on(1, 11), amount=usd("29"), tax=ZERO, deferred=usd("19")))
    assert books.stand() == {}
    assert dollars(entry for entry in books.entries if entry.account.sub) == {"revenue": "-10"}


def test_a_sale_is_returned_by_a_credit_note_and_refunded_to_the_card() -> None:
    """$40 and $8 tax are paid; a quarter is taken back, so $12 is owed to the buyer until the card has it."""
    books = Books()
    books.post(movements.issue_invoice(on(1), revenue=usd("40"), deferred=ZERO, tax=usd("8")))
    books.post(movements.pay_invoice(on(1), amount=usd("48"), provider="stripe"))
    note = movements.credit_note(on(2), revenue=usd("10"), deferred=ZERO, tax=usd("2"), off_receivable=ZERO)
    books.post(note)
    assert books.stand() == {"clearing": "-48", "revenue": "30", "tax_payable": "6", "refunds": "12"}
    books.post(reversals.refund_card(on(2, 2), amount=usd("12"), provider="stripe"))
    assert books.stand() == {"clearing": "-36", "revenue": "30", "tax_payable": "6"}


def test_a_return_before_payment_only_lowers_what_is_owed() -> None:
    books = Books()
    books.post(movements.issue_invoice(on(1), revenue=usd("40"), deferred=ZERO, tax=usd("8")))
    note = movements.credit_note(on(2), revenue=usd("10"), deferred=ZERO, tax=usd("2"), off_receivable=usd("12"))
    books.post(note, movements.pay_invoice(on(3), amount=usd("36"), provider="paypal"))
    assert books.stand() == {"clearing": "-36", "revenue": "30", "tax_payable": "6"}


def test_a_refund_out_of_goodwill_stays_an_expense() -> None:
    books = Books()
    books.post(movements.issue_invoice(on(1), revenue=usd("40"), deferred=ZERO, tax=ZERO))
    books.post(movements.pay_invoice(on(1), amount=usd("40"), provider="stripe"))
    books.post(reversals.refund_card(on(2), amount=usd("15"), provider="stripe"))
    assert books.stand() == {"clearing": "-25", "revenue": "40", "refunds": "-15"}


def test_a_wallet_is_topped_up_used_and_its_rest_refunded_with_its_tax() -> None:
    """$20 and 19 % tax; $5 promotional credit goes first. A call holds $9 and costs $7.50; $17.50 go back."""
    books = Books()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    books.post(movements.top_up(on(1), grant_id="paid", credit=usd("20"), tax=usd("3.80"), provider="stripe"))
    books.post(movements.grant_promo(on(1), grant_id="promo", amount=usd("5")))
    grants: tuple[Grant, ...] = (
        Grant("paid", GrantKind.PAID, usd("20"), usd("20"), 0, at, None, at),
        Grant("promo", GrantKind.PROMOTIONAL, usd("5"), usd("5"), 0, at, None, at),
    )
    drawn = draw(grants, usd("9"), at).shares
    books.post(movements.hold(on(2), drawn))
    assert books.stand() == {
        "clearing": "-23.8", "wallet_paid": "16", "tax_payable": "3.8", "promo_expense": "-5", "holds": "9"
    }  # fmt: skip
    books.post(movements.settle_hold(on(2), drawn, usd("7.50")))
    grants = after_return(after_draw(grants, drawn), give_back(drawn, usd("1.50")))
    shares = refundable_credit(grants, {"paid": usd("20")}, at)
    assert shares == (Share("paid", GrantKind.PAID, usd("17.50")),)
    tax = reversals.tax_share(credit=usd("20"), tax=usd("3.80"), refunded_before=ZERO, refunded_now=usd("17.50"))
    assert tax == usd("3.33")  # $3.325
    books.post(reversals.refund_credit(on(3), shares, tax=tax, provider="stripe"))
    assert books.stand() == {"clearing": "-2.97", "tax_payable": "0.47", "promo_expense": "-5", "revenue": "7.5"}


def test_a_dispute_takes_the_money_away_and_winning_brings_it_back() -> None:
    books = Books()
    books.post(movements.issue_invoice(on(1), revenue=usd("29"), deferred=ZERO, tax=usd("5.51")))
    books.post(movements.pay_invoice(on(1), amount=usd("34.51"), provider="stripe"))
    before = books.stand()
    books.post(reversals.open_dispute(on(2), amount=usd("34.51"), provider="stripe"))
    assert books.stand() == {"revenue": "29", "tax_payable": "5.51", "disputes": "-34.51"}
    won = Books()
    won.post(Transfer(TransferKind.INVOICE_PAID, "all so far", on(2).at, tuple(books.entries)))
    won.post(reversals.win_dispute(on(3), amount=usd("34.51"), provider="stripe"))
    assert won.stand() == before
    books.post(reversals.lose_dispute(on(3), amount=usd("34.51"), tax=usd("5.51")))
    assert books.stand() == {}
