"""What an unpaid invoice does, where no subscription is behind it or nothing is left to do."""

from __future__ import annotations

import pytest

from services.embedded.money import finalising, standing
from services.embedded.money.due import Due
from tests.embedded.money.books import Books, at
from tests.embedded.money.papers import issued, read, settled
from tests.embedded.money.test_corrections import credit


def item(books: Books, kind: str, uuid: str) -> Due:
    return Due(f"{kind}:{uuid}", kind, uuid, books.organization, at(days=1), {})


def failed(books: Books, uuid: str, attempt: int, code: str = "card_declined") -> None:
    """An attempt on day `attempt`."""
    books.do(
        lambda connection: standing.attempt_failed(
            books.core, connection, finalising.row_of(connection, uuid), attempt, code, at(days=attempt)
        )
    )


def test_an_invoice_for_no_subscription_has_a_calendar_and_suspends_nothing(books: Books) -> None:
    uuid = issued(books)
    failed(books, uuid, 0)
    assert [kind for kind, _ in books.due()].count("collect") == 4
    books.do(lambda connection: standing.on_suspend(books.core, connection, item(books, "suspend", uuid)))
    assert books.happenings() == ["invoice_issued", "payment_failed"]


def test_what_is_settled_is_not_chased(books: Books) -> None:
    uuid = settled(books)
    failed(books, uuid, 0)
    books.do(lambda connection: standing.on_overdue(books.core, connection, item(books, "overdue", uuid)))
    books.do(lambda connection: standing.on_suspend(books.core, connection, item(books, "suspend", uuid)))
    assert read(books, uuid).attempts == ()
    assert books.happenings() == ["invoice_issued", "invoice_paid"]


def test_an_attempt_counts_once(books: Books) -> None:
    uuid = issued(books)
    failed(books, uuid, 0)
    failed(books, uuid, 0, "insufficient_funds")
    assert [one.error_code for one in read(books, uuid).attempts] == ["card_declined", "", "", "", ""]
    failed(books, uuid, 2)
    failed(books, uuid, 5)
    assert [one.state for one in read(books, uuid).attempts] == ["failed", "planned", "failed", "planned", "planned"]


@pytest.mark.parametrize(("attempts", "attempt", "expected"), [
    ([], 0, False), ([], 1, True), ([["", "failed", ""]], 0, True), ([["", "failed", ""]], 1, True),
    ([["", "failed", ""], ["", "planned", ""]], 1, False),
])  # fmt: skip
def test_whether_an_attempt_is_made(attempts: list[list[str]], attempt: int, expected: bool) -> None:
    assert standing.is_made(attempts, attempt) is expected


def test_a_credit_note_for_all_of_it_ends_the_calendar(books: Books) -> None:
    uuid = issued(books)
    failed(books, uuid, 0)
    credit(books, uuid, moment=at(days=2))
    assert [one.state for one in read(books, uuid).attempts] == ["failed"]
    assert {kind for kind, _ in books.due()} <= {"recognise"}
    assert read(books, uuid).paid_at == at(days=2)
