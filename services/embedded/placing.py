"""The first transaction of a purchase: everything checked, organization and project made, the intent on disk.

Nothing has been sent to the provider yet; what is sent later carries a key derived from the order saved here.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import (
    BillingModel,
    OrderState,
    OrderSummary,
    PaymentMethod,
    PaymentState,
    PayOrder,
    QuickCheckout,
)
from services.db import models as m
from services.domain import billing
from services.domain import identity as identity_rules
from services.domain.billing import Bill
from services.embedded import asking, ways
from services.embedded.asking import Question, Sent
from services.embedded.catalogue import PLAN_COLUMNS, plan_from
from services.embedded.core import Caller, Core, insert_into
from services.embedded.identity import organizations_of
from services.embedded.money import agreed, alerts, buyers, coupons
from services.embedded.money.buyers import Asking, Goods
from services.embedded.orders import lines_to_json
from services.embedded.ways import Way

# While the lease runs somebody is waiting for the provider's answer; afterwards the sweep settles the order.
LEASE = timedelta(seconds=20)
NOT_COMPLETED = errors.PaymentNotCompleted.code
PAID_BY_TRANSFER = "transfer"
# The letters of an address as it goes over the wire (RFC 3986), and no more of them than every provider takes.
_ADDRESS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{0,2000}")

_OFFERING = sa.select(
    m.OfferingRow.id,
    m.OfferingRow.uuid,
    m.OfferingRow.slug,
    m.OfferingRow.name,
    m.OfferingRow.kind,
).where(m.OfferingRow.uuid == sa.bindparam("offering"), m.OfferingRow.is_active)
_PLAN = sa.select(*PLAN_COLUMNS).where(m.PlanRow.uuid == sa.bindparam("plan"), m.PlanRow.is_active)
_PROJECT = sa.select(m.ProjectRow.uuid).where(
    m.ProjectRow.organization_uuid == sa.bindparam("organization"), m.ProjectRow.name == sa.bindparam("called")
)


@dataclass(frozen=True, slots=True)
class Priced:
    """What is bought by whom, and what that costs."""

    goods: Goods
    asking: Asking
    bill: Bill

    @property
    def summary(self) -> OrderSummary:
        return self.bill.summary

    @property
    def total(self) -> Money:
        return self.summary.total or Money.zero()


def choose(connection: Connection, request: QuickCheckout) -> Goods:
    """Looks offering and plan up. InvalidInput with the field at fault."""
    offering = connection.execute(_OFFERING, {"offering": request.offering_uuid}).one_or_none()
    if offering is None:
        raise errors.InvalidInput(fields={"offering_uuid": "unknown"})
    row = connection.execute(_PLAN, {"plan": request.plan_uuid}).one_or_none()
    if row is None:
        raise errors.InvalidInput(fields={"plan_uuid": "unknown"})
    if row.offering_id != offering.id:
        raise errors.InvalidInput(fields={"plan_uuid": "not_of_offering"})
    return Goods(offering.id, offering.uuid, offering.slug, offering.name, offering.kind, plan_from(row))


def price(
    connection: Connection,
    goods: Goods,
    request: QuickCheckout,
    organization_uuid: str,
    now: datetime,
    *,
    is_order: bool = False,
) -> Priced:
    """What an order of the organization ("": of somebody who has none) costs. InvalidInput."""
    asking = buyers.ask(connection, goods, request, organization_uuid, now, is_order=is_order)
    made = billing.bill(goods.offering_uuid, goods.name, goods.plan, request.billing_cycle, now, asking.buyer)
    if made.nothing_missing:
        raise errors.InvalidInput(fields={"offering_uuid": "already_used"})
    return Priced(goods, asking, made)


def request_hash(request: QuickCheckout) -> str:
    """Tells whether two requests with one key ask for the same thing. Where the browser returns to is no part of it:
    the window that asks again has another address."""
    asked = asdict(replace(request, return_url=""))
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _problems(core: Core, request: QuickCheckout, goods: Goods) -> dict[str, str]:
    model = goods.plan.billing_model
    found = {
        "terms_accepted": None if request.terms_accepted else "must_accept",
        "plan_uuid": "needs_quote" if model is BillingModel.QUOTE else None,
        "organization_name": "too_long" if len(request.organization_name) > identity_rules.NAME_MAX else None,
        "project_name": "too_long" if len(request.project_name) > identity_rules.NAME_MAX else None,
    }
    if model is not BillingModel.FREE:
        found |= method_problems(core, request)
    return {name: code for name, code in found.items() if code}


def method_problems(core: Core, request: QuickCheckout | PayOrder) -> dict[str, str]:
    """What is wrong with how somebody wants to pay."""
    method, token = request.payment_method, request.payment_token
    if method is PaymentMethod.WALLET and isinstance(request, QuickCheckout):
        return {}
    if method is PaymentMethod.INVOICE and core.bank_account:
        return {}
    if method not in (PaymentMethod.CARD, *core.payments.methods):
        return {"payment_method": "not_available"}
    if not token and core.payments.for_method(method) is None:
        return {"payment_token": "required"}
    return {} if is_ours(core, request.return_url) else {"return_url": "not_available"}


def is_ours(core: Core, return_url: str) -> bool:
    """A browser is sent back to nobody but a listener on this machine, or the page this installation has for it, and
    no provider is told an address that it would refuse: a space, a line's end, a letter of another alphabet."""
    if not _ADDRESS.fullmatch(return_url):
        return False
    if not return_url or (core.return_page and return_url.partition("?")[0] == core.return_page):
        return True
    try:
        parts = urlsplit(return_url)
        _ = parts.port
    except ValueError:  # not an address at all, or a port that cannot be
        return False
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1") and not parts.username


