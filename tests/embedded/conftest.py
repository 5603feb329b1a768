"""`shop`: the embedded service with the shipped catalogue, for stories below the surface of the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.shop import Shop

# Several databases and dozens of callers share one interpreter here, so any callback may have to wait for the others.
# That the service leaves the loop alone is asked by the contract tests.
QUIET_SECONDS = 1.0


@pytest.fixture
def shop(loop: asyncio.Runner, data_dir: Path) -> Iterator[Shop]:
    loop.get_loop().slow_callback_duration = QUIET_SECONDS
    opened = Shop(data_dir)
    yield opened
    opened.close()
