"""Payments outside orders: wherever a crash or a lost answer falls, what is bought is charged once or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.contract import Service
from services.api.types import Paid, PaymentState
from services.db import money_models as mm
from services.db.session import Database
from services.embedded import ways
from services.embedded.money import outcomes, payments
from services.embedded.ways import Way
from services.gateways.payments import FAILED, Charge, Lookup
from tests.contract.money import ZERO, usd
from tests.embedded.money.credit import INTENTS, again, buy, core_of, owner
from tests.embedded.shop import Crashed, Shop, crash, reached, story, unreachable
from tests.fakes import Gate

TWENTY = usd("20")
P = mm.PaymentIntent


async def crashed(shop: Shop, where: str, outcome: str = "pays") -> Service:
    """A top-up during which the process died: "before" the provider was asked, or "after" it had answered."""
    buyer = await shop.market.buyer()
    getattr(shop.provider, where)["charge"] = [crash]
    with pytest.raises(Crashed):
        await buy(shop, buyer, outcome=outcome)
    return buyer


async def balance(shop: Shop, buyer: Service) -> object:
    return (await again(shop, buyer).get_wallet()).balance


# ---- crash points


@story
async def test_what_was_never_sent_is_undone_after_the_lease_and_not_before(shop: Shop) -> None:
    buyer = await crashed(shop, "before")
    await shop.restart(seconds=19.999)
    assert await shop.rows(INTENTS) == [("top_up", "sent", "")]
    assert shop.provider.calls["find"] == 0
    await shop.restart(seconds=0.001)
    assert await shop.rows(INTENTS) == [("top_up", "failed", "payment_not_completed")]
    assert (await balance(shop, buyer), shop.charges()) == (ZERO, 0)


@story
async def test_a_charge_that_was_not_recorded_is_found_by_the_sweep(shop: Shop) -> None:
    buyer = await crashed(shop, "after")
    await shop.restart(seconds=19.999)
    assert await balance(shop, buyer) == ZERO
    await shop.restart(seconds=0.001)
    assert await shop.rows(INTENTS) == [("top_up", "succeeded", "")]
    assert (await balance(shop, buyer), shop.charges()) == (TWENTY, 1)
    paid = await buy(shop, again(shop, buyer))  # the button is pressed again
    assert (paid.state, paid.amount) == (PaymentState.SUCCEEDED, TWENTY)
    assert (await balance(shop, buyer), shop.charges()) == (TWENTY, 1)


@story
async def test_nobody_needs_to_wait_for_the_sweep(shop: Shop) -> None:
    for count, where in enumerate(("before", "after"), 1):
        buyer = await shop.market.buyer(f"{where}@example.com")
        getattr(shop.provider, where)["charge"] = [crash]
        with pytest.raises(Crashed):
            await buy(shop, buyer)
        await shop.restart()
        paid = await buy(shop, again(shop, buyer))
        assert paid.state is PaymentState.SUCCEEDED
        assert (await balance(shop, buyer), shop.charges()) == (TWENTY, count)


@story
async def test_what_was_undone_is_charged_once_when_it_is_asked_for_again(shop: Shop) -> None:
    buyer = await crashed(shop, "before")
    await shop.restart(seconds=20)
    paid = await buy(shop, again(shop, buyer))
    assert paid.state is PaymentState.SUCCEEDED
    assert await buy(shop, again(shop, buyer)) == paid
    assert (await balance(shop, buyer), shop.charges()) == (TWENTY, 1)
    assert await shop.rows(INTENTS) == [("top_up", "succeeded", "")]


@story
async def test_a_second_sweep_finds_nothing_more_to_do(shop: Shop) -> None:
    await crashed(shop, "after")
    await shop.restart(seconds=20)
    assert shop.provider.calls["find"] == 1
    shop.clock.advance(days=3)
    assert await outcomes.sweep(core_of(shop)) == 0
    assert shop.provider.calls["find"] == 1


@story
async def test_a_sweep_without_a_network_leaves_it_for_the_next(shop: Shop) -> None:
    buyer = await crashed(shop, "after")
    shop.clock.advance(seconds=20)
    shop.provider.before["find"] = [unreachable]
    assert await outcomes.sweep(core_of(shop)) == 0
    assert await balance(shop, buyer) == ZERO
    assert await outcomes.sweep(core_of(shop)) == 1
    assert await balance(shop, buyer) == TWENTY


@story
async def test_a_lease_longer_than_any_can_be_is_not_believed(shop: Shop) -> None:
    buyer = await crashed(shop, "after")
    await shop.write(sa.update(P).values(leased_until=shop.clock.now() + timedelta(seconds=40)))
    assert await outcomes.sweep(core_of(shop)) == 0
    await shop.write(sa.update(P).values(leased_until=shop.clock.now() + timedelta(seconds=40.001)))
    assert await outcomes.sweep(core_of(shop)) == 1
    assert await balance(shop, buyer) == TWENTY


@story
async def test_a_bug_in_one_payment_does_not_keep_the_others_waiting(shop: Shop) -> None:
    async def broken() -> None:
        raise ValueError("a bug")

    first = await crashed(shop, "after")
    second = await shop.market.buyer("eve@example.com")
    shop.clock.advance(seconds=1)
    shop.provider.after["charge"] = [crash]
    with pytest.raises(Crashed):
        await buy(shop, second)
    shop.clock.advance(seconds=20)
    shop.provider.before["find"] = [broken]
    with pytest.raises(ValueError, match="a bug"):
        await outcomes.sweep(core_of(shop))
    assert (await balance(shop, first), await balance(shop, second)) == (ZERO, TWENTY)


# ---- answers


@story
async def test_a_provider_that_does_not_answer_is_asked_three_times(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    shop.provider.before["charge"] = [unreachable] * 3
    with pytest.raises(errors.PaymentUnknown) as caught:
        await buy(shop, buyer)
    assert shop.provider.calls["charge"] == 3
    assert caught.value.params["payment_uuid"] == await shop.value(sa.select(P.uuid))
    assert (await buy(shop, buyer)).state is PaymentState.SUCCEEDED
    assert shop.charges() == 1


@story
async def test_a_refused_card_stays_refused_under_its_key(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    for outcome, kind in (("declined", errors.CardDeclined), ("insufficient_funds", errors.InsufficientFunds)):
        for _ in range(2):
            with pytest.raises(kind):
                await buy(shop, buyer, outcome=outcome, key=outcome)
    assert shop.provider.calls["charge"] == 2
    assert [row[1:] for row in await shop.rows(INTENTS)] == [
        ("failed", "card_declined"),
        ("failed", "insufficient_funds"),
    ]
    assert (await balance(shop, buyer), shop.charges()) == (ZERO, 0)


@story
async def test_two_programs_with_one_key_charge_once(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    other = (await shop.another()).root.for_actor(buyer.actor)
    first, second = await asyncio.gather(buy(shop, buyer), buy(shop, other))
    assert first == second
    assert (await balance(shop, buyer), shop.charges()) == (TWENTY, 1)
    assert (await buyer.list_happenings())[0].kind == "topped_up"
    assert len(await buyer.list_happenings()) == 1


@story
async def test_a_charge_that_turns_up_after_it_was_given_up_goes_back_once(shop: Shop) -> None:
    buyer, gate = await shop.market.buyer(), Gate()
    shop.provider.before["charge"] = [gate.passed]
    clicked = asyncio.create_task(buy(shop, buyer))
    await reached(gate)
    shop.clock.advance(seconds=20)
    assert await outcomes.sweep(core_of(shop)) == 1  # the provider has not heard of it
    gate.open()
    with pytest.raises(errors.PaymentNotCompleted):
        await clicked
    assert (await balance(shop, buyer), shop.charges()) == (ZERO, 1)
    with pytest.raises(errors.PaymentNotCompleted):  # its charge is on the way back and pays for nothing
        await buy(shop, buyer)
    core, uuid = core_of(shop), await shop.value(sa.select(P.uuid).where(P.purpose == "top_up"))
    answer = await shop.provider.find(Lookup(f"intent:{uuid}"))
    assert answer is not None
    await core.db.run(lambda connection: outcomes.record(core, connection, uuid, answer, core.clock.now()))
    shop.clock.advance(seconds=20)
    assert await outcomes.sweep(core) == 1
    assert shop.provider.refunded() == TWENTY
    assert sorted(await shop.rows(INTENTS)) == [
        ("refund", "succeeded", ""),
        ("top_up", "failed", "payment_not_completed"),
    ]
    assert (await buyer.get_account()).spent_this_month == ZERO
    assert await outcomes.sweep(core_of(shop)) == 0


@story
async def test_an_answer_that_is_told_twice_counts_once(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    paid = await buy(shop, buyer)
    core = core_of(shop)
    states = ("succeeded", FAILED, "refunded", "action_required")
    late = [Charge("ch", state, TWENTY) for state in states]
    for answer in late:

        def work(connection: Connection, answer: Charge = answer) -> None:
            outcomes.record(core, connection, paid.payment_uuid, answer, core.clock.now())

        await core.db.run(work)
    assert await balance(shop, buyer) == TWENTY
    assert await shop.rows(INTENTS) == [("top_up", "succeeded", "")]


@story
async def test_an_answer_that_says_nothing_changes_nothing(shop: Shop) -> None:
    buyer = await crashed(shop, "after")
    core, uuid = core_of(shop), await shop.value(sa.select(P.uuid))
    puzzling = Charge("ch", "puzzling", TWENTY)
    await core.db.run(lambda connection: outcomes.record(core, connection, uuid, puzzling, core.clock.now()))
    assert await shop.rows(INTENTS) == [("top_up", "sent", "")]
    shop.clock.advance(seconds=20)
    assert await outcomes.sweep(core) == 1
    assert await balance(shop, buyer) == TWENTY


@story
async def test_who_comes_back_while_the_sweep_asks_is_not_given_up(shop: Shop) -> None:
    buyer = await crashed(shop, "before")
    shop.clock.advance(seconds=20)
    gate = Gate()
    shop.provider.before["charge"] = [gate.passed]

    async def comes_back() -> None:
        clicks.append(asyncio.create_task(buy(shop, buyer)))
        await reached(gate)

    clicks: list[asyncio.Task[Paid]] = []
    shop.provider.after["find"] = [comes_back]
    assert await outcomes.sweep(core_of(shop)) == 0
    assert await shop.rows(INTENTS) == [("top_up", "sent", "")]
    gate.open()
    assert (await clicks[0]).state is PaymentState.SUCCEEDED
    assert (await balance(shop, buyer), shop.charges()) == (TWENTY, 1)


def test_a_workspace_that_is_only_read_is_not_swept(shop: Shop, loop: asyncio.Runner) -> None:
    async def play() -> None:
        await crashed(shop, "after")
        shop.clock.advance(seconds=20)
        db = Database(shop.folder / "souk.db", read_only=True)
        assert await outcomes.sweep(replace(core_of(shop), db=db)) == 0
        db.close()
        assert shop.provider.calls["find"] == 0

    loop.run(play())


@story
async def test_a_payment_nobody_knows_is_not_found(shop: Shop) -> None:
    with pytest.raises(errors.NotFound):
        await outcomes.carry_out(core_of(shop), "0" * 32)


# ---- confirmations


async def waiting(shop: Shop) -> tuple[Service, Paid]:
    """A top-up that waits for the buyer."""
    buyer = await shop.market.buyer()
    return buyer, await buy(shop, buyer, outcome="needs_confirmation")


@story
async def test_a_confirmation_is_waited_for_a_day_and_no_longer(shop: Shop) -> None:
    buyer, paid = await waiting(shop)
    assert paid.action is not None
    assert paid.action.url == f"/pay/test/{paid.payment_uuid}/"
    for _ in range(2):  # each look gives it another lease
        shop.clock.advance(seconds=20)
        assert await outcomes.sweep(core_of(shop)) == 0
    assert shop.provider.calls["find"] == 2
    assert await outcomes.sweep(core_of(shop)) == 0
    assert shop.provider.calls["find"] == 2
    shop.clock.advance(days=1, seconds=-40, microseconds=-1)
    assert await outcomes.sweep(core_of(shop)) == 0
    assert (await buy(shop, buyer, outcome="needs_confirmation")) == paid
    shop.clock.advance(seconds=20)
    assert await outcomes.sweep(core_of(shop)) == 1
    assert await shop.rows(INTENTS) == [("top_up", "failed", "confirmation_declined")]
    with pytest.raises(errors.ConfirmationDeclined):
        await buy(shop, buyer, outcome="needs_confirmation")


@story
async def test_a_confirmation_whose_answer_was_lost_is_found_by_the_sweep(shop: Shop) -> None:
    buyer, paid = await waiting(shop)
    shop.provider.after["confirm"] = [unreachable]
    with pytest.raises(errors.PaymentUnknown) as caught:
        await buyer.confirm_payment(paid.payment_uuid, approve=True)
    assert caught.value.params == {"payment_uuid": paid.payment_uuid}
    shop.clock.advance(seconds=19)
    assert await outcomes.sweep(core_of(shop)) == 0
    shop.clock.advance(seconds=1)
    assert await outcomes.sweep(core_of(shop)) == 1
    assert (await balance(shop, buyer), shop.charges()) == (TWENTY, 1)


@story
async def test_a_confirmation_that_crashed_is_found_by_the_sweep(shop: Shop) -> None:
    buyer, paid = await waiting(shop)
    shop.provider.after["confirm"] = [crash]
    with pytest.raises(Crashed):
        await buyer.confirm_payment(paid.payment_uuid, approve=True)
    await shop.restart(seconds=20)
    assert (await balance(shop, buyer), shop.charges()) == (TWENTY, 1)
    with pytest.raises(errors.WrongState) as caught:
        await again(shop, buyer).confirm_payment(paid.payment_uuid, approve=True)
    assert caught.value.params == {"state": "succeeded"}


@story
async def test_what_is_asked_again_while_it_waits_is_not_charged_again(shop: Shop) -> None:
    buyer, paid = await waiting(shop)
    assert await buy(shop, buyer, outcome="needs_confirmation") == paid
    assert shop.provider.calls["charge"] == 1


@story
async def test_a_sweep_that_cannot_decline_leaves_it_for_the_next(shop: Shop) -> None:
    await waiting(shop)
    shop.clock.advance(days=1)
    shop.provider.before["confirm"] = [unreachable]
    assert await outcomes.sweep(core_of(shop)) == 0
    assert await shop.rows(INTENTS) == [("top_up", "action_required", "")]
    assert await outcomes.sweep(core_of(shop)) == 1


# ---- money that goes back


@story
async def test_a_refund_is_asked_for_until_it_is_done(shop: Shop) -> None:
    mine = await owner(shop)
    credit = (await mine.wallet()).credits[0]
    shop.provider.before["refund"] = [unreachable] * 5
    back = await mine.service.refund_credit(credit.uuid, key="back")
    assert (back.state, back.amount) == (PaymentState.SENT, TWENTY)
    assert await mine.balance() == ZERO  # nobody can spend it meanwhile
    shop.clock.advance(seconds=20)
    assert await outcomes.sweep(core_of(shop)) == 0
    assert await outcomes.sweep(core_of(shop)) == 0
    assert await outcomes.sweep(core_of(shop)) == 1
    assert shop.provider.refunded() == TWENTY
    assert (await mine.service.refund_credit(credit.uuid, key="back")).state is PaymentState.SUCCEEDED
    assert shop.provider.refunded() == TWENTY
    assert await mine.is_sound()


@story
async def test_a_refund_is_sent_once_wherever_the_process_dies(shop: Shop) -> None:
    for where in ("before", "after"):
        buyer = await shop.market.buyer(f"{where}@example.com")
        await buy(shop, buyer)
        credit = (await buyer.get_wallet()).credits[0]
        getattr(shop.provider, where)["refund"] = [crash]
        with pytest.raises(Crashed):
            await buyer.refund_credit(credit.uuid, key="back")
        await shop.restart(seconds=20)
        back = await again(shop, buyer).refund_credit(credit.uuid, key="back")
        assert back.state is PaymentState.SUCCEEDED
        assert await balance(shop, buyer) == ZERO
    assert shop.provider.refunded() == TWENTY * 2


@story
async def test_a_refund_the_provider_refuses_is_not_given_up(shop: Shop) -> None:
    mine = await owner(shop)
    shop.provider.before["refund"] = [crash]
    with pytest.raises(Crashed):
        await mine.service.refund_credit((await mine.wallet()).credits[0].uuid, key="back")
    core, uuid = core_of(shop), await shop.value(sa.select(P.uuid).where(P.purpose == payments.REFUND))
    refused = Charge("ch", FAILED, TWENTY, "expired")
    await core.db.run(lambda connection: outcomes.record(core, connection, uuid, refused, core.clock.now()))
    assert ("refund", "sent", "") in await shop.rows(INTENTS)
    shop.clock.advance(seconds=20)
    assert await outcomes.sweep(core) == 1
    assert shop.provider.refunded() == TWENTY
    done = Charge("ch", "refunded", TWENTY)
    await core.db.run(lambda connection: outcomes.record(core, connection, uuid, done, core.clock.now()))
    assert ("refund", "succeeded", "") in await shop.rows(INTENTS)
    assert await mine.is_sound()


# ---- cards


@story
async def test_a_card_is_shown_by_brand_and_last_digits(shop: Shop) -> None:
    mine, core = await owner(shop), core_of(shop)
    shown = ways.of_test_card(core, await shop.market.card())
    assert shown is not None
    assert (shown.label, ways.of_test_card(core, "tok_unknown")) == ("Visa •••• 4242", None)
    assert await core.db.read(lambda c: ways.of_organization(core, c, mine.organization)) is None
    first = await mine.service.save_card(await shop.market.card())
    shop.clock.advance(seconds=1)
    second = await mine.service.save_card("tok_mastercard")
    default = Way("test", token="tok_visa", label="Visa •••• 4242", ours=first.token)
    assert await core.db.read(lambda c: ways.of_organization(core, c, mine.organization)) == default
    named = await core.db.read(lambda c: ways.of_organization(core, c, mine.organization, second.token))
    assert named == Way("test", token="tok_mastercard", label="Mastercard •••• 4444", ours=second.token)
    # one that is gone: the default pays
    gone = await core.db.read(lambda c: ways.of_organization(core, c, mine.organization, "card_unknown"))
    assert gone == default
    assert await core.db.read(lambda c: ways.of_organization(core, c, "another", first.token)) is None
