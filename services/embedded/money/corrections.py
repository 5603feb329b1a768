"""A final invoice is never changed: what was wrong is taken off by a credit note, and charged again by a new invoice.

What a credit note takes off an unpaid invoice is no longer owed; the rest goes back to the card, or pays for the new
invoice. Of fees paid in advance the part not earned yet is taken off first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import WrongState
from services.api.money import Money
from services.api.types import BillingDetails, InvoiceKind, InvoiceState
from services.db import money_models as mm
from services.domain import invoicing, movements, wallet
from services.domain.credit_notes import CreditNote, TaxedLine, credit_note
from services.domain.invoicing import InvoiceAction
from services.domain.ledger import AccountKind, TransferKind
from services.domain.movements import Stamp
from services.domain.wallet import GrantKind, Share
from services.embedded.core import Core, insert_into
from services.embedded.money import (
    finalising,
    forfeits,
    freezing,
    grants,
    ledger,
    recognition,
    redrafting,
    refunds,
    standing,
)
from services.embedded.money.drafting import CREDIT, DISCOUNT, TO_WALLET
from services.embedded.money.finalising import IN_ADVANCE, owed_of, row_of
from services.embedded.money.happenings import note_happening
from services.embedded.money.taxes import details_from

OF_LINE = "line"  # where a credit note's line says which line it takes off
NET_DAYS = 14  # to pay what a corrected invoice asks for beyond what was paid

_I, _L = mm.InvoiceRow, mm.InvoiceLineRow


@dataclass(frozen=True, slots=True)
class Credited:
    """`refund_uuid`: the intent of the money that goes back (outcomes.carry_out sends it); "" when none does."""

    note_uuid: str
    refund_uuid: str = ""


def credit(
    core: Core,
    connection: Connection,
    invoice_uuid: str,
    amount: Money | None,
    at: datetime,
    *,
    refund_to_card: bool = True,
    reason: str = "",
) -> Credited:
    """A credit note of `amount` with tax; None is all that is left. WrongState for what is not a final invoice,
    InvalidInput(amount). Without `refund_to_card` what was paid stays owed to the buyer in the books."""
    row = row_of(connection, invoice_uuid)
    check_final(row)
    note, note_uuid = _take_off(core, connection, row, amount, at)
    if row.state == InvoiceState.OPEN.value and note.off_due == owed_of(row):
        standing.settled(core, connection, row, at, is_paid=False)
        _give_up(core, connection, row, at)
    if note.refundable.is_zero or not refund_to_card:
        return Credited(note_uuid)
    return Credited(note_uuid, refunds.give_back(core, connection, row, note_uuid, note.refundable, at, reason))


def check_final(row: Any) -> None:
    """WrongState for anything that has no number yet, is void, or is no invoice."""
    if row.kind != InvoiceKind.INVOICE.value:
        raise WrongState(state=row.kind)
    if row.state not in (InvoiceState.OPEN.value, InvoiceState.PAID.value):
        raise WrongState(state=row.state)


def replace(
    core: Core,
    connection: Connection,
    invoice_uuid: str,
    details: BillingDetails,
    at: datetime,
) -> tuple[Credited, str]:
    """The invoice credited in full and made anew for `details`; what was paid for it, by card or credit, pays for the
    new one. Returns the credit note and the new invoice. WrongState, also when a part was credited already, and when a
    bank decides about the money behind it (or has kept some, and some of it would have to go back)."""
    row = row_of(connection, invoice_uuid)
    check_final(row)
    refunds.check_undisputed(connection, row)
    if row.replaced_by_uuid or row.credited_micros:
        raise WrongState(state="replaced" if row.replaced_by_uuid else "credited")
    note, note_uuid = _take_off(core, connection, row, None, at)
    new_uuid = redrafting.copy(core, connection, row, details, Money(row.credit_micros, row.currency), at)
    connection.execute(sa.update(_I).where(_I.uuid == row.uuid).values(replaced_by_uuid=new_uuid))
    net_days = NET_DAYS if row.state == InvoiceState.PAID.value else 0
    finalising.finalise(core, connection, new_uuid, at, net_days=net_days, is_credit_carried=True)
    refund = _carry_over(core, connection, row, new_uuid, note.refundable, at)
    if row.state == InvoiceState.OPEN.value:
        standing.hand_over(connection, row, new_uuid)
    return Credited(note_uuid, refund), new_uuid


def _carry_over(core: Core, connection: Connection, row: Any, new_uuid: str, paid: Money, at: datetime) -> str:
    """What was paid for the old invoice pays for the new one; the rest goes back. Returns the refund's intent."""
    new = row_of(connection, new_uuid)
    used = min(paid, owed_of(new))
    if not used.is_zero:
        stamp = Stamp(row.organization_uuid, f"carried:{new_uuid}", at, {"number": new.number, "invoice": new_uuid})
        moves = [(AccountKind.REFUNDS, "", -used), (AccountKind.RECEIVABLE, "", used)]
        ledger.post(core, connection, movements.book(TransferKind.INVOICE_PAID, stamp, moves))
        if used == owed_of(new):
            finalising.set_paid(core, connection, new, used, at, row.paid_with)
        else:
            connection.execute(sa.update(_I).where(_I.uuid == new_uuid).values(paid_micros=used.micros))
    rest = paid - used
    if rest.is_zero:
        return ""
    refunds.check_undisputed(connection, row, is_lost_well=False)
    return refunds.give_back(core, connection, row, new_uuid, rest, at)


