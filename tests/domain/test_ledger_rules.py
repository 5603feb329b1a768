"""The books: which transfers are refused, what balances say, and the seal that shows every change."""

from __future__ import annotations

import hashlib
import hmac
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.money import MICROS_MAX, Money
from services.domain.ledger import (
    FLOORED,
    Account,
    AccountKind,
    Entry,
    InvalidTransfer,
    Transfer,
    TransferKind,
    balances,
    below_floor,
    by_kind,
    checked,
    problems,
    trial_balance,
)
from services.domain.ledger_chain import GENESIS, Broken, ChainRow, Fault, Link, canonical, mac, sealed, verify_chain

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
KEY = b"k" * 32


def account(kind: str, currency: str = "USD", sub: str = "", organization: str = "acme") -> Account:
    return Account(organization, AccountKind(kind), currency, sub)


def entry(kind: str, micros: int, currency: str = "USD", sub: str = "", organization: str = "acme") -> Entry:
    return Entry(account(kind, currency, sub, organization), Money(micros, currency))


def transfer(*entries: Entry, key: str = "k1", at: datetime = NOW) -> Transfer:
    return Transfer(TransferKind.REVENUE_RECOGNISED, key, at, entries)


SOUND = transfer(entry("deferred_revenue", -5), entry("revenue", 5))


# ---- what is refused


def test_a_balanced_transfer_is_sound() -> None:
    assert problems(SOUND) == ()
    assert checked(SOUND) is SOUND
    assert SOUND.memo == {}


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (transfer(), ["too_few_entries"]),
        (transfer(entry("revenue", 5)), ["too_few_entries", "unbalanced"]),
        (transfer(entry("revenue", 5), entry("deferred_revenue", -4)), ["unbalanced"]),
        (transfer(entry("revenue", 5), entry("deferred_revenue", -6)), ["unbalanced"]),
        (transfer(entry("revenue", 5), entry("revenue", -5, "EUR")), ["unbalanced"]),
        (transfer(entry("revenue", 0), entry("breakage", 0)), ["zero_entry"]),
        (transfer(entry("revenue", 5), entry("revenue", -5)), ["duplicate_account"]),
        (transfer(entry("revenue", 5), entry("breakage", -5, organization="other")), ["foreign_account"]),
        (transfer(Entry(account("revenue", "EUR"), Money(5)), entry("breakage", -5)), ["wrong_currency"]),
        (transfer(entry("wallet_paid", 5), entry("breakage", -5)), ["missing_sub"]),
        (transfer(entry("wallet_promo", 5), entry("breakage", -5)), ["missing_sub"]),
        (transfer(entry("clearing", 10_000), entry("breakage", -10_000)), ["missing_sub"]),
        (transfer(entry("clearing", 9_999, sub="stripe"), entry("breakage", -9_999)), ["not_whole_minor"]),
        (transfer(entry("receivable", 10_001), entry("breakage", -10_001)), ["not_whole_minor"]),
        (transfer(entry("refunds", -1), entry("breakage", 1)), ["not_whole_minor"]),
        (transfer(entry("disputes", 1_000, "JPY"), entry("breakage", -1_000, "JPY")), ["not_whole_minor"]),
        (transfer(entry("revenue", MICROS_MAX + 1), entry("breakage", -MICROS_MAX - 1)), ["too_large"]),
        (replace(SOUND, key=""), ["no_key"]),
        (replace(SOUND, at=NOW.replace(tzinfo=None)), ["no_time_zone"]),
        (transfer(entry("revenue", 0), key=""), ["too_few_entries", "zero_entry", "no_key"]),
    ],
)
def test_an_unsound_transfer_is_refused_with_all_its_problems(bad: Transfer, expected: list[str]) -> None:
    assert list(problems(bad)) == expected
    with pytest.raises(InvalidTransfer, match=", ".join(expected)) as refused:
        checked(bad)
    assert refused.value.problems == problems(bad)


@pytest.mark.parametrize(
    "good",
    [
        transfer(entry("clearing", -10_000, sub="bank"), entry("receivable", 10_000)),
        transfer(entry("refunds", 1_000, "KWD"), entry("breakage", -1_000, "KWD")),
        transfer(entry("revenue", MICROS_MAX), entry("breakage", -MICROS_MAX)),
        transfer(entry("wallet_paid", 1, sub="g1"), entry("wallet_paid", -1, sub="g2")),
        transfer(
            entry("revenue", 5), entry("breakage", -5), entry("revenue", 7, "JPY"), entry("breakage", -7, "JPY")
        ),
    ],
)  # fmt: skip
def test_sound_transfers_of_every_shape_pass(good: Transfer) -> None:
    assert problems(good) == ()


# ---- balances

kinds = st.sampled_from(["revenue", "breakage", "holds", "tax_payable"])
currencies = st.sampled_from(["USD", "JPY"])


