"""At start: whether a purchase was left unfinished, or is open at a payment provider, so that the window can offer to
go on with it. What was paid meanwhile is finished without a question."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal

from services.api.errors import NotFound, Offline, PaymentFailed, PaymentUnknown, ServiceError
from services.api.types import Cart, Offering, Order, OrderState, PaymentState, Placed
from ui.bridge import Area, Bridge
from ui.text import tr
from ui.text.formats import money
from ui.viewmodels.base import ServiceHolder, ViewModel

TOUCHES: tuple[Area, ...] = ("orders", "resources", "cart", "wallet", "subscriptions", "invoices")
FRESH = 5  # of the newest orders, those that may be open still


@dataclass(frozen=True, slots=True)
class PendingCartState:
    offering: Offering | None = None
    is_interrupted: bool = False  # paying had begun; its outcome is found out at checkout
    open_order: Order | None = None  # its page still waits for the buyer
    settled: Placed | None = None  # was paid while nobody looked

    @property
    def text(self) -> str:
        """The sentence of the banner; empty when nothing was left."""
        if self.offering is None:
            return ""
        name = self.offering.card.name
        if self.open_order is not None:
            amount = money(self.open_order.total)
            return tr("A payment is open: {name}, {amount}. Go on, or cancel it there.", name=name, amount=amount)
        if self.is_interrupted:
            return tr("Your purchase of {name} was interrupted. Finish it; it is charged once at most.", name=name)
        return tr("Continue where you left off: {name}", name=name)


class PendingCartViewModel(ViewModel[PendingCartState]):
    """Signals: changed; settled(Placed) - an order that was open at the last time has been paid since."""

    settled = Signal(object)

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, PendingCartState())

    def look(self) -> None:
        """Reads the kept cart and the open orders, once the window is up."""
        self._bridge.run(self, "look", self._read, then=self._on_read, failed=self._on_failed, policy="replace")

    def dismiss(self) -> None:
        """The buyer has seen it; the cart itself is kept."""
        self._bridge.cancel(self, "look")
        self._become(PendingCartState())

    async def _read(self) -> PendingCartState:
        cart: Cart = await self._service.get_cart()
        found = await self._find_open() if self._service.actor.session else None
        if isinstance(found, Placed):
            cart = await self._service.get_cart()  # what was paid is not in it any more
        settled = found if isinstance(found, Placed) else None
        if not cart.offering_uuid:
            return PendingCartState(settled=settled)
        try:
            offering = await self._service.get_offering(cart.offering_uuid)
        except NotFound:  # withdrawn since
            return PendingCartState(settled=settled)
        is_interrupted = bool(cart.draft.attempt_key)
        is_this = isinstance(found, Order) and is_interrupted and found.offering_uuid == offering.card.uuid
        return PendingCartState(
            offering, is_interrupted, found if is_this and isinstance(found, Order) else None, settled
        )

    async def _find_open(self) -> Order | Placed | None:
        """The newest order whose page is open; what has become of it when it is not open any more."""
        orders = (await self._service.list_orders())[:FRESH]
        waiting = [one for one in orders if one.state is OrderState.PENDING_CONSUMER and one.action is not None]
        if not waiting:
            return None
        try:
            placed = await self._service.refresh_order(waiting[0].uuid)
        except PaymentFailed:  # given up, expired or refused: checkout says so when it goes on
            return None
        except (PaymentUnknown, Offline):
            return waiting[0]
        if placed.action is not None or placed.state is PaymentState.ACTION_REQUIRED:
            return waiting[0]
        return placed

    def _on_read(self, state: PendingCartState) -> None:
        self._become(state)
        if state.settled is not None:
            self._bridge.announce(*TOUCHES, initiator=self)
            self.settled.emit(state.settled)

    def _on_failed(self, _error: ServiceError) -> None:
        """Not worth a word: the cart is asked for again at checkout."""
