"""Whom invoices are made out to: what may be written there, and where it is kept."""

from __future__ import annotations

from dataclasses import asdict, replace

from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.api.types import BillingDetails
from services.domain import identity
from services.domain.vat_ids import OK, check_vat
from services.embedded.money import alerts
from services.embedded.money.taxes import countries

ADDRESS_LINES_MAX = 6


def checked(details: BillingDetails) -> BillingDetails:
    """As they are kept: trimmed, the country in capitals, the VAT id in its normal form. InvalidInput."""
    address = tuple(identity.tidy(line) for line in details.address)
    tidy = BillingDetails(
        name=identity.tidy(details.name),
        address=tuple(line for line in address if line),
        country=details.country.strip().upper(),
        vat_id=details.vat_id.strip(),
        email=details.email.strip(),
    )
    problems = {
        "name": "too_long" if len(tidy.name) > identity.NAME_MAX else "",
        "address": _address_problem(tidy.address),
        "country": "" if not tidy.country or tidy.country in countries() else "unknown",
        "email": (identity.email_problem(tidy.email) or "") if tidy.email else "",
    }
    if tidy.vat_id and not tidy.country:
        problems["country"] = "required"
    elif tidy.vat_id and not problems["country"]:
        vat = check_vat(tidy.vat_id, tidy.country)
        problems["vat_id"] = "" if vat.code == OK else vat.code
        tidy = replace(tidy, vat_id=vat.number)
    if found := {field: code for field, code in problems.items() if code}:
        raise InvalidInput(fields=found)
    return tidy


def _address_problem(lines: tuple[str, ...]) -> str:
    is_long = len(lines) > ADDRESS_LINES_MAX or any(len(line) > identity.NAME_MAX for line in lines)
    return "too_long" if is_long else ""


def keep(connection: Connection, organization_uuid: str, details: BillingDetails) -> None:
    """What the next invoices will be made out to."""
    alerts.save_settings(connection, organization_uuid, details=asdict(details))
