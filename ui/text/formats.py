"""Money, prices and dates, each written one way everywhere (DESIGN, "Voice")."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from services.api.money import EXPONENTS, MICROS, SYMBOLS, Money, Rate
from services.api.types import BillingCycle, BillingModel, OfferingCard, Plan
from ui.text.language import count, tr

MINUS = "\N{MINUS SIGN}"


class PriceParts(NamedTuple):
    """A price in three pieces, for three sizes of type: "from", "$29", "/mo"."""

    prefix: str
    amount: str
    suffix: str


class PlanPrice(NamedTuple):
    """ "$990", "/year"; the unit is empty for "Free" and "Custom"."""

    amount: str
    unit: str


def money(amount: Money) -> str:
    """$1,188, $29.50, −$198, and as many decimals as a fraction of a cent needs: $0.008."""
    sign = MINUS if amount.micros < 0 else ""
    whole, fraction = divmod(abs(amount.micros), MICROS)
    digits = f"{fraction:06d}".rstrip("0")
    if digits:
        digits = "." + digits.ljust(EXPONENTS[amount.currency], "0")
    return f"{sign}{SYMBOLS[amount.currency]}{whole:,}{digits}"


def exact_money(amount: Money) -> str:
    """With the places of its currency at least, as columns and sums want it: $60.00, $0.008, −$3.12, ¥500."""
    sign = MINUS if amount.micros < 0 else ""
    whole, fraction = divmod(abs(amount.micros), MICROS)
    digits = f"{fraction:06d}".rstrip("0").ljust(EXPONENTS[amount.currency], "0")
    return f"{sign}{SYMBOLS[amount.currency]}{whole:,}{'.' + digits if digits else ''}"


def short_money(amount: Money) -> str:
    """As few letters as a narrow place has: $9.40, $142, $1.1k, $12k, $3.4M; rounded down, never up."""
    sign, symbol = (MINUS if amount.micros < 0 else ""), SYMBOLS[amount.currency]
    whole, cents = abs(amount.micros) // MICROS, abs(amount.micros) // (MICROS // 100)
    if whole < 10:
        has_places = EXPONENTS[amount.currency] > 0
        return f"{sign}{symbol}{whole}.{cents % 100:02d}" if has_places else f"{sign}{symbol}{whole}"
    if whole < 1_000:
        return f"{sign}{symbol}{whole}"
    step, letter = (1_000, tr("k")) if whole < 1_000_000 else (1_000_000, tr("M"))
    tenths = whole * 10 // step
    shown = f"{tenths // 10}.{tenths % 10}" if tenths < 100 and tenths % 10 else str(tenths // 10)
    return f"{sign}{symbol}{shown}{letter}"


def signed_money(amount: Money) -> str:
    """The same with its sign always in front: +$25.00, −$0.02; nothing in front of zero."""
    return f"+{exact_money(amount)}" if amount.micros > 0 else exact_money(amount)


def rate(price: Rate) -> str:
    """$0.008, or "$5 per 1,000" when one unit has no exact price."""
    if price.micros % price.per == 0:
        return money(Money(price.micros // price.per, price.currency))
    return tr("{amount} per {units}", amount=money(Money(price.micros, price.currency)), units=count(price.per))


def _per_call(price: Rate) -> tuple[str, str]:
    if price.micros % price.per == 0:
        return rate(price), tr("/call")
    return money(Money(price.micros, price.currency)), tr("/{units} calls", units=count(price.per))


def price_parts(card: OfferingCard) -> PriceParts:
    """What a card in the grid says about the cheapest way in."""
    if card.per_call_price is not None:
        return PriceParts("", *_per_call(card.per_call_price))
    if not card.from_price.is_zero:
        return PriceParts(tr("from"), money(card.from_price), tr("/mo"))
    if set(card.billing_models) == {BillingModel.QUOTE}:
        return PriceParts("", tr("Custom"), "")
    return PriceParts("", tr("Free"), "")


def price_words(card: OfferingCard) -> str:
    """The same as a phrase to be read aloud: "from $29 a month"."""
    parts = price_parts(card)
    if card.per_call_price is not None:
        return f"{parts.amount}{parts.suffix}".replace("/", tr(" per "), 1)
    return tr("from {amount} a month", amount=parts.amount) if parts.suffix else parts.amount


def plan_price(plan: Plan, cycle: BillingCycle) -> PlanPrice:
    """What a plan card says: the whole price of one cycle."""
    if plan.billing_model is BillingModel.FREE:
        return PlanPrice(tr("Free"), "")
    if plan.billing_model is BillingModel.PAY_PER_USE and plan.overage is not None:
        return PlanPrice(*_per_call(plan.overage))
    if cycle is BillingCycle.YEARLY and plan.yearly_price is not None:
        return PlanPrice(money(plan.yearly_price), tr("/year"))
    if plan.monthly_price is not None and plan.billing_model is not BillingModel.QUOTE:
        return PlanPrice(money(plan.monthly_price), tr("/month"))
    return PlanPrice(tr("Custom"), "")


def plan_price_words(plan: Plan, cycle: BillingCycle) -> str:
    """The same to be read aloud: "$990 a year"."""
    amount, unit = plan_price(plan, cycle)
    words = {tr("/year"): tr(" a year"), tr("/month"): tr(" a month"), tr("/call"): tr(" a call")}
    return amount + words.get(unit, unit.replace("/", tr(" per "), 1))


def saving_text(plans: tuple[Plan, ...]) -> str:
    """ "Save 17%" beside the yearly choice; empty when no plan is cheaper by the year."""
    percents = [
        round(100 - 100 * plan.yearly_price.micros / (12 * plan.monthly_price.micros))
        for plan in plans
        if plan.yearly_price is not None and plan.monthly_price is not None and not plan.monthly_price.is_zero
    ]
    best = max(percents, default=0)
    return tr("Save {percent}%", percent=best) if best > 0 else ""


def _month(number: int) -> str:
    names = (
        tr("January"),
        tr("February"),
        tr("March"),
        tr("April"),
        tr("May"),
        tr("June"),
        tr("July"),
        tr("August"),
        tr("September"),
        tr("October"),
        tr("November"),
        tr("December"),
    )
    return names[number - 1]


def date(value: datetime) -> str:
    """22 November 2027, in the reader's time zone."""
    local = value.astimezone()
    return f"{local.day} {_month(local.month)} {local.year}"


def short_date(value: datetime) -> str:
    """22 Nov 2027: as short as a column wants it."""
    local = value.astimezone()
    return tr("{day} {month} {year}", day=local.day, month=_month(local.month)[:3], year=local.year)


def exact_time(value: datetime) -> str:
    """22 Nov 2027, 14:05:09: of one call among many."""
    return tr("{day}, {time}", day=short_date(value), time=f"{value.astimezone():%H:%M:%S}")


def day_time(value: datetime) -> str:
    """22 Nov 2027, 14:05: as short as a column wants it."""
    local = value.astimezone()
    return tr("{day} {month} {year}, {time}", day=local.day, month=_month(local.month)[:3], year=local.year,
              time=f"{local:%H:%M}")  # fmt: skip


def month_text(year: int, month: int) -> str:
    """November 2027"""
    return tr("{month} {year}", month=_month(month), year=year)


def datetime_text(value: datetime) -> str:
    """22 November 2027, 14:05, in the reader's time zone."""
    return f"{date(value)}, {value.astimezone():%H:%M}"
