"""Each movement of money touches the accounts it should, with the sign it should, and refuses what makes no sense."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import CurrencyMismatch, Money
from services.domain import movements, reversals
from services.domain.ledger import Entry, InvalidTransfer, Transfer, balances, below_floor, problems
from services.domain.movements import Stamp
from services.domain.wallet import Grant, GrantKind, Share, after_draw, draw

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
STAMP = Stamp("acme", "order 1", NOW, {"order": "o1"})
ZERO = Money.zero()


def usd(text: str) -> Money:
    return Money.parse(text)


def share(name: str, amount: str, kind: GrantKind = GrantKind.PAID) -> Share:
    return Share(name, kind, usd(amount))


PROMO = share("p", "2", GrantKind.PROMOTIONAL)
PAID = share("g", "3")


def moved(transfer: Transfer) -> dict[str, str]:
    """Account -> amount, as short text."""
    assert problems(transfer) == ()
    assert {entry.account.organization for entry in transfer.entries} == {"acme"}
    return {
        f"{entry.account.kind}:{entry.account.sub}".rstrip(":"): entry.amount.decimal().rstrip("0").rstrip(".")
        for entry in transfer.entries
    }


CASES: list[tuple[str, Callable[[], Transfer], str, dict[str, str]]] = [
    (
        "a top-up",
        lambda: movements.top_up(STAMP, grant_id="g", credit=usd("20"), tax=usd("3.80"), provider="stripe"),
        "top_up",
        {"clearing:stripe": "-23.8", "wallet_paid:g": "20", "tax_payable": "3.8"},
    ),
    (
        "a top-up without tax",
        lambda: movements.top_up(STAMP, grant_id="g", credit=usd("20"), tax=ZERO, provider="paypal"),
        "top_up",
        {"clearing:paypal": "-20", "wallet_paid:g": "20"},
    ),
    (
        "a gift that is sold",
        lambda: movements.sell_gift(STAMP, credit=usd("20"), tax=usd("3.80"), provider="stripe"),
        "gift_sold",
        {"clearing:stripe": "-23.8", "clearing:gift": "20", "tax_payable": "3.8"},
    ),
    (
        "promotional credit",
        lambda: movements.grant_promo(STAMP, grant_id="p", amount=usd("5")),
        "promo_granted",
        {"promo_expense": "-5", "wallet_promo:p": "5"},
    ),
    (
        "a hold",
        lambda: movements.hold(STAMP, [PROMO, PAID]),
        "held",
        {"wallet_promo:p": "-2", "wallet_paid:g": "-3", "holds": "5"},
    ),
    (
        "a settled call",
        lambda: movements.settle_hold(STAMP, [PROMO, PAID], usd("1.5")),
        "settled",
        {"holds": "-5", "revenue": "1.5", "wallet_paid:g": "3", "wallet_promo:p": "0.5"},
    ),
    (
        "a call that cost all that was held",
        lambda: movements.settle_hold(STAMP, [PROMO, PAID], usd("5")),
        "settled",
        {"holds": "-5", "revenue": "5"},
    ),
    (
        "a call that cost nothing",
        lambda: movements.settle_hold(STAMP, [PROMO, PAID], ZERO),
        "settled",
        {"holds": "-5", "wallet_paid:g": "3", "wallet_promo:p": "2"},
    ),
    (
        "a released hold",
        lambda: movements.release_hold(STAMP, [PROMO, PAID]),
        "released",
        {"holds": "-5", "wallet_paid:g": "3", "wallet_promo:p": "2"},
    ),
    (
        "paid credit that expires",
        lambda: movements.expire_grant(STAMP, PAID),
        "credit_expired",
        {"wallet_paid:g": "-3", "breakage": "3"},
    ),
    (
        "promotional credit that expires",
        lambda: movements.expire_grant(STAMP, PROMO),
        "credit_expired",
        {"wallet_promo:p": "-2", "promo_expense": "2"},
    ),
    (
        "an invoice",
        lambda: movements.issue_invoice(STAMP, revenue=usd("3.12"), deferred=usd("29"), tax=usd("6.10")),
        "invoice_issued",
        {"receivable": "-38.22", "revenue": "3.12", "deferred_revenue": "29", "tax_payable": "6.1"},
    ),
    (
        "an invoice with credit applied",
        lambda: movements.issue_invoice(
            STAMP, revenue=usd("3.12"), deferred=usd("29"), tax=usd("6.10"), credits_applied=[PROMO, PAID]
        ),
        "invoice_issued",
        {
            "receivable": "-33.22", "wallet_promo:p": "-2", "wallet_paid:g": "-3", "revenue": "3.12",
            "deferred_revenue": "29", "tax_payable": "6.1",
        },
    ),
    (
        "an invoice all paid by credit",
        lambda: movements.issue_invoice(STAMP, revenue=usd("1"), deferred=usd("2"), tax=ZERO, credits_applied=[PAID]),
        "invoice_issued",
        {"wallet_paid:g": "-3", "revenue": "1", "deferred_revenue": "2"},
    ),
    (
        "a payment that the bank takes back",
        lambda: movements.return_payment(STAMP, amount=usd("38.22"), provider="stripe"),
        "payment_returned",
        {"clearing:stripe": "38.22", "receivable": "-38.22"},
    ),
    (
        "a transfer for what is not sold yet",
        lambda: movements.receive_transfer(STAMP, amount=usd("20"), provider="bank"),
        "transfer_received",
        {"clearing:bank": "-20", "refunds": "20"},
    ),
    (
        "a transfer that pays for what is sold now",
        lambda: movements.apply_transfer(STAMP, amount=usd("20"), provider="bank"),
        "transfer_applied",
        {"clearing:bank": "20", "refunds": "-20"},
    ),
    (
        "a paid invoice",
        lambda: movements.pay_invoice(STAMP, amount=usd("38.22"), provider="bank"),
        "invoice_paid",
        {"clearing:bank": "-38.22", "receivable": "38.22"},
    ),
    (
        "money nothing is owed for",
        lambda: movements.pay_surplus(STAMP, amount=usd("38.22"), provider="bank"),
        "invoice_paid",
        {"clearing:bank": "-38.22", "refunds": "38.22"},
    ),
    (
        "a month that is served",
        lambda: movements.recognise(STAMP, usd("29")),
        "revenue_recognised",
        {"deferred_revenue": "-29", "revenue": "29"},
    ),
    (
        "a credit note on an invoice nobody paid",
        lambda: movements.credit_note(STAMP, revenue=usd("10"), deferred=ZERO, tax=usd("2"), off_receivable=usd("12")),
        "credit_note",
        {"revenue": "-10", "tax_payable": "-2", "receivable": "12"},
    ),
    (
        "a credit note on a paid invoice, part of it back as credit",
        lambda: movements.credit_note(
            STAMP, revenue=usd("4"), deferred=usd("6"), tax=usd("2"), off_receivable=usd("1"), to_grants=[PAID]
        ),
        "credit_note",
        {
            "revenue": "-4", "deferred_revenue": "-6", "tax_payable": "-2", "receivable": "1", "wallet_paid:g": "3",
            "refunds": "8",
        },
    ),
    (
        "a refund to a card",
        lambda: reversals.refund_card(STAMP, amount=usd("8"), provider="stripe"),
        "card_refunded",
        {"refunds": "-8", "clearing:stripe": "8"},
    ),
    (
        "a refund of unused credit with its tax",
        lambda: reversals.refund_credit(STAMP, [PAID, share("h", "1")], tax=usd("0.76"), provider="stripe"),
        "credit_refunded",
        {"wallet_paid:g": "-3", "wallet_paid:h": "-1", "tax_payable": "-0.76", "clearing:stripe": "4.76"},
    ),
    (
        "a refund of credit that is to be sent by hand",
        lambda: reversals.owe_credit(STAMP, [PAID], tax=usd("0.57")),
        "credit_refunded",
        {"wallet_paid:g": "-3", "tax_payable": "-0.57", "refunds": "3.57"},
    ),
    (
        "a refund that the bank made needless",
        lambda: reversals.refunded_by_bank(STAMP, amount=usd("11.90"), tax=usd("1.90")),
        "dispute_lost",
        {"refunds": "-11.9", "tax_payable": "1.9", "revenue:disputed": "10"},
    ),
    (
        "a refund of credit that the bank made needless",
        lambda: reversals.refunded_by_bank(STAMP, amount=usd("11.90"), tax=usd("1.90"), provider="stripe"),
        "dispute_lost",
        {"clearing:stripe": "-11.9", "tax_payable": "1.9", "revenue:disputed": "10"},
    ),
    (
        "an invoice that is written off",
        lambda: reversals.write_off(STAMP, amount=usd("12"), tax=usd("2"), deferred=usd("4")),
        "written_off",
        {"receivable": "12", "tax_payable": "-2", "deferred_revenue": "-4", "revenue:uncollectible": "-6"},
    ),
    (
        "a written off invoice that is paid after all",
        lambda: reversals.pay_written_off(STAMP, amount=usd("12"), tax=usd("2"), deferred=usd("4"), provider="bank"),
        "write_off_paid",
        {"clearing:bank": "-12", "tax_payable": "2", "deferred_revenue": "4", "revenue:uncollectible": "6"},
    ),
    (
        "a dispute",
        lambda: reversals.open_dispute(STAMP, amount=usd("23.80"), provider="stripe"),
        "dispute_opened",
        {"disputes": "-23.8", "clearing:stripe": "23.8"},
    ),
    (
        "a dispute that is won",
        lambda: reversals.win_dispute(STAMP, amount=usd("23.80"), provider="stripe"),
        "dispute_won",
        {"clearing:stripe": "-23.8", "disputes": "23.8"},
    ),
    (
        "a dispute that is lost",
        lambda: reversals.lose_dispute(STAMP, amount=usd("23.80"), tax=usd("3.80"), reclaimed=[PAID]),
        "dispute_lost",
        {"disputes": "23.8", "tax_payable": "-3.8", "wallet_paid:g": "-3", "revenue:disputed": "-17"},
    ),
    (
        "a dispute that is lost before anything was used",
        lambda: reversals.lose_dispute(STAMP, amount=usd("3"), tax=ZERO, reclaimed=[PAID]),
        "dispute_lost",
        {"disputes": "3", "wallet_paid:g": "-3"},
    ),
    (
        "credit that goes with an invoice that is given up",
        lambda: reversals.forfeit_credit(STAMP, [PAID]),
        "written_off",
        {"wallet_paid:g": "-3", "revenue:uncollectible": "3"},
    ),
    (
        "credit that comes back with it",
        lambda: reversals.restore_credit(STAMP, [PAID]),
        "write_off_paid",
        {"wallet_paid:g": "3", "revenue:uncollectible": "-3"},
    ),
    (
        "tax that is handed over",
        lambda: reversals.pay_tax(STAMP, amount=usd("3.80"), provider="bank"),
        "tax_paid",
        {"tax_payable": "-3.8", "clearing:bank": "3.8"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("build", "kind", "amounts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_movement_is_written_as_it_should_be(
    build: Callable[[], Transfer], kind: str, amounts: dict[str, str]
) -> None:
    transfer = build()
    assert moved(transfer) == amounts
    assert (transfer.kind.value, transfer.key, transfer.at, transfer.memo) == (kind, "order 1", NOW, {"order": "o1"})


def test_a_voided_invoice_is_the_mirror_of_the_issued_one() -> None:
    issued = movements.issue_invoice(STAMP, revenue=usd("9"), deferred=usd("1"), tax=usd("2"), credits_applied=[PAID])
    voided = movements.void_invoice(STAMP, issued)
    assert voided.kind == "invoice_voided"
    assert all(balance.is_zero for balance in balances([*issued.entries, *voided.entries]).values())
    with pytest.raises(ValueError, match="only an issued invoice"):
        movements.void_invoice(STAMP, voided)


# ---- what is refused


@pytest.mark.parametrize("micros", [-10_000, -1])
@pytest.mark.parametrize(
    "build",
    [
        lambda bad: movements.top_up(STAMP, grant_id="g", credit=bad, tax=usd("1"), provider="stripe"),
        lambda bad: movements.top_up(STAMP, grant_id="g", credit=usd("1"), tax=bad, provider="stripe"),
        lambda bad: movements.sell_gift(STAMP, credit=bad, tax=usd("1"), provider="stripe"),
        lambda bad: movements.sell_gift(STAMP, credit=usd("1"), tax=bad, provider="stripe"),
        lambda bad: movements.grant_promo(STAMP, grant_id="g", amount=bad),
        lambda bad: movements.hold(STAMP, [PAID, Share("b", GrantKind.PAID, bad)]),
        lambda bad: movements.settle_hold(STAMP, [PAID], bad),
        lambda bad: movements.release_hold(STAMP, [PAID, Share("b", GrantKind.PAID, bad)]),
        lambda bad: movements.expire_grant(STAMP, Share("b", GrantKind.PAID, bad)),
        lambda bad: movements.issue_invoice(STAMP, revenue=bad, deferred=usd("1"), tax=usd("1")),
        lambda bad: movements.issue_invoice(STAMP, revenue=usd("1"), deferred=bad, tax=usd("1")),
        lambda bad: movements.issue_invoice(STAMP, revenue=usd("1"), deferred=usd("1"), tax=bad),
        lambda bad: movements.return_payment(STAMP, amount=bad, provider="bank"),
        lambda bad: movements.receive_transfer(STAMP, amount=bad, provider="bank"),
        lambda bad: movements.apply_transfer(STAMP, amount=bad, provider="bank"),
        lambda bad: movements.pay_invoice(STAMP, amount=bad, provider="bank"),
        lambda bad: movements.pay_surplus(STAMP, amount=bad, provider="bank"),
        lambda bad: movements.recognise(STAMP, bad),
        lambda bad: movements.credit_note(STAMP, revenue=bad, deferred=usd("1"), tax=usd("1"), off_receivable=ZERO),
        lambda bad: movements.credit_note(STAMP, revenue=usd("1"), deferred=bad, tax=usd("1"), off_receivable=ZERO),
        lambda bad: movements.credit_note(STAMP, revenue=usd("1"), deferred=usd("1"), tax=bad, off_receivable=ZERO),
        lambda bad: movements.credit_note(STAMP, revenue=usd("1"), deferred=usd("1"), tax=ZERO, off_receivable=bad),
        lambda bad: reversals.refund_card(STAMP, amount=bad, provider="stripe"),
        lambda bad: reversals.refund_credit(STAMP, [PAID], tax=bad, provider="stripe"),
        lambda bad: reversals.owe_credit(STAMP, [PAID], tax=bad),
        lambda bad: reversals.refunded_by_bank(STAMP, amount=bad, tax=ZERO),
        lambda bad: reversals.refunded_by_bank(STAMP, amount=usd("2"), tax=bad),
        lambda bad: reversals.write_off(STAMP, amount=bad, tax=ZERO, deferred=ZERO),
        lambda bad: reversals.write_off(STAMP, amount=usd("2"), tax=bad, deferred=ZERO),
        lambda bad: reversals.pay_written_off(STAMP, amount=usd("2"), tax=ZERO, deferred=bad, provider="bank"),
        lambda bad: reversals.open_dispute(STAMP, amount=bad, provider="stripe"),
        lambda bad: reversals.win_dispute(STAMP, amount=bad, provider="stripe"),
        lambda bad: reversals.lose_dispute(STAMP, amount=usd("2"), tax=bad),
        lambda bad: reversals.pay_tax(STAMP, amount=bad, provider="bank"),
    ],
)
def test_a_negative_amount_is_refused_everywhere(build: Callable[[Money], Transfer], micros: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        build(Money(micros))


def test_a_movement_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidTransfer, match="too_few_entries"):
        movements.issue_invoice(STAMP, revenue=ZERO, deferred=ZERO, tax=ZERO)
    for build in (movements.hold, movements.release_hold):
        with pytest.raises(ValueError, match="no grant"):
            build(STAMP, [])


def test_no_more_is_earned_than_was_held() -> None:
    with pytest.raises(ValueError, match="no more comes back"):
        movements.settle_hold(STAMP, [PAID], usd("3.000001"))


def test_credit_pays_for_what_is_sold_and_not_for_its_tax() -> None:
    with pytest.raises(ValueError, match="credit applied"):
        movements.issue_invoice(STAMP, revenue=usd("2.99"), deferred=ZERO, tax=usd("5"), credits_applied=[PAID])
    with pytest.raises(InvalidTransfer, match="not_whole_minor"):
        movements.issue_invoice(STAMP, revenue=usd("9"), deferred=ZERO, tax=ZERO, credits_applied=[share("g", "1.001")])


def test_a_credit_note_gives_back_no_more_than_it_says() -> None:
    with pytest.raises(ValueError, match="more is given back"):
        movements.credit_note(STAMP, revenue=usd("5"), deferred=ZERO, tax=ZERO, off_receivable=usd("5.01"))
    with pytest.raises(ValueError, match="more is given back"):
        movements.credit_note(
            STAMP, revenue=usd("2.999999"), deferred=ZERO, tax=ZERO, off_receivable=ZERO, to_grants=[PAID]
        )


def test_parts_of_a_loss_are_no_more_than_the_loss() -> None:
    whole = reversals.write_off(STAMP, amount=usd("5"), tax=usd("2"), deferred=usd("3"))
    assert "revenue:uncollectible" not in moved(whole)
    with pytest.raises(ValueError, match="more than the whole"):
        reversals.write_off(STAMP, amount=usd("5"), tax=usd("2"), deferred=usd("3.000001"))
    with pytest.raises(ValueError, match="more than the whole"):
        reversals.lose_dispute(STAMP, amount=usd("2.99"), tax=ZERO, reclaimed=[PAID])


def test_promotional_credit_is_never_refunded_and_a_card_gets_no_fraction() -> None:
    with pytest.raises(ValueError, match="never paid"):
        reversals.refund_credit(STAMP, [PAID, PROMO], tax=ZERO, provider="stripe")
    with pytest.raises(ValueError, match="never paid"):
        reversals.owe_credit(STAMP, [PROMO], tax=ZERO)
    with pytest.raises(InvalidTransfer, match="not_whole_minor"):
        reversals.refund_credit(STAMP, [share("g", "3.001")], tax=ZERO, provider="stripe")
    with pytest.raises(InvalidTransfer, match="missing_sub"):
        movements.pay_invoice(STAMP, amount=usd("1"), provider="")


def test_currencies_are_not_mixed() -> None:
    with pytest.raises(CurrencyMismatch):
        movements.top_up(STAMP, grant_id="g", credit=usd("1"), tax=Money.zero("EUR"), provider="stripe")


# ---- tax that goes back with credit


@pytest.mark.parametrize(
    ("before", "now", "back"),
    [("0", "10", "1.9"), ("0", "5", "0.95"), ("5", "5", "0.95"), ("0", "0.03", "0.01"), ("0.03", "0.03", "0"),
     ("0.06", "0.03", "0.01"), ("0", "0", "0")],
)  # fmt: skip
def test_the_tax_share_is_the_difference_of_running_shares(before: str, now: str, back: str) -> None:
    found = reversals.tax_share(credit=usd("10"), tax=usd("1.90"), refunded_before=usd(before), refunded_now=usd(now))
    assert found == usd(back)


def test_the_tax_share_is_for_what_was_paid() -> None:
    for before, now in (("5", "5.01"), ("10.01", "0")):
        with pytest.raises(ValueError, match="no more is refunded"):
            reversals.tax_share(credit=usd("10"), tax=usd("2"), refunded_before=usd(before), refunded_now=usd(now))
    for before, now in (("-1", "5"), ("5", "-1")):
        with pytest.raises(ValueError, match="negative"):
            reversals.tax_share(credit=usd("10"), tax=usd("2"), refunded_before=usd(before), refunded_now=usd(now))
    assert reversals.tax_share(credit=ZERO, tax=usd("0"), refunded_before=ZERO, refunded_now=ZERO) == ZERO


@given(st.integers(0, 3_000), st.lists(st.integers(1, 5_000), min_size=1, max_size=8))
def test_parts_of_a_refund_return_exactly_the_tax_that_was_paid(tax_cents: int, cuts: list[int]) -> None:
    tax, credit, before, back = Money(tax_cents * 10_000), Money(sum(cuts) * 10_000), ZERO, ZERO
    for cents in cuts:
        now = Money(cents * 10_000)
        part = reversals.tax_share(credit=credit, tax=tax, refunded_before=before, refunded_now=now)
        assert part.micros >= 0
        before, back = before + now, back + part
    assert back == tax


# ---- calls never overdraw


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=4), st.lists(st.tuples(st.integers(1, 25), st.integers(0, 25)))
)
def test_holds_and_settlements_keep_every_floor_and_lose_nothing(
    sizes: list[int], calls: list[tuple[int, int]]
) -> None:
    early = NOW - timedelta(days=1)
    kinds = list(GrantKind)
    grants: tuple[Grant, ...] = tuple(
        Grant(f"g{index}", kinds[index % 2], Money(size), Money(size), 0, early, None, early)
        for index, size in enumerate(sizes)
    )
    entries: list[Entry] = []
    for size, one in zip(sizes, grants, strict=True):
        if size:
            entries += movements.grant_promo(STAMP, grant_id=one.id, amount=Money(size)).entries
    opening, spent = sum(sizes), 0
    grants = tuple(Grant(g.id, GrantKind.PROMOTIONAL, g.amount, g.left, 0, early, None, early) for g in grants)
    for held, price in calls:
        drawn = draw(grants, Money(held), NOW)
        if not drawn.missing.is_zero:
            continue
        price = min(price, held)
        for transfer in (
            movements.hold(STAMP, drawn.shares), movements.settle_hold(STAMP, drawn.shares, Money(price))
        ):  # fmt: skip
            assert below_floor(balances(entries), transfer) == ()
            entries += transfer.entries
        grants = after_draw(grants, draw(grants, Money(price), NOW).shares)
        spent += price
    found = {place: balance for place, balance in balances(entries).items() if not balance.is_zero}
    wallets = {place.sub: balance for place, balance in found.items() if place.kind == "wallet_promo"}
    assert wallets == {one.id: one.left for one in grants if not one.left.is_zero}
    assert sum(balance.micros for balance in wallets.values()) == opening - spent
    assert not any(place.kind == "holds" for place in found)
