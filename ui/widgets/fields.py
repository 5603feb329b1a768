"""Entering text and picking values: a label above, help and the error below, and what sits inside the field."""

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ui import theme
from ui.text import tr
from ui.widgets import a11y, paint
from ui.widgets.buttons import IconButton
from ui.widgets.layout import Icon, label

COPIED_MS = 1600
SECRET_CLIPBOARD_MS = 60_000


class LineEdit(QLineEdit):
    """A line edit with an icon in front and small buttons at the end, all inside the frame."""

    def __init__(self, *, icon: str = "", name: str = "", placeholder: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = icon
        self._tail: list[IconButton] = []
        self.setObjectName(name)
        self.setPlaceholderText(placeholder)
        self._arrange()

    def add_button(self, icon: str, text: str) -> IconButton:
        button = IconButton(icon, text, small=True, parent=self)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        self._tail.append(button)
        self._arrange()
        return button

    def _arrange(self) -> None:
        look = theme.current()
        lead = look.px(16) + 8 if self._icon else 0
        tail = [button for button in self._tail if not button.isHidden()]
        room = sum(button.sizeHint().width() for button in tail)
        start, end = (lead, room)
        self.setTextMargins(end, 0, start, 0) if paint.is_rtl(self) else self.setTextMargins(start, 0, end, 0)
        x = self.width() - 4
        for button in tail:
            size = button.sizeHint()
            x -= size.width()
            place = QRect(QPoint(x, (self.height() - size.height()) // 2), size)
            button.setGeometry(paint.mirrored(place, self.width(), paint.is_rtl(self)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.LayoutDirectionChange) and hasattr(self, "_tail"):
            self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._icon:
            side = theme.current().px(16)
            start = self.contentsMargins().left() + 11
            place = paint.mirrored(
                QRect(start, (self.height() - side) // 2, side, side), self.width(), paint.is_rtl(self)
            )
            p = paint.painter(self)
            paint.icon(p, place.topLeft(), self._icon, "textSubtle", side, rtl=paint.is_rtl(self))
            p.end()


class SearchField(LineEdit):
    """Search with a clear button. Esc clears first; on an empty field Esc goes on to whoever is next.

    Signals: textChanged(str), returnPressed(), cleared().
    """

    cleared = Signal()

    def __init__(
        self, placeholder: str, *, label: str = "", name: str = "searchField", parent: QWidget | None = None
    ) -> None:
        super().__init__(icon="search", name=name, placeholder=placeholder, parent=parent)
        self.setAccessibleName(label or placeholder)
        self.setProperty("quiet", "true")
        self._clear = self.add_button("x", tr("Clear search"))
        self._clear.hide()
        self._clear.clicked.connect(self._on_clear_clicked)
        self.textChanged.connect(self._on_text_changed)
        self._arrange()

    def focus_search(self) -> None:
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()

    def _on_text_changed(self, text: str) -> None:
        self._clear.setVisible(bool(text))
        self._arrange()

    def _on_clear_clicked(self) -> None:
        self.clear()
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.cleared.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self.cleared.emit()
            event.accept()
            return
        super().keyPressEvent(event)


class FieldNote(QWidget):
    """The line below a field: help in quiet text, or the error with its icon."""

    def __init__(self, help_text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._help = help_text
        self._icon = Icon("circle-alert", "danger", 14)
        self._label = label("", "small", wrap=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._label, 1)
        self.set_error(None)

    def set_help(self, text: str) -> None:
        self._help = text
        if self._icon.isHidden():
            self.set_error(None)

    def set_error(self, message: str | None) -> None:
        self._icon.setVisible(message is not None)
        self._label.setText(message if message is not None else self._help)
        _set_property(self._label, "kind", "error" if message is not None else "small")
        is_shown = bool(self._label.text())
        if self.parentWidget() is not None or not is_shown:  # shown without a parent it would flash as a window
            self.setVisible(is_shown)

    @property
    def text(self) -> str:
        return self._label.text()


def _set_property(widget: QWidget, key: str, value: str) -> None:
    if widget.property(key) != value:
        widget.setProperty(key, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class Labelled(QWidget):
    """A control with its label above and its help or error below."""

    def __init__(self, control: QWidget, text: str, *, help_text: str = "", optional: bool = False) -> None:
        super().__init__()
        self.control = control
        self.label = label(text, "label", buddy=control)
        self.note = FieldNote(help_text)
        self._error: str | None = None
        self.setObjectName(f"{control.objectName()}Box" if control.objectName() else "")
        a11y.describe(control, name=text, description=help_text)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self._head = QHBoxLayout()
        self._head.setContentsMargins(0, 0, 0, 0)
        self._head.addWidget(self.label)
        self._head.addStretch()
        if optional:
            self._head.addWidget(label(tr("Optional"), "caption"))
        if not text:
            self.label.hide()  # never setVisible(True) before it has a parent: it would flash as a window
        column.addLayout(self._head)
        column.addWidget(control)
        column.addWidget(self.note)
        self.setFocusProxy(control)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def add_head(self, widget: QWidget) -> None:
        """Something small at the end of the label's line, such as "Forgot password?"."""
        self._head.addWidget(widget)

    @property
    def error(self) -> str | None:
        return self._error

    def set_error(self, message: str | None) -> None:
        """Shows and announces what is wrong and what to do; None takes it away."""
        if message == self._error:
            return
        self._error = message
        self.note.set_error(message)
        _set_property(self.control, "invalid", "true" if message else "false")
        a11y.describe(self.control, description=self.note.text)
        self.control.update()
        if message:
            a11y.announce(self.control, message, assertive=True)

    def set_help(self, text: str) -> None:
        self.note.set_help(text)
        if self._error is None:
            a11y.describe(self.control, description=text)


class TextField(Labelled):
    """Label, line edit, help, inline error; `password=True` adds a button that reveals the text.

    Signals: changed(str), submitted() on Enter, left() when editing ends. An error goes away with the next change.
    """

    changed = Signal(str)
    submitted = Signal()
    left = Signal()

    def __init__(
        self, text: str, *, name: str = "", placeholder: str = "", help_text: str = "", icon: str = "",
        password: bool = False, optional: bool = False, max_length: int = 0,
    ) -> None:  # fmt: skip
        self.edit = LineEdit(icon=icon, name=name, placeholder=placeholder)
        super().__init__(self.edit, text, help_text=help_text, optional=optional)
        if max_length:
            self.edit.setMaxLength(max_length)
        if password:
            self._add_reveal()
        self.edit.textEdited.connect(lambda _text: self.set_error(None))
        self.edit.textChanged.connect(self.changed)
        self.edit.returnPressed.connect(self.submitted)
        self.edit.editingFinished.connect(self.left)

    def text(self) -> str:
        return self.edit.text()

    def set_text(self, text: str) -> None:
        if text != self.edit.text():
            self.edit.setText(text)

    def _add_reveal(self) -> None:
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self._reveal = self.edit.add_button("eye", tr("Show password"))
        self._reveal.clicked.connect(self._on_reveal_clicked)

    def _on_reveal_clicked(self) -> None:
        hidden = self.edit.echoMode() == QLineEdit.EchoMode.Password
        self.edit.setEchoMode(QLineEdit.EchoMode.Normal if hidden else QLineEdit.EchoMode.Password)
        self._reveal.set_icon("eye-off" if hidden else "eye")
        self._reveal.set_label(tr("Hide password") if hidden else tr("Show password"))


class TextArea(Labelled):
    """Several lines of text; Tab leaves the field. Signals: changed(str)."""

    changed = Signal(str)

    def __init__(
        self,
        text: str,
        *,
        name: str = "",
        placeholder: str = "",
        help_text: str = "",
        optional: bool = False,
        lines: int = 4,
    ) -> None:
        self.edit = QPlainTextEdit()
        self.edit.setObjectName(name)
        self.edit.setPlaceholderText(placeholder)
        self.edit.setTabChangesFocus(True)
        self._lines = lines
        super().__init__(self.edit, text, help_text=help_text, optional=optional)
        self.edit.textChanged.connect(self._on_text_changed)
        self._fit()

    def text(self) -> str:
        return self.edit.toPlainText()

    def set_text(self, text: str) -> None:
        if text != self.text():
            self.edit.setPlainText(text)

    def _on_text_changed(self) -> None:
        self.set_error(None)
        self.changed.emit(self.text())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_lines"):
            self._fit()

    def _fit(self) -> None:
        self.edit.setFixedHeight(theme.current().line("body") * self._lines + 20)
