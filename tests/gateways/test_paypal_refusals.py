"""PayPal requests that it refuses as they are: these break the published form on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.gateways.payments import Lookup, ProviderRefused
from tests.twin.paypal_rig import KEY, START, Rig, wish


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def test_a_currency_that_paypal_has_not_is_refused_and_nothing_charged(rig: Rig, loop: asyncio.Runner) -> None:
    with pytest.raises(ProviderRefused) as refusal:
        loop.run(rig.pays.charge(wish("5.000", "KWD"), key=KEY))
    assert refusal.value.code == "currency_unsupported"
    found = loop.run(rig.pays.find(Lookup(KEY, "", wish("5.000", "KWD"), START)))
    assert found is not None
    assert (found.state, found.decline_code) == ("failed", "currency_unsupported")


def test_an_email_that_is_none_is_refused_by_name(rig: Rig, loop: asyncio.Runner) -> None:

    with pytest.raises(ProviderRefused) as refusal:
        loop.run(rig.pays.charge(replace(wish(), email="nobody"), key=KEY))
    assert refusal.value.code == "request_invalid"


def test_a_page_of_its_own_is_not_confirmed_here(rig: Rig, loop: asyncio.Runner) -> None:
    with pytest.raises(ProviderRefused):
        loop.run(rig.pays.confirm("order:ANY", approve=True))
