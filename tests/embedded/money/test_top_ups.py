"""Credit is bought: with tax on top, a receipt, a movement, and usable by the very next call."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.money import MICROS_MAX, Money
from services.api.types import BillingDetails, MovementKind, PaymentState, TopUp
from services.db import models as m
from services.db import money_models as mm
from services.embedded.money import alerts, commands, ledger
from services.embedded.money.alerts import save_settings
from tests.contract.money import ZERO, usd
from tests.embedded.money.credit import Owner, buy, core_of, owner
from tests.embedded.shop import Shop, story

TWENTY = usd("20")
GERMAN = BillingDetails("Ada", ("Unter den Linden 1", "10117 Berlin"), "DE")


async def made_out_to(mine: Owner, details: BillingDetails) -> None:
    """The billing details of the organization from now on."""
    stored = asdict(details)
    await mine.core.db.run(lambda connection: save_settings(connection, mine.organization, details=stored))


async def receipts(shop: Shop) -> list[tuple[object, ...]]:
    i = mm.InvoiceRow
    columns = (i.number, i.kind, i.state, i.subtotal_micros, i.tax_micros, i.total_micros, i.paid_micros, i.paid_with)
    return await shop.rows(sa.select(*columns).order_by(i.number))


@story
async def test_a_receipt_says_what_was_paid_and_with_what(shop: Shop) -> None:
    mine = await owner(shop)
    await made_out_to(mine, GERMAN)
    paid = await buy(shop, mine.service, "30", key="second")
    assert paid.amount == usd("35.70")
    assert await receipts(shop) == [
        ("RC-2026-000001", "receipt", "paid", 20_000_000, 0, 20_000_000, 20_000_000, "Visa •••• 4242"),
        ("RC-2026-000002", "receipt", "paid", 30_000_000, 5_700_000, 35_700_000, 35_700_000, "Visa •••• 4242"),
    ]
    [(details, taxes)] = await shop.rows(
        sa.select(mm.InvoiceRow.details, mm.InvoiceRow.taxes).where(mm.InvoiceRow.uuid == paid.invoice_uuid)
    )
    assert details["address"] == ["Unter den Linden 1", "10117 Berlin"]
    assert taxes == [["VAT", "19", 30_000_000, 5_700_000, ""]]
    lines = await shop.rows(
        sa.select(mm.InvoiceLineRow.kind, mm.InvoiceLineRow.amount_micros, mm.InvoiceLineRow.tax_micros).where(
            mm.InvoiceLineRow.invoice_uuid == paid.invoice_uuid
        )
    )
    assert lines == [("top_up", 30_000_000, 5_700_000)]


@story
async def test_the_books_hold_credit_and_tax_apart(shop: Shop) -> None:
    mine = await owner(shop, "")
    await made_out_to(mine, GERMAN)
    await buy(shop, mine.service)
    found = await mine.core.db.read(lambda connection: ledger.balances(connection, mine.organization))
    assert {(account.kind.value, amount) for account, amount in found.items()} == {
        ("clearing", usd("-23.80")),
        ("wallet_paid", TWENTY),
        ("tax_payable", usd("3.80")),
    }
    assert await mine.is_sound()


@story
async def test_details_changed_while_the_card_is_asked_do_not_change_the_receipt(shop: Shop) -> None:
    mine = await owner(shop, "")
    await made_out_to(mine, GERMAN)
    waiting = await buy(shop, mine.service, outcome="needs_confirmation")
    await made_out_to(mine, BillingDetails("Ada", country="US"))
    await mine.service.confirm_payment(waiting.payment_uuid, approve=True)
    assert [row[3:7] for row in await receipts(shop)] == [(20_000_000, 3_800_000, 23_800_000, 23_800_000)]
    assert await mine.balance() == TWENTY


@story
async def test_a_quote_says_what_the_card_will_be_charged(shop: Shop) -> None:
    mine = await owner(shop)
    for details, tax, note in (
        (GERMAN, "3.80", ""),
        (BillingDetails(country="FR", vat_id="FR40303265045"), "0", "reverse_charge"),
        (BillingDetails(), "0", ""),
    ):
        await made_out_to(mine, details)
        quote = await mine.service.quote_top_up(TopUp(TWENTY))
        assert (quote.credit, quote.tax, quote.total) == (TWENTY, usd(tax), TWENTY + usd(tax))
        assert quote.tax_note == note
        paid = await buy(shop, mine.service, key=f"at {tax} {note}")
        assert paid.amount == quote.total


@story
async def test_amounts_are_bought_from_the_least_to_the_most(shop: Shop) -> None:
    mine = await owner(shop, "")
    token = await shop.market.card()
    for text in ("5", "10000"):
        assert (await buy(shop, mine.service, text, key=text)).amount == usd(text)
    wrong = {"4.99": "out_of_range", "10000.01": "out_of_range", "20.001": "not_whole_minor", "-5": "out_of_range",
             "0": "out_of_range"}  # fmt: skip
    for text, code in wrong.items():
        with pytest.raises(errors.InvalidInput) as caught:
            await mine.service.top_up(TopUp(usd(text), token), key="k")
        assert caught.value.fields == {"amount": code}
    for amount, code in ((Money(5_000_000, "EUR"), "wrong_currency"), (Money(MICROS_MAX * 100), "out_of_range")):
        with pytest.raises(errors.InvalidInput) as caught:
            await mine.service.quote_top_up(TopUp(amount))
        assert caught.value.fields == {"amount": code}
    assert await mine.balance() == usd("10005")


@story
async def test_everything_that_is_wrong_is_said_at_once(shop: Shop) -> None:
    mine = await owner(shop, "")
    with pytest.raises(errors.InvalidInput) as caught:
        await mine.service.top_up(TopUp(usd("1")), key="k")
    assert caught.value.fields == {"amount": "out_of_range", "payment_token": "required"}
    with pytest.raises(errors.InvalidInput) as caught:
        await mine.service.top_up(TopUp(usd("1"), "card_of_nobody"), key="k")
    assert caught.value.fields == {"amount": "out_of_range", "payment_token": "unknown"}
    for key in ("", "k" * 256):
        with pytest.raises(errors.InvalidInput) as caught:
            await buy(shop, mine.service, key=key)
        assert caught.value.fields == {"idempotency_key": "out_of_range"}
    assert (await buy(shop, mine.service, key="k" * 255)).state is PaymentState.SUCCEEDED


@story
async def test_a_saved_card_pays_and_a_typed_one_is_not_kept(shop: Shop) -> None:
    mine = await owner(shop, "")
    saved = await mine.service.save_card("tok_mastercard")
    await mine.service.top_up(TopUp(TWENTY, saved.token), key="saved")
    await buy(shop, mine.service)
    assert [row[-1] for row in await receipts(shop)] == ["Mastercard •••• 4444", "Visa •••• 4242"]
    assert await shop.rows(sa.select(m.PaymentCard.provider_token)) == [("tok_mastercard",)]


@story
async def test_the_first_clicks_of_a_newcomer_make_one_organization(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    other = (await shop.another()).root.for_actor(buyer.actor)
    await asyncio.gather(
        buy(shop, buyer, key="one"), buy(shop, other, key="two"), buyer.set_low_balance_alert(usd("1"))
    )
    assert len((await buyer.get_account()).organizations) == 1
    assert (await buyer.get_wallet()).balance == usd("40")


@story
async def test_what_happened_is_told(shop: Shop) -> None:
    mine = await owner(shop)
    assert await mine.happened() == ["topped_up"]
    grant = (await mine.wallet()).credits[0].uuid
    [happening] = await mine.service.list_happenings()
    assert (happening.at, happening.ref) == (shop.clock.now(), f"credit:{grant}")
    assert happening.params == {"number": "RC-2026-000001", "amount_micros": 20_000_000, "currency": "USD",
                                "paid_with": "Visa •••• 4242"}  # fmt: skip
    [movement] = await mine.movements()
    assert (movement.kind, movement.params) == (
        MovementKind.TOP_UP, {"source": "top_up", "card": "Visa •••• 4242"}
    )  # fmt: skip


# ---- commands


@story
async def test_a_key_belongs_to_one_person_and_one_command(shop: Shop) -> None:
    ada, eve = await shop.market.buyer(), await shop.market.buyer("eve@example.com", device="device-2")
    first = await buy(shop, ada, key="same")
    second = await buy(shop, eve, key="same")
    assert first.payment_uuid != second.payment_uuid
    with pytest.raises(errors.KeyReused) as caught:
        await ada.redeem_code("GIFT25", key="same")
    assert caught.value.params == {"key": "same"}
    with pytest.raises(errors.KeyReused):
        await buy(shop, ada, "20.01", key="same")
    with pytest.raises(errors.KeyReused):
        await buy(shop, ada, outcome="declined", key="same")
    assert (await ada.get_wallet()).balance == TWENTY


@story
async def test_what_was_refused_leaves_its_key_free(shop: Shop) -> None:
    mine = await owner(shop, "")
    with pytest.raises(errors.InvalidInput):
        await buy(shop, mine.service, "1")
    await buy(shop, mine.service)
    assert await mine.balance() == TWENTY


def test_a_request_is_known_by_its_content() -> None:
    one = commands.fingerprint(TopUp(TWENTY, "tok_visa"))
    assert commands.fingerprint(TopUp(TWENTY, "tok_visa")) == one
    others = [TopUp(usd("20.01"), "tok_visa"), TopUp(Money(20_000_000, "EUR"), "tok_visa"), TopUp(TWENTY, "tok_x"),
              TopUp(TWENTY, "tok_visa", "of another"), ("20", "tok_visa"), "tok_visa"]  # fmt: skip
    assert len({one, *map(commands.fingerprint, others)}) == 1 + len(others)


@story
async def test_settings_nobody_made_are_none(shop: Shop) -> None:
    mine = await owner(shop)
    core = core_of(shop)
    assert await core.db.read(lambda connection: alerts.settings_row(connection, mine.organization)) is None
    assert (await mine.wallet()).auto_top_up.is_on is False
    assert await mine.balance() - TWENTY == ZERO
