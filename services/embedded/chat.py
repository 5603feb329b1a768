"""The chat area: a bought agent counted by the call, and the sample before buying.

A call is reserved before the agent is asked and settled with its answer; a failed call is released and costs
nothing. The key makes a repeated question one call with one answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api import errors
from services.api.money import Money
from services.api.types import AnswerBand, AnswerPart, ChatMessage, FunnelStep, ResourceState, Source, Transcript
from services.db import models as m
from services.db import portable
from services.domain.chat import HISTORY_TURNS, SAMPLE_TURNS, question_problem
from services.embedded.core import KEY_MAX, Area
from services.embedded.funnel import note
from services.embedded.money import reservations
from services.embedded.money.reservations import Call
from services.embedded.resources import spec_of
from services.gateways.agents import AgentSpec, Answer, HostUnavailable, Turn

_SOURCE = "chat"
# What may keep a call from being counted again after it was taken back as stale.
_NOT_PAYABLE = (errors.LimitReached, errors.InsufficientCredit, errors.SubscriptionSuspended, errors.WrongState)


@dataclass(frozen=True, slots=True)
class _Question:
    """A saved question, ready to be asked. `call` is what it counts as, None for a sample and for what was answered
    before (`stored`)."""

    spec: AgentSpec
    history: tuple[Turn, ...]
    text: str
    key: str
    owner: str
    offering_uuid: str
    resource_uuid: str | None
    call: Call | None = None
    stored: ChatMessage | None = None

    @property
    def place(self) -> sa.ColumnElement[bool]:
        """The conversation it belongs to."""
        if self.resource_uuid is None:
            return _sample_of(self.owner, self.offering_uuid)
        return m.ChatMessageRow.resource_uuid == self.resource_uuid


class EmbeddedChat(Area):
    async def get_transcript(self, resource_uuid: str) -> Transcript:
        def work(connection: Connection) -> Transcript:
            self._own_resource(connection, resource_uuid)
            return Transcript(tuple(_messages(connection, m.ChatMessageRow.resource_uuid == resource_uuid)))

        return await self._core.db.read(work)

    async def get_sample_transcript(self, offering_uuid: str) -> Transcript:
        def work(connection: Connection) -> Transcript:
            owner, _ = self._owner(connection), _offering_id(connection, offering_uuid)
            messages = _messages(connection, _sample_of(owner, offering_uuid))
            asked = sum(row.role == "buyer" for row in messages)  # more, when a guest's came to an account with its own
            return Transcript(tuple(messages), max(0, SAMPLE_TURNS - asked))

        return await self._core.db.read(work)

    async def ask(self, resource_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        _check(text, key)
        work = partial(self._reserve, resource_uuid=resource_uuid, text=text, key=key)
        question = await reservations.retrying(self._core, work)
        async with aclosing(self._answer(question)) as parts:  # who leaves early has left when aclose() returns
            async for part in parts:
                yield part

    async def ask_sample(self, offering_uuid: str, text: str, *, key: str) -> AsyncIterator[AnswerPart]:
        _check(text, key)
        question = await self._core.db.run(lambda connection: self._note_sample(connection, offering_uuid, text, key))
        async with aclosing(self._answer(question)) as parts:  # who leaves early has left when aclose() returns
            async for part in parts:
                yield part

    def _own_resource(self, connection: Connection, uuid: str) -> Any:  # Any: a row of ResourceRow
        self._caller(connection)
        r = m.ResourceRow
        row = connection.execute(sa.select(*r.__table__.c).where(r.uuid == uuid)).one_or_none()
        if row is None:
            raise errors.NotFound(what="resource")
        self._authorize(connection, row.organization_uuid)
        return row

    def _reserve(self, connection: Connection, resource_uuid: str, text: str, key: str) -> _Question:
        """One call of this month, its price set aside. LimitReached, InsufficientCredit, SubscriptionSuspended;
        RequestInProgress on a repeat."""
        row, caller = self._own_resource(connection, resource_uuid), self._caller(connection)
        if row.state != ResourceState.READY.value:
            raise errors.WrongState(state=row.state)
        spec = spec_of(connection, row.offering_id)
        mine = m.ChatMessageRow.resource_uuid == resource_uuid
        is_known = _is_known(connection, mine, text, key)
        stored = _answered(connection, mine, key) if is_known else None
        call = None
        if stored is None:
            call = Call(_SOURCE, f"{row.uuid}:{key}", row.uuid, row.project_uuid, caller.uuid, self._now())
            reservations.reserve(self._core, connection, call)
        history = _history(connection, mine)
        if not is_known:
            self._save_question(connection, resource_uuid, caller.owner, spec.offering_uuid, text, key)
        return _Question(spec, history, text, key, caller.owner, spec.offering_uuid, resource_uuid, call, stored)

    def _note_sample(self, connection: Connection, offering_uuid: str, text: str, key: str) -> _Question:
        owner = self._owner(connection)
        if not owner:
            raise errors.InvalidInput(fields={"device": "required"})
        portable.one_at_a_time(connection, owner)
        offering_id = _offering_id(connection, offering_uuid)
        spec = spec_of(connection, offering_id)
        if not spec.passages:
            raise errors.WrongState(state="bundle")
        mine = _sample_of(owner, offering_uuid)
        is_known = _is_known(connection, mine, text, key)
        stored = _answered(connection, mine, key) if is_known else None
        asked = connection.execute(
            sa.select(sa.func.count()).where(mine, m.ChatMessageRow.role == "buyer")
        ).scalar_one()
        if not is_known and asked >= SAMPLE_TURNS:
            raise errors.LimitReached(limit="sample", included=SAMPLE_TURNS, left=0)
        history = _history(connection, mine)
        if not is_known:
            self._save_question(connection, None, owner, offering_uuid, text, key)
        return _Question(spec, history, text, key, owner, offering_uuid, None, stored=stored)

    def _save_question(
        self, connection: Connection, resource_uuid: str | None, owner: str, offering_uuid: str, text: str, key: str
    ) -> None:
        row = _message_row(self._core.ids.uuid(), "buyer", text.strip(), self._now())
        place = {"resource_uuid": resource_uuid, "owner": owner, "offering_uuid": offering_uuid, "call_key": key}
        connection.execute(sa.insert(m.ChatMessageRow), row | place | {"is_sample": resource_uuid is None})

    async def _answer(self, question: _Question) -> AsyncGenerator[AnswerPart]:
        if question.stored is not None:
            yield AnswerPart(text=question.stored.text)
            yield AnswerPart(message=question.stored)
            return
        answer: Answer | None = None
        try:
            stream = self._core.agents.answer(question.spec, question.history, question.text)
            async with aclosing(cast(AsyncGenerator[str | Answer], stream)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Answer):
                        answer = piece
                    else:
                        yield AnswerPart(text=piece)
        except HostUnavailable as error:
            raise errors.AgentUnavailable from error
        finally:
            if answer is None:
                await self._core.db.run(partial(self._take_back, question=question))
        if answer is None:
            raise errors.AgentUnavailable
        yield AnswerPart(message=await self._keep_answer(question, answer))

    async def _keep_answer(self, question: _Question, answer: Answer) -> ChatMessage:
        work = partial(self._settle, question=question, answer=answer)
        try:
            return await reservations.retrying(self._core, work)
        except _NOT_PAYABLE:  # taken back as stale, and not to be had again by now: it was answered for nothing
            return await self._core.db.run(partial(work, is_free=True))

    def _settle(
        self, connection: Connection, question: _Question, answer: Answer, *, is_free: bool = False
    ) -> ChatMessage:
        now = self._now()
        portable.one_at_a_time(connection, question.owner)
        if stored := _answered(connection, question.place, question.key):
            return stored  # the same question, sent twice, was answered meanwhile
        cost = None
        if question.call is not None:
            cost = 0 if is_free else self._settle_call(connection, question.call, now)
        row = _message_row(self._core.ids.uuid(), "agent", answer.text, now) | {
            "resource_uuid": question.resource_uuid,
            "owner": question.owner,
            "offering_uuid": question.offering_uuid,
            "band": answer.band.value,
            "sources": [[source.title, source.passage_id] for source in answer.sources],
            "choices": list(answer.choices),
            "is_sample": question.resource_uuid is None,
            "call_key": question.key,
            "cost_micros": cost,
        }
        connection.execute(sa.insert(m.ChatMessageRow), row)
        if question.resource_uuid is not None:
            self._note_first_chat(connection, question, now)
        return _message(_Row(row))

    def _settle_call(self, connection: Connection, call: Call, now: datetime) -> int:
        """The call is final; its price in micros. One that was taken back as stale is counted anew, because its
        answer came."""
        cost = reservations.settle(self._core, connection, call.source, call.id, now)
        if cost is None:
            reservations.reserve(self._core, connection, replace(call, at=now))
            cost = reservations.settle(self._core, connection, call.source, call.id, now)
        return 0 if cost is None else cost.micros

    def _take_back(self, connection: Connection, question: _Question) -> None:
        """Takes an unanswered call back; the question stays in the transcript."""
        if question.call is not None:
            reservations.release(self._core, connection, question.call.source, question.call.id, self._now())

    def _note_first_chat(self, connection: Connection, question: _Question, now: datetime) -> None:
        f = m.FunnelRow
        seen = sa.select(f.seq).where(
            f.owner == question.owner,
            f.step == FunnelStep.FIRST_CHAT.value,
            f.offering_uuid == question.offering_uuid,
        )
        if connection.execute(seen).first() is None:
            note(connection, question.owner, FunnelStep.FIRST_CHAT, question.offering_uuid, now)


class _Row:
    """A dict read by attribute, as rows are."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__ = values


