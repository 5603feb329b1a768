"""The automatic top-up: charges the whole gap once, never beyond its month, and never again after a refusal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from services.api import errors
from services.api.money import Money
from services.api.types import AutoTopUp, MovementKind, SetAutoTopUp
from services.db import models as m
from services.db import money_models as mm
from services.embedded.money import alerts, auto_top_up, due, outcomes, rehearsals
from services.embedded.money.alerts import save_settings
from services.embedded.money.duties import DUTIES
from tests.contract.money import ZERO, usd
from tests.embedded.money.credit import Owner, again, buy, core_of, owner
from tests.embedded.shop import Crashed, Shop, crash, story, unreachable

P = mm.PaymentIntent
TEN, FORTY = usd("10"), usd("40")


async def switch_on(mine: Owner, outcome: str = "pays", limit: str = "100") -> AutoTopUp:
    """Below $10 the wallet is filled to $40."""
    token = await mine.shop.market.card(outcome)
    request = SetAutoTopUp(True, TEN, FORTY, usd(limit), token)
    return (await again(mine.shop, mine.service).set_auto_top_up(request)).auto_top_up


async def state(mine: Owner) -> AutoTopUp:
    return (await mine.wallet()).auto_top_up


def automatic() -> sa.Executable:
    return sa.select(P.state, P.error_code).where(P.purpose == "auto_top_up").order_by(P.created_at, P.uuid)


# ---- when


@story
async def test_it_fills_the_wallet_when_it_falls_below_the_threshold(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine)
    await mine.spend("10")
    await mine.run_due()
    assert (await mine.balance(), shop.charges()) == (TEN, 1)  # at the threshold is not below it
    shop.clock.advance(minutes=5)
    await mine.spend("0.008")
    below = shop.clock.now()
    shop.clock.advance(minutes=5)
    await mine.run_due()
    assert (await mine.balance(), shop.charges()) == (usd("40.002"), 2)  # whole cents that cover the gap of $30.008
    auto = await state(mine)
    assert (auto.charged_this_month, auto.is_in_flight, auto.problem) == (usd("30.01"), False, "")
    movement = (await mine.movements())[0]
    assert (movement.kind, movement.amount, movement.at) == (MovementKind.AUTO_TOP_UP, usd("30.01"), below)
    assert movement.params == {"source": "auto_top_up", "card": "Visa •••• 4242"}
    credit = next(one for one in (await mine.wallet()).credits if one.source == "auto_top_up")
    assert (credit.left, credit.refundable) == (usd("30.01"), usd("30.01"))
    assert (await mine.happened())[-1] == "auto_topped_up"
    assert await mine.is_sound()


@story
async def test_it_looks_at_once_when_it_is_switched_on(shop: Shop) -> None:
    mine = await owner(shop, "5")
    await switch_on(mine)
    assert await mine.balance() == usd("5")  # the worker does it
    await mine.run_due()
    assert await mine.balance() == FORTY
    await mine.run_due()
    assert shop.charges() == 2


@story
async def test_it_is_off_until_it_is_switched_on_and_after_it_was_switched_off(shop: Shop) -> None:
    mine = await owner(shop)
    await mine.spend("15")
    await mine.run_due()
    await switch_on(mine)
    off = await mine.service.set_auto_top_up(SetAutoTopUp(False, TEN, FORTY, usd("100")))
    assert (off.auto_top_up.is_on, off.auto_top_up.threshold, off.auto_top_up.monthly_limit) == (False, TEN, usd("100"))
    await mine.run_due()
    assert (await mine.balance(), shop.charges()) == (usd("5"), 1)


@story
async def test_many_calls_below_the_threshold_fill_it_once(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine)
    for _ in range(6):
        shop.clock.advance(seconds=1)
        await mine.spend("3")
    await mine.run_due()
    assert (await mine.balance(), shop.charges()) == (FORTY, 2)
    assert await shop.rows(automatic()) == [("succeeded", "")]


@story
async def test_two_programs_that_look_at_once_charge_once(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine)
    await mine.spend("15")
    await mine.spend("1")
    other = await shop.another()
    await asyncio.gather(*(program.run_jobs() for program in (shop.market, other) * 4))
    await mine.run_due()
    assert (await mine.balance(), shop.charges()) == (FORTY, 2)


@story
async def test_tax_comes_on_top(shop: Shop) -> None:
    mine = await owner(shop)
    core = core_of(shop)
    await core.db.run(lambda connection: save_settings(connection, mine.organization, details={"country": "DE"}))
    await switch_on(mine)
    await mine.spend("15")
    await mine.run_due()
    assert await mine.balance() == FORTY
    assert await shop.value(sa.select(P.amount_micros).where(P.purpose == "auto_top_up")) == 41_650_000
    assert (await state(mine)).charged_this_month == usd("35")  # the limit is about credit


# ---- refusals


@story
async def test_a_refused_card_is_not_tried_again_before_somebody_looked(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine, "declined")
    await mine.spend("11")
    await mine.run_due()
    assert (await state(mine)).problem == "card_declined"
    for _ in range(3):
        shop.clock.advance(days=1)
        await mine.spend("1")
        await mine.run_due()
    assert shop.provider.calls["charge"] == 2
    assert (await mine.happened()).count("auto_top_up_refused") == 1
    assert await mine.noted("auto_top_up_refused") == [
        {"problem": "card_declined", "balance_micros": 9_000_000, "currency": "USD"}
    ]
    fixed = await switch_on(mine)
    assert fixed.problem == ""
    await mine.run_due()
    assert (await mine.balance(), shop.charges()) == (FORTY, 2)


@story
async def test_a_bank_that_wants_a_confirmation_has_said_no(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine, "needs_confirmation")
    await mine.spend("11")
    await mine.run_due()
    auto = await state(mine)
    assert (auto.problem, auto.is_in_flight) == ("confirmation_needed", False)
    assert await shop.rows(automatic()) == [("failed", "confirmation_needed")]
    shop.clock.advance(days=2)
    await mine.run_due()
    assert (await mine.balance(), shop.charges()) == (usd("9"), 1)


@story
async def test_without_a_card_it_says_so(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine)
    await shop.write(sa.delete(m.PaymentCard))
    await mine.spend("11")
    await mine.run_due()
    assert (await state(mine)).problem == "no_card"
    assert (await mine.happened())[-1] == "auto_top_up_refused"
    await mine.spend("1")
    await mine.run_due()
    assert (await mine.happened()).count("auto_top_up_refused") == 1
    assert shop.charges() == 1


# ---- the month


@story
async def test_the_limit_of_the_month_is_reached_and_not_passed(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine, limit="64.99")
    await mine.spend("15")  # 22 November: $35 are missing
    await mine.run_due()
    await mine.spend("30.01")
    await mine.run_due()
    assert (await mine.balance(), shop.charges()) == (usd("9.99"), 2)  # another $30.01 would be $65.01
    auto = await state(mine)
    assert (auto.charged_this_month, auto.problem) == (usd("35"), "monthly_limit")
    await mine.spend("1")
    await mine.run_due()
    assert (await mine.happened()).count("auto_top_up_refused") == 1
    shop.clock.advance(days=8, hours=14, minutes=29, seconds=59)
    assert shop.clock.now() == datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    await mine.run_due()
    assert shop.charges() == 2
    shop.clock.advance(seconds=1)
    await mine.run_due()
    assert (await mine.balance(), shop.charges()) == (FORTY, 3)
    auto = await state(mine)
    assert (auto.charged_this_month, auto.problem) == (usd("31.01"), "")


@story
async def test_a_gap_that_just_fits_the_limit_is_charged(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine, limit="65.01")
    await mine.spend("15")
    await mine.run_due()
    await mine.spend("30.01")
    await mine.run_due()
    assert (await mine.balance(), shop.charges()) == (FORTY, 3)
    assert (await state(mine)).charged_this_month == usd("65.01")


@story
async def test_a_limit_reached_between_deciding_and_doing_holds(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine)
    await mine.spend("15")
    await shop.write(sa.update(mm.WalletSettings).values(auto_limit_micros=1))
    await mine.run_due()
    assert ((await state(mine)).problem, shop.charges()) == ("monthly_limit", 1)


def test_months_end_where_they_end() -> None:
    for day, expected in (((2026, 12, 31, 23, 59, 59), (2027, 1, 1)), ((2027, 1, 1), (2027, 2, 1)),
                          ((2027, 2, 28, 12), (2027, 3, 1)), ((2028, 2, 29), (2028, 3, 1))):  # fmt: skip
        assert alerts.next_month(datetime(*day, tzinfo=UTC)) == datetime(*expected, tzinfo=UTC)  # type: ignore[misc] # numbers of a date


# ---- crashes and lost answers


@pytest.mark.parametrize("outcome", ["lost_before", "lost_after"])
def test_a_lost_answer_charges_once(shop: Shop, loop: asyncio.Runner, outcome: str) -> None:
    async def play() -> None:
        mine = await owner(shop)
        await switch_on(mine, outcome)
        await mine.spend("15")
        await mine.run_due()
        assert (await mine.balance(), shop.charges()) == (FORTY, 2)

    loop.run(play())


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_crash_on_the_way_charges_once(shop: Shop, loop: asyncio.Runner, where: str) -> None:
    async def play() -> None:
        mine = await owner(shop)
        await switch_on(mine)
        await mine.spend("15")
        at = shop.clock.now()
        getattr(shop.provider, where)["charge"] = [crash]
        with pytest.raises(Crashed):
            await mine.run_due()
        await shop.restart(seconds=1)
        await mine.run_due()  # its lease holds: somebody else may be doing it
        assert await mine.balance() == usd("5")
        await shop.restart(seconds=40)
        await mine.run_due()
        await mine.run_due()
        assert (await mine.balance(), shop.charges()) == (FORTY, 2)
        assert (await state(mine)).charged_this_month == usd("35")
        assert (await mine.movements())[0].at in (at, shop.clock.now())
        assert await mine.is_sound()

    loop.run(play())


@story
async def test_an_item_that_was_interrupted_goes_on_with_its_own_payment(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine)
    await mine.spend("15")
    at = shop.clock.now()
    shop.provider.before["charge"] = [crash]
    with pytest.raises(Crashed):
        await mine.run_due()
    shop.clock.advance(seconds=31)  # the item's lease is over; nobody swept
    await due.run_due(core_of(shop), DUTIES, shop.clock.now())
    assert await shop.rows(automatic()) == [("succeeded", "")]
    assert (await mine.movements())[0].at == at
    assert (await mine.balance(), shop.charges()) == (FORTY, 2)


@story
async def test_while_one_is_in_flight_there_is_no_other(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine)
    await mine.spend("11")
    at = shop.clock.now()
    shop.provider.after["charge"] = [unreachable] * 3
    await mine.run_due()
    assert (await state(mine)).is_in_flight
    for _ in range(3):
        shop.clock.advance(seconds=1)
        await mine.spend("2")
        await mine.run_due()
    assert await shop.rows(automatic()) == [("sent", "")]
    shop.clock.advance(seconds=20)
    await outcomes.sweep(core_of(shop))
    assert (await mine.balance(), shop.charges()) == (usd("34"), 2)
    assert (await mine.movements())[0].at == at  # of the instant that made it due, whenever the answer came


@story
async def test_what_the_provider_never_heard_of_is_tried_again(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine)
    await mine.spend("11")
    shop.provider.before["charge"] = [unreachable] * 3
    await mine.run_due()
    shop.clock.advance(seconds=20)
    await mine.run_due()
    assert await shop.rows(automatic()) == [("failed", "payment_not_completed"), ("succeeded", "")]
    assert (await mine.balance(), shop.charges(), (await state(mine)).problem) == (FORTY, 2, "")


@story
async def test_the_database_lets_only_one_be_in_flight(shop: Shop) -> None:
    mine = await owner(shop)
    await switch_on(mine)
    await mine.spend("11")
    shop.provider.before["charge"] = [unreachable] * 3
    await mine.run_due()
    row = (await shop.rows(sa.select(*P.__table__.c).where(P.purpose == "auto_top_up")))[0]
    twin = dict(zip(P.__table__.c.keys(), row, strict=True)) | {"uuid": "twin", "key": "twin"}
    with pytest.raises(sa.exc.IntegrityError):
        await shop.write(sa.insert(P).values(**twin))


@story
async def test_what_is_due_for_a_wallet_nobody_has_set_up_is_nothing(shop: Shop) -> None:
    mine = await owner(shop)
    at = shop.clock.now()
    await auto_top_up.on_due(core_of(shop), due.Due("k", "auto_top_up", mine.organization, mine.organization, at, {}))
    assert (await shop.rows(automatic()), shop.charges()) == ([], 1)


# ---- settings


@story
async def test_settings_are_checked_by_field(shop: Shop) -> None:
    mine = await owner(shop)
    card = await shop.market.card()
    euro = Money(10_000_000, "EUR")
    wrong: list[tuple[SetAutoTopUp, dict[str, str]]] = [
        (SetAutoTopUp(True), {"threshold": "required", "target": "required", "monthly_limit": "required",
                              "payment_token": "required"}),
        (SetAutoTopUp(True, euro, FORTY, usd("100"), card), {"threshold": "wrong_currency"}),
        (SetAutoTopUp(True, TEN, TEN, usd("100"), card), {"target": "below_threshold"}),
        (SetAutoTopUp(True, TEN, usd("14.99"), usd("100"), card), {"target": "gap_too_small"}),
        (SetAutoTopUp(True, TEN, FORTY, usd("39.99"), card), {"monthly_limit": "below_target"}),
        (SetAutoTopUp(True, TEN, FORTY, usd("40"), "tok_made_up"), {"payment_token": "unknown"}),
        (SetAutoTopUp(True, TEN, FORTY, usd("9999999999999.99"), card), {"monthly_limit": "out_of_range"}),
    ]  # fmt: skip
    for request, fields in wrong:
        with pytest.raises(errors.InvalidInput) as caught:
            await mine.service.set_auto_top_up(request)
        assert caught.value.fields == fields
    assert await shop.rows(sa.select(m.PaymentCard.token)) == []  # nothing of a refused request is kept
    assert await state(mine) == AutoTopUp(is_on=False)


@story
async def test_a_card_for_later_is_kept_and_the_default_is_taken_when_none_is_named(shop: Shop) -> None:
    mine = await owner(shop)
    named = await switch_on(mine)
    [saved] = (await mine.service.get_payment_options()).saved_methods
    assert named.payment_token == saved.token
    default = await mine.service.set_auto_top_up(SetAutoTopUp(True, TEN, FORTY, usd("100")))
    assert default.auto_top_up.payment_token == saved.token
    assert len((await mine.service.get_payment_options()).saved_methods) == 1


@story
async def test_switched_off_anything_may_be_kept(shop: Shop) -> None:
    mine = await owner(shop)
    for request in (
        SetAutoTopUp(False),
        SetAutoTopUp(False, Money(1, "EUR"), Money(2**63), usd("-5"), "tok_made_up"),
    ):
        auto = (await mine.service.set_auto_top_up(request)).auto_top_up
        assert auto == AutoTopUp(is_on=False, charged_this_month=ZERO)


# ---- rehearsal


@story
async def test_a_rehearsal_replays_what_was_really_spent(shop: Shop) -> None:
    mine = await owner(shop, "100")
    shop.clock.advance(days=10)
    await mine.spend("31")
    shop.clock.advance(days=50)
    mine = await mine.signed_in()
    await mine.spend("62")
    second = shop.clock.now()
    await buy(shop, mine.service, "40", key="more")  # what was really bought is not replayed
    shop.clock.advance(days=39)
    await mine.spend("7")
    mine = await mine.signed_in()
    before = await mine.wallet()
    done = await mine.service.rehearse_auto_top_up(SetAutoTopUp(True, TEN, usd("90"), usd("95")))
    # 90 days ago there were $100; $31 leave $69, $62 leave $7: $83 fill it to $90, $7 leave $83.
    assert (done.days, done.spent) == (90, usd("100"))
    assert [(charge.at, charge.amount) for charge in done.charges] == [(second, usd("83"))]
    assert (done.total, done.lowest, done.empty_at, done.refused_by_limit) == (usd("83"), usd("7"), (), 0)
    assert await mine.wallet() == before


@story
async def test_a_rehearsal_tells_when_calls_would_have_been_refused(shop: Shop) -> None:
    mine = await owner(shop, "200")
    shop.clock.advance(days=95)
    mine = await mine.signed_in()
    for _ in range(4):
        await mine.spend("45")
        shop.clock.advance(hours=1)
    done = await mine.service.rehearse_auto_top_up(SetAutoTopUp(True, TEN, FORTY, FORTY))
    # $200, $155, $110, $65, $20 are left; nothing falls below $10.
    assert (done.charges, done.empty_at, done.lowest, done.spent) == ((), (), usd("20"), usd("180"))
    await mine.spend("15")
    at = shop.clock.now()
    shop.clock.advance(hours=1)
    await buy(shop, mine.service, "50", key="more")
    await mine.spend("41")
    done = await mine.service.rehearse_auto_top_up(SetAutoTopUp(True, TEN, FORTY, FORTY))
    # $15 leave $5: $35 fill it; $41 are more than $40.
    assert [(charge.at, charge.amount) for charge in done.charges] == [(at, usd("35"))]
    assert (done.empty_at, done.lowest, done.total) == ((), usd("5"), usd("35"))  # of what lies before now
    shop.clock.advance(seconds=1)
    done = await mine.service.rehearse_auto_top_up(SetAutoTopUp(True, TEN, FORTY, FORTY))
    assert done.empty_at == (at + timedelta(hours=1),)


def test_many_small_spends_are_replayed_together_within_a_grain() -> None:
    start = datetime(2026, 1, 1, 9, 59, tzinfo=UTC)
    spends = [(start + timedelta(seconds=20 * number), usd("0.01")) for number in range(6)]  # 10:00 is the fourth
    assert rehearsals.together(spends, 30_000) == [
        (start + timedelta(seconds=40), usd("0.03")),
        (start + timedelta(seconds=100), usd("0.03")),
    ]
    assert rehearsals.together(spends, 29_999) == [
        (start + timedelta(seconds=20), usd("0.02")),
        (start + timedelta(seconds=40), usd("0.01")),
        (start + timedelta(seconds=80), usd("0.02")),
        (start + timedelta(seconds=100), usd("0.01")),
    ]
    assert rehearsals.together(spends, 0) == spends
    assert rehearsals.together([], 5) == []
