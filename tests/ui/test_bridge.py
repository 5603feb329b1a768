"""The bridge: owned work, one in flight, errors in three kinds, and an end with its owner."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from services.api.errors import CardDeclined, Offline, ServiceError, SessionExpired
from tests.ui.conftest import Reports
from ui.bridge import Bridge, Change


class Desk:
    """Work that waits until told, and notes what became of it."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.gate = asyncio.Event()
        self.results: list[object] = []
        self.errors: list[ServiceError] = []

    async def work(self) -> int:
        self.started += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.started

    async def crash(self) -> int:
        raise ZeroDivisionError

    async def be_offline(self) -> int:
        self.started += 1
        if self.started == 1:
            raise Offline
        return 7

    async def items(self) -> AsyncIterator[int]:
        try:
            yield 1
            await self.gate.wait()
            yield 2
        finally:
            self.cancelled += 1


@pytest.fixture
def desk(bridge: Bridge) -> Desk:
    return Desk()


@pytest.fixture
def owner(bridge: Bridge) -> QObject:
    return QObject()


def test_result_arrives_and_the_verb_is_free_again(bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot) -> None:
    bridge.run(owner, "fetch", desk.work, then=desk.results.append)
    assert bridge.is_running(owner, "fetch")
    desk.gate.set()
    qtbot.waitUntil(lambda: desk.results == [1])
    assert not bridge.is_running(owner, "fetch")


def test_second_of_a_verb_is_ignored_while_the_first_runs(
    bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot
) -> None:
    for _ in range(3):
        bridge.run(owner, "pay", desk.work, then=desk.results.append)
    desk.gate.set()
    qtbot.waitUntil(lambda: desk.results == [1])
    assert desk.started == 1


def test_replacing_cancels_the_first_and_only_the_last_answers(
    bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot
) -> None:
    bridge.run(owner, "search", desk.work, then=desk.results.append, policy="replace")
    qtbot.waitUntil(lambda: desk.started == 1)
    bridge.run(owner, "search", desk.work, then=desk.results.append, policy="replace")
    desk.gate.set()
    qtbot.waitUntil(lambda: desk.results == [2])
    assert desk.cancelled == 1


def test_other_verbs_and_other_owners_do_not_wait(bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot) -> None:
    other = QObject()
    for whose, verb in ((owner, "a"), (owner, "b"), (other, "a")):
        bridge.run(whose, verb, desk.work, then=desk.results.append)
    desk.gate.set()
    qtbot.waitUntil(lambda: len(desk.results) == 3)


def test_work_ends_with_its_owner(bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot) -> None:
    bridge.run(owner, "fetch", desk.work, then=desk.results.append)
    qtbot.waitUntil(lambda: desk.started == 1)
    shiboken6.delete(owner)
    qtbot.waitUntil(lambda: desk.cancelled == 1)
    assert desk.results == []


def test_work_of_a_dead_owner_does_not_start(bridge: Bridge, desk: Desk, owner: QObject) -> None:
    shiboken6.delete(owner)
    bridge.run(owner, "fetch", desk.work)
    assert desk.started == 0


def test_cancelling_is_silent(bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot) -> None:
    bridge.run(owner, "fetch", desk.work, then=desk.results.append, failed=desk.errors.append)
    qtbot.waitUntil(lambda: desk.started == 1)
    bridge.cancel(owner, "fetch")
    qtbot.waitUntil(lambda: desk.cancelled == 1)
    assert not bridge.is_running(owner, "fetch")
    assert desk.results == desk.errors == []


def test_verb_may_start_itself_again_from_its_result(bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot) -> None:
    desk.gate.set()

    def again(number: int) -> None:
        desk.results.append(number)
        if number < 3:
            bridge.run(owner, "poll", desk.work, then=again)

    bridge.run(owner, "poll", desk.work, then=again)
    qtbot.waitUntil(lambda: desk.results == [1, 2, 3])


def test_expected_failure_goes_to_who_asked(
    bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot, reports: Reports
) -> None:
    async def decline() -> None:
        raise CardDeclined

    bridge.run(owner, "pay", decline, failed=desk.errors.append)
    qtbot.waitUntil(lambda: [error.code for error in desk.errors] == ["card_declined"])
    assert reports.failed == []


def test_expected_failure_nobody_takes_becomes_a_toast(
    bridge: Bridge, owner: QObject, qtbot: QtBot, reports: Reports
) -> None:
    async def decline() -> None:
        raise CardDeclined

    bridge.run(owner, "pay", decline)
    qtbot.waitUntil(lambda: [error.code for error in reports.failed] == ["card_declined"])


def test_offline_offers_the_same_work_again_and_says_when_it_is_over(
    bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot, reports: Reports
) -> None:
    bridge.run(owner, "fetch", desk.be_offline, then=desk.results.append)
    qtbot.waitUntil(lambda: len(reports.retries) == 1)
    assert reports.failed == []
    assert reports.online == 0
    reports.retries[0]()
    qtbot.waitUntil(lambda: desk.results == [7])
    assert reports.online == 1


