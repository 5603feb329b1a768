"""How something is paid: at which provider, with which method, and with which of its tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.api.types import PaymentMethod
from services.db import models as m
from services.embedded.core import Core
from services.gateways.payments import CardFacts, MethodFacts

OUR_CARD = "card_"  # how our own tokens of saved methods begin
TRANSFER = "bank"  # what the account for transfers is called in the books

_C = m.PaymentCard
_COLUMNS = (_C.token, _C.provider, _C.method, _C.provider_token, _C.brand, _C.last4, _C.email)
_OF_CALLER = (
    sa.select(*_COLUMNS)
    .join(m.Membership, m.Membership.organization_uuid == _C.organization_uuid)
    .where(_C.token == sa.bindparam("card"), m.Membership.user_uuid == sa.bindparam("user"))
)
_OF_ORGANIZATION = (
    sa.select(*_COLUMNS)
    .where(_C.organization_uuid == sa.bindparam("of"))
    .order_by(sa.case((_C.token == sa.bindparam("card"), 0), else_=1), _C.is_default.desc(), _C.created_at)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Way:
    """`token` is the provider's, "" opens a page; `ours` that of a saved method; `label` what may be shown, "" as long
    as only the page knows. Without a `provider` nothing is asked of anybody."""

    provider: str = ""
    method: PaymentMethod = PaymentMethod.CARD
    token: str = field(default="", repr=False)
    label: str = ""
    ours: str = ""


NOTHING = Way()


def label_of(facts: CardFacts | MethodFacts) -> str:
    """ "Visa •••• 4242"; a PayPal account by its address."""
    if facts.last4:
        return f"{facts.brand} •••• {facts.last4}"
    return f"{facts.brand} {getattr(facts, 'email', '')}".strip()


def page(core: Core, method: PaymentMethod) -> Way:
    """A hosted page. InvalidInput(payment_method)."""
    gateway = core.payments.for_method(method)
    if gateway is None:
        raise InvalidInput(fields={"payment_method": "not_available"})
    return Way(gateway.name, method)


def of_caller(core: Core, connection: Connection, user_uuid: str, token: str) -> Way:
    """A saved method of one of the caller's organizations, or a published test card. InvalidInput(payment_token)."""
    if token.startswith(OUR_CARD):
        row = connection.execute(_OF_CALLER, {"card": token, "user": user_uuid}).one_or_none()
        if row is not None:
            return _way(core, row)
    if (way := of_test_card(core, token)) is None:
        raise InvalidInput(fields={"payment_token": "unknown"})
    return way


def of_test_card(core: Core, token: str) -> Way | None:
    """A published test card; None for any other token."""
    gateway, facts = core.payments.for_token(token), core.payments.describe(token)
    return None if gateway is None or facts is None else Way(gateway.name, token=token, label=label_of(facts))


def of_organization(core: Core, connection: Connection, organization_uuid: str, token: str = "") -> Way | None:
    """The named saved method of an organization; its default one when none is named, or when that is gone."""
    row = connection.execute(_OF_ORGANIZATION, {"of": organization_uuid, "card": token}).one_or_none()
    return None if row is None else _way(core, row)


def _way(core: Core, row: Any) -> Way:  # Any: a row of _COLUMNS
    token, provider, method, provider_token, brand, last4, email = row
    kind = PaymentMethod(method)
    gateway = core.payments.find(provider)
    return Way(
        provider or (gateway.name if gateway else ""), kind, provider_token,
        label_of(MethodFacts(kind, "", brand, last4, email=email)), token,
    )  # fmt: skip
