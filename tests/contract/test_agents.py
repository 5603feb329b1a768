"""Bought agents: deployment with its failures, configuring, talking and what it counts, samples carried over."""

from __future__ import annotations

from services.api.errors import InvalidInput, LimitReached, NotFound, WrongState
from services.api.money import Money
from services.api.types import (
    BillingModel,
    ConfigureResource,
    FunnelStep,
    OfferingKind,
    OfferingQuery,
    QuickCheckout,
    ResourceState,
    StepState,
)
from tests.contract.market import Market, answer_of, raises, story

QUESTION = "How long may a customer take to send something back?"


@story
async def test_a_ready_agent_shows_its_steps_usage_and_prompts(market: Market) -> None:
    buyer = await market.buyer()
    resource = await buyer.get_resource(await market.bought(buyer))
    assert {step.state for step in resource.steps} == {StepState.DONE}
    assert (resource.usage.used, resource.usage.included, resource.usage.left) == (0, 1000, 1000)
    assert resource.usage.period_start < resource.usage.period_end
    assert resource.usage.next_call_cost == Money.zero()
    assert resource.prompts
    assert resource.greeting
    assert await buyer.list_resources() == (resource,)


@story
async def test_an_agent_is_renamed_and_greets_as_told(market: Market) -> None:
    buyer = await market.buyer()
    uuid = await market.bought(buyer)
    changed = await buyer.configure_resource(uuid, ConfigureResource("  Returns desk ", "Good day!"))
    assert (changed.name, changed.greeting) == ("Returns desk", "Good day!")
    assert await buyer.get_resource(uuid) == changed
    await raises(InvalidInput, buyer.configure_resource(uuid, ConfigureResource(" ", "Hi")), name="required")
    await raises(InvalidInput, buyer.configure_resource(uuid, ConfigureResource("x" * 500, "Hi")), name="too_long")


@story
async def test_a_failed_deployment_can_be_tried_again(market: Market) -> None:
    buyer = await market.buyer()
    market.failing_steps["agent"] = "no_capacity"
    placed = await market.buy(buyer)
    failed = await buyer.get_resource(placed.resource_uuid)
    assert (failed.state, failed.failure, failed.can_refund) == (ResourceState.FAILED, "no_capacity", True)
    assert StepState.FAILED in {step.state for step in failed.steps}
    await raises(WrongState, answer_of(buyer.ask(placed.resource_uuid, QUESTION, key="k")))
    market.failing_steps.clear()
    assert (await buyer.retry_deployment(placed.resource_uuid)).state is not ResourceState.FAILED
    await market.run_jobs()
    ready = await buyer.get_resource(placed.resource_uuid)
    assert (ready.state, ready.failure, ready.can_refund) == (ResourceState.READY, "", False)


@story
async def test_a_failed_deployment_can_be_refunded_once(market: Market) -> None:
    buyer = await market.buyer()
    market.failing_steps["check"] = "check_failed"
    placed = await market.buy(buyer)
    order = await buyer.refund_failed(placed.resource_uuid)
    await market.run_jobs()
    assert order.uuid == placed.order_uuid
    assert (await buyer.get_order(order.uuid)).refunded == Money.parse("29")
    assert (await buyer.get_account()).spent_this_month == Money.zero()
    assert (await buyer.get_resource(placed.resource_uuid)).state is ResourceState.RETIRED
    await raises(WrongState, buyer.refund_failed(placed.resource_uuid))
    await raises(WrongState, buyer.retry_deployment(placed.resource_uuid))
    assert (await buyer.get_order(order.uuid)).refunded == Money.parse("29")


@story
async def test_a_running_agent_is_neither_retried_nor_refunded(market: Market) -> None:
    buyer = await market.buyer()
    uuid = await market.bought(buyer)
    assert (await raises(WrongState, buyer.retry_deployment(uuid))).params["state"] == "ready"
    await raises(WrongState, buyer.refund_failed(uuid))


