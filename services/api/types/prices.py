"""Where an amount comes from, and what it would have been under other terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.api.money import Money
from services.api.types.catalogue import BillingCycle
from services.api.types.subscriptions import UsagePayment
from services.api.types.wallet import Params


@dataclass(frozen=True, slots=True)
class Explanation:
    """One node of the tree behind an amount. `kind` and `params` make its sentence. `ref` is how to ask for its
    children (`explain`); `child_count` says how many there are, `children` holds the page that was asked for.

    Refs: invoice:<uuid>, line:<uuid>, events:<line uuid>, upcoming:<subscription uuid>, order:<uuid>,
    movement:<uuid>, credit:<uuid>, wallet:<organization uuid>, usage:<resource uuid>, spent:<organization uuid>.
    """

    ref: str
    kind: str
    amount: Money | None
    params: Params = field(default_factory=dict)
    child_count: int = 0
    children: tuple[Explanation, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanCost:
    """What the events of the window would have cost under one option."""

    code: str  # stable name: "starter-monthly", "pay_per_use-prepaid", ...
    plan_uuid: str
    plan_name: str
    cycle: BillingCycle
    usage_payment: UsagePayment
    is_current: bool
    is_bundle: bool
    fee: Money
    usage: Money
    cost: Money
    difference: Money  # to the current option: negative is cheaper
    refused_calls: int  # calls a throttling plan would have refused
    can_change: bool  # this subscription may change to it


@dataclass(frozen=True, slots=True)
class BreakEven:
    """From `calls` a month on, `dearer_code` stops being the cheaper one of the two; None: never."""

    from_code: str
    to_code: str
    calls: int | None


@dataclass(frozen=True, slots=True)
class CostCurve:
    """Cost of a month by number of calls, for the chart."""

    code: str
    points: tuple[tuple[int, Money], ...]


@dataclass(frozen=True, slots=True)
class PlanComparison:
    """Prices before tax and before personal coupons. `calls` were really made from `start` to `end`."""

    subscription_uuid: str
    resource_name: str
    days: int
    start: datetime
    end: datetime
    calls: int
    calls_a_month: int
    options: tuple[PlanCost, ...]  # cheapest first
    break_evens: tuple[BreakEven, ...]
    curves: tuple[CostCurve, ...]
