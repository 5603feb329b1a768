"""Where the user is and where back leads, as values. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

MARKETPLACE, AGENT, CHECKOUT, CONFIRMATION = "marketplace", "agent", "checkout", "confirmation"
CHAT, MY_AGENTS, CONFIGURE, SETTINGS = "chat", "my_agents", "configure", "settings"
WALLET, SUBSCRIPTIONS, INVOICES, COMPARISON = "wallet", "subscriptions", "invoices", "comparison"
PAYMENT_METHODS, COLLECTIONS = "payment_methods", "collections"
SECTIONS = (
    MARKETPLACE,
    MY_AGENTS,
    WALLET,
    SUBSCRIPTIONS,
    INVOICES,
    PAYMENT_METHODS,
    COLLECTIONS,
    SETTINGS,
)  # reached from the sidebar, with nothing behind them
BUYING = (AGENT, CHECKOUT, CONFIRMATION)


@dataclass(frozen=True, slots=True)
class Place:
    """A page and what it shows: an offering, an order or a bought agent."""

    page: str
    key: str = ""


HOME = Place(MARKETPLACE)


@dataclass(frozen=True, slots=True)
class History:
    """The places behind the user, the present one last."""

    places: tuple[Place, ...] = (HOME,)

    @property
    def here(self) -> Place:
        return self.places[-1]

    @property
    def can_go_back(self) -> bool:
        return len(self.places) > 1

    @property
    def section(self) -> str:
        """Which item of the sidebar this belongs to."""
        return next((place.page for place in reversed(self.places) if place.page in SECTIONS), MARKETPLACE)

    def go(self, place: Place) -> History:
        """A section starts afresh; the same page with something else to show takes its own place."""
        if place.page in SECTIONS:
            return History((place,))
        before = self.places[:-1] if self.here.page == place.page else self.places
        return History((*before, place))

    def paid(self, place: Place) -> History:
        """What is paid is not gone back into: behind the confirmation is the catalogue."""
        return History((HOME, place))

    def bought(self, place: Place) -> History:
        """A bought agent's page stands behind the list of bought agents."""
        return History((Place(MY_AGENTS), place))

    def compared(self, place: Place) -> History:
        """What other plans would have cost stands behind the subscriptions."""
        return History((Place(SUBSCRIPTIONS), place))

    def back(self) -> History:
        """One step back; at the beginning it stays."""
        return History(self.places[:-1]) if self.can_go_back else self
