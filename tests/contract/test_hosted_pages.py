"""Orders paid on a page: one order and one charge, whatever is opened, closed, expired or paid meanwhile."""

from __future__ import annotations

from dataclasses import replace

from services.api.contract import Service
from services.api.errors import (
    DebitFailed,
    InvalidInput,
    KeyReused,
    NotFound,
    NotSignedIn,
    PaymentCanceled,
    PaymentExpired,
    PaymentFailed,
    WrongState,
)
from services.api.types import (
    InvoiceState,
    Order,
    OrderState,
    PaymentMethod,
    PaymentState,
    PayOrder,
    Placed,
    ResourceState,
    SubscriptionState,
    TopUp,
)
from tests.contract.market import Market, paged_story, raises, story, undo_story
from tests.contract.money import STARTER, UNKNOWN, ZERO, offered, usd


async def opened(market: Market, method: PaymentMethod = PaymentMethod.CARD) -> tuple[Service, Placed]:
    """A buyer on a page."""
    buyer = await market.buyer()
    placed = await buyer.quick_checkout(await market.page_order(method), key="order")
    assert placed.action is not None
    return buyer, placed


async def only_order(buyer: Service) -> Order:
    [order] = await buyer.list_orders()
    return order


@paged_story
async def test_nothing_is_bought_before_the_page_is_paid_and_then_it_is(market: Market) -> None:
    buyer, placed = await opened(market)
    assert (placed.state, placed.resource_uuid) == (PaymentState.ACTION_REQUIRED, "")
    order = await only_order(buyer)
    assert (order.state, order.payment_state) == (OrderState.PENDING_CONSUMER, PaymentState.ACTION_REQUIRED)
    assert order.action == placed.action == (await buyer.refresh_order(order.uuid)).action
    assert await buyer.list_resources() == ()
    await market.outside.pay(order.uuid, "mastercard")
    paid = await buyer.refresh_order(order.uuid)
    assert (paid.action, paid.state) == (None, PaymentState.SUCCEEDED)
    assert paid == await buyer.refresh_order(order.uuid)
    await market.run_jobs()
    order = await buyer.get_order(order.uuid)
    assert (order.state, order.action, order.paid_with) == (OrderState.DONE, None, "Mastercard •••• 4444")
    assert (await buyer.get_resource(paid.resource_uuid)).state is ResourceState.READY
    assert await market.outside.charged() == STARTER


@paged_story
async def test_the_method_given_on_the_page_is_kept_and_pays_the_next_time(market: Market) -> None:
    buyer, placed = await opened(market)
    await market.outside.pay(placed.order_uuid)
    await buyer.refresh_order(placed.order_uuid)
    [kept] = await buyer.list_payment_methods()
    assert (kept.brand, kept.last4, kept.is_default) == ("Visa", "4242", True)
    assert kept.used_for == ((await market.agent()).card.name,)
    again = await buyer.quick_checkout(await market.order(payment_token=kept.token), key="order-2")
    assert (again.action, bool(again.resource_uuid)) == (None, True)
    assert await market.outside.charged() == STARTER * 2


@paged_story
async def test_a_method_that_was_not_to_be_kept_is_not(market: Market) -> None:
    buyer = await market.buyer()
    placed = await buyer.quick_checkout(await market.page_order(saves_method=False), key="order")
    await market.outside.pay(placed.order_uuid)
    assert (await buyer.refresh_order(placed.order_uuid)).resource_uuid
    assert await buyer.list_payment_methods() == ()


@paged_story
async def test_the_same_key_is_the_same_page_wherever_the_window_listens(market: Market) -> None:
    buyer = await market.buyer()
    request = await market.page_order(return_url="http://127.0.0.1:5001/a")
    first = await buyer.quick_checkout(request, key="order")
    second = await buyer.quick_checkout(replace(request, return_url="http://127.0.0.1:6002/b"), key="order")
    assert first == second
    assert len(await buyer.list_orders()) == 1
    await market.outside.pay(first.order_uuid)
    assert (await buyer.quick_checkout(request, key="order")).order_uuid == first.order_uuid
    await raises(KeyReused, buyer.quick_checkout(replace(request, project_name="Other"), key="order"))


