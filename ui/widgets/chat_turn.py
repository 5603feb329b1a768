"""One turn of a chat: the buyer's words in a bubble, the agent's answer with where it comes from."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, QTimerEvent, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QHideEvent, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from ui import theme
from ui.text import tr
from ui.widgets import a11y, paint
from ui.widgets.avatar import Avatar
from ui.widgets.buttons import Button, IconButton
from ui.widgets.chat_scene import BUYER, Bubble
from ui.widgets.layout import label

DOT_STEP_MS = 160
SELECTABLE = Qt.TextInteractionFlag.TextSelectableByMouse


def words(text: str, kind: str = "body") -> QLabel:
    """Text of a turn: wraps anywhere it must, can be marked with the mouse."""
    widget = label(text, kind, wrap=True)
    widget.setTextInteractionFlags(SELECTABLE)
    widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return widget


def natural_width(widget: QLabel) -> int:
    widget.ensurePolished()
    metrics = QFontMetrics(widget.font())
    return max((metrics.horizontalAdvance(line) for line in widget.text().splitlines()), default=0) + 2


def flow(items: Sequence[QWidget], area: QRect, gap: int, *, rtl: bool, whole: int) -> int:
    """Places items like words of a text, none wider than the area; returns the height used."""
    x = y = line = 0
    for item in items:
        item.ensurePolished()
        hint = item.sizeHint()
        width = min(hint.width(), area.width())
        if x and x + width > area.width():
            x, y, line = 0, y + line + gap, 0
        item.setGeometry(paint.mirrored(QRect(area.x() + x, area.y() + y, width, hint.height()), whole, rtl))
        x += width + gap
        line = max(line, hint.height())
    return y + line


class SourceTag(QWidget):
    """ "Source: <title>" on a quiet pill; a long title is elided and stands in the tooltip."""

    def __init__(self, title: str, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = tr("Source: {title}", title=title)
        self.setObjectName(name)
        self.setAccessibleName(self._text)
        self.setToolTip(self._text)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @property
    def text(self) -> str:
        return self._text

    def sizeHint(self) -> QSize:
        look = theme.current()
        width = QFontMetrics(look.font("label")).horizontalAdvance(self._text)
        return QSize(width + look.px(12) + 3 * look.space(2), look.line("label") + look.space(2))

    def paintEvent(self, _event: QPaintEvent) -> None:
        look, rtl = theme.current(), paint.is_rtl(self)
        p = paint.painter(self)
        paint.box(p, QRectF(self.rect()), look.radius("sm"), "surfaceActive")
        side, gap = look.px(12), look.space(2)
        mark = paint.mirrored(QRect(gap, (self.height() - side) // 2, side, side), self.width(), rtl)
        paint.icon(p, mark.topLeft(), "file-text", "textMuted", side)
        start = gap + side + gap * 3 // 4
        room = paint.mirrored(QRect(start, 0, self.width() - start - gap + 2, self.height()), self.width(), rtl)
        paint.text(p, room, self._text, look.font("label"), "textMuted")
        p.end()


class Dots(QWidget):
    """Three dots while the first words of an answer are on their way; they stand still when motion is reduced."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lit = 0
        self._timer = 0
        self.setAccessibleName(tr("Answering"))

    def sizeHint(self) -> QSize:
        return QSize(theme.current().px(36), theme.current().line("body"))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._timer and not theme.current().reduced_motion:
            self._timer = self.startTimer(DOT_STEP_MS)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._timer:
            self.killTimer(self._timer)
            self._timer = 0

    def timerEvent(self, _event: QTimerEvent) -> None:
        self._lit = (self._lit + 1) % 4
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        p = paint.painter(self)
        side = look.px(6)
        for index in range(3):
            role = "textMuted" if index == self._lit or not self._timer else "borderStrong"
            dot = QRectF(index * side * 2, (self.height() - side) / 2, side, side)
            paint.box(p, dot, side / 2, role)
        p.end()


class Turn(QWidget):
    """Base of both kinds of turn: measured and laid out for a given width by the thread."""

    def __init__(self, bubble: Bubble) -> None:
        super().__init__()
        self.bubble = bubble

    def fit(self, width: int) -> int:
        """Lays the parts out for `width` and returns the height."""
        raise NotImplementedError

    def _place(self, widget: QWidget, x: int, y: int, width: int, height: int, whole: int) -> None:
        widget.setGeometry(paint.mirrored(QRect(x, y, width, height), whole, paint.is_rtl(self)))


class BuyerTurn(Turn):
    """A tinted bubble at the end side."""

    def __init__(self, bubble: Bubble) -> None:
        super().__init__(bubble)
        self._words = words(bubble.text)
        self._words.setParent(self)
        self._box = QRect()
        self.setAccessibleName(tr("You: {text}", text=bubble.text))

    def fit(self, width: int) -> int:
        look = theme.current()
        across, down = look.space(4), look.space(2) + look.space("0.5")
        most = max(round(width * 0.82) - 2 * across, 1)
        text_width = min(natural_width(self._words), most)
        height = self._words.heightForWidth(text_width)
        box_width = text_width + 2 * across
        self._box = QRect(width - box_width, 0, box_width, height + 2 * down)
        self._place(self._words, self._box.x() + across, down, text_width, height, width)
        self.update()
        return self._box.height()

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        box = paint.mirrored(self._box, self.width(), paint.is_rtl(self))
        paint.box(p, QRectF(box), theme.current().radius("lg"), "accentSoft")
        p.end()


