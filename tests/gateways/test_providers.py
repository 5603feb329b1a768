"""Several providers side by side: who is asked, by name, by method and by token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.api.types import PaymentMethod, TestCard
from services.gateways.payments import CardFacts
from services.gateways.providers import BEFORE, Providers
from services.gateways.test_provider import TestProvider

CARD, BANK, PAYPAL = PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL


class Elsewhere(TestProvider):
    """One that has its own test cards, or takes real money, and shows its pages at a host."""

    def __init__(
        self, path: Path, *, name: str, methods: tuple[PaymentMethod, ...], card: str = "", is_test_mode: bool = True
    ) -> None:
        super().__init__(path, name=name, methods=methods)
        self._cards = (TestCard(card, "Visa", "1111", "pays"),) if card else ()
        self._mode = is_test_mode

    @property
    def is_test_mode(self) -> bool:
        return self._mode

    @property
    def test_cards(self) -> tuple[TestCard, ...]:
        return self._cards

    @property
    def page_hosts(self) -> tuple[str, ...]:
        return (f"{self.name}.example.com", "pages.example.com")

    def describe(self, token: str) -> CardFacts | None:
        return next((CardFacts(card.brand, card.last4, 1, 2031) for card in self._cards if card.token == token), None)


Make = Callable[..., Elsewhere]


@pytest.fixture
def make(data_dir: Path) -> Iterator[Make]:
    made: list[Elsewhere] = []

    def one(name: str, *methods: PaymentMethod, card: str = "", is_test_mode: bool = True) -> Elsewhere:
        path = data_dir / f"{name}.db"
        made.append(Elsewhere(path, name=name, methods=methods, card=card, is_test_mode=is_test_mode))
        return made[-1]

    yield one
    for each in made:
        each.close()


def test_the_first_is_asked_when_nothing_else_is_said(make: Make) -> None:
    stripe, paypal = make("stripe", CARD, BANK), make("paypal", PAYPAL)
    providers = Providers(stripe, paypal)
    assert providers.first is stripe
    assert list(providers) == [stripe, paypal]


def test_two_of_one_name_are_refused(make: Make) -> None:
    with pytest.raises(ValueError, match="one name"):
        Providers(make("stripe", CARD), make("stripe", BANK))


def test_a_provider_is_found_by_its_name_and_one_that_was_taken_out_is_not(make: Make) -> None:
    stripe, paypal = make("stripe", CARD), make("paypal", PAYPAL)
    providers = Providers(stripe, paypal)
    assert providers.find("paypal") is paypal
    assert providers.find("stripe") is stripe
    assert providers.find(BEFORE) is None


def test_rows_without_a_name_mean_the_test_provider_of_then(make: Make) -> None:
    stripe, before = make("stripe", CARD), make(BEFORE)
    assert Providers(stripe, before).find("") is before
    assert Providers(stripe).find("") is stripe


def test_a_page_is_opened_by_the_first_that_offers_the_method(make: Make) -> None:
    stripe, paypal = make("stripe", CARD, BANK), make("paypal", PAYPAL, CARD)
    providers = Providers(stripe, paypal)
    assert [providers.for_method(method) for method in (CARD, BANK, PAYPAL)] == [stripe, stripe, paypal]
    assert Providers(paypal, stripe).for_method(CARD) is paypal
    assert Providers(make("none")).for_method(CARD) is None


def test_each_method_and_each_host_is_named_once_in_the_order_of_the_providers(make: Make) -> None:
    providers = Providers(make("stripe", CARD, BANK), make("paypal", PAYPAL, CARD))
    assert providers.methods == (CARD, BANK, PAYPAL)
    assert providers.page_hosts == ("stripe.example.com", "pages.example.com", "paypal.example.com")


def test_a_published_card_leads_to_the_provider_that_published_it(make: Make) -> None:
    one, other = make("one", CARD, card="tok_one"), make("other", CARD, card="tok_other")
    providers = Providers(one, other)
    assert [card.token for card in providers.test_cards] == ["tok_one", "tok_other"]
    assert (providers.for_token("tok_one"), providers.for_token("tok_other")) == (one, other)
    assert providers.describe("tok_other") == CardFacts("Visa", "1111", 1, 2031)
    assert providers.for_token("tok_saved_of_somebody") is None
    assert providers.describe("tok_saved_of_somebody") is None


@pytest.mark.parametrize(("one", "other"), [(True, True), (True, False), (False, True), (False, False)])
def test_it_is_a_test_only_when_no_provider_takes_real_money(make: Make, one: bool, other: bool) -> None:
    providers = Providers(make("one", is_test_mode=one), make("other", is_test_mode=other))
    assert providers.is_test_mode is (one and other)


def test_closing_closes_each(data_dir: Path) -> None:
    closed: list[str] = []

    class Closing(TestProvider):
        def close(self) -> None:
            closed.append(self.name)
            super().close()

    Providers(Closing(data_dir / "a.db", name="a"), Closing(data_dir / "b.db", name="b")).close()
    assert closed == ["a", "b"]