def way_of(core: Core, connection: Connection, caller: Caller, request: QuickCheckout | PayOrder) -> Way:
    """How it is paid. InvalidInput(payment_token, payment_method)."""
    if request.payment_method is PaymentMethod.INVOICE:
        return Way(ways.TRANSFER, PaymentMethod.INVOICE)
    if request.payment_token:
        return ways.of_caller(core, connection, caller.uuid, request.payment_token)
    return ways.page(core, request.payment_method)


def open_order(core: Core, connection: Connection, caller: Caller, request: QuickCheckout, key: str) -> Question:
    """Saves a new order with what is to be asked of the provider. InvalidInput."""
    now = core.clock.now()
    goods = choose(connection, request)
    if problems := _problems(core, request, goods):
        raise errors.InvalidInput(fields=problems)
    is_asked = goods.plan.billing_model is not BillingModel.FREE and request.payment_method is not PaymentMethod.WALLET
    way = way_of(core, connection, caller, request) if is_asked else ways.NOTHING
    place = provide_organization(core, connection, caller, request, now)
    known = "" if place.is_new else place.organization_uuid
    priced = price(connection, goods, request, known, now, is_order=True)
    if _is_short(request, priced):
        raise errors.InvalidInput(fields={"payment_method": "insufficient_credit"})
    order_uuid = core.ids.uuid()
    connection.execute(
        insert_into(m.OrderRow),
        order_row(order_uuid, caller, priced, place, now)
        | {"request": _agreed(request, priced, way), "paid_with": _paid_with(request, priced, way)},
    )
    _remember(connection, request, priced, place.organization_uuid, order_uuid, now)
    title = f"{goods.name}, {goods.plan.name}"
    sent = sent_for(core, request, way, priced.total, title=title, email=caller.email, now=now)
    asked = question(order_uuid, place.organization_uuid, way, priced.total, sent, now)
    connection.execute(insert_into(m.PaymentRow), payment_row(asked) | {"attempt": 1})
    connection.execute(
        insert_into(m.IdempotencyKey),
        {"scope": caller.uuid, "key": key, "request_hash": request_hash(request), "order_uuid": order_uuid,
         "created_at": now},
    )  # fmt: skip
    return asked


def sent_for(
    core: Core, request: QuickCheckout | PayOrder, way: Way, total: Money, *, title: str, email: str, now: datetime
) -> Sent:
    """What goes along with the question. What is charged at once by card or PayPal is only held while the buyer may
    still take it back; a free trial holds nothing."""
    can_hold = way.method in (PaymentMethod.CARD, PaymentMethod.PAYPAL)
    holds = can_hold and bool(core.undo_window) and not total.is_zero
    return Sent(title, email, request.return_url, request.saves_method, holds, until=asking.page_until(now))


