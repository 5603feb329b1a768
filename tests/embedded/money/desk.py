"""Calls below the service: an organization with agents under one subscription, on whatever database its books are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import ServiceError
from services.api.money import Money, Rate
from services.api.types import BillingCycle, BillingModel, OveragePolicy, Plan, SubscriptionState, UsagePayment
from services.db import models as m
from services.db import money_models as mm
from services.domain.periods import MONTHLY, Anchor, period_at
from services.embedded.money import agreed, caps, due, reservations
from services.embedded.money.due import Duties
from services.embedded.money.reservations import Call, Reserved
from services.embedded.money.told import Told, ingest
from tests.contract.embedded import START
from tests.embedded.money.books import Books, usd

E, T, R, H = m.UsageEvent, m.UsageTotal, mm.UsageRollup, mm.HoldRow
HOLDS = Duties(plain={reservations.EXPIRES: reservations.on_hold_expires}, asking={})
_ONE = 1  # the ids of the only vendor, category and offering


def plan(**changes: Any) -> Plan:  # Any: fields of Plan
    """Pay per use at two cents."""
    bare = Plan(
        uuid="plan-1", slug="per-use", name="Pay per use", billing_model=BillingModel.PAY_PER_USE,
        monthly_price=Money.zero(), yearly_price=None, included_calls=0, overage=Rate.parse("0.02"),
        overage_policy=OveragePolicy.CHARGE, points=(),
    )  # fmt: skip
    return replace(bare, **changes)


class Desk:
    """`books.organization` has a project, a person, and agents under one subscription."""

    def __init__(
        self, books: Books, offered: Plan | None = None, *, postpaid: bool = False, agents: int = 1, quantity: int = 1
    ) -> None:
        self.books = books
        self.core = books.core
        self.plan = offered or plan()
        self.project, self.person = self.core.ids.uuid(), self.core.ids.uuid()
        self.order, self.subscription = self.core.ids.uuid(), self.core.ids.uuid()
        self._numbers = Counter[str]()
        books.do(lambda connection: self._furnish(connection, postpaid=postpaid, quantity=quantity))
        self.agents = [self.agent(f"Agent {number}") for number in range(1, agents + 1)]

    @property
    def agent_uuid(self) -> str:
        return self.agents[0]

    # ---- what there is

    def _furnish(self, connection: Connection, *, postpaid: bool, quantity: int) -> None:
        def add(model: type[m.Base], **values: Any) -> None:
            connection.execute(sa.insert(model).values(**values))

        organization = self.books.organization
        add(m.User, uuid=self.person, email="ada@example.com", full_name="Ada King", password_hash="", created_at=START,
            is_staff=False)  # fmt: skip
        add(m.ProjectRow, uuid=self.project, organization_uuid=organization, name="Default", created_at=START)
        add(m.CategoryRow, id=_ONE, uuid="c", slug="c", title="C", description="", icon="", hue=0)
        add(m.VendorRow, id=_ONE, uuid="v", slug="v", name="V", country="DE", city="", is_verified=True, since=2020,
            about="", support_email="")  # fmt: skip
        add(m.OfferingRow, id=_ONE, uuid="offering-1", slug="offering-1", kind="agent", name="Agent", tagline="",
            vendor_id=_ONE, category_id=_ONE, rating=5, review_count=0, tags=[], billing_models=[],
            from_price_micros=0, per_call_micros=None, per_call_units=None, currency="USD", created_at=START,
            sort_rating=0, sort_name="", sort_newest=0, content={}, is_active=True)  # fmt: skip
        self._add_plan(connection, self.plan)
        add(m.OrderRow, uuid=self.order, number="SK-000001", state="done", user_uuid=self.person,
            organization_uuid=organization, project_uuid=self.project, offering_id=_ONE, plan_uuid=self.plan.uuid,
            offering_name="Agent", plan_name=self.plan.name, billing_cycle="monthly", lines=[], total_micros=0,
            currency="USD", paid_with="", created_at=START, paid_at=START, renews_at=None, request={})  # fmt: skip
        month = period_at(Anchor.of(START), MONTHLY, START)
        terms = agreed.agree(self.plan)
        add(mm.SubscriptionRow, uuid=self.subscription, order_uuid=self.order, organization_uuid=organization,
            project_uuid=self.project, user_uuid=self.person, offering_id=_ONE, offering_name="Agent",
            plan_uuid=self.plan.uuid, billing_model=self.plan.billing_model.value, cycle="monthly", quantity=quantity,
            terms=terms, price_micros=agreed.price_of(terms, BillingCycle.MONTHLY, quantity).micros, currency="USD",
            state=SubscriptionState.ACTIVE.value, anchor_at=START, period_start=month.start, period_end=month.end,
            trial_ends_at=None, cancel_at=None, ended_at=None, paused_at=None, resumes_at=None, pending={},
            payment_method="card" if postpaid else "wallet",
            usage_payment=(UsagePayment.POSTPAID if postpaid else UsagePayment.PREPAID).value, coupon={},
            coupon_periods_left=None, created_at=START)  # fmt: skip

    def _add_plan(self, connection: Connection, one: Plan) -> None:
        connection.execute(
            sa.insert(m.PlanRow).values(
                uuid=one.uuid, offering_id=_ONE, position=0, slug=one.slug, name=one.name,
                billing_model=one.billing_model.value,
                monthly_micros=one.monthly_price.micros if one.monthly_price else None, list_monthly_micros=None,
                currency="USD", included_calls=one.included_calls,
                overage_micros=one.overage.micros if one.overage else None,
                overage_units=one.overage.per if one.overage else None, overage_policy=one.overage_policy.value,
                points=[], badge="", trial_days=0,
            )
        )  # fmt: skip

    def add_plan(self, one: Plan) -> None:
        """One more plan of the offering."""
        self.books.do(lambda connection: self._add_plan(connection, one))

    def agent(self, name: str, project: str = "") -> str:
        """One more agent of the subscription; its uuid."""
        uuid = self.core.ids.uuid()
        row = {"uuid": uuid, "order_uuid": self.order, "organization_uuid": self.books.organization,
               "project_uuid": project or self.project, "offering_id": _ONE, "plan_uuid": self.plan.uuid, "name": name,
               "greeting": "", "state": "ready", "steps": [], "price_micros": 0, "currency": "USD",
               "created_at": START}  # fmt: skip
        self.books.do(lambda connection: connection.execute(sa.insert(m.ResourceRow).values(**row)))
        return uuid

    def new_project(self) -> str:
        """One more project; its uuid."""
        uuid = self.core.ids.uuid()
        row = {"uuid": uuid, "organization_uuid": self.books.organization, "name": uuid, "created_at": START}
        self.books.do(lambda connection: connection.execute(sa.insert(m.ProjectRow).values(**row)))
        return uuid

    def row(self, connection: Connection) -> Any:  # Any: a row of SubscriptionRow
        """The subscription as it stands."""
        s = mm.SubscriptionRow
        return connection.execute(sa.select(*s.__table__.c).where(s.uuid == self.subscription)).one()

    def change(self, **values: Any) -> None:
        """Other columns of the subscription."""
        s = mm.SubscriptionRow
        self.books.do(
            lambda connection: connection.execute(sa.update(s).where(s.uuid == self.subscription).values(**values))
        )

    # ---- calls

    def call(self, key: str = "", at: datetime = START, agent: str = "", project: str = "") -> Call:
        """A call under a key of its own when none is given."""
        agent = agent or self.agent_uuid
        if not key:
            self._numbers["key"] += 1
            key = f"k{self._numbers['key']}"
        return Call("chat", f"{agent}:{key}", agent, project or self.project, self.person, at)

    def reserve(self, call: Call | None = None) -> Reserved:
        """In a transaction of its own."""
        made = call or self.call()
        return self.books.do(lambda connection: reservations.reserve(self.core, connection, made))

    def settle(self, call: Call, at: datetime | None = None) -> Money | None:
        return self.books.do(
            lambda connection: reservations.settle(self.core, connection, call.source, call.id, at or call.at)
        )

    def release(self, call: Call, at: datetime | None = None) -> bool:
        return self.books.do(
            lambda connection: reservations.release(self.core, connection, call.source, call.id, at or call.at)
        )

    def answered(self, count: int = 1, at: datetime = START, agent: str = "") -> list[Money]:
        """So many calls, reserved and settled one after the other: their prices."""
        prices = []
        for _ in range(count):
            made = self.call(at=at, agent=agent)
            prices.append(self.reserve(made).cost)
            self.settle(made)
        return prices

    async def answer_at_once(
        self, calls: Iterable[Call], *, fails: Callable[[int], bool] = lambda _n: False
    ) -> list[str]:
        """Everybody calls at the same time; the outcome of each: its paid_from, "failed", or the code of its error."""

        async def one(number: int, call: Call) -> str:
            try:
                reserved = await reservations.retrying(
                    self.core, lambda connection: reservations.reserve(self.core, connection, call)
                )
            except ServiceError as error:
                return error.code
            await asyncio.sleep(0)
            finish = reservations.release if fails(number) else reservations.settle
            await self.core.db.run(lambda connection: finish(self.core, connection, call.source, call.id, call.at))
            return "failed" if fails(number) else reserved.paid_from

        work: list[Awaitable[str]] = [one(number, call) for number, call in enumerate(calls)]
        return list(await asyncio.gather(*work))

    def told(self, *instants: datetime, source: str = "meter", agent: str = "", **changes: Any) -> int:
        """Calls we learn of afterwards; how many were new."""
        events = []
        for instant in instants:
            self._numbers[source] += 1
            told = Told(source, f"t{self._numbers[source]}", agent or self.agent_uuid, instant, self.person)
            events.append(replace(told, **changes))
        return self.books.do(lambda connection: ingest(self.core, connection, events))

    def run_due(self, now: datetime) -> int:
        """Holds that are over."""
        return self.books.run(due.run_due(self.core, HOLDS, now))

    # ---- what is counted

    def events(self, *columns: Any) -> list[tuple[Any, ...]]:
        """The calls in the order of their names."""
        return self.books.all(sa.select(*(columns or (E.id, E.state, E.cost_micros))).order_by(E.source, E.id))

    def totals(self) -> list[tuple[datetime, int, int]]:
        """Start, calls and cost of each month."""
        rows = self.books.all(sa.select(T.period_start, T.calls, T.cost_micros).order_by(T.period_start, T.calls))
        return [(start, calls, cost) for start, calls, cost in rows]

    def is_consistent(self) -> bool:
        """Totals and rollups are the sums of the events, nothing is held, and the books add up."""
        events = self.books.all(sa.select(E.at, E.resource_uuid, E.quantity, E.cost_micros).where(E.purpose != "test"))
        months = sum(calls for _, calls, _ in self.totals()), sum(cost for _, _, cost in self.totals())
        counted = Counter[tuple[str, str, datetime]](), Counter[tuple[str, str, datetime]]()
        for at, agent, quantity, cost in events:
            day = at.replace(hour=0, minute=0, second=0, microsecond=0)
            for grain, start in (("hour", at.replace(minute=0, second=0, microsecond=0)), ("day", day)):
                counted[0][agent, grain, start] += quantity
                counted[1][agent, grain, start] += cost
        kept = {
            (agent, grain, start): (calls, cost)
            for agent, grain, start, calls, cost in self.books.all(
                sa.select(R.resource_uuid, R.grain, R.start_at, R.calls, R.cost_micros)
            )
        }
        assert months == (sum(event[2] for event in events), sum(event[3] for event in events))
        assert kept == {place: (calls, counted[1][place]) for place, calls in counted[0].items()}
        assert self.books.all(sa.select(H.key).where(H.state == "held")) == []
        return self.books.verify().fault is None


def paid(cents: str, times: int) -> Money:
    """`paid("0.02", 3)`."""
    return usd(cents) * times


def look(desk: Desk, used: int = 0, moment: datetime = START) -> tuple[Money, str]:
    """The price tag before a call."""

    def work(connection: sa.Connection) -> tuple[Money, str]:
        scopes = caps.Scopes(desk.books.organization, desk.project, desk.agent_uuid)
        found = reservations.look(connection, desk.row(connection), scopes, used, moment)
        return found.cost, found.pays

    return desk.books.do(work)