@story
async def test_a_bundle_brings_one_agent_for_each_item(market: Market) -> None:
    buyer = await market.buyer()
    found = await buyer.list_offerings(OfferingQuery(kind=OfferingKind.BUNDLE))
    bundle = await buyer.get_offering(found.items[0].uuid)
    request = QuickCheckout(
        bundle.card.uuid, bundle.plans[0].uuid, payment_token=await market.card(), terms_accepted=True
    )
    order = await buyer.get_order((await market.buy(buyer, request)).order_uuid)
    resources = await buyer.list_resources()
    assert {resource.offering.uuid for resource in resources} == {item.uuid for item in bundle.items}
    assert set(order.resource_uuids) == {resource.uuid for resource in resources}
    assert order.total == bundle.plans[0].monthly_price


# ---- chat


@story
async def test_an_answer_streams_and_ends_with_its_message(market: Market) -> None:
    buyer = await market.buyer()
    uuid = await market.bought(buyer)
    message = await answer_of(buyer.ask(uuid, QUESTION, key="q1"))
    assert (message.role, message.is_sample, message.cost) == ("agent", False, Money.zero())
    assert message.sources
    question, answer = (await buyer.get_transcript(uuid)).messages
    assert (question.role, question.text) == ("buyer", QUESTION)
    assert answer == message
    assert (await buyer.get_resource(uuid)).usage.used == 1


@story
async def test_a_repeated_question_key_counts_one_call_with_one_answer(market: Market) -> None:
    buyer = await market.buyer()
    uuid = await market.bought(buyer)
    first = await answer_of(buyer.ask(uuid, QUESTION, key="q1"))
    assert await answer_of(buyer.ask(uuid, QUESTION, key="q1")) == first
    assert (await buyer.get_resource(uuid)).usage.used == 1
    assert len((await buyer.get_transcript(uuid)).messages) == 2


@story
async def test_questions_must_say_something_and_not_too_much(market: Market) -> None:
    buyer, offering = await market.buyer(), await market.agent()
    uuid = await market.bought(buyer)
    for text, code in (("", "required"), ("   ", "required"), ("x" * 5000, "too_long")):
        await raises(InvalidInput, answer_of(buyer.ask(uuid, text, key="q")), text=code)
        await raises(InvalidInput, answer_of(buyer.ask_sample(offering.card.uuid, text, key="q")), text=code)
    assert (await buyer.get_resource(uuid)).usage.used == 0


@story
async def test_calls_beyond_the_included_are_charged_where_the_plan_says_so(market: Market) -> None:
    buyer, (offering, plan) = await market.buyer(), await market.plan(BillingModel.PAY_PER_USE)
    request = QuickCheckout(offering.card.uuid, plan.uuid, payment_token=await market.card(), terms_accepted=True)
    uuid = await market.bought(buyer, request)
    assert plan.overage is not None
    message = await answer_of(buyer.ask(uuid, QUESTION, key="q1"))
    usage = (await buyer.get_resource(uuid)).usage
    assert message.cost == usage.cost == usage.next_call_cost == plan.overage.cost(1)


@story
async def test_a_plan_that_throttles_refuses_what_is_beyond(market: Market) -> None:
    buyer, (offering, plan) = await market.buyer(), await market.plan(BillingModel.FREE)
    uuid = await market.bought(buyer, QuickCheckout(offering.card.uuid, plan.uuid, terms_accepted=True))
    assert plan.included_calls is not None
    for number in range(plan.included_calls):
        await answer_of(buyer.ask(uuid, QUESTION, key=f"q{number}"))
    error = await raises(LimitReached, answer_of(buyer.ask(uuid, QUESTION, key="one too many")))
    assert (error.params["included"], error.params["left"]) == (plan.included_calls, 0)
    assert (await buyer.get_resource(uuid)).usage.left == 0


# ---- sample chat


@story
async def test_a_guest_may_ask_a_few_questions_for_nothing(market: Market) -> None:
    guest, uuid = market.guest(), (await market.agent()).card.uuid
    turns = (await guest.get_sample_transcript(uuid)).turns_left
    assert turns is not None
    assert turns >= 3
    for number in range(turns):
        message = await answer_of(guest.ask_sample(uuid, QUESTION, key=f"s{number}"))
        assert (message.is_sample, message.cost) == (True, None)
    transcript = await guest.get_sample_transcript(uuid)
    assert (len(transcript.messages), transcript.turns_left) == (2 * turns, 0)
    await raises(LimitReached, answer_of(guest.ask_sample(uuid, QUESTION, key="one too many")))
    assert (await market.guest("device-2").get_sample_transcript(uuid)).messages == ()