@paged_story
async def test_a_browser_is_sent_back_to_this_machine_only(market: Market) -> None:
    buyer = await market.buyer()
    for url in ("https://evil.example/", "http://evil.example/", "http://127.0.0.1@evil.example/", "javascript:1"):
        request = await market.page_order(return_url=url)
        await raises(InvalidInput, buyer.quick_checkout(request, key=url), return_url="not_available")
        top_up = TopUp(usd("20"), return_url=url)
        await raises(InvalidInput, buyer.top_up(top_up, key=url), return_url="not_available")


@paged_story
async def test_a_declined_card_leaves_the_page_open_for_another(market: Market) -> None:
    buyer, placed = await opened(market)
    await market.outside.pay(placed.order_uuid, "declined")
    assert (await buyer.refresh_order(placed.order_uuid)).action is not None
    assert await market.outside.charged() == ZERO
    await market.outside.pay(placed.order_uuid)
    assert (await buyer.refresh_order(placed.order_uuid)).resource_uuid
    assert await market.outside.charged() == STARTER


@paged_story
async def test_a_page_left_open_expires_and_can_be_opened_again(market: Market) -> None:
    buyer, placed = await opened(market)
    uuid = placed.order_uuid
    await market.outside.expire(uuid)
    error = await raises(PaymentExpired, buyer.refresh_order(uuid))
    assert error.params["order_uuid"] == uuid
    assert ((await only_order(buyer)).state, (await only_order(buyer)).error_code) == (
        OrderState.CANCELED,
        "payment_expired",
    )
    again = await buyer.pay_order(uuid, PayOrder(), key="again")
    assert (again.order_uuid, again.action is not None) == (uuid, True)
    await market.outside.pay(uuid)
    assert (await buyer.refresh_order(uuid)).resource_uuid
    assert (len(await buyer.list_orders()), await market.outside.charged()) == (1, STARTER)


@paged_story
async def test_giving_up_closes_the_page_and_charges_nothing(market: Market) -> None:
    buyer, placed = await opened(market)
    given_up = await buyer.cancel_order(placed.order_uuid)
    assert (given_up.state, given_up.error_code) == (OrderState.CANCELED, "payment_canceled")
    await market.outside.pay(placed.order_uuid)
    await raises(PaymentCanceled, buyer.refresh_order(placed.order_uuid))
    await market.run_jobs()
    assert await market.outside.charged() == ZERO
    assert await buyer.list_resources() == ()
    await raises(WrongState, buyer.cancel_order(placed.order_uuid))


@paged_story
async def test_what_was_given_up_can_be_gone_on_with(market: Market) -> None:
    buyer, placed = await opened(market)
    await buyer.cancel_order(placed.order_uuid)
    paid = await buyer.pay_order(placed.order_uuid, PayOrder(payment_token=await market.card()), key="after all")
    assert (paid.order_uuid, bool(paid.resource_uuid)) == (placed.order_uuid, True)
    assert (len(await buyer.list_orders()), await market.outside.charged()) == (1, STARTER)


@paged_story
async def test_paid_in_the_instant_of_giving_up_is_paid(market: Market) -> None:
    buyer, placed = await opened(market)
    await market.outside.pay(placed.order_uuid)
    order = await buyer.cancel_order(placed.order_uuid)
    assert order.state in (OrderState.EXECUTING, OrderState.DONE)
    assert await market.outside.charged() == STARTER
    await raises(WrongState, buyer.cancel_order(placed.order_uuid))


@paged_story
async def test_another_way_to_pay_is_no_second_order(market: Market) -> None:
    buyer, placed = await opened(market)
    request = PayOrder(payment_token=await market.card())
    paid = await buyer.pay_order(placed.order_uuid, request, key="other")
    assert (paid.order_uuid, bool(paid.resource_uuid)) == (placed.order_uuid, True)
    assert await buyer.pay_order(placed.order_uuid, request, key="other") == paid
    await raises(KeyReused, buyer.pay_order(placed.order_uuid, PayOrder(), key="other"))
    await raises(WrongState, buyer.pay_order(placed.order_uuid, PayOrder(), key="third"))
    assert (len(await buyer.list_orders()), await market.outside.charged()) == (1, STARTER)


