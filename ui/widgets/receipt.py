"""A receipt as plain words: set on the screen, and written as a PDF one can select text in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QLocale, QMarginsF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPageSize, QPainter, QPdfWriter
from PySide6.QtWidgets import QGridLayout, QWidget

from ui import theme
from ui.text import tr
from ui.widgets.controls import Card, column, label, row, rule

END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    words: str
    amount: str
    is_saving: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything a receipt says, ready to be read. `facts` are pairs of a title and its value."""

    number: str
    title: str
    facts: tuple[tuple[str, str], ...]
    lines: tuple[ReceiptLine, ...]
    sums: tuple[tuple[str, str], ...]  # the last one is the total
    notes: tuple[str, ...] = ()


# ---- on the screen


class ReceiptView(Card):
    """One receipt, every value of it selectable."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(24, 16, name="receiptView")
        self.setAccessibleName(receipt.number)
        head = (label(tr("Souk"), "section"), label(receipt.number, "title", selectable=True, wrap=True))
        self.body.addLayout(column(*head, label(receipt.title, "muted", wrap=True), spacing=2))
        self.body.addWidget(rule())
        self.body.addWidget(self._facts(receipt))
        self.body.addWidget(rule())
        self.body.addWidget(self._lines(receipt))
        for note in receipt.notes:
            self.body.addWidget(label(note, "small", wrap=True))

    def _facts(self, receipt: Receipt) -> QWidget:
        box, grid = _grid()
        grid.setColumnStretch(1, 1)
        for number, (title, value) in enumerate(receipt.facts):
            grid.addWidget(label(title, "muted"), number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label(value, selectable=True, wrap=True), number, 1)
        return box

    def _lines(self, receipt: Receipt) -> QWidget:
        box, grid = _grid()
        grid.setColumnStretch(0, 1)
        for number, line in enumerate(receipt.lines):
            kind = "success" if line.is_saving else "body"
            grid.addWidget(label(line.words, kind, wrap=True), number, 0)
            grid.addWidget(label(line.amount, kind, tabular=True, selectable=True, align=END), number, 1)
        sums = [self._sum(title, amount, is_last) for title, amount, is_last in _marked(receipt.sums)]
        whole = QWidget()
        whole.setLayout(column(box, rule(), *sums, spacing=10))
        return whole

    def _sum(self, title: str, amount: str, is_last: bool) -> QWidget:
        kind = "section" if is_last else "body"
        line = QWidget()
        line.setLayout(row(label(title, kind), None, label(amount, kind, tabular=True, selectable=True)))
        return line


def _grid() -> tuple[QWidget, QGridLayout]:
    box = QWidget()
    grid = QGridLayout(box)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(20)
    grid.setVerticalSpacing(8)
    return box, grid


def _marked(sums: tuple[tuple[str, str], ...]) -> list[tuple[str, str, bool]]:
    return [(title, amount, number == len(sums) - 1) for number, (title, amount) in enumerate(sums)]


# ---- on paper: points (1/72 inch) throughout; paper is white, so the light theme's inks

MARGIN, LEADING = 56.0, 1.4
FACT, AMOUNT = 120.0, 110.0  # widths of the titles and of the amounts
BODY, SMALL, HEAD, TITLE = 10.0, 8.5, 13.0, 20.0
# territories that print on Letter; the rest of the world on A4
LETTER = frozenset(
    getattr(QLocale.Country, name)
    for name in "UnitedStates Canada Mexico Philippines Chile Colombia CostaRica Guatemala Venezuela PuertoRico".split()
)


def paper_size(locale: QLocale) -> QPageSize.PageSizeId:
    sizes = QPageSize.PageSizeId
    return sizes.Letter if locale.territory() in LETTER else sizes.A4


def write_pdf(path: Path, receipt: Receipt, locale: QLocale | None = None) -> None:
    """Writes one receipt; OSError when the file cannot be written."""
    with path.open("ab"):  # says why not, where Qt would only say no
        pass
    writer = QPdfWriter(str(path))
    writer.setPageSize(QPageSize(paper_size(locale or QLocale.system())))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    writer.setTitle(receipt.number)
    writer.setCreator(tr("Souk"))
    painter = QPainter()
    if not painter.begin(writer):
        raise OSError(str(path))
    _Paper(painter, writer).draw(receipt)
    painter.end()


@dataclass(frozen=True, slots=True)
class _Cell:
    left: float
    width: float
    text: str
    points: float
    weight: int = 400
    role: str = "text"
    at_end: bool = False

    @property
    def flags(self) -> int:
        align = Qt.AlignmentFlag.AlignRight if self.at_end else Qt.AlignmentFlag.AlignLeft
        return int(align.value | Qt.TextFlag.TextWordWrap.value)


class _Paper:
    """Sets a receipt from top to bottom in points; goes on with another page when one is full."""

    def __init__(self, painter: QPainter, writer: QPdfWriter) -> None:
        self._painter = painter
        self._new_page = writer.newPage
        self._dots = writer.resolution() / 72  # of the device in one point
        self._left, self._right = MARGIN, writer.width() / self._dots - MARGIN
        self._y, self._end = MARGIN, writer.height() / self._dots - MARGIN

    def draw(self, receipt: Receipt) -> None:
        whole = self._right - self._left
        self._line(_Cell(self._left, whole, tr("Souk"), HEAD, 600, "accent"))
        self._gap(6)
        self._line(_Cell(self._left, whole, receipt.number, TITLE, 600))
        self._line(_Cell(self._left, whole, receipt.title, BODY, role="textMuted"))
        self._rule(16)
        for title, value in receipt.facts:
            self._fact(title, value)
        self._rule(14)
        for line in receipt.lines:
            self._amount(line.words, line.amount, BODY, 400, "success" if line.is_saving else "text")
        self._rule(8)
        for title, amount, is_last in _marked(receipt.sums):
            self._amount(title, amount, HEAD if is_last else BODY, 600 if is_last else 400)
        self._gap(18)
        for note in receipt.notes:
            self._line(_Cell(self._left, whole, note, SMALL, role="textMuted"))

    def _fact(self, title: str, value: str) -> None:
        start = self._left + FACT
        self._line(
            _Cell(self._left, FACT - 12, title, BODY, role="textMuted"),
            _Cell(start, self._right - start, value, BODY),
        )
        self._gap(3)

    def _amount(self, words: str, amount: str, points: float, weight: int, role: str = "text") -> None:
        self._line(
            _Cell(self._left, self._right - self._left - AMOUNT - 12, words, points, weight, role),
            _Cell(self._right - AMOUNT, AMOUNT, amount, points, weight, role, at_end=True),
        )
        self._gap(3)

    def _line(self, *cells: _Cell) -> None:
        """Cells side by side, as tall as the tallest of them."""
        height = max(self._height(cell) for cell in cells)
        if self._y + height > self._end:
            self._new_page()
            self._y = MARGIN
        for cell in cells:
            self._painter.setFont(self._font(cell))
            self._painter.setPen(QColor(theme.LIGHT.color[cell.role]))
            place = QRectF(cell.left, self._y, cell.width, height)
            self._painter.drawText(self._scaled(place), cell.flags, cell.text)
        self._y += height

    def _height(self, cell: _Cell) -> float:
        room = self._scaled(QRectF(0, 0, cell.width, 10_000))
        lines = QFontMetricsF(self._font(cell)).boundingRect(room, cell.flags, cell.text).height()
        return max(lines / self._dots, cell.points * LEADING)

    def _font(self, cell: _Cell) -> QFont:
        font = theme.current().font("body", weight=cell.weight)
        font.setFeature(QFont.Tag("calt"), 0)  # a glyph that only a feature reaches has no text when it is copied
        font.setPixelSize(round(cell.points * self._dots))
        return font

    def _scaled(self, rect: QRectF) -> QRectF:
        dots = self._dots
        return QRectF(rect.x() * dots, rect.y() * dots, rect.width() * dots, rect.height() * dots)

    def _gap(self, points: float) -> None:
        self._y += points

    def _rule(self, gap: float) -> None:
        self._gap(gap)
        line = self._scaled(QRectF(self._left, self._y, self._right - self._left, 0.6))
        self._painter.fillRect(line, QColor(theme.LIGHT.color["borderStrong"]))
        self._gap(gap)
