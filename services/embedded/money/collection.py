"""Open invoices of what repeats are charged to the saved card, or paid from the wallet, until they are paid.

A failed charge starts the calendar of `standing`; the same intent is never sent twice for one attempt, and no card is
charged while another payment of the same invoice is under way.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from sqlalchemy.engine import Connection

from services.api import errors
from services.api.types import InvoiceState, PaymentMethod, PaymentState
from services.embedded import ways
from services.embedded.core import Core
from services.embedded.money import corrections, finalising, invoice_payments, outcomes, standing
from services.embedded.money.due import Due
from services.embedded.money.payments import CONFIRMATION_NEEDED
from services.embedded.money.reservations import retrying

NO_CARD = errors.PaymentProfileNeeded.code
NO_CREDIT = errors.InsufficientCredit.code


async def on_collect(core: Core, item: Due) -> None:
    """One attempt, planned for `item.at`. What is not known when it ends is settled by the sweep."""
    intent_uuid = await retrying(core, partial(_begin, core, item=item))
    if intent_uuid is None:
        return
    with suppress(errors.PaymentFailed, errors.PaymentUnknown):
        await outcomes.carry_out(core, intent_uuid, at=item.at)


def _begin(core: Core, connection: Connection, item: Due) -> str | None:
    """The intent to send, saved now or before a crash; None when there is nothing (more) to ask."""
    row = finalising.row_of(connection, item.subject_uuid)
    attempt = int(item.params["attempt"])
    if row.state != InvoiceState.OPEN.value or standing.is_made(row.attempts, attempt):
        return None
    for uuid, state, number in invoice_payments.under_way(connection, row):
        if number == attempt:
            return uuid
        if state == PaymentState.ACTION_REQUIRED.value:
            standing.attempt_failed(core, connection, row, attempt, CONFIRMATION_NEEDED, item.at)
        return None
    subscription = standing.subscription_of(connection, row)
    if subscription is not None and subscription.payment_method == PaymentMethod.WALLET.value:
        if not corrections.pay_from_wallet(core, connection, row, item.at):
            standing.attempt_failed(core, connection, row, attempt, NO_CREDIT, item.at)
        return None
    token = subscription.payment_token if subscription else ""
    way = ways.of_organization(core, connection, row.organization_uuid, token)
    if way is None:
        standing.attempt_failed(core, connection, row, attempt, NO_CARD, item.at)
        return None
    return invoice_payments.open_payment(core, connection, row, way, item.at, attempt=attempt)
