"""The wallet as it is shown: what can be spent, in which order, until when; watched, and sent back."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api import errors
from services.api.money import MICROS_MAX, Money
from services.api.types import CreditKind, MovementKind, PaymentState
from services.db import money_models as mm
from services.domain import movements
from services.domain.movements import Stamp
from services.domain.wallet import GrantKind, Share
from services.embedded.money import alerts, credit_expiry, credit_refunds, due, grants, ledger
from services.embedded.money.alerts import save_settings
from services.embedded.money.grants import NewGrant
from tests.contract.money import ZERO, usd
from tests.embedded.money.books import Books, at
from tests.embedded.money.credit import Owner, buy, core_of, owner
from tests.embedded.shop import Shop, story

G, H = mm.GrantRow, mm.HappeningRow
CENT = usd("0.01")


# ---- what is there


@story
async def test_credits_are_listed_in_the_order_they_are_spent(shop: Shop) -> None:
    mine = await owner(shop, "10")
    now = shop.clock.now()
    await mine.grant("1", expires_at=now + timedelta(days=9))
    await mine.grant("2", expires_at=now + timedelta(days=5))
    await mine.grant("3", priority=10)
    await mine.grant("4", effective_at=now + timedelta(days=1))
    await mine.grant("5", kind=GrantKind.PAID, source="plan_change", provider="test")
    await mine.grant("6", expires_at=now)
    wallet = await mine.wallet()
    assert [credit.amount for credit in wallet.credits] == [usd(n) for n in ("3", "2", "1", "4", "10", "5")]
    assert (wallet.balance, wallet.paid, wallet.promotional) == (usd("21"), usd("15"), usd("6"))
    assert wallet.refundable == usd("10")  # no card paid for the rest
    third = wallet.credits[3]
    assert (third.kind, third.source, third.priority) == (CreditKind.PROMOTIONAL, "support", 50)
    assert (third.effective_at, third.expires_at, third.created_at) == (now + timedelta(days=1), None, now)
    await mine.spend("5.50")
    assert [credit.left for credit in (await mine.wallet()).credits] == [usd(n) for n in ("0.50", "4", "10", "5")]


@story
async def test_what_is_held_is_taken_off_already(shop: Shop) -> None:
    mine = await owner(shop)
    core = core_of(shop)

    def hold(connection: sa.Connection) -> None:
        drawn = grants.draw(connection, mine.organization, usd("7"), shop.clock.now())
        ledger.post(core, connection, movements.hold(Stamp(mine.organization, "h", shop.clock.now()), drawn.shares))

    await core.db.run(hold)
    wallet = await mine.wallet()
    assert (wallet.balance, wallet.held, wallet.spent_this_month) == (usd("13"), usd("7"), ZERO)
    assert wallet.refundable == usd("13")


@story
async def test_the_month_begins_on_its_first(shop: Shop) -> None:
    mine = await owner(shop)
    await mine.spend("3", datetime.fromisoformat("2026-10-31T23:59:59.999999+00:00"))
    await mine.spend("2", datetime.fromisoformat("2026-11-01T00:00:00+00:00"))
    await mine.spend("1")
    assert (await mine.wallet()).spent_this_month == usd("3")


@story
async def test_the_pace_is_that_of_the_last_fourteen_days(shop: Shop) -> None:
    mine = await owner(shop, "100")
    assert (await mine.wallet()).empty_on is None
    shop.clock.advance(days=20)
    now = shop.clock.now()
    await mine.spend("30", now - timedelta(days=14))  # a day too old
    assert (await mine.wallet()).empty_on is None
    await mine.spend("14", now - timedelta(days=14) + timedelta(microseconds=1))
    await mine.spend("28")
    # $42 in fourteen days are $3 a day; $28 are left.
    assert (await mine.wallet()).empty_on == now + timedelta(days=28) / 3


@story
async def test_the_pace_of_a_young_wallet_is_that_of_its_life(shop: Shop) -> None:
    mine = await owner(shop, "30")
    await mine.spend("10")
    assert (await mine.wallet()).empty_on == shop.clock.now() + timedelta(days=2)
    shop.clock.advance(days=1)
    await mine.spend("10")
    assert (await mine.wallet()).empty_on == shop.clock.now() + timedelta(days=1)
    await mine.spend("10")
    assert (await mine.wallet()).empty_on == shop.clock.now()


@story
async def test_a_wallet_is_its_organizations_own(shop: Shop) -> None:
    buyer = await shop.market.buyer()
    nobodys = await buyer.get_wallet()
    assert (nobodys.organization_uuid, nobodys.organization_name, nobodys.credits) == ("", "", ())
    mine = await buyer.set_low_balance_alert(None)
    assert (mine.organization_name, mine.balance) == ("Ada's Organization", ZERO)
    assert await buyer.get_wallet(mine.organization_uuid) == mine == await buyer.get_wallet()
    eve = await shop.market.buyer("eve@example.com", device="device-2")
    for uuid in (mine.organization_uuid, "unknown"):
        with pytest.raises(errors.NotFound):
            await eve.get_wallet(uuid)
        with pytest.raises(errors.NotFound):
            await eve.set_low_balance_alert(None, uuid)
    assert (await eve.get_account()).organizations == ()


# ---- in time


@story
async def test_credit_is_spent_from_its_first_instant(shop: Shop) -> None:
    mine = await owner(shop, "10")
    await mine.service.set_low_balance_alert(usd("20"))
    await mine.grant("50", effective_at=shop.clock.now() + timedelta(days=2))
    shop.clock.advance(days=2, microseconds=-1)
    await mine.run_due()
    wallet = await mine.wallet()
    assert (wallet.balance, wallet.is_low) == (usd("10"), True)
    shop.clock.advance(microseconds=1)
    assert await mine.balance() == usd("60")
    await mine.run_due()
    assert not (await mine.wallet()).is_low  # looked at when it became usable
    assert await mine.balance() == usd("60")


def expire(books: Books, grant: str, moment: datetime, key: str = "") -> None:
    item = due.Due(key or f"credit_expires:{grant}", "credit_expires", grant, books.organization, moment, {})
    books.do(lambda connection: credit_expiry.on_expires(books.core, connection, item))


def test_what_is_left_at_the_end_is_ours_when_it_was_paid_for(books: Books) -> None:
    grant = books.grant("20", expires_at=at(days=1))
    books.hold(grant, "4")
    books.settle(grant, "4", "4")
    expire(books, grant, at(days=1, microseconds=-1))
    assert books.left(grant) == usd("16")
    expire(books, grant, at(days=1))
    expire(books, grant, at(days=1))
    a, e = mm.LedgerAccount, mm.LedgerEntry
    lost = sa.select(sa.func.sum(e.amount_micros)).join(a, a.id == e.account_id).where(a.kind == "breakage")
    assert (books.left(grant), int(books.all(lost)[0][0])) == (ZERO, 16_000_000)
    assert books.happenings() == ["credit_expired"]
    assert books.fault() is None


def test_of_credit_that_was_given_the_expense_is_taken_back(books: Books) -> None:
    grant = books.grant("20", GrantKind.PROMOTIONAL, expires_at=at(days=1))
    other = books.grant("7", GrantKind.PROMOTIONAL, expires_at=at(days=1))
    expire(books, grant, at(days=1))
    a, e = mm.LedgerAccount, mm.LedgerEntry
    cost = sa.select(sa.func.sum(e.amount_micros)).join(a, a.id == e.account_id).where(a.kind == "promo_expense")
    assert int(books.all(cost)[0][0]) == -7_000_000
    assert (books.left(grant), books.left(other)) == (ZERO, usd("7"))


def test_what_a_call_gives_back_after_the_end_expires_again(books: Books) -> None:
    grant = books.grant("20", expires_at=at(days=1))
    live = books.grant("5")
    books.hold(grant, "8")
    expire(books, grant, at(days=1))
    books.settle(grant, "8", "0")
    moment = at(days=1, minutes=5)
    books.do(lambda connection: alerts.after_return(books.core, connection, books.organization, moment))
    assert books.left(grant) == usd("8")
    assert [when for kind, when in books.due() if kind == "credit_expires"] == [at(days=1), moment]
    key = f"credit_expires:{grant}:{moment.isoformat()}"
    assert books.all(sa.select(mm.DueItem.subject_uuid).where(mm.DueItem.key == key)) == [(grant,)]
    expire(books, grant, moment, key)
    assert (books.left(grant), books.left(live)) == (ZERO, usd("5"))
    assert books.happenings() == ["credit_expired"] * 2
    assert books.fault() is None


def test_a_grant_that_is_there_at_once_and_for_ever_owes_time_nothing(books: Books) -> None:
    books.grant("20")
    assert books.due() == []
    books.grant("20", effective_at=at(days=1), expires_at=at(days=2))
    assert books.due() == [("credit_effective", at(days=1)), ("credit_expires", at(days=2))]


# ---- drawing


@given(amounts=st.lists(st.integers(1, 3_000_000), min_size=1, max_size=8), split=st.booleans())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_drawing_in_any_cut_leaves_the_same(books: Books, amounts: list[int], split: bool) -> None:
    books.organization = books.new_organization()
    for text, kind in (("2", GrantKind.PROMOTIONAL), ("3", GrantKind.PAID), ("4", GrantKind.PROMOTIONAL)):
        books.grant(text, kind)
    total = sum(amounts)
    drawn = [Money(micros) for micros in (amounts if split else [total])]
    paid = [books.do(partial(books.draw, text=_text(one), key=f"k{number}")) for number, one in enumerate(drawn)]
    spent = sum((one for one, was_paid in zip(drawn, paid, strict=True) if was_paid), ZERO)
    assert books.balance() == usd("9") - spent
    assert all(paid) == (total <= 9_000_000)
    loaded = books.do(lambda connection: grants.load(connection, books.organization, with_empty=True))
    assert sorted(grant.amount for grant in loaded) == [usd("2"), usd("3"), usd("4")]
    promotional = sum((grant.left for grant in loaded if grant.kind is GrantKind.PROMOTIONAL), ZERO)
    assert promotional == max(ZERO, usd("6") - spent)  # it goes first


def _text(amount: Money) -> str:
    return f"{amount.micros // 1_000_000}.{amount.micros % 1_000_000:06d}"


def test_empty_grants_are_read_when_they_are_wanted(books: Books) -> None:
    grant = books.grant("2")
    books.hold(grant, "2")
    assert books.do(lambda connection: grants.load(connection, books.organization)) == []
    [known] = books.do(lambda connection: grants.load(connection, books.organization, with_empty=True))
    assert (known.id, known.left, known.amount) == (grant, ZERO, usd("2"))
    assert books.do(lambda connection: grants.balance(connection, books.organization, "USD", at())) == ZERO


# ---- the alert


async def warned(mine: Owner) -> int:
    return (await mine.happened()).count("balance_low")


@story
async def test_a_low_balance_is_told_once_until_it_has_clearly_recovered(shop: Shop) -> None:
    mine = await owner(shop, "30")
    assert not (await mine.service.set_low_balance_alert(usd("20"))).is_low
    await mine.spend("10")
    assert ((await mine.wallet()).is_low, await warned(mine)) == (False, 0)  # at the threshold is not below it
    await mine.spend("0.000001")
    assert ((await mine.wallet()).is_low, await warned(mine)) == (True, 1)
    assert await mine.noted("balance_low") == [
        {"balance_micros": 19_999_999, "threshold_micros": 20_000_000, "currency": "USD"}
    ]
    await mine.grant("4")  # $23.999999: a fifth of the threshold above it is $24
    await mine.spend("4")
    assert ((await mine.wallet()).is_low, await warned(mine)) == (True, 1)
    await buy(shop, mine.service, "5", key="more")
    assert not (await mine.wallet()).is_low
    await mine.spend("5")
    assert ((await mine.wallet()).is_low, await warned(mine)) == (True, 2)
    assert (await mine.service.get_account()).is_balance_low


@story
async def test_a_new_threshold_is_looked_at_anew(shop: Shop) -> None:
    mine = await owner(shop)
    for text, is_low, count in (("20.01", True, 1), ("20.02", True, 2), ("20", False, 2), ("0.01", False, 2)):
        wallet = await mine.service.set_low_balance_alert(usd(text))
        assert (wallet.is_low, wallet.alert_threshold, await warned(mine)) == (is_low, usd(text), count)
    off = await mine.service.set_low_balance_alert(None)
    assert (off.is_low, off.alert_threshold) == (False, None)
    await mine.spend("20")
    assert await warned(mine) == 2
    for amount, code in ((Money(0), "out_of_range"), (Money(MICROS_MAX + 1), "out_of_range"),
                         (Money(5_000_000, "EUR"), "wrong_currency")):  # fmt: skip
        with pytest.raises(errors.InvalidInput) as caught:
            await mine.service.set_low_balance_alert(amount)
        assert caught.value.fields == {"threshold": code}
    assert (await mine.service.set_low_balance_alert(Money(MICROS_MAX))).is_low


# ---- sending it back


async def refused(mine: Owner, credit: str, key: str) -> str:
    with pytest.raises(errors.WrongState) as caught:
        await mine.service.refund_credit(credit, key=key)
    return str(caught.value.params["state"])


@story
async def test_what_is_left_goes_back_in_whole_cents_with_its_tax(shop: Shop) -> None:
    mine = await owner(shop, "")
    core = core_of(shop)
    await core.db.run(lambda connection: save_settings(connection, mine.organization, details={"country": "DE"}))
    await buy(shop, mine.service)
    await mine.spend("13.004")
    credit = (await mine.wallet()).credits[0]
    assert (credit.left, credit.refundable) == (usd("6.996"), usd("6.99"))
    back = await mine.service.refund_credit(credit.uuid, key="back")
    assert (back.state, back.amount) == (PaymentState.SUCCEEDED, usd("8.32"))  # 19 % of $6.99 are $1.33
    wallet = await mine.wallet()
    assert (wallet.balance, wallet.refundable) == (usd("0.006"), ZERO)
    movement = (await mine.movements())[0]
    assert (movement.kind, movement.amount, movement.balance) == (MovementKind.REFUND, usd("-6.99"), usd("0.006"))
    assert movement.params == {"number": "CN-2026-000001", "card": "Visa •••• 4242"}
    assert shop.provider.refunded() == usd("8.32")
    i = mm.InvoiceRow
    columns = (i.number, i.kind, i.state, i.tax_micros, i.total_micros, i.paid_micros, i.credited_micros, i.paid_with)
    assert await shop.rows(sa.select(*columns).order_by(i.number)) == [
        ("CN-2026-000001", "credit_note", "paid", -1_330_000, -8_320_000, -8_320_000, 0, "Visa •••• 4242"),
        ("RC-2026-000001", "receipt", "paid", 3_800_000, 23_800_000, 23_800_000, 8_320_000, "Visa •••• 4242"),
    ]
    note = await mine.service.get_invoice(back.invoice_uuid)
    receipt = await shop.value(sa.select(i.uuid).where(i.kind == "receipt"))
    assert (note.number, note.corrects_uuid, note.details.country) == ("CN-2026-000001", receipt, "DE")
    assert [(line.kind, line.amount) for line in note.lines] == [("top_up", usd("-6.99"))]
    assert [(tax.rate, tax.taxable, tax.amount) for tax in note.tax_lines] == [("19", usd("-6.99"), usd("-1.33"))]
    assert (note.subtotal, note.tax, note.total, note.due) == (usd("-6.99"), usd("-1.33"), usd("-8.32"), ZERO)
    assert (await mine.happened())[-1] == "credit_refunded"
    assert await refused(mine, credit.uuid, "again") == "spent"
    assert await mine.is_sound()


@story
async def test_what_comes_back_from_a_call_later_may_follow_and_no_tax_is_lost(shop: Shop) -> None:
    mine = await owner(shop, "")
    core, now = core_of(shop), shop.clock.now()
    await core.db.run(lambda connection: save_settings(connection, mine.organization, details={"country": "DE"}))
    await buy(shop, mine.service, "10.01")

    def hold(connection: sa.Connection) -> None:
        drawn = grants.draw(connection, mine.organization, usd("3.34"), now)
        ledger.post(core, connection, movements.hold(Stamp(mine.organization, "h", now), drawn.shares))

    def give_back(connection: sa.Connection) -> None:
        share = Share(credit.uuid, GrantKind.PAID, usd("3.34"))
        ledger.post(core, connection, movements.release_hold(Stamp(mine.organization, "r", now), [share]))

    await core.db.run(hold)
    credit = (await mine.wallet()).credits[0]
    first = await mine.service.refund_credit(credit.uuid, key="first")
    assert await refused(mine, credit.uuid, "nothing") == "spent"
    await core.db.run(give_back)
    second = await mine.service.refund_credit(credit.uuid, key="second")
    assert (first.amount, second.amount) == (usd("7.94"), usd("3.97"))  # $6.67 + $1.27, $3.34 + $0.63
    assert first.amount + second.amount == usd("11.91")  # what the card was charged
    known = await core.db.read(lambda connection: credit_refunds.refunded(connection, mine.organization))
    assert known == {credit.uuid: 10_010_000}
    assert await mine.is_sound()


@story
async def test_only_what_a_card_paid_goes_back_to_it(shop: Shop) -> None:
    mine = await owner(shop)
    promo = await mine.grant("5")
    change = await mine.grant("6", kind=GrantKind.PAID, source="plan_change", provider="test")
    assert await refused(mine, promo, "1") == "support"
    assert await refused(mine, change, "2") == "plan_change"
    paid = next(credit.uuid for credit in (await mine.wallet()).credits if credit.source == "top_up")
    await shop.write(sa.update(G).where(G.uuid == paid).values(expires_at=shop.clock.now() + timedelta(seconds=1)))
    shop.clock.advance(seconds=1)
    assert await refused(mine, paid, "3") == "expired"
    await shop.write(sa.update(G).where(G.uuid == paid).values(expires_at=None))
    await mine.spend("20")  # the promotional credit went first
    await mine.spend("5")
    await mine.spend("5.995")
    assert [credit.left for credit in (await mine.wallet()).credits] == [usd("0.005")]
    assert await refused(mine, paid, "4") == "spent"
    assert shop.provider.calls["refund"] == 0
    assert len(await shop.rows(sa.select(mm.CommandKey.key))) == 1  # refusals leave their keys free


@story
async def test_a_refund_belongs_to_whom_the_credit_belongs(shop: Shop) -> None:
    mine = await owner(shop)
    credit = (await mine.wallet()).credits[0]
    eve = await shop.market.buyer("eve@example.com", device="device-2")
    for work in (eve.refund_credit(credit.uuid, key="k"), mine.service.refund_credit("0" * 32, key="k")):
        with pytest.raises(errors.NotFound):
            await work
    with pytest.raises(errors.NotSignedIn):
        await shop.market.guest().refund_credit(credit.uuid, key="k")
    await mine.service.refund_credit(credit.uuid, key="k")
    with pytest.raises(errors.KeyReused):
        await mine.service.refund_credit(await mine.grant("1"), key="k")


def test_a_new_grant_says_nothing_it_was_not_told() -> None:
    new = NewGrant("of", GrantKind.PAID, "top_up", CENT, at())
    assert (new.expires_at, new.priority, new.tax, new.provider, new.payment_uuid) == (None, None, None, "", "")
