"""What a change would do, as it is shown before it is made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy.engine import Connection

from services.api.money import Money, Rate
from services.api.types import ChangeAction, ChangePreview, InvoiceLine, TaxLine
from services.embedded.money import changes, cycles, drafting
from services.embedded.money.changes import Planned
from services.embedded.money.drafting import TO_WALLET
from services.embedded.money.subscription_views import next_charge
from services.embedded.money.taxes import details_of

_ENDINGS = (ChangeAction.CANCEL_NOW, ChangeAction.CANCEL_AT_END)


def preview(connection: Connection, planned: Planned) -> ChangePreview:
    """The change with its arithmetic, and the next charge as it would be then."""
    row, request = planned.row, planned.request
    after = SimpleNamespace(**(dict(row._mapping) | changes.columns_after(planned)))
    charge_at, charge = next_charge(connection, after, planned.at)
    is_charged = planned.draft is not None and not planned.due_now.is_zero
    old, new = cycles.agreement_of(row), planned.wanted
    return ChangePreview(
        request=request,
        hash=planned.hash,
        effective_at=planned.effective_at,
        is_pending=planned.is_pending,
        lines=_lines(connection, planned),
        tax_lines=_tax_lines(planned) if is_charged else (),
        due_now=planned.due_now,
        to_wallet=planned.to_wallet,
        old_price=old.amount,
        new_price=None if request.action in _ENDINGS else new.amount,
        old_included=old.allowance,
        new_included=new.allowance,
        used=planned.used,
        next_charge_at=charge_at,
        next_charge=charge,
    )


def _lines(connection: Connection, planned: Planned) -> tuple[InvoiceLine, ...]:
    """The lines of the invoice, as it would be written; the balances of the wallet have their own place."""
    if planned.invoice is None:
        return ()
    details = details_of(connection, planned.row.organization_uuid)
    rows = drafting.written("", planned.invoice, details, planned.at, lambda item: f"change:{item}").lines
    return tuple(_line(row) for row in rows if row["kind"] not in (TO_WALLET, "credit"))


def _line(row: dict[str, Any]) -> InvoiceLine:
    unit = row["unit_micros"]
    return InvoiceLine(
        uuid=row["uuid"],
        parent_uuid=row["parent_uuid"],
        kind=row["kind"],
        amount=Money(row["amount_micros"], row["currency"]),
        params=row["params"],
        quantity=row["quantity"],
        unit_price=None if unit is None else Rate(unit, row["unit_per"], row["currency"]),
        period_start=row["period_start"],
        period_end=row["period_end"],
        subscription_uuid=row["subscription_uuid"],
        resource_uuid=row["resource_uuid"],
    )


def _tax_lines(planned: Planned) -> tuple[TaxLine, ...]:
    taxes = planned.draft.taxes if planned.draft else ()
    return tuple(
        TaxLine(tax.treatment.name, tax.treatment.percent, tax.taxable, tax.tax, tax.treatment.code) for tax in taxes
    )
