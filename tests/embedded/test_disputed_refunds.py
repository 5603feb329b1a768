"""Money that is to go back, and a bank that decides about the payment behind it, or has taken it back itself."""

from __future__ import annotations

import pytest

from services.api.errors import WrongState
from services.api.money import Money
from services.api.types import (
    BillingDetails,
    InvoiceKind,
    InvoiceQuery,
    InvoiceState,
    PaymentState,
    ReceiveTransfer,
    RefundRequest,
    TopUp,
)
from services.domain.ledger import AccountKind
from services.embedded.money import corrections
from tests.embedded.money.lives import Life, usd
from tests.embedded.shop import Shop, story, unreachable
from tests.embedded.test_disputes import hear
from tests.embedded.test_late_payments import begun, hear_and_work, replaced

GERMAN, AMERICAN = BillingDetails(name="Ada", country="DE"), BillingDetails(name="Ada", country="US")
ZERO = usd("0")


async def bought(shop: Shop) -> Life:
    """$29 and $5.51 of tax, paid by card."""
    life = await Life.begin(shop)
    await life.buyer.set_billing_details(GERMAN)
    await life.subscribe()
    return life


async def disputed(life: Life, amount: str) -> str:
    """The newest charge, disputed for so much."""
    charge = await life.shop.provider._do(
        lambda db: db.execute("SELECT id FROM charges ORDER BY rowid DESC").fetchone()
    )
    dispute = await life.shop.provider.open_dispute(charge[0], usd(amount))
    await hear(life.shop)
    return dispute


async def closed(life: Life, dispute: str, state: str) -> None:
    await life.shop.provider.close_dispute(dispute, state)
    await hear(life.shop)
    await swept(life)


async def swept(life: Life) -> None:
    """Whatever waits for the provider is asked for again."""
    life.shop.clock.advance(minutes=2)
    await life.shop.market.run_jobs()


async def invoice(life: Life) -> str:
    found = (await life.buyer.list_invoices(InvoiceQuery())).items
    return next(one.uuid for one in found if one.kind is InvoiceKind.INVOICE and one.due.is_zero)


async def queued_refund(life: Life, amount: str) -> None:
    """Support gives money back while the provider cannot be reached."""
    life.shop.provider.before["refund"] = [unreachable] * 3
    request = RefundRequest(await invoice(life), usd(amount))
    seen = await life.buyer.preview_refund(request)
    assert (await life.buyer.refund_invoice(request, seen.hash, key="r")).state is PaymentState.SENT


async def by_hand(life: Life) -> list[Money]:
    """What support has to send."""
    return [one.amount for one in await life.buyer.list_transfers() if one.subject == "refund"]


async def send_by_hand(life: Life) -> Money:
    """Support sends it all. Returns how much that is."""
    sent = ZERO
    for one in await life.buyer.list_transfers():
        await life.buyer.receive_transfer(
            ReceiveTransfer(one.reference, one.amount, f"bank {one.reference}"), key=one.reference
        )
        sent += one.amount
    return sent


async def check(life: Life, sent: Money = ZERO) -> None:
    """`sent`: what has left our own bank account."""
    await life.check_books()
    assert await life.balance(AccountKind.CLEARING) == sent - life.shop.provider.balance()
    assert await life.balance(AccountKind.REFUNDS) == sum(await by_hand(life), ZERO)


# ---- corrections


@story
async def test_nothing_is_corrected_before_the_bank_has_decided_and_all_is_once_it_is_won(shop: Shop) -> None:
    life = await bought(shop)
    dispute = await disputed(life, "10")
    uuid = await invoice(life)
    for details in (AMERICAN, BillingDetails(name="Ada", country="FR")):  # to less, and to more
        with pytest.raises(WrongState) as refused:
            await life.buyer.correct_invoice(uuid, details, key=f"c{details.country}")
        assert refused.value.params == {"state": "disputed"}
    assert (await life.buyer.get_invoice(uuid)).state is InvoiceState.PAID
    await closed(life, dispute, "won")
    await life.buyer.correct_invoice(uuid, AMERICAN, key="again")
    await swept(life)
    assert shop.provider.balance() == usd("29")
    await check(life)


@story
async def test_after_a_lost_one_only_what_gives_nothing_back_is_corrected(shop: Shop) -> None:
    life = await bought(shop)
    await closed(life, await disputed(life, "34.51"), "lost")
    uuid = await invoice(life)
    with pytest.raises(WrongState) as refused:
        await life.buyer.correct_invoice(uuid, AMERICAN, key="less")
    assert refused.value.params == {"state": "taken_back"}
    await life.buyer.correct_invoice(uuid, BillingDetails(name="Ada B", country="DE"), key="name")
    await check(life)


