"""The agent that works offline: it quotes the one passage that answers, says which ones might, or says that none does.
It makes up nothing, so nothing in a question or a passage can make it do anything else.
"""

from __future__ import annotations

import asyncio
import math
import re
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from services.api.types import AnswerBand, Source
from services.gateways import replies
from services.gateways.agents import AgentSpec, Answer, DeploymentFailed, Passage, Turn
from services.gateways.embedding import WordVectors, load_word_vectors
from services.gateways.passage_index import Hit, PassageIndex, content_words, words_of

# Set on tests/gateways/questions/tuning.json: there 12 of 153 unanswerable questions get an answer.
ANSWER_SCORE = 1.1
ANSWER_LEAD = 0.7  # over the second best; less is a tie, and the buyer chooses
WORD_LEAD = 2.3  # the same when the question is a single word, which rarely says enough
CHOICE_SCORE = -1.0

MAX_QUESTION_CHARS = 1_000
KEPT_INDEXES = 16  # about 1.5 MB each
PIECES = 24
PAUSE = 0.012  # seconds between pieces: reads like typing and is over in 0.3 s

MAX_FOLLOW_UP_WORDS = 8
_FOLLOW_UP = re.compile(
    r"\W*(?:and|but|also|what about|how about|what if|in that case|tell me more|why)\b", re.IGNORECASE
)


class RetrievalAgents:
    """Implements `AgentHost`. All heavy work is done in worker threads, the first time it is needed."""

    def __init__(
        self, *, pause: float = PAUSE, load_vectors: Callable[[], WordVectors | None] = load_word_vectors
    ) -> None:
        self._pause = pause
        self._load_vectors = load_vectors
        self._vectors: WordVectors | None = None
        self._is_loaded = False
        self._indexes: OrderedDict[tuple[Passage, ...], PassageIndex] = OrderedDict()
        self._lock = threading.Lock()

    async def deploy(self, spec: AgentSpec, step: str) -> str:
        if step == "workspace":
            check_spec(spec)
        elif step == "knowledge":
            await asyncio.to_thread(self._index, spec)
            return str(len(spec.passages))
        elif step == "agent":
            await asyncio.to_thread(self._warm_up, spec)
        elif step == "check":
            answer = await asyncio.to_thread(self._answer, spec, (), next(iter(replies.first_choices(spec)), ""))
            if answer.band is not AnswerBand.ANSWER:
                raise DeploymentFailed("self_check_failed")
        else:
            raise DeploymentFailed("step_unknown")
        return ""

    async def answer(self, spec: AgentSpec, history: Sequence[Turn], question: str) -> AsyncIterator[str | Answer]:
        answer = await asyncio.to_thread(self._answer, spec, tuple(history), question)
        for index, piece in enumerate(pieces_of(answer.text)):
            if index and self._pause:
                await asyncio.sleep(self._pause)
            yield piece
        yield answer

    async def best_passages(self, spec: AgentSpec, question: str, count: int) -> tuple[Passage, ...]:
        """The passages nearest to a question, however far they are."""
        hits = await asyncio.to_thread(self._rank, spec, question)
        return tuple(hit.passage for hit in hits[:count])

    # ---------------------------------------------------------------- in worker threads

    def _index(self, spec: AgentSpec) -> PassageIndex:
        # kept by the passages alone, so an index holds nothing of the buyer who renamed the agent
        with self._lock:
            index = self._indexes.pop(spec.passages, None)
            if index is None:
                if not self._is_loaded:
                    self._vectors = self._load_vectors()
                    self._is_loaded = True
                index = PassageIndex(spec.passages, self._vectors)
            self._indexes[spec.passages] = index
            if len(self._indexes) > KEPT_INDEXES:
                self._indexes.popitem(last=False)
            return index

    def _warm_up(self, spec: AgentSpec) -> None:
        self._rank(spec, spec.name)

    def _rank(self, spec: AgentSpec, question: str) -> list[Hit]:
        return self._index(spec).rank(readable(question))

    def _answer(self, spec: AgentSpec, history: Sequence[Turn], question: str) -> Answer:
        question = readable(question)
        if passage := self._index(spec).exact(question):
            return quoted(passage)
        if answer := replies.small_talk(spec, words_of(question)):
            return answer
        question = replies.without_greeting(question)
        answer = judged(spec, question, self._rank(spec, question))
        if answer.band is AnswerBand.UNKNOWN and is_follow_up(question) and (earlier := last_question(history)):
            hits = self._rank(spec, f"{question} {earlier}")
            # what "and for two?" is about is a guess, so it is never answered outright
            if hits and hits[0].score >= CHOICE_SCORE:
                return replies.which_one([hit.choice for hit in hits])
        return answer


def readable(question: str) -> str:
    """The question, cut to a length that is worth reading, without halves of characters that cannot be encoded."""
    return question[:MAX_QUESTION_CHARS].encode("utf-8", "replace").decode("utf-8")


def check_spec(spec: AgentSpec) -> None:
    """DeploymentFailed("spec_invalid") when there is nothing to answer from, or passages cannot be told apart."""
    ids = {passage.id for passage in spec.passages}
    is_whole = all(passage.id and passage.title.strip() and passage.text.strip() for passage in spec.passages)
    if not (spec.name.strip() and spec.passages and is_whole and len(ids) == len(spec.passages)):
        raise DeploymentFailed("spec_invalid")


def judged(spec: AgentSpec, question: str, hits: Sequence[Hit]) -> Answer:
    """Which of the three bands the ranking deserves."""
    if not hits or hits[0].score < CHOICE_SCORE:
        return replies.not_known(spec)
    lead = hits[0].score - hits[1].score if len(hits) > 1 else math.inf
    wanted = ANSWER_LEAD if len(content_words(question)) > 1 else WORD_LEAD
    if hits[0].score >= ANSWER_SCORE and lead >= wanted:
        return quoted(hits[0].passage)
    return replies.which_one([hit.choice for hit in hits])


def quoted(passage: Passage) -> Answer:
    return Answer(AnswerBand.ANSWER, passage.text, (Source(passage.title, passage.id),))


def is_follow_up(question: str) -> bool:
    return bool(_FOLLOW_UP.match(question)) and len(words_of(question)) <= MAX_FOLLOW_UP_WORDS


def last_question(history: Sequence[Turn]) -> str:
    return next((turn.text for turn in reversed(history) if turn.role == "buyer"), "")


def pieces_of(text: str) -> Iterator[str]:
    """The text in at most PIECES groups of whole words; joined they are the text, to the letter."""
    ends = [match.end() for match in re.finditer(r"\S+\s*", text)]
    size = -(-len(ends) // PIECES) or 1
    start = 0
    for end in ends[size - 1 :: size]:
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]
