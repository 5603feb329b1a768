"""What the price of an order depends on besides the plan: country, coupon, wallet, trial, and what is there already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.api.types import (
    BillingDetails,
    BillingModel,
    OfferingKind,
    PaymentMethod,
    Plan,
    QuickCheckout,
    ResourceState,
)
from services.db import models as m
from services.domain import subscription_states
from services.domain.billing import Buyer, Part
from services.domain.discounts import Coupon
from services.domain.vat_ids import OK, check_vat
from services.embedded.money import coupons, grants
from services.embedded.money.agreed import CURRENCY
from services.embedded.money.taxes import countries, details_of, treatment_for
from services.embedded.orders import PENDING

_PARTS = (
    sa.select(m.OfferingRow.id, m.OfferingRow.uuid, m.OfferingRow.name)
    .join(m.BundleItem, m.BundleItem.offering_id == m.OfferingRow.id)
    .where(m.BundleItem.bundle_id == sa.bindparam("bundle"))
    .order_by(m.BundleItem.position)
)
_CONTENT = sa.select(m.OfferingRow.content).where(m.OfferingRow.id == sa.bindparam("bundle"))
_RUNNING = sa.select(m.ResourceRow.offering_id).where(
    m.ResourceRow.organization_uuid == sa.bindparam("of"), m.ResourceRow.state != ResourceState.RETIRED.value
)
# Also those not paid yet: two orders at once must not both be tries.
_ORDERED = sa.select(m.OrderRow.request).where(
    m.OrderRow.organization_uuid == sa.bindparam("of"),
    m.OrderRow.offering_id == sa.bindparam("offering"),
    sa.or_(m.OrderRow.paid_at.is_not(None), *(m.OrderRow.state == state for state in PENDING)),
)


@dataclass(frozen=True, slots=True)
class Goods:
    """The catalogue's side of an order."""

    offering_id: int
    offering_uuid: str
    slug: str
    name: str
    kind: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks: the facts of `billing`, the details the invoice will be made out to, the parts to be delivered."""

    buyer: Buyer
    details: BillingDetails
    missing: tuple[int, ...]  # offering ids


def ask(
    connection: Connection,
    goods: Goods,
    request: QuickCheckout,
    organization_uuid: str,
    now: datetime,
    *,
    is_order: bool = False,
) -> Asking:
    """Everything the price depends on; `organization_uuid` "" for somebody who has none yet. An order that starts no
    trial need not know whether it could. InvalidInput."""
    details = _details(connection, request, organization_uuid)
    currency = goods.plan.monthly_price.currency if goods.plan.monthly_price else CURRENCY
    wish = coupons.Wish(request.coupon, organization_uuid, goods.slug, currency, now)
    looks = request.start_trial or not is_order
    trial_days = _trial_days(connection, goods, request, organization_uuid) if looks else 0
    pays = request.payment_method is PaymentMethod.WALLET
    parts = _parts(connection, goods, organization_uuid)
    buyer = Buyer(
        treatment=treatment_for(details) if details.country else None,
        coupon=_coupon(connection, goods, wish),
        credit=grants.balance(connection, organization_uuid, currency, now) if pays else None,
        parts=tuple(part for _, part in parts),
        discount_percent=discount_of(connection, goods.offering_id) if parts else 0,
        trial_days=trial_days,
        is_trial=request.start_trial,
        offering=goods.slug,
    )
    missing = tuple(number for number, part in parts if not part.is_owned)
    return Asking(buyer, details, missing)


def _details(connection: Connection, request: QuickCheckout, organization_uuid: str) -> BillingDetails:
    """Those on file, with the country and the VAT id that were typed now. InvalidInput(country, vat_id)."""
    details = details_of(connection, organization_uuid)
    country = request.country.strip().upper()
    if not country:
        return details
    if country not in countries():
        raise InvalidInput(fields={"country": "unknown"})
    vat_id = request.vat_id.strip()
    if vat_id:
        checked = check_vat(vat_id, country)
        if checked.code != OK:
            raise InvalidInput(fields={"vat_id": checked.code})
        vat_id = checked.number
    return replace(details, country=country, vat_id=vat_id)


def _coupon(connection: Connection, goods: Goods, wish: coupons.Wish) -> Coupon | None:
    """Coupons lower the price of plans with a price. InvalidInput(coupon)."""
    coupon = coupons.check(connection, wish)
    if coupon is not None and goods.plan.billing_model is not BillingModel.SUBSCRIPTION:
        raise InvalidInput(fields={"coupon": "not_for_this"})
    return coupon


def _trial_days(connection: Connection, goods: Goods, request: QuickCheckout, organization_uuid: str) -> int:
    """The trial this buyer may start, 0 for none. InvalidInput(start_trial: trial_used | not_available)."""
    days = goods.plan.trial_days
    if not days:
        if request.start_trial:
            raise InvalidInput(fields={"start_trial": "not_available"})
        return 0
    asked = {"of": organization_uuid, "offering": goods.offering_id}
    orders = connection.execute(_ORDERED, asked).scalars().all() if organization_uuid else ()
    earlier = {goods.slug for order in orders if order.get("is_trial")}
    if subscription_states.may_try(goods.slug, earlier):
        return days
    if request.start_trial:
        raise InvalidInput(fields={"start_trial": "trial_used"})
    return 0


def discount_of(connection: Connection, offering_id: int) -> int:
    """By how many percent a bundle is cheaper than its parts."""
    content = connection.execute(_CONTENT, {"bundle": offering_id}).scalar_one()
    return int(content["discount_percent"])


def _parts(connection: Connection, goods: Goods, organization_uuid: str) -> list[tuple[int, Part]]:
    """The agents of a bundle in its order, with which of them run already; none of anything else."""
    if goods.kind != OfferingKind.BUNDLE.value:
        return []
    running = set(connection.execute(_RUNNING, {"of": organization_uuid}).scalars()) if organization_uuid else set()
    rows = connection.execute(_PARTS, {"bundle": goods.offering_id})
    return [(row.id, Part(row.uuid, row.name, row.id in running)) for row in rows]
