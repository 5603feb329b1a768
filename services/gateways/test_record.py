"""What the test provider writes down: charges, refunds, saved methods, events and disputes, in one SQLite file.

Every function works inside the transaction of its caller. The file of an earlier version gets what it lacks when it is
opened: tables are only ever added, never changed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.api.clock import Clock
from services.api.money import Money
from services.api.types import PaymentMethod, TestCard
from services.gateways.payments import (
    ACTION_REQUIRED,
    AUTHENTICATION_REQUIRED,
    AUTHORIZED,
    CANCELED,
    EXPIRED,
    FAILED,
    PROCESSING,
    REFUNDED,
    SUCCEEDED,
    Charge,
    ChargeRequest,
    DisputeFacts,
    KeyMismatch,
    MethodFacts,
)

EXPIRY = (12, 2034)
TEST_CARDS = (
    TestCard("tok_visa", "Visa", "4242", "pays"),
    TestCard("tok_mastercard", "Mastercard", "4444", "pays"),
    TestCard("tok_declined", "Visa", "0002", "declined"),
    TestCard("tok_insufficient_funds", "Visa", "9995", "insufficient_funds"),
    TestCard("tok_needs_confirmation", "Visa", "3155", "needs_confirmation"),
    TestCard("tok_lost_before", "Visa", "0119", "lost_before"),
    TestCard("tok_lost_after", "Visa", "0127", "lost_after"),
)
_CARDS = {card.token: card for card in TEST_CARDS}
_DECLINES = {"declined": "card_declined", "insufficient_funds": "insufficient_funds"}
_DECLINED = "confirmation_declined"
LATE = "page.answered_late"  # the kind of the event
_ANSWER_DAYS = 7
_PAGE_LIFE = timedelta(hours=24)
DEBIT_TIME = timedelta(days=4, minutes=-1)  # see services.twin.stripe_state.DEBIT_SECONDS
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # of a record without a clock

_SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    key TEXT PRIMARY KEY, id TEXT UNIQUE NOT NULL, token TEXT NOT NULL, reference TEXT NOT NULL,
    micros INTEGER NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL, decline_code TEXT NOT NULL,
    refunded_micros INTEGER NOT NULL DEFAULT 0, CHECK (refunded_micros BETWEEN 0 AND micros));
CREATE TABLE IF NOT EXISTS refunds (key TEXT PRIMARY KEY, charge_id TEXT NOT NULL, micros INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lost (key TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS pages (
    charge_id TEXT PRIMARY KEY, method TEXT NOT NULL, holds INTEGER NOT NULL, saves INTEGER NOT NULL,
    saved TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS methods (
    token TEXT PRIMARY KEY, method TEXT NOT NULL, brand TEXT NOT NULL, last4 TEXT NOT NULL, outcome TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
    charge_id TEXT NOT NULL, key TEXT NOT NULL, reference TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS disputes (
    id TEXT PRIMARY KEY, charge_id TEXT NOT NULL, micros INTEGER NOT NULL, currency TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sent (key TEXT PRIMARY KEY, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS page_ends (charge_id TEXT PRIMARY KEY, until TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS event_times (seq INTEGER PRIMARY KEY, at TEXT NOT NULL);
"""
_NEW_ID = "lower(hex(randomblob(8)))"


