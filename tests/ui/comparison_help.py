"""What the tests of the comparison share: options as plain values, and somebody whose calls can be compared."""

from datetime import UTC, datetime, timedelta

from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BreakEven,
    CostCurve,
    PlanComparison,
    PlanCost,
    UsagePayment,
)
from tests.fake_world import Call
from tests.ui.subscription_help import Owner

END = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
M = Money.parse


def option(
    code: str, fee: str = "29", usage: str = "0", *, name: str = "", now: str = "", refused: int = 0,
    cycle: BillingCycle = BillingCycle.MONTHLY, is_current: bool = False, is_bundle: bool = False,
    payment: UsagePayment = UsagePayment.POSTPAID, can_change: bool = True,
) -> PlanCost:  # fmt: skip
    """`now` is what the option in force costs."""
    cost = M(fee) + M(usage)
    return PlanCost(
        code, f"plan-{code}", name or code.partition("-")[0].title(), cycle, payment, is_current, is_bundle, M(fee),
        M(usage), cost, cost - M(now) if now else Money.zero(), refused, can_change and not is_current,
    )  # fmt: skip


STARTER = option("starter-monthly", "29", "112.30", is_current=True, now="141.30")
PRO = option("pro-monthly", "99", "0", now="141.30")
YEARLY = option("pro-yearly", "82.50", "0", now="141.30", cycle=BillingCycle.YEARLY)
WALLET = option("pay_per_use-prepaid", "0", "200", name="Pay per use", now="141.30", payment=UsagePayment.PREPAID,
                can_change=False)  # fmt: skip
INVOICE = option("pay_per_use-postpaid", "0", "200", name="Pay per use", now="141.30", can_change=False)
FREE = option("free-monthly", "0", "0", now="141.30", refused=12_000)


def curve(code: str, *costs: str) -> CostCurve:
    return CostCurve(code, tuple((n * 1000, M(cost)) for n, cost in enumerate(costs)))


def comparison(
    *options: PlanCost, calls: int = 12_230, days: int = 30, break_evens: tuple[BreakEven, ...] = (),
    curves: tuple[CostCurve, ...] = (),
) -> PlanComparison:  # fmt: skip
    return PlanComparison(
        "sub", "Customer Care", days, END - timedelta(days=days), END, calls, calls * 30 // days, options,
        break_evens, curves,
    )  # fmt: skip


def made_calls(owner: Owner, count: int, *, days_ago: int = 5) -> None:
    """So many calls of the only subscription's agent, some days before the present."""
    world, uuid = owner.service.world, owner.only.resources[0].uuid
    at = world.clock.now() - timedelta(days=days_ago)
    world.answers.setdefault(uuid, []).extend(Call(f"call-{days_ago}-{n}", at, "Ada", "chat") for n in range(count))
