"""The event loop of the window: qasync's, whose every step has a running loop around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import qasync

T = TypeVar("T")


class Loop(qasync.QEventLoop):  # type: ignore[misc]  # it comes without types
    """asyncio on Qt's event loop.

    At the end of `run_until_complete` qasync (0.28) lets Qt handle its events once more when no loop is running any
    longer; a task whose turn comes there is told "no running event loop". Here it waits until the loop runs again.
    """

    def run_until_complete(self, future: Awaitable[T]) -> T:
        """What `future` results in; RuntimeError when the application quits before."""
        task = asyncio.ensure_future(future, loop=self)
        task.add_done_callback(self._on_done)
        try:
            self.run_forever()
        finally:
            task.remove_done_callback(self._on_done)
        if not task.done():
            raise RuntimeError("the application was quit before this was complete")
        return task.result()

    def _on_done(self, _task: object) -> None:
        self.stop()
