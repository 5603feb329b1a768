"""Money that goes back to where it came from: an intent of our own first, asked for until the provider has done it.

Money owed is never given up (outcomes.sweep asks again under the same key). What the provider of a charge cannot send
any more, support sends by transfer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from services.api.errors import WrongState
from services.api.money import Money
from services.domain import reversals
from services.domain.movements import Stamp
from services.embedded.core import Core
from services.embedded.money import charges, ledger, payments
from services.embedded.money.happenings import note_happening
from services.embedded.money.payments import REFUND, Intent
from services.embedded.ways import TRANSFER, Way
from services.gateways.payments import Charge

INVOICE = charges.INVOICE  # the purpose of a payment for an invoice, and what a refund of it is for
DISPUTED, TAKEN_BACK = "disputed", "taken_back"  # why nothing goes back now, or without support


def way_back(connection: Connection, row: Any) -> str:
    """Which provider money of a paid invoice (its row) goes back by; "" when none paid for it."""
    found = charges.behind(connection, row)
    return next((charge.way for charge in found if charge.left), next((charge.way for charge in found), ""))


def left_of(connection: Connection, row: Any) -> int:
    """How many micros of what paid an invoice (its row) can still go back."""
    return sum(charge.left for charge in charges.behind(connection, row))


def check_undisputed(connection: Connection, row: Any, *, is_lost_well: bool = True) -> None:
    """WrongState while a bank decides about money behind an invoice (its row); without `is_lost_well` also when one has
    taken some of it back."""
    found = charges.behind(connection, row)
    if any(charge.is_disputed for charge in found):
        raise WrongState(state=DISPUTED)
    if not is_lost_well and any(charge.lost for charge in found):
        raise WrongState(state=TAKEN_BACK)


def give_back(
    core: Core, connection: Connection, row: Any, note_uuid: str, amount: Money, at: datetime, reason: str = ""
) -> str:
    """Saves the intents that send `amount` of a paid invoice (its row) back, which the books owe already: by the charge
    that paid last first, because a corrected invoice may have been paid by several; what none of them can carry, by
    transfer. Returns the uuid of the first; outcomes.carry_out sends it, the sweep the others."""
    opened, rest = [], amount.micros
    found = charges.behind(connection, row)
    parts = [(charge.id, charge.way, charge.left) for charge in found]
    by_hand = next((charge.id for charge in found), row.number or "")
    for charge_id, way, most in [*parts, (by_hand, TRANSFER, amount.micros)]:
        part = min(most, rest)
        if part > 0:
            back = Money(part, amount.currency)
            opened.append(
                open_refund(
                    core, connection, organization_uuid=row.organization_uuid, invoice_uuid=note_uuid,
                    charge_id=charge_id, provider=way, amount=back, at=at, reason=reason,
                )
            )  # fmt: skip
            rest -= part
    return next(iter(opened), "")


def open_refund(
    core: Core, connection: Connection, *, organization_uuid: str, invoice_uuid: str, charge_id: str, provider: str,
    amount: Money, at: datetime, reason: str = "",
) -> str:  # fmt: skip
    """Saves the intent of a refund that the books owe already. Returns its uuid; outcomes.carry_out sends it."""
    return payments.open_intent(
        core,
        connection,
        organization_uuid=organization_uuid,
        purpose=REFUND,
        subject={"for": INVOICE, "reason": reason},
        way=Way(provider),
        amount=amount,
        at=at,
        invoice_uuid=invoice_uuid,
        charge_id=charge_id,
    )


def sent_back(core: Core, connection: Connection, intent: Intent, _charge: Charge, at: datetime) -> None:
    """The provider has sent it: nothing is owed any more."""
    _send(core, connection, intent, f"refund:{intent.uuid}", at)


def credit_sent(core: Core, connection: Connection, intent: Intent, _charge: Charge, at: datetime) -> None:
    """Credit left the books when it was decided; what support sends by transfer is owed until then."""
    if intent.way.provider == TRANSFER:
        _send(core, connection, intent, f"sent:{intent.uuid}", at)


def _send(core: Core, connection: Connection, intent: Intent, key: str, at: datetime) -> None:
    stamp = Stamp(intent.organization_uuid, key, at, {"invoice": intent.invoice_uuid})
    ledger.post(core, connection, reversals.refund_card(stamp, amount=intent.amount, provider=intent.way.provider))
    ref = str(intent.subject.get("ref", "")) or f"invoice:{intent.invoice_uuid}"
    note_happening(core, connection, intent.organization_uuid, "refunded", at, ref=ref,
                   amount_micros=intent.amount.micros, currency=intent.amount.currency)  # fmt: skip
