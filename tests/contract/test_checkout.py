"""From choice to paid order: the arithmetic, every outcome of a payment, and repeats that never charge twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from services.api.errors import (
    CardDeclined,
    ConfirmationDeclined,
    InsufficientFunds,
    InvalidInput,
    KeyReused,
    PaymentFailed,
    RequestInProgress,
    WrongState,
)
from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingModel,
    Cart,
    OrderState,
    PaymentMethod,
    Placed,
    QuickCheckout,
    RequestQuote,
    ResourceState,
)
from tests.contract.market import Market, raises, story

STARTER = Money.parse("29")


@story
async def test_the_summary_is_the_arithmetic_of_the_order(market: Market) -> None:
    offering = await market.agent()
    pro = next(plan for plan in offering.plans if plan.slug == "pro")
    request = QuickCheckout(offering.card.uuid, pro.uuid, billing_cycle=BillingCycle.YEARLY)
    summary = await market.guest().summarize(request)
    assert [(line.kind, line.amount) for line in summary.lines] == [
        ("price", Money.parse("1188")),
        ("discount", Money.parse("-198")),
        ("tax", Money.zero()),
    ]
    assert summary.total == summary.renewal_total == Money.parse("990")
    assert summary.renews_at is not None
    monthly = await market.guest().summarize(replace(request, billing_cycle=BillingCycle.MONTHLY))
    assert monthly.total == Money.parse("99")


@story
async def test_a_plan_by_quote_has_no_total(market: Market) -> None:
    offering, plan = await market.plan(BillingModel.QUOTE)
    summary = await market.guest().summarize(QuickCheckout(offering.card.uuid, plan.uuid))
    assert (summary.total, summary.renewal_total, summary.lines) == (None, None, ())


@story
async def test_what_cannot_be_priced_is_named(market: Market) -> None:
    guest, offering = market.guest(), await market.agent()
    unknown = QuickCheckout("0" * 32, offering.plans[0].uuid)
    await raises(InvalidInput, guest.summarize(unknown), offering_uuid="unknown")
    await raises(InvalidInput, guest.summarize(QuickCheckout(offering.card.uuid, "0" * 32)), plan_uuid="unknown")


@story
async def test_one_call_buys_an_agent_that_runs(market: Market) -> None:
    buyer = await market.buyer("ada.lovelace@example.com")
    placed = await market.buy(buyer)
    assert placed.access_url == f"/resource-details/{placed.resource_uuid}/"
    assert placed.action is None
    order, resource = await buyer.get_order(placed.order_uuid), await buyer.get_resource(placed.resource_uuid)
    assert (order.state, order.total, order.refunded) == (OrderState.DONE, STARTER, Money.zero())
    assert order.number.startswith("SK-")
    assert order.paid_at is not None
    assert order.paid_with.endswith("4242")
    assert order.resource_uuids == (placed.resource_uuid,)
    assert resource.state is ResourceState.READY
    assert (resource.order_uuid, resource.organization_uuid) == (placed.order_uuid, placed.organization_uuid)
    assert resource.project_uuid == placed.project_uuid


@story
async def test_a_first_purchase_makes_the_organization_and_its_default_project(market: Market) -> None:
    buyer = await market.buyer("ada.lovelace@example.com")
    placed = await market.buy(buyer)
    account = await buyer.get_account()
    organization = account.organizations[0]
    names = await buyer.suggest_names(account.full_name)
    assert (organization.uuid, organization.name) == (placed.organization_uuid, names.organization_name)
    assert placed.project_uuid in {project.uuid for project in organization.projects}
    assert account.spent_this_month == STARTER
    again = await market.buy(buyer, key="order-2")
    assert again.organization_uuid == placed.organization_uuid
    assert (await buyer.get_account()).spent_this_month == STARTER * 2


@story
async def test_own_names_are_used(market: Market) -> None:
    buyer = await market.buyer()
    request = await market.order(organization_name="Analytical Engines", project_name="Mill")
    order = await buyer.get_order((await market.buy(buyer, request)).order_uuid)
    assert (order.organization_name, order.project_name) == ("Analytical Engines", "Mill")


@story
async def test_the_cart_is_empty_after_buying(market: Market) -> None:
    buyer, request = await market.buyer(), await market.order()
    await buyer.save_cart(Cart(request.offering_uuid, request.plan_uuid))
    await market.buy(buyer, request)
    assert await buyer.get_cart() == Cart()


@story
async def test_the_same_key_gives_the_same_answer_and_charges_once(market: Market) -> None:
    buyer, request = await market.buyer(), await market.order()
    placed = await market.buy(buyer, request, key="once")
    for _ in range(3):
        assert await buyer.quick_checkout(request, key="once") == placed
    assert len(await buyer.list_orders()) == 1
    assert (await buyer.get_account()).spent_this_month == STARTER


@story
async def test_ten_clicks_at_once_are_one_purchase(market: Market) -> None:
    buyer, request = await market.buyer(), await market.order()
    answers = await asyncio.gather(
        *(buyer.quick_checkout(request, key="clicked") for _ in range(10)), return_exceptions=True
    )
    placed = {answer for answer in answers if isinstance(answer, Placed)}
    assert len(placed) == 1
    assert all(isinstance(answer, Placed | RequestInProgress) for answer in answers)
    assert (await buyer.get_account()).spent_this_month == STARTER
    assert len(await buyer.list_orders()) == 1


@story
async def test_a_used_key_with_other_content_is_refused(market: Market) -> None:
    buyer, request = await market.buyer(), await market.order()
    await market.buy(buyer, request, key="once")
    pro = next(plan for plan in (await market.agent()).plans if plan.slug == "pro")
    await raises(KeyReused, buyer.quick_checkout(replace(request, plan_uuid=pro.uuid), key="once"))
    await raises(KeyReused, buyer.quick_checkout(replace(request, project_name="Other"), key="once"))
    assert len(await buyer.list_orders()) == 1


@story
async def test_two_people_may_use_the_same_key(market: Market) -> None:
    ada, eve = await market.buyer(), await market.buyer("eve@example.com", device="device-2")
    assert (await market.buy(ada, key="same")).order_uuid != (await market.buy(eve, key="same")).order_uuid


@story
async def test_a_declined_card_charges_nothing_and_keeps_the_cart(market: Market) -> None:
    buyer = await market.buyer()
    for outcome, kind in (("declined", CardDeclined), ("insufficient_funds", InsufficientFunds)):
        request = await market.order(outcome=outcome)
        await buyer.save_cart(Cart(request.offering_uuid, request.plan_uuid))
        error = await raises(kind, buyer.quick_checkout(request, key=outcome))
        assert isinstance(error, PaymentFailed)
        await raises(kind, buyer.quick_checkout(request, key=outcome))
        assert (await buyer.get_cart()).plan_uuid == request.plan_uuid
    assert (await buyer.get_account()).spent_this_month == Money.zero()
    assert await buyer.list_resources() == ()
    assert (await market.buy(buyer, key="another card")).resource_uuid


@story
async def test_a_lost_answer_is_settled_by_the_same_key_with_one_charge(market: Market) -> None:
    buyer = await market.buyer()
    for count, outcome in enumerate(("lost_before", "lost_after"), 1):
        request = await market.order(outcome=outcome)
        placed = await market.buy(buyer, request, key=outcome)
        assert await buyer.quick_checkout(request, key=outcome) == placed
        assert (await buyer.get_account()).spent_this_month == STARTER * count
        paid = [order for order in await buyer.list_orders() if order.paid_at]
        assert len(paid) == count


@story
async def test_a_card_that_wants_confirmation_is_paid_after_approval(market: Market) -> None:
    buyer, request = await market.buyer(), await market.order(outcome="needs_confirmation")
    waiting = await buyer.quick_checkout(request, key="confirm")
    assert waiting.action is not None
    assert (waiting.action.kind, waiting.resource_uuid) == ("redirect", "")
    order = await buyer.get_order(waiting.order_uuid)
    assert (order.state, order.action) == (OrderState.PENDING_CONSUMER, waiting.action)
    assert await buyer.quick_checkout(request, key="confirm") == waiting
    placed = await buyer.confirm_order(waiting.order_uuid, approve=True)
    await market.run_jobs()
    assert placed.order_uuid == waiting.order_uuid
    assert (await buyer.get_resource(placed.resource_uuid)).state is ResourceState.READY
    assert (await buyer.get_account()).spent_this_month == STARTER
    await raises(WrongState, buyer.confirm_order(waiting.order_uuid, approve=True))
    await raises(WrongState, buyer.confirm_order(waiting.order_uuid, approve=False))


@story
async def test_a_refused_confirmation_charges_nothing(market: Market) -> None:
    buyer, request = await market.buyer(), await market.order(outcome="needs_confirmation")
    waiting = await buyer.quick_checkout(request, key="refuse")
    await raises(ConfirmationDeclined, buyer.confirm_order(waiting.order_uuid, approve=False))
    await raises(WrongState, buyer.confirm_order(waiting.order_uuid, approve=True))
    order = await buyer.get_order(waiting.order_uuid)
    assert order.state in (OrderState.ERRED, OrderState.CANCELED)
    assert (order.error_code, order.paid_at) == (ConfirmationDeclined.code, None)
    assert await buyer.list_resources() == ()


@story
async def test_a_free_plan_needs_no_card(market: Market) -> None:
    buyer, (offering, plan) = await market.buyer(), await market.plan(BillingModel.FREE)
    placed = await market.buy(buyer, QuickCheckout(offering.card.uuid, plan.uuid, terms_accepted=True))
    order = await buyer.get_order(placed.order_uuid)
    assert (order.total, order.renews_at) == (Money.zero(), None)
    assert (await buyer.get_account()).spent_this_month == Money.zero()


@story
async def test_what_is_missing_in_an_order_is_said_by_field(market: Market) -> None:
    buyer, good = await market.buyer(), await market.order()
    quoted, by_quote = await market.plan(BillingModel.QUOTE)
    wrong: list[tuple[QuickCheckout, dict[str, str]]] = [
        (replace(good, terms_accepted=False), {"terms_accepted": "must_accept"}),
        (replace(good, payment_token=""), {"payment_token": "required"}),
        (replace(good, payment_token="tok_made_up"), {"payment_token": "unknown"}),
        (replace(good, payment_method=PaymentMethod.PAYPAL), {"payment_method": "not_available"}),
        (replace(good, offering_uuid="0" * 32), {"offering_uuid": "unknown"}),
        (replace(good, offering_uuid="", plan_uuid=""), {"offering_uuid": "unknown"}),
        (replace(good, offering_uuid=quoted.card.uuid, plan_uuid=by_quote.uuid), {"plan_uuid": "needs_quote"}),
    ]
    for request, fields in wrong:
        await raises(InvalidInput, buyer.quick_checkout(request, key="same key, nothing begun"), **fields)
    assert await buyer.list_orders() == ()
    assert (await market.buy(buyer, good, key="same key, nothing begun")).resource_uuid


@story
async def test_a_plan_of_another_offering_is_refused(market: Market) -> None:
    buyer, good = await market.buyer(), await market.order()
    other = await market.root.get_offering("expense-auditor")
    foreign = replace(good, plan_uuid=other.plans[0].uuid)
    await raises(InvalidInput, buyer.quick_checkout(foreign, key="k"), plan_uuid="not_of_offering")
    await raises(InvalidInput, buyer.summarize(foreign), plan_uuid="not_of_offering")


# ---- cards, orders, quotes


@story
async def test_payment_options_name_what_works_now(market: Market) -> None:
    options = await market.guest().get_payment_options()
    assert options.is_test_mode
    assert PaymentMethod.CARD in options.methods
    assert options.saved_methods == ()
    outcomes = {card.outcome for card in options.test_cards}
    assert outcomes >= {"pays", "declined", "insufficient_funds", "needs_confirmation", "lost_before", "lost_after"}


@story
async def test_a_saved_card_pays_without_showing_its_provider_token(market: Market) -> None:
    buyer, token = await market.buyer(), await market.card()
    card = await buyer.save_card(token)
    assert card.token != token
    assert (card.last4, card.is_default) == ("4242", True)
    assert card in (await buyer.get_payment_options()).saved_methods
    request = await market.order(payment_token=card.token)
    assert (await market.buy(buyer, request)).resource_uuid
    await raises(InvalidInput, buyer.save_card("tok_made_up"), payment_token="unknown")


@story
async def test_orders_are_listed_newest_first(market: Market) -> None:
    buyer = await market.buyer()
    placed = [await market.buy(buyer, key=f"order-{number}") for number in range(3)]
    assert [order.uuid for order in await buyer.list_orders()] == [one.order_uuid for one in reversed(placed)]


@story
async def test_a_quote_is_asked_for_without_an_account(market: Market) -> None:
    guest, (offering, plan) = market.guest(), await market.plan(BillingModel.QUOTE)
    request = RequestQuote(offering.card.uuid, plan.uuid, "ada@example.com", "200 seats")
    assert len((await guest.request_quote(request)).uuid) == 32
    await raises(InvalidInput, guest.request_quote(replace(request, email="nobody")), email="email_invalid")
    starter = next(one for one in (await market.agent()).plans if one.slug == "starter")
    not_by_quote = replace(request, offering_uuid=(await market.agent()).card.uuid, plan_uuid=starter.uuid)
    await raises(InvalidInput, guest.request_quote(not_by_quote), plan_uuid="not_available")