@paged_story
async def test_going_on_finds_the_page_that_is_open(market: Market) -> None:
    buyer, placed = await opened(market)
    again = await buyer.pay_order(placed.order_uuid, PayOrder(), key="on")
    assert again.action == placed.action
    await market.outside.pay(placed.order_uuid)
    paid = await buyer.pay_order(placed.order_uuid, PayOrder(), key="on-2")
    assert (paid.action, bool(paid.resource_uuid)) == (None, True)
    assert await market.outside.charged() == STARTER


@paged_story
async def test_a_page_of_another_kind_takes_the_place_of_the_first(market: Market) -> None:
    buyer, placed = await opened(market)
    paypal = await buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.PAYPAL), key="paypal")
    assert paypal.action is not None
    await market.outside.pay(placed.order_uuid)
    assert (await buyer.refresh_order(placed.order_uuid)).resource_uuid
    order = await only_order(buyer)
    assert (order.payment_method, order.paid_with) == (PaymentMethod.PAYPAL, "PayPal buyer@example.com")
    assert await market.outside.charged() == STARTER


@paged_story
async def test_a_debit_is_delivered_when_the_bank_has_paid(market: Market) -> None:
    buyer, placed = await opened(market, PaymentMethod.BANK)
    await market.outside.pay(placed.order_uuid)
    waits = await buyer.refresh_order(placed.order_uuid)
    assert (waits.state, waits.action, waits.resource_uuid) == (PaymentState.PROCESSING, None, "")
    assert (await only_order(buyer)).state is OrderState.PENDING_PROVIDER
    await raises(WrongState, buyer.cancel_order(placed.order_uuid))
    await raises(WrongState, buyer.pay_order(placed.order_uuid, PayOrder(), key="again"))
    await market.outside.settle_debit(placed.order_uuid, is_paid=True)
    assert (await buyer.refresh_order(placed.order_uuid)).resource_uuid
    await market.run_jobs()
    assert ((await only_order(buyer)).state, await market.outside.charged()) == (OrderState.DONE, STARTER)


@paged_story
async def test_a_debit_that_the_bank_does_not_pay_brings_nothing(market: Market) -> None:
    buyer, placed = await opened(market, PaymentMethod.BANK)
    await market.outside.pay(placed.order_uuid)
    await buyer.refresh_order(placed.order_uuid)
    await market.outside.settle_debit(placed.order_uuid, is_paid=False)
    await raises(DebitFailed, buyer.refresh_order(placed.order_uuid))
    order = await only_order(buyer)
    assert (order.state, order.error_code, await buyer.list_resources()) == (OrderState.ERRED, "debit_failed", ())
    assert await market.outside.charged() == ZERO


@paged_story
async def test_a_page_in_our_own_window_is_answered_there(market: Market) -> None:
    buyer, placed = await opened(market)
    assert (await buyer.get_payment_options()).page_hosts == ()
    assert (await buyer.confirm_order(placed.order_uuid, approve=True)).resource_uuid
    await raises(WrongState, buyer.confirm_order(placed.order_uuid, approve=True))
    assert await market.outside.charged() == STARTER


@paged_story
async def test_a_stranger_finds_no_order(market: Market) -> None:
    _, placed = await opened(market)
    eve = await market.buyer("eve@example.com", device="device-2")
    for uuid in (placed.order_uuid, UNKNOWN):
        await raises(NotFound, eve.refresh_order(uuid))
        await raises(NotFound, eve.cancel_order(uuid))
        await raises(NotFound, eve.pay_order(uuid, PayOrder(), key="k"))
    await raises(NotSignedIn, market.guest().refresh_order(placed.order_uuid))
    await raises(NotSignedIn, market.guest().cancel_order(placed.order_uuid))
    await raises(NotSignedIn, market.guest().pay_order(placed.order_uuid, PayOrder(), key="k"))


@paged_story
async def test_the_options_name_what_there_is(market: Market) -> None:
    options = await market.guest().get_payment_options()
    named = {PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL, PaymentMethod.INVOICE}
    assert (set(options.methods), options.undo_seconds) == (named, 0)


@story
async def test_where_no_page_is_offered_none_is_opened(market: Market) -> None:
    buyer = await market.buyer()
    for method, field, code in (
        (PaymentMethod.CARD, "payment_token", "required"),
        (PaymentMethod.BANK, "payment_method", "not_available"),
        (PaymentMethod.PAYPAL, "payment_method", "not_available"),
        (PaymentMethod.INVOICE, "payment_method", "not_available"),
    ):
        order = await market.page_order(method)
        await raises(InvalidInput, buyer.quick_checkout(order, key=method.value), **{field: code})
    assert await buyer.list_orders() == ()