def connect(path: Path, clock: Clock | None = None) -> sqlite3.Connection:
    """The file, made when there is none. `clock` is asked for instants; without one nothing ends by itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(_SCHEMA)
    connection.create_function("the_time", 0, lambda: clock.now().isoformat() if clock is not None else "")
    return connection


def _now(db: sqlite3.Connection) -> datetime | None:
    found = db.execute("SELECT the_time()").fetchone()[0]
    return datetime.fromisoformat(found) if found else None


def ripen(db: sqlite3.Connection) -> None:
    """Pages come to their end, and debits are paid."""
    sql = (
        "SELECT e.charge_id FROM page_ends e JOIN charges c ON c.id = e.charge_id "
        "WHERE c.state = ? AND e.until <= the_time()"
    )
    for (charge_id,) in db.execute(sql, (ACTION_REQUIRED,)).fetchall():
        _set(db, charge_id, CANCELED, EXPIRED)
    sql = (
        "SELECT c.id FROM charges c JOIN events e ON e.charge_id = c.id AND e.kind = ? "
        "JOIN event_times t ON t.seq = e.seq WHERE c.state = ? AND t.at <> '' AND t.at <= ?"
    )
    now = _now(db)
    until = (now - DEBIT_TIME).astimezone(UTC).isoformat() if now else ""
    for (charge_id,) in db.execute(sql, (f"charge.{PROCESSING}", PROCESSING, until)).fetchall():
        settle_debit(db, charge_id, is_paid=True)


# ---- charges


def outcome_of(db: sqlite3.Connection, token: str) -> str:
    """What a token does: of a published test card, or of a method that was kept."""
    if token in _CARDS:
        return _CARDS[token].outcome
    row = db.execute("SELECT outcome FROM methods WHERE token = ?", (token,)).fetchone()
    return "declined" if row is None else str(row[0])


def ask(db: sqlite3.Connection, request: ChargeRequest, key: str) -> tuple[Charge | None, bool]:
    """The charge, None when the question was lost, and whether its answer gets back. KeyMismatch."""
    outcome = outcome_of(db, request.token) if request.token else "page"
    is_lost = outcome.startswith("lost") and db.execute("INSERT OR IGNORE INTO lost VALUES (?)", (key,)).rowcount == 1
    if is_lost and outcome == "lost_before":
        return None, False
    return charge(db, request, key, outcome), not is_lost


def read(db: sqlite3.Connection, column: str, value: str) -> Charge | None:
    """A charge by its key or id."""
    sql = (
        "SELECT id, state, micros, currency, decline_code, reference, refunded_micros, key, token "
        f"FROM charges WHERE {column} = ?"
    )
    row = db.execute(sql, (value,)).fetchone()
    if row is None:
        return None
    charge_id, state, micros, currency, decline, reference, refunded, key, token = row
    is_open = state == ACTION_REQUIRED
    return Charge(
        charge_id, state, Money(micros, currency), decline, f"/pay/test/{reference}/" if is_open else "",
        _method_of(db, charge_id, token), _end_of(db, charge_id) if is_open else None, Money(refunded, currency), key,
        reference,
    )  # fmt: skip


def _end_of(db: sqlite3.Connection, charge_id: str) -> datetime | None:
    row = db.execute("SELECT until FROM page_ends WHERE charge_id = ?", (charge_id,)).fetchone()
    return datetime.fromisoformat(row[0]) if row else None


def _method_of(db: sqlite3.Connection, charge_id: str, token: str) -> MethodFacts | None:
    """What was kept: given on a page, or charged again."""
    row = db.execute(
        "SELECT method, token, brand, last4 FROM methods "
        "WHERE token = ? OR token = (SELECT saved FROM pages WHERE charge_id = ?)",
        (token, charge_id),
    ).fetchone()
    if row is None:
        return None
    method, token, brand, last4 = row
    month, year = EXPIRY if method == PaymentMethod.CARD.value else (0, 0)
    email = "buyer@example.com" if method == PaymentMethod.PAYPAL.value else ""
    return MethodFacts(PaymentMethod(method), token, brand, last4, month, year, email)


def charge(db: sqlite3.Connection, request: ChargeRequest, key: str, outcome: str) -> Charge:
    """Once per key. KeyMismatch when anything that goes over the wire is another than the first time."""
    known = db.execute("SELECT token, micros, currency FROM charges WHERE key = ?", (key,)).fetchone()
    if known is None:
        _insert(db, request, key, outcome)
        db.execute("INSERT INTO sent VALUES (?, ?)", (key, _digest(request)))
    elif known != (request.token, request.amount.micros, request.amount.currency):
        raise KeyMismatch(key)
    sent = db.execute("SELECT digest FROM sent WHERE key = ?", (key,)).fetchone()
    if sent is not None and sent[0] != _digest(request):
        raise KeyMismatch(key)
    return _existing(db, "key", key)


def _digest(request: ChargeRequest) -> str:
    """Of all but whether somebody is there: that is for us to act on."""
    said = json.dumps(astuple(replace(request, is_attended=True)), default=str)
    return hashlib.sha256(said.encode()).hexdigest()


def _insert(db: sqlite3.Connection, request: ChargeRequest, key: str, outcome: str) -> None:
    kept = db.execute("SELECT method FROM methods WHERE token = ?", (request.token,)).fetchone()
    kind = PaymentMethod.CARD if request.token in _CARDS else PaymentMethod(kept[0]) if kept else request.method
    state, code = _first_state(request, outcome, kind)
    db.execute(
        "INSERT INTO charges (key, id, token, reference, micros, currency, state, decline_code) "
        f"VALUES (?, 'ch_test_' || {_NEW_ID}, ?, ?, ?, ?, ?, ?)",
        (key, request.token, request.reference, request.amount.micros, request.amount.currency, state, code),
    )
    made = _existing(db, "key", key)
    db.execute(
        "INSERT INTO pages (charge_id, method, holds, saves) VALUES (?, ?, ?, ?)",
        (made.id, kind.value, request.holds, request.saves),
    )
    now = _now(db)
    until = request.page_until or (now + _PAGE_LIFE if now else None)
    if state == ACTION_REQUIRED and until is not None:
        db.execute("INSERT INTO page_ends VALUES (?, ?)", (made.id, until.astimezone(UTC).isoformat()))
    _tell(db, "payment", f"charge.{state}", made)


def _first_state(request: ChargeRequest, outcome: str, kind: PaymentMethod) -> tuple[str, str]:
    if outcome in _DECLINES:
        return FAILED, _DECLINES[outcome]
    if outcome == "page":
        return ACTION_REQUIRED, ""
    if outcome == "needs_confirmation":
        return (ACTION_REQUIRED, "") if request.is_attended else (FAILED, AUTHENTICATION_REQUIRED)
    if kind is PaymentMethod.BANK and request.amount.micros:
        return PROCESSING, ""
    return _paid_state(request.amount.micros, holds=request.holds), ""


def _paid_state(micros: int, *, holds: bool) -> str:
    return AUTHORIZED if holds and micros else SUCCEEDED


def confirm(db: sqlite3.Connection, charge_id: str, *, approve: bool) -> Charge:
    """The buyer's answer in our own window; on a page it is the first test card that pays."""
    found = _existing(db, "id", charge_id)
    if found.state != ACTION_REQUIRED:
        return found
    if not approve:
        return _set(db, charge_id, FAILED, _DECLINED)
    token = db.execute("SELECT token FROM charges WHERE id = ?", (charge_id,)).fetchone()[0]
    if not token:
        return answer(db, charge_id, TEST_CARDS[0].token)
    holds = db.execute("SELECT holds FROM pages WHERE charge_id = ?", (charge_id,)).fetchone()
    return _set(db, charge_id, _paid_state(found.amount.micros, holds=bool(holds and holds[0])))


