"""The part of FakeService that is time: what falls due, moving forward, and going back."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from services.api.errors import NotFound, NotInTestMode
from services.api.types import (
    Attempt,
    BillingCycle,
    Happening,
    Invoice,
    MovementKind,
    MoveTime,
    Params,
    PaymentMethod,
    PaymentState,
    Subscription,
    SubscriptionState,
    Timeline,
    TimeMoved,
    TimePoint,
    TimeStep,
    UsagePayment,
)
from services.domain import billing, metering
from tests.fake_books import ZERO, Books, Held, issued, settled
from tests.fake_money import refuse
from tests.fake_quotes import FakeQuotes
from tests.fake_subscriptions import resumed
from tests.fake_world import Page, Payment, Setup

RETRY_DAYS = (1, 3, 5, 7)  # after the first failure (BILLING, "Dunning")
REMINDER = timedelta(days=3)
KEPT = (
    "books",
    "orders",
    "requests",
    "bills",
    "resources",
    "chats",
    "cards",
    "charges",
    "offers",
    "payments",
    "pages",
    "setups",
    "arrivals",
    "disputes",
    "frozen",
    "answers",
)
RUNNING = (SubscriptionState.ACTIVE, SubscriptionState.TRIALING)


@dataclass(frozen=True)
class Due:
    """Something time owes."""

    at: datetime
    kind: str
    do: Callable[[], None]


def _copied(value: object) -> object:
    """What changes is copied, values are shared: deepcopy takes longer than a callback may."""
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    if isinstance(value, list):
        return list(value)
    if isinstance(value, Books):
        twin = copy(value)
        for one in fields(twin):
            setattr(twin, one.name, _copied(getattr(twin, one.name)))
        return twin
    return copy(value) if isinstance(value, Held | Page | Payment | Setup) else value


class FakeTimeline(FakeQuotes):
    """Renewals, trials, retries and expiries, done in time order when time is moved."""

    async def list_happenings(self, organization_uuid: str = "", *, limit: int = 100) -> tuple[Happening, ...]:
        await self._enter("list_happenings")
        books = self._books(organization_uuid)
        refuse({"limit": "" if 1 <= limit <= 500 else "out_of_range"})
        return tuple(books.happenings[::-1][:limit]) if books else ()

    async def get_timeline(self) -> Timeline:
        await self._enter("get_timeline")
        return self._timeline()

    def _timeline(self) -> Timeline:
        world = self.world
        due = min(self._due(), key=lambda one: one.at, default=None)
        points = tuple(point for point, _ in world.points.values())
        return Timeline(
            is_available=world.is_time_available,
            is_simulated=world.real_time is not None,
            now=world.clock.now(),
            next_event_at=due.at if due else None,
            next_event_kind=due.kind if due else "",
            points=points,
        )

    async def move_time(self, request: MoveTime) -> TimeMoved:
        await self._enter("move_time")
        self._user()
        if not self.world.is_time_available:
            raise NotInTestMode
        target = self._target(request)
        before = {one.uuid for books in self._own_books() for one in books.happenings}
        self._take_point()
        self.run_until(target)
        new = [one for books in self._own_books() for one in books.happenings if one.uuid not in before]
        return TimeMoved(self._timeline(), tuple(sorted(new, key=lambda one: one.at)))

    def _target(self, request: MoveTime) -> datetime:
        now = self.world.clock.now()
        if request.step is TimeStep.DAY:
            return now + timedelta(days=1)
        if request.step is TimeStep.MONTH:
            return billing.boundary(now, 1)
        if request.step is TimeStep.NEXT_EVENT:
            return min((one.at for one in self._due()), default=now + timedelta(days=1))
        if request.to is None:
            refuse({"to": "required"})
        target = request.to or now
        refuse({"to": "in_past" if target <= now else ""})
        return target

    def _take_point(self) -> None:
        world = self.world
        now = world.clock.now()
        point = TimePoint(world.ids.uuid(), now, world.real_time or now)
        kept = {name: _copied(getattr(world, name)) for name in KEPT}
        world.points[point.uuid] = (point, {**kept, "real_time": world.real_time})
        world.real_time = world.real_time or now

    async def return_to(self, point_uuid: str) -> Timeline:
        await self._enter("return_to")
        self._user()
        if not self.world.is_time_available:
            raise NotInTestMode
        if point_uuid not in self.world.points:
            raise NotFound
        point, kept = self.world.points[point_uuid]
        for name, value in kept.items():
            setattr(self.world, name, _copied(value))
        later = list(self.world.points)
        for uuid in later[later.index(point_uuid) + 1 :]:
            del self.world.points[uuid]
        self.world.clock.at = point.at
        return self._timeline()

    def run_until(self, target: datetime) -> None:
        """Does all that falls due up to `target`, in time order, and stops there."""
        while due := min((one for one in self._due() if one.at <= target), key=lambda one: one.at, default=None):
            self.world.clock.at = max(self.world.clock.at, due.at)
            due.do()
        self.world.clock.at = max(self.world.clock.at, target)

    # ---- what falls due

    def _due(self) -> list[Due]:
        found = []
        for books in self.world.books.values():
            for held in books.held.values():
                found += self._due_of(books, held)
            for credit in books.credits:
                if credit.expires_at is not None and not credit.left.is_zero:
                    found.append(Due(credit.expires_at, "credit_expired", self._expiry(books, credit.uuid)))
        return found

    def _due_of(self, books: Books, held: Held) -> list[Due]:
        one, uuid = held.subscription, held.subscription.uuid
        if one.state is SubscriptionState.PAUSED:
            return [Due(one.resumes_at, "resumed", lambda: self._resume(books, uuid))] if one.resumes_at else []
        if one.state is SubscriptionState.PAST_DUE:
            planned = [attempt.at for attempt in one.attempts if attempt.state == "planned"]
            return [Due(planned[0], "payment_retry", lambda: self._retry(books, uuid))] if planned else []
        if one.state not in RUNNING:
            return []
        found = []
        if one.state is SubscriptionState.TRIALING and not held.was_reminded:
            at = one.period_end - REMINDER
            found.append(Due(at, "trial_reminder", lambda: self._remind(books, uuid)))
        kind = "trial_ended" if one.state is SubscriptionState.TRIALING else "renewed"
        if one.pending and one.pending.kind == "cancel":
            kind = "canceled"
        return [*found, Due(one.period_end, kind, lambda: self._renew(books, uuid))]

    def _expiry(self, books: Books, credit_uuid: str) -> Callable[[], None]:
        def expire() -> None:
            credit = next(one for one in books.credits if one.uuid == credit_uuid)
            books.replace_credit(replace(credit, left=ZERO, refundable=ZERO))
            now, ids = self.world.clock.now(), self.world.ids
            books.move(ids, now, MovementKind.EXPIRY, -credit.left, {"source": credit.source})
            self._tell(books, "credit_expired", f"credit:{credit.uuid}", amount=credit.left.micros)

        return expire

    def _remind(self, books: Books, uuid: str) -> None:
        books.held[uuid].was_reminded = True
        one = books.held[uuid].subscription
        self._tell(books, "trial_reminder", f"upcoming:{uuid}", name=one.offering_name, plan=one.plan.name)

    def _resume(self, books: Books, uuid: str) -> None:
        books.held[uuid] = resumed(books.held[uuid], self.world.clock.now())
        self._tell(books, "resumed", f"upcoming:{uuid}", name=books.held[uuid].subscription.offering_name)

    # ---- renewal

    def _renew(self, books: Books, uuid: str) -> None:
        held, now = books.held[uuid], self.world.clock.now()
        one = held.subscription
        draft = self._upcoming(books, held)
        if one.pending and one.pending.kind == "cancel":
            ended = replace(one, state=SubscriptionState.CANCELED, ended_at=now, pending=None)
            books.held[uuid] = replace(held, subscription=ended, worth=ZERO)
            self._tell(books, "canceled", name=one.offering_name, plan=one.plan.name)
        elif one.pending and one.pending.kind == "pause":
            paused = replace(one, state=SubscriptionState.PAUSED, pending=None)
            books.held[uuid] = replace(held, subscription=paused, remaining=timedelta(0))
            self._tell(books, "paused", name=one.offering_name)
        else:
            if one.state is SubscriptionState.TRIALING:
                self._tell(books, "trial_ended", f"upcoming:{uuid}", name=one.offering_name, plan=one.plan.name)
            books.held[uuid] = self._next_period(held)
            self._reset_usage(books.held[uuid].subscription)
            self._tell(books, "renewed", f"upcoming:{uuid}", name=one.offering_name, plan=one.plan.name)
        if draft is not None and not draft.total.is_zero:
            self._bill(books, uuid, draft)

    def _next_period(self, held: Held) -> Held:
        one = held.subscription
        plan, cycle = self._next_terms(held)
        was_trial, restarts = one.state is SubscriptionState.TRIALING, cycle is not one.cycle
        anchor = one.period_end if was_trial or restarts else held.anchor
        index = 1 if was_trial or restarts else held.index + 1
        months = 12 if cycle is BillingCycle.YEARLY else 1
        price = one.pending.price if one.pending and one.pending.price else one.price
        coupon = one.coupon
        if coupon and coupon.periods_left:
            coupon = replace(coupon, periods_left=coupon.periods_left - 1)
        renewed = replace(
            one,
            plan=plan,
            cycle=cycle,
            price=price,
            state=SubscriptionState.ACTIVE,
            period_start=one.period_end,
            period_end=billing.boundary(anchor, months * index),
            pending=None,
            coupon=None if coupon and coupon.periods_left == 0 else coupon,
        )
        return replace(held, subscription=renewed, anchor=anchor, index=index, worth=ZERO)

    def _reset_usage(self, one: Subscription) -> None:
        for part in one.resources:
            owner, resource = self.world.resources[part.uuid]
            usage = replace(
                resource.usage,
                included=one.plan.included_calls,
                used=0,
                cost=ZERO,
                period_start=one.period_start,
                period_end=one.period_end,
                next_call_cost=metering.call_cost(one.plan, 0),
                overage_policy=one.plan.overage_policy,
            )
            self._keep(owner, replace(resource, usage=usage, plan_uuid=one.plan.uuid, plan_name=one.plan.name))

    def _bill(self, books: Books, uuid: str, draft: Invoice) -> None:
        """Makes the draft final and collects it."""
        held, now, ids = books.held[uuid], self.world.clock.now(), self.world.ids
        one = held.subscription
        invoice = issued(books, replace(draft, uuid=ids.uuid(), created_at=now), now)
        self._tell(books, "invoice_issued", f"invoice:{invoice.uuid}", number=invoice.number)
        if one.payment_method is PaymentMethod.INVOICE:
            return
        if self.world.outcomes.get(held.token) == "debits":
            self._debit(books, held, invoice)
            return
        if self._take_payment(books, held, invoice):
            books.held[uuid] = replace(held, worth=max(ZERO, one.price * one.quantity - invoice.discount))
            return
        first = (Attempt(now, "failed", self._decline_of(held)),)
        planned = tuple(Attempt(now + timedelta(days=days), "planned") for days in RETRY_DAYS)
        self._fall_behind(books, uuid, invoice, (*first, *planned))

    def _take_payment(self, books: Books, held: Held, invoice: Invoice) -> bool:
        one, now = held.subscription, self.world.clock.now()
        if one.usage_payment is UsagePayment.PREPAID and not held.token:
            if books.balance(now) < invoice.due:
                return False
            params: Params = {"number": invoice.number, "name": one.offering_name}
            books.spend(self.world.ids, now, invoice.due, MovementKind.INVOICE, params)
        elif self._decline_of(held):
            return False
        else:
            self._charge(books, invoice.due)
        settled(books, invoice, now, one.paid_with)
        self._tell(books, "invoice_paid", f"invoice:{invoice.uuid}", number=invoice.number)
        return True

    def _debit(self, books: Books, held: Held, invoice: Invoice) -> None:
        """Days go by; meanwhile it is open."""
        owner, uuid = books.organization.uuid, self.world.ids.uuid()

        def finish() -> str:
            now_books = self.world.books[owner]
            return self._pay_open(now_books, now_books.invoices[invoice.uuid], held.subscription.paid_with).uuid

        self.world.payments[uuid] = Payment(
            self._owner, held.token, PaymentState.PROCESSING, invoice.due, owner, finish, invoice.uuid
        )
        self._begin_debit(uuid, held.token)

    def _decline_of(self, held: Held) -> str:
        codes = {"declined": "card_declined", "insufficient_funds": "insufficient_funds"}
        return codes.get(self.world.outcomes.get(held.token, "declined"), "")

    def _fall_behind(self, books: Books, uuid: str, invoice: Invoice, attempts: tuple[Attempt, ...]) -> None:
        held = books.held[uuid]
        is_over = all(one.state != "planned" for one in attempts)
        behind = replace(
            held.subscription,
            state=SubscriptionState.SUSPENDED if is_over else SubscriptionState.PAST_DUE,
            attempts=attempts,
            unpaid_invoice_uuid=invoice.uuid,
        )
        books.held[uuid] = replace(held, subscription=behind)
        books.keep(replace(invoice, attempts=attempts))
        kind = "suspended" if is_over else "payment_failed"
        self._tell(books, kind, f"invoice:{invoice.uuid}", name=behind.offering_name, number=invoice.number)

    def _retry(self, books: Books, uuid: str) -> None:
        held, now = books.held[uuid], self.world.clock.now()
        one = held.subscription
        invoice = books.invoices[one.unpaid_invoice_uuid]
        if not self._decline_of(held):
            self._charge(books, invoice.due)
            self._pay_open(books, invoice, one.paid_with)
            return
        done = [Attempt(now, "failed", self._decline_of(held)) if each.at == now else each for each in one.attempts]
        self._fall_behind(books, uuid, invoice, tuple(done))
