"""At start: whether a purchase was left unfinished, so that the window can offer to go on with it."""

from __future__ import annotations

from dataclasses import dataclass

from services.api.errors import NotFound, ServiceError
from services.api.types import Cart, Offering
from ui.bridge import Bridge
from ui.text import tr
from ui.viewmodels.base import ServiceHolder, ViewModel


@dataclass(frozen=True, slots=True)
class PendingCartState:
    offering: Offering | None = None
    is_interrupted: bool = False  # paying had begun; its outcome is found out at checkout

    @property
    def text(self) -> str:
        """The sentence of the banner; empty when nothing was left."""
        if self.offering is None:
            return ""
        name = self.offering.card.name
        if self.is_interrupted:
            return tr("Your purchase of {name} was interrupted. Finish it; it is charged once at most.", name=name)
        return tr("Continue where you left off: {name}", name=name)


class PendingCartViewModel(ViewModel[PendingCartState]):
    """Signals: changed."""

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, PendingCartState())

    def look(self) -> None:
        """Reads the kept cart, once the window is up."""
        self._bridge.run(self, "look", self._read, then=self._become, failed=self._on_failed, policy="replace")

    def dismiss(self) -> None:
        """The buyer has seen it; the cart itself is kept."""
        self._bridge.cancel(self, "look")
        self._become(PendingCartState())

    async def _read(self) -> PendingCartState:
        cart: Cart = await self._service.get_cart()
        if not cart.offering_uuid:
            return PendingCartState()
        try:
            offering = await self._service.get_offering(cart.offering_uuid)
        except NotFound:  # withdrawn since
            return PendingCartState()
        return PendingCartState(offering, bool(cart.draft.attempt_key))

    def _on_failed(self, _error: ServiceError) -> None:
        """Not worth a word: the cart is asked for again at checkout."""
