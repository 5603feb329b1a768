"""Ids grow with time, also when the clock stands still or falls back; the same seed gives the same ones."""

from __future__ import annotations

from datetime import UTC
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from app.clock import SeededIds, SystemClock, SystemIds


def test_the_time_is_in_utc_and_does_not_fall_back() -> None:
    first, second = SystemClock().now(), SystemClock().now()
    assert first.tzinfo is UTC
    assert first <= second


def test_ten_thousand_ids_are_different_and_in_order() -> None:
    ids = SystemIds()
    made = [ids.uuid() for _ in range(10_000)]  # more than the counter has places for in one millisecond
    assert made == sorted(set(made))


def test_an_id_is_a_uuid_of_version_7() -> None:
    for uuid in (UUID(SystemIds().uuid()), UUID(SeededIds(5).uuid())):
        assert (uuid.version, uuid.variant) == (7, RFC_4122)


def test_an_id_tells_when_it_was_made() -> None:
    before = int(SystemClock().now().timestamp() * 1000)
    made = int(SystemIds().uuid()[:12], 16)
    assert before <= made <= int(SystemClock().now().timestamp() * 1000)


def test_tokens_hold_32_random_bytes() -> None:
    tokens = {SystemIds().token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {43}


@given(st.integers(0, 2**31))
def test_a_seed_gives_the_same_story_again(seed: int) -> None:
    first, second = SeededIds(seed), SeededIds(seed)
    made = [first.uuid() for _ in range(20)]
    assert made == [second.uuid() for _ in range(20)] == sorted(set(made))
    assert first.token() == second.token()
