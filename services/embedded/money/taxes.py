"""Which tax an organization pays: the shipped table of rates and its billing details."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

import resources
from services.api.types import BillingDetails
from services.db import money_models as mm
from services.domain.taxes import UNTAXED, CountryTax, Treatment, parse_rates, tax_for

SELLER_COUNTRY = "DE"  # of Souk itself: decides where reverse charge applies

_DETAILS = sa.select(mm.WalletSettings.details).where(mm.WalletSettings.organization_uuid == sa.bindparam("of"))


@cache
def rates() -> Mapping[str, CountryTax]:
    """The table by country; read once."""
    return parse_rates(json.loads(resources.path("tax_rates.json").read_text("utf-8")))


@cache
def countries() -> frozenset[str]:
    """The countries there are (ISO 3166 alpha-2); those without a row among the rates pay no tax."""
    return frozenset(resources.read_json("templates", "countries.json"))


def details_of(connection: Connection, organization_uuid: str) -> BillingDetails:
    """Who an organization's next invoice is made out to; empty when nothing was ever said."""
    stored = connection.execute(_DETAILS, {"of": organization_uuid}).scalar() if organization_uuid else None
    return details_from(stored or {})


def details_from(stored: Mapping[str, object]) -> BillingDetails:
    """Billing details as they are kept with an organization or an invoice."""
    address = stored.get("address")
    lines = address if isinstance(address, list | tuple) else ()
    texts = {name: str(stored.get(name) or "") for name in ("name", "country", "vat_id", "email")}
    return BillingDetails(address=tuple(str(line) for line in lines), **texts)


def treatment_for(details: BillingDetails) -> Treatment:
    """How a buyer with these details is taxed; no country, no tax."""
    if not details.country:
        return UNTAXED
    return tax_for(details.country, details.vat_id, SELLER_COUNTRY, rates())
