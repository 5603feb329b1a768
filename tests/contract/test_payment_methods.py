"""Ways to pay on file: given on a page, shown, made the default, removed, and what is paid with what then."""

from __future__ import annotations

from services.api.contract import Service
from services.api.errors import InvalidInput, KeyReused, NotFound, NotSignedIn, RequestInProgress
from services.api.types import (
    AddMethod,
    InvoiceQuery,
    InvoiceState,
    MoveTime,
    PaymentMethod,
    PaymentState,
    Placed,
    SavedMethod,
    SetAutoTopUp,
    SubscriptionState,
    TimeStep,
    TopUp,
)
from tests.contract.market import Market, paged_story, raises, story
from tests.contract.money import UNKNOWN, ZERO, can_move_time, offered, usd


async def added(
    market: Market,
    buyer: Service,
    method: PaymentMethod = PaymentMethod.CARD,
    *,
    key: str = "method",
    card: str = "pays",
    is_default: bool = False,
) -> SavedMethod:
    """One more way to pay."""
    page = await buyer.add_payment_method(AddMethod(method, is_default=is_default), key=key)
    await market.outside.pay(page.uuid, card)
    done = await buyer.refresh_added_method(page.uuid)
    assert done.method is not None
    return done.method


@paged_story
async def test_one_given_on_a_page_is_kept_and_nothing_is_charged(market: Market) -> None:
    buyer = await market.buyer()
    page = await buyer.add_payment_method(AddMethod(), key="method")
    assert (page.state, page.action is not None, page.method) == (PaymentState.ACTION_REQUIRED, True, None)
    assert page == await buyer.add_payment_method(AddMethod(return_url="http://127.0.0.1:1/"), key="method")
    assert page == await buyer.refresh_added_method(page.uuid)
    await raises(KeyReused, buyer.add_payment_method(AddMethod(PaymentMethod.BANK), key="method"))
    await market.outside.pay(page.uuid)
    done = await buyer.refresh_added_method(page.uuid)
    assert (done.state, done.action) == (PaymentState.SUCCEEDED, None)
    assert (done.method,) == await buyer.list_payment_methods()
    assert done == await buyer.add_payment_method(AddMethod(), key="method")
    assert await market.outside.charged() == ZERO


@paged_story
async def test_the_same_card_twice_is_one(market: Market) -> None:
    buyer = await market.buyer()
    assert await added(market, buyer) == await added(market, buyer, key="method-2")
    assert len(await buyer.list_payment_methods()) == 1


@paged_story
async def test_a_bank_account_and_paypal_are_kept_beside_cards(market: Market) -> None:
    buyer = await market.buyer()
    await added(market, buyer)
    bank = await added(market, buyer, PaymentMethod.BANK, key="bank")
    paypal = await added(market, buyer, PaymentMethod.PAYPAL, key="paypal", is_default=True)
    found = await buyer.list_payment_methods()
    assert [one.method for one in found] == [PaymentMethod.PAYPAL, PaymentMethod.CARD, PaymentMethod.BANK]
    assert [one.is_default for one in found] == [True, False, False]
    assert (bank.last4, bank.exp_month, bank.exp_year, bank.expiry) == ("6789", 0, 0, "")
    assert (paypal.brand, paypal.last4, paypal.email) == ("PayPal", "", "buyer@example.com")
    assert (await buyer.get_payment_options()).saved_methods == found


@paged_story
async def test_giving_up_or_expiring_keeps_nothing(market: Market) -> None:
    buyer = await market.buyer()
    page = await buyer.add_payment_method(AddMethod(), key="method")
    given_up = await buyer.cancel_added_method(page.uuid)
    assert (given_up.state, given_up.error_code) == (PaymentState.CANCELED, "payment_canceled")
    await market.outside.pay(page.uuid)
    assert await buyer.refresh_added_method(page.uuid) == given_up == await buyer.cancel_added_method(page.uuid)
    other = await buyer.add_payment_method(AddMethod(), key="method-2")
    await market.outside.expire(other.uuid)
    expired = await buyer.refresh_added_method(other.uuid)
    assert (expired.state, expired.error_code) == (PaymentState.CANCELED, "payment_expired")
    assert await buyer.list_payment_methods() == ()


@paged_story
async def test_a_declined_card_leaves_the_page_open(market: Market) -> None:
    buyer = await market.buyer()
    page = await buyer.add_payment_method(AddMethod(), key="method")
    await market.outside.pay(page.uuid, "declined")
    assert await buyer.refresh_added_method(page.uuid) == page
    assert await buyer.list_payment_methods() == ()


