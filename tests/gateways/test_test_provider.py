"""The test provider when its own file gives trouble: that is an answer that does not come, never a bug of the shop."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from services.api.money import Money
from services.gateways.payments import ChargeRequest, KeyMismatch, Lookup, ProviderUnreachable
from services.gateways.test_provider import TestProvider

REQUEST = ChargeRequest(Money.parse("29"), "tok_visa", "order")


@pytest.fixture
def provider(data_dir: Path, loop: asyncio.Runner) -> Iterator[TestProvider]:
    opened = TestProvider(data_dir / "test-provider.db")
    yield opened
    opened.close()


def full_by_trigger(path: Path) -> None:
    """The next charges meet a full disk."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE ballast (content)")
        db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON charges BEGIN INSERT INTO ballast VALUES (zeroblob(1000000)); END"
        )


def test_a_full_disk_is_an_answer_that_does_not_come_and_it_goes_on_afterwards(
    provider: TestProvider, data_dir: Path, loop: asyncio.Runner
) -> None:
    path = data_dir / "test-provider.db"
    loop.run(provider.charge(REQUEST, key="first"))
    full_by_trigger(path)
    loop.run(provider._do(lambda db: db.execute("PRAGMA max_page_count = 1").fetchone()))
    for _ in range(2):
        with pytest.raises(ProviderUnreachable):
            loop.run(provider.charge(REQUEST, key="second"))
        assert loop.run(provider.find(Lookup("second"))) is None
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TRIGGER full")
    loop.run(provider._do(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchone()))
    assert loop.run(provider.charge(REQUEST, key="second")).state == "succeeded"
    assert provider.count_charges() == 2


def test_a_damaged_record_is_an_answer_that_does_not_come(data_dir: Path, loop: asyncio.Runner) -> None:
    (data_dir / "test-provider.db").write_bytes(b"not a database " * 400)
    provider = TestProvider(data_dir / "test-provider.db")
    with pytest.raises(ProviderUnreachable):
        loop.run(provider.find(Lookup("k")))
    provider.close()


def test_never_more_is_given_back_than_was_charged(provider: TestProvider, loop: asyncio.Runner) -> None:
    charge = loop.run(provider.charge(REQUEST, key="k"))
    loop.run(provider.refund(charge.id, Money.parse("20"), key="one"))
    refused = loop.run(provider.refund(charge.id, Money.parse("10"), key="two"))
    assert (refused.state, refused.refunded, provider.balance()) == ("failed", Money.parse("20"), Money.parse("9"))
    assert loop.run(provider.refund(charge.id, Money.parse("9"), key="three")).state == "refunded"


def test_another_amount_under_a_key_is_refused(provider: TestProvider, loop: asyncio.Runner) -> None:
    loop.run(provider.charge(REQUEST, key="k"))
    with pytest.raises(KeyMismatch):
        loop.run(provider.charge(ChargeRequest(Money.parse("30"), "tok_visa", "order"), key="k"))
