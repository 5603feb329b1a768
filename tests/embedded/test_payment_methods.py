"""Ways to pay on file: given on a page, shown, made the default, removed, and what is paid with what then."""

from __future__ import annotations

import sqlalchemy as sa

from services.api import errors
from services.api.types import (
    AddMethod,
    ChangeAction,
    ChangeRequest,
    InvoiceQuery,
    PaymentMethod,
    PaymentState,
    SavedMethod,
    SetAutoTopUp,
    SubscriptionState,
    TopUp,
)
from services.db import models as m
from services.db import money_models as mm
from tests.contract.market import raises
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story, unreachable

CHARGE = sa.select(mm.PaymentIntent.charge_id).where(mm.PaymentIntent.purpose == "method")


async def begun(shop: Shop) -> Life:
    await shop.open_pages()
    return await Life.begin(shop)


async def added(life: Life, method: PaymentMethod = PaymentMethod.CARD, *, key: str = "m", token: str = "tok_visa",
                is_default: bool = False) -> SavedMethod:  # fmt: skip
    page = await life.buyer.add_payment_method(AddMethod(method, is_default=is_default), key=key)
    newest = CHARGE.where(mm.PaymentIntent.uuid == page.uuid)
    await life.shop.provider.answer(await life.shop.value(newest), token)
    done = await life.buyer.refresh_added_method(page.uuid)
    assert done.method is not None
    return done.method


@story
async def test_one_given_on_a_page_is_kept_and_nothing_is_charged(shop: Shop) -> None:
    life = await begun(shop)
    page = await life.buyer.add_payment_method(AddMethod(), key="m")
    assert page.action is not None
    assert page == await life.buyer.add_payment_method(AddMethod(return_url="http://127.0.0.1:1/"), key="m")
    assert (await life.buyer.refresh_added_method(page.uuid)).state is PaymentState.ACTION_REQUIRED
    await shop.provider.answer(await shop.value(CHARGE))
    done = await life.buyer.refresh_added_method(page.uuid)
    assert (done.state, done.method) == (PaymentState.SUCCEEDED, (await life.buyer.list_payment_methods())[0])
    assert shop.provider.balance() == usd("0")


@story
async def test_the_same_card_twice_is_one(shop: Shop) -> None:
    life = await begun(shop)
    first = await added(life)
    again = await added(life, key="m2")
    assert first == again
    assert len(await life.buyer.list_payment_methods()) == 1


@story
async def test_a_bank_account_and_paypal_are_kept_too(shop: Shop) -> None:
    life = await begun(shop)
    await added(life)
    bank = await added(life, PaymentMethod.BANK, key="b")
    paypal = await added(life, PaymentMethod.PAYPAL, key="p", is_default=True)
    found = await life.buyer.list_payment_methods()
    assert [one.method for one in found] == [PaymentMethod.PAYPAL, PaymentMethod.CARD, PaymentMethod.BANK]
    assert (bank.last4, bank.exp_month, bank.expiry) == ("6789", 0, "")
    assert (paypal.brand, paypal.email, paypal.is_default) == ("PayPal", "buyer@example.com", True)


@story
async def test_giving_up_the_page_keeps_nothing(shop: Shop) -> None:
    life = await begun(shop)
    page = await life.buyer.add_payment_method(AddMethod(), key="m")
    given_up = await life.buyer.cancel_added_method(page.uuid)
    assert (given_up.state, given_up.error_code) == (PaymentState.CANCELED, "payment_canceled")
    assert await life.buyer.list_payment_methods() == ()
    assert (await life.buyer.cancel_added_method(page.uuid)).state is PaymentState.CANCELED


@story
async def test_what_is_paid_with_what_is_said_and_goes_to_the_default_when_one_is_removed(shop: Shop) -> None:
    life = await begun(shop)
    visa = await added(life)
    master = await added(life, key="m2", token="tok_mastercard")
    await life.subscribe(payment_token=master.token)
    auto = SetAutoTopUp(True, usd("10"), usd("40"), usd("100"), master.token)
    await life.buyer.set_auto_top_up(auto)
    first, second = await life.buyer.list_payment_methods()
    assert (first.used_for, second.used_for) == ((), ("Customer Care", "auto_top_up"))
    [left] = await life.buyer.remove_payment_method(second.token)
    assert (left.token, left.used_for) == (visa.token, ("Customer Care", "auto_top_up"))
    await life.wait(days=32)
    newest, *_ = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert newest.paid_with == "Visa •••• 4242"


