"""`souk simulate`: lives keep every rule on both databases, and whoever breaks one is named."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from app.__main__ import main
from app.simulate import access, fees, invariants, outside, paying, run, shaky
from app.simulate.evidence import Life as Evidence
from app.simulate.life import LEDGER_KEY, Life
from app.simulate.wishes import surprises_of
from services.api.money import Money
from services.api.types import ChangeAction, ChangeRequest
from services.db.session import make_engine
from tests.postgres import new_database

MONTHS = 3
# Of the first months: the lives that once broke a rule (see tests/embedded/money/test_lives.py) lived longer.
SEEDS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 91, 227)
ON_A_SERVER = (1, 2, 3)
FULL = 35  # a seed in whose five months everything happens that a rule is about
AWAKE = 1  # and one that is billed for calls when it is looked at


@pytest.fixture(scope="module")
def stocked() -> Iterator[Path]:
    with run.template() as path:
        yield path


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_life_keeps_every_rule(stocked: Path, seed: int) -> None:
    lived, story = asyncio.run(run.live(seed, stocked, MONTHS))
    assert lived.broken == (), "\n".join(story)
    assert lived.actions > 10


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("seed", ON_A_SERVER)
def test_a_life_on_a_server_keeps_every_rule(stocked: Path, seed: int) -> None:
    with new_database(stocked=True) as url:
        lived, story = asyncio.run(run.live(seed, stocked, MONTHS, url))
    assert lived.broken == (), "\n".join(story)


@pytest.mark.slow
def test_the_same_seed_lives_the_same_life(stocked: Path) -> None:
    first, second, other = (asyncio.run(run.live(seed, stocked, MONTHS)) for seed in (11, 11, 12))
    assert first == second
    assert first[1] != other[1]


@pytest.mark.slow
def test_the_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seeds", "2", "--start", "5", "--months", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["seeds"], told["months"], told["broken_seeds"], told["broken"]) == (2, 1, [], [])
    assert told["actions"] > 10


@pytest.mark.logs("sweep_failed: a bug")
def test_planned_kills_are_not_said_and_bugs_are(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("souk.service")
    with run.kills_unsaid():
        for error, what in ((shaky.Killed(), "planned"), (ValueError("wrong"), "a bug")):
            log.error("sweep_failed: %s", what, exc_info=error)
    assert [record.getMessage() for record in caplog.records] == ["sweep_failed: a bug"]


# ---- what is wrong is named


@dataclass(frozen=True)
class Ended:
    """A life that is over."""

    file: Path
    charges: dict[str, tuple[int, int]]
    now: datetime
    disputed: int


@pytest.fixture(scope="module")
def ended(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The end of a life of five months, lived once."""
    folder = tmp_path_factory.mktemp("ended")
    life = Life(FULL, folder, stocked)
    life.at_the_end = paying.settle_everything

    async def whole() -> None:
        await life.begin()
        await run.live_on(life, 5)
        await life.look()

    asyncio.run(whole())
    life.service.close()
    now, disputed = life.clock.now(), life.provider.disputed()
    return Ended(folder / "souk.db", life.provider.record(), now, disputed)


def found(
    ended: Ended, *statements: str, before: str = "", charges: dict[str, tuple[int, int]] | None = None
) -> set[str]:
    """The rules that are broken once somebody with the file has done this to it; each statement must change something.
    It is undone."""
    engine = make_engine(ended.file)
    with engine.connect() as connection, connection.begin() as transaction:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in connection.exec_driver_sql(triggers).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        if before:
            connection.exec_driver_sql(before)
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount > 0, statement
        known = ended.charges if charges is None else charges
        evidence = Evidence(connection, LEDGER_KEY, known, ended.now, ended.disputed)
        broken = invariants.broken(evidence)
        transaction.rollback()
    engine.dispose()
    return {one.partition(":")[0] for one in broken}


WRONG = {
    "books_are_sound": "UPDATE ledger_entries SET amount_micros = amount_micros * 2 WHERE seq = 1",
    "floors_hold": (
        "UPDATE ledger_entries SET amount_micros = -amount_micros WHERE account_id IN "
        "(SELECT id FROM ledger_accounts WHERE kind = 'wallet_paid')"
    ),
    "numbers_have_no_gaps": "UPDATE invoices SET number = NULL WHERE number = 'SK-2026-000002'",
    "invoices_add_up": "UPDATE invoice_lines SET amount_micros = amount_micros + 10000 WHERE kind = 'fee'",
    "invoices_are_paid_once": "UPDATE invoices SET paid_micros = paid_micros - 10000 WHERE paid_micros > 0",
    "periods_tile": "UPDATE subscription_periods SET start_at = datetime(start_at, '+1 second') WHERE number = 1",
    "usage_is_counted": "UPDATE usage_rollups SET calls = calls + 1 WHERE grain = 'day'",
    "included_calls_are_free": "UPDATE usage_events SET paid_from = 'wallet' WHERE paid_from = 'included'",
    "caps_hold": "UPDATE cap_totals SET held_micros = 1",
    "holds_are_over": "UPDATE holds SET state = 'held'",
    "nothing_is_left_undone": "UPDATE due_items SET done_at = NULL WHERE kind = 'finalise'",
    "bills_are_complete": "UPDATE usage_events SET invoice_uuid = '' WHERE paid_from = 'invoice'",
    "deferred_is_what_is_not_earned_yet": (
        "UPDATE due_items SET params = json_set(params, '$.left_micros', json_extract(params, '$.left_micros') + 1) "
        "WHERE kind = 'recognise' AND done_at IS NULL"
    ),
    "fees_are_those_of_their_periods": "UPDATE subscription_periods SET fee_micros = fee_micros + 1",
    "what_is_paid_is_delivered": "UPDATE orders SET paid_at = NULL",
    "transfers_agree": "UPDATE transfers SET amount_micros = amount_micros + 10000",
    "refunds_are_owed_once": "UPDATE payment_intents SET state = 'sent', provider = 'bank' WHERE purpose = 'refund'",
    "credited_time_was_paid_for": (
        "UPDATE invoice_lines SET amount_micros = 30 * amount_micros WHERE kind = 'proration_credit'"
    ),
}


