"""100,000 cards: filter and paint the new frame, and scroll; against plain lists and against Qt's own views."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from typing import Any

from PySide6.QtCore import QCoreApplication, QSize, QSortFilterProxyModel, QStringListModel, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QListView, QWidget

from services.api.types import OfferingQuery
from services.embedded.service import EmbeddedService
from tests.benchmarks import big_catalogue
from tests.benchmarks.harness import Line, interleave, median, p99, ratio
from tests.benchmarks.rig import embedded
from ui.text import price_parts
from ui.theme import Theme
from ui.viewmodels.offering_list import PAGE_SIZE, OfferingListModel
from ui.widgets.card_grid import CardGrid

SIZE = QSize(1040, 640)  # the grid's share of a window of 1280 x 800
STEP = 40
FILTER_MS, SCROLL_MS = 36, 4
ROUNDS = 12
FRAMES = 300
ROW = 24
TURNS = 20  # of the event loop; Qt's own view lays out in one and paints in the next
_TEXTS = ("gr", "st", "an", "b", "tr", "ou", "sh", "l", "br", "ai", "cl", "m")


def application() -> QApplication:
    """The one QApplication of this process, in our look."""
    known = QApplication.instance()
    made = known if isinstance(known, QApplication) else QApplication(["benchmarks"])
    Theme("light").apply(made)
    return made


class Cards(CardGrid):
    """Our grid, counting its frames."""

    frames = 0

    def paintEvent(self, event: QPaintEvent) -> None:
        self.frames += 1
        super().paintEvent(event)


class Rows(QWidget):
    """The limit: a list of names, of which the visible ones are written."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.frames = 0
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._all = [(name, name.casefold()) for name in names]
        self._shown = names
        self._top = 0

    def filter(self, text: str) -> None:
        self._shown = [name for name, folded in self._all if text in folded]
        self.update()

    def scroll_on(self) -> None:
        self._top += STEP
        self.scroll(0, -STEP)

    def paintEvent(self, event: QPaintEvent) -> None:
        self.frames += 1
        painter = QPainter(self)
        painter.fillRect(event.rect(), Qt.GlobalColor.white)
        first, last = ((edge + self._top) // ROW for edge in (event.rect().top(), event.rect().bottom()))
        for row in range(first, min(last + 1, len(self._shown))):
            painter.drawText(8, (row + 1) * ROW - self._top, self._shown[row])
        painter.end()


class Peer(QListView):
    """What is usual: QSortFilterProxyModel under a QListView in icon mode."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.frames = 0
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._proxy.setSourceModel(QStringListModel(names, self))
        self.setModel(self._proxy)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setUniformItemSizes(True)
        self.setGridSize(QSize(300, 200))
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)

    def filter(self, text: str) -> None:
        self._proxy.setFilterFixedString(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        self.frames += 1
        super().paintEvent(event)


View = Cards | Rows | Peer


def paint(view: View) -> None:
    """Everything that waits to be laid out and painted, now; a real screen would wait for its next refresh."""
    before = view.frames
    for _ in range(TURNS):
        QCoreApplication.processEvents()
        if view.frames > before:
            return
    raise RuntimeError(f"{type(view).__name__} did not paint")


class Shop:
    """Ours: the query of the window, its model, its grid."""

    def __init__(self, service: EmbeddedService, runner: asyncio.Runner) -> None:
        self._service, self._runner = service, runner
        self.model = OfferingListModel(self._load)
        self.grid = Cards(price_parts)
        self.grid.setModel(self.model)
        self._query = OfferingQuery(page_size=PAGE_SIZE)

    def filter(self, text: str) -> None:
        self._query = OfferingQuery(text, page_size=PAGE_SIZE)
        self.model.start(self._runner.run(self._service.list_offerings(self._query)))

    def _load(self, number: int) -> None:
        query = OfferingQuery(self._query.text, page=number, page_size=PAGE_SIZE)
        self.model.add(number, self._runner.run(self._service.list_offerings(query)))

    def load_first(self, rows: int) -> None:
        """What scrolling will pass; loading is asynchronous in the window and not part of a frame."""
        for row in range(0, rows, PAGE_SIZE):
            self.model.card(row)


def run() -> list[Line]:
    """All lines of this benchmark."""
    application()
    service = embedded(big_catalogue.database())
    names = [offering.offering.card.name for offering in big_catalogue.offerings(big_catalogue.COUNT)]
    with asyncio.Runner() as runner:
        shop, rows, peer = Shop(service, runner), Rows(names), Peer(names)
        views: dict[str, View] = {"ours": shop.grid, "limit": rows, "peer": peer}
        for view in views.values():
            view.resize(SIZE)
            view.show()
            QApplication.processEvents()
        filters: dict[str, Callable[[str], None]] = {"ours": shop.filter, "limit": rows.filter, "peer": peer.filter}
        lines = [_filtering(filters, views)]
        for name, everything in filters.items():
            everything("")
            paint(views[name])
        lines += _scrolling(shop, rows, peer)
        for view in views.values():
            view.close()
    service.close()
    return lines


def _filtering(filters: Mapping[str, Callable[[str], None]], views: dict[str, View]) -> Line:
    def side(name: str, texts: Iterator[str]) -> Callable[[], None]:
        def once() -> None:
            filters[name](next(texts))
            paint(views[name])

        return once

    times = interleave({name: side(name, cycle(_TEXTS)) for name in filters}, ROUNDS, warm_up=1)
    ours, limit, peer = (median(times[name]) for name in ("ours", "limit", "peer"))
    return Line("filter 100,000 cards and paint the new frame", ours, limit=limit, peer=peer,
                target=f"<= {FILTER_MS} ms", is_met=ours <= FILTER_MS, note=f"worst {max(times['ours']):.0f} ms, "
                f"{ratio(times['peer'], times['ours']):.0f} times faster than the peer")  # fmt: skip


def _scrolling(shop: Shop, rows: Rows, peer: Peer) -> list[Line]:
    shop.load_first(2_000)

    def step(view: Cards | Peer) -> Callable[[], None]:
        bar: Any = view.verticalScrollBar()  # Any: PySide gives a QScrollBar, mypy an optional one

        def once() -> None:
            bar.setValue(bar.value() + STEP)
            paint(view)

        return once

    def plain() -> None:
        rows.scroll_on()
        paint(rows)

    times = interleave({"ours": step(shop.grid), "limit": plain, "peer": step(peer)}, FRAMES, warm_up=2)
    return [
        Line(f"scroll by {STEP} px, a frame, {name}", of(times["ours"]), limit=of(times["limit"]),
             peer=of(times["peer"]), target=f"<= {SCROLL_MS} ms", is_met=of(times["ours"]) <= SCROLL_MS)
        for name, of in (("p50", median), ("p99", p99))
    ]  # fmt: skip
