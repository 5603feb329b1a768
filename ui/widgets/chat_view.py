"""A chat: the turns, suggested prompts, and the box to write in. Knows words only, no agent and no service."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent, QResizeEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from ui import theme
from ui.text import tr
from ui.widgets import a11y, paint
from ui.widgets.buttons import Button
from ui.widgets.chat_scene import AGENT, BUYER, Bubble, Scene
from ui.widgets.chat_turn import AgentTurn, Divider, Turn, flow, turn
from ui.widgets.layout import label, scroll_page
from ui.widgets.notices import Banner

MOST_LINES = 6
NEAR_END = 24  # so close to the end, new words keep the end in view


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
        spacing = self.fontMetrics().lineSpacing()
        lines = min(max(round(self.document().size().height()), 1), MOST_LINES)
        self.setFixedHeight(max(lines * spacing + theme.current().space(4), theme.current().line("body") + 14))
        air = max(self.height() - lines * spacing, 0) // 2
        self.setViewportMargins(0, air, 0, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
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
        question.installEventFilter(self)

    def eventFilter(self, _watched: object, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.update()
        return False

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        enabled, focused = self._question.isEnabled(), self._question.hasFocus()
        border = "border" if not enabled else "accent" if focused else "borderControl"
        paint.box(
            p, QRectF(self.rect()), theme.current().radius("lg"), "surface" if enabled else "surfaceSunken", border
        )
        p.end()


class ChatView(QWidget):
    """Signals: sent(str) - the text of a question or of a choice; typed(str) - the draft; stopped(); retried()."""

    sent = Signal(str)
    typed = Signal(str)
    stopped = Signal()
    retried = Signal()

    def __init__(
        self, *, name: str = "chat", placeholder: str = "", primary: bool = True, marks_samples: bool = False
    ) -> None:
        super().__init__()
        self.setObjectName(name)
        self._name = name
        self._primary = primary
        self._scene = Scene()
        self._follows = True
        self.thread_view = Thread(name, marks_samples=marks_samples)
        self.thread_view.chosen.connect(self._send)
        self.question = Question(f"{name}Input", placeholder or tr("Ask a question"))
        self.notice = Banner("", "warning", name=f"{name}Notice")
        self.notice.acted.connect(self.retried)
        self._area = self._scroller()
        self._prompts = PromptFlow()
        self._build()
        self.show_scene(self._scene)

    # -- building --------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        look = theme.current()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.space(3))
        column.addWidget(self._area, 1)
        column.addWidget(self.notice)
        column.addWidget(self._prompts)
        column.addWidget(self._input_box())
        column.addLayout(self._foot())

    def _scroller(self) -> QScrollArea:
        area = scroll_page(self.thread_view, plain=True)
        area.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        bar = area.verticalScrollBar()
        bar.valueChanged.connect(self._on_scrolled)
        bar.rangeChanged.connect(self._on_range_changed)
        return area

    def _input_box(self) -> QWidget:
        look = theme.current()
        self.box = QuestionBox(self.question)
        self.question.submitted.connect(self._on_submitted)
        self.question.edited.connect(self._on_edited)
        self.send_button = Button(
            tr("Send"), "primary" if self._primary else "secondary", "send", name=f"{self._name}Send"
        )
        self.send_button.clicked.connect(self._on_submitted)
        self.stop_button = Button(tr("Stop"), "secondary", "square", name=f"{self._name}Stop")
        self.stop_button.clicked.connect(self.stopped)
        row = QHBoxLayout(self.box)
        row.setContentsMargins(look.space(4), look.space("1.5"), look.space("1.5"), look.space("1.5"))
        row.setSpacing(look.space(2))
        row.addWidget(self.question, 1)
        bottom = Qt.AlignmentFlag.AlignBottom
        row.addWidget(self.send_button, 0, bottom)
        row.addWidget(self.stop_button, 0, bottom)
        return self.box

    def _foot(self) -> QHBoxLayout:
        look = theme.current()
        self.usage_label = label("", "caption", name=f"{self._name}Usage", wrap=True)
        self._hint = label(tr("Enter sends, Shift+Enter starts a new line"), "caption")
        row = QHBoxLayout()
        row.setContentsMargins(look.space(1), 0, look.space(1), 0)
        row.setSpacing(look.space(4))
        row.addWidget(self.usage_label, 1)
        row.addWidget(self._hint)
        return row

    # -- showing ---------------------------------------------------------------------------------------------------
    def set_agent(self, hue: int, icon: str) -> None:
        """Whose picture stands beside the answers."""
        self.thread_view.set_agent(hue, icon)
        self._show_thread(self._scene)

    def focus_input(self) -> None:
        """The cursor into the box."""
        self.question.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_scene(self, scene: Scene) -> None:
        """Shows this moment of the chat; cheap when little has changed."""
        before, self._scene = self._scene, scene
        self._show_thread(scene)
        self._show_prompts(scene.prompts)
        self._show_notice(scene)
        self.question.set_text(scene.draft)
        self.question.setEnabled(scene.can_send)
        self._show_buttons(scene)
        self.usage_label.setText(scene.usage)
        if scene.is_answering and not before.is_answering:
            a11y.announce(self, tr("Answering"))

    def _show_thread(self, scene: Scene) -> None:
        bubbles = list(scene.bubbles)
        if scene.greeting:
            bubbles.insert(0, Bubble(AGENT, scene.greeting))
        if scene.question:
            bubbles.append(Bubble(BUYER, scene.question))
        if scene.is_answering or scene.streaming:
            bubbles.append(Bubble(AGENT, scene.streaming))
        for new in self.thread_view.show_bubbles(bubbles):
            if new.role == AGENT and new.key and self._is_live(new):
                a11y.announce(self, f"{new.text} {new.label}")

    def _is_live(self, bubble: Bubble) -> bool:
        """The answer that has just come, not a transcript that was loaded."""
        return bool(self._scene.bubbles) and bubble == self._scene.bubbles[-1]

    def _show_prompts(self, prompts: Sequence[str]) -> None:
        if tuple(prompts) == self._prompts.texts:
            return
        self._prompts.set_texts(prompts, self._name, self._send)

    def _show_notice(self, scene: Scene) -> None:
        self.notice.setVisible(bool(scene.notice))
        self.notice.set_message(scene.notice, action=tr("Try again") if scene.can_retry else "")

    def _show_buttons(self, scene: Scene) -> None:
        if scene.is_answering and self.send_button.hasFocus():
            self.question.setFocus(Qt.FocusReason.OtherFocusReason)
        self.send_button.setVisible(not scene.is_answering)
        self.stop_button.setVisible(scene.is_answering)
        self.send_button.setEnabled(scene.can_send and bool(self.question.toPlainText().strip()))
        self.box.update()

    # -- what the user does ----------------------------------------------------------------------------------------
    def _on_edited(self, text: str) -> None:
        self.send_button.setEnabled(self._scene.can_send and bool(text.strip()))
        self.typed.emit(text)

    def _on_submitted(self) -> None:
        self._send(self.question.toPlainText())

    def _send(self, text: str) -> None:
        if text.strip() and not self._scene.is_answering and self._scene.can_send:
            self._follows = True
            self.sent.emit(text.strip())
            self.focus_input()

    # -- keeping the end in view -----------------------------------------------------------------------------------
    def _on_scrolled(self, value: int) -> None:
        self._follows = value >= self._area.verticalScrollBar().maximum() - NEAR_END

    def _on_range_changed(self, _least: int, most: int) -> None:
        if self._follows:
            self._area.verticalScrollBar().setValue(most)


class PromptFlow(QWidget):
    """Suggested questions as quiet buttons, as many in a line as fit."""

    def __init__(self) -> None:
        super().__init__()
        self._buttons: list[Button] = []
        self.texts: tuple[str, ...] = ()
        self.setAccessibleName(tr("Suggested questions"))
        self.hide()

    def set_texts(self, texts: Sequence[str], name: str, choose: Callable[[str], None]) -> None:
        for button in self._buttons:
            button.hide()
            button.deleteLater()
        self.texts = tuple(texts)
        self._buttons = [self._button(text, f"{name}Prompt-{i}", choose) for i, text in enumerate(texts)]
        self.setVisible(bool(texts))
        self._arrange()

    def _button(self, text: str, name: str, choose: Callable[[str], None]) -> Button:
        button = Button(text, "secondary", name=name, small=True, parent=self)
        button.setToolTip(text)
        button.clicked.connect(lambda: choose(text))
        button.show()
        return button

    def _arrange(self) -> None:
        gap = theme.current().space("1.5")
        area = self.rect()
        height = flow(self._buttons, area, gap, rtl=paint.is_rtl(self), whole=self.width())
        if height != self.maximumHeight():
            self.setFixedHeight(height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_buttons"):
            self._arrange()
