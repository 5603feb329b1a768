"""One conversation: with a bought agent, or the sample with an offering before buying it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from PySide6.QtCore import Signal

from services.api.errors import InsufficientCredit, InvalidInput, LimitReached, ServiceError, SubscriptionSuspended
from services.api.types import (
    AnswerPart,
    ChatMessage,
    Offering,
    OfferingCard,
    Resource,
    ResourceState,
    Transcript,
    Usage,
)
from ui.bridge import Bridge, Change
from ui.text import ErrorText, error_text, field_text, sample_text, tr, usage_text
from ui.text.problems import CAPS
from ui.viewmodels.base import ServiceHolder, Status, ViewModel

QUESTION_MAX = 4000


class Remedy(StrEnum):
    """What lets an agent answer again that has refused a call."""

    NONE = ""
    TOP_UP = "top_up"
    PAY = "pay"
    LIMITS = "limits"
    PLANS = "plans"


class ChatKind(StrEnum):
    NONE = ""
    RESOURCE = "resource"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class ChatState:
    kind: ChatKind = ChatKind.NONE
    uuid: str = ""  # of the resource, or of the offering of a sample
    title: str = ""
    subtitle: str = ""
    resource_state: ResourceState | None = None
    stopped: str = ""  # as in Resource
    card: OfferingCard | None = None  # whose picture stands beside the answers
    greeting: str = ""
    status: Status = Status.LOADING
    messages: tuple[ChatMessage, ...] = ()
    question: str = ""  # being answered now, or waiting until the conversation is loaded
    streaming: str = ""  # the answer so far
    is_answering: bool = False
    all_prompts: tuple[str, ...] = ()
    draft: str = ""
    usage: Usage | None = None
    turns_left: int | None = None
    notice: ErrorText | None = None
    can_retry: bool = False
    remedy_kind: Remedy = Remedy.NONE  # of the notice

    @property
    def prompts(self) -> tuple[str, ...]:
        """Suggested questions, until one was asked here; what was asked in the sample does not count after buying."""
        is_sample = self.kind is ChatKind.SAMPLE
        has_asked = any(message.role == "buyer" and (is_sample or not message.is_sample) for message in self.messages)
        return () if has_asked or self.question or self.status is not Status.READY else self.all_prompts

    @property
    def usage_text(self) -> str:
        """One line beside the box: what the next question costs."""
        if self.kind is ChatKind.SAMPLE:
            return "" if self.turns_left is None else sample_text(self.turns_left)
        return usage_text(self.usage) if self.usage else ""

    @property
    def remedy(self) -> str:
        """The label of what lets the agent answer again; empty when that is nothing but asking again."""
        is_refused = self.kind is ChatKind.RESOURCE and self.remedy_kind is not Remedy.NONE
        return self.notice.action if is_refused and self.notice is not None else ""

    @property
    def is_loading(self) -> bool:
        """Nothing is known yet of whom one talks to."""
        return self.status is Status.LOADING and not self.title

    @property
    def can_send(self) -> bool:
        is_used_up = self.turns_left is not None and self.turns_left <= 0
        return self.status is Status.READY and not self.is_answering and not is_used_up


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked under one key; asked again with the same key, it is counted once."""

    text: str
    key: str


@dataclass(frozen=True, slots=True)
class _Loaded:
    transcript: Transcript
    resource: Resource | None


