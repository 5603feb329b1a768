"""What must hold when things go wrong around the service: bugs, wrong clocks, late workers, a file for reading only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from app.clock import SeededIds
from services.api import errors
from services.api.contract import Actor, Service
from services.api.types import (
    Cart,
    ConfigureResource,
    FunnelStep,
    InvoiceQuery,
    OfferingQuery,
    OrderState,
    QuickCheckout,
    Register,
    RequestQuote,
    ResourceState,
    SignIn,
)
from services.db import models as m
from services.db import money_models as mm
from services.db.session import Database
from services.domain.billing import boundary
from services.domain.chat import SAMPLE_TURNS
from services.embedded.core import Core
from services.embedded.service import EmbeddedService
from services.gateways.providers import Providers
from tests.contract.embedded import START
from tests.contract.market import PASSWORD, answer_of
from tests.embedded.money.lives import Life
from tests.embedded.shop import Shop, WatchedProvider, reached, story, unavailable
from tests.fakes import Gate
from tests.keys import LEDGER_KEY


async def bug() -> None:
    """A step at which the program is wrong."""
    raise ZeroDivisionError


async def ordered(shop: Shop, email: str = "ada@example.com", key: str = "order-1") -> tuple[Service, str]:
    buyer = await shop.market.buyer(email)
    placed = await buyer.quick_checkout(await shop.market.order(), key=key)
    return buyer, placed.resource_uuid


async def failed(shop: Shop) -> tuple[Service, str]:
    """A bought agent whose deployment failed."""
    buyer, uuid = await ordered(shop)
    shop.agents.script.failing_steps["agent"] = "no_capacity"
    await shop.market.run_jobs()
    shop.agents.script.failing_steps.clear()
    return buyer, uuid


async def work_until(shop: Shop, condition: Callable[[], Awaitable[bool]]) -> None:
    """The worker runs, the clock with it, until it is so."""
    worker = asyncio.create_task(shop.service.run_worker())
    try:
        async with asyncio.timeout(20):
            while not await condition():
                assert not worker.done()
                shop.clock.advance(seconds=5)
                shop.service._core.wake.set()
                await asyncio.sleep(0.01)
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


# ---- bugs in a job


@pytest.mark.logs("job_failed: deploy")
@story
async def test_a_bug_in_one_job_fails_it_after_three_attempts_and_the_next_goes_on(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    other, other_uuid = await ordered(shop, "bob@example.com")
    shop.agents.before["knowledge"] = [bug]
    shop.agents.before["workspace"] = [bug]  # whichever job is claimed first meets one, and the other the second

    async def both_are_ready() -> bool:
        found = [await buyer.get_resource(uuid), await other.get_resource(other_uuid)]
        return all(one.state is ResourceState.READY for one in found)

    await work_until(shop, both_are_ready)

    third, third_uuid = await ordered(shop, "eve@example.com")
    shop.agents.before["workspace"] = [bug] * 3

    async def has_failed() -> bool:
        return (await third.get_resource(third_uuid)).state is ResourceState.FAILED

    await work_until(shop, has_failed)
    resource = await third.get_resource(third_uuid)
    assert (resource.failure, resource.can_refund) == ("internal_error", True)
    assert await shop.service.run_due_jobs() == 0


@pytest.mark.logs("worker_bug")
@story
async def test_money_that_is_owed_is_tried_for_ever(shop: Shop) -> None:
    buyer, uuid = await failed(shop)
    shop.provider.before["refund"] = [bug] * 6
    with pytest.raises(ZeroDivisionError):
        await buyer.refund_failed(uuid)

    async def is_back() -> bool:
        return bool((await buyer.list_orders())[0].refunded.micros)

    await work_until(shop, is_back)
    [order] = await buyer.list_orders()
    assert order.refunded == order.total == shop.provider.refunded()


@pytest.mark.logs("worker_bug")
@story
async def test_an_order_that_cannot_be_settled_does_not_keep_the_others_from_it(shop: Shop) -> None:
    buyers = []
    for number in range(3):
        buyer, request = await shop.market.buyer(f"{number}@example.com"), await shop.market.order()
        shop.provider.after["charge"] = [bug]
        with pytest.raises(ZeroDivisionError):
            await buyer.quick_checkout(request, key="k")
        buyers.append(buyer)
    shop.clock.advance(seconds=20)
    shop.provider.before["find"] = [bug]

    async def all_run() -> bool:
        orders = [(await buyer.list_orders())[0] for buyer in buyers]
        return all(order.state is OrderState.DONE for order in orders)

    await work_until(shop, all_run)
    assert shop.charges() == 3


@pytest.mark.logs("worker_bug")
@story
async def test_what_one_organization_owes_and_cannot_be_done_does_not_keep_the_others_from_theirs(shop: Shop) -> None:
    ada, eve = await Life.begin(shop), await Life.begin(shop, "eve@example.com")
    stuck = (await ada.subscribe("starter")).uuid
    await eve.subscribe("starter")
    renewal = boundary(START, 1)
    hers = sa.update(mm.DueItem).where(mm.DueItem.subject_uuid == stuck)
    await shop.write(hers.where(mm.DueItem.kind == "period").values(kind="of another version"))
    shop.clock.advance(days=40)

    async def renewed(life: Life) -> bool:
        return (await life.one()).period_start == renewal

    await work_until(shop, partial(renewed, eve))
    assert not await renewed(ada)
    with pytest.raises(KeyError):
        await shop.service.run_due(shop.clock.now())
    await shop.write(hers.where(mm.DueItem.kind == "of another version").values(kind="period"))
    await work_until(shop, partial(renewed, ada))
    for life in (ada, eve):
        assert [one.issued_at for one in (await life.buyer.list_invoices(InvoiceQuery())).items] == [renewal, START]
        await life.check_books()


@pytest.mark.logs("sweep_failed")
@story
async def test_it_starts_although_an_order_cannot_be_settled(shop: Shop) -> None:
    buyer, request = await shop.market.buyer(), await shop.market.order()
    shop.provider.before["charge"] = [bug]
    with pytest.raises(ZeroDivisionError):
        await buyer.quick_checkout(request, key="k")
    await shop.write(sa.update(m.PaymentRow).values(currency="???"))
    await shop.write(sa.update(m.OrderRow).values(currency="???"))
    shop.clock.advance(seconds=20)
    shop.provider.before["find"] = [bug]
    await shop.service.start()
    assert (await shop.market.root.list_offerings(OfferingQuery())).total > 0


# ---- workers that come back late


@story
async def test_a_worker_from_before_a_retry_does_not_end_the_new_deployment(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    gate, second_gate, agents = Gate(), Gate(), shop.agents
    shop.agents.before["knowledge"] = [gate.passed]
    sleepy = asyncio.create_task(shop.service.run_due_jobs())  # attempt 1, then its lease ends
    await reached(gate)
    other = await shop.another()
    shop.clock.advance(seconds=10.1)
    other.failing_steps["knowledge"] = "no_capacity"
    await other.run_jobs()
    other.failing_steps.clear()
    await buyer.retry_deployment(uuid)
    agents.before["knowledge"] = [second_gate.passed]
    working = asyncio.create_task(shop.service.run_due_jobs())  # the buyer's new attempt
    await reached(second_gate)
    gate.open()
    await sleepy
    assert agents.deployed.count("agent") == 0  # it saw that the job is not its own any more
    second_gate.open()
    await working
    assert (await buyer.get_resource(uuid)).state is ResourceState.READY


@story
async def test_after_a_retry_a_host_is_again_tried_three_times(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    for _ in range(2):
        shop.agents.before["workspace"] = [unavailable] * 3
        for _ in range(3):
            assert (await buyer.get_resource(uuid)).state is not ResourceState.FAILED
            assert await shop.service.run_due_jobs() == 1
            shop.clock.advance(seconds=60)
        assert (await buyer.get_resource(uuid)).failure == "host_unavailable"
        await buyer.retry_deployment(uuid)
    assert await shop.service.run_due_jobs() == 1
    assert (await buyer.get_resource(uuid)).state is ResourceState.READY


# ---- a clock that was wrong


@story
async def test_a_clock_that_is_set_back_a_year_delays_nothing(shop: Shop) -> None:
    shop.clock.advance(days=365)
    buyer, uuid = await ordered(shop)
    other = await shop.market.buyer("bob@example.com")
    shop.provider.after["charge"] = [bug]
    with pytest.raises(ZeroDivisionError):
        await other.quick_checkout(await shop.market.order(), key="k")
    for _ in range(8):
        with pytest.raises((errors.BadCredentials, errors.TooManyTries)):
            await shop.market.guest().sign_in(SignIn("bob@example.com", "wrong password"))
    shop.clock.at = START
    await shop.market.run_jobs()
    assert (await buyer.get_resource(uuid)).state is ResourceState.READY
    [order] = await other.list_orders()
    assert order.state is OrderState.DONE
    session = await shop.market.guest().sign_in(SignIn("bob@example.com", PASSWORD))
    assert session.expires_at == START + timedelta(days=30)


@story
async def test_a_call_reserved_by_a_wrong_clock_is_taken_back(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    await shop.market.run_jobs()
    shop.clock.advance(days=20)
    stream = buyer.ask(uuid, "How do I start?", key="k")
    await anext(stream)
    shop.clock.at = START
    await shop.write(sa.update(m.UsageEvent).values(at=START + timedelta(days=20)))

    async def nothing_is_reserved() -> bool:
        return not await shop.rows(sa.select(m.UsageEvent.id))

    await work_until(shop, nothing_is_reserved)
    await stream.aclose()  # type: ignore[attr-defined]  # an async generator


# ---- the buyer's answer on the confirmation page


async def waiting(shop: Shop) -> tuple[Service, str]:
    """An order that its buyer must confirm."""
    buyer = await shop.market.buyer()
    placed = await buyer.quick_checkout(await shop.market.order(outcome="needs_confirmation"), key="k")
    return buyer, placed.order_uuid


@story
async def test_two_approvals_at_once_are_one_delivery(shop: Shop) -> None:
    buyer, uuid = await waiting(shop)
    first, second = await asyncio.gather(*(buyer.confirm_order(uuid, approve=True) for _ in range(2)))
    assert first == second
    with pytest.raises(errors.WrongState):
        await buyer.confirm_order(uuid, approve=False)
    assert len(await buyer.list_resources()) == shop.charges() == 1


@pytest.mark.parametrize("approve", [True, False])
def test_the_answer_the_provider_heard_first_counts(approve: bool, shop: Shop, loop: asyncio.Runner) -> None:
    async def tale() -> None:
        buyer, uuid = await waiting(shop)
        gates = [Gate(), Gate()]
        shop.provider.after["confirm"] = [gate.passed for gate in gates]
        answers = []
        for gate, answer in zip(gates, (approve, not approve), strict=True):
            answers.append(asyncio.create_task(buyer.confirm_order(uuid, approve=answer)))
            await reached(gate)
        for gate in reversed(gates):  # the second is written down first
            gate.open()
        told = await asyncio.gather(*answers, return_exceptions=True)
        kinds = [type(one).__name__ for one in told]
        assert kinds == (["Placed"] * 2 if approve else ["ConfirmationDeclined"] * 2)
        assert len(await buyer.list_resources()) == shop.charges() == int(approve)

    loop.run(tale())


@story
async def test_an_approval_after_the_sweep_declined_charges_nobody(shop: Shop) -> None:
    buyer, uuid = await waiting(shop)
    gate = Gate()
    shop.provider.before["confirm"] = [gate.passed]
    late = asyncio.create_task(buyer.confirm_order(uuid, approve=True))
    await reached(gate)
    shop.clock.advance(days=1)
    await shop.service.run_due_jobs()
    gate.open()
    with pytest.raises(errors.ConfirmationDeclined):
        await late
    with pytest.raises(errors.WrongState):
        await buyer.confirm_order(uuid, approve=True)
    assert shop.charges() == 0


@story
async def test_what_is_paid_is_delivered_though_the_provider_has_forgotten_the_card(shop: Shop) -> None:
    buyer, request = await shop.market.buyer(), await shop.market.order()
    shop.provider.after["charge"] = [bug]
    with pytest.raises(ZeroDivisionError):
        await buyer.quick_checkout(request, key="k")
    shop.provider.describe = lambda _token: None  # type: ignore[assignment, method-assign]
    shop.clock.advance(seconds=20)
    await shop.market.run_jobs()
    [order] = await buyer.list_orders()
    assert (order.state, (await buyer.get_payment_options()).saved_methods) == (OrderState.DONE, ())


# ---- questions and keys


@story
async def test_the_last_sample_question_may_be_asked_again_when_its_answer_failed(shop: Shop) -> None:
    guest, uuid = shop.market.guest(), (await shop.market.agent()).card.uuid
    for number in range(SAMPLE_TURNS - 1):
        await answer_of(guest.ask_sample(uuid, "How do I start?", key=str(number)))
    shop.agents.before["answer"] = [unavailable]
    with pytest.raises(errors.AgentUnavailable):
        await answer_of(guest.ask_sample(uuid, "Who are you?", key="last"))
    await answer_of(guest.ask_sample(uuid, "Who are you?", key="last"))
    with pytest.raises(errors.LimitReached):
        await answer_of(guest.ask_sample(uuid, "And now?", key="one more"))


@story
async def test_samples_of_two_guests_in_one_account_leave_none_and_not_less(shop: Shop) -> None:
    uuid = (await shop.market.agent()).card.uuid
    buyer = await shop.market.buyer(device="first")
    for number in range(SAMPLE_TURNS):
        await answer_of(buyer.ask_sample(uuid, "How do I start?", key=str(number)))
    guest = shop.market.guest("second")
    for number in range(3):
        await answer_of(guest.ask_sample(uuid, "How do I start?", key=f"guest-{number}"))
    await guest.sign_in(SignIn("ada@example.com", PASSWORD))
    assert (await buyer.get_sample_transcript(uuid)).turns_left == 0


@story
async def test_one_key_for_two_agents_leaves_both_questions_in_their_transcripts(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    one = await shop.market.bought(buyer)
    other = (await shop.market.buy(buyer, key="order-2")).resource_uuid
    for uuid in (one, other):
        await answer_of(buyer.ask(uuid, f"How do I start {uuid}?", key="k"))
        roles = [message.role for message in (await buyer.get_transcript(uuid)).messages]
        assert roles == ["buyer", "agent"]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_question_needs_a_key_of_reasonable_length(key: str, shop: Shop, loop: asyncio.Runner) -> None:
    async def tale() -> None:
        guest, uuid = shop.market.guest(), (await shop.market.agent()).card.uuid
        with pytest.raises(errors.InvalidInput) as caught:
            await answer_of(guest.ask_sample(uuid, "How do I start?", key=key))
        assert caught.value.fields == {"idempotency_key": "out_of_range"}
        await answer_of(guest.ask_sample(uuid, "How do I start?", key="k" * 255))

    loop.run(tale())


@story
async def test_a_cart_without_an_offering_has_no_plan(shop: Shop) -> None:
    with pytest.raises(errors.NotFound):
        await shop.market.guest().save_cart(Cart(plan_uuid="x" * 100_000))


@story
async def test_a_name_spelt_in_two_ways_is_one_organization_and_one_project(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    for number, (name, project) in enumerate((("Café", "Zürich"), ("Cafe\u0301", "Zu\u0308rich"))):
        request = await shop.market.order(organization_name=name, project_name=project)
        await buyer.quick_checkout(request, key=str(number))
    [organization] = (await buyer.get_account()).organizations
    assert (organization.name, [one.name for one in organization.projects]) == ("Café", ["Default", "Zürich"])


# ---- a database for reading only


def reading(shop: Shop) -> EmbeddedService:
    """The service on the same files, opened after a rescue."""
    db = Database(shop.folder / "souk.db", read_only=True)
    shop.provider = WatchedProvider(shop.provider.file)
    core = Core(
        db=db,
        clock=shop.clock,
        ids=SeededIds(99),
        payments=Providers(shop.provider),
        agents=shop.agents,
        ledger_key=LEDGER_KEY,
    )
    return EmbeddedService(core)


@story
async def test_everything_can_be_read_and_nothing_written_after_a_rescue(shop: Shop) -> None:
    buyer, uuid = await failed(shop)
    waiting = await buyer.quick_checkout(await shop.market.order(outcome="needs_confirmation"), key="waits")
    offering = (await shop.market.agent()).card.uuid
    await answer_of(shop.market.guest("guest").ask_sample(offering, "How do I start?", key="k"))
    shop.service.close()
    shop._open.clear()
    assert not (shop.folder / "souk.db-wal").exists()
    rescued = reading(shop)
    await rescued.start()
    await rescued.run_worker()  # has nothing to do
    shop.clock.advance(days=2)  # the confirmation has expired
    me, guest = rescued.for_actor(buyer.actor), rescued.for_actor(Actor(device="guest"))
    reads: list[Awaitable[object]] = [
        me.list_offerings(OfferingQuery("care")), me.list_categories(), me.get_offering(offering), me.get_account(),
        me.suggest_names("ada"), me.get_cart(), guest.get_cart(), me.get_payment_options(), me.list_orders(),
        me.get_order(waiting.order_uuid), me.list_resources(), me.get_resource(uuid), me.get_transcript(uuid),
        guest.get_sample_transcript(offering), me.list_funnel(),
    ]  # fmt: skip
    for read in reads:
        await read
    writes: list[Awaitable[object]] = [
        me.register(Register("eve@example.com", PASSWORD)), guest.sign_in(SignIn("ada@example.com", PASSWORD)),
        me.sign_out(), me.save_cart(Cart()), me.clear_cart(), me.save_card("tok_visa"),
        me.quick_checkout(QuickCheckout(offering, "x"), key="k"), me.confirm_order(waiting.order_uuid, approve=True),
        me.configure_resource(uuid, ConfigureResource("x", "")), me.retry_deployment(uuid), me.refund_failed(uuid),
        me.request_quote(RequestQuote(offering, "x", "a@example.com")), me.record(FunnelStep.VIEWED, offering),
        answer_of(me.ask(uuid, "How?", key="k")), answer_of(guest.ask_sample(offering, "How?", key="k2")),
    ]  # fmt: skip
    for write in writes:
        with pytest.raises(errors.ReadOnly):
            await write
    with pytest.raises(errors.ReadOnly):
        await rescued.run_due_jobs()
    assert sum(shop.provider.calls.values()) == 0  # nobody was charged, refunded or asked
    rescued.close()


# ---- answers that nobody waits for


@story
async def test_a_canceled_reader_gives_the_call_back_and_nothing_is_logged(shop: Shop) -> None:
    buyer, uuid = await ordered(shop)
    await shop.market.run_jobs()
    gate = Gate()
    shop.agents.before["answer"] = [gate.passed]
    asking = asyncio.create_task(answer_of(buyer.ask(uuid, "How do I start?", key="k")))
    await reached(gate)
    assert (await buyer.get_resource(uuid)).usage.used == 1
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await buyer.get_resource(uuid)).usage.used == 0
    gate.open()
    assert (await answer_of(buyer.ask(uuid, "How do I start?", key="k"))).text
