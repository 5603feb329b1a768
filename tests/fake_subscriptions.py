"""The part of FakeService that repeats: subscriptions, their next invoice, and how they change."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.api.errors import InvalidInput, NotFound, PaymentProfileNeeded, SumMoved, WrongState
from services.api.money import Money, Rate
from services.api.types import (
    BillingCycle,
    BillingModel,
    ChangeAction,
    Changed,
    ChangePreview,
    ChangeRequest,
    CreditKind,
    Invoice,
    InvoiceLine,
    InvoiceState,
    MovementKind,
    Params,
    PaymentMethod,
    Plan,
    Resource,
    ResourceState,
    SubscribedResource,
    Subscription,
    SubscriptionState,
    UsagePayment,
)
from services.domain import billing, metering
from tests.fake_bill import discount_of
from tests.fake_books import ZERO, Books, Held, compose, issued, settled
from tests.fake_money import refuse
from tests.fake_wallet import FakeWallet
from tests.fake_worth import Sums, hash_of, price_of, quantity_problem, sums_of
from tests.samples import uuid_of

NEVER_AGAIN = (SubscriptionState.PAUSED, SubscriptionState.CANCELED)
_MAY: dict[SubscriptionState, tuple[ChangeAction, ...]] = {
    SubscriptionState.TRIALING: (
        ChangeAction.CHANGE_PLAN,
        ChangeAction.CANCEL_NOW,
        ChangeAction.CANCEL_AT_END,
        ChangeAction.SET_PAYMENT_CARD,
    ),
    SubscriptionState.ACTIVE: (
        ChangeAction.CHANGE_PLAN,
        ChangeAction.CANCEL_NOW,
        ChangeAction.CANCEL_AT_END,
        ChangeAction.PAUSE,
        ChangeAction.SET_USAGE_PAYMENT,
        ChangeAction.SET_PAYMENT_CARD,
    ),
    SubscriptionState.PAST_DUE: (ChangeAction.CANCEL_NOW, ChangeAction.SET_PAYMENT_CARD),
    SubscriptionState.SUSPENDED: (ChangeAction.CANCEL_NOW, ChangeAction.SET_PAYMENT_CARD),
    SubscriptionState.PAUSED: (ChangeAction.RESUME, ChangeAction.CANCEL_NOW, ChangeAction.SET_PAYMENT_CARD),
    SubscriptionState.CANCELED: (),
}


class FakeSubscriptions(FakeWallet):
    """What the caller's organizations have."""

    # ---- reading

    def _resource(self, uuid: str) -> Resource:
        return self.world.resources[uuid][1]

    def _own_held(self, uuid: str) -> tuple[Books, Held]:
        for books in self._own_books():
            if uuid in books.held:
                return books, books.held[uuid]
        raise NotFound

    def _held_of(self, resource_uuid: str) -> tuple[Books, Held] | None:
        """The subscription a bought agent belongs to, whoever asks."""
        for books in self.world.books.values():
            for held in books.held.values():
                if resource_uuid in {one.uuid for one in held.subscription.resources}:
                    return books, held
        return None

    def _view(self, books: Books, held: Held) -> Subscription:
        """As it is now: with the usage of its agents, the next charge, and what may be done."""
        one = held.subscription
        upcoming = self._upcoming(books, held)
        asked = [self._being_paid(uuid) for uuid, each in books.invoices.items() if each.subscription_uuid == one.uuid]
        resources = tuple(
            SubscribedResource(part.uuid, self._resource(part.uuid).name, self._resource(part.uuid).usage)
            for part in one.resources
        )
        ends = one.pending is not None and one.pending.kind == "cancel"
        may = [action for action in _MAY[one.state] if not (ends and action is ChangeAction.CANCEL_AT_END)]
        if one.pending:
            may.append(ChangeAction.UNDO)
        return replace(
            one,
            resources=resources,
            next_charge_at=upcoming.expected_at if upcoming else None,
            next_charge=upcoming.total if upcoming else None,
            can=tuple(may),
            collecting=next((amount for amount in asked if amount), None),
        )

    async def list_subscriptions(self) -> tuple[Subscription, ...]:
        await self._enter("list_subscriptions")
        found = [self._view(books, held) for books in self._own_books() for held in books.held.values()]
        found.reverse()
        return tuple(sorted(found, key=lambda one: one.state is SubscriptionState.CANCELED))

    async def get_subscription(self, uuid: str) -> Subscription:
        await self._enter("get_subscription")
        return self._view(*self._own_held(uuid))

    # ---- the next invoice

    def _upcoming(self, books: Books, held: Held) -> Invoice | None:
        """What will be charged next, as it stands now; None when nothing will."""
        one = held.subscription
        cancels = one.pending is not None and one.pending.kind == "cancel"
        if one.state in NEVER_AGAIN or (cancels and not self._usage_lines(held)):
            return None
        plan, cycle = self._next_terms(held)
        lines = self._period_lines(held, plan, cycle, fee=not cancels)
        if not lines or one.billing_model is BillingModel.FREE:
            return None
        invoice = compose(
            books, uuid_of(f"upcoming/{one.uuid}"), one.period_start, lines, self._treatment(books.details)
        )
        return replace(invoice, expected_at=one.period_end)

    def _next_terms(self, held: Held) -> tuple[Plan, BillingCycle]:
        one = held.subscription
        if one.pending and one.pending.kind == "change_plan":
            _, plan = self._plan(one.offering_uuid, one.pending.plan_uuid)
            return plan, one.pending.cycle or one.cycle
        return one.plan, one.cycle

    def _period_lines(
        self, held: Held, plan: Plan, cycle: BillingCycle, *, fee: bool = True
    ) -> tuple[InvoiceLine, ...]:
        """The fee of the period that begins at the end of the running one, and the usage of the running one."""
        one, start = held.subscription, held.subscription.period_end
        price = price_of(plan, cycle) if plan is not one.plan or cycle is not one.cycle else one.price
        lines = []
        if fee and not price.is_zero:
            end = self._boundary(start if one.state is SubscriptionState.TRIALING else held.anchor, held, cycle)
            lines.append(fee_line(one, plan, price, start, end))
        lines += self._usage_lines(held)
        return (*lines, *discount_lines(one, lines))

    def _boundary(self, anchor: datetime, held: Held, cycle: BillingCycle) -> datetime:
        months = 12 if cycle is BillingCycle.YEARLY else 1
        index = 1 if anchor is not held.anchor else held.index + 1
        return billing.boundary(anchor, index * months)

    def _usage_lines(self, held: Held) -> list[InvoiceLine]:
        """Calls beyond the included that are paid afterwards: a line an agent, with its tiers below it."""
        one = held.subscription
        if one.usage_payment is not UsagePayment.POSTPAID or one.plan.overage is None:
            return []
        return [
            line
            for part in one.resources
            if not self._resource(part.uuid).usage.cost.is_zero
            for line in usage_lines(one, one.plan.overage, self._resource(part.uuid))
        ]

    # ---- changes

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        await self._enter("preview_change")
        return self._preview(*self._own_held(request.subscription_uuid), request)

    def _preview(self, books: Books, held: Held, request: ChangeRequest) -> ChangePreview:
        one, now = held.subscription, self.world.clock.now()
        if request.action not in self._view(books, held).can:
            raise WrongState(state=one.state.value)
        self._check(request)
        plan, cycle, quantity = self._wanted(one, request)
        sums = sums_of(held, request, plan, cycle, quantity, now)
        after = self._after(books, held, request, sums, now)
        upcoming = self._upcoming(books, after)
        invoice = compose(books, uuid_of(f"change/{one.uuid}"), now, sums.lines, self._treatment(books.details))
        is_charged = not sums.is_pending and sums.net > ZERO
        used = sum(part.usage.used for part in self._view(books, held).resources)
        return ChangePreview(
            request=request,
            hash=hash_of(request, sums, invoice.total),
            effective_at=sums.effective_at,
            is_pending=sums.is_pending,
            lines=sums.lines,
            tax_lines=invoice.tax_lines if is_charged else (),
            due_now=invoice.total if is_charged else ZERO,
            to_wallet=ZERO if sums.is_pending else max(ZERO, -sums.net),
            old_price=one.price,
            new_price=None if request.action in (ChangeAction.CANCEL_NOW, ChangeAction.CANCEL_AT_END) else sums.price,
            old_included=one.plan.included_calls,
            new_included=plan.included_calls,
            used=used,
            next_charge_at=upcoming.expected_at if upcoming else None,
            next_charge=upcoming.total if upcoming else None,
        )

    def _check(self, request: ChangeRequest) -> None:
        now, problems = self.world.clock.now(), {}
        if request.action is ChangeAction.PAUSE and request.resume_at is not None:
            problems["resume_at"] = "in_past" if request.resume_at <= now else ""
        if request.action is ChangeAction.PAUSE and request.resume_at is None:
            problems["resume_at"] = "required"
        if request.action is ChangeAction.SET_PAYMENT_CARD:
            problems["payment_token"] = self._token_problem(request.payment_token)
        if request.action is ChangeAction.SET_USAGE_PAYMENT and request.usage_payment is None:
            problems["usage_payment"] = "required"
        problems["quantity"] = quantity_problem(request.quantity)
        refuse(problems)

    def _wanted(self, one: Subscription, request: ChangeRequest) -> tuple[Plan, BillingCycle, int]:
        plan, cycle, quantity = one.plan, request.cycle or one.cycle, request.quantity or one.quantity
        if request.action is not ChangeAction.CHANGE_PLAN:
            return plan, one.cycle, one.quantity
        if request.plan_uuid and request.plan_uuid != plan.uuid:
            _, plan = self._plan(one.offering_uuid, request.plan_uuid)
            if plan.billing_model is BillingModel.QUOTE:
                raise InvalidInput(fields={"plan_uuid": "needs_quote"})
        if plan.billing_model is not BillingModel.SUBSCRIPTION:
            cycle = BillingCycle.MONTHLY
        if (plan.uuid, cycle, quantity) == (one.plan.uuid, one.cycle, one.quantity):
            raise InvalidInput(fields={"plan_uuid": "not_available"})
        return plan, cycle, quantity

    def _after(self, books: Books, held: Held, request: ChangeRequest, sums: Sums, now: datetime) -> Held:
        """The subscription as the change leaves it; nothing is written."""
        one = held.subscription
        if sums.is_pending:
            return replace(held, subscription=replace(one, pending=sums.pending))
        if request.action is ChangeAction.CHANGE_PLAN:
            return sums.after
        if request.action is ChangeAction.CANCEL_NOW:
            done = replace(one, state=SubscriptionState.CANCELED, ended_at=now, pending=None, attempts=())
            return replace(held, subscription=done, worth=ZERO)
        if request.action is ChangeAction.PAUSE:
            paused = replace(one, state=SubscriptionState.PAUSED, resumes_at=request.resume_at, pending=None)
            return replace(held, subscription=paused, remaining=one.period_end - now)
        if request.action is ChangeAction.RESUME:
            return resumed(held, now)
        if request.action is ChangeAction.UNDO:
            return replace(held, subscription=replace(one, pending=None))
        return self._with_payment(held, request)

    def _with_payment(self, held: Held, request: ChangeRequest) -> Held:
        one = held.subscription
        if request.action is ChangeAction.SET_PAYMENT_CARD:
            name = self._card_name(request.payment_token)
            paid = replace(one, paid_with=name, payment_method=PaymentMethod.CARD)
            return replace(held, token=request.payment_token, subscription=paid)
        wanted = request.usage_payment or one.usage_payment
        if wanted is UsagePayment.POSTPAID and not held.token:
            raise PaymentProfileNeeded
        return replace(held, subscription=replace(one, usage_payment=wanted))

    async def commit_change(self, request: ChangeRequest, preview_hash: str, *, key: str) -> Changed:
        await self._enter("commit_change")
        books, held = self._own_held(request.subscription_uuid)
        uuid, one = books.organization.uuid, held.subscription.uuid
        is_new = self._is_new("change", key)
        if is_new:
            preview = self._preview(books, held, request)
            if preview.hash != preview_hash:
                raise SumMoved
        attempt = self._attempt(self._owner, "change", key, (request, preview_hash))
        if isinstance(attempt.answer, Changed):
            return attempt.answer
        if attempt.payment is None:
            preview = self._preview(books, held, request)

        def finish() -> str:
            return self._do(uuid, one, request)

        if attempt.payment is None and preview.due_now.is_zero:
            finish()
            attempt.answer = Changed(self._view(books, books.held[one]))
            return attempt.answer
        due = attempt.payment.amount if attempt.payment else preview.due_now
        token = request.payment_token or held.token or self._default_card()
        if token not in self.world.outcomes:
            raise InvalidInput(fields={"payment_token": "required" if not token else "unknown"})
        payment = self._collect(attempt, token, due, books, finish)
        attempt.answer = Changed(self._view(books, books.held[one]), payment)
        return attempt.answer

    def _do(self, books_uuid: str, uuid: str, request: ChangeRequest) -> str:
        """Does a change that is paid or free; the uuid of its invoice, if it has one."""
        books, ids, now = self.world.books[books_uuid], self.world.ids, self.world.clock.now()
        held = books.held[uuid]
        preview = self._preview(books, held, request)
        plan, cycle, quantity = self._wanted(held.subscription, request)
        sums = sums_of(held, request, plan, cycle, quantity, now)
        books.held[uuid] = after = self._after(books, held, request, sums, now)
        invoice_uuid = ""
        if preview.due_now > ZERO:
            lines = tuple(replace(line, uuid=ids.uuid()) for line in preview.lines)
            invoice = compose(books, ids.uuid(), now, lines, self._treatment(books.details))
            invoice_uuid = settled(books, issued(books, invoice, now), now, after.subscription.paid_with).uuid
        if preview.to_wallet > ZERO:
            params: Params = {"name": held.subscription.offering_name, "plan": held.subscription.plan.name}
            books.grant(
                ids,
                now,
                preview.to_wallet,
                "plan_change",
                MovementKind.PLAN_CHANGE,
                credit_kind=CreditKind.PAID,
                params=params,
            )
        self._settle_in(books, after, request.action)
        return invoice_uuid

    def _settle_in(self, books: Books, after: Held, action: ChangeAction) -> None:
        """What else a change does: other allowances, agents that end, and the note of it."""
        one = after.subscription
        for part in one.resources:
            owner, resource = self.world.resources[part.uuid]
            if action is ChangeAction.CHANGE_PLAN and one.pending is None:
                resource = with_plan(resource, one)
            if one.state is SubscriptionState.CANCELED:
                resource = replace(resource, state=ResourceState.RETIRED)
            self._keep(owner, resource)
        kinds = {
            ChangeAction.CHANGE_PLAN: "plan_changed",
            ChangeAction.CANCEL_NOW: "canceled",
            ChangeAction.PAUSE: "paused",
            ChangeAction.RESUME: "resumed",
        }
        if kind := kinds.get(action, ""):
            self._tell(books, kind, f"upcoming:{one.uuid}", name=one.offering_name, plan=one.plan.name)

    # ---- what purchases and time use

    def _open(self, books: Books, one: Subscription, token: str, worth: Money) -> Held:
        held = Held(one, token, one.period_start, 1, worth)
        books.held[one.uuid] = held
        return held

    def _pay_open(self, books: Books, invoice: Invoice, paid_with: str) -> Invoice:
        """An open invoice is paid, and what was suspended for it works again."""
        now = self.world.clock.now()
        invoice = settled(books, invoice, now, paid_with)
        self._tell(books, "invoice_paid", f"invoice:{invoice.uuid}", number=invoice.number)
        for uuid, held in books.held.items():
            one = held.subscription
            if one.unpaid_invoice_uuid == invoice.uuid:
                active = replace(one, state=SubscriptionState.ACTIVE, attempts=(), unpaid_invoice_uuid="")
                books.held[uuid] = replace(held, subscription=active, worth=one.price)
                self._tell(books, "restored", f"invoice:{invoice.uuid}", name=one.offering_name)
        attempts = tuple(one for one in invoice.attempts if one.state != "planned")
        return books.keep(replace(invoice, attempts=attempts))

    def _refund_order(self, books: Books, order_uuid: str) -> Money:
        """An order that came to nothing is given back: its subscription ends, its invoice is credited. What of it had
        not been paid."""
        unpaid, now = ZERO, self.world.clock.now()
        for uuid, held in books.held.items():
            if held.subscription.order_uuid == order_uuid:
                ended = replace(held.subscription, state=SubscriptionState.CANCELED, ended_at=now)
                books.held[uuid] = replace(held, subscription=ended, worth=ZERO)
        for invoice in list(books.invoices.values()):
            is_due = invoice.state is InvoiceState.OPEN
            if invoice.order_uuid == order_uuid and (is_due or invoice.state is InvoiceState.PAID):
                note = self._credit_note(books, invoice, invoice.subtotal - invoice.discount)
                books.paid.append((now, note.total + invoice.due))
                unpaid += invoice.due
                if is_due:
                    kept = books.invoices[invoice.uuid]
                    books.keep(replace(kept, state=InvoiceState.PAID, due=ZERO, paid_at=now))
        return unpaid