@paged_story
async def test_an_order_that_is_paid_is_paid_no_more(market: Market) -> None:
    buyer = await market.buyer()
    placed = await market.buy(buyer)
    assert (await buyer.refresh_order(placed.order_uuid)).resource_uuid == placed.resource_uuid
    await raises(WrongState, buyer.cancel_order(placed.order_uuid))
    await raises(WrongState, buyer.pay_order(placed.order_uuid, PayOrder(), key="again"))


# ---- payments that are no order's


@paged_story
async def test_credit_is_bought_on_a_page(market: Market) -> None:
    buyer = await market.buyer()
    request = TopUp(usd("20"), payment_method=PaymentMethod.PAYPAL)
    paid = await buyer.top_up(request, key="top-up")
    assert (paid.state, paid.action is not None) == (PaymentState.ACTION_REQUIRED, True)
    assert await buyer.refresh_payment(paid.payment_uuid) == paid
    await market.outside.pay(paid.payment_uuid)
    done = await buyer.refresh_payment(paid.payment_uuid)
    assert (done.state, done.action) == (PaymentState.SUCCEEDED, None)
    assert await buyer.top_up(request, key="top-up") == done
    assert (await buyer.get_invoice(done.invoice_uuid)).paid_with == "PayPal buyer@example.com"
    assert ((await buyer.get_wallet()).balance, await market.outside.charged()) == (usd("20"), usd("20"))
    assert (await buyer.cancel_payment(paid.payment_uuid)).state is PaymentState.SUCCEEDED


@paged_story
async def test_credit_that_is_given_up_or_expires_is_not_there(market: Market) -> None:
    buyer = await market.buyer()
    paid = await buyer.top_up(TopUp(usd("20")), key="top-up")
    assert (await buyer.cancel_payment(paid.payment_uuid)).state is PaymentState.CANCELED
    await market.outside.pay(paid.payment_uuid)
    error = await raises(PaymentCanceled, buyer.refresh_payment(paid.payment_uuid))
    assert error.params["payment_uuid"] == paid.payment_uuid
    await raises(PaymentCanceled, buyer.top_up(TopUp(usd("20")), key="top-up"))
    other = await buyer.top_up(TopUp(usd("20")), key="top-up-2")
    await market.outside.expire(other.payment_uuid)
    await raises(PaymentExpired, buyer.refresh_payment(other.payment_uuid))
    assert ((await buyer.get_wallet()).balance, await market.outside.charged()) == (ZERO, ZERO)


@paged_story
async def test_a_debit_for_credit_counts_when_it_is_there(market: Market) -> None:
    buyer = await market.buyer()
    paid = await buyer.top_up(TopUp(usd("20"), payment_method=PaymentMethod.BANK), key="top-up")
    await market.outside.pay(paid.payment_uuid)
    assert (await buyer.refresh_payment(paid.payment_uuid)).state is PaymentState.PROCESSING
    assert (await buyer.get_wallet()).balance == ZERO
    await raises(WrongState, buyer.cancel_payment(paid.payment_uuid))
    await market.outside.settle_debit(paid.payment_uuid, is_paid=True)
    assert (await buyer.refresh_payment(paid.payment_uuid)).state is PaymentState.SUCCEEDED
    assert (await buyer.get_wallet()).balance == usd("20")
    again = await buyer.top_up(TopUp(usd("20"), payment_method=PaymentMethod.BANK), key="top-up-2")
    await market.outside.pay(again.payment_uuid)
    await market.outside.settle_debit(again.payment_uuid, is_paid=False)
    await raises(DebitFailed, buyer.refresh_payment(again.payment_uuid))
    assert (await buyer.get_wallet()).balance == usd("20")


