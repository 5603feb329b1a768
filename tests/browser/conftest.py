"""A Chromium for all tests of this folder, one fresh profile for each, and the twin whose pages it opens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import PROGRAM, Chromium, Tab
from tests.browser.merchant import Merchant
from tests.twin.stripe_rig import Rig

MISSING = "needs Debian's chromium"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    if not PROGRAM.exists():
        pytest.skip(MISSING)
    made = Chromium()
    yield made
    made.close()


@pytest.fixture
def new_tab(chromium: Chromium) -> Iterator[Callable[..., Tab]]:
    """Fresh profiles. None of them may have asked anybody but this machine."""
    made: list[Tab] = []

    def make(*args: object, **kwargs: object) -> Tab:
        made.append(chromium.tab(*args, **kwargs))  # type: ignore[arg-type] # handed on as they are
        return made[-1]

    yield make
    for tab in made:
        tab.close()
    assert [tab.strangers for tab in made if tab.strangers] == []


@pytest.fixture
def tab(new_tab: Callable[..., Tab]) -> Iterator[Tab]:
    """A desktop window; nothing may be complained of in its console."""
    made = new_tab()
    yield made
    assert made.complaints == []


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    made = Merchant()
    yield made
    made.close()


@pytest.fixture
def rig(tmp_path: Path, loop: asyncio.Runner, merchant: Merchant) -> Iterator[Rig]:
    """The twin with the official client before it."""
    made = Rig(tmp_path / "twin", loop)
    yield made
    made.close()
    assert made.twin.breaches == []
