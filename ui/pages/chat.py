"""Talking to a bought agent: who it is above, the conversation below, the cursor in the box."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QStackedWidget, QVBoxLayout, QWidget

from ui import theme
from ui.text import tr
from ui.viewmodels.base import Status
from ui.viewmodels.chat import ChatKind, ChatState, ChatViewModel
from ui.widgets.avatar import Avatar
from ui.widgets.chat_scene import scene
from ui.widgets.chat_view import ChatView
from ui.widgets.controls import Button, IconButton, column, label, page, row
from ui.widgets.focus_order import set_tab_order
from ui.widgets.state_page import state_page
from ui.widgets.states import ErrorState, skeleton_rows

READING = 780  # px at 100 % text: longer lines are hard to follow


class ChatPage(QWidget):
    """Signals: back(); configure(resource uuid)."""

    back = Signal()
    configure = Signal(str)

    def __init__(self, vm: ChatViewModel) -> None:
        super().__init__()
        self.setObjectName("chatPage")
        self.setAccessibleName(tr("Chat"))
        page(self)
        self.vm = vm
        self._is_focus_due = True
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self._header())
        outer.addWidget(self._views(), 1)
        self._connect()
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _header(self) -> QFrame:
        bar = QFrame()
        bar.setObjectName("topbar")
        self.back_button = IconButton("arrow-left", tr("Back"), name="backButton")
        self.back_button.clicked.connect(self.back)
        self._avatar = Avatar(36, name="chatAvatar")
        self._title = label("", "section", name="chatTitle")
        self._subtitle = label("", "small", name="chatSubtitle")
        self.set_up = Button(tr("Configure"), "secondary", "sliders-horizontal", name="configureButton")
        self.set_up.clicked.connect(lambda: self.configure.emit(self.vm.state.uuid))
        words = column(self._title, self._subtitle, spacing=0)
        bar.setLayout(row(self.back_button, self._avatar, words, None, self.set_up, spacing=12, margins=(16, 8, 24, 8)))
        return bar

    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        self.chat = ChatView(name="chat", placeholder=tr("Ask a question"), marks_samples=True)
        self._content = QWidget()
        self._frame = QVBoxLayout(self._content)
        self._frame.addWidget(self.chat)
        self._waiting = QWidget()
        self._waiting.setLayout(column(skeleton_rows(3, height=56, gap=20), margins=(40, 40, 40, 40)))
        self._error = ErrorState(name="chatError")
        self._error.retried.connect(self.vm.reload)
        self._failed = state_page(self._error)
        for view in (self._content, self._waiting, self._failed):
            self._stack.addWidget(view)
        return self._stack

    def _connect(self) -> None:
        self.chat.sent.connect(self.vm.send)
        self.chat.typed.connect(self.vm.type)
        self.chat.stopped.connect(self.vm.stop)
        self.chat.retried.connect(self.vm.retry)
        self.vm.changed.connect(self._on_changed)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        if state.kind is not ChatKind.RESOURCE:
            return
        self._title.setText(state.title)
        self._subtitle.setText(state.subtitle)
        self._avatar.setVisible(state.card is not None)
        if state.card is not None:
            self._avatar.set_category(state.card.category_hue, state.card.category_icon)
            self.chat.set_agent(state.card.category_hue, state.card.category_icon)
        self.set_up.setEnabled(bool(state.title))
        self._show_view(state)
        self.chat.show_scene(scene(state))
        self._focus_when_due()

    def _show_view(self, state: ChatState) -> None:
        is_known = bool(state.title) and state.status is not Status.ERROR
        if state.status is Status.ERROR and state.notice is not None:
            self._error.set_error(state.notice.detail, title=state.notice.title)
        views = {Status.LOADING: self._content if is_known else self._waiting, Status.ERROR: self._failed}
        self._stack.setCurrentWidget(views.get(state.status, self._content))

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def focus_content(self) -> None:
        """The cursor into the box, as soon as there is one."""
        self._is_focus_due = True
        self._focus_when_due()

    def _focus_when_due(self) -> None:
        if self._is_focus_due and self.isVisible() and self.vm.state.status is Status.READY:
            self._is_focus_due = False
            self.chat.focus_input()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.focus_content()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_frame"):
            self._arrange()

    def _arrange(self) -> None:
        side = max(24, (self.width() - theme.current().px(READING)) // 2)
        self._frame.setContentsMargins(side, 12, side, 16)
