"""One market to test: a service (fake, embedded, or remote in front of it) and what stories need of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from services.api.contract import Actor, Service
from services.api.errors import PaymentUnknown
from services.api.types import (
    AnswerPart,
    BillingModel,
    ChatMessage,
    Offering,
    OfferingQuery,
    PaymentMethod,
    Placed,
    Plan,
    QuickCheckout,
    Register,
    ResourceState,
)
from tests.contract.outside import Outside

PASSWORD = "correct horse"
Run = TypeVar("Run", bound=Callable[..., None])
AGENT = "customer-care"  # in the samples and in the shipped catalogue


@dataclass
class Market:
    """`guest()` and `buyer()` give services; `run_jobs()` does what a worker would."""

    root: Service
    run_jobs: Callable[[], Awaitable[None]]
    failing_steps: dict[str, str] = field(default_factory=dict)  # deployment step -> code, while it is in here
    outside_: Outside | None = None

    @property
    def outside(self) -> Outside:
        """The provider, the bank and the clock."""
        assert self.outside_ is not None, "this market has no outside"
        return self.outside_

    def guest(self, device: str = "device-1") -> Service:
        """Somebody who has not signed in."""
        return self.root.for_actor(Actor(device=device))

    async def buyer(self, email: str = "ada@example.com", *, device: str = "device-1") -> Service:
        """A new account, signed in."""
        session = await self.guest(device).register(Register(email, PASSWORD))
        return self.root.for_actor(Actor(device=device, session=session.token))

    async def agent(self) -> Offering:
        """An agent with Starter, Pro and Enterprise."""
        return await self.root.get_offering(AGENT)

    async def plan(self, model: BillingModel) -> tuple[Offering, Plan]:
        """Some offering with a plan of this model."""
        found = await self.root.list_offerings(OfferingQuery(billing_model=model))
        offering = await self.root.get_offering(found.items[0].uuid)
        return offering, next(plan for plan in offering.plans if plan.billing_model is model)

    async def card(self, outcome: str = "pays") -> str:
        """The token of a published test card."""
        options = await self.root.get_payment_options()
        return next(card.token for card in options.test_cards if card.outcome == outcome)

    async def order(self, *, outcome: str = "pays", **changes: Any) -> QuickCheckout:  # Any: fields of QuickCheckout
        """A good order for the Starter plan of the agent, with changes."""
        offering = await self.agent()
        starter = next(plan for plan in offering.plans if plan.slug == "starter")
        good = QuickCheckout(
            offering.card.uuid, starter.uuid, payment_token=await self.card(outcome), terms_accepted=True
        )
        return replace(good, **changes)

    async def page_order(self, method: PaymentMethod = PaymentMethod.CARD, **changes: Any) -> QuickCheckout:
        """The same, paid on a page or by transfer."""  # Any: fields of QuickCheckout
        return await self.order(payment_token="", payment_method=method, **changes)

    async def later(self, **delta: float) -> None:
        """Time goes by, and what is due is done."""
        self.outside.wait(**delta)
        await self.run_jobs()

    async def buy(self, service: Service, request: QuickCheckout | None = None, *, key: str = "order-1") -> Placed:
        """Buys, asking again with the same key while the provider does not answer, and deploys."""
        request = request or await self.order()
        for _ in range(3):
            try:
                placed = await service.quick_checkout(request, key=key)
            except PaymentUnknown:
                continue
            await self.run_jobs()
            return placed
        raise AssertionError("the provider never answered")

    async def bought(self, service: Service, request: QuickCheckout | None = None) -> str:
        """The uuid of a new agent that is ready."""
        placed = await self.buy(service, request)
        resource = await service.get_resource(placed.resource_uuid)
        assert resource.state is ResourceState.READY
        return resource.uuid


async def answer_of(parts: Any) -> ChatMessage:  # Any: an async iterator of AnswerPart
    """The message at the end of a streamed answer, after checking that the pieces make its text."""
    got: list[AnswerPart] = [part async for part in parts]
    message = got[-1].message
    assert message is not None
    assert "".join(part.text for part in got) == message.text
    return message


def story(test: Callable[[Market], Coroutine[Any, Any, None]]) -> Callable[[Market, asyncio.Runner], None]:
    """Runs an async test of a market in the `loop` fixture."""

    def run(market: Market, loop: asyncio.Runner) -> None:
        loop.run(test(market))

    return _named(run, test)


def paged_story(test: Callable[[Market], Coroutine[Any, Any, None]]) -> Callable[[Market, asyncio.Runner], None]:
    """The same where new ways to pay are given on pages."""

    def run(paged: Market, loop: asyncio.Runner) -> None:
        loop.run(test(paged))

    return _named(run, test)


def undo_story(test: Callable[[Market], Coroutine[Any, Any, None]]) -> Callable[[Market, asyncio.Runner], None]:
    """The same where a purchase can be taken back for a minute."""

    def run(undoable: Market, loop: asyncio.Runner) -> None:
        loop.run(test(undoable))

    return _named(run, test)


def _named(run: Run, test: Callable[..., Any]) -> Run:  # Any: a story of any market
    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    run.pytestmark = getattr(test, "pytestmark", [])  # type: ignore[attr-defined] # where pytest looks for marks
    return run


async def raises(kind: type[BaseException], work: Awaitable[object], **fields: str) -> Any:  # Any: the error of `kind`
    """The error that `work` raises; `fields` are the field codes it must carry."""
    with pytest.raises(kind) as caught:
        await work
    if fields:
        assert getattr(caught.value, "fields", None) == fields
    return caught.value
