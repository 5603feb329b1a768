"""Keeps what is typed at checkout: soon after each edit, at once before paying, one save at a time."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import QObject

from services.api.types import Cart
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.debounce import Debounce

EDIT_MILLISECONDS = 250


class CartKeeper(QObject):
    """The newest cart wins; an older save never lands after it."""

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge)
        self._bridge = bridge
        self._holder = holder
        self._cart: Cart | None = None  # not saved yet
        self._one_at_a_time = asyncio.Lock()
        self._soon = Debounce(EDIT_MILLISECONDS, self._save, self)

    @property
    def is_dirty(self) -> bool:
        return self._cart is not None

    def later(self, cart: Cart) -> None:
        """Saves this when the typing pauses."""
        self._cart = cart
        self._soon.trigger()

    async def now(self, cart: Cart) -> None:
        """Saves this before going on."""
        self._soon.cancel()
        async with self._one_at_a_time:
            self._cart = None
            await self._holder.service.save_cart(cart)

    def forget(self) -> None:
        """What was typed is bought or given up: nothing is saved any more."""
        self._cart = None
        self._soon.cancel()

    def _save(self) -> None:
        if self._bridge.is_running(self, "save"):
            self._soon.trigger()
        elif self._cart is not None:
            cart = self._cart
            self._bridge.run(self, "save", lambda: self.now(cart), touches=("cart",), initiator=self)
