"""An invoice that is given up: off the books, still payable, and paid it undoes the loss."""

from __future__ import annotations

import pytest

from services.api.errors import WrongState
from services.api.types import InvoiceState
from services.embedded.money import writing_off
from services.embedded.money.happenings import latest
from tests.contract.money import usd
from tests.embedded.money.books import Books, at
from tests.embedded.money.papers import GERMAN, fee, issued, paid, read, settled, sums


def given_up(books: Books, uuid: str, days: int = 15) -> None:
    books.do(lambda connection: writing_off.write_off(books.core, connection, uuid, at(days=days)))


def test_what_was_earned_is_lost_and_the_rest_was_never_ours(books: Books) -> None:
    """Half of 29.00 plus 19 % VAT was earned when it was given up."""
    uuid = issued(books, fee(), details=GERMAN)
    given_up(books, uuid)
    assert read(books, uuid).state is InvoiceState.UNCOLLECTIBLE
    assert read(books, uuid).due == usd("34.51")
    # 14.50 earned, 34.51 - 14.50 of it lost: the tax of 5.51 stays owed to the state
    assert sums(books) == {"tax_payable": usd("5.51"), "revenue": usd("-5.51")}
    told = books.do(lambda connection: latest(connection, None, limit=1))
    assert (told[0].kind, told[0].params["amount_micros"]) == ("written_off", 34_510_000)


def test_it_may_be_paid_after_all(books: Books) -> None:
    uuid = issued(books, fee(), details=GERMAN)
    given_up(books, uuid)
    paid(books, uuid, at(days=20))
    invoice = read(books, uuid)
    assert (invoice.state, invoice.due) == (InvoiceState.PAID, usd("0"))
    assert sums(books) == {"clearing": usd("-34.51"), "tax_payable": usd("5.51"), "revenue": usd("29")}


def test_only_an_open_invoice_is_given_up_and_only_once(books: Books) -> None:
    uuid = settled(books)
    with pytest.raises(WrongState):
        given_up(books, uuid)
    other = issued(books, fee())
    given_up(books, other)
    before = sums(books)
    with pytest.raises(WrongState):
        given_up(books, other)
    assert sums(books) == before