def fee_line(one: Subscription, plan: Plan, price: Money, start: datetime, end: datetime) -> InvoiceLine:
    """The price of one period."""
    params: Params = {"name": one.offering_name, "plan": plan.name, "cycle": one.cycle.value}
    return InvoiceLine(
        uuid_of(f"{one.uuid}/fee/{start}"),
        "",
        "fee",
        price * one.quantity,
        params,
        str(one.quantity),
        Rate(price.micros),
        start,
        end,
        one.uuid,
    )


def usage_lines(one: Subscription, unit: Rate, resource: Resource) -> list[InvoiceLine]:
    """1,000 included, then $0.01 a call: the line of one agent and its two tiers."""
    usage, name = resource.usage, resource.name
    included, over = usage.included or 0, usage.used - (usage.included or 0)
    parent, text = uuid_of(f"{resource.uuid}/{usage.period_start}"), unit.quoted[0]
    spans = (usage.period_start, usage.period_end, one.uuid, resource.uuid)
    params: Params = {"name": name, "used": usage.used, "included": included, "over": over, "unit": text}
    lines = [InvoiceLine(parent, "", "usage", usage.cost.rounded(), params, str(over), unit, *spans)]
    if included:
        tier: Params = {"name": name, "code": "included", "first": 1, "last": included}
        line = InvoiceLine(uuid_of(f"{parent}/1"), parent, "tier", ZERO, tier, str(included), Rate(0), *spans)
        lines.append(line)
    beyond: Params = {"name": name, "code": "per_unit", "first": included + 1, "last": usage.used, "unit": text}
    lines.append(InvoiceLine(uuid_of(f"{parent}/2"), parent, "tier", usage.cost, beyond, str(over), unit, *spans))
    return lines