def answer(db: sqlite3.Connection, charge_id: str, token: str) -> Charge:
    """The buyer pays on a page with a test card; on one for a bank account or PayPal with the buyer's own."""
    found = _existing(db, "id", charge_id)
    outcome = outcome_of(db, token)
    if found.state != ACTION_REQUIRED or outcome in _DECLINES:
        return found
    method, holds, saves = db.execute(
        "SELECT method, holds, saves FROM pages WHERE charge_id = ?", (charge_id,)
    ).fetchone()
    if token not in _CARDS:
        db.execute("UPDATE pages SET saved = ? WHERE charge_id = ?", (token, charge_id))
    elif saves or not found.amount.micros:
        saved = _keep(db, PaymentMethod(method), token, outcome)
        db.execute("UPDATE pages SET saved = ? WHERE charge_id = ?", (saved, charge_id))
    if method == PaymentMethod.BANK.value and found.amount.micros:
        return _set(db, charge_id, PROCESSING)
    return _set(db, charge_id, _paid_state(found.amount.micros, holds=bool(holds)))


def answer_late(db: sqlite3.Connection, charge_id: str, token: str) -> Charge:
    """The same on a page that was closed before anybody had paid there: it was taken all the same."""
    found = _existing(db, "id", charge_id)
    if charge_id not in closed_pages(db):
        return found
    db.execute("UPDATE charges SET state = ?, decline_code = '' WHERE id = ?", (ACTION_REQUIRED, charge_id))
    _tell(db, "payment", LATE, found)
    return answer(db, charge_id, token)


def closed_pages(db: sqlite3.Connection) -> list[str]:
    """Pages for money that are over, and that nobody ever paid on; the oldest first."""
    sql = (
        "SELECT id FROM charges WHERE (state = ? OR decline_code = ?) AND token = '' AND micros > 0 AND id NOT IN "
        "(SELECT charge_id FROM events WHERE kind IN (?, 'charge.authorized')) ORDER BY rowid"
    )
    return [row[0] for row in db.execute(sql, (CANCELED, _DECLINED, LATE))]