@story
async def test_the_default_that_is_removed_has_an_heir(shop: Shop) -> None:
    life = await begun(shop)
    await added(life)
    master = await added(life, key="m2", token="tok_mastercard")
    await life.buyer.set_default_method(master.token)
    first, second = await life.buyer.list_payment_methods()
    assert (first.token, second.is_default) == (master.token, False)
    shop.provider.before["forget"] = [unreachable]
    [left] = await life.buyer.remove_payment_method(master.token)
    assert left.is_default
    assert await life.buyer.remove_payment_method(left.token) == ()
    await raises(errors.NotFound, life.buyer.remove_payment_method(left.token))


@story
async def test_one_that_is_being_charged_is_not_removed(shop: Shop) -> None:
    life = await begun(shop)
    visa = await added(life)
    shop.provider.before["charge"] = [unreachable] * 3
    await raises(errors.PaymentUnknown, life.buyer.top_up(TopUp(usd("20"), visa.token), key="t"))
    await raises(errors.RequestInProgress, life.buyer.remove_payment_method(visa.token))


@story
async def test_expiry_is_told_by_the_workspaces_clock(shop: Shop) -> None:
    life = await begun(shop)
    await added(life)
    await shop.write(sa.update(m.PaymentCard).values(exp_month=shop.clock.now().month, exp_year=shop.clock.now().year))
    assert (await life.buyer.list_payment_methods())[0].expiry == "soon"
    shop.clock.advance(days=32)
    assert (await life.buyer.list_payment_methods())[0].expiry == "expired"


@story
async def test_nobody_touches_a_strangers(shop: Shop) -> None:
    life = await begun(shop)
    visa, page = await added(life), await life.buyer.add_payment_method(AddMethod(), key="x")
    eve = await shop.market.buyer("eve@example.com", device="device-2")
    organization = (await life.buyer.get_account()).organizations[0].uuid
    for work in (
        eve.list_payment_methods(organization),
        eve.set_default_method(visa.token),
        eve.remove_payment_method(visa.token),
        eve.refresh_added_method(page.uuid),
        eve.cancel_added_method(page.uuid),
        eve.add_payment_method(AddMethod(organization_uuid=organization), key="k"),
    ):
        await raises(errors.NotFound, work)
    await raises(errors.NotSignedIn, shop.market.guest().list_payment_methods())