def discount_lines(one: Subscription, lines: list[InvoiceLine]) -> list[InvoiceLine]:
    """The line of the coupon, while it lasts."""
    coupon, fees = one.coupon, [line.amount for line in lines if line.kind == "fee"]
    if coupon is None or coupon.periods_left == 0 or not fees:
        return []
    off = discount_of(coupon, sum(fees, ZERO))
    params: Params = {"code": coupon.code, "percent": coupon.percent}
    line = InvoiceLine(uuid_of(f"{one.uuid}/coupon/{one.period_end}"), "", "discount", -off, params)
    return [replace(line, subscription_uuid=one.uuid)]


def resumed(held: Held, now: datetime) -> Held:
    """Goes on with what is left of the paid period; the periods are counted from the new end."""
    rest = held.remaining or timedelta(0)
    end = now + rest
    active = replace(
        held.subscription, state=SubscriptionState.ACTIVE, resumes_at=None, period_start=now, period_end=end
    )
    return replace(held, subscription=active, anchor=end, index=0, remaining=None)


def with_plan(resource: Resource, one: Subscription) -> Resource:
    """The allowance of another plan; used calls stay used."""
    usage = replace(
        resource.usage,
        included=one.plan.included_calls,
        period_start=one.period_start,
        period_end=one.period_end,
        next_call_cost=metering.call_cost(one.plan, resource.usage.used),
        overage_policy=one.plan.overage_policy,
    )
    return replace(resource, plan_uuid=one.plan.uuid, plan_name=one.plan.name, usage=usage)
