"""The way from looking to talking: guards, and the way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.types import BillingCycle
from ui.viewmodels.journey import (
    Browsing,
    Chatting,
    CheckingOut,
    Confirming,
    Deploying,
    Journey,
    SeeingAgent,
    WrongStep,
)

CHECKOUT = Journey().see_agent("a").check_out("a", "p", BillingCycle.YEARLY)


def test_whole_way_and_back_home() -> None:
    bought = CHECKOUT.deploy("o", "r")
    assert bought.step == Deploying("o", "r")
    talking = bought.chat("r")
    assert talking.step == Chatting("r")
    assert talking.back().step == Browsing()
    assert talking.home() == Journey()


def test_back_goes_the_way_one_came() -> None:
    assert CHECKOUT.step == CheckingOut("a", "p", BillingCycle.YEARLY)
    assert CHECKOUT.back().step == SeeingAgent("a")
    assert CHECKOUT.back().back().step == Browsing()
    assert not Journey().can_go_back
    assert Journey().back() == Journey()


def test_paid_checkout_is_not_gone_back_into() -> None:
    assert CHECKOUT.deploy("o").back().step == Browsing()


def test_refused_confirmation_leads_back_to_checkout() -> None:
    confirming = CHECKOUT.confirm("o", "/pay")
    assert confirming.step == Confirming("o", "/pay")
    assert confirming.back() == CHECKOUT
    assert confirming.deploy("o", "r").step == Deploying("o", "r")


def test_palette_goes_straight_to_checkout_and_an_unfinished_deployment_is_watched_again() -> None:
    assert Journey().check_out("a").step == CheckingOut("a")
    assert Journey().deploy("o").step == Deploying("o")


def test_other_agent_takes_the_place_of_the_one_shown() -> None:
    journey = Journey().see_agent("a").see_agent("b")
    assert journey.step == SeeingAgent("b")
    assert journey.back().step == Browsing()
    again = CHECKOUT.check_out("b")
    assert again.back().step == SeeingAgent("a")


@pytest.mark.parametrize(
    "go",
    [
        lambda: Journey().confirm("o", "/pay"),
        lambda: Journey().see_agent("a").deploy("o"),
        lambda: CHECKOUT.chat("r"),
        lambda: CHECKOUT.confirm("o", "/pay").check_out("b"),
        lambda: CHECKOUT.confirm("o", "/pay").see_agent("b"),
        lambda: Journey().see_agent(""),
        lambda: Journey().check_out(""),
        lambda: Journey().chat(""),
    ],
)
def test_guards_refuse_what_makes_no_sense(go: object) -> None:
    assert callable(go)
    with pytest.raises(WrongStep):
        go()


VERBS = st.sampled_from(["see", "buy", "confirm", "deploy", "chat", "back", "home"])


@given(st.lists(VERBS, max_size=30))
def test_wherever_one_goes_the_way_back_ends_at_the_catalogue(verbs: list[str]) -> None:
    journey = Journey()
    for verb in verbs:
        moves = {
            "see": lambda j: j.see_agent("a"),
            "buy": lambda j: j.check_out("a"),
            "confirm": lambda j: j.confirm("o", "/pay"),
            "deploy": lambda j: j.deploy("o"),
            "chat": lambda j: j.chat("r"),
            "back": lambda j: j.back(),
            "home": lambda j: j.home(),
        }
        try:
            journey = moves[verb](journey)
        except WrongStep:
            continue
    depth = len(journey.stack)
    for _ in range(depth):
        journey = journey.back()
    assert journey == Journey()