@story
async def test_sample_turns_are_carried_into_the_bought_agent(market: Market) -> None:
    guest, sample_uuid = market.guest(), (await market.agent()).card.uuid
    sample = await answer_of(guest.ask_sample(sample_uuid, QUESTION, key="s1"))
    buyer = await market.buyer()
    assert (await buyer.get_sample_transcript(sample_uuid)).messages[-1] == sample
    assert (await guest.get_sample_transcript(sample_uuid)).messages == ()
    uuid = await market.bought(buyer)
    await answer_of(buyer.ask(uuid, QUESTION, key="q1"))
    transcript = await buyer.get_transcript(uuid)
    assert [message.is_sample for message in transcript.messages] == [True, True, False, False]
    assert transcript.messages[1] == sample
    assert (await buyer.get_resource(uuid)).usage.used == 1


@story
async def test_only_single_agents_of_the_catalogue_give_samples(market: Market) -> None:
    guest = market.guest()
    bundle = (await guest.list_offerings(OfferingQuery(kind=OfferingKind.BUNDLE))).items[0]
    await raises(WrongState, answer_of(guest.ask_sample(bundle.uuid, QUESTION, key="s")))
    await raises(NotFound, answer_of(guest.ask_sample("0" * 32, QUESTION, key="s")))
    await raises(NotFound, guest.get_sample_transcript("0" * 32))


# ---- other people's things


@story
async def test_nobody_learns_of_another_accounts_things(market: Market) -> None:
    ada = await market.buyer()
    placed = await market.buy(ada)
    waiting = await ada.quick_checkout(await market.order(outcome="needs_confirmation"), key="waiting")
    eve = await market.buyer("eve@example.com", device="device-2")
    for resource_uuid in (placed.resource_uuid, "0" * 32, "", "../orders"):
        await raises(NotFound, eve.get_resource(resource_uuid))
        await raises(NotFound, eve.configure_resource(resource_uuid, ConfigureResource("Mine", "Hi")))
        await raises(NotFound, eve.retry_deployment(resource_uuid))
        await raises(NotFound, eve.refund_failed(resource_uuid))
        await raises(NotFound, eve.get_transcript(resource_uuid))
        await raises(NotFound, answer_of(eve.ask(resource_uuid, QUESTION, key="k")))
    for order_uuid in (placed.order_uuid, waiting.order_uuid, "0" * 32, ""):
        await raises(NotFound, eve.get_order(order_uuid))
        await raises(NotFound, eve.confirm_order(order_uuid, approve=True))
    assert (await eve.list_orders(), await eve.list_resources()) == ((), ())
    assert (await ada.get_order(waiting.order_uuid)).action == waiting.action


@story
async def test_another_accounts_saved_card_does_not_pay(market: Market) -> None:
    ada, eve = await market.buyer(), await market.buyer("eve@example.com", device="device-2")
    card = await ada.save_card(await market.card())
    assert (await eve.get_payment_options()).saved_methods == ()
    request = await market.order(payment_token=card.token)
    await raises(InvalidInput, eve.quick_checkout(request, key="k"), payment_token="unknown")


# ---- funnel


@story
async def test_steps_of_the_path_are_noted_and_follow_the_buyer(market: Market) -> None:
    guest, offering = market.guest(), await market.agent()
    await guest.record(FunnelStep.VIEWED, offering.card.uuid)
    await guest.record(FunnelStep.PLAN_CHOSEN, offering.card.uuid)
    assert [event.step for event in await guest.list_funnel()] == [FunnelStep.VIEWED, FunnelStep.PLAN_CHOSEN]
    buyer = await market.buyer()
    steps = [event.step for event in await buyer.list_funnel()]
    assert steps[:2] == [FunnelStep.VIEWED, FunnelStep.PLAN_CHOSEN]
    assert await market.guest("device-2").list_funnel() == ()
