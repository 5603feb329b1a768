"""The books: written once, balanced, above their floors, and never changed without it showing."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from services.api.errors import LedgerBroken
from services.db import money_models as mm
from services.domain import ledger_chain, movements
from services.domain.ledger import (
    FLOORED,
    Account,
    AccountKind,
    Entry,
    InvalidTransfer,
    Transfer,
    TransferKind,
    trial_balance,
)
from services.domain.wallet import GrantKind, Share
from services.embedded.money import ledger
from services.embedded.money.ledger import BelowFloor, OtherContent, Posted
from tests.embedded.money.books import PROVIDER, ZERO, Books, at, usd

TRANSFERS = sa.select(mm.LedgerTransfer.seq, mm.LedgerTransfer.key, mm.LedgerTransfer.kind).order_by(
    mm.LedgerTransfer.organization_uuid, mm.LedgerTransfer.seq
)


def busy(books: Books) -> str:
    """A wallet with a history of five transfers; the uuid of its grant."""
    grant = books.grant("20", tax=usd("3.80"))
    books.hold(grant, "0.008", "hold-1")
    books.settle(grant, "0.008", "0.008", "settle-1")
    books.hold(grant, "0.50", "hold-2")
    books.settle(grant, "0.50", "0.20", "settle-2")
    return grant


# ---- writing


def test_a_transfer_moves_every_account_it_names(books: Books) -> None:
    grant = busy(books)
    found = books.do(lambda connection: ledger.balances(connection, books.organization))
    assert {(account.kind, account.sub): amount for account, amount in found.items()} == {
        (AccountKind.CLEARING, PROVIDER): usd("-23.80"),
        (AccountKind.TAX_PAYABLE, ""): usd("3.80"),
        (AccountKind.WALLET_PAID, grant): usd("19.792"),
        (AccountKind.HOLDS, ""): ZERO,
        (AccountKind.REVENUE, ""): usd("0.208"),
    }
    assert [row[1:] for row in books.all(TRANSFERS)] == [
        (f"grant:{grant}", "top_up"),
        ("hold-1", "held"),
        ("settle-1", "settled"),
        ("hold-2", "held"),
        ("settle-2", "settled"),
    ]
    assert books.left(grant) == usd("19.792")


def test_balances_and_guards_are_read_by_kind(books: Books) -> None:
    grant = busy(books)
    revenue = books.do(lambda connection: ledger.balances(connection, books.organization, AccountKind.REVENUE))
    assert revenue == {Account(books.organization, AccountKind.REVENUE, "USD"): usd("0.208")}
    held = books.do(lambda connection: ledger.guards(connection, books.organization, AccountKind.HOLDS))
    assert held == {"": ZERO}
    assert books.do(lambda connection: ledger.guards(connection, books.organization, AccountKind.WALLET_PAID)) == {
        grant: usd("19.792")
    }


def test_entries_are_read_back_in_their_order(books: Books) -> None:
    grant = books.grant("20", tax=usd("3.80"))
    entries = books.do(lambda connection: ledger.entries_of(connection, books.organization, 1))
    assert [(entry.account.kind, entry.amount) for entry in entries] == [
        (AccountKind.CLEARING, usd("-23.80")),
        (AccountKind.WALLET_PAID, usd("20")),
        (AccountKind.TAX_PAYABLE, usd("3.80")),
    ]
    by_key = books.do(lambda connection: ledger.entries_by_key(connection, books.organization, f"grant:{grant}"))
    assert by_key == entries
    assert books.do(lambda connection: ledger.entries_by_key(connection, books.organization, "no such key")) == ()


def test_the_same_key_writes_once_whatever_time_it_is(books: Books) -> None:
    grant = books.grant("20")
    share = [Share(grant, GrantKind.PAID, usd("5"))]
    first = books.post(movements.hold(books.stamp("once"), share))
    again = books.post(movements.hold(books.stamp("once", at(hours=1)), share))
    assert (first.is_new, again.is_new) == (True, False)
    assert (first.seq, first.uuid) == (again.seq, again.uuid)
    assert books.left(grant) == usd("15")
    assert books.post(movements.hold(books.stamp("next"), share)).seq == first.seq + 1
    assert books.fault() is None


def test_a_key_for_another_movement_is_refused(books: Books) -> None:
    grant = books.grant("20")
    books.hold(grant, "5", "once")
    with pytest.raises(OtherContent):
        books.hold(grant, "6", "once")
    with pytest.raises(OtherContent):
        books.post(movements.expire_grant(books.stamp("once"), Share(grant, GrantKind.PAID, usd("5"))))
    assert books.left(grant) == usd("15")


def test_a_key_is_found_by_whom_it_belongs_to(books: Books) -> None:
    books.hold(books.grant("20"), "5", "once")
    assert books.do(lambda connection: ledger.is_posted(connection, books.organization, "once"))
    assert not books.do(lambda connection: ledger.is_posted(connection, books.organization, "twice"))
    other = books.new_organization()
    assert not books.do(lambda connection: ledger.is_posted(connection, other, "once"))


def test_two_writers_of_one_key_write_once(books: Books) -> None:
    grant = books.grant("20")
    transfer = movements.hold(books.stamp("once"), [Share(grant, GrantKind.PAID, usd("5"))])

    async def both() -> list[bool]:
        posting = (
            books.core.db.run(lambda connection: ledger.post(books.core, connection, transfer)) for _ in range(8)
        )
        return sorted(posted.is_new for posted in await asyncio.gather(*posting))

    assert books.run(both()) == [False] * 7 + [True]
    assert books.left(grant) == usd("15")
    assert [row[0] for row in books.all(TRANSFERS)] == [1, 2]
    assert books.hold(grant, "1").seq == 3
    assert books.fault() is None


def test_a_key_written_while_its_other_writer_waited_is_the_same(books: Books) -> None:
    transfer = movements.hold(books.stamp("once"), [Share(books.grant("20"), GrantKind.PAID, usd("5"))])
    is_locked = threading.Event()

    def first(connection: Connection) -> Posted:
        ledger.lock(connection, books.organization)
        is_locked.set()
        time.sleep(0.2)  # the other one finds no such key and waits for the head
        return ledger.post(books.core, connection, transfer)

    def second(connection: Connection) -> Posted:
        assert is_locked.wait(5)
        return ledger.post(books.core, connection, transfer)

    async def both() -> list[Posted]:
        return list(await asyncio.gather(books.core.db.run(first), books.core.db.run(second)))

    written, known = books.run(both())
    assert (written.is_new, known.is_new) == (True, False)
    assert (written.seq, written.uuid) == (known.seq, known.uuid)
    assert books.post(movements.hold(books.stamp(), transfer_shares(transfer))).seq == written.seq + 1
    assert books.fault() is None


def transfer_shares(transfer: Transfer) -> list[Share]:
    """The one share of a hold."""
    entry = transfer.entries[0]
    return [Share(entry.account.sub, GrantKind.PAID, -entry.amount)]


def test_what_does_not_balance_is_a_bug_of_the_caller(books: Books) -> None:
    account = Account(books.organization, AccountKind.REVENUE, "USD")
    other = Account(books.organization, AccountKind.TAX_PAYABLE, "USD")
    lopsided = Transfer(TransferKind.SETTLED, "k", at(), (Entry(account, usd("1")), Entry(other, usd("-0.99"))))
    with pytest.raises(InvalidTransfer):
        books.post(lopsided)
    assert books.all(TRANSFERS) == []


# ---- floors


def test_a_grant_goes_down_to_nothing_and_not_below(books: Books) -> None:
    grant = books.grant("20")
    books.hold(grant, "19.999999")
    with pytest.raises(BelowFloor) as caught:
        books.hold(grant, "0.000002")
    assert caught.value.account == Account(books.organization, AccountKind.WALLET_PAID, "USD", grant)
    assert books.left(grant) == usd("0.000001")
    books.hold(grant, "0.000001")
    assert books.left(grant) == ZERO
    assert books.fault() is None


def test_more_than_was_held_cannot_be_settled(books: Books) -> None:
    grant = books.grant("20")
    books.hold(grant, "1")
    with pytest.raises(BelowFloor) as caught:
        books.settle(grant, "1.000001", "1")
    assert caught.value.account.kind is AccountKind.HOLDS
    assert len(books.all(TRANSFERS)) == 2


def test_accounts_without_a_floor_go_where_they_must(books: Books) -> None:
    books.post(movements.pay_invoice(books.stamp(), amount=usd("5"), provider=PROVIDER))
    assert books.balance(AccountKind.CLEARING) == usd("-5")
    assert books.fault() is None


def test_thirty_two_at_once_never_spend_more_than_there_is(books: Books) -> None:
    for text in ("4", "3", "3.05"):
        books.grant(text)

    async def rush() -> list[bool]:
        return await asyncio.gather(*(books.draw_retrying("0.50", f"call-{number}") for number in range(32)))

    paid = books.run(rush())
    assert sum(paid) == 20  # of $10.05, half a dollar each
    assert books.balance() == usd("0.05")
    assert books.balance(AccountKind.HOLDS) == usd("10")
    assert books.fault() is None


def test_what_was_read_under_the_lock_is_still_there(books: Books) -> None:
    grant = books.grant("20")
    is_locked = threading.Event()

    def look_and_take(connection: Connection) -> bool:
        ledger.lock(connection, books.organization)
        is_locked.set()
        time.sleep(0.1)  # the other one would get in here
        return books.draw(connection, "20", "all")

    def take(connection: Connection) -> None:
        assert is_locked.wait(5)
        ledger.post(books.core, connection, movements.hold(books.stamp(), [Share(grant, GrantKind.PAID, usd("1"))]))

    async def both() -> tuple[bool, BaseException | None]:
        looking, taking = await asyncio.gather(
            books.core.db.run(look_and_take), books.core.db.run(take), return_exceptions=True
        )
        assert isinstance(looking, bool)
        return looking, taking

    was_paid, refused = books.run(both())
    assert was_paid
    assert isinstance(refused, BelowFloor)


# ---- the database refuses


REFUSED = {
    "update a transfer": "UPDATE ledger_transfers SET memo = memo",
    "delete a transfer": "DELETE FROM ledger_transfers",
    "update an entry": "UPDATE ledger_entries SET amount_micros = amount_micros + 1",
    "delete an entry": "DELETE FROM ledger_entries",
    "add to a sealed transfer": "INSERT INTO ledger_entries (organization_uuid, seq, position, account_id, "
    "amount_micros, currency) SELECT organization_uuid, seq, 9, account_id, 1, currency FROM ledger_entries "
    "WHERE seq = 1 AND position = 0",
    "a balance below its floor": "UPDATE ledger_accounts SET balance_micros = -1 WHERE floor_micros IS NOT NULL",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED.keys())
def test_the_database_refuses_to(books: Books, statement: str) -> None:
    busy(books)
    with pytest.raises(sa.exc.DBAPIError):
        books.do(lambda connection: connection.execute(sa.text(statement)))
    assert books.fault() is None


@pytest.mark.parametrize("amounts", [(), (5,), (5, -4), (5, -5, 1)])
def test_the_database_refuses_a_transfer_that_does_not_balance(books: Books, amounts: tuple[int, ...]) -> None:
    books.grant("20")
    accounts = [number for (number,) in books.all(sa.select(mm.LedgerAccount.id))]

    def work(connection: Connection) -> None:
        for position, micros in enumerate(amounts):
            entry = {"organization_uuid": books.organization, "seq": 2, "position": position, "currency": "USD",
                     "account_id": accounts[position % len(accounts)], "amount_micros": micros}  # fmt: skip
            connection.execute(sa.insert(mm.LedgerEntry), entry)
        row = {"organization_uuid": books.organization, "seq": 2, "uuid": "u", "key": "k", "kind": "held",
               "at": at(), "memo": {}, "mac": "0" * 64}  # fmt: skip
        connection.execute(sa.insert(mm.LedgerTransfer), row)

    with pytest.raises(sa.exc.DBAPIError):
        books.do(work)
    assert len(books.all(TRANSFERS)) == 1


def test_entries_without_their_transfer_are_not_committed(books: Books) -> None:
    books.grant("20")
    account = books.all(sa.select(sa.func.min(mm.LedgerAccount.id)))[0][0]
    entry = {"organization_uuid": books.organization, "seq": 2, "position": 0, "currency": "USD",
             "account_id": account, "amount_micros": 5}  # fmt: skip
    with pytest.raises(sa.exc.DBAPIError):
        books.do(lambda connection: connection.execute(sa.insert(mm.LedgerEntry), entry))


# ---- verifying


TAMPERED: dict[str, tuple[tuple[str, ...], tuple[int, str, str]]] = {
    "an amount": (
        ("UPDATE ledger_entries SET amount_micros = amount_micros * 2 MINE AND seq = 3",),
        (3, "edited", ""),
    ),
    "an account": (
        ("UPDATE ledger_accounts SET kind = 'breakage' MINE AND kind = 'revenue'",),
        (3, "edited", ""),
    ),
    "a time": (
        ("UPDATE ledger_transfers SET at = (SELECT at FROM ledger_transfers MINE AND seq = 1) MINE AND seq = 9",
         "UPDATE ledger_transfers SET key = 'another' MINE AND seq = 4"),
        (4, "edited", ""),
    ),
    "a kind": (("UPDATE ledger_transfers SET kind = 'released' MINE AND seq = 5",), (5, "edited", "")),
    "a seal": (("UPDATE ledger_transfers SET mac = 'forged' MINE AND seq = 2",), (2, "edited", "")),
    "a transfer taken out": (
        ("DELETE FROM ledger_entries MINE AND seq = 2", "DELETE FROM ledger_transfers MINE AND seq = 2"),
        (2, "gap", ""),
    ),
    "its entries taken out": (("DELETE FROM ledger_entries MINE AND seq = 2",), (2, "gap", "")),
    "the newest taken out": (
        ("DELETE FROM ledger_entries MINE AND seq = 5", "DELETE FROM ledger_transfers MINE AND seq = 5"),
        (5, "removed", ""),
    ),
    "the newest taken out, the counter too": (
        ("DELETE FROM ledger_entries MINE AND seq = 5", "DELETE FROM ledger_transfers MINE AND seq = 5",
         "UPDATE ledger_heads SET seq = 4 MINE"),
        (4, "edited", "head"),
    ),
    "everything taken out": (("DELETE FROM ledger_entries MINE", "DELETE FROM ledger_transfers MINE"),
                             (1, "removed", "")),
    "two that changed places": (
        (
            "UPDATE ledger_entries SET seq = 99 MINE AND seq = 2",
            "UPDATE ledger_transfers SET seq = 99 MINE AND seq = 2",
            "UPDATE ledger_entries SET seq = 2 MINE AND seq = 4",
            "UPDATE ledger_transfers SET seq = 2 MINE AND seq = 4",
            "UPDATE ledger_entries SET seq = 4 MINE AND seq = 99",
            "UPDATE ledger_transfers SET seq = 4 MINE AND seq = 99",
        ),
        (2, "reordered", ""),
    ),
    "a guard": (
        ("UPDATE ledger_accounts SET balance_micros = balance_micros + 1 MINE AND kind = 'wallet_paid'",),
        (5, "guard", "wallet_paid"),
    ),
    "a head": (("UPDATE ledger_heads SET mac = 'forged' MINE",), (5, "edited", "head")),
    "no head": (("DELETE FROM ledger_heads MINE",), (1, "removed", "head")),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "expected"), TAMPERED.values(), ids=TAMPERED.keys())
def test_what_was_changed_is_found_and_named(
    books: Books, statements: tuple[str, ...], expected: tuple[int, str, str]
) -> None:
    grant = busy(books)
    assert books.fault() is None
    books.tamper(*statements)
    found = books.fault()
    assert found is not None
    assert (found[0], found[1], found[2].replace(f":{grant}", "")) == expected
    with pytest.raises(LedgerBroken) as caught:
        books.do(lambda connection: ledger.ensure_sound(connection, books.core.ledger_key))
    assert caught.value.params == {"organization": books.organization, "seq": expected[0], "what": expected[1]}


def test_money_made_from_nothing_by_somebody_with_the_key_is_found(books: Books) -> None:
    grant = books.grant("20")
    account = Account(books.organization, AccountKind.WALLET_PAID, "USD", grant)
    other = Account(books.organization, AccountKind.REVENUE, "USD")
    forged = Transfer(TransferKind.RELEASED, "forged", at(), (Entry(account, usd("5")), Entry(other, usd("-4"))))
    (_, mac), = books.all(sa.select(mm.LedgerTransfer.seq, mm.LedgerTransfer.mac))  # fmt: skip
    row = ledger_chain.sealed(forged, books.organization, books.core.ledger_key, ledger_chain.Link(1, mac))
    books.hold(grant, "1", "makes the accounts")
    books.settle(grant, "1", "1")
    books.tamper(
        "DELETE FROM ledger_entries MINE AND seq > 1",
        "DELETE FROM ledger_transfers MINE AND seq > 1",
        "INSERT INTO ledger_entries (organization_uuid, seq, position, account_id, amount_micros, currency) "
        "SELECT :of, 2, 0, id, 5000000, 'USD' FROM ledger_accounts MINE AND kind = 'wallet_paid'",
        "INSERT INTO ledger_entries (organization_uuid, seq, position, account_id, amount_micros, currency) "
        "SELECT :of, 2, 1, id, -4000000, 'USD' FROM ledger_accounts MINE AND kind = 'revenue'",
        "INSERT INTO ledger_transfers (organization_uuid, seq, uuid, key, kind, at, memo, mac) "
        "SELECT :of, 2, 'forged', 'forged', 'released', at, '{}', :mac FROM ledger_transfers MINE AND seq = 1",
        "UPDATE ledger_heads SET seq = 2, mac = :mac MINE",
        mac=row.mac,
    )
    assert books.fault() == (2, "unbalanced", "")


def test_books_sealed_with_another_key_are_not_ours(books: Books) -> None:
    busy(books)
    found = books.do(lambda connection: ledger.verify(connection, b"another key")).fault
    assert found is not None
    assert (found.seq, found.what) == (1, "edited")


def test_every_organization_has_its_own_chain_and_the_first_fault_is_told(books: Books) -> None:
    first = books.organization
    busy(books)
    books.organization = second = books.new_organization()
    books.grant("10")
    verified = books.verify()
    assert (verified.organizations, verified.transfers, verified.fault) == (2, 6, None)
    assert verified.entries == 3 + 2 + 2 + 2 + 3 + 2
    books.tamper("UPDATE ledger_transfers SET kind = 'held' MINE")
    fault = books.verify().fault
    assert fault is not None
    assert (fault.organization_uuid, fault.seq) == (second, 1)
    books.organization = first
    books.tamper("UPDATE ledger_transfers SET kind = 'held' MINE AND seq = 3")
    fault = books.verify().fault
    assert fault is not None
    assert (fault.organization_uuid, fault.seq) == (first, 3)


def test_no_books_are_sound_books(books: Books) -> None:
    verified = books.verify()
    assert (verified.organizations, verified.transfers, verified.entries, verified.fault) == (0, 0, 0, None)
    books.do(lambda connection: ledger.ensure_sound(connection, books.core.ledger_key))


# ---- invariants


STEPS = st.lists(
    st.tuples(st.sampled_from(["hold", "settle", "release", "half"]), st.integers(1, 6_000_000)), max_size=12
)


@given(steps=STEPS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_the_books_balance(books: Books, steps: list[tuple[str, int]]) -> None:
    grant = books.grant("10")
    held: list[str] = []
    for what, micros in steps:
        text = f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
        if what == "hold":
            try:
                books.hold(grant, text)
            except BelowFloor:
                assert books.left(grant) < usd(text)
            else:
                held.append(text)
        elif held:
            amount = held.pop()
            half = usd(amount).micros // 2
            price = {"settle": amount, "release": "0", "half": f"{half // 1_000_000}.{half % 1_000_000:06d}"}[what]
            books.settle(grant, amount, price)
    balances = books.do(lambda connection: ledger.balances(connection, books.organization))
    assert trial_balance(Entry(account, amount) for account, amount in balances.items()) == {"USD": ZERO}
    assert all(amount.micros >= 0 for account, amount in balances.items() if account.kind in FLOORED)
    assert books.fault() is None