@paged_story
async def test_what_is_paid_with_what_is_said(market: Market) -> None:
    buyer = await market.buyer()
    visa = await added(market, buyer)
    master = await added(market, buyer, key="method-2", card="mastercard")
    await market.buy(buyer, await market.order(payment_token=master.token))
    await buyer.set_auto_top_up(SetAutoTopUp(True, usd("10"), usd("40"), usd("100"), visa.token))
    used = {one.token: one.used_for for one in await buyer.list_payment_methods()}
    assert used == {visa.token: ("auto_top_up",), master.token: ((await market.agent()).card.name,)}


@paged_story
async def test_what_was_paid_with_one_that_is_removed_is_paid_with_the_default(market: Market) -> None:
    buyer = await market.buyer()
    visa = await added(market, buyer)
    master = await added(market, buyer, key="method-2", card="mastercard")
    await market.buy(buyer, await market.order(payment_token=master.token))
    await buyer.set_auto_top_up(SetAutoTopUp(True, usd("10"), usd("40"), usd("100"), master.token))
    [left] = await buyer.remove_payment_method(master.token)
    assert (left.token, left.used_for) == (visa.token, ((await market.agent()).card.name, "auto_top_up"))
    if not await can_move_time(buyer):
        return
    await buyer.move_time(MoveTime(TimeStep.MONTH))
    newest = (await buyer.list_invoices(InvoiceQuery())).items[0]
    assert newest.state is InvoiceState.PAID


@paged_story
async def test_the_default_that_is_removed_has_an_heir(market: Market) -> None:
    buyer = await market.buyer()
    visa = await added(market, buyer)
    master = await added(market, buyer, key="method-2", card="mastercard")
    first, second = await buyer.set_default_method(master.token)
    assert [(one.token, one.is_default) for one in (first, second)] == [(master.token, True), (visa.token, False)]
    [left] = await buyer.remove_payment_method(master.token)
    assert (left.token, left.is_default) == (visa.token, True)
    assert await buyer.remove_payment_method(left.token) == ()
    await raises(NotFound, buyer.remove_payment_method(left.token))
    await raises(NotFound, buyer.set_default_method(left.token))


@paged_story
async def test_one_that_is_removed_pays_nothing_more(market: Market) -> None:
    buyer = await market.buyer()
    visa = await added(market, buyer)
    await buyer.remove_payment_method(visa.token)
    order = await market.order(payment_token=visa.token)
    await raises(InvalidInput, buyer.quick_checkout(order, key="order"), payment_token="unknown")
    await raises(InvalidInput, buyer.top_up(TopUp(usd("20"), visa.token), key="t"), payment_token="unknown")


@paged_story
async def test_one_that_is_being_debited_is_not_removed(market: Market) -> None:
    buyer = await market.buyer()
    bank = await added(market, buyer, PaymentMethod.BANK)
    paid = await buyer.top_up(TopUp(usd("20"), bank.token), key="top-up")
    assert paid.state is PaymentState.PROCESSING
    await raises(RequestInProgress, buyer.remove_payment_method(bank.token))
    await market.outside.settle_debit(paid.payment_uuid, is_paid=True)
    assert (await buyer.refresh_payment(paid.payment_uuid)).state is PaymentState.SUCCEEDED
    assert await buyer.remove_payment_method(bank.token) == ()
    assert (await buyer.get_wallet()).balance == usd("20")


async def bought_by_debit(market: Market, buyer: Service) -> tuple[SavedMethod, Placed]:
    """With a bank account on file, which the bank has not paid yet."""
    bank = await added(market, buyer, PaymentMethod.BANK)
    order = await market.order(payment_token=bank.token, payment_method=PaymentMethod.BANK)
    return bank, await buyer.quick_checkout(order, key="order")


@paged_story
async def test_a_bank_account_on_file_pays_after_days(market: Market) -> None:
    buyer = await market.buyer()
    _bank, placed = await bought_by_debit(market, buyer)
    assert (placed.state, placed.action, placed.resource_uuid) == (PaymentState.PROCESSING, None, "")
    await market.outside.settle_debit(placed.order_uuid, is_paid=True)
    assert (await buyer.refresh_order(placed.order_uuid)).resource_uuid
    found = await buyer.get_order(placed.order_uuid)
    assert (found.payment_method, found.paid_with) == (PaymentMethod.BANK, "Test Bank •••• 6789")
    assert [one.paid_with for one in await buyer.list_subscriptions()] == ["Test Bank •••• 6789"]


@paged_story
async def test_a_paypal_account_on_file_is_named_by_its_address(market: Market) -> None:
    buyer = await market.buyer()
    paypal = await added(market, buyer, PaymentMethod.PAYPAL)
    order = await market.order(payment_token=paypal.token, payment_method=PaymentMethod.PAYPAL)
    await market.buy(buyer, order)
    [one] = await buyer.list_subscriptions()
    assert (one.payment_method, one.paid_with) == (PaymentMethod.PAYPAL, "PayPal buyer@example.com")


