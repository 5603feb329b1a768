"""The providers of one installation, found by name, by method or by what is said of a token."""

from __future__ import annotations

from collections.abc import Iterator

from services.api.types import PaymentMethod, TestCard
from services.gateways.payments import CardFacts, Payments

BEFORE = "test"  # the only provider there was before rows named theirs


class Providers:
    """At least one; the first is asked when nothing else is said."""

    def __init__(self, first: Payments, *others: Payments) -> None:
        self._all = (first, *others)
        self._by_name = {one.name: one for one in self._all}
        if len(self._by_name) != len(self._all):
            raise ValueError("two providers of one name")

    def __iter__(self) -> Iterator[Payments]:
        return iter(self._all)

    @property
    def first(self) -> Payments:
        return self._all[0]

    @property
    def is_test_mode(self) -> bool:
        """True when no real money moves anywhere."""
        return all(one.is_test_mode for one in self._all)

    @property
    def test_cards(self) -> tuple[TestCard, ...]:
        return tuple(card for one in self._all for card in one.test_cards)

    @property
    def methods(self) -> tuple[PaymentMethod, ...]:
        """What a page can be opened for, in the order of the providers, each once."""
        return tuple(dict.fromkeys(method for one in self._all for method in one.methods))

    @property
    def page_hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(host for one in self._all for host in one.page_hosts))

    def find(self, name: str) -> Payments | None:
        """The provider of that name; None when it was taken out of the settings. Rows of before there were several have
        no name, and mean the test provider of then."""
        return self._by_name.get(name) if name else self._by_name.get(BEFORE, self.first)

    def for_method(self, method: PaymentMethod) -> Payments | None:
        """Who opens a page for it; None when nobody does."""
        return next((one for one in self._all if method in one.methods), None)

    def describe(self, token: str) -> CardFacts | None:
        """What may be shown of a published test card."""
        return next((facts for one in self._all if (facts := one.describe(token)) is not None), None)

    def for_token(self, token: str) -> Payments | None:
        """Whose published test card it is."""
        return next((one for one in self._all if one.describe(token) is not None), None)

    def close(self) -> None:
        for one in self._all:
            one.close()