@story
async def test_what_no_charge_can_carry_is_sent_by_transfer(shop: Shop) -> None:
    life = await bought(shop)
    await closed(life, await disputed(life, "10"), "lost")
    uuid, now = await invoice(life), shop.clock.now()
    await shop.db.run(lambda connection: corrections.credit(shop.service.core, connection, uuid, None, now))
    assert sorted(await by_hand(life)) == [usd("10"), usd("24.51")]
    await check(life)


# ---- refunds of invoices


@story
async def test_support_gives_nothing_back_while_the_bank_decides_and_by_transfer_what_it_left(shop: Shop) -> None:
    life = await bought(shop)
    dispute = await disputed(life, "10")
    request = RefundRequest(await invoice(life))
    with pytest.raises(WrongState) as refused:
        await life.buyer.preview_refund(request)
    assert refused.value.params == {"state": "disputed"}
    await closed(life, dispute, "lost")
    seen = await life.buyer.preview_refund(request)
    assert (seen.amount, seen.goes_to) == (usd("24.51"), "bank")
    await life.buyer.refund_invoice(request, seen.hash, key="r")
    assert await by_hand(life) == [usd("24.51")]
    await check(life)
    await check(life, await send_by_hand(life))
    assert await by_hand(life) == []
    with pytest.raises(WrongState) as nothing:
        await life.buyer.preview_refund(request)
    assert nothing.value.params == {"state": "nothing_left"}


@story
async def test_a_refund_under_way_waits_for_the_bank_and_is_sent_when_it_is_won(shop: Shop) -> None:
    life = await bought(shop)
    await queued_refund(life, "20")
    dispute = await disputed(life, "14.51")
    await swept(life)
    assert await life.balance(AccountKind.REFUNDS) == usd("20")
    await closed(life, dispute, "won")
    assert shop.provider.balance() == usd("14.51")
    await check(life)


@story
async def test_what_the_bank_gave_back_is_not_owed_any_more(shop: Shop) -> None:
    life = await bought(shop)
    await queued_refund(life, "20")
    await closed(life, await disputed(life, "34.51"), "lost")
    assert (shop.provider.balance(), await by_hand(life)) == (ZERO, [])
    await check(life)
    # all of it went back once: nothing was sold, and no tax is owed
    assert await life.balance(AccountKind.TAX_PAYABLE) == ZERO
    assert await life.balance(AccountKind.REVENUE) == -await life.balance(AccountKind.DEFERRED_REVENUE)
    assert shop.provider.refunded() == ZERO


@story
async def test_what_the_bank_did_not_give_back_of_a_refund_is_sent_by_transfer(shop: Shop) -> None:
    life = await bought(shop)
    await queued_refund(life, "20")
    await closed(life, await disputed(life, "10"), "lost")
    assert await by_hand(life) == [usd("10")]
    await check(life)
    assert await life.balance(AccountKind.TAX_PAYABLE) == usd("2.32")  # 5.51 - 3.19 of the note; the bank's is in it
    await check(life, await send_by_hand(life))


@story
async def test_two_lost_disputes_settle_one_refund_once_each(shop: Shop) -> None:
    life = await bought(shop)
    await queued_refund(life, "20")
    first, second = await disputed(life, "10"), await disputed(life, "5")
    await closed(life, first, "lost")
    assert await life.balance(AccountKind.REFUNDS) == usd("20")  # the other one is open
    await closed(life, second, "lost")
    assert await by_hand(life) == [usd("5")]
    await check(life)


@story
async def test_what_is_to_be_sent_by_hand_waits_for_the_bank_and_is_less_when_it_takes_more(shop: Shop) -> None:
    life = await bought(shop)
    await closed(life, await disputed(life, "10"), "lost")
    request = RefundRequest(await invoice(life))
    seen = await life.buyer.preview_refund(request)
    await life.buyer.refund_invoice(request, seen.hash, key="r")
    assert await by_hand(life) == [usd("24.51")]
    second = await disputed(life, "9")
    assert await by_hand(life) == []
    await closed(life, second, "lost")
    assert await by_hand(life) == [usd("15.51")]
    third = await disputed(life, "2")
    await closed(life, third, "won")
    assert await by_hand(life) == [usd("15.51")]
    await closed(life, await disputed(life, "15.51"), "lost")
    assert (await by_hand(life), await life.balance(AccountKind.REFUNDS)) == ([], ZERO)
    await check(life)


@story
async def test_a_refund_that_was_sent_unheard_is_not_sent_again(shop: Shop) -> None:
    life = await bought(shop)
    shop.provider.after["refund"] = [unreachable]
    shop.provider.before["refund"] = [lambda: _nothing(), unreachable, unreachable]
    request = RefundRequest(await invoice(life), usd("20"))
    seen = await life.buyer.preview_refund(request)
    await life.buyer.refund_invoice(request, seen.hash, key="r")
    await closed(life, await disputed(life, "14.51"), "lost")
    assert (shop.provider.balance(), shop.provider.refunded(), await by_hand(life)) == (ZERO, usd("20"), [])
    await check(life)


