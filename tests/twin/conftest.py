"""The rig of the twin's Stripe; what was asked against the contracts fails the test that asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twin.stripe_rig import Rig


@pytest.fixture
def rig(tmp_path: Path, loop: asyncio.Runner) -> Iterator[Rig]:
    """Listens on loopback: the test says `@pytest.mark.loopback`. Breaches that are meant are taken out of
    `rig.stripe.breaches` by the test."""
    made = Rig(tmp_path / "twin", loop)
    yield made
    made.close()
    assert made.twin.breaches == []