@paged_story
async def test_an_invoice_says_that_a_bank_is_paying_it(market: Market) -> None:
    buyer = await market.buyer()
    bank = await added(market, buyer, PaymentMethod.BANK)
    await buyer.accept_quote((await offered(market, buyer, "450")).uuid, key="accept")
    await market.run_jobs()
    [invoice] = (await buyer.list_invoices(InvoiceQuery())).items
    assert (invoice.state, invoice.is_being_paid) == (InvoiceState.OPEN, False)
    await buyer.pay_invoice(invoice.uuid, bank.token, key="pay")
    assert [one.is_being_paid for one in (await buyer.list_invoices(InvoiceQuery())).items] == [True]
    assert [one.collecting for one in await buyer.list_subscriptions()] == [usd("450")]
    await raises(RequestInProgress, buyer.pay_invoice(invoice.uuid, bank.token, key="again"))
    await market.outside.settle_debit(invoice.uuid, is_paid=True)
    market.outside.wait(minutes=16)
    await market.run_jobs()
    paid = await buyer.get_invoice(invoice.uuid)
    assert (paid.state, paid.is_being_paid) == (InvoiceState.PAID, False)
    assert [one.collecting for one in await buyer.list_subscriptions()] == [None]


@paged_story
async def test_a_renewal_that_a_bank_is_paying_is_shown_and_not_asked_for_twice(market: Market) -> None:
    buyer = await market.buyer()
    bank, placed = await bought_by_debit(market, buyer)
    await market.outside.settle_debit(placed.order_uuid, is_paid=True)
    await buyer.refresh_order(placed.order_uuid)
    [bought] = await buyer.list_subscriptions()
    assert bought.collecting is None
    if not await can_move_time(buyer):
        return
    await buyer.move_time(MoveTime(TimeStep.TO_DATE, bought.period_end))
    renewed = await buyer.get_subscription(bought.uuid)
    newest = (await buyer.list_invoices(InvoiceQuery())).items[0]
    assert (renewed.state, renewed.collecting) == (SubscriptionState.ACTIVE, usd("29"))
    assert (newest.state, newest.due, newest.is_being_paid) == (InvoiceState.OPEN, usd("29"), True)
    assert (await buyer.get_invoice(newest.uuid)).is_being_paid
    await raises(RequestInProgress, buyer.pay_invoice(newest.uuid, bank.token, key="again"))
    await market.outside.settle_debit(newest.uuid, is_paid=True)
    market.outside.wait(minutes=16)
    await market.run_jobs()
    paid = await buyer.get_invoice(newest.uuid)
    assert (paid.state, paid.is_being_paid) == (InvoiceState.PAID, False)
    assert (await buyer.get_subscription(bought.uuid)).collecting is None


@paged_story
async def test_nobody_touches_a_strangers(market: Market) -> None:
    buyer, eve = await market.buyer(), await market.buyer("eve@example.com", device="device-2")
    visa = await added(market, buyer)
    page = await buyer.add_payment_method(AddMethod(), key="open")
    organization = (await buyer.get_account()).organizations[0].uuid
    await raises(NotFound, eve.list_payment_methods(organization))
    await raises(NotFound, eve.add_payment_method(AddMethod(organization_uuid=organization), key="k"))
    for token in (visa.token, UNKNOWN):
        await raises(NotFound, eve.set_default_method(token))
        await raises(NotFound, eve.remove_payment_method(token))
    for uuid in (page.uuid, UNKNOWN):
        await raises(NotFound, eve.refresh_added_method(uuid))
        await raises(NotFound, eve.cancel_added_method(uuid))
    assert await eve.list_payment_methods() == ()
    for work in (
        market.guest().list_payment_methods(),
        market.guest().add_payment_method(AddMethod(), key="k"),
        market.guest().set_default_method(visa.token),
        market.guest().remove_payment_method(visa.token),
        market.guest().refresh_added_method(page.uuid),
    ):
        await raises(NotSignedIn, work)


@paged_story
async def test_a_browser_is_sent_back_to_this_machine_only(market: Market) -> None:
    buyer = await market.buyer()
    for url in ("https://evil.example/", "javascript:1"):
        work = buyer.add_payment_method(AddMethod(return_url=url), key=url)
        await raises(InvalidInput, work, return_url="not_available")


@story
async def test_where_no_page_is_offered_none_is_opened(market: Market) -> None:
    buyer = await market.buyer()
    for method in PaymentMethod:
        work = buyer.add_payment_method(AddMethod(method), key=method.value)
        await raises(InvalidInput, work, payment_method="not_available")