def test_offline_tells_the_screen_too_and_takes_its_own_retry(
    bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot, reports: Reports
) -> None:
    pressed: list[str] = []
    bridge.run(owner, "fetch", desk.be_offline, failed=desk.errors.append, retry=lambda: pressed.append("again"))
    qtbot.waitUntil(lambda: [error.code for error in desk.errors] == ["offline"])
    reports.retries[0]()
    assert pressed == ["again"]


def test_bug_is_reported_and_the_screen_leaves_its_busy_state(
    bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot, reports: Reports
) -> None:
    bridge.run(owner, "fetch", desk.crash, then=desk.results.append, failed=desk.errors.append)
    qtbot.waitUntil(lambda: [error.code for error in desk.errors] == ["service_error"])
    assert isinstance(reports.crashed.pop(), ZeroDivisionError)
    assert not bridge.is_running(owner, "fetch")


def test_bug_in_the_screen_that_takes_the_result_is_reported(
    bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot, reports: Reports
) -> None:
    desk.gate.set()
    bridge.run(owner, "fetch", desk.work, then=lambda number: desk.results.append(number // 0))
    qtbot.waitUntil(lambda: len(reports.crashed) == 1)
    assert isinstance(reports.crashed.pop(), ZeroDivisionError)


def test_lost_session_is_announced_besides_the_failure(
    bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot
) -> None:
    async def expire() -> None:
        raise SessionExpired

    with qtbot.waitSignal(bridge.expired):
        bridge.run(owner, "fetch", expire, failed=desk.errors.append)
    qtbot.waitUntil(lambda: [error.code for error in desk.errors] == ["session_expired"])


def test_mutation_says_what_it_touched_after_its_screen_knows(
    bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot
) -> None:
    desk.gate.set()
    bridge.changed.connect(desk.results.append)
    bridge.run(owner, "buy", desk.work, then=desk.results.append, touches=("orders", "resources"), initiator=owner)
    qtbot.waitUntil(lambda: len(desk.results) == 2)
    assert desk.results == [1, Change(frozenset({"orders", "resources"}), owner)]


def test_failed_mutation_touched_nothing(bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot) -> None:
    bridge.changed.connect(desk.results.append)

    async def decline() -> None:
        raise CardDeclined

    bridge.run(owner, "buy", decline, failed=desk.errors.append, touches=("orders",))
    qtbot.waitUntil(lambda: len(desk.errors) == 1)
    assert desk.results == []


def test_busy_is_shown_only_for_what_takes_long(bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot) -> None:
    shown: list[tuple[str, bool]] = []
    bridge.busy_changed.connect(lambda _owner, verb, is_busy: shown.append((verb, is_busy)))
    quick = Desk()
    quick.gate.set()
    bridge.run(owner, "quick", quick.work, then=quick.results.append)
    bridge.run(owner, "slow", desk.work)
    qtbot.waitUntil(lambda: quick.results == [1])
    qtbot.waitUntil(lambda: shown == [("slow", True)])
    desk.gate.set()
    qtbot.waitUntil(lambda: shown == [("slow", True), ("slow", False)])


def test_stream_gives_each_item_and_then_the_end(bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot) -> None:
    bridge.stream(owner, "ask", desk.items, on_item=desk.results.append, done=lambda: desk.results.append("done"))
    qtbot.waitUntil(lambda: desk.results == [1])
    desk.gate.set()
    qtbot.waitUntil(lambda: desk.results == [1, 2, "done"])


def test_stopped_stream_is_closed_and_says_no_more(bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot) -> None:
    bridge.stream(owner, "ask", desk.items, on_item=desk.results.append, done=lambda: desk.results.append("done"))
    qtbot.waitUntil(lambda: desk.results == [1])
    bridge.cancel(owner, "ask")
    qtbot.waitUntil(lambda: desk.cancelled == 1)
    assert desk.results == [1]


def test_stream_whose_screen_fails_is_closed(
    bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot, reports: Reports
) -> None:
    bridge.stream(owner, "ask", desk.items, on_item=lambda number: desk.results.append(number // 0))
    qtbot.waitUntil(lambda: desk.cancelled == 1)
    assert isinstance(reports.crashed.pop(), ZeroDivisionError)


def test_closing_ends_everything(bridge: Bridge, desk: Desk, owner: QObject, qtbot: QtBot) -> None:
    bridge.run(owner, "a", desk.work, then=desk.results.append)
    bridge.run(owner, "b", desk.work, then=desk.results.append)
    qtbot.waitUntil(lambda: desk.started == 2)
    bridge.close()
    qtbot.waitUntil(lambda: desk.cancelled == 2)
    assert desk.results == []
