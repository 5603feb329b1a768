"""Every way money moves in Souk, as one balanced transfer each: which accounts a top-up, a call or a refund touches.

Each builder takes positive amounts and puts the signs itself (see `ledger` for the sign rule). A movement of nothing
is refused: an invoice of zero has no transfer. Accounts of a transfer belong to `stamp.organization`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.api.money import Money
from services.domain.ledger import Account, AccountKind, Entry, Transfer, TransferKind, checked
from services.domain.wallet import GrantKind, Share, give_back, total

GIFT = "gift"  # the clearing account that carries a gift from the buyer's books to the receiver's
UNCOLLECTIBLE = "uncollectible"  # the parts of revenue that were earned and lost
DISPUTED = "disputed"

Move = tuple[AccountKind, str, Money]


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whose books, under which idempotency key, when (aware), and the memo (see `Transfer`)."""

    organization: str
    key: str
    at: datetime
    memo: Mapping[str, str | int | None] = field(default_factory=dict)


def book(kind: TransferKind, stamp: Stamp, moves: Sequence[Move]) -> Transfer:
    """The checked transfer of `moves`; those of nothing are left out."""
    entries = tuple(
        Entry(Account(stamp.organization, account, amount.currency, sub), amount)
        for account, sub, amount in moves
        if not amount.is_zero
    )
    return checked(Transfer(kind, stamp.key, stamp.at, entries, stamp.memo))


def no_negatives(*amounts: Money) -> None:
    """Raises ValueError when a caller put a sign."""
    if any(amount.micros < 0 for amount in amounts):
        raise ValueError("amounts of a movement are not negative; its builder puts the signs")


def wallet_moves(shares: Sequence[Share], sign: int) -> list[Move]:
    """Shares as entries of their grants' accounts: 1 fills them, -1 draws."""
    no_negatives(*(share.amount for share in shares))
    kinds = {GrantKind.PAID: AccountKind.WALLET_PAID, GrantKind.PROMOTIONAL: AccountKind.WALLET_PROMO}
    return [(kinds[share.kind], share.grant_id, share.amount * sign) for share in shares]


def sum_of(shares: Sequence[Share]) -> Money:
    """What the shares come to. Raises ValueError when there are none."""
    if not shares:
        raise ValueError("no grant has a share in it")
    return total(shares, shares[0].amount.currency)


# ---- credit comes in


def top_up(stamp: Stamp, *, grant_id: str, credit: Money, tax: Money, provider: str) -> Transfer:
    """Paid credit; taxed when bought, so that using it is not taxed again. A redeemed gift has GIFT for provider."""
    no_negatives(credit, tax)
    return book(
        TransferKind.TOP_UP,
        stamp,
        [
            (AccountKind.CLEARING, provider, -(credit + tax)),
            (AccountKind.WALLET_PAID, grant_id, credit),
            (AccountKind.TAX_PAYABLE, "", tax),
        ],
    )


def sell_gift(stamp: Stamp, *, credit: Money, tax: Money, provider: str) -> Transfer:
    """A gift code is paid for; nobody has the credit yet. The receiver's `top_up` from GIFT takes it up."""
    no_negatives(credit, tax)
    return book(
        TransferKind.GIFT_SOLD,
        stamp,
        [
            (AccountKind.CLEARING, provider, -(credit + tax)),
            (AccountKind.CLEARING, GIFT, credit),
            (AccountKind.TAX_PAYABLE, "", tax),
        ],
    )


def grant_promo(stamp: Stamp, *, grant_id: str, amount: Money) -> Transfer:
    """Credit we give away: an expense on the day it is given."""
    no_negatives(amount)
    return book(
        TransferKind.PROMO_GRANTED,
        stamp,
        [(AccountKind.PROMO_EXPENSE, "", -amount), (AccountKind.WALLET_PROMO, grant_id, amount)],
    )


# ---- a call is paid


def hold(stamp: Stamp, shares: Sequence[Share]) -> Transfer:
    """The price of a call is set aside before it runs; `shares` come from `wallet.draw`."""
    return book(TransferKind.HELD, stamp, [*wallet_moves(shares, -1), (AccountKind.HOLDS, "", sum_of(shares))])


def settle_hold(stamp: Stamp, shares: Sequence[Share], price: Money) -> Transfer:
    """The true price is earned, the rest returns to its grants, last drawn first. Never more than was held."""
    held = sum_of(shares)
    no_negatives(price)
    return book(
        TransferKind.SETTLED,
        stamp,
        [
            (AccountKind.HOLDS, "", -held),
            (AccountKind.REVENUE, "", price),
            *wallet_moves(give_back(shares, held - price), 1),
        ],
    )


def release_hold(stamp: Stamp, shares: Sequence[Share]) -> Transfer:
    """A failed or forgotten call: everything returns."""
    return book(TransferKind.RELEASED, stamp, [(AccountKind.HOLDS, "", -sum_of(shares)), *wallet_moves(shares, 1)])