@st.composite
def sound_transfers(make: st.DrawFn) -> Transfer:
    currency = make(currencies)
    names = make(st.lists(kinds, min_size=2, max_size=4, unique=True))
    parts = [make(st.integers(-(10**9), 10**9)) for _ in names[1:]]
    amounts = [-sum(parts), *parts]
    return transfer(*(entry(name, amount, currency) for name, amount in zip(names, amounts, strict=True)))


@given(st.lists(sound_transfers(), max_size=8), st.randoms(use_true_random=False))
def test_the_trial_balance_is_zero_and_balances_are_sums_in_any_order(
    transfers: list[Transfer], shuffler: random.Random
) -> None:
    entries = [each for one in transfers for each in one.entries]
    assert all(left.is_zero for left in trial_balance(entries).values())
    found = balances(entries)
    for place, balance in found.items():
        assert balance == sum((each.amount for each in entries if each.account == place), Money.zero(place.currency))
    assert sum(balance.micros for balance in found.values()) == 0
    mixed = list(entries)
    shuffler.shuffle(mixed)
    assert balances(mixed) == found


def test_a_trial_balance_that_does_not_fit_shows_the_difference_per_currency() -> None:
    entries = [entry("revenue", 5), entry("breakage", -3), entry("revenue", 4, "EUR"), entry("breakage", -4, "EUR")]
    assert trial_balance(entries) == {"USD": Money(2), "EUR": Money.zero("EUR")}
    assert trial_balance([]) == {}


def test_kinds_add_their_accounts_and_leave_out_what_came_back_to_zero() -> None:
    entries = [
        entry("wallet_paid", 5, sub="a"), entry("wallet_paid", 7, sub="b"), entry("wallet_paid", 9, "EUR", sub="c"),
        entry("holds", 4), entry("holds", -4),
    ]  # fmt: skip
    assert by_kind(entries) == {
        (AccountKind.WALLET_PAID, "USD"): Money(12),
        (AccountKind.WALLET_PAID, "EUR"): Money(9, "EUR"),
    }


def test_wallets_and_holds_may_not_go_below_zero_and_nothing_else_has_a_floor() -> None:
    assert {"wallet_paid", "wallet_promo", "holds"} == FLOORED
    grant, holds = account("wallet_paid", sub="g"), account("holds")
    move = transfer(entry("wallet_paid", -5, sub="g"), entry("holds", 5))
    assert below_floor({grant: Money(5)}, move) == ()
    assert below_floor({grant: Money(4)}, move) == (grant,)
    assert below_floor({}, move) == (grant,)
    back = transfer(entry("holds", -6), entry("wallet_promo", -1, sub="p"), entry("revenue", 7))
    assert below_floor({holds: Money(5), grant: Money(9)}, back) == (holds, account("wallet_promo", sub="p"))
    assert below_floor({}, SOUND) == ()
    # What fills an account that is already wrong is never the one to blame.
    assert below_floor({holds: Money(-9)}, move) == (grant,)


# ---- the seal


def chain(count: int, start: Link | None = None) -> list[ChainRow]:
    rows, last = [], start or Link()
    for number in range(last.seq + 1, last.seq + count + 1):
        one = transfer(entry("deferred_revenue", -number), entry("revenue", number), key=f"key {number}")
        rows.append(sealed(one, "acme", KEY, last))
        last = Link(number, rows[-1].mac)
    return rows


def test_the_canonical_form_is_written_down() -> None:
    noted = replace(SOUND, memo={"invoice": "SK-1", "café": 2})
    assert canonical(noted, 7, "acme") == (
        b'{"at":"2026-03-10T12:00:00.000000+00:00","entries":[["acme","deferred_revenue","","USD",-5],'
        b'["acme","revenue","","USD",5]],"key":"k1","kind":"revenue_recognised","memo":{"caf\\u00e9":2,"invoice":"SK-1"},'
        b'"organization":"acme","seq":7,"version":1}'
    )


def test_the_canonical_form_does_not_depend_on_order_or_time_zone() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    turned = replace(SOUND, entries=SOUND.entries[::-1], at=east)
    assert canonical(turned, 1, "acme") == canonical(SOUND, 1, "acme")
    with pytest.raises(ValueError, match="time zone"):
        canonical(replace(SOUND, at=NOW.replace(tzinfo=None)), 1, "acme")


@pytest.mark.parametrize(
    "changed",
    [
        replace(SOUND, kind=TransferKind.CREDIT_NOTE),
        replace(SOUND, key="k2"),
        replace(SOUND, at=NOW + timedelta(microseconds=1)),
        replace(SOUND, memo={"note": "x"}),
        transfer(entry("deferred_revenue", -6), entry("revenue", 6)),
        transfer(entry("deferred_revenue", -5), entry("breakage", 5)),
        transfer(entry("deferred_revenue", -5), entry("revenue", 5, sub="x")),
        transfer(entry("deferred_revenue", -5, "EUR"), entry("revenue", 5, "EUR")),
        transfer(entry("deferred_revenue", -5, organization="b"), entry("revenue", 5, organization="b")),
        transfer(entry("deferred_revenue", 5), entry("revenue", -5)),
    ],
)
def test_every_part_of_a_transfer_is_in_its_canonical_form(changed: Transfer) -> None:
    assert canonical(changed, 1, "acme") != canonical(SOUND, 1, "acme")


