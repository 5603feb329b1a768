"""What a provider's word for a refusal says to us, and what of it a buyer may be told."""

from __future__ import annotations

import pytest

from services.domain.declines import GENERIC, UNTOLD, public


@pytest.mark.parametrize("code", sorted(UNTOLD))
def test_what_the_thief_must_not_learn_is_not_told(code: str) -> None:
    assert public(code) == GENERIC


@pytest.mark.parametrize("code", ["insufficient_funds", "expired_card", "incorrect_cvc", "never_heard_of"])
def test_everything_else_is_told_as_it_is(code: str) -> None:
    assert public(code) == code


def test_lost_and_stolen_cards_are_among_the_untold() -> None:
    assert {"lost_card", "stolen_card", "fraudulent", "pickup_card"} <= UNTOLD
