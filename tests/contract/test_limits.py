"""Hard limits on what calls may cost: by organization, project and key."""

from __future__ import annotations

from datetime import timedelta

from services.api.errors import InvalidInput, LimitReached, NotFound, NotSignedIn
from services.api.types import CapLevel, Caps, CapWindow, SetCap
from tests.contract.market import Market, answer_of, raises, story
from tests.contract.money import UNKNOWN, ZERO, per_use, top_up, usd


def on(caps: Caps, level: CapLevel, text: str, window: CapWindow = CapWindow.MONTH) -> SetCap:
    """A limit on the first thing of this level."""
    scope = next(scope for scope in caps.scopes if scope.level is level)
    return SetCap(level, scope.uuid, window, usd(text))


@story
async def test_limits_are_set_replaced_raised_for_a_while_and_removed(market: Market) -> None:
    buyer = await market.buyer()
    await market.buy(buyer)
    now = (await buyer.get_timeline()).now
    caps = await buyer.list_caps()
    assert caps.items == ()
    assert {scope.level for scope in caps.scopes} == set(CapLevel)
    cap = await buyer.set_cap(on(caps, CapLevel.ORGANIZATION, "50"))
    assert (cap.limit, cap.spent, cap.left) == (usd("50"), ZERO, usd("50"))
    lower = await buyer.set_cap(on(caps, CapLevel.ORGANIZATION, "40"))
    assert (lower.uuid, lower.limit) == (cap.uuid, usd("40"))
    await buyer.set_cap(on(caps, CapLevel.ORGANIZATION, "5", CapWindow.DAY))
    assert len((await buyer.list_caps()).items) == 2
    raised = await buyer.raise_cap(cap.uuid, usd("60"), now + timedelta(hours=24))
    assert (raised.limit, raised.raised_to, raised.left) == (usd("40"), usd("60"), usd("60"))
    await raises(InvalidInput, buyer.raise_cap(cap.uuid, usd("60"), now), until="in_past")
    error = await raises(InvalidInput, buyer.raise_cap(cap.uuid, usd("30"), now + timedelta(hours=1)))
    assert set(error.fields) == {"limit"}
    await buyer.remove_cap(cap.uuid)
    assert [one.window for one in (await buyer.list_caps()).items] == [CapWindow.DAY]
    await raises(NotFound, buyer.remove_cap(cap.uuid))
    error = await raises(InvalidInput, buyer.set_cap(on(caps, CapLevel.PROJECT, "-1")))
    assert set(error.fields) == {"limit"}


@story
async def test_a_call_that_does_not_fit_a_limit_is_refused_with_what_is_left(market: Market) -> None:
    buyer = await market.buyer()
    await top_up(market, buyer)
    resource = await market.bought(buyer, await per_use(market))
    caps = await buyer.list_caps()
    await buyer.set_cap(on(caps, CapLevel.ORGANIZATION, "1"))
    key = next(scope for scope in caps.scopes if scope.level is CapLevel.KEY and scope.uuid == resource)
    cap = await buyer.set_cap(SetCap(CapLevel.KEY, key.uuid, CapWindow.DAY, usd("0.02")))
    await answer_of(buyer.ask(resource, "Hello?", key="q1"))  # a price equal to what is left fits
    error = await raises(LimitReached, answer_of(buyer.ask(resource, "Hello?", key="q2")))
    assert error.params["limit"] == "key"
    assert (error.params["left_key"], error.params["left_organization"]) == (0, 980_000)
    items = {one.level: one for one in (await buyer.list_caps()).items}
    assert (items[CapLevel.KEY].spent, items[CapLevel.KEY].left) == (usd("0.02"), ZERO)
    assert items[CapLevel.ORGANIZATION].left == usd("0.98")
    assert (await buyer.get_wallet()).balance == usd("19.98")
    now = (await buyer.get_timeline()).now
    await buyer.raise_cap(cap.uuid, usd("0.04"), now + timedelta(hours=1))
    await answer_of(buyer.ask(resource, "Hello?", key="q3"))
    assert (await buyer.get_wallet()).balance == usd("19.96")


@story
async def test_limits_of_somebody_else_are_not_found(market: Market) -> None:
    guest, ada = market.guest(), await market.buyer()
    eve = await market.buyer("eve@example.com", device="device-2")
    await market.buy(ada)
    caps = await ada.list_caps()
    request = on(caps, CapLevel.PROJECT, "10")
    cap = await ada.set_cap(request)
    soon = (await ada.get_timeline()).now + timedelta(hours=1)
    for service, kind in ((eve, NotFound), (guest, NotSignedIn)):
        await raises(kind, service.set_cap(request))
        await raises(kind, service.raise_cap(cap.uuid, usd("20"), soon))
        await raises(kind, service.remove_cap(cap.uuid))
    await raises(NotSignedIn, guest.list_caps())
    await raises(NotFound, eve.list_caps((await ada.get_wallet()).organization_uuid))
    await raises(NotFound, ada.set_cap(SetCap(CapLevel.KEY, UNKNOWN, CapWindow.DAY, usd("1"))))
    assert (await ada.list_caps()).items == (cap,)
    assert (await eve.list_caps()).items == ()