def _message_row(uuid: str, role: str, text: str, now: datetime) -> dict[str, Any]:
    return {"uuid": uuid, "role": role, "text": text, "created_at": now, "band": None, "sources": [], "choices": [],
            "cost_micros": None}  # fmt: skip


def _message(row: Any) -> ChatMessage:  # Any: a row of ChatMessageRow
    return ChatMessage(
        uuid=row.uuid,
        role=row.role,
        text=row.text,
        created_at=row.created_at,
        band=AnswerBand(row.band) if row.band else None,
        sources=tuple(Source(title, passage_id) for title, passage_id in row.sources),
        choices=tuple(row.choices),
        is_sample=row.is_sample,
        cost=None if row.cost_micros is None else Money(row.cost_micros),
    )


def _messages(connection: Connection, condition: sa.ColumnElement[bool]) -> list[ChatMessage]:
    c = m.ChatMessageRow
    rows = connection.execute(sa.select(*c.__table__.c).where(condition).order_by(c.seq))
    return [_message(row) for row in rows]


def _sample_of(owner: str, offering_uuid: str) -> sa.ColumnElement[bool]:
    c = m.ChatMessageRow
    return sa.and_(c.owner == owner, c.offering_uuid == offering_uuid, c.resource_uuid.is_(None))


def _check(text: str, key: str) -> None:
    problems = {"text": question_problem(text), "idempotency_key": None if 0 < len(key) <= KEY_MAX else "out_of_range"}
    if found := {field: code for field, code in problems.items() if code}:
        raise errors.InvalidInput(fields=found)


