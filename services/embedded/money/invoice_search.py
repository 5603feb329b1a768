"""Invoices found by what a caller can tell: an e-mail address, an invoice number or the name of an organization."""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import InvalidInput
from services.api.types import FoundInvoice, FoundInvoices, InvoiceSearch
from services.db import models as m
from services.db import money_models as mm
from services.db import portable
from services.domain.identity import normalize_email
from services.embedded.money import finalising, invoice_views

TEXT_MIN, TEXT_MAX = 2, 254  # characters; the longest is that of an e-mail address
PAGE_MAX = 300
CAP = 1_000  # invoices that are counted and can be paged through

_I, _O, _U, _M = mm.InvoiceRow, m.OrganizationRow, m.User, m.Membership
_MADE_AT = sa.func.coalesce(_I.issued_at, _I.created_at).label("made_at")


def search(connection: Connection, wanted: InvoiceSearch, own: list[str] | None) -> FoundInvoices:
    """One page, newest first; `own` None: of all organizations. InvalidInput(text, page, page_size)."""
    text = unicodedata.normalize("NFC", " ".join(wanted.text.split()))
    problems = {"text": _problem(text), "page": "" if wanted.page >= 1 else "out_of_range",
                "page_size": "" if 1 <= wanted.page_size <= PAGE_MAX else "out_of_range"}  # fmt: skip
    if found := {name: code for name, code in problems.items() if code}:
        raise InvalidInput(fields=found)
    uuids = list(connection.execute(_matching(connection, text, own)).scalars())
    start = (wanted.page - 1) * wanted.page_size
    shown = invoice_views.find(connection, _I.uuid.in_(uuids[:CAP][start : start + wanted.page_size]))
    emails = _emails(connection, {one.organization_uuid for one in shown}, normalize_email(text))
    items = tuple(FoundInvoice(one, emails.get(one.organization_uuid, "")) for one in shown)
    return FoundInvoices(items, min(len(uuids), CAP), len(uuids) > CAP)


def _problem(text: str) -> str:
    if not text:
        return "required"
    if len(text) < TEXT_MIN:
        return "too_short"
    return "too_long" if len(text) > TEXT_MAX else ""


def _matching(connection: Connection, text: str, own: list[str] | None) -> sa.Select[str]:
    """Two walks, each by an index of the invoices: those of the organizations that fit, and those numbered so."""
    may_see = sa.true() if own is None else _I.organization_uuid.in_(own)
    fitting = sa.union(_of_member(connection, text), sa.select(_O.uuid).where(_is_named(text))).subquery()
    walks = [sa.select(_I.uuid, _MADE_AT).where(_I.organization_uuid.in_(sa.select(fitting.c[0])), may_see)]
    if _may_be_number(text.upper()):
        numbered = sa.select(_I.uuid, _MADE_AT).where(portable.begins(connection, _I.number, text.upper()), may_see)
        # numbers grow with time, so the newest are found without reading the year's
        newest = numbered.order_by(_I.number.desc()).limit(CAP + 1).subquery()
        walks.append(sa.select(newest.c.uuid, newest.c.made_at))
    found = sa.union(*walks).subquery()
    return sa.select(found.c.uuid).order_by(found.c.made_at.desc(), found.c.uuid.desc()).limit(CAP + 1)


def _of_member(connection: Connection, text: str) -> sa.Select[str]:
    """The organizations of people whose address begins so."""
    member = sa.select(_M.organization_uuid).join(_U, _U.uuid == _M.user_uuid)
    return member.where(portable.begins(connection, _U.email, normalize_email(text)))


def _is_named(text: str) -> sa.ColumnElement[bool]:
    """Whether an organization's name holds the text, whatever its case. A database's own `lower` may know no more than
    the letters A to Z, so the others of the text are made small one by one."""
    name: sa.ColumnElement[str] = sa.func.lower(_O.name)
    for letter in sorted({letter for letter in text.lower() if not letter.isascii()}):
        if letter.upper() != letter and len(letter.upper()) == 1:
            name = sa.func.replace(name, letter.upper(), letter)
    return name.contains(text.lower(), autoescape=True)


def _may_be_number(text: str) -> bool:
    """Whether one of our series begins so, or has been left behind already."""
    starts = tuple(f"{series}-" for series in finalising.SERIES.values())
    return text.startswith(starts) or any(start.startswith(text) for start in starts)


def _emails(connection: Connection, organizations: set[str], start: str) -> dict[str, str]:
    """Of each organization the member whose address begins so, else the first one."""
    members = (
        sa.select(_M.organization_uuid, _U.email)
        .join(_U, _U.uuid == _M.user_uuid)
        .where(_M.organization_uuid.in_(organizations))
        .order_by(sa.case((portable.begins(connection, _U.email, start), 0), else_=1), _U.created_at, _U.uuid)
    )
    found: dict[str, str] = {}
    for organization, email in connection.execute(members):
        found.setdefault(organization, email)
    return found
