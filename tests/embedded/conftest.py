"""`shop`: the embedded service with the shipped catalogue, for stories below the surface of the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.shop import Shop


@pytest.fixture
def shop(loop: asyncio.Runner, data_dir: Path) -> Iterator[Shop]:
    opened = Shop(data_dir)
    yield opened
    opened.close()
