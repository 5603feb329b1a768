"""What a chat shows, as plain values: turns, the answer being written, prompts, notices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ui.text import tr

BUYER, AGENT = "buyer", "agent"


class SaidSource(Protocol):
    @property
    def title(self) -> str: ...


class Said(Protocol):
    """A turn as the service gives it; any frozen dataclass with these fields will do."""

    @property
    def uuid(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def band(self) -> str | None: ...
    @property
    def sources(self) -> Sequence[SaidSource]: ...
    @property
    def choices(self) -> tuple[str, ...]: ...
    @property
    def is_sample(self) -> bool: ...


class Notice(Protocol):
    @property
    def sentence(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Bubble:
    """One turn. `key` tells turns apart, so that those already shown are left alone."""

    role: str
    text: str
    key: str = ""
    label: str = ""  # where the answer comes from, in words
    sources: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    is_sample: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a ChatView shows at one moment."""

    bubbles: tuple[Bubble, ...] = ()
    greeting: str = ""
    question: str = ""  # being answered; shown as a turn of the buyer
    streaming: str = ""  # the answer so far
    is_answering: bool = False
    prompts: tuple[str, ...] = ()
    draft: str = ""
    usage: str = ""
    notice: str = ""
    can_retry: bool = False
    remedy: str = ""  # on the notice's button: what would help
    is_loading: bool = False
    can_send: bool = True  # False: no more questions here


class Chatting(Protocol):
    """The state of a chat view-model."""

    @property
    def messages(self) -> Sequence[Said]: ...
    @property
    def greeting(self) -> str: ...
    @property
    def question(self) -> str: ...
    @property
    def streaming(self) -> str: ...
    @property
    def is_answering(self) -> bool: ...
    @property
    def prompts(self) -> tuple[str, ...]: ...
    @property
    def draft(self) -> str: ...
    @property
    def usage_text(self) -> str: ...
    @property
    def notice(self) -> Notice | None: ...
    @property
    def can_retry(self) -> bool: ...
    @property
    def remedy(self) -> str: ...
    @property
    def is_loading(self) -> bool: ...
    @property
    def turns_left(self) -> int | None: ...


def bubble(said: Said) -> Bubble:
    titles = tuple(dict.fromkeys(source.title for source in said.sources))  # each once, in order
    return Bubble(said.role, said.text, said.uuid, band_label(said.band), titles, said.choices, said.is_sample)


def band_label(band: str | None) -> str:
    """Says where an answer comes from; empty for the buyer's own words."""
    labels: Mapping[str, str] = {
        "answer": tr("Retrieved from the agent's own knowledge"),
        "did_you_mean": tr("Did you mean"),
        "unknown": tr("Not in this agent's knowledge"),
        "model": tr("Written by a language model"),
    }
    return labels.get(band, "") if band is not None else ""


def scene(state: Chatting) -> Scene:
    """The picture of a chat view-model's state."""
    notice = state.notice
    return Scene(
        bubbles=tuple(bubble(message) for message in state.messages),
        greeting=state.greeting,
        question=state.question,
        streaming=state.streaming,
        is_answering=state.is_answering,
        prompts=state.prompts,
        draft=state.draft,
        usage=state.usage_text,
        notice=notice.sentence if notice else "",
        can_retry=state.can_retry,
        remedy=state.remedy,
        is_loading=state.is_loading,
        can_send=state.turns_left is None or state.turns_left > 0,
    )
