"""Money that goes back or never comes, as one balanced transfer each: refunds, write-offs, disputes, tax handed over.

Refund and taking access away are two choices; this module is the first one only (BILLING, "Dunning").
"""

from __future__ import annotations

from collections.abc import Sequence

from services.api.money import Money
from services.domain.ledger import AccountKind, Transfer, TransferKind
from services.domain.movements import DISPUTED, UNCOLLECTIBLE, Stamp, book, no_negatives, sum_of, wallet_moves
from services.domain.wallet import GrantKind, Share, total


def refund_card(stamp: Stamp, *, amount: Money, provider: str) -> Transfer:
    """Money goes back to the card: what a credit note owed, or goodwill (then `refunds` stays negative: an expense)."""
    no_negatives(amount)
    return book(
        TransferKind.CARD_REFUNDED,
        stamp,
        [(AccountKind.REFUNDS, "", -amount), (AccountKind.CLEARING, provider, amount)],
    )


def tax_share(*, credit: Money, tax: Money, refunded_before: Money, refunded_now: Money) -> Money:
    """The tax that goes back with a part of paid credit; all parts together return exactly `tax`.

    Each part is the difference of two rounded running shares, so no cent is lost or made on the way.
    """
    no_negatives(refunded_before, refunded_now)
    after = refunded_before + refunded_now
    if credit < after:
        raise ValueError("no more is refunded than was paid")
    if credit.is_zero:
        return Money.zero(tax.currency)
    return tax.share(after.micros, credit.micros) - tax.share(refunded_before.micros, credit.micros)


def refund_credit(stamp: Stamp, shares: Sequence[Share], *, tax: Money, provider: str) -> Transfer:
    """Unused paid credit goes back to the card with its share of the tax (`wallet.refundable`, `tax_share`)."""
    return _credit_back(stamp, shares, tax, AccountKind.CLEARING, provider)


def owe_credit(stamp: Stamp, shares: Sequence[Share], *, tax: Money) -> Transfer:
    """The same when the card cannot be credited any more: it is owed to the buyer until it has been sent by hand."""
    return _credit_back(stamp, shares, tax, AccountKind.REFUNDS, "")


def _credit_back(stamp: Stamp, shares: Sequence[Share], tax: Money, kind: AccountKind, sub: str) -> Transfer:
    no_negatives(tax)
    if any(share.kind is not GrantKind.PAID for share in shares):
        raise ValueError("promotional credit was never paid")
    return book(
        TransferKind.CREDIT_REFUNDED,
        stamp,
        [*wallet_moves(shares, -1), (AccountKind.TAX_PAYABLE, "", -tax), (kind, sub, sum_of(shares) + tax)],
    )


def _lost(amount: Money, *parts: Money) -> Money:
    """What of `amount` has to be taken from revenue once the other parts are."""
    no_negatives(amount, *parts)
    lost = sum((-part for part in parts), amount)
    if lost.micros < 0:
        raise ValueError("the parts are more than the whole")
    return lost


def write_off(stamp: Stamp, *, amount: Money, tax: Money, deferred: Money) -> Transfer:
    """An invoice is uncollectible: `amount` is what was still owed.

    `tax`: the part of it that need not be handed over (bad debt relief; zero where there is none). `deferred`: the
    part never earned. The rest was earned and is lost: a contra entry to revenue.
    """
    lost = _lost(amount, tax, deferred)
    return book(
        TransferKind.WRITTEN_OFF,
        stamp,
        [
            (AccountKind.RECEIVABLE, "", amount),
            (AccountKind.TAX_PAYABLE, "", -tax),
            (AccountKind.DEFERRED_REVENUE, "", -deferred),
            (AccountKind.REVENUE, UNCOLLECTIBLE, -lost),
        ],
    )


def pay_written_off(stamp: Stamp, *, amount: Money, tax: Money, deferred: Money, provider: str) -> Transfer:
    """The buyer pays after all: the write-off is undone for what arrives."""
    regained = _lost(amount, tax, deferred)
    return book(
        TransferKind.WRITE_OFF_PAID,
        stamp,
        [
            (AccountKind.CLEARING, provider, -amount),
            (AccountKind.TAX_PAYABLE, "", tax),
            (AccountKind.DEFERRED_REVENUE, "", deferred),
            (AccountKind.REVENUE, UNCOLLECTIBLE, regained),
        ],
    )


def forfeit_credit(stamp: Stamp, shares: Sequence[Share]) -> Transfer:
    """Credit that was given back of something never paid goes with the invoice that is given up: so much less is
    lost."""
    return book(
        TransferKind.WRITTEN_OFF,
        stamp,
        [*wallet_moves(shares, -1), (AccountKind.REVENUE, UNCOLLECTIBLE, sum_of(shares))],
    )


def restore_credit(stamp: Stamp, shares: Sequence[Share]) -> Transfer:
    """The mirror of `forfeit_credit`: the invoice is paid after all."""
    return book(
        TransferKind.WRITE_OFF_PAID,
        stamp,
        [*wallet_moves(shares, 1), (AccountKind.REVENUE, UNCOLLECTIBLE, -sum_of(shares))],
    )


def open_dispute(stamp: Stamp, *, amount: Money, provider: str) -> Transfer:
    """The bank takes the money back while it decides."""
    no_negatives(amount)
    return book(
        TransferKind.DISPUTE_OPENED,
        stamp,
        [(AccountKind.DISPUTES, "", -amount), (AccountKind.CLEARING, provider, amount)],
    )


def win_dispute(stamp: Stamp, *, amount: Money, provider: str) -> Transfer:
    """The bank decided for us and pays it again."""
    no_negatives(amount)
    return book(
        TransferKind.DISPUTE_WON,
        stamp,
        [(AccountKind.CLEARING, provider, -amount), (AccountKind.DISPUTES, "", amount)],
    )


def lose_dispute(stamp: Stamp, *, amount: Money, tax: Money, reclaimed: Sequence[Share] = ()) -> Transfer:
    """The money is gone: unused credit it had bought is taken back, its tax is not owed, the rest is lost revenue."""
    lost = _lost(amount, tax, total(reclaimed, amount.currency))
    return book(
        TransferKind.DISPUTE_LOST,
        stamp,
        [
            (AccountKind.DISPUTES, "", amount),
            (AccountKind.TAX_PAYABLE, "", -tax),
            *wallet_moves(reclaimed, -1),
            (AccountKind.REVENUE, DISPUTED, -lost),
        ],
    )


def refunded_by_bank(stamp: Stamp, *, amount: Money, tax: Money, provider: str = "") -> Transfer:
    """A refund was not sent, because the bank had given the money back: it is not owed any more (or, with `provider`,
    never left it), and the lost dispute took so much too much from revenue and tax."""
    return book(
        TransferKind.DISPUTE_LOST,
        stamp,
        [
            (AccountKind.CLEARING, provider, -amount) if provider else (AccountKind.REFUNDS, "", -amount),
            (AccountKind.TAX_PAYABLE, "", tax),
            (AccountKind.REVENUE, DISPUTED, _lost(amount, tax)),
        ],
    )


def pay_tax(stamp: Stamp, *, amount: Money, provider: str) -> Transfer:
    """Collected tax is handed over to the state."""
    no_negatives(amount)
    return book(
        TransferKind.TAX_PAID,
        stamp,
        [(AccountKind.TAX_PAYABLE, "", -amount), (AccountKind.CLEARING, provider, amount)],
    )