def test_a_life_that_is_over_is_sound(ended: Ended) -> None:
    assert found(ended) == set()


@pytest.mark.parametrize("rule", WRONG)
def test_what_is_wrong_is_named(ended: Ended, rule: str) -> None:
    assert rule in found(ended, WRONG[rule])


def test_a_call_that_no_total_counts_is_missed(ended: Ended) -> None:
    same = (
        "CREATE TABLE one AS SELECT * FROM usage_events WHERE purpose <> 'test' LIMIT 1",
        "UPDATE one SET id = 'new'",
    )
    assert "usage_is_counted" in found(ended, same[1], "INSERT INTO usage_events SELECT * FROM one", before=same[0])


def test_a_guard_that_somebody_lifted_is_named(ended: Ended) -> None:
    lifted = "UPDATE ledger_accounts SET balance_micros = balance_micros + 1 WHERE kind = 'wallet_paid'"
    assert found(ended, lifted) == {"books_are_sound"}


def test_what_the_provider_knows_better_is_named(ended: Ended) -> None:
    charge, (micros, refunded) = max(ended.charges.items(), key=lambda one: one[1][0] - one[1][1])
    rest = {other: sums for other, sums in ended.charges.items() if other != charge}
    assert found(ended, charges=rest) >= {"provider_agrees", "nobody_is_charged_twice"}
    given_back = rest | {charge: (micros, refunded + 10_000)}
    assert found(ended, charges=given_back) == {"provider_agrees", "refunds_are_at_most_what_was_paid"}


def test_access_that_nobody_paid_for_is_named(ended: Ended) -> None:
    unpaid = ("UPDATE payments SET state = 'failed'", "UPDATE invoices SET order_uuid = ''")
    assert "access_is_paid" in found(ended, *unpaid)


def test_a_second_payment_of_an_order_is_named(ended: Ended) -> None:
    one = "CREATE TABLE one AS SELECT * FROM payments LIMIT 1"
    twice = ("UPDATE one SET key = 'again'", "INSERT INTO payments SELECT * FROM one")
    assert "one_charge_an_order" in found(ended, *twice, before=one)


def test_every_rule_has_its_break(ended: Ended) -> None:
    named = {"provider_agrees", "nobody_is_charged_twice", "refunds_are_at_most_what_was_paid", *WRONG}
    named |= {"access_is_paid", "one_charge_an_order"}
    assert {check.__name__ for check in (*invariants.CHECKS, *fees.CHECKS, *access.CHECKS)} == named


# ---- what people see


class Tampered(Life):
    """A life in which somebody changes the database each time the worker comes."""

    statement = ""

    async def work(self) -> None:
        if self.statement:
            await self.core.db.run(lambda connection: connection.exec_driver_sql(self.statement).close())
        await super().work()


@pytest.fixture
def awake(stocked: Path, tmp_path: Path) -> Iterator[Tampered]:
    life = Tampered(AWAKE, tmp_path, stocked)

    async def whole() -> None:
        await life.begin()
        await run.live_on(life, MONTHS)

    asyncio.run(whole())
    yield life
    life.service.close()


@pytest.mark.slow
def test_trees_that_do_not_add_up_are_named(awake: Tampered) -> None:
    async def broken() -> list[str]:
        services = [awake.as_person(person) for person in awake.people]
        places = [(service, ref) for service in services for ref in await outside.refs_of(service)]
        return [one for service, ref in places async for one in outside.walked(service, ref)]

    async def look() -> tuple[list[str], list[str]]:
        sound = await broken()
        awake.statement = "UPDATE usage_totals SET cost_micros = cost_micros + 5000"
        await awake.work()
        return sound, await broken()

    sound, found = asyncio.run(look())
    assert sound == []
    assert any(one.startswith("usage:") and one.endswith("has a rest of " + str(Money(5000))) for one in found)


@pytest.mark.slow
def test_an_invoice_that_comes_otherwise_than_told_is_named(awake: Tampered) -> None:
    async def look() -> list[str]:
        return [broken async for broken in outside.invoices_come_as_told(awake)]

    assert asyncio.run(look()) == []
    awake.statement = "UPDATE subscriptions SET quantity = quantity + 1"
    [broken] = asyncio.run(look())
    assert "was told as" in broken


@pytest.mark.slow
def test_a_change_that_comes_to_something_else_is_named(awake: Tampered) -> None:
    async def look() -> list[str]:
        for service in map(awake.as_person, awake.people):
            for one in await service.list_subscriptions():
                if ChangeAction.CANCEL_NOW not in one.can:
                    continue
                request = ChangeRequest(one.uuid, ChangeAction.CANCEL_NOW)
                preview = await service.preview_change(request)
                await service.commit_change(request, preview.hash, key=one.uuid)
                more = replace(preview, to_wallet=preview.to_wallet + Money(1))
                if preview.lines and not await surprises_of(service, preview):
                    return await surprises_of(service, more)
        return []

    [surprise] = asyncio.run(look())
    assert "to wallet" in surprise
