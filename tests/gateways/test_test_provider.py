"""What only the test provider does: pages in our own window, a file of its own, which may be old, full or damaged."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways.payments import (
    Charge,
    ChargeRequest,
    EventForged,
    KeyMismatch,
    Lookup,
    Payments,
    ProviderUnreachable,
)
from services.gateways.test_provider import TestProvider
from tests.fakes import FakeClock

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


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, amount=Money.parse("30")),
        replace(REQUEST, amount=Money.parse("29", "EUR")),
        replace(REQUEST, token="tok_mastercard"),
        replace(REQUEST, reference="another"),
        replace(REQUEST, holds=True),
        replace(REQUEST, saves=False),
        replace(REQUEST, title="Another"),
        replace(REQUEST, page_until=datetime(2026, 11, 25, tzinfo=UTC)),
    ],
)
def test_anything_else_under_a_key_is_refused(
    provider: TestProvider, loop: asyncio.Runner, other: ChargeRequest
) -> None:
    first = loop.run(provider.charge(REQUEST, key="k"))
    with pytest.raises(KeyMismatch):
        loop.run(provider.charge(other, key="k"))
    assert loop.run(provider.charge(replace(REQUEST, is_attended=False), key="k")) == first
    assert provider.count_charges() == 1


# ---------------------------------------------------------------- pages in our own window

PAGE = replace(REQUEST, token="")


def run_find(loop: asyncio.Runner, provider: TestProvider, charge: Charge) -> Charge:
    found = loop.run(provider.find(Lookup("", charge.id)))
    assert found is not None
    return found


def test_a_page_of_ours_says_where_it_is_and_is_paid_by_a_yes(provider: TestProvider, loop: asyncio.Runner) -> None:
    page = loop.run(provider.charge(PAGE, key="k"))
    assert (page.action_url, page.expires_at, provider.page_hosts) == ("/pay/test/order/", None, ())
    paid = loop.run(provider.confirm(page.id, approve=True))
    assert paid.method is not None
    assert (paid.state, paid.action_url, paid.method.last4) == ("succeeded", "", "4242")
    assert loop.run(provider.confirm(page.id, approve=False)) == paid


def test_a_page_of_ours_is_over_after_a_no(provider: TestProvider, loop: asyncio.Runner) -> None:
    page = loop.run(provider.charge(PAGE, key="k"))
    refused = loop.run(provider.confirm(page.id, approve=False))
    assert (refused.state, refused.decline_code) == ("failed", "confirmation_declined")
    assert loop.run(provider.answer(page.id)).state == "failed"
    assert provider.balance() == Money.zero()


def test_a_page_stays_open_while_cards_are_declined(provider: TestProvider, loop: asyncio.Runner) -> None:
    page = loop.run(provider.charge(PAGE, key="k"))
    for token in ("tok_declined", "tok_insufficient_funds", "tok_of_nobody"):
        assert loop.run(provider.answer(page.id, token)) == page
    assert loop.run(provider.answer(page.id, "tok_mastercard")).state == "succeeded"
    assert provider.balance() == REQUEST.amount


@pytest.mark.parametrize("method", [PaymentMethod.CARD, PaymentMethod.BANK])
def test_a_closed_page_can_be_paid_on_late_once_and_says_so(
    provider: TestProvider, loop: asyncio.Runner, method: PaymentMethod
) -> None:
    page = loop.run(provider.charge(replace(REQUEST, token="", method=method), key="page"))
    assert loop.run(provider.answer_late(page.id)).state == "action_required"  # it is open
    loop.run(provider.cancel(page.id, key="over"))
    assert loop.run(provider.answer(page.id)).state == "canceled"
    late = loop.run(provider.answer_late(page.id))
    assert late.state == ("processing" if method is PaymentMethod.BANK else "succeeded")
    assert loop.run(provider.answer_late(page.id)) == late
    told = loop.run(provider.list_events("", since=datetime(2026, 1, 1, tzinfo=UTC))).events
    assert [event.kind for event in told][-2:] == ["page.answered_late", f"charge.{late.state}"]


def test_a_hold_that_was_let_go_is_no_closed_page(provider: TestProvider, loop: asyncio.Runner) -> None:
    page = loop.run(provider.charge(replace(REQUEST, token="", holds=True), key="page"))
    loop.run(provider.answer(page.id))
    loop.run(provider.lose_hold(page.id))
    assert loop.run(provider.answer_late(page.id)).state == "canceled"


@pytest.mark.parametrize(
    ("method", "brand", "last4", "email", "state"),
    [
        (PaymentMethod.CARD, "Visa", "4242", "", "succeeded"),
        (PaymentMethod.BANK, "Test Bank", "6789", "", "processing"),
        (PaymentMethod.PAYPAL, "PayPal", "", "buyer@example.com", "succeeded"),
    ],
)
def test_what_is_kept_of_a_page_is_charged_again_as_what_it_is(
    provider: TestProvider, loop: asyncio.Runner, method: PaymentMethod, brand: str, last4: str, email: str, state: str
) -> None:
    page = loop.run(provider.charge(replace(PAGE, amount=Money.zero(), method=method), key="k"))
    kept = loop.run(provider.answer(page.id)).method
    assert kept is not None
    assert (kept.method, kept.brand, kept.last4, kept.email) == (method, brand, last4, email)
    assert provider.describe(kept.token) is None
    again = loop.run(provider.charge(replace(REQUEST, token=kept.token), key="again"))
    assert (again.state, again.method) == (state, kept)
    checked = loop.run(provider.charge(replace(REQUEST, amount=Money.zero(), token=kept.token), key="checked"))
    assert (checked.state, checked.method) == ("succeeded", kept)
    other = loop.run(provider.charge(PAGE, key="other"))
    assert loop.run(provider.answer(other.id, kept.token)).method == kept


# ---------------------------------------------------------------- time

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def test_with_a_clock_a_page_ends_after_a_day_and_events_have_their_time(data_dir: Path, loop: asyncio.Runner) -> None:
    clock = FakeClock(START)
    provider = TestProvider(data_dir / "test-provider.db", clock=clock)
    page = loop.run(provider.charge(PAGE, key="k"))
    assert page.expires_at == START + timedelta(hours=24)
    clock.advance(hours=23, minutes=59)
    assert run_find(loop, provider, page) == page
    clock.advance(minutes=1)
    assert loop.run(provider.answer(page.id)).state == "canceled"
    assert run_find(loop, provider, page).decline_code == "expired"
    events = loop.run(provider.list_events("", since=START)).events
    assert [(event.kind, event.created_at - START) for event in events] == [
        ("charge.action_required", timedelta()),
        ("charge.canceled", timedelta(hours=24)),
    ]
    assert loop.run(provider.list_events("", since=START + timedelta(seconds=1))).events == events[1:]
    assert loop.run(provider.list_events(events[0].id, since=clock.now())).events == events[1:]
    provider.close()


def test_with_a_clock_a_debit_is_paid_on_the_fourth_day(data_dir: Path, loop: asyncio.Runner) -> None:
    clock = FakeClock(START)
    provider = TestProvider(data_dir / "test-provider.db", clock=clock)
    page = loop.run(provider.charge(replace(PAGE, method=PaymentMethod.BANK), key="k"))
    clock.advance(hours=1)
    loop.run(provider.answer(page.id))
    clock.advance(days=3, hours=23)
    assert run_find(loop, provider, page).state == "processing"
    clock.advance(hours=1)
    assert run_find(loop, provider, page).state == "succeeded"
    assert provider.balance() == PAGE.amount
    provider.close()


def test_a_forgotten_method_is_told_once(provider: TestProvider, loop: asyncio.Runner) -> None:
    page = loop.run(provider.charge(PAGE, key="k"))
    kept = loop.run(provider.answer(page.id)).method
    assert kept is not None
    for _ in range(2):
        loop.run(provider.forget(kept.token))
    events = loop.run(provider.list_events("", since=START)).events
    assert [event.subject for event in events if event.topic == "method"] == [kept.token]
    assert run_find(loop, provider, page).method is None


def test_more_events_than_a_page_holds_are_all_told(provider: TestProvider, loop: asyncio.Runner) -> None:
    for number in range(120):
        loop.run(provider.charge(REQUEST, key=f"k{number}"))
    first = loop.run(provider.list_events("", since=START))
    second = loop.run(provider.list_events(first.cursor, since=START))
    assert [event.key for event in (*first.events, *second.events)] == [f"k{number}" for number in range(120)]


@pytest.mark.parametrize("signature", ["", "é", "\udcff", "0" * 64])
def test_a_signature_of_any_letters_is_only_a_wrong_one(
    provider: TestProvider, loop: asyncio.Runner, signature: str
) -> None:
    headers = provider.sign(b"{}", START) | {"test-signature": signature}
    with pytest.raises(EventForged):
        loop.run(provider.verify_event(headers, b"{}", now=START))


# ---------------------------------------------------------------- what gets lost, and files of before


@pytest.mark.parametrize(("token", "is_charged"), [("tok_lost_before", False), ("tok_lost_after", True)])
def test_the_published_cards_that_lose_answers_lose_one(
    provider: TestProvider, loop: asyncio.Runner, token: str, is_charged: bool
) -> None:
    request = replace(REQUEST, token=token)
    with pytest.raises(ProviderUnreachable):
        loop.run(provider.charge(request, key="k"))
    assert (loop.run(provider.find(Lookup("k"))) is not None) is is_charged
    assert loop.run(provider.charge(request, key="k")).state == "succeeded"
    assert provider.count_charges() == 1


def test_losses_are_counted_and_come_to_an_end(provider: TestProvider, loop: asyncio.Runner) -> None:
    provider.lose_next("after", times=2)
    for _ in range(2):
        with pytest.raises(ProviderUnreachable):
            loop.run(provider.charge(REQUEST, key="k"))
    assert loop.run(provider.charge(REQUEST, key="k")).state == "succeeded"
    with pytest.raises(ValueError, match="never"):
        provider.lose_next("never")


# The tables of the first version, with one charge in them.
FIRST_VERSION = """
CREATE TABLE charges (
    key TEXT PRIMARY KEY, id TEXT UNIQUE NOT NULL, token TEXT NOT NULL, reference TEXT NOT NULL,
    micros INTEGER NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL, decline_code TEXT NOT NULL,
    refunded_micros INTEGER NOT NULL DEFAULT 0, CHECK (refunded_micros BETWEEN 0 AND micros));
