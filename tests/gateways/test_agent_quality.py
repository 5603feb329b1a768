"""Floors under what tests/benchmarks/agent_quality.py measures, so that a change for the worse shows."""

import pytest

from services.gateways.embedding import load_word_vectors
from tests.benchmarks.agent_quality import measure
from tests.gateways.content import questions, specs


def test_the_sets_ask_every_agent_what_it_knows_and_what_it_does_not() -> None:
    known = {(asked.agent, passage.id) for asked in questions("report") for passage in specs()[asked.agent].passages}
    for asked in (*questions("report"), *questions("tuning")):
        assert asked.agent in specs()
        ids = {passage.id for passage in specs()[asked.agent].passages}
        assert asked.passage is None or asked.passage in ids, asked
    assert {agent for agent, _ in known} == set(specs())
    assert len(questions("report")) >= 200
    assert sum(asked.passage is None for asked in questions("report")) >= 60


def test_the_two_sets_share_no_question() -> None:
    sets = [{(asked.agent, asked.question.casefold()) for asked in questions(name)} for name in ("tuning", "report")]
    assert not sets[0] & sets[1]


@pytest.mark.parametrize("name", ["tuning", "report"])
def test_by_meaning_and_words(name: str) -> None:
    quality = measure(name, vectors=load_word_vectors())
    assert quality.hit_1 >= 0.75
    assert quality.hit_3 >= 0.90
    assert quality.right >= 0.55
    assert quality.right + quality.choices_with_right >= 0.78
    assert quality.wrong <= 0.12
    assert quality.unanswerable_answered <= 0.13


@pytest.mark.parametrize("name", ["tuning", "report"])
def test_by_words_alone(name: str) -> None:
    quality = measure(name, vectors=None)
    assert quality.hit_1 >= 0.68
    assert quality.hit_3 >= 0.80
    assert quality.unanswerable_answered <= 0.13
