"""The service while it is being built: calls wait for it, whoever asks, and learn of it when it cannot be built."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from app.pending import pending_service
from services.api.contract import Actor, Service
from services.api.errors import DatabaseTooNew, NotFound
from services.api.types import AnswerPart, OfferingQuery, Register
from tests.contract.market import answer_of
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE

GUEST = Actor(device="device-1")


def pending(actor: Actor = GUEST) -> tuple[Service, asyncio.Future[Service]]:
    ready: asyncio.Future[Service] = asyncio.get_running_loop().create_future()
    return pending_service(ready, actor), ready


async def turn() -> None:
    """Everything that can go on does."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_calls_wait_and_are_answered_when_the_service_is_there(loop: asyncio.Runner) -> None:
    async def tale() -> None:
        service, ready = pending()
        fake = FakeService()
        waiting = [asyncio.create_task(service.get_offering("customer-care")) for _ in range(2)]
        await turn()
        assert fake.calls == []
        assert not any(task.done() for task in waiting)
        ready.set_result(fake)
        assert await asyncio.gather(*waiting) == [CUSTOMER_CARE, CUSTOMER_CARE]
        assert (await service.list_offerings(OfferingQuery())).total == 3  # from now on at once

    loop.run(tale())


def test_calls_are_made_in_the_name_of_who_asked(loop: asyncio.Runner) -> None:
    async def tale() -> None:
        service, ready = pending()
        ready.set_result(FakeService())
        session = await service.register(Register("ada@example.com", "correct horse"))
        buyer = service.for_actor(Actor(device="device-1", session=session.token))
        assert (await buyer.get_account()).email == "ada@example.com"
        assert (buyer.actor.session, service.actor) == (session.token, GUEST)

    loop.run(tale())


def test_who_asked_for_another_actor_before_it_was_ready_is_served_too(loop: asyncio.Runner) -> None:
    async def tale() -> None:
        service, ready = pending()
        fake = FakeService()
        buyer = await fake.sign_up()
        waiting = asyncio.create_task(service.for_actor(buyer.actor).get_account())
        await turn()
        ready.set_result(fake)
        assert (await waiting).email == "ada@example.com"

    loop.run(tale())


def test_a_service_that_cannot_be_built_says_so_to_everybody(loop: asyncio.Runner) -> None:
    async def tale() -> None:
        service, ready = pending()
        waiting = asyncio.create_task(service.get_cart())
        await turn()
        ready.set_exception(DatabaseTooNew(revision="9999"))
        for attempt in (waiting, service.get_cart(), anext(service.ask("x", "y", key="k"))):
            with pytest.raises(DatabaseTooNew) as caught:
                await attempt
            assert caught.value.params == {"revision": "9999"}

    loop.run(tale())


def test_who_gives_up_waiting_does_not_stop_the_others(loop: asyncio.Runner) -> None:
    async def tale() -> None:
        service, ready = pending()
        impatient, patient = [asyncio.create_task(service.get_offering("customer-care")) for _ in range(2)]
        await turn()
        impatient.cancel()
        await turn()
        assert impatient.cancelled()
        assert not ready.cancelled()
        ready.set_result(FakeService())
        assert await patient == CUSTOMER_CARE

    loop.run(tale())


def test_errors_of_the_service_come_through(loop: asyncio.Runner) -> None:
    async def tale() -> None:
        service, ready = pending()
        ready.set_result(FakeService())
        with pytest.raises(NotFound):
            await service.get_offering("no-such-thing")

    loop.run(tale())


def test_an_answer_streams_as_it_comes(loop: asyncio.Runner) -> None:
    async def tale() -> None:
        service, ready = pending()
        uuid = CUSTOMER_CARE.card.uuid
        waiting = asyncio.create_task(answer_of(service.ask_sample(uuid, "How do I start?", key="k")))
        await turn()
        assert not waiting.done()
        ready.set_result(FakeService())
        assert (await waiting).text
        assert len((await service.get_sample_transcript(uuid)).messages) == 2

    loop.run(tale())


class Talker:
    """A service that talks for ever and notices when nobody listens any more."""

    def __init__(self) -> None:
        self.is_talking = False

    def for_actor(self, actor: Actor) -> Talker:
        return self

    async def ask(self, resource_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        self.is_talking = True
        try:
            while True:
                yield AnswerPart(text="and ")
        finally:
            self.is_talking = False


def test_who_stops_listening_has_stopped_when_close_returns(loop: asyncio.Runner) -> None:
    async def tale() -> None:
        service, ready = pending()
        talker = Talker()
        ready.set_result(cast(Service, talker))
        stream = service.ask("x", "y", key="k")
        assert (await anext(stream)).text == "and "
        assert talker.is_talking
        await stream.aclose()  # type: ignore[attr-defined] # an async generator
        assert not talker.is_talking

    loop.run(tale())


def test_it_has_everything_a_service_has_and_nothing_else(loop: asyncio.Runner) -> None:
    async def tale() -> None:
        service, _ = pending()
        names = {name for name in dir(Service) if not name.startswith("_")}
        assert len(names) > 30
        for name in names:
            assert callable(getattr(service, name)) or name == "actor"
        for name in ("close", "run_due_jobs", "_core", "__wrapped__"):
            assert not hasattr(service, name)

    loop.run(tale())
