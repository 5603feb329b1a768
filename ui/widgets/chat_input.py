"""The box a question is written in: grows with its lines, Enter sends."""

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent, QResizeEvent, QShowEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy

from ui import theme
from ui.widgets import paint
from ui.widgets.notices import toast_area

MOST_LINES = 6


class Question(QPlainTextEdit):
    """Where the question is written: Enter sends, Shift+Enter breaks the line, Tab goes on.

    Signals: submitted(); edited(str).
    """

    submitted = Signal()
    edited = Signal(str)

    def __init__(self, name: str, placeholder: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setProperty("bare", "true")
        self.setProperty("ringOnParent", "true")
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self.textChanged.connect(self._on_text_changed)
        self._fit()

    def set_text(self, text: str) -> None:
        """Replaces the text without saying it was typed."""
        if text == self.toPlainText():
            return
        blocked = self.blockSignals(True)
        self.setPlainText(text)
        self.moveCursor(QTextCursor.MoveOperation.End)
        self.blockSignals(blocked)
        self._fit()

    def _on_text_changed(self) -> None:
        self._fit()
        self.edited.emit(self.toPlainText())

    def _fit(self) -> None:
        """As tall as the text, up to a few lines; a single line stands in the middle of the least height."""
        spacing, edges = self.fontMetrics().lineSpacing(), self.contentsMargins()
        lines = max(round(self.document().size().height()), 1)
        shown = min(lines, MOST_LINES) * spacing
        inner = max(shown, theme.current().line("body") + 14)  # field_height of the stylesheet
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(policy.ScrollBarAsNeeded if lines > MOST_LINES else policy.ScrollBarAlwaysOff)
        self.setViewportMargins(0, (inner - shown) // 2, 0, 0)
        self.setFixedHeight(inner + edges.top() + edges.bottom())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.submitted.emit()
            event.accept()
            return
        if event.key() == Qt.Key.Key_Escape:
            event.ignore()
            return
        super().keyPressEvent(event)


class QuestionBox(QFrame):
    """The frame around the question and its button."""

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        question.installEventFilter(self)

    def eventFilter(self, _watched: object, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.update()
        return False

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        toast_area(self).keep_clear(self)

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        enabled, focused = self._question.isEnabled(), self._question.hasFocus()
        border = "border" if not enabled else "accent" if focused else "borderControl"
        paint.box(
            p, QRectF(self.rect()), theme.current().radius("lg"), "surface" if enabled else "surfaceSunken", border
        )
        p.end()
