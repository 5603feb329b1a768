"""A chat: the turns, suggested prompts, and the box to write in. Knows words only, no agent and no service."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ui import theme
from ui.text import tr
from ui.widgets import a11y, paint
from ui.widgets.buttons import Button
from ui.widgets.chat_input import Question, QuestionBox
from ui.widgets.chat_scene import AGENT, BUYER, Bubble, Scene
from ui.widgets.chat_thread import Thread, ThreadArea
from ui.widgets.chat_turn import flow
from ui.widgets.layout import column, label
from ui.widgets.notices import Banner, toast_area
from ui.widgets.states import skeleton_rows

NEAR_END = 24  # so close to the end, new words keep the end in view


class ChatView(QWidget):
    """Signals: sent(str) - the text of a question or of a choice; typed(str) - the draft; stopped(); retried();
    remedied() - the notice's button that helps was pressed."""

    sent = Signal(str)
    typed = Signal(str)
    stopped = Signal()
    retried = Signal()
    remedied = Signal()

    def __init__(
        self, *, name: str = "chat", placeholder: str = "", primary: bool = True, marks_samples: bool = False,
        compact: bool = False,
    ) -> None:  # fmt: skip
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
        self.notice.acted.connect(self._on_notice_acted)
        self._area = ThreadArea(self.thread_view, compact=compact)
        self._prompts = PromptFlow()
        bar = self._area.verticalScrollBar()
        bar.valueChanged.connect(self._on_scrolled)
        bar.rangeChanged.connect(self._on_range_changed)
        self._build(compact=compact)
        self.show_scene(self._scene)

    # -- building --------------------------------------------------------------------------------------------------
    def _build(self, *, compact: bool) -> None:
        look = theme.current()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.space(3))
        self._waiting = skeleton_rows(3, height=56, gap=20)
        column.addWidget(self._waiting, 1)
        column.addWidget(self._area, 0 if compact else 1)
        column.addWidget(self.notice)
        column.addWidget(self._prompts)
        column.addWidget(self._input_box())
        column.addLayout(self._foot())

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
        gap = look.space(2) - 1
        row = QHBoxLayout(self.box)
        row.setContentsMargins(look.space(2), 0, gap, 0)
        row.setSpacing(look.space(2))
        row.addWidget(self.question, 1)
        row.addLayout(column(None, self.send_button, self.stop_button, spacing=0, margins=(0, 0, 0, gap)))
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
        self._waiting.setVisible(scene.is_loading)
        self._area.setVisible(not scene.is_loading)
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
        self.notice.set_message(scene.notice, action=tr("Try again") if scene.can_retry else scene.remedy)

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

    def _on_notice_acted(self) -> None:
        (self.retried if self._scene.can_retry else self.remedied).emit()

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

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        toast_area(self).keep_clear(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_buttons"):
            self._arrange()