CREATE TABLE refunds (key TEXT PRIMARY KEY, charge_id TEXT NOT NULL, micros INTEGER NOT NULL);
CREATE TABLE lost (key TEXT PRIMARY KEY);
INSERT INTO charges VALUES ('k', 'ch_test_old', 'tok_visa', 'order', 29000000, 'USD', 'succeeded', '', 0);
"""


def make_old(path: Path) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FIRST_VERSION)


def lives_on(provider: TestProvider, loop: asyncio.Runner) -> None:
    """What was charged then is charged once and given back once; what is new works beside it."""
    assert loop.run(provider.charge(REQUEST, key="k")).id == "ch_test_old"
    with pytest.raises(KeyMismatch):
        loop.run(provider.charge(replace(REQUEST, amount=Money.parse("30")), key="k"))
    assert loop.run(provider.refund("ch_test_old", REQUEST.amount, key="back")).state == "refunded"
    page = loop.run(provider.charge(PAGE, key="page"))
    assert loop.run(provider.answer(page.id)).state == "succeeded"
    assert provider.balance() == REQUEST.amount


def test_a_file_of_the_first_version_is_gone_on_with(
    provider: TestProvider, data_dir: Path, loop: asyncio.Runner
) -> None:
    make_old(data_dir / "test-provider.db")
    lives_on(provider, loop)


def test_a_file_that_was_taken_back_to_the_first_version_is_gone_on_with(
    provider: TestProvider, loop: asyncio.Runner
) -> None:
    loop.run(provider.charge(REQUEST, key="later"))

    def take_back(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
            for (name,) in names.fetchall():
                db.execute(f"DROP TABLE {name}")
            db.executescript(FIRST_VERSION)

    loop.run(provider.between_writes(take_back))
    lives_on(provider, loop)


def test_what_it_remembers_outlives_it(provider: TestProvider, data_dir: Path, loop: asyncio.Runner) -> None:
    page = loop.run(provider.charge(PAGE, key="k"))
    other = TestProvider(data_dir / "test-provider.db")
    assert loop.run(other.answer(page.id)).state == "succeeded"
    other.close()
    assert run_find(loop, provider, page).state == "succeeded"


def test_it_is_a_provider_with_a_name_of_its_own(data_dir: Path) -> None:
    provider: Payments = TestProvider(data_dir / "p.db", name="mine", methods=(PaymentMethod.CARD,))  # types agree
    assert (provider.name, provider.is_test_mode, provider.methods, provider.has_customers) == (
        "mine", True, (PaymentMethod.CARD,), False,
    )  # fmt: skip
    provider.close()
