"""The quotes area: prices made by hand, offered for a while, accepted into an order that is paid on account."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput, NotFound, NotInTestMode, WrongState
from services.api.money import MICROS, MICROS_MAX, Money, Rate
from services.api.types import (
    BillingCycle,
    BillingModel,
    OrderState,
    PaymentMethod,
    Placed,
    QuickCheckout,
    Quote,
    QuoteState,
    QuoteTerms,
)
from services.db import models as m
from services.domain import billing
from services.embedded import delivery, placing
from services.embedded.core import Area, Caller, Core, insert_into, is_staff
from services.embedded.money import agreed, commands, due
from services.embedded.money.due import Due
from services.embedded.money.happenings import note_happening
from services.embedded.money.subscribing import Payment
from services.embedded.orders import placed

NET_DAYS_MAX = 365
PRICE_MAX = 10_000_000 * MICROS  # a month: a year of it with tax is still an amount that can be paid
CALLS_MAX = 1_000_000_000
NOTE_MAX = 2_000  # characters
_ACCEPT, _EXPIRES = "accept_quote", "quote_expires"
_OPEN = (QuoteState.REQUESTED, QuoteState.OFFERED)

_Q = m.QuoteRow
_ORDER = sa.select(*m.OrderRow.__table__.c).where(m.OrderRow.uuid == sa.bindparam("order"))


class EmbeddedQuotes(Area):
    async def list_quotes(self) -> tuple[Quote, ...]:
        return await self._core.db.read(self._list_quotes)

    def _list_quotes(self, connection: Connection) -> tuple[Quote, ...]:
        caller = self._caller(connection)
        condition = sa.true() if is_staff(connection, caller) else _concerns(caller)
        return tuple(self._shown(connection, caller, row) for row in _rows(connection, condition))

    def _shown(self, connection: Connection, caller: Caller, row: Any) -> Quote:
        return _quote(row, self._now(), can_answer=self._may_answer(connection, caller))

    def _may_answer(self, connection: Connection, caller: Caller) -> bool:
        """Sales does; in a test-mode workspace there is nobody else, so the buyer may."""
        return self._core.payments.is_test_mode or is_staff(connection, caller)

    def _quote_of(self, connection: Connection, uuid: str) -> tuple[Caller, Any, Quote]:
        """A quote the caller is concerned with, locked. NotSignedIn, NotFound."""
        caller = self._caller(connection)
        connection.execute(sa.select(_Q.uuid).where(_Q.uuid == uuid).with_for_update())
        mine = sa.true() if is_staff(connection, caller) else _concerns(caller)
        rows = _rows(connection, sa.and_(_Q.uuid == uuid, mine))
        if not rows:
            raise NotFound(what="quote")
        return caller, rows[0], self._shown(connection, caller, rows[0])

    async def offer_quote(self, uuid: str, terms: QuoteTerms) -> Quote:
        return await self._core.db.run(lambda connection: self._offer(connection, uuid, terms))

    def _offer(self, connection: Connection, uuid: str, terms: QuoteTerms) -> Quote:
        caller, _, quote = self._quote_of(connection, uuid)
        if not quote.can_answer:
            raise NotInTestMode
        _require(quote, *_OPEN)
        if problems := _problems(terms, self._now()):
            raise InvalidInput(fields=problems)
        _change(connection, uuid, QuoteState.OFFERED, terms=_terms_to_json(terms), answered_at=self._now())
        due.schedule(connection, _EXPIRES, uuid, "", terms.valid_until)
        return self._shown(connection, caller, _rows(connection, _Q.uuid == uuid)[0])

    async def decline_quote(self, uuid: str) -> Quote:
        return await self._core.db.run(lambda connection: self._decline(connection, uuid))

    def _decline(self, connection: Connection, uuid: str) -> Quote:
        caller, _, quote = self._quote_of(connection, uuid)
        _require(quote, *_OPEN)
        _change(connection, uuid, QuoteState.DECLINED)
        due.drop(connection, uuid, _EXPIRES)
        return self._shown(connection, caller, _rows(connection, _Q.uuid == uuid)[0])

    async def accept_quote(self, uuid: str, *, key: str) -> Placed:
        answer = await self._core.db.run(lambda connection: self._accept(connection, uuid, key))
        self._core.wake.set()
        return answer

    def _accept(self, connection: Connection, uuid: str, key: str) -> Placed:
        caller, row, quote = self._quote_of(connection, uuid)
        known = commands.known(connection, caller, key, _ACCEPT, uuid)
        if known is not None:
            return placed(connection, known)
        _require(quote, QuoteState.OFFERED)
        if quote.terms is None:
            raise WrongState(state=quote.state.value)
        now = self._now()
        answer = _order(self._core, connection, caller, row, quote.terms, now)
        _change(connection, uuid, QuoteState.ACCEPTED, order_uuid=answer.order_uuid)
        due.drop(connection, uuid, _EXPIRES)
        commands.note(connection, caller, key, _ACCEPT, uuid, answer.order_uuid, now)
        return answer


def _concerns(caller: Caller) -> sa.ColumnElement[bool]:
    """Whose quote it is: of who asked for it, or of whom it was asked for."""
    return sa.or_(_Q.owner == caller.owner, _Q.email == caller.email)


def _rows(connection: Connection, condition: sa.ColumnElement[bool]) -> list[Any]:
    statement = (
        sa.select(
            *_Q.__table__.c,
            m.OfferingRow.uuid.label("offering_uuid"),
            m.OfferingRow.name.label("offering_name"),
            m.PlanRow.name.label("plan_name"),
        )
        .join(m.OfferingRow, m.OfferingRow.id == _Q.offering_id)
        .join(m.PlanRow, m.PlanRow.uuid == _Q.plan_uuid)
        .where(condition)
        .order_by(_Q.created_at.desc(), _Q.uuid.desc())
    )
    return list(connection.execute(statement))


def _change(connection: Connection, uuid: str, state: QuoteState, **values: Any) -> None:  # Any: column values
    connection.execute(sa.update(_Q).where(_Q.uuid == uuid).values(state=state.value, **values))


def _require(quote: Quote, *states: QuoteState) -> None:
    if quote.state not in states:
        raise WrongState(state=quote.state.value)


def _quote(row: Any, now: datetime, *, can_answer: bool) -> Quote:
    terms = _terms_from_json(row.terms)
    state = QuoteState(row.state)
    if state is QuoteState.OFFERED and terms is not None and terms.valid_until <= now:
        state = QuoteState.EXPIRED
    return Quote(
        uuid=row.uuid,
        state=state,
        offering_uuid=row.offering_uuid,
        offering_name=row.offering_name,
        plan_uuid=row.plan_uuid,
        plan_name=row.plan_name,
        email=row.email,
        message=row.message,
        created_at=row.created_at,
        terms=terms,
        price=None if terms is None else billing.price_of(terms.monthly_price, terms.cycle),
        order_uuid=row.order_uuid,
        can_answer=can_answer,
    )


# ---- terms


def _problems(terms: QuoteTerms, now: datetime) -> dict[str, str]:
    price, until = terms.monthly_price, terms.valid_until
    found = {
        "monthly_price": _price_problem(price),
        "valid_until": "out_of_range" if until.tzinfo is None else "in_past" if until <= now else "",
        "net_days": "" if 0 <= terms.net_days <= NET_DAYS_MAX else "out_of_range",
        "included_calls": "" if 0 <= (terms.included_calls or 0) <= CALLS_MAX else "out_of_range",
        "overage": "" if terms.overage is None or _is_rate(terms.overage) else "out_of_range",
        "note": "too_long" if len(terms.note) > NOTE_MAX else "",
    }
    return {field: code for field, code in found.items() if code}


def _is_rate(rate: Rate) -> bool:
    return 0 <= rate.micros <= min(MICROS_MAX, PRICE_MAX * rate.per)


def _price_problem(price: Money) -> str:
    if not 0 < price.micros <= PRICE_MAX:
        return "out_of_range"
    return "" if price == price.rounded() else "not_whole_minor"


def _terms_to_json(terms: QuoteTerms) -> dict[str, Any]:
    return {
        "monthly_micros": terms.monthly_price.micros,
        "currency": terms.monthly_price.currency,
        "valid_until": terms.valid_until.isoformat(),
        "cycle": terms.cycle.value,
        "included": terms.included_calls,
        "overage": [terms.overage.micros, terms.overage.per] if terms.overage else None,
        "net_days": terms.net_days,
        "note": terms.note,
    }


def _terms_from_json(stored: dict[str, Any]) -> QuoteTerms | None:
    if not stored:
        return None
    currency = stored["currency"]
    return QuoteTerms(
        Money(stored["monthly_micros"], currency),
        datetime.fromisoformat(stored["valid_until"]),
        cycle=BillingCycle(stored["cycle"]),
        included_calls=stored["included"],
        overage=Rate(stored["overage"][0], stored["overage"][1], currency) if stored["overage"] else None,
        net_days=stored["net_days"],
        note=stored["note"],
    )


# ---- the order


def _order(core: Core, connection: Connection, caller: Caller, row: Any, terms: QuoteTerms, now: datetime) -> Placed:
    """The order of an accepted quote, delivered at once; its invoice is due after the agreed days, one at least."""
    request = QuickCheckout(row.offering_uuid, row.plan_uuid, PaymentMethod.INVOICE, billing_cycle=terms.cycle)
    place = placing.provide_organization(core, connection, caller, request, now)
    goods = placing.choose(connection, request)
    plan = replace(goods.plan, monthly_price=terms.monthly_price, included_calls=terms.included_calls,
                   overage=terms.overage)  # fmt: skip
    sold = replace(goods, plan=replace(plan, billing_model=BillingModel.SUBSCRIPTION))
    priced = placing.price(connection, sold, request, place.organization_uuid, now)
    uuid = core.ids.uuid()
    connection.execute(
        insert_into(m.OrderRow),
        placing.order_row(uuid, caller, priced, place, now)
        | {"state": OrderState.EXECUTING.value, "paid_with": PaymentMethod.INVOICE.value,
           "request": {"method": PaymentMethod.INVOICE.value, "terms": agreed.agree(plan), "coupon": {},
                       "is_trial": False, "trial_days": 0, "details": asdict(priced.asking.details),
                       "parts": list(priced.asking.missing), "slug": goods.slug}},
    )  # fmt: skip
    order = connection.execute(_ORDER, {"order": uuid}).one()
    payment = Payment(PaymentMethod.INVOICE.value, net_days=max(1, terms.net_days))
    return delivery.deliver(core, connection, order, now, payment)


def on_expires(core: Core, connection: Connection, item: Due) -> None:
    """Nobody accepted it in time."""
    rows = _rows(connection, sa.and_(_Q.uuid == item.subject_uuid, _Q.state == QuoteState.OFFERED.value))
    if not rows or _quote(rows[0], item.at, can_answer=False).state is not QuoteState.EXPIRED:
        return
    row = rows[0]
    _change(connection, row.uuid, QuoteState.EXPIRED)
    of_owner = (
        sa.select(m.Membership.organization_uuid)
        .join(m.User, m.User.uuid == m.Membership.user_uuid)
        .where(m.User.email == row.email)
        .order_by(m.Membership.organization_uuid)
        .limit(1)
    )
    organization_uuid = connection.execute(of_owner).scalar()
    if organization_uuid:
        note_happening(core, connection, organization_uuid, "quote_expired", item.at, name=row.offering_name,
                       plan=row.plan_name)  # fmt: skip