def test_the_seal_is_hmac_sha256_over_the_row_before_and_the_content() -> None:
    expected = hmac.new(KEY, GENESIS.encode() + b"\n" + b"content", hashlib.sha256).hexdigest()
    assert mac(KEY, GENESIS, b"content") == expected
    assert GENESIS == "0" * 64
    first = sealed(SOUND, "acme", KEY, Link())
    assert (first.seq, first.transfer) == (1, SOUND)
    assert first.mac == mac(KEY, GENESIS, canonical(SOUND, 1, "acme"))
    second = sealed(SOUND, "acme", KEY, Link(first.seq, first.mac))
    assert (second.seq, second.mac) == (2, mac(KEY, first.mac, canonical(SOUND, 2, "acme")))


def verdict(rows: list[ChainRow], newest: int | None = None) -> Broken | None:
    return verify_chain(iter(rows), KEY, "acme", newest=newest)


def test_a_sound_chain_is_sound_also_in_pieces_and_when_empty() -> None:
    rows = chain(6)
    assert verdict(rows) is None
    assert verdict(rows, newest=6) is None
    assert verdict(rows, newest=5) is None
    assert verdict([]) is None
    assert verdict([], newest=0) is None
    good = Link(3, rows[2].mac)
    assert verify_chain(rows[3:], KEY, "acme", after=good) is None
    assert chain(3, good) == rows[3:]


def test_a_foreign_key_or_organization_does_not_fit() -> None:
    rows = chain(2)
    assert verify_chain(rows, b"other", "acme") == Broken(1, Fault.EDITED)
    assert verify_chain(rows, KEY, "other") == Broken(1, Fault.EDITED)


@pytest.mark.parametrize("place", range(5))
def test_an_edit_shows_at_its_row(place: int) -> None:
    rows = chain(5)
    number = place + 1
    for changed in (
        replace(rows[place], transfer=replace(rows[place].transfer, key="other")),
        replace(rows[place], mac="f" * 64),
        replace(rows[place], mac=rows[place - 1].mac),
    ):
        edited = [*rows[:place], changed, *rows[place + 1 :]]
        assert verdict(edited) == Broken(number, Fault.EDITED)


def test_a_removed_row_leaves_a_gap() -> None:
    rows = chain(5)
    assert verdict(rows[1:]) == Broken(1, Fault.GAP)
    assert verdict([*rows[:2], *rows[3:]]) == Broken(3, Fault.GAP)
    assert verdict([*rows[:1], *rows[3:]]) == Broken(2, Fault.GAP)


def test_a_removed_row_cannot_be_hidden_by_numbering_again() -> None:
    rows = chain(5)
    renumbered = [replace(row, seq=row.seq - 1) for row in rows[3:]]
    assert verdict([*rows[:2], *renumbered]) == Broken(3, Fault.EDITED)


def test_rows_cut_off_the_end_show_by_the_counter() -> None:
    rows = chain(5)
    assert verdict(rows[:3], newest=5) == Broken(4, Fault.REMOVED)
    assert verdict(rows[:4], newest=5) == Broken(5, Fault.REMOVED)
    assert verdict([], newest=1) == Broken(1, Fault.REMOVED)


def test_rows_in_another_order_are_told_from_missing_ones() -> None:
    one, two, three, four = chain(4)
    assert verdict([one, three, two, four]) == Broken(2, Fault.REORDERED)
    assert verdict([two, one, three, four]) == Broken(1, Fault.REORDERED)
    assert verdict([one, two, two, three]) == Broken(2, Fault.REORDERED)
    assert verdict([one, two, one]) == Broken(1, Fault.REORDERED)
    swapped = [one, replace(three, seq=2), replace(two, seq=3), four]
    assert verdict(swapped) == Broken(2, Fault.REORDERED)


@given(st.integers(2, 7), st.data())
def test_any_single_change_is_found_no_later_than_where_it_was_made(count: int, data: st.DataObject) -> None:
    rows = chain(count)
    place = data.draw(st.integers(0, count - 1))
    change = data.draw(st.sampled_from(["edit", "remove", "swap"]))
    if change == "edit":
        rows[place] = replace(rows[place], transfer=replace(rows[place].transfer, memo={"by": "me"}))
    elif change == "remove":
        del rows[place]
    else:
        other = data.draw(st.integers(0, count - 1).filter(lambda index: index != place))
        rows[place], rows[other] = rows[other], rows[place]
        place = min(place, other)
    broken = verdict(rows, newest=count)
    assert broken is not None
    assert broken.seq == place + 1
