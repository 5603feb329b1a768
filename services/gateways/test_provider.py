"""The test provider inside this process, with the published outcomes and a memory of its own on disk.

Its pages are answered in our own window (`confirm`), or by a test that plays the buyer (`answer`). The twin
(services/twin) is the one with pages in a browser.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from services.api.clock import Clock
from services.api.money import Money
from services.api.types import PaymentMethod, TestCard
from services.gateways import test_record as record
from services.gateways.payments import (
    CardFacts,
    Charge,
    ChargeRequest,
    Customer,
    DisputeFacts,
    EventForged,
    EventPage,
    Finding,
    Lookup,
    ProviderEvent,
    ProviderUnreachable,
)
from services.gateways.test_record import EXPIRY, TEST_CARDS

T = TypeVar("T")

TOLERANCE = timedelta(minutes=5)  # of a webhook's instant, both ways
_SECRET = b"the test provider signs with this"
_BUGS = {0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE}


class TestProvider:
    """A provider in this process with a memory of its own on disk, which survives our crashes as a real one would.
    `methods`: what it opens pages for; none unless asked for, because a page needs somebody who answers it. `clock`
    dates its events, ends its pages and pays its debits; without one that happens only by `expire` and `settle_debit`.
    """

    __test__ = False  # not a test class

    def __init__(
        self,
        path: Path,
        *,
        latency_s: float = 0.0,
        name: str = "test",
        methods: tuple[PaymentMethod, ...] = (),
        clock: Clock | None = None,
    ) -> None:
        self._path = path
        self._latency_s = latency_s
        self._name = name
        self._methods = methods
        self._clock = clock
        self._lost: list[str] = []
        self._connection: sqlite3.Connection | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="souk-test-provider")

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_test_mode(self) -> bool:
        return True

    @property
    def methods(self) -> tuple[PaymentMethod, ...]:
        return self._methods

    @property
    def test_cards(self) -> tuple[TestCard, ...]:
        return TEST_CARDS

    @property
    def page_hosts(self) -> tuple[str, ...]:
        return ()

    @property
    def has_customers(self) -> bool:
        return False

    def describe(self, token: str) -> CardFacts | None:
        card = next((card for card in TEST_CARDS if card.token == token), None)
        return None if card is None else CardFacts(card.brand, card.last4, *EXPIRY)

    async def provide_customer(self, customer: Customer) -> str:
        return ""

    async def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        charge, is_told = await self._do(lambda db: record.ask(db, request, key))
        if charge is None or not is_told:
            raise ProviderUnreachable
        return charge

    async def find(self, lookup: Lookup) -> Charge | None:
        column, value = ("id", lookup.charge_id) if lookup.charge_id else ("key", lookup.key)
        return await self._do(lambda db: record.read(db, column, value))

    async def confirm(self, charge_id: str, *, approve: bool) -> Charge:
        return await self._do(lambda db: record.confirm(db, charge_id, approve=approve))

    async def cancel(self, charge_id: str, *, key: str) -> Charge:
        return await self._do(lambda db: record.cancel(db, charge_id))

    async def capture(self, charge_id: str, *, key: str) -> Charge:
        return await self._do(lambda db: record.capture(db, charge_id))

    async def refund(self, charge_id: str, amount: Money, *, key: str, reason: str = "") -> Charge:
        return await self._do(lambda db: record.refund(db, charge_id, amount, key))

    async def forget(self, token: str) -> None:
        await self._do(lambda db: record.forget(db, token))

    # ---- what it tells

    async def list_events(self, cursor: str, *, since: datetime) -> EventPage:
        rows = await self._do(lambda db: record.events_after(db, int(cursor or 0), since))
        events = tuple(_event(at, *row) for at, *row in rows)
        return EventPage(events, events[-1].id if events else cursor)

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        """The headers of a webhook that this provider sends at an instant."""
        stamp = str(int(at.timestamp()))
        return {"test-timestamp": stamp, "test-signature": _signature(stamp, body)}

    async def verify_event(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderEvent:
        stamp = headers.get("test-timestamp", "")
        given = headers.get("test-signature", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(given, _signature(stamp, body).encode()):
            raise EventForged
        if not stamp.isdigit() or abs(now - datetime.fromtimestamp(int(stamp), UTC)) > TOLERANCE:
            raise EventForged
        told = json.loads(body)
        names = ("id", "topic", "kind", "subject", "charge", "key", "reference")
        return _event(record.instant(told.get("at", ""), told["id"]), *(told[name] for name in names))

    async def get_dispute(self, dispute_id: str) -> DisputeFacts | None:
        return await self._do(lambda db: record.dispute(db, dispute_id))

    async def check(self, *, now: datetime) -> tuple[Finding, ...]:
        return (Finding("key", is_well=True, detail={"kind": "none"}), Finding("network", is_well=True))

    # ---- what happens outside: for tests and the simulator

    async def answer(self, charge_id: str, token: str = "tok_visa") -> Charge:  # noqa: S107  a published test card
        """The buyer types a card on the page: it pays, or is declined and the page stays open. On a page for a bank
        account a debit begins."""
        return await self._do(lambda db: record.answer(db, charge_id, token))

    async def answer_late(self, charge_id: str, token: str = "tok_visa") -> Charge:  # noqa: S107  as above
        """The buyer pays on a page that was closed in the same instant, and it is taken all the same."""
        return await self._do(lambda db: record.answer_late(db, charge_id, token))

    def lose_next(self, when: str, *, times: int = 1) -> None:
        """So many of the next calls bring no answer, lost "before" they do anything or "after"."""
        if when not in ("before", "after"):
            raise ValueError(when)
        self._lost += [when] * times

    async def expire(self, charge_id: str) -> Charge:
        """The page was left open too long."""
        return await self._do(lambda db: record.cancel(db, charge_id, "expired"))

    async def settle_debit(self, charge_id: str, *, is_paid: bool) -> Charge:
        """The bank pays a debit, or does not."""
        return await self._do(lambda db: record.settle_debit(db, charge_id, is_paid=is_paid))

    async def lose_hold(self, charge_id: str) -> Charge:
        """The bank lets a hold go before it was captured."""
        return await self._do(lambda db: record.let_go(db, charge_id, "expired"))

    async def open_dispute(self, charge_id: str, amount: Money, reason: str = "fraudulent") -> str:
        """The buyer's bank takes the money back while it decides. Returns the dispute's id."""
        return await self._do(lambda db: record.open_dispute(db, charge_id, amount, reason))

    async def close_dispute(self, dispute_id: str, state: str) -> None:
        """won or lost."""
        await self._do(lambda db: record.close_dispute(db, dispute_id, state))

    async def between_writes(self, work: Callable[[Path], None]) -> None:
        """Work on the file of its record, while nothing is being written there: snapshots of a workspace."""
        await self._do(lambda _db: None)  # the file is there
        await asyncio.get_running_loop().run_in_executor(self._executor, self._work_on_file, work)

    def _work_on_file(self, work: Callable[[Path], None]) -> None:
        try:
            work(self._path)
        finally:
            self._disconnect()  # what is there now may be of an earlier version: opened anew, it gets what it lacks

    def count_charges(self, reference: str = "") -> int:
        """How many charges succeeded, for one of our orders or for all."""
        with closing(record.connect(self._path)) as db:
            return record.count_charges(db, reference)

    def balance(self, currency: str = "USD") -> Money:
        """What is ours there: captured, less what went back and what banks took back."""
        with closing(record.connect(self._path)) as db:
            return record.balance(db, currency)

    def held(self, currency: str = "USD") -> Money:
        """What is held and not captured."""
        with closing(record.connect(self._path)) as db:
            return record.held(db, currency)

    def close(self) -> None:
        """Lets go of the file."""
        self._executor.submit(self._disconnect).result()
        self._executor.shutdown()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        lost = self._lost.pop(0) if self._lost else ""
        if lost == "before":
            raise ProviderUnreachable
        answer = await asyncio.get_running_loop().run_in_executor(self._executor, self._transact, work)
        if lost:
            raise ProviderUnreachable
        return answer

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = record.connect(self._path, self._clock)
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                if self._clock is not None:
                    record.ripen(self._connection)
                result = work(self._connection)
                self._connection.execute("COMMIT")
            finally:
                self._connection.rollback()  # does nothing after a commit
            return result
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUGS:
                raise
            raise ProviderUnreachable from error  # its disk is full, its file is held: as good as no answer


def _signature(stamp: str, body: bytes) -> str:
    return hmac.new(_SECRET, stamp.encode("utf-8", "surrogatepass") + b"." + body, hashlib.sha256).hexdigest()


# Any: what SQL or JSON holds, in the order of the record's columns
def _event(at: datetime, seq: Any, *told: Any) -> ProviderEvent:
    topic, kind, subject, charge_id, key, reference = told
    payload = json.dumps({"id": seq, "at": at.isoformat(), "topic": topic, "kind": kind, "subject": subject,
                          "charge": charge_id, "key": key, "reference": reference})  # fmt: skip
    return ProviderEvent(str(seq), topic, kind, at, subject, charge_id, key, reference, payload)
