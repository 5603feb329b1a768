"""A qasync loop that runs while qtbot waits, a bridge on it, and a FakeService behind the view-models."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pytest
import qasync
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from services.api.errors import ServiceError
from services.api.types import OfferingCard
from tests.fakes import FakeService
from ui.bridge import Bridge
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.session import SessionViewModel

T = TypeVar("T")
SLOW_SECONDS = 0.2  # twice what the eye forgives: a busy machine must not fail a test
Run = Callable[[Coroutine[Any, Any, T]], T]


def load_per_core() -> float:
    """Other work on the machine stretches every callback."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 1.0


@pytest.fixture
def qloop(qapp: QApplication, qtbot: QtBot) -> Iterator[asyncio.AbstractEventLoop]:
    """asyncio on Qt's loop, in debug mode: tasks go on whenever qtbot waits. What is left at the end is cancelled."""
    loop = qasync.QEventLoop(qapp, already_running=True)
    loop.set_debug(True)
    loop.slow_callback_duration = SLOW_SECONDS * max(1.0, load_per_core())
    yield loop
    left = [task for task in asyncio.all_tasks(loop) if not task.done()]
    for task in left:
        task.cancel()
    qtbot.waitUntil(lambda: all(task.done() for task in left))
    # not loop.stop(): that tells the application to quit, and no Qt event loop runs any more after it
    loop._QEventLoop__is_running = False
    loop._after_run_forever()
    asyncio.events._set_running_loop(None)
    loop.close()


class Reports:
    """What the bridge told the shell."""

    def __init__(self, bridge: Bridge) -> None:
        self.failed: list[ServiceError] = []
        self.crashed: list[Exception] = []
        self.retries: list[Callable[[], None]] = []
        self.online = 0
        bridge.failed.connect(self.failed.append)
        bridge.crashed.connect(self.crashed.append)
        bridge.offline.connect(self.retries.append)
        bridge.online.connect(self._on_online)

    def _on_online(self) -> None:
        self.online += 1


@pytest.fixture
def bridge(qloop: asyncio.AbstractEventLoop, request: pytest.FixtureRequest) -> Iterator[Bridge]:
    """Fails the test for a crash nobody took from `reports`."""
    made = Bridge(qloop)
    made.reports = Reports(made)  # type: ignore[attr-defined] # only tests look there
    yield made
    made.close()
    made.deleteLater()
    assert made.reports.crashed == []  # type: ignore[attr-defined]


@pytest.fixture
def reports(bridge: Bridge) -> Reports:
    found = bridge.reports  # type: ignore[attr-defined]
    assert isinstance(found, Reports)
    return found


@pytest.fixture
def run(qloop: asyncio.AbstractEventLoop, qtbot: QtBot) -> Run[Any]:
    """`run(coroutine)`: its result, while Qt goes on."""

    def wait(coroutine: Coroutine[Any, Any, T]) -> T:
        task = qloop.create_task(coroutine)
        qtbot.waitUntil(task.done)
        return task.result()

    return wait


@pytest.fixture
def service() -> FakeService:
    """A guest's service; `service.world` is what all services made from it share."""
    return FakeService()


@pytest.fixture
def holder(service: FakeService, bridge: Bridge) -> ServiceHolder:
    return ServiceHolder(service, bridge)


@pytest.fixture
def session(bridge: Bridge, holder: ServiceHolder) -> SessionViewModel:
    return SessionViewModel(bridge, holder)


@pytest.fixture
def signed_in(session: SessionViewModel, qtbot: QtBot) -> SessionViewModel:
    """The session of ada@example.com, who has bought nothing yet."""
    with qtbot.waitSignal(session.signed_in):
        session.register("ada@example.com", "correct horse")
    return session


@pytest.fixture
def new_key() -> Callable[[], str]:
    """key-1, key-2 .."""
    numbers = iter(range(1, 1000))
    return lambda: f"key-{next(numbers)}"


def many_cards(card: OfferingCard, count: int) -> tuple[OfferingCard, ...]:
    """`count` cards that differ in uuid and name."""
    return tuple(replace(card, uuid=f"{n:032x}", name=f"Agent {n}") for n in range(count))


@pytest.fixture
def look(qapp: QApplication) -> Iterator[Theme]:
    """The light theme at 100 % text, also for whoever comes next."""
    theme = Theme("light", reduced_motion=True)
    theme.apply(qapp)
    yield theme
    theme.set_mode("light")
    theme.set_text_scale(1.0)
