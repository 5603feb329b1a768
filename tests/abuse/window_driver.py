"""Buys in the real window on the twin, with a card that is typed in the browser, and reads every text it ever shows.

`python -m tests.abuse.window_driver DATA`; prints one JSON object: which secrets were seen, and how much was read.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QAbstractTableModel, QModelIndex, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTextEdit,
    QWidget,
)

from app import crash
from app.browsing import CardPage
from app.clock import SystemIds
from app.desktop import Desktop, make_application
from app.providers import TwinProviders
from app.settings import load
from services.embedded.service import EmbeddedService
from tests.abuse.canaries import Canaries
from ui.shell import history as at

W = TypeVar("W", bound=QWidget)

PAYS, DECLINED = "4242424242424242", "4000000000000002"
EMAIL, PASSWORD = "ada.king@example.com", "correct-stap"
TRIES, PAUSE_S = 600, 0.05
ROLES = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)


def texts_of(widget: QWidget) -> Iterator[str]:
    """What is shown or read out of one widget; of a hidden password its dots."""
    yield from (widget.toolTip(), widget.accessibleName(), widget.accessibleDescription(), widget.windowTitle())
    if isinstance(widget, QLineEdit):
        yield from (widget.displayText(), widget.placeholderText())
    elif isinstance(widget, QTextEdit | QPlainTextEdit):
        yield widget.toPlainText()
    elif isinstance(widget, QAbstractItemView) and widget.model() is not None:
        yield from items_of(widget.model())
    elif isinstance(widget, QLabel | QAbstractButton):
        yield widget.text()
    elif callable(text := getattr(widget, "text", None)) and not widget.findChildren(QLineEdit):
        yield str(text())  # painted by ourselves; a field that is made of parts is read part by part


def items_of(model: QAbstractItemModel, parent: QModelIndex | None = None) -> Iterator[str]:
    parent, is_list = parent or QModelIndex(), isinstance(model, QAbstractListModel)
    for row in range(model.rowCount(parent)):
        for column in range(1 if is_list else model.columnCount(parent)):
            index = model.index(row, column, parent)
            yield from (str(index.data(role) or "") for role in ROLES)
            if not isinstance(model, QAbstractListModel | QAbstractTableModel):
                yield from items_of(model, index)


class Reader:
    """Buys, and reads all of the window, every hidden part of it too, whenever something has happened."""

    def __init__(self, desktop: Desktop) -> None:
        self.desktop = desktop
        self.read: set[str] = set()
        self.pages: list[str] = []
        desktop.browser.open_url = self._open

    def _open(self, url: str) -> bool:
        self.pages.append(url)
        return True

    def _named(self, kind: type[W], name: str) -> W:
        found = self.desktop.shell.findChild(kind, name)
        assert found is not None
        return found

    def look(self) -> None:
        for widget in (self.desktop.shell, *self.desktop.shell.findChildren(QWidget)):
            self.read.update(text for text in texts_of(widget) if text)

    async def until(self, seen: Callable[[], object], what: str) -> None:
        """Reads the window while it waits."""
        for _ in range(TRIES):
            self.look()
            if seen():
                return
            await asyncio.sleep(PAUSE_S)
        raise SystemExit(f"waited for {what}")

    async def buy_as_somebody_new(self) -> None:
        """With a card that is typed in the browser; the password is typed at checkout."""
        vms, navigator = self.desktop.vms, self.desktop.shell.navigator
        navigator.check_out("customer-care")
        checkout = vms.checkout
        await self.until(lambda: checkout.state.can_pay, "checkout")
        self._named(QLineEdit, "passwordField").setText(PASSWORD)
        checkout.type_email(EMAIL)
        checkout.type_password(PASSWORD)
        checkout.accept_terms(True)
        self.look()
        self._named(QPushButton, "payButton").click()
        await self.until(lambda: self.pages, "the page")
        for number in (DECLINED, PAYS):
            page = await CardPage.open(self.pages[-1])
            for name, text in {"number": number, "expiry": "1234", "cvc": "951", "name": "Ada King"}.items():
                page.type(name, text)
            await page.send()
            self.look()
        await self.until(lambda: vms.confirmation.state.order is not None or vms.chat.state.title, "the order")

    async def look_everywhere(self) -> None:
        """Each page of the sidebar, and the sheet of a failure."""
        for section in at.SECTIONS:
            self.desktop.shell.navigator.show_section(section)
            for _ in range(10):
                await asyncio.sleep(PAUSE_S)
                self.look()
        try:
            raise RuntimeError(f"{PASSWORD} {PAYS}")
        except RuntimeError as error:
            self.desktop.tell(crash.report(error))
        self.look()


async def play(reader: Reader) -> None:
    desktop = reader.desktop
    desktop.start()
    await reader.until(desktop._ready.done, "the service")
    await reader.buy_as_somebody_new()
    await reader.look_everywhere()


def secrets_of(desktop: Desktop) -> dict[str, str]:
    service = desktop._ready.result()
    assert isinstance(service, EmbeddedService)
    providers = service.core.payments
    assert isinstance(providers, TwinProviders)
    cards = {f"card {number[-4:]}": number for number in (PAYS, DECLINED)}
    spaced = {f"{name}, spaced": " ".join(re.findall("....", number)) for name, number in cards.items()}
    session = desktop.vms.session._holder.service.actor.session
    return {"key": providers.twin.key, "password": PASSWORD, "session token": session, **cards, **spaced}


def main(data: Path) -> None:
    application = make_application()
    desktop = Desktop(application, load(data, environ={}), ids=SystemIds())
    crash.keep_log(desktop.settings.log_file)
    desktop.shell.show()
    desktop.shell.activateWindow()
    reader = Reader(desktop)
    with desktop.loop:
        try:
            desktop.loop.run_until_complete(play(reader))
            canaries = Canaries(secrets_of(desktop))
        finally:
            desktop.loop.run_until_complete(desktop.finish())
    for text in sorted(reader.read):
        canaries.look(text, "the window")
    told = {"found": sorted(set(canaries.found)), "texts": len(reader.read), "secrets": sorted(canaries.secrets),
            "knows the card's end": any("4242" in text for text in reader.read)}  # fmt: skip
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