def _keep(db: sqlite3.Connection, method: PaymentMethod, token: str, outcome: str) -> str:
    card = _CARDS[token]
    brand, last4 = {
        PaymentMethod.BANK: ("Test Bank", "6789"),
        PaymentMethod.PAYPAL: ("PayPal", ""),
    }.get(method, (card.brand, card.last4))
    saved = f"tok_saved_{db.execute(f'SELECT {_NEW_ID}').fetchone()[0]}"
    db.execute("INSERT INTO methods VALUES (?, ?, ?, ?, ?)", (saved, method.value, brand, last4, outcome))
    return saved


def cancel(db: sqlite3.Connection, charge_id: str, code: str = "") -> Charge:
    """Closes a page; anything else stays as it is."""
    found = _existing(db, "id", charge_id)
    return _set(db, charge_id, CANCELED, code) if found.state == ACTION_REQUIRED else found


def let_go(db: sqlite3.Connection, charge_id: str, code: str = "") -> Charge:
    """Lets a hold go; anything else stays as it is."""
    found = _existing(db, "id", charge_id)
    return _set(db, charge_id, CANCELED, code) if found.state == AUTHORIZED else found


def capture(db: sqlite3.Connection, charge_id: str) -> Charge:
    """Takes what is held; failed when the hold is gone. Anything else stays as it is."""
    found = _existing(db, "id", charge_id)
    if found.state == CANCELED:
        return replace(found, state=FAILED)
    return _set(db, charge_id, SUCCEEDED) if found.state == AUTHORIZED else found


def settle_debit(db: sqlite3.Connection, charge_id: str, *, is_paid: bool) -> Charge:
    """What the bank did in the end."""
    found = _existing(db, "id", charge_id)
    if found.state != PROCESSING:
        return found
    return _set(db, charge_id, SUCCEEDED) if is_paid else _set(db, charge_id, FAILED, "debit_failed")


def refund(db: sqlite3.Connection, charge_id: str, amount: Money, key: str) -> Charge:
    """Once per key; failed when it is more than is left of the charge. A hold is let go."""
    found = _existing(db, "id", charge_id)
    if found.state == AUTHORIZED:
        return replace(let_go(db, charge_id), state=REFUNDED)
    if found.state == CANCELED or db.execute("SELECT 1 FROM refunds WHERE key = ?", (key,)).fetchone():
        return found
    if db.execute("SELECT 1 FROM disputes WHERE charge_id = ? AND state <> 'won'", (charge_id,)).fetchone():
        return replace(found, state=FAILED, decline_code="charge_disputed")
    back = found.refunded or Money.zero(amount.currency)
    if found.state not in (SUCCEEDED, REFUNDED) or back.micros + amount.micros > found.amount.micros:
        return replace(found, state=FAILED, decline_code="amount_too_large")
    db.execute("INSERT INTO refunds VALUES (?, ?, ?)", (key, charge_id, amount.micros))
    db.execute(
        "UPDATE charges SET refunded_micros = refunded_micros + ?, "
        "state = CASE WHEN refunded_micros + ? = micros THEN 'refunded' ELSE state END WHERE id = ?",
        (amount.micros, amount.micros, charge_id),
    )
    _tell(db, "refund", "charge.refunded", found)
    return _existing(db, "id", charge_id)


def forget(db: sqlite3.Connection, token: str) -> None:
    """A saved method is gone; one that is gone already is well."""
    if db.execute("DELETE FROM methods WHERE token = ?", (token,)).rowcount:
        _event(db, ("method", "method.detached", token, "", "", ""))


def _set(db: sqlite3.Connection, charge_id: str, state: str, code: str = "") -> Charge:
    db.execute("UPDATE charges SET state = ?, decline_code = ? WHERE id = ?", (state, code, charge_id))
    found = _existing(db, "id", charge_id)
    _tell(db, "payment", f"charge.{state}", found)
    return found


def _existing(db: sqlite3.Connection, column: str, value: str) -> Charge:
    found = read(db, column, value)
    if found is None:
        raise KeyError(value)
    return found


# ---- events and disputes


def _tell(db: sqlite3.Connection, topic: str, kind: str, charge: Charge, subject: str = "") -> None:
    _event(db, (topic, kind, subject or charge.id, charge.id, charge.key, charge.reference))