def question(
    order_uuid: str, organization_uuid: str, way: Way, total: Money, sent: Sent, now: datetime, attempt: int = 1
) -> Question:
    """What the provider is asked for an order; each attempt has a key of its own."""
    key = f"order:{order_uuid}" if attempt == 1 else f"order:{order_uuid}:{attempt}"
    return Question(key, order_uuid, organization_uuid, way, total, sent, now)


def payment_row(asked: Question) -> dict[str, Any]:
    """How it is kept before it is sent."""
    return {"key": asked.key, "order_uuid": asked.reference, "provider": asked.way.provider,
            "method": asked.way.method.value, "sent": asked.sent.to_json() if asked.way.provider else {},
            "state": PaymentState.SENT.value, "provider_token": asked.way.token, "charge_id": "", "action_url": "",
            "amount_micros": asked.amount.micros, "currency": asked.amount.currency,
            "leased_until": asked.sent_at + LEASE, "expires_at": None, "capture_at": None,
            "created_at": asked.sent_at}  # fmt: skip


def kept_question(row: Any) -> Question:  # Any: a row of PaymentRow, with the order's organization_uuid
    """What was asked for an order, as it is kept."""
    way = Way(row.provider, PaymentMethod(row.method), row.provider_token)
    amount = Money(row.amount_micros, row.currency)
    sent, at = Sent.from_json(row.sent), row.created_at
    return Question(row.key, row.order_uuid, row.organization_uuid, way, amount, sent, at, row.charge_id)


def _is_short(request: QuickCheckout, priced: Priced) -> bool:
    """Whether the wallet is to pay now and cannot."""
    pays_now = request.payment_method is PaymentMethod.WALLET and not priced.summary.is_trial
    return pays_now and priced.summary.credit_left is None


def _paid_with(request: QuickCheckout, priced: Priced, way: Way) -> str:
    """ "Visa •••• 4242", "wallet", "transfer"; "" for what is free, and as long as only the page knows."""
    if request.payment_method is PaymentMethod.WALLET and priced.goods.plan.billing_model is not BillingModel.FREE:
        return PaymentMethod.WALLET.value
    return PAID_BY_TRANSFER if way.method is PaymentMethod.INVOICE else way.label


def _remember(
    connection: Connection,
    request: QuickCheckout,
    priced: Priced,
    organization_uuid: str,
    order_uuid: str,
    now: datetime,
) -> None:
    """The coupon is taken before anything is charged, the country that was typed is kept."""
    if priced.asking.buyer.coupon is not None:
        coupons.take(connection, priced.asking.buyer.coupon, organization_uuid, order_uuid, now)
    if request.country.strip():
        alerts.save_settings(connection, organization_uuid, details=asdict(priced.asking.details))


def _agreed(request: QuickCheckout, priced: Priced, way: Way) -> dict[str, Any]:
    """What was agreed with the order, for the subscription and the invoice that come from it (`subscribing`)."""
    buyer = priced.asking.buyer
    return {
        "method": (way.method if way.provider else request.payment_method).value,
        "terms": agreed.agree(priced.goods.plan, priced.bill.monthly),
        "coupon": coupons.to_json(buyer.coupon),
        "is_trial": buyer.is_trial,
        "trial_days": buyer.trial_days if buyer.is_trial else 0,
        "details": asdict(priced.asking.details),
        "parts": list(priced.asking.missing),
        "slug": priced.goods.slug,
    }


def order_row(order_uuid: str, caller: Caller, priced: Priced, place: Place, now: datetime) -> dict[str, Any]:
    """An order that is not paid yet, for an organization and its project."""
    summary, goods = priced.summary, priced.goods
    return {
        "uuid": order_uuid, "number": None, "state": OrderState.PENDING_PROVIDER.value, "user_uuid": caller.uuid,
        "organization_uuid": place.organization_uuid, "project_uuid": place.project_uuid,
        "offering_id": goods.offering_id, "plan_uuid": goods.plan.uuid, "offering_name": goods.name,
        "plan_name": goods.plan.name, "billing_cycle": summary.billing_cycle.value,
        "lines": lines_to_json(summary.lines), "total_micros": priced.total.micros, "refunded_micros": 0,
        "currency": priced.total.currency, "error_code": "", "created_at": now, "paid_at": None,
        "renews_at": summary.renews_at,
    }  # fmt: skip