@story
async def test_where_no_page_is_offered_none_is_opened(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    for method in (PaymentMethod.CARD, PaymentMethod.WALLET, PaymentMethod.INVOICE):
        work = buyer.add_payment_method(AddMethod(method), key=method.value)
        await raises(errors.InvalidInput, work, payment_method="not_available")


# ---- paying with them


@story
async def test_credit_and_invoices_are_paid_on_a_page_too(shop: Shop) -> None:
    life = await begun(shop)
    paid = await life.buyer.top_up(TopUp(usd("20"), payment_method=PaymentMethod.PAYPAL), key="t")
    assert paid.action is not None
    charge = sa.select(mm.PaymentIntent.charge_id).where(mm.PaymentIntent.uuid == paid.payment_uuid)
    assert (await life.buyer.refresh_payment(paid.payment_uuid)).state is PaymentState.ACTION_REQUIRED
    await shop.provider.answer(await shop.value(charge))
    assert (await life.buyer.refresh_payment(paid.payment_uuid)).state is PaymentState.SUCCEEDED
    assert (await life.buyer.get_wallet()).balance == usd("20")
    [receipt] = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert receipt.paid_with == "PayPal buyer@example.com"
    [credit] = (await life.buyer.get_wallet()).credits
    await life.buyer.refund_credit(credit.uuid, key="back")
    assert shop.provider.balance() == usd("0")
    await life.check_books()


@story
async def test_a_top_up_page_that_is_given_up_brings_no_credit(shop: Shop) -> None:
    life = await begun(shop)
    paid = await life.buyer.top_up(TopUp(usd("20")), key="t")
    assert (await life.buyer.cancel_payment(paid.payment_uuid)).state is PaymentState.CANCELED
    await raises(errors.PaymentCanceled, life.buyer.refresh_payment(paid.payment_uuid))
    await raises(errors.PaymentCanceled, life.buyer.top_up(TopUp(usd("20")), key="t"))
    assert (await life.buyer.get_wallet()).balance == usd("0")


@story
async def test_a_debit_for_credit_counts_when_it_is_there(shop: Shop) -> None:
    life = await begun(shop)
    paid = await life.buyer.top_up(TopUp(usd("20"), payment_method=PaymentMethod.BANK), key="t")
    charge = await shop.value(sa.select(mm.PaymentIntent.charge_id))
    await shop.provider.answer(charge)
    assert (await life.buyer.refresh_payment(paid.payment_uuid)).state is PaymentState.PROCESSING
    assert (await life.buyer.get_wallet()).balance == usd("0")
    await raises(errors.WrongState, life.buyer.cancel_payment(paid.payment_uuid))
    await shop.provider.settle_debit(charge, is_paid=True)
    shop.clock.advance(minutes=16)
    await shop.market.run_jobs()
    assert (await life.buyer.get_wallet()).balance == usd("20")


@story
async def test_a_debit_for_credit_that_bounces_is_told(shop: Shop) -> None:
    life = await begun(shop)
    paid = await life.buyer.top_up(TopUp(usd("20"), payment_method=PaymentMethod.BANK), key="t")
    charge = await shop.value(sa.select(mm.PaymentIntent.charge_id))
    await shop.provider.answer(charge)
    await life.buyer.refresh_payment(paid.payment_uuid)
    await shop.provider.settle_debit(charge, is_paid=False)
    shop.clock.advance(minutes=16)
    await shop.market.run_jobs()
    newest = (await life.buyer.list_happenings())[0]
    assert (newest.kind, newest.params["problem"], newest.params["amount_micros"]) == (
        "top_up_refused", "debit_failed", usd("20").micros,
    )  # fmt: skip
    assert (await life.buyer.get_wallet()).balance == usd("0")


@story
async def test_a_renewal_that_the_bank_wants_confirmed_is_confirmed_on_a_page(shop: Shop) -> None:
    life = await begun(shop)
    sca = await added(life, token="tok_needs_confirmation")
    await life.subscribe(payment_token=(await added(life, key="m2")).token)
    [subscription] = await life.buyer.list_subscriptions()
    change = ChangeRequest(subscription.uuid, ChangeAction.SET_PAYMENT_CARD, payment_token=sca.token)
    await life.buyer.commit_change(change, (await life.buyer.preview_change(change)).hash, key="c")
    await life.wait(days=32)
    newest, *_ = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert [one.error_code for one in newest.attempts[:1]] == ["confirmation_needed"]
    paid = await life.buyer.pay_invoice(newest.uuid, sca.token, key="p")
    assert paid.action is not None
    await shop.provider.confirm(
        await shop.value(sa.select(mm.PaymentIntent.charge_id).where(mm.PaymentIntent.uuid == paid.payment_uuid)),
        approve=True,
    )
    assert (await life.buyer.refresh_payment(paid.payment_uuid)).state is PaymentState.SUCCEEDED
    assert (await life.buyer.get_invoice(newest.uuid)).due == usd("0")
    await life.check_books()


@story
async def test_a_renewal_by_debit_that_fails_after_days_goes_on_with_dunning(shop: Shop) -> None:
    life = await begun(shop)
    bank = await added(life, PaymentMethod.BANK)
    await life.buyer.quick_checkout(await life.order(payment_token=bank.token), key="k")
    order = sa.select(m.PaymentRow.charge_id)
    await shop.provider.settle_debit(await shop.value(order), is_paid=True)
    shop.clock.advance(minutes=16)
    await shop.market.run_jobs()
    await life.wait(days=32)
    newest, *_ = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert (newest.due.is_zero, newest.attempts, newest.is_being_paid) == (False, (), True)
    [waits] = await life.buyer.list_subscriptions()
    assert (waits.state, waits.collecting) == (SubscriptionState.ACTIVE, newest.due)
    charge = sa.select(mm.PaymentIntent.charge_id).where(mm.PaymentIntent.purpose == "invoice")
    await shop.provider.settle_debit(await shop.value(charge), is_paid=False)
    shop.clock.advance(minutes=16)
    await shop.market.run_jobs()
    newest = await life.buyer.get_invoice(newest.uuid)
    assert newest.attempts[0].error_code == "debit_failed"
    assert (len(newest.attempts), newest.is_being_paid) == (5, True)  # the next try was due meanwhile
    [late] = await life.buyer.list_subscriptions()
    assert (late.state, late.collecting) == (SubscriptionState.PAST_DUE, newest.due)
    await life.check_books()