def pay_from_wallet(core: Core, connection: Connection, row: Any, at: datetime) -> bool:
    """Pays an open invoice with credit, when there is enough for all of it. Credit was taxed when it was bought and
    pays before tax, so the invoice is voided and made anew with the credit on it."""
    wanted = redrafting.taxable(redrafting.lines_of(connection, row.uuid), row.currency)
    details = details_from(row.details)
    grants_then = {grant.id: grant for grant in grants.load(connection, row.organization_uuid, with_empty=True)}
    returns = [share for share in _drawn(connection, row) if not wallet.has_expired(grants_then[share.grant_id], at)]
    available = grants.balance(connection, row.organization_uuid, row.currency, at)
    available += wallet.total(returns, row.currency)
    if available < wanted or row.paid_micros or row.credited_micros:
        return False
    _void(core, connection, row, at)
    new_uuid = redrafting.copy(core, connection, row, details, available, at)
    connection.execute(sa.update(_I).where(_I.uuid == row.uuid).values(replaced_by_uuid=new_uuid))
    finalising.finalise(core, connection, new_uuid, at)
    return True


def void(core: Core, connection: Connection, invoice_uuid: str, at: datetime) -> None:
    """open -> void: it was a mistake and nothing of it is owed. Its number stays taken. WrongState once anything was
    paid or credited. Credit that paid for a part returns to its grants."""
    row = row_of(connection, invoice_uuid)
    check_final(row)
    _void(core, connection, row, at)
    _give_up(core, connection, row, at)


def _give_up(core: Core, connection: Connection, row: Any, at: datetime) -> None:
    """What is open of an invoice will not be paid. `row` as it was before."""
    forfeits.take_back(core, connection, row, at)
    freezing.thaw(connection, row.organization_uuid)


def _void(core: Core, connection: Connection, row: Any, at: datetime) -> None:
    state = invoicing.after(InvoiceState(row.state), InvoiceAction.VOID)
    if row.paid_micros or row.credited_micros:
        raise WrongState(state="credited")
    lines = finalising.charged_lines(connection, row.uuid)
    sold = {line.uuid: Money(line.net_micros + line.credit_micros, row.currency) for line in lines}
    deferred = _take_deferred(core, connection, row, lines, sold, at)
    back = _drawn(connection, row)
    revenue = sum(sold.values(), -deferred)
    tax, owed = Money(row.tax_micros, row.currency), owed_of(row)
    stamp = Stamp(row.organization_uuid, f"void:{row.uuid}", at, {"number": row.number, "invoice": row.uuid})
    moves = [
        (AccountKind.REVENUE, "", -revenue),
        (AccountKind.DEFERRED_REVENUE, "", -deferred),
        (AccountKind.TAX_PAYABLE, "", -tax),
        (AccountKind.RECEIVABLE, "", owed),
        *movements.wallet_moves(back, 1),
    ]
    ledger.post(core, connection, movements.book(TransferKind.INVOICE_VOIDED, stamp, moves))
    connection.execute(sa.update(_I).where(_I.uuid == row.uuid).values(state=state.value))
    standing.settled(core, connection, row, at, is_paid=False)


