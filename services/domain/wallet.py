"""Prepaid credit: which grant pays, in which order, what comes back, what expires, when to warn (BILLING, "Wallet").

Credit is a set of grants. A draw lists shares (how much of which grant) and never takes more than is left; a reversal
walks the same shares from the last one back. Whether a grant may pay is judged at the instant of use, an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from services.api.money import Money, divide_half_away

PACE_DAYS = 14  # the pace is the average of the last fourteen days
ALERT_REARM_SHARE = (1, 5)  # recovered means: a fifth of the threshold above it,
ALERT_REARM_MINOR_UNITS = 100  # and at least this many minor units ($1.00)

_DAY_MICROSECONDS = 86_400_000_000


class GrantKind(StrEnum):
    PAID = "paid"
    PROMOTIONAL = "promotional"


@dataclass(frozen=True, slots=True)
class Grant:
    """Credit of one origin. `left` is what nobody has drawn; a lower `priority` number is used first."""

    id: str
    kind: GrantKind
    amount: Money
    left: Money
    priority: int
    effective_at: datetime
    expires_at: datetime | None  # None: never
    created_at: datetime

    def __post_init__(self) -> None:
        if self.left.micros < 0 or self.amount < self.left:
            raise ValueError(f"grant {self.id}: what is left lies between nothing and the amount")


@dataclass(frozen=True, slots=True)
class Share:
    """The part one grant has in a payment; never negative."""

    grant_id: str
    kind: GrantKind
    amount: Money


@dataclass(frozen=True, slots=True)
class Draw:
    """Who pays how much, in the order drawn. `missing` is the shortfall: a hold needs it to be zero."""

    shares: tuple[Share, ...]
    missing: Money


# ---- which grant pays first

OrderKey = Callable[[Grant], tuple[object, ...]]


def by_priority(grant: Grant) -> tuple[object, ...]:
    """The lower number first."""
    return (grant.priority,)


def by_expiry(grant: Grant) -> tuple[object, ...]:
    """What expires soonest first, what never expires last."""
    return (1,) if grant.expires_at is None else (0, grant.expires_at)


def by_kind(grant: Grant) -> tuple[object, ...]:
    """Promotional before paid."""
    return (0 if grant.kind is GrantKind.PROMOTIONAL else 1,)


def by_age(grant: Grant) -> tuple[object, ...]:
    """The oldest first."""
    return (grant.created_at,)


def by_id(grant: Grant) -> tuple[object, ...]:
    """The last word, so that the order never depends on how grants were read."""
    return (grant.id,)


BURN_ORDER: tuple[OrderKey, ...] = (by_priority, by_expiry, by_kind, by_age, by_id)


def in_order(grants: Iterable[Grant], order: Sequence[OrderKey] = BURN_ORDER) -> list[Grant]:
    """Grants as they are burnt. Other engines use other keys; ours are the default."""
    return sorted(grants, key=lambda grant: tuple(key(grant) for key in order))


# ---- use, reversal, expiry


def has_expired(grant: Grant, at: datetime) -> bool:
    """A grant is over at its expiry instant, not after it."""
    return grant.expires_at is not None and grant.expires_at <= at


def usable_at(grant: Grant, at: datetime) -> bool:
    """From its effective instant up to, and not at, its expiry, while something is left."""
    return grant.left.micros > 0 and grant.effective_at <= at and not has_expired(grant, at)


def total(shares: Iterable[Share], currency: str) -> Money:
    """The sum of shares, in `currency`."""
    return sum((share.amount for share in shares), Money.zero(currency))


def balance_at(grants: Iterable[Grant], at: datetime, currency: str) -> Money:
    """What could be drawn at `at` in `currency`."""
    usable = (grant.left for grant in grants if grant.left.currency == currency and usable_at(grant, at))
    return sum(usable, Money.zero(currency))


def draw(grants: Iterable[Grant], amount: Money, at: datetime, order: Sequence[OrderKey] = BURN_ORDER) -> Draw:
    """Take `amount` from the grants usable at `at`, in burn order. Grants in other currencies never pay."""
    if amount.micros < 0:
        raise ValueError("a draw is not negative; give_back returns credit")
    missing = amount
    shares: list[Share] = []
    for grant in in_order(grants, order):
        if grant.left.currency != amount.currency or not usable_at(grant, at):
            continue
        if taken := min(grant.left.micros, missing.micros):
            shares.append(Share(grant.id, grant.kind, Money(taken, amount.currency)))
            missing -= shares[-1].amount
    return Draw(tuple(shares), missing)


def give_back(shares: Sequence[Share], amount: Money) -> tuple[Share, ...]:
    """The shares that return when `amount` of a draw is reversed: the last drawn comes back first."""
    if not 0 <= amount.micros <= total(shares, amount.currency).micros:
        raise ValueError("no more comes back than was drawn")
    due = amount
    back: list[Share] = []
    for share in reversed(shares):
        if returned := min(share.amount.micros, due.micros):
            back.append(replace(share, amount=Money(returned, amount.currency)))
            due -= back[-1].amount
    return tuple(back)


def after_draw(grants: Iterable[Grant], shares: Iterable[Share]) -> tuple[Grant, ...]:
    """The grants with the shares taken out. Raises ValueError when a share is more than is left."""
    taken = {share.grant_id: share.amount for share in shares}
    return tuple(replace(grant, left=grant.left - taken[grant.id]) if grant.id in taken else grant for grant in grants)


def after_return(grants: Iterable[Grant], shares: Iterable[Share]) -> tuple[Grant, ...]:
    """The grants with the shares put back. Raises ValueError when a grant would hold more than it was given."""
    back = {share.grant_id: share.amount for share in shares}
    return tuple(replace(grant, left=grant.left + back[grant.id]) if grant.id in back else grant for grant in grants)


def expired(grants: Iterable[Grant], at: datetime) -> tuple[Share, ...]:
    """What is left on grants that are over: the remainders a sweep moves out of the wallet (paid ones to breakage)."""
    return tuple(
        Share(grant.id, grant.kind, grant.left) for grant in grants if grant.left.micros > 0 and has_expired(grant, at)
    )


def whole_minor(amount: Money) -> Money:
    """The most whole minor units within an amount that is not negative: a card or an invoice takes no fraction."""
    nearest = amount.rounded()
    return nearest - Money(amount.minor_unit, amount.currency) if amount < nearest else nearest


def refundable(grants: Iterable[Grant], paid: Mapping[str, Money], at: datetime) -> tuple[Share, ...]:
    """Unused paid credit that may go back to the payer, in whole minor units.

    `paid`: grant id -> what was paid for it and not refunded yet, without tax. A grant nobody here paid for (a gift)
    is not in it and returns nothing; expired credit is breakage and returns nothing.
    """
    shares = []
    for grant in grants:
        if grant.kind is GrantKind.PAID and grant.id in paid and not has_expired(grant, at):
            amount = whole_minor(min(grant.left, paid[grant.id]))
            if amount.micros > 0:
                shares.append(Share(grant.id, grant.kind, amount))
    return tuple(shares)


# ---- warnings


class AlertState(StrEnum):
    ARMED = "armed"
    FIRED = "fired"


def alert(previous: AlertState, balance: Money, threshold: Money) -> tuple[AlertState, bool]:
    """The state after looking at `balance`, and whether to tell the owner now.

    Fires once when the balance is below the threshold; silent until the balance has clearly recovered: a fifth of the
    threshold (rounded to the minor unit) or 100 minor units above it, whichever is more.
    """
    if previous is AlertState.ARMED:
        is_low = balance < threshold
        return (AlertState.FIRED if is_low else AlertState.ARMED), is_low
    margin = max(
        threshold.share(*ALERT_REARM_SHARE), Money(ALERT_REARM_MINOR_UNITS * balance.minor_unit, balance.currency)
    )
    return (AlertState.FIRED if balance < threshold + margin else AlertState.ARMED), False


def empty_on(spend_by_day: Sequence[Money], balance: Money, now: datetime) -> datetime | None:
    """When the balance ends at the pace of the last days, to the microsecond; None when nothing is being spent.

    `spend_by_day`: oldest first, one amount per whole day; a young wallet has fewer than PACE_DAYS, more are ignored.
    """
    days = spend_by_day[-PACE_DAYS:]
    spent = sum(days, Money.zero(balance.currency))
    if balance.micros <= 0:
        return now
    if spent.micros <= 0:
        return None
    wait = divide_half_away(balance.micros * len(days) * _DAY_MICROSECONDS, spent.micros)
    in_sight = datetime.max.replace(tzinfo=UTC) - now  # beyond it there is no date to show
    return now + timedelta(microseconds=wait) if wait <= in_sight // timedelta(microseconds=1) else None


# ---- gift and promotional codes


@dataclass(frozen=True, slots=True)
class CreditCode:
    """A code that becomes a grant: PAID for a gift somebody bought, PROMOTIONAL for one we give away."""

    code: str
    kind: GrantKind
    amount: Money
    max_total: int | None  # redemptions by anybody; None: any number
    starts_at: datetime | None  # of the code, not of the credit
    ends_at: datetime | None
    valid_days: int | None = None  # how long the credit lives, from redeeming; None: for ever
    priority: int = 0


class CodeProblem(StrEnum):
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    WRONG_CURRENCY = "wrong_currency"
    ALREADY_USED = "already_used"
    EXHAUSTED = "exhausted"


def code_problem(
    code: CreditCode, *, currency: str, redeemed: int, used_before: bool, at: datetime
) -> CodeProblem | None:
    """Why `code` cannot be redeemed at `at` by a wallet in `currency`, or None. Once per organization.

    `redeemed`: how often by anybody. The own earlier use is named before the count, because it says more.
    """
    if code.starts_at is not None and at < code.starts_at:
        return CodeProblem.NOT_YET
    if code.ends_at is not None and code.ends_at <= at:
        return CodeProblem.EXPIRED
    if code.amount.currency != currency:
        return CodeProblem.WRONG_CURRENCY
    if used_before:
        return CodeProblem.ALREADY_USED
    if code.max_total is not None and redeemed >= code.max_total:
        return CodeProblem.EXHAUSTED
    return None


def redeemed(code: CreditCode, grant_id: str, at: datetime) -> Grant:
    """The grant a code becomes, usable at once."""
    ends = None if code.valid_days is None else at + timedelta(days=code.valid_days)
    return Grant(grant_id, code.kind, code.amount, code.amount, code.priority, at, ends, at)
