"""Where agents run: deploying one, talking to one. The Protocol and the scripted fake; the real hosts are
`retrieval.RetrievalAgents` (offline, quotes its sources) and `openai_agents.OpenAICompatibleAgents`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.api.types import AnswerBand, Source

# Deployment steps in order; each is done by `AgentHost.deploy` and shown to the buyer.
DEPLOYMENT_STEPS = ("workspace", "knowledge", "agent", "check")


@dataclass(frozen=True, slots=True)
class Passage:
    """One piece of an agent's own knowledge; `questions` are 3 to 5 authored variants that it answers."""

    id: str
    title: str
    text: str
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """All an agent may know: its persona and its own passages. Nothing of other tenants, no secrets."""

    offering_uuid: str
    name: str
    greeting: str
    handover: str
    prompts: tuple[str, ...]
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message; `role` is buyer or agent."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer; `text` equals the streamed pieces joined."""

    band: AnswerBand
    text: str
    sources: tuple[Source, ...] = ()
    choices: tuple[str, ...] = ()


class DeploymentFailed(Exception):
    """A deployment step could not be done; `code` names the reason for the buyer."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class HostUnavailable(Exception):
    """The host did not answer in time; the call is not charged."""


class AgentHost(Protocol):
    async def deploy(self, spec: AgentSpec, step: str) -> str:
        """Does one of DEPLOYMENT_STEPS (safe to repeat) and returns a figure for the screen. DeploymentFailed."""
        ...

    def answer(self, spec: AgentSpec, history: Sequence[Turn], question: str) -> AsyncIterator[str | Answer]:
        """Streams text pieces, then one `Answer` as the last item. HostUnavailable."""
        ...


@dataclass
class ScriptedAgents:
    """The fake: fails the steps it is told to, answers from a table, echoes its first passage otherwise."""

    failing_steps: dict[str, str] = field(default_factory=dict)  # step -> code
    answers: dict[str, str] = field(default_factory=dict)
    is_down: bool = False

    async def deploy(self, spec: AgentSpec, step: str) -> str:
        if step in self.failing_steps:
            raise DeploymentFailed(self.failing_steps[step])
        return str(len(spec.passages)) if step == "knowledge" else ""

    async def answer(self, spec: AgentSpec, history: Sequence[Turn], question: str) -> AsyncIterator[str | Answer]:
        if self.is_down:
            raise HostUnavailable
        passage = spec.passages[0]
        text = self.answers.get(question, passage.text)
        for index, word in enumerate(text.split(" ")):
            yield f" {word}" if index else word
        yield Answer(AnswerBand.ANSWER, text, (Source(passage.title, passage.id),))
