"""`souk ledger`, `due`, `staff` and `codes` on a file of their own: what they print, what they change, how they end."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.__main__ import main
from app.compose import build_embedded
from app.settings import Settings
from services.api.types import InvoiceQuery, InvoiceState, TopUp
from services.gateways.agents import ScriptedAgents
from tests.contract.market import Market
from tests.contract.money import offered, usd

Souk = Callable[..., tuple[int, Any]]  # words of the command -> exit code, its JSON


@pytest.fixture(autouse=True)
def without_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider inside the program: no sockets are wanted here."""
    monkeypatch.setenv("SOUK_PAYMENTS", "inline")


@pytest.fixture
def souk(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Souk:
    """Runs a command on the data of this test."""

    def run(*words: str) -> tuple[int, Any]:
        code = main([*words, "--json", "--data", str(data_dir)])
        shown = capsys.readouterr()
        return code, json.loads(shown.out) if shown.out else shown.err

    return run


@pytest.fixture
def books(data_dir: Path) -> Path:
    """The file of a shop where somebody bought 20 dollars of credit."""

    async def buy() -> None:
        service = await build_embedded(Settings(data_dir, payments="inline"), agents=ScriptedAgents())
        market = Market(service, lambda: asyncio.sleep(0))
        buyer = await market.buyer()
        await buyer.top_up(TopUp(usd("20"), await market.card()), key="top-up")
        service.close()

    asyncio.run(buy())
    return data_dir / "souk.db"


def tamper(file: Path, *statements: str) -> None:
    """Somebody with the file takes its rules away first."""
    with closing(sqlite3.connect(file)) as database, database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)


def test_sound_books_are_sound(souk: Souk, books: Path) -> None:
    code, told = souk("ledger", "verify")
    assert (code, told) == (0, {"organizations": 1, "transfers": 1, "entries": 2, "sound": True})


def test_the_first_bad_row_is_named(souk: Souk, books: Path) -> None:
    tamper(books, "UPDATE ledger_entries SET amount_micros = amount_micros * 2")
    code, told = souk("ledger", "verify")
    assert (code, told["sound"], told["first bad row"]) == (1, False, 1)
    assert told["organization"]
    assert told["what"]


def test_a_lost_row_is_missed(souk: Souk, books: Path) -> None:
    tamper(books, "DELETE FROM ledger_entries", "DELETE FROM ledger_transfers")
    code, told = souk("ledger", "verify")
    assert (code, told["sound"]) == (1, False)


def test_balances_add_up_in_each_currency(souk: Souk, books: Path) -> None:
    code, told = souk("ledger", "balance")
    assert code == 0
    assert {line["account"]: line["amount"] for line in told} == {
        "clearing": "-20.000000", "wallet_paid": "20.000000", "trial balance": "0.000000",
    }  # fmt: skip
    tamper(books, "UPDATE ledger_entries SET currency = 'EUR' WHERE amount_micros > 0")
    code, told = souk("ledger", "balance")
    assert code == 1
    assert [(line["currency"], line["amount"]) for line in told if line["account"] == "trial balance"] == [
        ("USD", "-20.000000"), ("EUR", "20.000000"),
    ]  # fmt: skip


def test_staff_are_named_and_unnamed(souk: Souk, books: Path) -> None:
    assert souk("staff", "list") == (0, [])
    assert souk("staff", "add", "Ada@Example.com")[0] == 0
    assert souk("staff", "list") == (0, ["ada@example.com"])
    assert souk("staff", "remove", "ada@example.com")[0] == 0
    assert souk("staff", "list") == (0, [])
    code, told = souk("staff", "add", "nobody@example.com")
    assert (code, "nobody@example.com" in told) == (2, True)


def test_codes_are_made_once_and_listed(souk: Souk) -> None:
    assert souk("codes", "add", "summer", "--percent", "12.5", "--months", "3")[0] == 0
    assert souk("codes", "add", "gift7", "--credit", "7", "--valid-days", "30", "--max", "2")[0] == 0
    found = {row["code"]: row for row in souk("codes", "list")[1]}
    assert found["SUMMER"] == {"code": "SUMMER", "gives": "12.5 % off", "lasts": "3 months", "redeemed": 0}
    assert found["GIFT7"] == {"code": "GIFT7", "gives": "USD 7.000000 credit", "lasts": "30 days", "redeemed": 0}
    code, told = souk("codes", "add", "Summer", "--off", "1")
    assert (code, told) == (2, "souk: SUMMER exists already\n")


@pytest.mark.parametrize(
    "words",
    [
        ("--percent", "0"), ("--percent", "100.1"), ("--percent", "NaN"), ("--percent", "ten"),
        ("--off", "0"), ("--off", "-1"), ("--off", "0.001"), ("--off", "NaN"), ("--off", "9" * 20),
        ("--credit", "5", "--valid-days", "0"), ("--credit", "5", "--max", "0"),
        ("--percent", "5", "--months", "-1"), ("--percent", "5", "--months", "100001"),
        ("--percent", "5", "--ends", "tomorrow"), ("--percent", "5", "--ends", "9999-12-31"),
        ("--percent", "5", "--off", "5"), (),
    ],
)  # fmt: skip
def test_codes_that_make_no_sense_are_refused(souk: Souk, words: tuple[str, ...]) -> None:
    code, told = souk("codes", "add", "ODD", *words)
    assert (code, told.startswith("souk: ")) == (2, True)
    assert "ODD" not in {row["code"] for row in souk("codes", "list")[1]}


def test_nothing_is_due_in_a_new_shop(souk: Souk) -> None:
    assert souk("due") == (0, [])


def test_open_invoices_are_listed_voided_and_given_up(souk: Souk, owing: list[str]) -> None:
    first, second = owing
    code, rows = souk("invoices", "list")
    assert (code, [(row["number"], row["left"]) for row in rows]) == (
        0,
        [(first, "450.000000"), (second, "450.000000")],
    )
    assert souk("invoices", "void", first) == (0, [f"{first} is void"])
    assert souk("invoices", "write-off", second) == (0, [f"{second} is uncollectible"])
    assert [row["number"] for row in souk("invoices", "list")[1]] == [second]
    for number in (first, "SK-1999-000001", ""):
        assert souk("invoices", "write-off", number)[0] == 2
    assert souk("ledger", "verify")[1]["sound"] is True


@pytest.fixture
def owing(data_dir: Path) -> list[str]:
    """The numbers of two open invoices, of accepted quotes."""

    async def accept() -> list[str]:
        service = await build_embedded(Settings(data_dir, payments="inline"), agents=ScriptedAgents())
        market = Market(service, lambda: asyncio.sleep(0))
        buyer = await market.buyer()
        for key in ("one", "two"):
            await buyer.accept_quote((await offered(market, buyer)).uuid, key=key)
        found = (await buyer.list_invoices(InvoiceQuery(state=InvoiceState.OPEN))).items
        service.close()
        return sorted(invoice.number for invoice in found)

    return asyncio.run(accept())