def _is_known(connection: Connection, condition: sa.ColumnElement[bool], text: str, key: str) -> bool:
    """Whether this question stands in the conversation already. KeyReused when another one does under its key."""
    c = m.ChatMessageRow
    known = connection.execute(sa.select(c.text).where(condition, c.call_key == key, c.role == "buyer")).scalar()
    if known is not None and known != text.strip():
        raise errors.KeyReused(key=key)
    return known is not None


def _answered(connection: Connection, condition: sa.ColumnElement[bool], key: str) -> ChatMessage | None:
    c = m.ChatMessageRow
    row = connection.execute(sa.select(*c.__table__.c).where(condition, c.call_key == key, c.role == "agent")).first()
    return None if row is None else _message(row)


def _history(connection: Connection, condition: sa.ColumnElement[bool]) -> tuple[Turn, ...]:
    c = m.ChatMessageRow
    rows: Sequence[Any] = connection.execute(
        sa.select(c.role, c.text).where(condition).order_by(c.seq.desc()).limit(HISTORY_TURNS)
    ).all()
    return tuple(Turn(row.role, row.text) for row in reversed(rows))


def _offering_id(connection: Connection, offering_uuid: str) -> int:
    o = m.OfferingRow
    found = connection.execute(sa.select(o.id).where(o.uuid == offering_uuid, o.is_active)).scalar()
    if found is None:
        raise errors.NotFound(what="offering")
    return found