class ChatViewModel(ViewModel[ChatState]):
    """Signals: changed; answered() after each whole answer."""

    answered = Signal()

    def __init__(self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str]) -> None:
        super().__init__(bridge, holder, ChatState())
        self._new_key = new_key
        self._drafts: dict[tuple[ChatKind, str], str] = {}
        self._question: _Question | None = None
        self._answer: ChatMessage | None = None
        bridge.changed.connect(self._on_bridge_changed)
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def open_resource(self, uuid: str) -> None:
        """Talks to a bought agent."""
        self._open(ChatState(ChatKind.RESOURCE, uuid))

    def open_sample(self, offering: Offering) -> None:
        """Tries an offering; what is said goes over into the bought agent."""
        card = offering.card
        self._open(
            ChatState(
                ChatKind.SAMPLE,
                card.uuid,
                title=card.name,
                card=card,
                subtitle=tr("Sample chat, free before you buy"),
                greeting=offering.greeting,
                all_prompts=offering.prompts,
            )
        )

    def close(self) -> None:
        """Leaves the conversation; its draft is kept."""
        self._open(ChatState())

    def type(self, text: str) -> None:
        self._set(draft=text)

    def send(self, text: str = "") -> None:
        """Asks `text`, or what stands in the box. One question at a time; while loading it waits for that."""
        asked = (text or self.state.draft).strip()
        is_early = self.state.status is Status.LOADING and self.state.kind is not ChatKind.NONE
        if not asked or self.state.question or not (self.state.can_send or is_early):
            return
        if len(asked) > QUESTION_MAX:
            self._set(notice=ErrorText(tr("This question is too long"), field_text("text", "too_long")))
            return
        is_draft = asked == self.state.draft.strip()
        self._set(draft="" if is_draft else self.state.draft)
        if is_early:
            self._set(question=asked)
        else:
            self._ask(_Question(asked, self._new_key()))

    def retry(self) -> None:
        """Asks the same again, under the same key: counted once."""
        if self._question is not None and self.state.can_retry and not self.state.is_answering:
            self._ask(self._question)
        elif self.state.status is Status.ERROR:
            self.reload()

    def stop(self) -> None:
        """Ends the answer; the question goes back into the box unless the agent has kept it."""
        if not self.state.is_answering or self._question is None:
            return
        self._bridge.cancel(self, "ask")
        self._bridge.cancel(self, "settle")
        question, self._question = self._question, None
        self._set(is_answering=False, streaming="", question="", draft=self.state.draft or question.text)
        self._load(lambda loaded: self._on_stopped(question, loaded))

    def dismiss_notice(self) -> None:
        """The question comes back into the box."""
        question, self._question = self._question, None
        self._set(notice=None, can_retry=False, draft=self.state.draft or (question.text if question else ""))

    def reload(self) -> None:
        """Reads the conversation again."""
        if self.state.kind is not ChatKind.NONE:
            self._set(status=Status.LOADING, notice=None)
            self._load(self._on_loaded)

    # ---- opening

    def _open(self, state: ChatState) -> None:
        before = self.state
        if before.kind is not ChatKind.NONE:
            self._drafts[before.kind, before.uuid] = before.draft or before.question
        for verb in ("ask", "load", "settle"):
            self._bridge.cancel(self, verb)
        self._question = None
        self._become(state)
        self._set(draft=self._drafts.get((state.kind, state.uuid), ""))
        if state.kind is not ChatKind.NONE:
            self._load(self._on_loaded)

    def _load(self, then: Callable[[_Loaded], None]) -> None:
        self._bridge.run(self, "load", self._read, then=then, failed=self._on_load_failed, policy="replace")

    async def _read(self) -> _Loaded:
        uuid = self.state.uuid
        if self.state.kind is ChatKind.SAMPLE:
            return _Loaded(await self._service.get_sample_transcript(uuid), None)
        resource = await self._service.get_resource(uuid)
        return _Loaded(await self._service.get_transcript(uuid), resource)

    def _on_loaded(self, loaded: _Loaded) -> None:
        waiting = self.state.question
        self._become(replace(self._with(loaded), question=""))
        if waiting and self.state.can_send:
            self._ask(_Question(waiting, self._new_key()))
        elif waiting:
            self._set(draft=self.state.draft or waiting)

    def _with(self, loaded: _Loaded) -> ChatState:
        state = replace(
            self.state,
            status=Status.READY,
            messages=loaded.transcript.messages,
            turns_left=loaded.transcript.turns_left,
        )
        if loaded.resource is None:
            return state
        resource = loaded.resource
        return replace(
            state,
            title=resource.name,
            resource_state=resource.state,
            stopped=resource.stopped,
            card=resource.offering,
            subtitle=tr(
                "{plan} plan, {organization}", plan=resource.plan_name, organization=resource.organization_name
            ),
            greeting=resource.greeting,
            all_prompts=resource.prompts,
            usage=resource.usage,
        )

    def _on_load_failed(self, error: ServiceError) -> None:
        """What was shown stays; a question that waited goes back into the box."""
        status = Status.READY if self.state.messages else Status.ERROR
        draft = self.state.draft or self.state.question
        self._set(status=status, notice=error_text(error), question="", draft=draft)

    # ---- asking

    def _ask(self, question: _Question) -> None:
        self._question = question
        self._set(question=question.text, streaming="", is_answering=True, notice=None, can_retry=False)
        self._bridge.stream(
            self,
            "ask",
            lambda: self._parts(question),
            on_item=self._on_part,
            done=self._on_answered,
            failed=self._on_ask_failed,
            touches=("chat", "usage"),
            initiator=self,
            retry=self.retry,
        )

    def _parts(self, question: _Question) -> AsyncIterator[AnswerPart]:
        ask = self._service.ask_sample if self.state.kind is ChatKind.SAMPLE else self._service.ask
        return ask(self.state.uuid, question.text, key=question.key)

    def _on_part(self, part: AnswerPart) -> None:
        if part.text:
            self._set(streaming=self.state.streaming + part.text)
        if part.message is not None:
            self._answer = part.message

    def _on_answered(self) -> None:
        """The answer is whole: what was said is read back, so that ids, turns and usage are the service's."""
        self._bridge.run(self, "settle", self._read, then=self._on_settled, failed=lambda _error: self._settle_alone())

    def _on_settled(self, loaded: _Loaded) -> None:
        self._finish(self._with(loaded))

    def _settle_alone(self) -> None:
        """The transcript could not be read back: what was streamed is shown as it came."""
        answer, question = self._answer, self._question
        messages = self.state.messages
        if answer is not None and question is not None:
            asked = ChatMessage(question.key, "buyer", question.text, answer.created_at, is_sample=answer.is_sample)
            messages = (*messages, asked, answer)
        self._finish(replace(self.state, messages=messages))

    def _finish(self, state: ChatState) -> None:
        self._question = self._answer = None
        self._become(replace(state, question="", streaming="", is_answering=False, notice=None, can_retry=False))
        self.answered.emit()

    def _on_ask_failed(self, error: ServiceError) -> None:
        question = self._question
        self._set(question="", streaming="", is_answering=False, notice=self._notice(error), remedy_kind=_remedy(error))
        if isinstance(error, LimitReached | InvalidInput) or not error.retryable:
            self._question = None
            self._set(draft=self.state.draft or (question.text if question else ""))
        else:
            self._set(can_retry=True)

    def _notice(self, error: ServiceError) -> ErrorText:
        if isinstance(error, InvalidInput) and "text" in error.fields:
            return ErrorText(tr("This cannot be asked"), field_text("text", error.fields["text"], error.params))
        return error_text(error)

    def _on_stopped(self, question: _Question, loaded: _Loaded) -> None:
        old = {message.uuid for message in self.state.messages}
        was_kept = any(m.uuid not in old and m.text == question.text for m in loaded.transcript.messages)
        self._on_loaded(loaded)
        if was_kept and self.state.draft == question.text:
            self._set(draft="")

    # ---- the world around

    def _on_bridge_changed(self, change: Change) -> None:
        is_mine = self.state.kind is ChatKind.RESOURCE and not self.state.is_answering
        if is_mine and change.initiator is not self and "resources" in change.areas:
            self._load(self._on_loaded)

    def _on_rebound(self) -> None:
        """Somebody else is signed in: a bought agent's conversation is not theirs; a sample came along."""
        if self.state.kind is ChatKind.RESOURCE:
            self._open(ChatState())
        elif self.state.kind is ChatKind.SAMPLE and not self.state.is_answering:
            self._load(self._on_loaded)


def _remedy(error: ServiceError) -> Remedy:
    if isinstance(error, InsufficientCredit):
        return Remedy.TOP_UP
    if isinstance(error, SubscriptionSuspended):
        return Remedy.PAY
    if isinstance(error, LimitReached):
        return Remedy.LIMITS if error.params.get("limit") in CAPS else Remedy.PLANS
    return Remedy.NONE