class AgentTurn(Turn):
    """The answer beside the agent's picture; below it the choices, the sources and where it comes from.

    Signals: chosen(str) - one of the offered questions.
    """

    chosen = Signal(str)

    def __init__(self, bubble: Bubble, hue: int, icon: str, *, name: str = "chat") -> None:
        super().__init__(bubble)
        self._avatar = Avatar(28, parent=self)
        self._avatar.set_category(hue, icon)
        self._words = words(bubble.text)
        self._words.setParent(self)
        self._dots = Dots(self)
        self._label = label(bubble.label, "caption")
        self._label.setParent(self)
        self._tags = [SourceTag(title, name=f"{name}Source-{i}", parent=self) for i, title in enumerate(bubble.sources)]
        self._choices = [self._choice(text, f"{name}Choice-{i}") for i, text in enumerate(bubble.choices)]
        self._copy = IconButton("copy", tr("Copy answer"), name=f"{name}Copy", small=True, parent=self)
        self._copy.clicked.connect(self._on_copy_clicked)
        self._show_text(bubble.text)

    def _choice(self, text: str, name: str) -> Button:
        button = Button(text, "secondary", name=name, small=True, parent=self)
        button.setToolTip(text)
        button.clicked.connect(lambda: self.chosen.emit(text))
        return button

    def set_text(self, text: str) -> None:
        """Goes on with the answer while it is being written."""
        self._show_text(text)

    def _show_text(self, text: str) -> None:
        self._words.setText(text)
        self._words.setVisible(bool(text))
        self._dots.setVisible(not text)
        self._label.setVisible(bool(self.bubble.label))
        self._copy.setVisible(bool(self.bubble.key) and bool(text))
        self.setAccessibleName(tr("Agent: {text}", text=text) if text else tr("Answering"))
        self.setAccessibleDescription(". ".join([self.bubble.label, *(tag.text for tag in self._tags)]).strip(". "))

    def fit(self, width: int) -> int:
        look = theme.current()
        side, gap = self._avatar.sizeHint().width(), look.space(3)
        x = side + gap
        room = max(width - x, 1)
        self._place(self._avatar, 0, 0, side, side, width)
        dots = self._dots.sizeHint()
        self._place(self._dots, x, (side - dots.height()) // 2, dots.width(), dots.height(), width)
        top = (side - look.line("body")) // 2
        y = top + (self._words.heightForWidth(room) if not self._words.isHidden() else dots.height())
        self._place(self._words, x, top, room, y - top, width)
        if self._choices:  # "Did you mean" stands above what it offers
            y = self._flow_below(self._choices, x, self._foot(x, y, room, width), room, width)
            return max(self._flow_below(self._tags, x, y, room, width), side)
        y = self._flow_below(self._tags, x, y, room, width)
        return max(self._foot(x, y, room, width), side)

    def _flow_below(self, items: Sequence[QWidget], x: int, y: int, room: int, width: int) -> int:
        if not items:
            return y
        gap = theme.current().space(2)
        area = QRect(x, y + gap, room, 0)
        return y + gap + flow(items, area, theme.current().space("1.5"), rtl=paint.is_rtl(self), whole=width)

    def _foot(self, x: int, y: int, room: int, width: int) -> int:
        """Where the answer comes from, and copying it."""
        if self._copy.isHidden():
            return y
        gap, button = theme.current().space(1), self._copy.sizeHint()
        self._label.ensurePolished()
        said = min(natural_width(self._label), room - button.width() - gap) if self.bubble.label else 0
        self._place(self._label, x, y + gap, said, button.height(), width)
        start = x + said + (gap if said else 0)
        self._place(self._copy, start, y + gap, button.width(), button.height(), width)
        return y + gap + button.height()

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self._words.text())
        a11y.announce(self._copy, tr("Copied"))
        self._copy.set_icon("check")
        self._copy.set_label(tr("Copied"))

    def leaveEvent(self, event: QEvent) -> None:
        self._copy.set_icon("copy")
        self._copy.set_label(tr("Copy answer"))
        super().leaveEvent(event)


class Divider(Turn):
    """A thin line with words: what was said before and after something."""

    def __init__(self, text: str) -> None:
        super().__init__(Bubble("divider", text))
        self.setAccessibleName(text)

    def fit(self, _width: int) -> int:
        return theme.current().line("caption")

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        p = paint.painter(self)
        font = look.font("caption")
        said = QFontMetrics(font).horizontalAdvance(self.bubble.text) + 2 * look.space(3)
        middle, half = self.height() // 2, max((self.width() - said) // 2, 0)
        p.setPen(look.color("border"))
        p.drawLine(QPoint(0, middle), QPoint(half, middle))
        p.drawLine(QPoint(self.width() - half, middle), QPoint(self.width(), middle))
        paint.text(p, self.rect(), self.bubble.text, font, "textMuted", paint.CENTER)
        p.end()


def turn(bubble: Bubble, hue: int, icon: str, name: str) -> Turn:
    return BuyerTurn(bubble) if bubble.role == BUYER else AgentTurn(bubble, hue, icon, name=name)
