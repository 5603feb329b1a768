"""Disputed payments: what credit they bought is frozen, support is told, and the bank's word is booked once."""

from __future__ import annotations

from services.api.money import Money
from services.api.types import BillingCycle, BillingDetails, Dispute, InvoiceQuery, SubscriptionState, TopUp
from services.domain.ledger import AccountKind
from services.embedded import inbox
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story


async def hear(shop: Shop) -> None:
    await inbox.poll(shop.service.core)
    await shop.market.run_jobs()


async def topped_up(shop: Shop) -> tuple[Life, str]:
    """A buyer with $50 of credit, and the charge that paid it."""
    life = await Life.begin(shop)
    await life.buyer.top_up(TopUp(usd("50"), await shop.market.card()), key="t")
    [(charge,)] = await shop.provider._do(lambda db: db.execute("SELECT id FROM charges").fetchall())
    return life, charge


async def only(life: Life) -> Dispute:
    [one] = await life.buyer.list_disputes()
    return one


@story
async def test_credit_is_frozen_while_the_bank_decides_and_free_when_it_is_won(shop: Shop) -> None:
    life, charge = await topped_up(shop)
    dispute = await shop.provider.open_dispute(charge, usd("50"))
    await hear(shop)
    wallet = await life.buyer.get_wallet()
    assert (wallet.balance, wallet.frozen) == (usd("0"), usd("50"))
    found = await only(life)
    assert (found.state, found.amount, found.frozen, found.reason) == ("open", usd("50"), usd("50"), "fraudulent")
    assert found.buyer_email == "ada@example.com"
    kinds = [one.kind for one in await life.buyer.list_happenings()]
    assert "dispute_opened" in kinds
    assert await life.balance(AccountKind.CLEARING) == usd("0")
    await life.check_books()
    await shop.provider.close_dispute(dispute, "won")
    await hear(shop)
    wallet = await life.buyer.get_wallet()
    assert (wallet.balance, wallet.frozen) == (usd("50"), usd("0"))
    assert (await only(life)).state == "won"
    assert await life.balance(AccountKind.CLEARING) == usd("-50")
    await life.check_books()


@story
async def test_what_is_lost_is_gone_with_the_credit_it_had_bought(shop: Shop) -> None:
    life, charge = await topped_up(shop)
    dispute = await shop.provider.open_dispute(charge, usd("50"))
    await hear(shop)
    await shop.provider.close_dispute(dispute, "lost")
    await hear(shop)
    assert ((await life.buyer.get_wallet()).balance, (await only(life)).state) == (usd("0"), "lost")
    assert (await life.balance(AccountKind.CLEARING), shop.provider.balance()) == (usd("0"), usd("0"))
    assert (await only(life)).closed_at == shop.clock.now()
    await life.check_books()


@story
async def test_told_twice_or_only_at_the_end_it_is_booked_once(shop: Shop) -> None:
    life, charge = await topped_up(shop)
    dispute = await shop.provider.open_dispute(charge, usd("20"))
    await shop.provider.close_dispute(dispute, "lost")
    await hear(shop)
    await shop.provider._do(lambda db: db.execute(
        "INSERT INTO events (topic, kind, subject, charge_id, key, reference) "
        "SELECT topic, kind, subject, charge_id, key, reference FROM events WHERE topic = 'dispute'"
    ))  # fmt: skip
    await hear(shop)
    assert (await only(life)).state == "lost"
    assert (await life.buyer.get_wallet()).balance == usd("30")
    assert await life.balance(AccountKind.CLEARING) == -shop.provider.balance()
    await life.check_books()


