"""Purchases whose money is not there yet, in one sentence each."""

from __future__ import annotations

from services.api.types import Order, OrderState, PaymentMethod
from ui.text import tr
from ui.text.formats import money


def unfinished_text(order: Order) -> str:
    """What the agent waits for, or why it does not come."""
    words = {"name": order.offering_name, "amount": money(order.total)}
    if order.state is OrderState.ERRED:
        return tr("Your bank did not pay {amount} for {name}. Nothing was charged; it can be bought again.", **words)
    if order.state is OrderState.PENDING_CONSUMER:
        return tr("A payment is open: {name}, {amount}. Go on, or cancel it there.", **words)
    if order.transfer is not None:  # a part of it may be there already
        return tr("{name} starts when your transfer of {amount} is there.", name=order.offering_name,
                  amount=money(order.transfer.amount))  # fmt: skip
    if order.payment_method is PaymentMethod.INVOICE:
        return tr("{name} starts when your transfer of {amount} is there.", **words)
    if order.payment_method is PaymentMethod.BANK:
        return tr("{amount} for {name} is being collected from your bank. That takes 2 to 5 days; it starts then.",
                  **words)  # fmt: skip
    return tr("The payment of {amount} for {name} is under way; it starts when it is there.", **words)


def unfinished_tone(order: Order) -> str:
    return "warning" if order.state is OrderState.ERRED else "info"
