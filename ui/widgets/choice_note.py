"""One of few choices, each with a sentence that says what it means."""

from PySide6.QtCore import QPointF, QRect, QSize
from PySide6.QtGui import QFontMetrics, QPaintEvent
from PySide6.QtWidgets import QWidget

from ui import theme
from ui.widgets import paint
from ui.widgets.cards import MARK, PAD, ChoiceCard

AIR = 12


class ChoiceNote(ChoiceCard):
    """A title and below it, on as many lines as it takes, what choosing it does.

    Signals: toggled(bool) from QRadioButton. Put those of one choice under one parent.
    """

    def __init__(self, title: str, note: str = "", *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(title, name=name, parent=parent)
        self._note = ""
        self.set_note(note)

    def set_note(self, note: str) -> None:
        self._note = note
        self.setAccessibleDescription(note)
        self.updateGeometry()
        self.update()

    @property
    def note(self) -> str:
        return self._note

    def _start(self) -> int:
        return PAD + theme.current().px(MARK) + AIR

    def heightForWidth(self, width: int) -> int:
        look = theme.current()
        room = width - self._start() - PAD
        title = max(paint.wrapped_height(self.text(), look.font("bodyStrong"), room), look.line("body"))
        note = paint.wrapped_height(self._note, look.font("small"), room) + 2 if self._note else 0
        return title + note + 2 * AIR

    def sizeHint(self) -> QSize:
        look = theme.current()
        title = QFontMetrics(look.font("bodyStrong")).horizontalAdvance(self.text())
        note = QFontMetrics(look.font("small")).horizontalAdvance(self._note)
        width = self._start() + max(title, min(note, look.px(320))) + PAD + 2
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        look = theme.current()
        word = max(
            paint.widest_word(self.text(), look.font("bodyStrong")), paint.widest_word(self._note, look.font("small"))
        )
        return QSize(self._start() + word + PAD + 2, look.line("body") + 2 * AIR)

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        p = paint.painter(self)
        self._paint_frame(p)
        line = look.line("body")
        self._paint_mark(p, QPointF(PAD + look.px(MARK) / 2, AIR + line / 2))
        room = self.width() - self._start() - PAD
        font = look.font("bodyStrong")
        height = max(paint.wrapped_height(self.text(), font, room), line)
        top = AIR + (line - QFontMetrics(font).height()) // 2
        p.setFont(font)
        p.setPen(look.color(self._ink("text")))
        p.drawText(self._place(self._start(), top, room, height), int(paint.WRAP), self.text())
        if self._note:
            p.setFont(look.font("small"))
            p.setPen(look.color(self._ink("textMuted")))
            place = QRect(self._start(), AIR + height + 2, room, self.height() - AIR - height)
            p.drawText(self._place(place.x(), place.y(), place.width(), place.height()), int(paint.WRAP), self._note)
        p.end()