def _drawn(connection: Connection, row: Any) -> list[Share]:
    """The credit that paid for a part of an invoice."""
    kinds = {AccountKind.WALLET_PAID: GrantKind.PAID, AccountKind.WALLET_PROMO: GrantKind.PROMOTIONAL}
    return [
        Share(entry.account.sub, kinds[entry.account.kind], -entry.amount)
        for entry in ledger.entries_by_key(connection, row.organization_uuid, f"invoice:{row.uuid}")
        if entry.account.kind in kinds
    ]


# ---- the credit note


def _take_off(
    core: Core, connection: Connection, row: Any, amount: Money | None, at: datetime
) -> tuple[CreditNote, str]:
    """Writes the note and its transfer, and what is left of the invoice. Returns what it comes to, and its uuid."""
    lines = redrafting.lines_of(connection, row.uuid)
    charged = [line for line in lines if not line["parent_uuid"] and line["kind"] not in (DISCOUNT, CREDIT)]
    if any(line["kind"] == TO_WALLET for line in charged):
        raise WrongState(state=row.state)  # it gave credit, which may be spent
    note = _note(connection, row, charged, amount)
    uuid, number = _write(core, connection, row, note, {line["uuid"]: line for line in charged}, at)
    _post(core, connection, row, note, uuid, number, at)
    credited = row.credited_micros + note.total.micros
    connection.execute(sa.update(_I).where(_I.uuid == row.uuid).values(credited_micros=credited))
    note_happening(core, connection, row.organization_uuid, "credit_note_issued", at, ref=f"invoice:{uuid}",
                   number=number, corrects=row.number, amount_micros=note.total.micros,
                   currency=row.currency)  # fmt: skip
    if row.state == InvoiceState.OPEN.value and note.off_due == owed_of(row):
        state = invoicing.after(InvoiceState.OPEN, InvoiceAction.PAY)
        connection.execute(sa.update(_I).where(_I.uuid == row.uuid).values(state=state.value, paid_at=at))
    return note, uuid


def _note(connection: Connection, row: Any, charged: Sequence[Any], amount: Money | None) -> CreditNote:
    """What the note takes off. An invoice that credit has paid in full has nothing to take off but its details."""
    nothing = Money.zero(row.currency)
    if amount is None and not any(line["net_micros"] or line["tax_micros"] for line in charged):
        return CreditNote((), nothing, nothing, nothing, nothing, nothing)
    return credit_note(
        [_taxed(line["uuid"], line, 1) for line in charged],
        paid=Money(row.paid_micros, row.currency),
        credited=_credited_before(connection, row),
        wanted=amount,
    )


def _taxed(line_id: str, line: Any, sign: int) -> TaxedLine:
    return TaxedLine(
        line_id,
        Money(sign * line["net_micros"], line["currency"]),
        Money(sign * line["tax_micros"], line["currency"]),
    )


def _credited_before(connection: Connection, row: Any) -> list[TaxedLine]:
    """The lines of all earlier credit notes."""
    notes = sa.select(_I.uuid).where(_I.corrects_uuid == row.uuid, _I.kind == InvoiceKind.CREDIT_NOTE.value)
    found = connection.execute(sa.select(*_L.__table__.c).where(_L.invoice_uuid.in_(notes))).mappings()
    return [_taxed(line["params"][OF_LINE], line, -1) for line in found]