def organization_for(connection: Connection, caller: Caller, request: QuickCheckout) -> str:
    """The organization an order would be for, "" when it would make one."""
    existing = organizations_of(connection, caller)
    unused = _unused(connection, [o.uuid for o in existing]) if request.organization_name else frozenset()
    choice = identity_rules.choose_organization(
        existing, request.organization_name, request.project_name, caller.email, unused=unused
    )
    return choice.organization.uuid if choice.organization else ""


class Place(NamedTuple):
    """Where an order belongs. Nothing is known yet of an organization that was made for it."""

    organization_uuid: str
    project_uuid: str
    is_new: bool = False


def provide_organization(
    core: Core, connection: Connection, caller: Caller, request: QuickCheckout, now: datetime
) -> Place:
    """Who has an organization keeps it; who has none gets one, and every one has its project (API, "Buying")."""
    existing = organizations_of(connection, caller)
    typed = caller.full_name or caller.email
    unused = _unused(connection, [o.uuid for o in existing]) if request.organization_name else frozenset()
    choice = identity_rules.choose_organization(
        existing, request.organization_name, request.project_name, typed, unused=unused
    )
    if choice.organization is None:
        uuid, default = create_organization(core, connection, caller, choice.name, now)
        if choice.project_name == identity_rules.DEFAULT_PROJECT:
            return Place(uuid, default, is_new=True)
        return Place(uuid, _create_project(core, connection, uuid, choice.project_name, now), is_new=True)
    uuid = choice.organization.uuid
    if choice.name != choice.organization.name:
        connection.execute(sa.update(m.OrganizationRow).where(m.OrganizationRow.uuid == uuid).values(name=choice.name))
    if not request.project_name and choice.organization.projects:
        return Place(uuid, choice.organization.projects[0].uuid)
    return Place(uuid, _provide_project(core, connection, uuid, choice.project_name, now))


def some_organization(core: Core, connection: Connection, caller: Caller, now: datetime) -> str:
    """The caller's first organization, made when there is none yet; nobody else may make one meanwhile."""
    if own := organizations_of(connection, caller):
        return own[0].uuid
    name = identity_rules.auto_names(caller.full_name or caller.email).organization_name
    return create_organization(core, connection, caller, name, now)[0]


def _unused(connection: Connection, uuids: list[str]) -> frozenset[str]:
    r = m.ResourceRow.organization_uuid
    used = set(connection.execute(sa.select(r).where(r.in_(uuids))).scalars())
    return frozenset(set(uuids) - used)


def create_organization(
    core: Core, connection: Connection, caller: Caller, name: str, now: datetime
) -> tuple[str, str]:
    """A new organization owned by the caller, and its default project (always)."""
    uuid = core.ids.uuid()
    connection.execute(insert_into(m.OrganizationRow), {"uuid": uuid, "name": name, "created_at": now})
    connection.execute(
        insert_into(m.Membership), {"user_uuid": caller.uuid, "organization_uuid": uuid, "role": "CUSTOMER.OWNER"}
    )
    return uuid, _create_project(core, connection, uuid, identity_rules.DEFAULT_PROJECT, now)


def _provide_project(core: Core, connection: Connection, organization_uuid: str, name: str, now: datetime) -> str:
    known = connection.execute(_PROJECT, {"organization": organization_uuid, "called": name}).scalar()
    return _create_project(core, connection, organization_uuid, name, now) if known is None else known


def _create_project(core: Core, connection: Connection, organization_uuid: str, name: str, now: datetime) -> str:
    uuid = core.ids.uuid()
    connection.execute(
        insert_into(m.ProjectRow),
        {"uuid": uuid, "organization_uuid": organization_uuid, "name": name, "created_at": now},
    )
    return uuid
