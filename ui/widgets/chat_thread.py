"""The turns of a chat in one scrolling column, measured and placed by hand."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from ui import theme
from ui.text import tr
from ui.widgets.chat_scene import AGENT, BUYER, Bubble
from ui.widgets.chat_turn import AgentTurn, Divider, Turn, turn

COMPACT_LEAST, COMPACT_MOST = 64, 340  # height of a compact thread


class Thread(QWidget):
    """The turns, one below the other, laid out by hand: a wrapped text knows its height only for a width.

    Signals: chosen(str); grown() - the height is another one.
    """

    chosen = Signal(str)
    grown = Signal()

    def __init__(self, name: str, *, marks_samples: bool = False) -> None:
        super().__init__()
        self._name = name
        self._marks_samples = marks_samples
        self._hue, self._icon = 200, "bot"
        self._turns: list[Turn] = []
        self._heights: list[int] = []
        self._fitted = 0
        self.setObjectName(f"{name}Thread")
        self.setAccessibleName(tr("Conversation"))

    def set_agent(self, hue: int, icon: str) -> None:
        if (hue, icon) != (self._hue, self._icon):
            self._hue, self._icon = hue, icon
            self._keep(0)

    def show_bubbles(self, bubbles: Sequence[Bubble]) -> list[Bubble]:
        """Shows these turns, keeping the widgets of those already there; returns the new ones."""
        wanted = self._with_dividers(bubbles)
        shown = [one.bubble for one in self._turns]
        same = 0
        while same < min(len(wanted), len(shown)) and wanted[same] == shown[same]:
            same += 1
        if same < len(shown) or same < len(wanted):
            if self._grows(same, wanted, shown):
                self._go_on(wanted[-1])
                return []
            self._keep(same)
            for bubble in wanted[same:]:
                self._add(bubble)
            self._arrange(same)
        return wanted[same:]

    def turns(self) -> tuple[Turn, ...]:
        return tuple(self._turns)

    def _grows(self, same: int, wanted: Sequence[Bubble], shown: Sequence[Bubble]) -> bool:
        """Whether only the answer being written got longer."""
        last = len(wanted) - 1
        return (
            same == last
            and len(wanted) == len(shown)
            and not wanted[last].key
            and not shown[last].key
            and wanted[last].role == shown[last].role == AGENT
        )

    def _go_on(self, bubble: Bubble) -> None:
        last = self._turns[-1]
        if isinstance(last, AgentTurn):
            last.bubble = bubble
            last.set_text(bubble.text)
            self._arrange(len(self._turns) - 1)

    def _with_dividers(self, bubbles: Sequence[Bubble]) -> list[Bubble]:
        if not self._marks_samples:
            return list(bubbles)
        wanted: list[Bubble] = []
        before: bool | None = None
        for bubble in bubbles:
            if bubble.is_sample and not before:
                wanted.append(Bubble("divider", tr("From the sample, before you bought it")))
            elif before and not bubble.is_sample:
                wanted.append(Bubble("divider", tr("Since you bought it")))
            before = bubble.is_sample
            wanted.append(bubble)
        return wanted

    def _add(self, bubble: Bubble) -> None:
        is_divider = bubble.role not in (BUYER, AGENT)
        one = Divider(bubble.text) if is_divider else turn(bubble, self._hue, self._icon, self._name)
        one.setParent(self)
        if isinstance(one, AgentTurn):
            one.chosen.connect(self.chosen)
        one.show()
        self._turns.append(one)
        self._heights.append(0)

    def _keep(self, count: int) -> None:
        for one in self._turns[count:]:
            one.hide()
            one.deleteLater()
        del self._turns[count:], self._heights[count:]

    def _arrange(self, first: int = 0) -> None:
        """Measures the turns from `first` on and moves them to their places."""
        look, width = theme.current(), max(self.width(), 1)
        if width != self._fitted:
            first, self._fitted = 0, width
        gap, y = look.space(5), 0
        for index, one in enumerate(self._turns):
            if index >= first:
                one.ensurePolished()
                self._heights[index] = one.fit(width)
            one.setGeometry(0, y, width, self._heights[index])
            y += self._heights[index] + gap
        total = max(y - gap, 0) + look.space(1)
        if total != self.minimumHeight():
            self.setMinimumHeight(total)
            self.grown.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.width() != self._fitted:
            self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_turns"):
            self._arrange()


class ThreadArea(QScrollArea):
    """Scrolls the turns. Compact, it is as tall as they are, up to a limit; else it takes the room there is."""

    def __init__(self, thread: Thread, *, compact: bool) -> None:
        super().__init__()
        self._thread = thread
        self.setProperty("plain", "true")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(thread)
        vertical = QSizePolicy.Policy.Fixed if compact else QSizePolicy.Policy.Expanding
        self.setSizePolicy(QSizePolicy.Policy.Expanding, vertical)
        thread.grown.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        look = theme.current()
        height = min(max(self._thread.minimumHeight(), look.px(COMPACT_LEAST)), look.px(COMPACT_MOST))
        return QSize(look.px(320), height)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, theme.current().px(COMPACT_LEAST))