def expire_grant(stamp: Stamp, share: Share) -> Transfer:
    """The remainder of a grant that is over: paid credit becomes breakage, of promotional credit the
    expense is taken back."""
    place = AccountKind.BREAKAGE if share.kind is GrantKind.PAID else AccountKind.PROMO_EXPENSE
    return book(TransferKind.CREDIT_EXPIRED, stamp, [*wallet_moves([share], -1), (place, "", share.amount)])


# ---- invoices


def issue_invoice(
    stamp: Stamp, *, revenue: Money, deferred: Money, tax: Money, credits_applied: Sequence[Share] = ()
) -> Transfer:
    """A finalised invoice: `revenue` is earned already, `deferred` will be (a subscription in advance).

    Credit pays for what is sold, not for tax (it was taxed when bought). Credit applied must leave whole minor units.
    """
    no_negatives(revenue, deferred, tax)
    used = total(credits_applied, revenue.currency)
    if revenue + deferred < used:
        raise ValueError("credit applied is more than the invoice without tax")
    return book(
        TransferKind.INVOICE_ISSUED,
        stamp,
        [
            (AccountKind.RECEIVABLE, "", -(revenue + deferred + tax - used)),
            *wallet_moves(credits_applied, -1),
            (AccountKind.REVENUE, "", revenue),
            (AccountKind.DEFERRED_REVENUE, "", deferred),
            (AccountKind.TAX_PAYABLE, "", tax),
        ],
    )


def void_invoice(stamp: Stamp, issued: Transfer) -> Transfer:
    """The exact mirror of an invoice that was issued; credit returns to its grants."""
    if issued.kind is not TransferKind.INVOICE_ISSUED:
        raise ValueError("only an issued invoice is voided")
    return book(
        TransferKind.INVOICE_VOIDED,
        stamp,
        [(entry.account.kind, entry.account.sub, -entry.amount) for entry in issued.entries],
    )


def pay_invoice(stamp: Stamp, *, amount: Money, provider: str) -> Transfer:
    """What was owed arrives at a provider."""
    no_negatives(amount)
    return book(
        TransferKind.INVOICE_PAID,
        stamp,
        [(AccountKind.CLEARING, provider, -amount), (AccountKind.RECEIVABLE, "", amount)],
    )


def pay_surplus(stamp: Stamp, *, amount: Money, provider: str) -> Transfer:
    """Money arrives that nothing is owed for: it is the buyer's, and goes back."""
    no_negatives(amount)
    return book(
        TransferKind.INVOICE_PAID,
        stamp,
        [(AccountKind.CLEARING, provider, -amount), (AccountKind.REFUNDS, "", amount)],
    )


def return_payment(stamp: Stamp, *, amount: Money, provider: str) -> Transfer:
    """What had arrived for an invoice went again: a hold that could not be taken, a debit the bank called back."""
    no_negatives(amount)
    return book(
        TransferKind.PAYMENT_RETURNED,
        stamp,
        [(AccountKind.CLEARING, provider, amount), (AccountKind.RECEIVABLE, "", -amount)],
    )


def receive_transfer(stamp: Stamp, *, amount: Money, provider: str) -> Transfer:
    """Money came for something that is not sold yet: until then it is the buyer's."""
    no_negatives(amount)
    return book(
        TransferKind.TRANSFER_RECEIVED,
        stamp,
        [(AccountKind.CLEARING, provider, -amount), (AccountKind.REFUNDS, "", amount)],
    )


def apply_transfer(stamp: Stamp, *, amount: Money, provider: str) -> Transfer:
    """It is sold now, and the money pays for it as if it came at this instant."""
    no_negatives(amount)
    return book(
        TransferKind.TRANSFER_APPLIED,
        stamp,
        [(AccountKind.REFUNDS, "", -amount), (AccountKind.CLEARING, provider, amount)],
    )


def recognise(stamp: Stamp, amount: Money) -> Transfer:
    """Paid in advance, now earned by the time served."""
    no_negatives(amount)
    return book(
        TransferKind.REVENUE_RECOGNISED,
        stamp,
        [(AccountKind.DEFERRED_REVENUE, "", -amount), (AccountKind.REVENUE, "", amount)],
    )


def credit_note(
    stamp: Stamp,
    *,
    revenue: Money,
    deferred: Money,
    tax: Money,
    off_receivable: Money,
    to_grants: Sequence[Share] = (),
) -> Transfer:
    """Part of an invoice is taken back: what is still unpaid is no longer owed, some may return as credit.

    The rest is owed to the buyer in `refunds` until `refund_card` sends it.
    """
    no_negatives(revenue, deferred, tax, off_receivable)
    rest = revenue + deferred + tax - off_receivable - total(to_grants, revenue.currency)
    if rest.micros < 0:
        raise ValueError("more is given back than the credit note says")
    return book(
        TransferKind.CREDIT_NOTE,
        stamp,
        [
            (AccountKind.REVENUE, "", -revenue),
            (AccountKind.DEFERRED_REVENUE, "", -deferred),
            (AccountKind.TAX_PAYABLE, "", -tax),
            (AccountKind.RECEIVABLE, "", off_receivable),
            *wallet_moves(to_grants, 1),
            (AccountKind.REFUNDS, "", rest),
        ],
    )
