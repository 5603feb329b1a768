"""Limits of a conversation: how long a question may be, how many a guest may ask before buying."""

from __future__ import annotations

QUESTION_MAX = 4_000  # characters
SAMPLE_TURNS = 10  # questions before buying, per offering and person
HISTORY_TURNS = 12  # earlier messages the agent sees


def question_problem(text: str) -> str | None:
    """The field code of what is wrong with a question, or None."""
    if not text.strip():
        return "required"
    return "too_long" if len(text) > QUESTION_MAX else None