def _write(
    core: Core, connection: Connection, row: Any, note: CreditNote, lines: dict[str, dict[str, Any]], at: datetime
) -> tuple[str, str]:
    """The document: amounts below 0. It is final at once."""
    uuid, number = core.ids.uuid(), finalising.take_number(connection, InvoiceKind.CREDIT_NOTE, at)
    head = {
        **row._mapping, "uuid": uuid, "number": None, "kind": InvoiceKind.CREDIT_NOTE.value,
        "state": InvoiceState.DRAFT.value, "corrects_uuid": row.uuid, "replaced_by_uuid": "",
        "taxes": _taxes(row, note), "subtotal_micros": -note.net.micros, "discount_micros": 0, "credit_micros": 0,
        "tax_micros": -note.tax.micros, "total_micros": -note.total.micros, "paid_micros": 0, "credited_micros": 0,
        "created_at": at, "issued_at": at, "due_at": at, "paid_at": at, "paid_with": "", "attempts": [],
    }  # fmt: skip
    connection.execute(insert_into(_I), head)
    rows = [
        lines[part.id] | {
            "uuid": core.ids.uuid(), "invoice_uuid": uuid, "position": position,
            "params": lines[part.id]["params"] | {OF_LINE: part.id},
            "amount_micros": -part.net.micros, "discount_micros": 0, "credit_micros": 0,
            "net_micros": -part.net.micros, "tax_micros": -part.tax.micros,
        } | _quantity(lines[part.id], part)
        for position, part in enumerate(note.lines)
    ]  # fmt: skip
    if rows:
        connection.execute(insert_into(_L), rows)
    connection.execute(sa.update(_I).where(_I.uuid == uuid).values(number=number, state=InvoiceState.PAID.value))
    return uuid, number


def _quantity(line: dict[str, Any], part: TaxedLine) -> dict[str, Any]:
    """A whole line is taken off as it was charged; a part of one, or of a reduced one, has no unit price."""
    if line["amount_micros"] == part.net.micros:
        return {}
    return {"quantity": "1", "unit_micros": None, "unit_per": None}


def _taxes(row: Any, note: CreditNote) -> list[list[Any]]:
    """All lines of an invoice are taxed alike, so the note's tax has the invoice's one rate."""
    return [
        [name, percent, -note.net.micros, -note.tax.micros, code]
        for name, percent, _taxable, _tax, code in row.taxes[:1]
    ]


def _post(
    core: Core, connection: Connection, row: Any, note: CreditNote, note_uuid: str, number: str, at: datetime
) -> None:
    if not note.lines:
        return
    by_uuid = {line.uuid: line for line in finalising.charged_lines(connection, row.uuid)}
    off = {part.id: part.net for part in note.lines}
    lines = [by_uuid[line_uuid] for line_uuid in off]
    deferred = _take_deferred(core, connection, row, lines, off, at)
    stamp = Stamp(row.organization_uuid, f"credit_note:{note_uuid}", at, {"number": number, "invoice": note_uuid})
    moves = [
        (AccountKind.REVENUE, "", deferred - note.net),
        (AccountKind.DEFERRED_REVENUE, "", -deferred),
        (AccountKind.TAX_PAYABLE, "", -note.tax),
        (AccountKind.RECEIVABLE, "", note.off_due),
        (AccountKind.REFUNDS, "", note.refundable),
    ]
    if any(not amount.is_zero for _kind, _sub, amount in moves):  # lines that cancel each other moved nothing
        ledger.post(core, connection, movements.book(TransferKind.CREDIT_NOTE, stamp, moves))


def _take_deferred(
    core: Core, connection: Connection, row: Any, lines: Sequence[Any], off: dict[str, Money], at: datetime
) -> Money:
    """Takes what is credited of each line from its deferred part first, as far as that goes. Returns the sum."""
    taken = Money.zero(row.currency)
    for line in lines:
        if line.kind not in IN_ADVANCE:
            continue
        left = recognition.catch_up(core, connection, line.uuid, row.organization_uuid, at)
        if left is None or left.is_zero:
            continue
        sign = 1 if left.micros > 0 else -1
        part = Money(sign * max(0, min(sign * left.micros, sign * off[line.uuid].micros)), row.currency)
        recognition.take_back(connection, line.uuid, row.organization_uuid, part)
        taken += part
    return taken
