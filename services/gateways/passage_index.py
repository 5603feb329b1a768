"""Ranks an agent's own passages for a question. Hides how: nearness in meaning to the authored questions and to the
text, how much of the question the passage covers, and BM25. The weights were fitted on
tests/gateways/questions/tuning.json; tests/benchmarks/agent_quality.py reports what they reach.
"""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from services.gateways.agents import Passage
from services.gateways.embedding import WordVectors, nearness

Scores = NDArray[numpy.floating]  # one figure a passage

STOP_WORDS = frozenset(
    """a an the is are was were be been am do does did can could may might must should would will shall i you he she it
    we they me my your our his her its us them this that these those of to in on at for from by with and or but if as
    so what which who whom how when where why there here have has had not no any some get got just too very about into
    out up down than then also much many more most im id dont doesnt isnt whats something anything everything tell know
    want need like please question questions thing things""".split()
)
SUFFIXES = (("ies", "y"), ("sses", "ss"), ("ing", ""), ("edly", ""), ("ed", ""), ("ly", ""), ("es", ""), ("s", ""))
FIELD_WEIGHTS = (2.0, 1.5, 1.0)  # questions, title, text
BM25_K1, BM25_B = 1.2, 0.75
FAR = 0.3  # words nearer than this are not the same thing
SPELLING_CUTOFF, SPELLING_MIN_CHARS = 0.84, 5


@dataclass(frozen=True, slots=True)
class Hit:
    """`score` is comparable between questions; above 0 the passage is more likely than not the answer."""

    passage: Passage
    score: float
    choice: str  # the passage's own question that is nearest to the buyer's


@dataclass(frozen=True, slots=True)
class Weights:
    best_question: float
    all_questions: float
    text: float
    coverage: float
    bm25: float
    bias: float


BY_MEANING = Weights(best_question=3.7, all_questions=3.3, text=3.8, coverage=4.6, bm25=2.5, bias=4.8)
BY_WORDS = Weights(best_question=0, all_questions=0, text=0, coverage=4.9, bm25=7.0, bias=3.6)