async def _nothing() -> None:
    """The call goes through."""


@story
async def test_credit_is_not_taken_for_what_the_bank_gave_back_of_a_refund(shop: Shop) -> None:
    """$99 paid, $70 of it credit again, $29 of it on its way back: the bank's $20 are of those."""
    life = await Life.begin(shop)
    await life.subscribe("pro")
    await life.to_plan("starter", at_end=False)
    life.shop.provider.before["refund"] = [unreachable] * 3
    found = (await life.buyer.list_invoices(InvoiceQuery())).items
    request = RefundRequest(next(one.uuid for one in found if one.total == usd("99")), usd("29"))
    await life.buyer.refund_invoice(request, (await life.buyer.preview_refund(request)).hash, key="r")
    await closed(life, await disputed(life, "20"), "lost")
    assert (await life.buyer.get_wallet()).balance == usd("70")
    assert await by_hand(life) == [usd("9")]
    await check(life)


# ---- refunds of credit


async def topped_up(shop: Shop) -> tuple[Life, str]:
    """$60 of credit, and its grant."""
    life = await Life.begin(shop)
    await life.buyer.top_up(TopUp(usd("60"), await shop.market.card()), key="t")
    [credit] = (await life.buyer.get_wallet()).credits
    return life, credit.uuid


@story
async def test_credit_goes_back_by_transfer_when_a_bank_has_kept_a_part(shop: Shop) -> None:
    life, credit = await topped_up(shop)
    dispute = await disputed(life, "10")
    with pytest.raises(WrongState) as refused:
        await life.buyer.refund_credit(credit, key="early")
    assert refused.value.params == {"state": "disputed"}
    await closed(life, dispute, "lost")
    await life.buyer.refund_credit(credit, key="late")
    assert (await life.buyer.get_wallet()).balance == ZERO
    assert await by_hand(life) == [usd("50")]
    await check(life)
    await check(life, await send_by_hand(life))
    assert await by_hand(life) == []


async def gives_credit_back(shop: Shop) -> Life:
    """Credit is on its way back while the provider cannot be reached."""
    life, credit = await topped_up(shop)
    shop.provider.before["refund"] = [unreachable] * 3
    await life.buyer.refund_credit(credit, key="r")
    return life


@story
async def test_a_refund_of_credit_under_way_is_settled_alike(shop: Shop) -> None:
    life = await gives_credit_back(shop)
    await closed(life, await disputed(life, "10"), "lost")
    assert await by_hand(life) == [usd("50")]
    assert await life.balance(AccountKind.REVENUE) == ZERO
    await check(life)
    await check(life, await send_by_hand(life))
    assert shop.provider.balance() == usd("50")


@story
async def test_a_refund_of_credit_that_the_bank_made_needless_is_over(shop: Shop) -> None:
    life = await gives_credit_back(shop)
    await closed(life, await disputed(life, "60"), "lost")
    assert (await by_hand(life), await life.balance(AccountKind.REVENUE)) == ([], ZERO)
    await check(life)


# ---- money that came too late for its order


async def late_and_lost(shop: Shop, amount: str) -> Life:
    """$29 came on a page that was replaced; before they could be sent back, the bank took so much of them."""
    life = await begun(shop)
    _, charge = await replaced(life)
    await shop.provider.answer_late(charge)
    shop.provider.before["refund"] = [unreachable] * 20
    await hear_and_work(shop)
    dispute = await shop.provider.open_dispute(charge, usd(amount))
    await hear_and_work(shop)
    assert await life.balance(AccountKind.DISPUTES) == -usd(amount)
    await shop.provider.close_dispute(dispute, "lost")
    shop.provider.before["refund"].clear()
    await life.wait(hours=2)
    await hear_and_work(shop)
    return life


@story
async def test_late_money_that_the_bank_took_is_not_sent_once_more(shop: Shop) -> None:
    life = await late_and_lost(shop, "29")
    assert (await by_hand(life), shop.provider.balance(), shop.provider.refunded()) == ([], usd("29"), ZERO)
    assert await life.balance(AccountKind.DISPUTES) == ZERO
    await check(life)


@story
async def test_late_money_of_which_the_bank_took_a_part_is_sent_by_transfer(shop: Shop) -> None:
    life = await late_and_lost(shop, "9")
    assert (await by_hand(life), shop.provider.refunded()) == ([usd("20")], ZERO)
    await check(life)
    await check(life, await send_by_hand(life))
