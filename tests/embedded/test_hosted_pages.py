"""Orders paid on a hosted page: one order and one charge, whatever is opened, closed, expired or lost meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.contract import Service
from services.api.types import (
    AddMethod,
    Order,
    OrderState,
    PaymentMethod,
    PaymentState,
    PayOrder,
    Placed,
    QuickCheckout,
    TopUp,
)
from services.db import models as m
from services.embedded import inbox
from services.gateways.payments import ProviderRefused
from tests.contract.market import raises
from tests.embedded.money.lives import usd
from tests.embedded.shop import Crashed, Shop, crash, story, unreachable

P = m.PaymentRow


async def page(shop: Shop, method: PaymentMethod = PaymentMethod.CARD, **changes: Any) -> QuickCheckout:  # Any: fields
    """An order that is paid on a page."""
    return await shop.market.order(payment_token="", payment_method=method, **changes)


async def opened(shop: Shop, method: PaymentMethod = PaymentMethod.CARD, *, undo_s: int = 0) -> tuple[Service, Placed]:
    """A buyer on a page."""
    market = await shop.open_pages(undo_s=undo_s)
    buyer = await market.buyer()
    placed = await buyer.quick_checkout(await page(shop, method), key="k")
    assert placed.action is not None
    return buyer, placed


async def charge_id(shop: Shop) -> str:
    return str(await shop.value(sa.select(P.charge_id)))


async def only_order(buyer: Service) -> Order:
    [order] = await buyer.list_orders()
    return order


@story
async def test_a_page_that_is_paid_delivers_and_the_card_is_kept(shop: Shop) -> None:
    buyer, placed = await opened(shop)
    assert (placed.state, placed.resource_uuid) == (PaymentState.ACTION_REQUIRED, "")
    order = await only_order(buyer)
    assert (order.state, order.payment_state) == (OrderState.PENDING_CONSUMER, PaymentState.ACTION_REQUIRED)
    again = await buyer.refresh_order(placed.order_uuid)
    assert again.action is not None
    await shop.provider.answer(await charge_id(shop), "tok_mastercard")
    paid = await buyer.refresh_order(placed.order_uuid)
    assert (paid.action, paid.state, bool(paid.resource_uuid)) == (None, PaymentState.SUCCEEDED, True)
    order = await only_order(buyer)
    assert (order.paid_with, order.payment_state) == ("Mastercard •••• 4444", PaymentState.SUCCEEDED)
    [kept] = await buyer.list_payment_methods()
    assert (kept.brand, kept.is_default, kept.used_for) == ("Mastercard", True, ("Customer Care",))
    second = await shop.market.order(payment_token=kept.token)
    assert (await buyer.quick_checkout(second, key="k2")).action is None
    assert shop.charges() == 2


@story
async def test_a_declined_card_leaves_the_page_open_for_another(shop: Shop) -> None:
    buyer, placed = await opened(shop)
    await shop.provider.answer(await charge_id(shop), "tok_declined")
    assert (await buyer.refresh_order(placed.order_uuid)).action is not None
    await shop.provider.answer(await charge_id(shop))
    assert (await buyer.refresh_order(placed.order_uuid)).action is None
    assert shop.charges() == 1


@story
async def test_closing_the_app_while_paying_loses_nothing(shop: Shop) -> None:
    buyer, _ = await opened(shop)
    await shop.provider.answer(await charge_id(shop))
    await shop.restart(seconds=30)
    buyer = shop.service.for_actor(buyer.actor)
    await shop.market.run_jobs()
    assert (await only_order(buyer)).state is OrderState.DONE
    assert shop.charges() == 1


@story
async def test_the_same_key_opens_one_page_wherever_the_window_listens(shop: Shop) -> None:
    market = await shop.open_pages()
    buyer = await market.buyer()
    first = await buyer.quick_checkout(await page(shop, return_url="http://127.0.0.1:5001/a"), key="k")
    second = await buyer.quick_checkout(await page(shop, return_url="http://127.0.0.1:6002/b"), key="k")
    assert first == second
    assert len(await buyer.list_orders()) == 1


@story
async def test_a_browser_is_sent_back_to_this_machine_only(shop: Shop) -> None:
    buyer = await (await shop.open_pages()).buyer()
    evil = ("https://evil.example/", "http://evil.example/", "http://127.0.0.1@evil.example/", "javascript:1")
    here = "http://127.0.0.1:5001/"
    ends = ("\r\nset-cookie: a=b", "\n", "a b", "\t", "\x00", "\u00e4", "\u2028", '"', "<", "\\", "x" * 2000)
    strange = (*(here + end for end in ends), "http://127.0.0.1:port/", "http://127.0.0.1:70000/")
    for number, url in enumerate((*evil, *strange)):
        order = await page(shop, return_url=url)
        await raises(errors.InvalidInput, buyer.quick_checkout(order, key=f"k{number}"), return_url="not_available")
    good = await page(shop, return_url=f"{here}pay/return/?order=1&a=%20#[x]")
    assert (await buyer.quick_checkout(good, key="good")).action is not None


@story
async def test_giving_up_closes_the_page_and_charges_nothing(shop: Shop) -> None:
    buyer, placed = await opened(shop)
    given_up = await buyer.cancel_order(placed.order_uuid)
    assert (given_up.state, given_up.error_code) == (OrderState.CANCELED, "payment_canceled")
    await shop.provider.answer(await charge_id(shop))
    await raises(errors.PaymentCanceled, buyer.refresh_order(placed.order_uuid))
    assert shop.charges() == 0


@story
async def test_paid_in_the_instant_of_giving_up_is_paid(shop: Shop) -> None:
    buyer, placed = await opened(shop)
    await shop.provider.answer(await charge_id(shop))
    order = await buyer.cancel_order(placed.order_uuid)
    assert (order.state, shop.charges()) == (OrderState.EXECUTING, 1)
    await raises(errors.WrongState, buyer.cancel_order(placed.order_uuid))


@story
async def test_a_page_left_open_for_a_day_expires_and_can_be_opened_again(shop: Shop) -> None:
    buyer, placed = await opened(shop)
    await shop.provider.expire(await charge_id(shop))
    await raises(errors.PaymentExpired, buyer.refresh_order(placed.order_uuid))
    assert (await only_order(buyer)).error_code == "payment_expired"
    again = await buyer.pay_order(placed.order_uuid, PayOrder(), key="again")
    assert (again.order_uuid, again.action is not None) == (placed.order_uuid, True)
    await shop.provider.answer(await charge_id(shop))
    assert (await buyer.refresh_order(placed.order_uuid)).resource_uuid
    assert (len(await buyer.list_orders()), shop.charges()) == (1, 1)


@story
async def test_another_way_to_pay_is_no_second_order(shop: Shop) -> None:
    buyer, placed = await opened(shop)
    first = await charge_id(shop)
    request = PayOrder(payment_token=await shop.market.card())
    paid = await buyer.pay_order(placed.order_uuid, request, key="other")
    assert paid.resource_uuid
    assert await buyer.pay_order(placed.order_uuid, request, key="other") == paid
    assert (await shop.provider.answer(first)).state == "canceled"  # the first page is closed
    assert (len(await buyer.list_orders()), shop.charges()) == (1, 1)
    await raises(errors.WrongState, buyer.pay_order(placed.order_uuid, PayOrder(), key="third"))


@story
async def test_continuing_returns_the_page_that_is_open(shop: Shop) -> None:
    buyer, placed = await opened(shop)
    first = await charge_id(shop)
    again = await buyer.pay_order(placed.order_uuid, PayOrder(), key="on")
    assert (again.action, await charge_id(shop)) == (placed.action, first)


@story
async def test_what_was_paid_on_the_first_page_while_another_was_opened_pays_and_no_more(shop: Shop) -> None:
    buyer, placed = await opened(shop)

    async def meanwhile() -> None:
        await shop.provider.answer(await charge_id(shop))

    shop.provider.before["cancel"] = [meanwhile]
    paid = await buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.PAYPAL), key="paypal")
    assert (paid.action, bool(paid.resource_uuid), shop.charges()) == (None, True, 1)


@story
async def test_a_charge_under_the_key_of_an_earlier_attempt_goes_back(shop: Shop) -> None:
    buyer, placed = await opened(shop)
    old = await charge_id(shop)
    await buyer.pay_order(placed.order_uuid, PayOrder(payment_token=await shop.market.card()), key="other")
    # a provider that took the money although it had said the page was closed
    await shop.provider._do(lambda db: db.execute("UPDATE charges SET state = 'succeeded' WHERE id = ?", (old,)))
    await shop.provider._do(
        lambda db: db.execute(
            "INSERT INTO events (topic, kind, subject, charge_id, key, reference) "
            "SELECT 'payment', 'late', id, id, key, reference FROM charges WHERE id = ?",
            (old,),
        )
    )
    await inbox.poll(shop.service.core)
    await shop.market.run_jobs()
    assert shop.provider.refunded().micros == (await only_order(buyer)).total.micros
    assert (await only_order(buyer)).state is OrderState.DONE


@story
async def test_a_lost_answer_is_found_again(shop: Shop) -> None:
    market = await shop.open_pages()
    buyer = await market.buyer()
    shop.provider.after["charge"] = [unreachable, unreachable, unreachable]
    with pytest.raises(errors.PaymentUnknown):
        await buyer.quick_checkout(await page(shop), key="k")
    order = await only_order(buyer)
    assert (await buyer.refresh_order(order.uuid)).action is not None
    shop.provider.before["find"] = [unreachable]
    await raises(errors.PaymentUnknown, buyer.refresh_order(order.uuid))


@story
async def test_a_crash_before_the_page_was_asked_for_undoes_the_order_and_it_can_be_paid_then(shop: Shop) -> None:
    market = await shop.open_pages()
    buyer = await market.buyer()
    shop.provider.before["charge"] = [crash]
    with pytest.raises(Crashed):
        await buyer.quick_checkout(await page(shop), key="k")
    await shop.restart(seconds=30)
    buyer = shop.service.for_actor(buyer.actor)
    order = await only_order(buyer)
    assert (order.state, order.error_code) == (OrderState.CANCELED, "payment_not_completed")
    assert (await buyer.pay_order(order.uuid, PayOrder(), key="go on")).action is not None


@story
async def test_a_bank_debit_is_on_its_way_for_days_and_delivers_when_it_is_there(shop: Shop) -> None:
    buyer, placed = await opened(shop, PaymentMethod.BANK)
    await shop.provider.answer(await charge_id(shop))
    waiting = await buyer.refresh_order(placed.order_uuid)
    assert (waiting.state, waiting.action, waiting.resource_uuid) == (PaymentState.PROCESSING, None, "")
    order = await only_order(buyer)
    assert (order.state, order.payment_method) == (OrderState.PENDING_PROVIDER, PaymentMethod.BANK)
    await raises(errors.WrongState, buyer.cancel_order(placed.order_uuid))
    await raises(errors.WrongState, buyer.pay_order(placed.order_uuid, PayOrder(), key="x"))
    shop.clock.advance(days=3)
    await shop.provider.settle_debit(await charge_id(shop), is_paid=True)
    await shop.market.run_jobs()
    order = await only_order(buyer)
    assert (order.state, order.paid_with) == (OrderState.DONE, "Test Bank •••• 6789")


@story
async def test_a_bank_debit_that_fails_after_days_delivers_nothing(shop: Shop) -> None:
    buyer, placed = await opened(shop, PaymentMethod.BANK)
    await shop.provider.answer(await charge_id(shop))
    await buyer.refresh_order(placed.order_uuid)
    shop.clock.advance(days=3)
    await shop.provider.settle_debit(await charge_id(shop), is_paid=False)
    await shop.market.run_jobs()
    order = await only_order(buyer)
    assert (order.state, order.error_code, order.resource_uuids) == (OrderState.ERRED, "debit_failed", ())
    await raises(errors.DebitFailed, buyer.refresh_order(placed.order_uuid))


@story
async def test_strangers_see_and_touch_nothing(shop: Shop) -> None:
    _, placed = await opened(shop)
    stranger = await shop.market.buyer("eve@example.com", device="device-2")
    for work in (
        stranger.refresh_order(placed.order_uuid),
        stranger.cancel_order(placed.order_uuid),
        stranger.pay_order(placed.order_uuid, PayOrder(), key="k"),
    ):
        await raises(errors.NotFound, work)


@story
async def test_an_order_given_up_long_ago_has_no_price_any_more(shop: Shop) -> None:
    buyer, placed = await opened(shop)
    await buyer.cancel_order(placed.order_uuid)
    await shop.write(sa.update(m.SessionRow).values(expires_at=shop.clock.now() + timedelta(days=400)))
    shop.clock.advance(days=31)
    await raises(errors.WrongState, buyer.pay_order(placed.order_uuid, PayOrder(), key="late"))


@story
async def test_the_sweep_looks_at_a_bank_now_and_then_only(shop: Shop) -> None:
    buyer, placed = await opened(shop, PaymentMethod.BANK)
    await shop.provider.answer(await charge_id(shop))
    await buyer.refresh_order(placed.order_uuid)
    before = shop.provider.calls["find"]
    for _ in range(10):
        shop.clock.advance(seconds=20)
        await shop.market.run_jobs()
    assert shop.provider.calls["find"] == before
    shop.clock.advance(minutes=15)
    await shop.market.run_jobs()
    assert shop.provider.calls["find"] == before + 1


@story
async def test_a_refusal_of_the_request_itself_says_why(shop: Shop) -> None:
    market = await shop.open_pages()
    buyer = await market.buyer()

    async def refused() -> None:
        raise ProviderRefused("amount_too_small")

    shop.provider.before["charge"] = [refused]
    error = await raises(errors.ProviderRejected, buyer.quick_checkout(await page(shop), key="k"))
    assert error.params["reason"] == "amount_too_small"
    assert (await only_order(buyer)).error_code == "provider_rejected"


@story
async def test_every_payment_sends_a_browser_back_to_this_machine_only(shop: Shop) -> None:
    buyer, placed = await opened(shop)
    evil = "https://evil.example/pay/return/"
    for work in (
        buyer.pay_order(placed.order_uuid, PayOrder(PaymentMethod.PAYPAL, return_url=evil), key="a"),
        buyer.top_up(TopUp(usd("20"), return_url=evil), key="b"),
        buyer.add_payment_method(AddMethod(return_url=evil), key="c"),
    ):
        await raises(errors.InvalidInput, work, return_url="not_available")


@story
async def test_what_is_on_a_hosted_page_is_not_answered_here(shop: Shop) -> None:
    buyer, placed = await opened(shop)

    async def hosted() -> None:
        raise ProviderRefused("method_unavailable")

    shop.provider.before["confirm"] = [hosted]
    await raises(errors.WrongState, buyer.confirm_order(placed.order_uuid, approve=True))
