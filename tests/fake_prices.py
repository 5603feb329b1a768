"""The part of FakeService that explains amounts and compares plans."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from services.api.errors import NotFound
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingModel,
    BreakEven,
    CostCurve,
    Credit,
    Explanation,
    Invoice,
    InvoiceLine,
    Movement,
    OveragePolicy,
    Params,
    Plan,
    PlanComparison,
    PlanCost,
    Subscription,
    UsagePayment,
)
from tests.fake_books import ZERO, Books, roots
from tests.fake_invoices import FakeInvoices
from tests.fake_money import refuse
from tests.fake_world import Call
from tests.fake_worth import price_of

LIMIT_MAX = 500
MONTH_DAYS = 30
Tree = tuple[Explanation, list[Explanation]]  # a node and all its children


class FakePrices(FakeInvoices):
    """Trees behind amounts, built when asked for."""

    async def explain(self, ref: str, *, offset: int = 0, limit: int = 200) -> Explanation:
        await self._enter("explain")
        readable = self._readable_books()
        limit_bad = "" if 1 <= limit <= LIMIT_MAX else "out_of_range"
        refuse({"offset": "out_of_range" if offset < 0 else "", "limit": limit_bad})
        kind, _, uuid = ref.partition(":")
        builders = {
            "invoice": self._explain_invoice,
            "line": self._explain_line,
            "events": self._explain_events,
            "upcoming": self._explain_upcoming,
            "order": self._explain_order,
            "movement": self._explain_movement,
            "credit": self._explain_credit,
            "wallet": self._explain_wallet,
            "usage": self._explain_usage,
            "spent": self._explain_spent,
        }
        for books in readable:
            if kind in builders and (tree := builders[kind](books, uuid)):
                node, children = tree
                page = tuple(children[offset : offset + limit])
                return replace(node, ref=ref, child_count=len(children), children=page)
        raise NotFound

    def _invoice_tree(self, invoice: Invoice, kind: str) -> Tree:
        params: Params = {"number": invoice.number, "state": invoice.state.value}
        children = [self._line_node(invoice, line) for line in roots(invoice.lines)]
        children += [
            Explanation("", "tax", tax.amount, {"name": tax.name, "rate": tax.rate, "note": tax.note})
            for tax in invoice.tax_lines
        ]
        return Explanation("", kind, invoice.total, params), children

    def _explain_invoice(self, books: Books, uuid: str) -> Tree | None:
        invoice = books.invoices.get(uuid)
        return self._invoice_tree(invoice, invoice.kind.value) if invoice else None

    def _explain_upcoming(self, books: Books, uuid: str) -> Tree | None:
        held = books.held.get(uuid)
        invoice = self._upcoming(books, held) if held else None
        return self._invoice_tree(invoice, "upcoming") if invoice else None

    def _find_line(self, books: Books, uuid: str) -> tuple[Invoice, InvoiceLine] | None:
        upcoming = [self._upcoming(books, held) for held in books.held.values()]
        for invoice in (*books.invoices.values(), *(one for one in upcoming if one)):
            for line in invoice.lines:
                if line.uuid == uuid:
                    return invoice, line
        return None

    def _line_node(self, invoice: Invoice, line: InvoiceLine) -> Explanation:
        params = {**line.params, "quantity": line.quantity}
        children = [one for one in invoice.lines if one.parent_uuid == line.uuid]
        count = len(children) or len(self._calls_of(line))
        return Explanation(f"line:{line.uuid}", line.kind, line.amount, params, count)

    def _calls_of(self, line: InvoiceLine) -> list[Call]:
        """The calls behind a line of usage."""
        if line.kind not in ("usage", "tier") or line.period_start is None or line.period_end is None:
            return []
        calls = self._calls(line.resource_uuid, line.period_start, line.period_end)
        first, last = line.params.get("first", 1), line.params.get("last", len(calls))
        return calls[int(first or 1) - 1 : int(last or 0)]

    def _calls(self, resource_uuid: str, start: datetime, end: datetime) -> list[Call]:
        return [call for call in self.world.answers.get(resource_uuid, []) if start <= call.at < end]

    def _explain_line(self, books: Books, uuid: str) -> Tree | None:
        if (found := self._find_line(books, uuid)) is None:
            return None
        invoice, line = found
        children = [self._line_node(invoice, one) for one in invoice.lines if one.parent_uuid == uuid]
        return self._line_node(invoice, line), children or self._event_nodes(line)

    def _explain_events(self, books: Books, uuid: str) -> Tree | None:
        if (found := self._find_line(books, uuid)) is None:
            return None
        return replace(self._line_node(*found), kind="events"), self._event_nodes(found[1])

    def _event_nodes(self, line: InvoiceLine) -> list[Explanation]:
        price = line.unit_price.cost(1) if line.unit_price else ZERO
        return [_event_node(call, price) for call in self._calls_of(line)]

    def _explain_order(self, books: Books, uuid: str) -> Tree | None:
        _, order = self.world.orders.get(uuid, ("", None))
        if order is None or order.organization_uuid != books.organization.uuid:
            return None
        children = [
            Explanation("", line.kind, line.amount, {**line.params, "label": line.label, "quantity": line.quantity})
            for line in order.lines
        ]
        return Explanation("", "order", order.total, {"number": order.number, "name": order.offering_name}), children

    def _explain_movement(self, books: Books, uuid: str) -> Tree | None:
        movement = next((one for one in books.movements if one.uuid == uuid), None)
        if movement is None:
            return None
        resource = str(movement.params.get("resource", ""))
        calls = [call for call in self.world.answers.get(resource, []) if call.at == movement.at]
        return _movement_node(movement), [_event_node(call, -movement.amount) for call in calls]

    def _explain_credit(self, books: Books, uuid: str) -> Tree | None:
        credit = books.credit(uuid)
        if credit is None:
            return None
        children = [Explanation("", "granted", credit.amount, {"source": credit.source})]
        if credit.left != credit.amount:
            children.append(Explanation("", "used", credit.left - credit.amount))
        return _credit_node(credit), children

    def _explain_wallet(self, books: Books, uuid: str) -> Tree | None:
        if uuid != books.organization.uuid:
            return None
        now = self.world.clock.now()
        node = Explanation("", "wallet", books.balance(now), {"name": books.organization.name})
        return node, [_credit_node(credit) for credit in books.spendable(now)]

    def _explain_usage(self, books: Books, uuid: str) -> Tree | None:
        _, resource = self.world.resources.get(uuid, ("", None))
        if resource is None or resource.organization_uuid != books.organization.uuid:
            return None
        usage = resource.usage
        params: Params = {"name": resource.name, "used": usage.used, "included": usage.included}
        calls = self._calls(uuid, usage.period_start, usage.period_end)
        over = usage.next_call_cost
        nodes = [
            _event_node(call, ZERO if usage.included is None or index < usage.included else over)
            for index, call in enumerate(calls)
        ]
        return Explanation("", "usage", usage.cost, params), nodes

    def _explain_spent(self, books: Books, uuid: str) -> Tree | None:
        if uuid != books.organization.uuid:
            return None
        since = self.world.clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        recent = [(at, amount) for at, amount in books.paid if at >= since]
        children = [
            Explanation("", "refund" if amount < ZERO else "payment", amount, {"at": at.isoformat()})
            for at, amount in recent
        ]
        return Explanation("", "spent", sum((amount for _, amount in recent), ZERO)), children

    # ---- other plans

    async def compare_plans(self, subscription_uuid: str, days: int) -> PlanComparison:
        await self._enter("compare_plans")
        books, held = self._own_held(subscription_uuid)
        refuse({"days": "" if days in (30, 90) else "out_of_range"})
        one, now = self._view(books, held), self.world.clock.now()
        start = now - timedelta(days=days)
        months = []
        for number in range(days // MONTH_DAYS):
            begin = start + timedelta(days=MONTH_DAYS * number)
            end = begin + timedelta(days=MONTH_DAYS)
            months.append(sum(len(self._calls(part.uuid, begin, end)) for part in one.resources))
        options = self._options(one, months)
        calls = sum(months)
        curves = tuple(_curve(option, plan, max([*months, 1_000])) for option, plan in options)
        return PlanComparison(
            subscription_uuid=one.uuid,
            resource_name=one.resources[0].name if one.resources else one.offering_name,
            days=days,
            start=start,
            end=now,
            calls=calls,
            calls_a_month=calls // len(months),
            options=tuple(option for option, _ in sorted(options, key=lambda pair: pair[0].cost.micros)),
            break_evens=_break_evens(options),
            curves=curves,
        )

    def _options(self, one: Subscription, months: list[int]) -> list[tuple[PlanCost, Plan]]:
        offering = self._offering(one.offering_uuid)
        current = (one.plan.uuid, one.cycle, one.usage_payment)
        found = []
        for plan in offering.plans:
            for code, cycle, payment in _ways(plan):
                is_current = (plan.uuid, cycle, payment) == current or (
                    plan.uuid == one.plan.uuid
                    and cycle is one.cycle
                    and plan.billing_model is BillingModel.SUBSCRIPTION
                )
                found.append((_cost(code, plan, cycle, payment, months, is_current=is_current), plan))
        now = next((option.cost for option, _ in found if option.is_current), ZERO)
        return [
            (
                replace(
                    option,
                    difference=option.cost - now,
                    can_change=not option.is_current and plan.billing_model is BillingModel.SUBSCRIPTION,
                ),
                plan,
            )
            for option, plan in found
        ]


def _event_node(call: Call, price: Money) -> Explanation:
    params: Params = {"at": call.at.isoformat(), "person": call.person, "key": call.key}
    return Explanation("", "event", price, params)


def _movement_node(movement: Movement) -> Explanation:
    return Explanation(movement.ref, movement.kind.value, movement.amount, movement.params)


def _credit_node(credit: Credit) -> Explanation:
    params: Params = {"source": credit.source, "kind": credit.kind.value}
    return Explanation(f"credit:{credit.uuid}", "credit", credit.left, params, 1)


def _ways(plan: Plan) -> list[tuple[str, BillingCycle, UsagePayment]]:
    """How one plan may be bought: (code, cycle, who pays the calls)."""
    if plan.billing_model is BillingModel.SUBSCRIPTION:
        return [(f"{plan.slug}-{cycle.value}", cycle, UsagePayment.POSTPAID) for cycle in BillingCycle]
    if plan.billing_model is BillingModel.PAY_PER_USE:
        return [(f"pay_per_use-{payment.value}", BillingCycle.MONTHLY, payment) for payment in UsagePayment]
    return []


def _fee(plan: Plan, cycle: BillingCycle) -> Money:
    """A month of it."""
    price = price_of(plan, cycle)
    return price.share(1, 12) if cycle is BillingCycle.YEARLY else price


def _month(plan: Plan, calls: int) -> tuple[Money, int]:
    """What the calls of one month cost beyond the fee, and how many are refused."""
    over = 0 if plan.included_calls is None else max(0, calls - plan.included_calls)
    if plan.overage_policy is OveragePolicy.THROTTLE:
        return ZERO, over
    return (plan.overage.cost(over).rounded() if plan.overage else ZERO), 0


def _cost(
    code: str, plan: Plan, cycle: BillingCycle, payment: UsagePayment, months: list[int], *, is_current: bool
) -> PlanCost:
    fee = _fee(plan, cycle) * len(months)
    usage = sum((_month(plan, calls)[0] for calls in months), ZERO)
    refused = sum(_month(plan, calls)[1] for calls in months)
    return PlanCost(
        code, plan.uuid, plan.name, cycle, payment, is_current, False, fee, usage, fee + usage, ZERO, refused, False
    )


def _curve(option: PlanCost, plan: Plan, most: int) -> CostCurve:
    steps = [most * 2 * number // 20 for number in range(21)]
    return CostCurve(option.code, tuple((calls, _fee(plan, option.cycle) + _month(plan, calls)[0]) for calls in steps))


def _break_evens(options: list[tuple[PlanCost, Plan]]) -> tuple[BreakEven, ...]:
    """From how many calls a month on the plan with the higher fee is the cheaper one."""
    monthly = [
        (option, plan)
        for option, plan in options
        if option.cycle is BillingCycle.MONTHLY and option.usage_payment is UsagePayment.POSTPAID
    ]
    ordered = sorted(monthly, key=lambda pair: _fee(pair[1], BillingCycle.MONTHLY).micros)
    found = []
    for (low, small), (high, large) in pairwise(ordered):
        low_calls, high_calls = 0, 10_000_000
        while low_calls < high_calls:
            middle = (low_calls + high_calls) // 2
            dear = _fee(large, high.cycle) + _month(large, middle)[0]
            cheap = _fee(small, low.cycle) + _month(small, middle)[0]
            if cheap < dear:
                low_calls = middle + 1
            else:
                high_calls = middle
        found.append(BreakEven(low.code, high.code, None if low_calls == 10_000_000 else low_calls))
    return tuple(found)