@story
async def test_a_lost_subscription_ends(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe()
    [(charge,)] = await shop.provider._do(lambda db: db.execute("SELECT id FROM charges").fetchall())
    dispute = await shop.provider.open_dispute(charge, usd("29"))
    await hear(shop)
    assert (await life.one()).state is SubscriptionState.ACTIVE
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    assert (await only(life)).invoice_number == invoice.number
    await shop.provider.close_dispute(dispute, "lost")
    await hear(shop)
    [subscription] = await life.buyer.list_subscriptions()
    assert subscription.state is SubscriptionState.CANCELED
    assert await life.balance(AccountKind.CLEARING) == usd("0")
    await life.check_books()


@story
async def test_a_dispute_of_somebody_elses_charge_is_nothing_to_us(shop: Shop) -> None:
    life, _ = await topped_up(shop)
    await shop.provider._do(lambda db: db.execute(
        "INSERT INTO charges (key, id, token, reference, micros, currency, state, decline_code) "
        "VALUES ('other', 'ch_other', 't', 'r', 5000000, 'USD', 'succeeded', '')"
    ))  # fmt: skip
    await shop.provider.open_dispute("ch_other", usd("5"))
    await hear(shop)
    assert await life.buyer.list_disputes() == ()
    await life.check_books()


@story
async def test_credit_of_a_smaller_plan_stands_and_falls_with_the_payment_behind_it(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("pro", billing_cycle=BillingCycle.YEARLY)
    [(charge,)] = await shop.provider._do(lambda db: db.execute("SELECT id FROM charges").fetchall())
    await life.to_plan("starter", cycle=BillingCycle.MONTHLY)
    assert (await life.buyer.get_wallet()).balance == usd("961")
    first = await shop.provider.open_dispute(charge, usd("500"))
    second = await shop.provider.open_dispute(charge, usd("490"))
    await hear(shop)
    assert (await life.buyer.get_wallet()).balance == usd("0")
    await shop.provider.close_dispute(first, "won")
    await hear(shop)
    assert (await life.buyer.get_wallet()).balance == usd("0")  # the other one is still open
    await shop.provider.close_dispute(second, "lost")
    await hear(shop)
    assert (await life.buyer.get_wallet()).balance == usd("471")
    assert (await life.one()).state is SubscriptionState.CANCELED
    await life.check_books()


@story
async def test_of_an_invoice_that_two_charges_paid_each_has_its_part_of_the_tax(shop: Shop) -> None:
    """$29 became $31.35 with Swiss tax; the charge for the rest of $2.35 is disputed and lost."""
    life = await Life.begin(shop)
    await life.subscribe()
    [invoice] = (await life.buyer.list_invoices(InvoiceQuery())).items
    corrected = await life.buyer.correct_invoice(invoice.uuid, BillingDetails(country="CH"), key="c")
    await life.buyer.pay_invoice(corrected.invoice.uuid, await shop.market.card(), key="rest")
    assert await life.balance(AccountKind.TAX_PAYABLE) == usd("2.35")
    charges = await shop.provider._do(lambda db: db.execute("SELECT id FROM charges ORDER BY rowid").fetchall())
    await shop.provider.close_dispute(await shop.provider.open_dispute(charges[-1][0], usd("2.35")), "lost")
    await hear(shop)
    assert await life.balance(AccountKind.TAX_PAYABLE) == usd("2.17")
    assert await life.balance(AccountKind.CLEARING) == usd("-29")
    await life.check_books()


@story
async def test_credit_that_a_smaller_plan_gives_during_a_dispute_is_frozen_too(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("pro", billing_cycle=BillingCycle.YEARLY)
    [(charge,)] = await shop.provider._do(lambda db: db.execute("SELECT id FROM charges").fetchall())
    dispute = await shop.provider.open_dispute(charge, usd("990"))
    await hear(shop)
    await life.to_plan("starter", cycle=BillingCycle.MONTHLY)
    wallet = await life.buyer.get_wallet()
    assert (wallet.balance, wallet.frozen, (await only(life)).frozen) == (usd("0"), usd("961"), usd("961"))
    await shop.provider.close_dispute(dispute, "won")
    await hear(shop)
    assert ((await life.buyer.get_wallet()).balance, (await only(life)).frozen) == (usd("961"), usd("0"))
    await life.check_books()


@story
async def test_credit_goes_with_each_of_the_lost_payments_behind_it(shop: Shop) -> None:
    life = await Life.begin(shop)
    await life.subscribe("starter")
    await life.to_plan("pro")
    await life.wait(days=3)
    await life.to_plan("starter", at_end=False)
    credit = (await life.buyer.get_wallet()).balance
    assert usd("29") < credit < usd("70")
    charges = await shop.provider._do(
        lambda db: db.execute("SELECT id, micros FROM charges ORDER BY micros").fetchall()
    )
    opened = [await shop.provider.open_dispute(charge, Money(micros, "USD")) for charge, micros in charges]
    await hear(shop)
    wallet = await life.buyer.get_wallet()
    assert (wallet.balance, wallet.frozen) == (usd("0"), credit)
    await shop.provider.close_dispute(opened[1], "lost")  # $70, while the bank decides about $29
    await hear(shop)
    wallet = await life.buyer.get_wallet()
    assert (wallet.balance, wallet.frozen) == (usd("0"), usd("0"))
    await shop.provider.close_dispute(opened[0], "lost")
    await hear(shop)
    assert (await life.buyer.get_wallet()).balance == usd("0")
    assert await life.balance(AccountKind.CLEARING) == shop.provider.balance() == usd("0")
    await life.check_books()


@story
async def test_two_disputes_of_one_top_up_take_no_more_than_each_lost(shop: Shop) -> None:
    life, charge = await topped_up(shop)
    first = await shop.provider.open_dispute(charge, usd("10"))
    second = await shop.provider.open_dispute(charge, usd("5"))
    await hear(shop)
    await shop.provider.close_dispute(first, "lost")
    await hear(shop)
    wallet = await life.buyer.get_wallet()
    assert (wallet.balance, wallet.frozen) == (usd("0"), usd("40"))
    await shop.provider.close_dispute(second, "won")
    await hear(shop)
    assert (await life.buyer.get_wallet()).balance == usd("40")
    assert await life.balance(AccountKind.CLEARING) == -shop.provider.balance()
    await life.check_books()
