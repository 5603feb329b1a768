"""What providers tell us: stored whole and once, then looked at by asking the provider what is so now.

One handler for a webhook, for the events a desktop asks for itself, and for the sweep: none of them is believed, each
is only a reason to look. In which order they come, how often and how late is therefore without meaning.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.types import PaymentState, Webhook
from services.db import models as m
from services.db import money_models as mm
from services.db import payment_models as pm
from services.db import portable
from services.embedded import asking, order_sweep, placing, settlement
from services.embedded.asking import Question
from services.embedded.core import Core
from services.embedded.money import captures, disputes, outcomes, payments, taken_back
from services.embedded.orders import PENDING
from services.gateways.payments import (
    AUTHORIZED,
    SUCCEEDED,
    Charge,
    DisputeFacts,
    EventForged,
    Payments,
    ProviderEvent,
    ProviderRefused,
    ProviderUnreachable,
)

WHILE_WAITING_S = 10.0  # how often events are asked for while somebody is on a page
OTHERWISE_S = 900.0
FIRST_LOOK_BACK = timedelta(days=1)
_PAGES_MAX = 50
_BATCH = 100
_AGAIN_AFTER = timedelta(seconds=10)
_AGAIN_AT_LATEST = timedelta(hours=1)
PAYLOAD_MAX = 256 * 1024

_E = pm.ProviderEvent
_NEW = (
    sa.select(*_E.__table__.c)
    .where(_E.state == "new", _E.run_at <= sa.bindparam("now"))
    .order_by(_E.run_at, _E.created_at, _E.event_id)
    .limit(_BATCH)
)
_WAITING = sa.select(m.PaymentRow.key).where(m.PaymentRow.state == PaymentState.ACTION_REQUIRED.value).limit(1)
_WAITING_TOO = (
    sa.select(mm.PaymentIntent.uuid).where(mm.PaymentIntent.state == PaymentState.ACTION_REQUIRED.value).limit(1)
)

log = logging.getLogger("souk.inbox")


# ---- arriving


async def take(core: Core, webhook: Webhook) -> None:
    """A webhook. NotFound, EventRejected; Offline when its sender cannot be asked: it will be sent again."""
    gateway = core.payments.find(webhook.provider) if webhook.provider else None
    if gateway is None:
        raise errors.NotFound(what="provider")
    if len(webhook.body) > PAYLOAD_MAX:
        raise errors.EventRejected
    try:
        event = await gateway.verify_event(dict(webhook.headers), webhook.body, now=core.clock.now())
    except (EventForged, ProviderRefused) as error:
        raise errors.EventRejected from error
    except ProviderUnreachable as error:
        raise errors.Offline from error
    await core.db.run(partial(_store, core, provider=gateway.name, events=[event]))
    core.wake.set()


async def poll(core: Core) -> int:
    """Asks every provider for what happened since the last time. Returns how many events were new."""
    return sum([await _poll_one(core, gateway) for gateway in core.payments])


async def _poll_one(core: Core, gateway: Payments) -> int:
    new = 0
    for _ in range(_PAGES_MAX):
        cursor = await core.db.read(lambda connection: _cursor(connection, gateway.name))
        try:
            page = await gateway.list_events(cursor, since=core.clock.now() - FIRST_LOOK_BACK)
        except (ProviderUnreachable, ProviderRefused):
            return new
        if not page.events and page.cursor == cursor:
            return new
        new += await core.db.run(partial(_store, core, provider=gateway.name, events=page.events, cursor=page.cursor))
        if not page.events:
            return new
    return new


def _cursor(connection: Connection, provider: str) -> str:
    return connection.execute(sa.select(m.Meta.value).where(m.Meta.key == f"events:{provider}")).scalar() or ""


def _store(
    core: Core, connection: Connection, provider: str, events: Iterable[ProviderEvent], cursor: str | None = None
) -> int:
    """Once each, in the same transaction as the place to go on from."""
    now, new = core.clock.now(), 0
    for event in events:
        row = {"provider": provider, "event_id": event.id, "topic": event.topic, "kind": event.kind,
               "subject": event.subject, "charge_id": event.charge_id, "key": event.key,
               "reference": event.reference, "payload": event.payload,
               "state": "ignored" if event.topic == "other" else "new", "attempts": 0, "run_at": now,
               "created_at": event.created_at, "received_at": now}  # fmt: skip
        stored = portable.insert(_E).values(row).on_conflict_do_nothing().returning(_E.event_id)
        new += connection.execute(stored).first() is not None
    if cursor is not None:
        kept = portable.insert(m.Meta).values(key=f"events:{provider}", value=cursor)
        connection.execute(kept.on_conflict_do_update(index_elements=["key"], set_={"value": cursor}))
    return new


# ---- looking


async def look(core: Core) -> int:
    """Looks at what is new. Returns how many events are done with; those whose provider does not answer wait, and one
    that meets a bug of ours waits too: the others are looked at first, then the bug is raised."""
    if core.db.is_read_only:
        return 0
    done, bug = 0, None
    now = core.clock.now()
    for row in await core.db.read(lambda connection: connection.execute(_NEW, {"now": now}).all()):
        try:
            state = "done" if await _handle(core, row) else "ignored"
        except (ProviderUnreachable, ProviderRefused):
            await core.db.run(partial(_later, row=row, now=core.clock.now()))
            continue
        except errors.StorageError:
            raise  # disk full, database busy: nothing can be written down now
        except Exception as error:  # noqa: BLE001  one event that breaks a rule must not keep the others from theirs
            bug = error
            await core.db.run(partial(_later, row=row, now=core.clock.now()))
            continue
        await core.db.run(partial(_set_state, row=row, state=state))
        done += 1
    if bug is not None:
        raise bug
    return done


def _set_state(connection: Connection, row: Any, state: str) -> None:
    connection.execute(
        sa.update(_E).where(_E.provider == row.provider, _E.event_id == row.event_id).values(state=state)
    )


def _later(connection: Connection, row: Any, now: datetime) -> None:
    pause = min(_AGAIN_AFTER * 2 ** min(row.attempts, 10), _AGAIN_AT_LATEST)
    connection.execute(
        sa.update(_E)
        .where(_E.provider == row.provider, _E.event_id == row.event_id)
        .values(attempts=row.attempts + 1, run_at=now + pause)
    )


async def _handle(core: Core, row: Any) -> bool:  # Any: a row of ProviderEvent
    """Whether it was about something of ours."""
    if row.topic == "dispute":
        facts = await asking.reachable(core, row.provider).get_dispute(row.subject)
        return facts is not None and await core.db.run(
            partial(_dispute, core, provider=row.provider, facts=facts, at=core.clock.now())
        )
    if row.topic == "method":
        return "detach" in row.kind and await core.db.run(partial(_forget, row=row))
    if intent_uuid := await core.db.read(partial(_intent_of, row=row)):
        await outcomes.look(core, intent_uuid, row.charge_id)
        return True
    if order_uuid := await core.db.read(partial(_order_of, row=row)):
        return await _look_at_order(core, order_uuid, row)
    return False


def _dispute(core: Core, connection: Connection, provider: str, facts: DisputeFacts, at: datetime) -> bool:
    is_ours = disputes.record(core, connection, provider, facts, at)
    if is_ours:
        taken_back.lessen(core, connection, provider, facts.charge_id, at)
    return is_ours


async def _look_at_order(core: Core, order_uuid: str, event: Any) -> bool:
    """The attempt the event is about may be an earlier one, or given up: what is agreed to there is not taken any more,
    and what was taken all the same goes back."""
    kept = await core.db.read(lambda connection: order_sweep.row_of(connection, order_uuid))
    question = placing.kept_question(kept)
    is_of_this = not event.key or event.key == question.key
    if not is_of_this:
        question = replace(question, key=event.key, charge_id=event.charge_id or event.subject)
        question = replace(question, way=replace(question.way, provider=event.provider))
    is_open = is_of_this and kept.order_state in PENDING
    answer = await (order_sweep.look(core, question) if is_open else asking.find(core, question, takes=False))
    if answer is not None:
        work = partial(_record, core, question=question, answer=answer, is_open=is_open, is_of_this=is_of_this)
        await core.db.run(work)
    return True


def _record(
    core: Core, connection: Connection, question: Question, answer: Charge, *, is_open: bool, is_of_this: bool
) -> None:
    order_uuid, provider = question.reference, question.way.provider
    if is_open or answer.state in (SUCCEEDED, AUTHORIZED):
        settlement.record_charge(core, connection, order_uuid, answer, key=question.key, provider=provider)
    if is_of_this:
        captures.record(core, connection, order_uuid, question.key, answer)


def _intent_of(connection: Connection, row: Any) -> str:
    i = mm.PaymentIntent
    ours = sa.or_(
        sa.and_(i.key == row.key, i.key != ""),
        sa.and_(i.provider == row.provider, i.charge_id != "", i.charge_id.in_([row.charge_id, row.subject])),
    )
    found = sa.select(i.uuid).where(ours, i.purpose != payments.REFUND).order_by(i.created_at.desc()).limit(1)
    return connection.execute(found).scalar() or ""


def _order_of(connection: Connection, row: Any) -> str:
    p = m.PaymentRow
    ours = sa.or_(
        sa.and_(p.key == row.key, p.key != ""),
        sa.and_(p.order_uuid == row.reference, p.order_uuid != ""),
        sa.and_(p.provider == row.provider, p.charge_id != "", p.charge_id.in_([row.charge_id, row.subject])),
    )
    return connection.execute(sa.select(p.order_uuid).where(ours).limit(1)).scalar() or ""


def _forget(connection: Connection, row: Any) -> bool:
    """It was removed at the provider."""
    c = m.PaymentCard
    gone = connection.execute(sa.delete(c).where(c.provider == row.provider, c.provider_token == row.subject))
    return gone.rowcount > 0


# ---- again and again


async def run(core: Core, announce: Callable[[], None] = lambda: None) -> None:
    """Asks for events until cancelled: often while somebody is on a page, seldom otherwise, and at the start. A bug is
    logged, and does not end it."""
    while True:
        pause = _otherwise(core)
        try:
            if await poll(core) and await look(core):
                announce()
            if await core.db.read(_somebody_waits):
                pause = WHILE_WAITING_S
        except errors.StorageError as error:
            log.info("inbox_waits: %s", error)
        except Exception:
            log.exception("inbox_bug")
        await asyncio.sleep(pause)


def _somebody_waits(connection: Connection) -> bool:
    return any(connection.execute(found).first() is not None for found in (_WAITING, _WAITING_TOO))


def _otherwise(core: Core) -> float:
    """Nobody waits now; somebody who begins to is looked after by the sweep until the next round."""
    return WHILE_WAITING_S if core.payments.is_test_mode else OTHERWISE_S