def _event(db: sqlite3.Connection, told: tuple[str, str, str, str, str, str]) -> None:
    sql = "INSERT INTO events (topic, kind, subject, charge_id, key, reference) VALUES (?, ?, ?, ?, ?, ?)"
    seq = db.execute(sql, told).lastrowid
    db.execute("INSERT INTO event_times VALUES (?, the_time())", (seq,))


def events_after(
    db: sqlite3.Connection, seq: int, since: datetime, limit: int = 100
) -> list[tuple[Any, ...]]:  # Any: SQL values
    """Oldest first: instant, number, topic, kind, subject, charge, key, reference. From an instant on for seq 0, as far
    as the record knows instants."""
    sql = (
        "SELECT t.at, e.seq, e.topic, e.kind, e.subject, e.charge_id, e.key, e.reference FROM events e "
        "LEFT JOIN event_times t ON t.seq = e.seq "
        "WHERE e.seq > ? AND (? > 0 OR COALESCE(t.at, '') = '' OR t.at >= ?) ORDER BY e.seq LIMIT ?"
    )
    rows = db.execute(sql, (seq, seq, since.astimezone(UTC).isoformat(), limit)).fetchall()
    return [(instant(at, number), number, *rest) for at, number, *rest in rows]


def instant(at: str | None, seq: int) -> datetime:
    """Of an event; of one that was written without a clock, one that grows with its number."""
    return datetime.fromisoformat(at) if at else _EPOCH + timedelta(seconds=seq)


def open_dispute(db: sqlite3.Connection, charge_id: str, amount: Money, reason: str) -> str:
    """Returns its id."""
    found = _existing(db, "id", charge_id)
    dispute_id = f"dp_test_{db.execute(f'SELECT {_NEW_ID}').fetchone()[0]}"
    db.execute(
        "INSERT INTO disputes VALUES (?, ?, ?, ?, 'open', ?)",
        (dispute_id, charge_id, amount.micros, amount.currency, reason),
    )
    _tell(db, "dispute", "dispute.opened", found, dispute_id)
    return dispute_id


def close_dispute(db: sqlite3.Connection, dispute_id: str, state: str) -> None:
    """The bank has decided."""
    db.execute("UPDATE disputes SET state = ? WHERE id = ? AND state = 'open'", (state, dispute_id))
    facts = dispute(db, dispute_id)
    if facts is not None:
        _tell(db, "dispute", f"dispute.{state}", _existing(db, "id", facts.charge_id), dispute_id)


def dispute(db: sqlite3.Connection, dispute_id: str) -> DisputeFacts | None:
    """As it stands."""
    sql = "SELECT charge_id, micros, currency, state, reason FROM disputes WHERE id = ?"
    row = db.execute(sql, (dispute_id,)).fetchone()
    if row is None:
        return None
    charge_id, micros, currency, state, reason = row
    opened = db.execute(
        "SELECT t.at, e.seq FROM events e LEFT JOIN event_times t ON t.seq = e.seq "
        "WHERE e.subject = ? ORDER BY e.seq LIMIT 1",
        (dispute_id,),
    ).fetchone()
    answer_by = instant(*opened) + timedelta(days=_ANSWER_DAYS)
    return DisputeFacts(dispute_id, charge_id, Money(micros, currency), state, reason, answer_by)


# ---- sums


def count_charges(db: sqlite3.Connection, reference: str = "") -> int:
    """Those that succeeded or are held, for one of our orders or for all."""
    where = "WHERE state IN ('succeeded', 'authorized', 'refunded') AND (? = '' OR reference = ?)"
    return int(db.execute(f"SELECT COUNT(*) FROM charges {where}", (reference, reference)).fetchone()[0])


def balance(db: sqlite3.Connection, currency: str) -> Money:
    """Captured, less what went back and what banks took back."""
    taken = db.execute(
        "SELECT COALESCE(SUM(micros - refunded_micros), 0) FROM charges "
        "WHERE state IN ('succeeded', 'refunded') AND currency = ?",
        (currency,),
    ).fetchone()[0]
    gone = db.execute(
        "SELECT COALESCE(SUM(micros), 0) FROM disputes WHERE state <> 'won' AND currency = ?", (currency,)
    ).fetchone()[0]
    return Money(taken - gone, currency)


def held(db: sqlite3.Connection, currency: str) -> Money:
    """Held and not captured."""
    sql = "SELECT COALESCE(SUM(micros), 0) FROM charges WHERE state = 'authorized' AND currency = ?"
    return Money(db.execute(sql, (currency,)).fetchone()[0], currency)
