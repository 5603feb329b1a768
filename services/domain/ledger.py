"""Double entry: what an account and a transfer are, which transfers are refused, and what balances say (BILLING F1).

Sign: an entry's amount is what it adds to its account, credit positive. Liabilities and income grow positive, assets
and expenses go negative, so every transfer and every trial balance sums to zero per currency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.api.money import MICROS_MAX, Money


class AccountKind(StrEnum):
    WALLET_PAID = "wallet_paid"  # one account per grant
    WALLET_PROMO = "wallet_promo"  # one account per grant
    HOLDS = "holds"
    RECEIVABLE = "receivable"
    DEFERRED_REVENUE = "deferred_revenue"
    REVENUE = "revenue"
    TAX_PAYABLE = "tax_payable"
    REFUNDS = "refunds"  # owed to the buyer by credit notes, less what went back to cards
    DISPUTES = "disputes"
    BREAKAGE = "breakage"
    PROMO_EXPENSE = "promo_expense"
    CLEARING = "clearing"  # one account per provider


WALLETS = frozenset({AccountKind.WALLET_PAID, AccountKind.WALLET_PROMO})
FLOORED = WALLETS | {AccountKind.HOLDS}  # never below zero
NEEDS_SUB = WALLETS | {AccountKind.CLEARING}
# What is asked of a card, a bank or an invoice total is whole minor units (BILLING, "Money").
WHOLE_MINOR = frozenset({AccountKind.CLEARING, AccountKind.RECEIVABLE, AccountKind.REFUNDS, AccountKind.DISPUTES})


class TransferKind(StrEnum):
    TOP_UP = "top_up"
    GIFT_SOLD = "gift_sold"
    PROMO_GRANTED = "promo_granted"
    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"
    CREDIT_EXPIRED = "credit_expired"
    INVOICE_ISSUED = "invoice_issued"
    INVOICE_VOIDED = "invoice_voided"
    INVOICE_PAID = "invoice_paid"
    PAYMENT_RETURNED = "payment_returned"
    TRANSFER_RECEIVED = "transfer_received"
    TRANSFER_APPLIED = "transfer_applied"
    REVENUE_RECOGNISED = "revenue_recognised"
    CREDIT_NOTE = "credit_note"
    CARD_REFUNDED = "card_refunded"
    CREDIT_REFUNDED = "credit_refunded"
    WRITTEN_OFF = "written_off"
    WRITE_OFF_PAID = "write_off_paid"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    TAX_PAID = "tax_paid"


@dataclass(frozen=True, slots=True)
class Account:
    """`sub`: the grant's id for wallets, the provider's name for clearing, the reason of a contra entry, else ""."""

    organization: str
    kind: AccountKind
    currency: str
    sub: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a transfer adds to one account; negative takes away."""

    account: Account
    amount: Money


@dataclass(frozen=True, slots=True)
class Transfer:
    """Entries that belong together. `key` is the idempotency key, made from our own row; `at` is aware.

    `memo`: what a reader of the books needs besides, as JSON scalars (an invoice number, an order).
    """

    kind: TransferKind
    key: str
    at: datetime
    entries: tuple[Entry, ...]
    memo: Mapping[str, str | int | None] = field(default_factory=dict)


class Problem(StrEnum):
    TOO_FEW_ENTRIES = "too_few_entries"
    ZERO_ENTRY = "zero_entry"
    DUPLICATE_ACCOUNT = "duplicate_account"
    FOREIGN_ACCOUNT = "foreign_account"  # entries of two organizations: each has its own chain
    WRONG_CURRENCY = "wrong_currency"
    MISSING_SUB = "missing_sub"
    NOT_WHOLE_MINOR = "not_whole_minor"
    TOO_LARGE = "too_large"
    UNBALANCED = "unbalanced"
    NO_KEY = "no_key"
    NO_TIME_ZONE = "no_time_zone"


class InvalidTransfer(ValueError):
    """A transfer that must not be posted: a bug of the caller, never a user's mistake."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__(", ".join(problems))


def _entry_problems(entry: Entry) -> set[Problem]:
    account, amount = entry.account, entry.amount
    wrong = {
        Problem.ZERO_ENTRY: amount.is_zero,
        Problem.WRONG_CURRENCY: account.currency != amount.currency,
        Problem.MISSING_SUB: account.kind in NEEDS_SUB and not account.sub,
        Problem.NOT_WHOLE_MINOR: account.kind in WHOLE_MINOR and amount.micros % amount.minor_unit != 0,
        Problem.TOO_LARGE: abs(amount.micros) > MICROS_MAX,
    }
    return {problem for problem, is_wrong in wrong.items() if is_wrong}


def problems(transfer: Transfer) -> tuple[Problem, ...]:
    """Everything that is wrong with a transfer, in the order of `Problem`; empty when it may be posted."""
    entries = transfer.entries
    accounts = [entry.account for entry in entries]
    wrong = {
        Problem.TOO_FEW_ENTRIES: len(entries) < 2,
        Problem.DUPLICATE_ACCOUNT: len(set(accounts)) < len(accounts),
        Problem.FOREIGN_ACCOUNT: len({account.organization for account in accounts}) > 1,
        Problem.UNBALANCED: any(not left.is_zero for left in trial_balance(entries).values()),
        Problem.NO_KEY: not transfer.key,
        Problem.NO_TIME_ZONE: transfer.at.tzinfo is None,
    }
    found = {problem for problem, is_wrong in wrong.items() if is_wrong}
    found = found.union(*(_entry_problems(entry) for entry in entries))
    return tuple(problem for problem in Problem if problem in found)


def checked(transfer: Transfer) -> Transfer:
    """The transfer itself. Raises InvalidTransfer, naming all problems."""
    if found := problems(transfer):
        raise InvalidTransfer(found)
    return transfer


# ---- what the entries say


def balances(entries: Iterable[Entry]) -> dict[Account, Money]:
    """Each account's balance: the sum of its entries, and nothing else."""
    micros: defaultdict[Account, int] = defaultdict(int)
    for entry in entries:
        micros[entry.account] += entry.amount.micros
    return {account: Money(amount, account.currency) for account, amount in micros.items()}


def by_kind(entries: Iterable[Entry]) -> dict[tuple[AccountKind, str], Money]:
    """(kind, currency) -> balance over all its accounts; kinds that came back to zero are left out."""
    micros: defaultdict[tuple[AccountKind, str], int] = defaultdict(int)
    for entry in entries:
        micros[entry.account.kind, entry.account.currency] += entry.amount.micros
    return {place: Money(amount, place[1]) for place, amount in micros.items() if amount}


def trial_balance(entries: Iterable[Entry]) -> dict[str, Money]:
    """Currency -> sum over all accounts, which is zero in sound books."""
    micros: defaultdict[str, int] = defaultdict(int)
    for entry in entries:
        micros[entry.amount.currency] += entry.amount.micros
    return {currency: Money(amount, currency) for currency, amount in micros.items()}


def below_floor(before: Mapping[Account, Money], transfer: Transfer) -> tuple[Account, ...]:
    """The accounts that `transfer` would take below zero and that may not be. An account not in `before` is empty."""
    return tuple(
        entry.account
        for entry in transfer.entries
        if entry.account.kind in FLOORED
        and entry.amount.micros < 0
        and (before.get(entry.account, Money.zero(entry.account.currency)) + entry.amount).micros < 0
    )
