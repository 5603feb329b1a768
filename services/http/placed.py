"""The answer to a purchase in Waldur's shape: bought, to be paid on a page, or waiting for the money."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec

from services.api.money import Money
from services.api.types import Action, PaymentState, Placed, Transfer
from services.http.call import Call
from services.http.reply import Reply


class ActionShape(msgspec.Struct, omit_defaults=True):
    """`expires_at` is left out rather than null."""

    kind: str
    url: str
    expires_at: datetime | None = None


class TransferShape(msgspec.Struct):
    """How to pay by bank transfer: `amount` is still to be paid, `account` has holder, iban, bic and bank."""

    reference: str
    amount: Money
    received: Money
    due_at: datetime
    account: dict[str, str]


class PlacedShape(msgspec.Struct):
    """201: paid, or nothing to pay."""

    order_uuid: str
    resource_uuid: str
    organization_uuid: str
    project_uuid: str
    access_url: str


class ToConfirmShape(msgspec.Struct):
    """202: the buyer must go to `action.url` first."""

    order_uuid: str
    action: ActionShape


class UnderWayShape(msgspec.Struct, omit_defaults=True):
    """202: a debit or a transfer is awaited; the order goes on by itself when it has arrived."""

    order_uuid: str
    state: PaymentState
    transfer: TransferShape | None = None


AnyPlacedShape: TypeAlias = PlacedShape | ToConfirmShape | UnderWayShape


def action(value: Action) -> ActionShape:
    """Where the buyer has to go."""
    return ActionShape(value.kind, value.url, value.expires_at)


def transfer(value: Transfer) -> TransferShape:
    """What the buyer has to pay, and how."""
    return TransferShape(value.reference, value.amount, value.received, value.due_at, dict(value.account))


def placed(_base: str, value: Placed) -> AnyPlacedShape:
    """A placed order, exactly as API.md says."""
    if value.action:
        return ToConfirmShape(value.order_uuid, action(value.action))
    if value.state is PaymentState.PROCESSING:
        return UnderWayShape(value.order_uuid, value.state, transfer(value.transfer) if value.transfer else None)
    return PlacedShape(
        value.order_uuid, value.resource_uuid, value.organization_uuid, value.project_uuid, value.access_url
    )


def reply_placed(call: Call, value: Placed, status: int) -> Reply[AnyPlacedShape]:
    """202 while something is still to be done or awaited."""
    is_open = value.action is not None or value.state is PaymentState.PROCESSING
    return call.reply(value, placed, 202 if is_open else status)
