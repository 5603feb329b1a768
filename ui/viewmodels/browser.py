"""What the desktop lends to whoever waits for a page of a provider: its browser, notice, addresses to come back to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Signal


class ReturnAddress(Protocol):
    """A place on this machine the page leads back to."""

    @property
    def url(self) -> str: ...

    def close(self) -> None: ...


class Returns(Protocol):
    async def open(self, returned: Callable[[], None]) -> ReturnAddress:
        """A fresh address; `returned` is called once when a browser comes there. OSError."""
        ...


class Browser(QObject):
    """`attention` asks the user to look at the window; `returns` is None where nobody can come back to this machine.

    `open_url` answers whether a browser was started. Signals: activated() - the window is used again.
    """

    activated = Signal()

    def __init__(
        self,
        open_url: Callable[[str], bool] | None = None,
        *,
        attention: Callable[[], None] | None = None,
        returns: Returns | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.open_url = open_url or (lambda _url: False)
        self.attention = attention or (lambda: None)
        self.returns = returns