@paged_story
async def test_an_invoice_is_paid_on_a_page(market: Market) -> None:
    buyer = await market.buyer()
    quote = await offered(market, buyer, net_days=30)
    placed = await buyer.accept_quote(quote.uuid, key="accept")
    invoice = await buyer.get_invoice((await buyer.get_order(placed.order_uuid)).invoice_uuid)
    assert invoice.transfer is not None
    assert (invoice.transfer.reference, invoice.transfer.amount) == (invoice.number, usd("450"))
    first = await buyer.pay_invoice(invoice.uuid, "", key="page", page=PaymentMethod.CARD)
    assert (first.action is not None, first.invoice_uuid) == (True, invoice.uuid)
    second = await buyer.pay_invoice(invoice.uuid, "", key="page-2", page=PaymentMethod.PAYPAL)
    await raises(PaymentFailed, buyer.refresh_payment(first.payment_uuid))  # its page is closed
    await market.outside.pay(second.payment_uuid)
    assert (await buyer.refresh_payment(second.payment_uuid)).state is PaymentState.SUCCEEDED
    invoice = await buyer.get_invoice(invoice.uuid)
    assert (invoice.state, invoice.due, invoice.transfer) == (InvoiceState.PAID, ZERO, None)
    assert await market.outside.charged() == usd("450")


@paged_story
async def test_after_paying_an_invoice_a_browser_is_sent_back_to_this_machine_only(market: Market) -> None:
    buyer = await market.buyer()
    placed = await buyer.accept_quote((await offered(market, buyer, net_days=30)).uuid, key="accept")
    uuid = (await buyer.get_order(placed.order_uuid)).invoice_uuid
    for url in ("https://evil.example/", "http://127.0.0.1.evil.example/"):
        work = buyer.pay_invoice(uuid, "", key=url, page=PaymentMethod.CARD, return_url=url)
        await raises(InvalidInput, work, return_url="not_available")


@paged_story
async def test_a_stranger_finds_no_payment(market: Market) -> None:
    buyer, eve = await market.buyer(), await market.buyer("eve@example.com", device="device-2")
    paid = await buyer.top_up(TopUp(usd("20")), key="top-up")
    for uuid in (paid.payment_uuid, UNKNOWN):
        await raises(NotFound, eve.refresh_payment(uuid))
        await raises(NotFound, eve.cancel_payment(uuid))
    await raises(NotSignedIn, market.guest().refresh_payment(paid.payment_uuid))


# ---- taking it back


@undo_story
async def test_a_purchase_taken_back_was_never_charged(market: Market) -> None:
    buyer = await market.buyer()
    assert (await buyer.get_payment_options()).undo_seconds == 60
    placed = await market.buy(buyer)
    assert (placed.state, (await buyer.get_resource(placed.resource_uuid)).state) == (
        PaymentState.AUTHORIZED,
        ResourceState.READY,
    )
    order = await buyer.get_order(placed.order_uuid)
    assert (order.payment_state, order.undo_until is not None) == (PaymentState.AUTHORIZED, True)
    gone = await buyer.cancel_order(order.uuid)
    assert (gone.state, gone.refunded, gone.undo_until) == (OrderState.CANCELED, STARTER, None)
    await market.later(seconds=61)
    assert (await buyer.get_resource(placed.resource_uuid)).state is ResourceState.RETIRED
    [subscription] = await buyer.list_subscriptions()
    assert subscription.state is SubscriptionState.CANCELED
    assert await market.outside.charged() == ZERO
    await raises(WrongState, buyer.cancel_order(order.uuid))


@undo_story
async def test_after_a_minute_it_is_charged_and_stays(market: Market) -> None:
    buyer = await market.buyer()
    placed = await market.buy(buyer)
    await market.later(seconds=61)
    order = await buyer.get_order(placed.order_uuid)
    assert (order.payment_state, order.undo_until) == (PaymentState.SUCCEEDED, None)
    await raises(WrongState, buyer.cancel_order(placed.order_uuid))
    assert await market.outside.charged() == STARTER


@undo_story
async def test_what_is_paid_on_a_page_can_be_taken_back_too(market: Market) -> None:
    buyer = await market.buyer()
    placed = await buyer.quick_checkout(await market.page_order(), key="order")
    await market.outside.pay(placed.order_uuid)
    assert (await buyer.refresh_order(placed.order_uuid)).state is PaymentState.AUTHORIZED
    assert (await buyer.cancel_order(placed.order_uuid)).state is OrderState.CANCELED
    await market.later(seconds=61)
    assert await market.outside.charged() == ZERO