def words_of(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return re.findall(r"[^\W_]+", plain.replace("'", ""))


def content_words(text: str) -> list[str]:
    words = words_of(text)
    return [word for word in words if word not in STOP_WORDS] or words


def stem(word: str) -> str:
    """Cuts the commonest English endings, so that "refunds" and "refunded" meet "refund"."""
    if len(word) > 3:
        for suffix, ending in SUFFIXES if len(word) > 4 else SUFFIXES[-1:]:
            if word.endswith(suffix) and not word.endswith("ss") and len(word) - len(suffix) + len(ending) >= 3:
                word = word.removesuffix(suffix) + ending
                break
    if len(word) > 4 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word


def variants_of(passage: Passage) -> tuple[str, ...]:
    return passage.questions or (passage.title,)


class PassageIndex:
    """Built once for a set of passages, in a worker thread (a few ms); safe to use from several."""

    def __init__(self, passages: Sequence[Passage], vectors: WordVectors | None) -> None:
        self._passages = tuple(passages)
        self._exact = {
            " ".join(words_of(question)): passage for passage in reversed(passages) for question in variants_of(passage)
        }
        self._lexicon = Lexicon(passages)
        self._vectors = vectors
        self._meaning = Meaning(passages, vectors, self._lexicon) if vectors and passages else None

    def exact(self, question: str) -> Passage | None:
        """The passage whose own question this is, word for word."""
        words = words_of(question)
        return self._exact.get(" ".join(words)) if words else None

    def rank(self, question: str) -> list[Hit]:
        """All passages, best first."""
        if not self._passages or not words_of(question):
            return []
        words = [self._lexicon.spelled(word, self._vectors) for word in content_words(question)]
        nearest = [0] * len(self._passages)
        if self._meaning:
            weights = BY_MEANING
            scores, nearest = self._meaning.scores(question, words)
        else:
            weights = BY_WORDS
            scores = weights.coverage * self._lexicon.coverage(words)
        scores = scores + weights.bm25 * self._lexicon.bm25(words) - weights.bias
        hits = [
            Hit(passage, float(score), variants_of(passage)[index])
            for passage, score, index in zip(self._passages, scores, nearest, strict=True)
        ]
        return sorted(hits, key=lambda hit: -hit.score)


class Lexicon:
    """The words of each passage, stemmed and counted."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._counts = [self._count(passage) for passage in passages]
        self._sizes = numpy.array([sum(counts.values()) for counts in self._counts], numpy.float32)
        self._size = max(1.0, float(self._sizes.mean())) if passages else 1.0
        frequencies = Counter(word for counts in self._counts for word in counts)
        total = len(passages)
        self._rarity = {word: math.log1p((total - n + 0.5) / (n + 0.5)) for word, n in frequencies.items()}
        self._unseen = math.log1p((total + 0.5) / 0.5)
        self.words = tuple(
            tuple(
                sorted(
                    {*words_of(" ".join((passage.id, passage.title, passage.text, *passage.questions)))} - STOP_WORDS
                )
            )
            for passage in passages
        )
        self._vocabulary = sorted({word for words in self.words for word in words})

    @staticmethod
    def _count(passage: Passage) -> dict[str, float]:
        counts: dict[str, float] = defaultdict(float)
        # the id is a word or two by the author of the passage, such as "privacy", that its title may lack
        fields = (" ".join(passage.questions), f"{passage.id} {passage.title}", passage.text)
        for weight, text in zip(FIELD_WEIGHTS, fields, strict=True):
            for word in words_of(text):
                counts[stem(word)] += weight
        return counts

    def rarity(self, word: str) -> float:
        """How much a word tells: the fewer passages have it, the more."""
        return self._rarity.get(stem(word), self._unseen)

    def spelled(self, word: str, vectors: WordVectors | None) -> str:
        """The nearest word of the passages, when this one looks like a typing mistake."""
        if len(word) < SPELLING_MIN_CHARS or stem(word) in self._rarity or (vectors and vectors.knows(word)):
            return word
        return next(iter(difflib.get_close_matches(word, self._vocabulary, 1, SPELLING_CUTOFF)), word)

    def bm25(self, words: Sequence[str]) -> Scores:
        """Per passage, as a share of what a passage full of these words would get."""
        scores = numpy.zeros(len(self._counts), numpy.float32)
        norms = BM25_K1 * (1 - BM25_B + BM25_B * self._sizes / self._size)
        for word in map(stem, words):
            counts = numpy.array([passage.get(word, 0.0) for passage in self._counts], numpy.float32)
            scores += self._rarity.get(word, 0.0) * counts / (counts + norms)
        shares: Scores = scores / max(sum(map(self.rarity, words)), 1e-9)
        return shares

    def coverage(self, words: Sequence[str]) -> Scores:
        """Per passage, the share of the question's words it has, rare words counting more."""
        has = [[self.rarity(word) if stem(word) in counts else 0.0 for word in words] for counts in self._counts]
        shares: Scores = numpy.array(has, numpy.float32).sum(axis=1) / max(sum(map(self.rarity, words)), 1e-9)
        return shares


class Meaning:
    """The passages as vectors: their questions, texts and single words."""

    def __init__(self, passages: Sequence[Passage], vectors: WordVectors, lexicon: Lexicon) -> None:
        self._vectors = vectors
        self._lexicon = lexicon
        variants = [variants_of(passage) for passage in passages]
        self._questions = vectors.embed([question for group in variants for question in group])
        self._question_starts = starts_of(variants)
        self._texts = vectors.embed([passage.text for passage in passages])
        vocabulary = sorted({word for words in lexicon.words for word in words})
        place = {word: index for index, word in enumerate(vocabulary)}
        self._words = vectors.embed(vocabulary)
        # a passage without a single word borrows the first one, so that every group has a member
        groups = [[place[word] for word in words] or [0] for words in lexicon.words]
        self._word_places = numpy.array([index for group in groups for index in group])
        self._word_starts = starts_of(groups)

    def scores(self, question: str, words: Sequence[str]) -> tuple[Scores, list[int]]:
        """Per passage: what meaning adds to the score, and which of its questions is nearest."""
        vector = self._vectors.embed([question])
        near = nearness(self._questions, vector)[:, 0]
        groups = numpy.split(near, self._question_starts[1:])
        best = numpy.array([group.max() for group in groups])
        mean = numpy.array([group.mean() for group in groups])
        scores: Scores = (
            BY_MEANING.best_question * best
            + BY_MEANING.all_questions * mean
            + BY_MEANING.text * nearness(self._texts, vector)[:, 0]
            + BY_MEANING.coverage * self._coverage(words)
        )
        return scores, [int(group.argmax()) for group in groups]

    def _coverage(self, words: Sequence[str]) -> Scores:
        """Per passage, how near its nearest word comes to each word of the question, rare words counting more."""
        near = nearness(self._vectors.embed(words), self._words)[:, self._word_places]
        nearest = numpy.maximum.reduceat(near, self._word_starts, axis=1)
        weights = numpy.array([self._lexicon.rarity(word) for word in words], numpy.float32)
        covered: Scores = weights @ numpy.clip((nearest - FAR) / (1 - FAR), 0, 1) / max(weights.sum(), 1e-9)
        return covered


def starts_of(groups: Sequence[Sequence[object]]) -> list[int]:
    """Where each group begins when all are laid end to end."""
    starts, position = [], 0
    for group in groups:
        starts.append(position)
        position += len(group)
    return starts
