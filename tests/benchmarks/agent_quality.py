"""How well the offline agent answers: `python -m tests.benchmarks.agent_quality`.

`tuning` is what thresholds and weights were set on; `report` was written apart, from the passages' titles and texts
without their authored questions, and before anything was measured on it. Only `report` says what a buyer will see.
Nobody changes the program because of a question in it: a weakness it shows is looked for in new `tuning` questions.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from services.api.types import AnswerBand
from services.gateways.agents import Answer
from services.gateways.embedding import WordVectors, load_word_vectors
from services.gateways.retrieval import RetrievalAgents
from tests.gateways.content import Asked, questions, specs

TOP = 3


@dataclass(frozen=True, slots=True)
class Quality:
    """Shares from 0 to 1; the first six of answerable questions, the last three of unanswerable ones."""

    hit_1: float
    hit_3: float
    right: float
    choices_with_right: float
    wrong: float  # a wrong passage, or choices without the right one
    refused: float
    unanswerable_refused: float
    unanswerable_choices: float
    unanswerable_answered: float
    query_ms: float


@dataclass(frozen=True, slots=True)
class Outcome:
    asked: Asked
    top: tuple[str, ...]  # passage ids, best first
    answer: Answer

    @property
    def kind(self) -> str:
        if self.answer.band is AnswerBand.UNKNOWN:
            return "refused"
        if self.answer.band is AnswerBand.DID_YOU_MEAN:
            return "choices" if self.asked.passage is None or self.asked.passage in self.top else "wrong"
        return "right" if self.answer.sources[0].passage_id == self.asked.passage else "wrong"


async def ask_all(name: str, agents: RetrievalAgents) -> list[Outcome]:
    outcomes = []
    for asked in questions(name):
        spec = specs()[asked.agent]
        top = tuple(passage.id for passage in await agents.best_passages(spec, asked.question, TOP))
        answers = [item async for item in agents.answer(spec, (), asked.question) if isinstance(item, Answer)]
        outcomes.append(Outcome(asked, top, answers[-1]))
    return outcomes


def share(outcomes: list[Outcome], kind: str) -> float:
    return sum(outcome.kind == kind for outcome in outcomes) / len(outcomes)


def measure(name: str, *, vectors: WordVectors | None) -> Quality:
    agents = RetrievalAgents(pause=0, load_vectors=lambda: vectors)
    started = time.perf_counter()
    outcomes = asyncio.run(ask_all(name, agents))
    milliseconds = (time.perf_counter() - started) * 1_000
    known = [outcome for outcome in outcomes if outcome.asked.passage is not None]
    unknown = [outcome for outcome in outcomes if outcome.asked.passage is None]
    return Quality(
        hit_1=sum(outcome.top[:1] == (outcome.asked.passage,) for outcome in known) / len(known),
        hit_3=sum(outcome.asked.passage in outcome.top for outcome in known) / len(known),
        right=share(known, "right"),
        choices_with_right=share(known, "choices"),
        wrong=share(known, "wrong"),
        refused=share(known, "refused"),
        unanswerable_refused=share(unknown, "refused"),
        unanswerable_choices=share(unknown, "choices"),
        unanswerable_answered=share(unknown, "right") + share(unknown, "wrong"),
        query_ms=milliseconds / len(outcomes),
    )


def resident_mb() -> float:
    """Memory in use, on Linux; 0 elsewhere."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4_096 / 1e6 if statm.exists() else 0.0


def main() -> None:
    before, started = resident_mb(), time.perf_counter()
    vectors = load_word_vectors()
    print(f"word vectors: {(time.perf_counter() - started) * 1_000:.0f} ms, +{resident_mb() - before:.0f} MB")
    for ranked_by, used in (("meaning and words", vectors), ("words alone", None)):
        for name in ("tuning", "report"):
            print(f"\n{name}, {len(questions(name))} questions, by {ranked_by}")
            quality = measure(name, vectors=used)
            for field in Quality.__dataclass_fields__:
                value = getattr(quality, field)
                print(f"  {field:24}" + (f"{value:8.2f}" if field == "query_ms" else f"{value:8.1%}"))
    print(f"\nmemory with all indexes that are kept: +{resident_mb() - before:.0f} MB")


if __name__ == "__main__":
    main()
