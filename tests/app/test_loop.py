from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from app.loop import Loop


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[Loop]:
    loop = Loop(qapp)
    yield loop
    loop.close()


async def turns(loop: Loop, number: int) -> int:
    """Comes to its turn so many times; asks for no running loop itself."""
    for _ in range(number):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn
    return number


async def ask(loop: Loop, answers: list[asyncio.AbstractEventLoop]) -> None:
    while True:
        answers.append(asyncio.get_running_loop())
        await turns(loop, 1)


def test_gives_the_result(loop: Loop) -> None:
    assert loop.run_until_complete(turns(loop, 3)) == 3
    assert loop.run_until_complete(turns(loop, 4)) == 4


def test_raises_what_was_raised(loop: Loop) -> None:
    async def fail() -> None:
        await turns(loop, 1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        loop.run_until_complete(fail())


def test_what_goes_on_behind_has_a_running_loop_whenever_it_comes_to_its_turn(loop: Loop) -> None:
    answers: list[asyncio.AbstractEventLoop] = []
    behind = loop.create_task(ask(loop, answers))
    for _ in range(20):
        loop.run_until_complete(turns(loop, 3))
        assert not behind.done()
    assert len(answers) > 20
    assert set(answers) == {loop}
    behind.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(behind)


def test_an_application_that_quits_ends_it(loop: Loop, qapp: QApplication) -> None:
    waits = loop.create_future()
    loop.call_soon(qapp.exit)
    with pytest.raises(RuntimeError, match="quit"):
        loop.run_until_complete(waits)
    waits.cancel()
    assert loop.run_until_complete(turns(loop, 2)) == 2
