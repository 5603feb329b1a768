"""Credit: bought, given, spent in order, limited and sent back, with every movement in sight."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.api.errors import (
    CardDeclined,
    ConfirmationDeclined,
    InsufficientCredit,
    InsufficientFunds,
    InvalidInput,
    KeyReused,
    NotFound,
    NotSignedIn,
    RequestInProgress,
    WrongState,
)
from services.api.money import Money
from services.api.types import (
    BillingDetails,
    CreditKind,
    InvoiceKind,
    InvoiceQuery,
    InvoiceState,
    MovementKind,
    MovementQuery,
    Paid,
    PaymentState,
    SetAutoTopUp,
    TopUp,
)
from tests.contract.market import Market, answer_of, raises, story
from tests.contract.money import UNKNOWN, ZERO, per_use, top_up, total, usd

TWENTY = usd("20")
AUTO = SetAutoTopUp(True, usd("10"), usd("40"), usd("100"))

# ---- reading


@story
async def test_a_wallet_nobody_has_used_is_empty_and_says_what_can_be_bought(market: Market) -> None:
    buyer = await market.buyer()
    wallet = await buyer.get_wallet()
    assert (wallet.organization_uuid, wallet.balance, wallet.credits) == ("", ZERO, ())
    assert wallet.packs == (usd("10"), usd("20"), usd("50"), usd("100"))
    assert (wallet.top_up_min, wallet.top_up_max) == (usd("5"), usd("10000"))
    assert not wallet.auto_top_up.is_on
    assert (wallet.is_low, wallet.empty_on, wallet.alert_threshold) == (False, None, None)
    assert (await buyer.list_movements(MovementQuery())).total == 0


@story
async def test_guests_have_no_wallet(market: Market) -> None:
    guest, token = market.guest(), await market.card()
    for work in (
        guest.get_wallet(),
        guest.list_movements(MovementQuery()),
        guest.export_movements(MovementQuery()),
        guest.quote_top_up(TopUp(TWENTY)),
        guest.top_up(TopUp(TWENTY, token), key="k"),
        guest.confirm_payment(UNKNOWN, approve=True),
        guest.rehearse_auto_top_up(AUTO),
        guest.set_auto_top_up(AUTO),
        guest.set_low_balance_alert(TWENTY),
        guest.redeem_code("GIFT25", key="k"),
        guest.refund_credit(UNKNOWN, key="k"),
    ):
        await raises(NotSignedIn, work)


@story
async def test_the_wallet_of_somebody_else_is_not_found(market: Market) -> None:
    ada, eve = await market.buyer(), await market.buyer("eve@example.com", device="device-2")
    await top_up(market, ada)
    wallet = await ada.get_wallet()
    theirs = wallet.organization_uuid
    for work in (
        eve.get_wallet(theirs),
        eve.list_movements(MovementQuery(theirs)),
        eve.export_movements(MovementQuery(theirs)),
        eve.quote_top_up(TopUp(TWENTY, organization_uuid=theirs)),
        eve.top_up(TopUp(TWENTY, await market.card(), theirs), key="k"),
        eve.set_low_balance_alert(TWENTY, theirs),
        eve.redeem_code("GIFT25", key="k", organization_uuid=theirs),
        eve.refund_credit(wallet.credits[0].uuid, key="k"),
        eve.get_wallet(UNKNOWN),
    ):
        await raises(NotFound, work)
    assert await ada.get_wallet(theirs) == wallet


# ---- top-ups


@story
async def test_a_top_up_is_credit_with_its_movement_and_receipt(market: Market) -> None:
    buyer = await market.buyer()
    paid = await top_up(market, buyer)
    assert (paid.state, paid.amount, paid.action) == (PaymentState.SUCCEEDED, TWENTY, None)
    wallet = await buyer.get_wallet()
    assert (wallet.balance, wallet.paid, wallet.promotional, wallet.refundable) == (TWENTY, TWENTY, ZERO, TWENTY)
    credit = wallet.credits[0]
    assert (credit.kind, credit.source, credit.left, credit.expires_at) == (CreditKind.PAID, "top_up", TWENTY, None)
    movement = (await buyer.list_movements(MovementQuery())).items[0]
    assert (movement.kind, movement.amount, movement.balance) == (MovementKind.TOP_UP, TWENTY, TWENTY)
    receipt = await buyer.get_invoice(paid.invoice_uuid)
    assert (receipt.kind, receipt.state, receipt.total) == (InvoiceKind.RECEIPT, InvoiceState.PAID, TWENTY)
    account = await buyer.get_account()
    assert (account.balance, account.spent_this_month) == (TWENTY, TWENTY)
    assert account.organizations[0].uuid == wallet.organization_uuid


@story
async def test_amounts_that_cannot_be_bought_are_refused_by_field(market: Market) -> None:
    buyer, token = await market.buyer(), await market.card()
    bad = ("4.99", "10000.01", "0", "-20", "20.001", "9223372036854.775807")
    for amount in (*(usd(text) for text in bad), Money.parse("20", "EUR")):
        error = await raises(InvalidInput, buyer.quote_top_up(TopUp(amount)))
        assert set(error.fields) == {"amount"}
        error = await raises(InvalidInput, buyer.top_up(TopUp(amount, token), key="k"))
        assert set(error.fields) == {"amount"}
    await raises(InvalidInput, buyer.top_up(TopUp(TWENTY), key="k"), payment_token="required")
    await raises(InvalidInput, buyer.top_up(TopUp(TWENTY, "tok_made_up"), key="k"), payment_token="unknown")
    assert (await buyer.get_wallet()).balance == ZERO
    for text in ("5", "10000"):
        assert (await top_up(market, buyer, text, key=text)).state is PaymentState.SUCCEEDED


@story
async def test_tax_comes_on_top_of_the_credit(market: Market) -> None:
    buyer = await market.buyer()
    plain = await buyer.quote_top_up(TopUp(TWENTY))
    assert (plain.credit, plain.tax, plain.total) == (TWENTY, ZERO, TWENTY)
    await buyer.set_billing_details(BillingDetails("Ada", country="DE"))
    quote = await buyer.quote_top_up(TopUp(TWENTY))
    assert (quote.credit, quote.tax, quote.total, quote.tax_rate) == (TWENTY, usd("3.80"), usd("23.80"), "19")
    paid = await top_up(market, buyer)
    assert paid.amount == usd("23.80")
    assert (await buyer.get_wallet()).balance == TWENTY
    receipt = await buyer.get_invoice(paid.invoice_uuid)
    assert (receipt.subtotal, receipt.tax, receipt.total) == (TWENTY, usd("3.80"), usd("23.80"))


@story
async def test_a_declined_top_up_charges_nothing(market: Market) -> None:
    buyer = await market.buyer()
    for outcome, kind in (("declined", CardDeclined), ("insufficient_funds", InsufficientFunds)):
        request = TopUp(TWENTY, await market.card(outcome))
        await raises(kind, buyer.top_up(request, key=outcome))
        await raises(kind, buyer.top_up(request, key=outcome))
    assert (await buyer.get_wallet()).balance == ZERO
    assert (await buyer.get_account()).spent_this_month == ZERO
    await top_up(market, buyer, key="another card")
    assert (await buyer.get_wallet()).balance == TWENTY


@story
async def test_a_lost_answer_to_a_top_up_is_settled_with_one_charge(market: Market) -> None:
    buyer = await market.buyer()
    for count, outcome in enumerate(("lost_before", "lost_after"), 1):
        paid = await top_up(market, buyer, outcome=outcome, key=outcome)
        assert await top_up(market, buyer, outcome=outcome, key=outcome) == paid
        assert (await buyer.get_wallet()).balance == TWENTY * count
        assert (await buyer.get_account()).spent_this_month == TWENTY * count


@story
async def test_a_used_key_tops_up_once_and_not_for_another_amount(market: Market) -> None:
    buyer = await market.buyer()
    paid = await top_up(market, buyer, key="once")
    assert await top_up(market, buyer, key="once") == paid
    await raises(KeyReused, buyer.top_up(TopUp(usd("50"), await market.card()), key="once"))
    assert (await buyer.get_wallet()).balance == TWENTY
    assert (await buyer.list_movements(MovementQuery())).total == 1


@story
async def test_ten_clicks_at_once_top_up_once(market: Market) -> None:
    buyer, request = await market.buyer(), TopUp(TWENTY, await market.card())
    answers = await asyncio.gather(*(buyer.top_up(request, key="clicked") for _ in range(10)), return_exceptions=True)
    assert len({answer.payment_uuid for answer in answers if isinstance(answer, Paid)}) == 1
    assert all(isinstance(answer, Paid | RequestInProgress) for answer in answers)
    assert (await buyer.get_wallet()).balance == TWENTY


@story
async def test_a_top_up_that_wants_confirmation_waits_for_it(market: Market) -> None:
    buyer, eve = await market.buyer(), await market.buyer("eve@example.com", device="device-2")
    waiting = await top_up(market, buyer, outcome="needs_confirmation")
    assert waiting.state is PaymentState.ACTION_REQUIRED
    assert waiting.action is not None
    assert (await buyer.get_wallet()).balance == ZERO
    await raises(NotFound, eve.confirm_payment(waiting.payment_uuid, approve=True))
    done = await buyer.confirm_payment(waiting.payment_uuid, approve=True)
    assert (done.state, done.payment_uuid) == (PaymentState.SUCCEEDED, waiting.payment_uuid)
    assert (await buyer.get_wallet()).balance == TWENTY
    assert (await buyer.get_invoice(done.invoice_uuid)).total == TWENTY
    for approve in (True, False):
        await raises(WrongState, buyer.confirm_payment(waiting.payment_uuid, approve=approve))


@story
async def test_a_refused_confirmation_leaves_the_wallet_empty(market: Market) -> None:
    buyer = await market.buyer()
    waiting = await top_up(market, buyer, outcome="needs_confirmation")
    await raises(ConfirmationDeclined, buyer.confirm_payment(waiting.payment_uuid, approve=False))
    await raises(WrongState, buyer.confirm_payment(waiting.payment_uuid, approve=True))
    await raises(NotFound, buyer.confirm_payment(UNKNOWN, approve=True))
    assert (await buyer.get_wallet()).balance == ZERO


@story
async def test_unused_credit_goes_back_with_its_tax_once(market: Market) -> None:
    buyer = await market.buyer()
    await buyer.set_billing_details(BillingDetails(country="DE"))
    await top_up(market, buyer)
    credit = (await buyer.get_wallet()).credits[0]
    assert (credit.refundable, credit.refund_total) == (TWENTY, usd("23.80"))
    back = await buyer.refund_credit(credit.uuid, key="back")
    assert (back.state, back.amount) == (PaymentState.SUCCEEDED, credit.refund_total)
    assert await buyer.refund_credit(credit.uuid, key="back") == back
    await raises(WrongState, buyer.refund_credit(credit.uuid, key="again"))
    await raises(NotFound, buyer.refund_credit(UNKNOWN, key="nothing"))
    wallet = await buyer.get_wallet()
    assert (wallet.balance, wallet.credits) == (ZERO, ())
    assert (await buyer.get_account()).spent_this_month == ZERO
    movement = (await buyer.list_movements(MovementQuery())).items[0]
    assert (movement.kind, movement.amount, movement.balance) == (MovementKind.REFUND, -TWENTY, ZERO)
    notes = (await buyer.list_invoices(InvoiceQuery(kind=InvoiceKind.CREDIT_NOTE))).items
    assert [note.total for note in notes] == [usd("-23.80")]


# ---- codes


@story
async def test_a_code_becomes_promotional_credit_that_expires(market: Market) -> None:
    buyer = await market.buyer()
    wallet = await buyer.redeem_code(" GIFT25 ", key="gift")
    assert await buyer.redeem_code("GIFT25", key="gift") == wallet
    assert (wallet.balance, wallet.promotional, wallet.refundable) == (usd("25"), usd("25"), ZERO)
    credit = wallet.credits[0]
    assert credit.kind is CreditKind.PROMOTIONAL
    assert credit.expires_at == credit.created_at + timedelta(days=90)
    movement = (await buyer.list_movements(MovementQuery())).items[0]
    assert (movement.kind, movement.amount) == (MovementKind.GIFT, usd("25"))
    assert (await buyer.get_account()).spent_this_month == ZERO
    await raises(WrongState, buyer.refund_credit(credit.uuid, key="cash"))


@story
async def test_a_code_that_cannot_be_redeemed_says_why(market: Market) -> None:
    ada, eve = await market.buyer(), await market.buyer("eve@example.com", device="device-2")
    await ada.redeem_code("GIFT25", key="gift")
    await raises(InvalidInput, ada.redeem_code("GIFT25", key="second"), code="already_used")
    await raises(InvalidInput, ada.redeem_code("NOSUCHCODE", key="unknown"), code="unknown")
    await raises(InvalidInput, ada.redeem_code("EXPIRED10", key="expired"), code="expired")
    await ada.redeem_code("LASTONE", key="last")
    await raises(InvalidInput, eve.redeem_code("LASTONE", key="too late"), code="exhausted")
    assert (await ada.get_wallet()).balance == usd("30")
    assert (await eve.get_wallet()).balance == ZERO


# ---- spending


@story
async def test_a_prepaid_call_takes_its_price_from_the_credit_that_expires_first(market: Market) -> None:
    buyer = await market.buyer()
    await top_up(market, buyer)
    await buyer.redeem_code("GIFT25", key="gift")
    resource = await market.bought(buyer, await per_use(market))
    before = await buyer.get_wallet()
    assert [credit.kind for credit in before.credits] == [CreditKind.PROMOTIONAL, CreditKind.PAID]
    message = await answer_of(buyer.ask(resource, "How long may a customer take?", key="q1"))
    price = message.cost
    assert price is not None
    assert price > ZERO
    wallet = await buyer.get_wallet()
    assert wallet.balance == before.balance - price
    assert (wallet.promotional, wallet.paid, wallet.held) == (usd("25") - price, TWENTY, ZERO)
    assert wallet.spent_this_month == price
    await answer_of(buyer.ask(resource, "How long may a customer take?", key="q1"))
    assert (await buyer.get_wallet()).balance == wallet.balance
    assert total(one.amount for one in (await buyer.list_movements(MovementQuery())).items) == wallet.balance


@story
async def test_a_call_the_wallet_cannot_pay_is_refused_and_costs_nothing(market: Market) -> None:
    buyer = await market.buyer()
    resource = await market.bought(buyer, await per_use(market))
    error = await raises(InsufficientCredit, answer_of(buyer.ask(resource, "Hello?", key="q1")))
    assert error.params["balance"] == 0
    usage = (await buyer.get_resource(resource)).usage
    assert (usage.used, usage.cost) == (0, ZERO)
    await top_up(market, buyer)  # usable by the very next call
    message = await answer_of(buyer.ask(resource, "Hello?", key="q2"))
    assert message.cost is not None
    assert (await buyer.get_wallet()).balance == TWENTY - message.cost


@story
async def test_movements_are_searched_filtered_and_kept_as_a_file(market: Market) -> None:
    buyer = await market.buyer()
    for count in range(3):
        await top_up(market, buyer, key=f"top-up-{count}")
    await buyer.redeem_code("GIFT25", key="gift")
    everything = await buyer.list_movements(MovementQuery())
    assert [one.kind for one in everything.items] == [MovementKind.GIFT, *[MovementKind.TOP_UP] * 3]
    assert [one.balance for one in everything.items] == [usd("85"), usd("60"), usd("40"), TWENTY]
    second = await buyer.list_movements(MovementQuery(page=2, page_size=3))
    assert (second.total, second.items) == (4, everything.items[3:])
    gifts = await buyer.list_movements(MovementQuery(kind=MovementKind.GIFT))
    assert gifts.items == everything.items[:1]
    assert (await buyer.list_movements(MovementQuery(end=everything.items[-1].at))).total == 0
    assert (await buyer.list_movements(MovementQuery(start=everything.items[0].at))).total > 0
    assert (await buyer.list_movements(MovementQuery(text="no such words"))).total == 0
    for name, query in (("page", MovementQuery(page=0)), ("page_size", MovementQuery(page_size=0))):
        await raises(InvalidInput, buyer.list_movements(query), **{name: "out_of_range"})
    document = await buyer.export_movements(MovementQuery())
    assert document.media_type.startswith("text/csv")
    rows = document.data.decode("utf-8-sig").strip().splitlines()
    assert len(rows) == 1 + 4
    assert "top_up" in rows[1]
    assert "gift" in rows[-1]


# ---- alerts and automatic top-ups


@story
async def test_a_low_balance_is_told_until_the_alert_is_off(market: Market) -> None:
    buyer = await market.buyer()
    await top_up(market, buyer)
    assert not (await buyer.set_low_balance_alert(TWENTY)).is_low  # at the threshold is not below it
    assert (await buyer.set_low_balance_alert(usd("20.01"))).is_low
    assert (await buyer.get_account()).is_balance_low
    wallet = await buyer.set_low_balance_alert(None)
    assert (wallet.alert_threshold, wallet.is_low) == (None, False)
    for bad in (usd("-1"), Money.parse("5", "EUR")):
        error = await raises(InvalidInput, buyer.set_low_balance_alert(bad))
        assert set(error.fields) == {"threshold"}


@story
async def test_automatic_top_ups_need_sensible_settings_and_a_card(market: Market) -> None:
    buyer, card = await market.buyer(), await market.card()
    await top_up(market, buyer, "50")
    wrong: list[tuple[SetAutoTopUp, set[str]]] = [
        (SetAutoTopUp(True, None, usd("40"), usd("100"), card), {"threshold"}),
        (SetAutoTopUp(True, usd("10"), None, usd("100"), card), {"target"}),
        (SetAutoTopUp(True, usd("10"), usd("40"), None, card), {"monthly_limit"}),
        (SetAutoTopUp(True, usd("40"), usd("40"), usd("100"), card), {"target"}),
        (SetAutoTopUp(True, usd("-1"), usd("40"), usd("100"), card), {"threshold"}),
        (SetAutoTopUp(True, usd("10"), usd("40"), usd("5"), card), {"monthly_limit"}),
        (SetAutoTopUp(True, usd("10"), usd("40"), usd("100")), {"payment_token"}),
        (SetAutoTopUp(True, usd("10"), usd("40"), usd("100"), "tok_made_up"), {"payment_token"}),
    ]
    for request, fields in wrong:
        error = await raises(InvalidInput, buyer.set_auto_top_up(request))
        assert set(error.fields) == fields
    assert not (await buyer.get_wallet()).auto_top_up.is_on
    wallet = await buyer.set_auto_top_up(SetAutoTopUp(True, usd("10"), usd("40"), usd("100"), card))
    auto = wallet.auto_top_up
    assert (auto.is_on, auto.threshold, auto.target, auto.monthly_limit) == (True, usd("10"), usd("40"), usd("100"))
    assert wallet.balance == usd("50")
    off = await buyer.set_auto_top_up(SetAutoTopUp(False))
    assert not off.auto_top_up.is_on


@story
async def test_a_rehearsal_changes_nothing(market: Market) -> None:
    buyer = await market.buyer()
    await top_up(market, buyer, "50")
    before = await buyer.get_wallet()
    rehearsal = await buyer.rehearse_auto_top_up(AUTO)
    assert (rehearsal.days, rehearsal.spent) == (90, ZERO)
    assert rehearsal.total == total(charge.amount for charge in rehearsal.charges)
    assert rehearsal.empty_at == ()
    assert await buyer.get_wallet() == before
    error = await raises(InvalidInput, buyer.rehearse_auto_top_up(SetAutoTopUp(True, usd("10"))))
    assert set(error.fields) == {"target", "monthly_limit"}
