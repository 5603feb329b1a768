"""Talking to a bought agent: who it is above, the conversation below, the cursor in the box."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QStackedWidget, QVBoxLayout, QWidget

from services.api.types import ResourceState
from ui import theme
from ui.text import resource_state, tr
from ui.viewmodels.base import Status
from ui.viewmodels.chat import ChatKind, ChatState, ChatViewModel
from ui.widgets.arranged_page import ArrangedPage
from ui.widgets.avatar import Avatar
from ui.widgets.chat_scene import scene
from ui.widgets.chat_view import ChatView
from ui.widgets.controls import Button, Icon, IconButton, column, label, page, row, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.states import STATE_ROLES, ErrorState

READING = 780  # px at 100 % text: longer lines are hard to follow


class ChatPage(ArrangedPage):
    """Signals: back(); configure(resource uuid); remedy(Remedy, resource uuid) - the buyer wants what
    lets the agent answer again."""

    back = Signal()
    configure = Signal(str)
    remedy = Signal(object, str)

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
        self._dot = Icon("circle", "success", 8, filled=True)
        self._state = label("", "small", name="chatState")
        below = row(self._dot, self._state, 4, self._subtitle, None, spacing=6)
        words = column(self._title, below, spacing=0)
        bar.setLayout(row(self.back_button, self._avatar, words, None, self.set_up, spacing=12, margins=(16, 8, 24, 8)))
        return bar

    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        self.chat = ChatView(name="chat", placeholder=tr("Ask a question"), marks_samples=True)
        self._content = QWidget()
        self._frame = QVBoxLayout(self._content)
        self._frame.addWidget(self.chat)
        self._error = ErrorState(name="chatError")
        self._error.retried.connect(self.vm.reload)
        self._failed = scroll_page(self._error)
        for view in (self._content, self._failed):
            self._stack.addWidget(view)
        return self._stack

    def _connect(self) -> None:
        self.chat.sent.connect(self.vm.send)
        self.chat.typed.connect(self.vm.type)
        self.chat.stopped.connect(self.vm.stop)
        self.chat.retried.connect(self.vm.retry)
        self.chat.remedied.connect(self._on_remedied)
        self.vm.changed.connect(self._on_changed)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        if state.kind is not ChatKind.RESOURCE:
            return
        self._title.setText(state.title)
        self._subtitle.setText(state.subtitle)
        self._show_state(state.resource_state, state.stopped)
        self._avatar.setVisible(state.card is not None)
        if state.card is not None:
            self._avatar.set_category(state.card.category_hue, state.card.category_icon)
            self.chat.set_agent(state.card.category_hue, state.card.category_icon)
        self.set_up.setEnabled(bool(state.title))
        self._show_view(state)
        self.chat.show_scene(scene(state))
        self._focus_when_due()

    def _on_remedied(self) -> None:
        self.remedy.emit(self.vm.state.remedy_kind, self.vm.state.uuid)

    def _show_state(self, state: ResourceState | None, stopped: str) -> None:
        for part in (self._dot, self._state):
            part.setVisible(state is not None)
        if state is not None:
            self._dot.set_icon("circle", STATE_ROLES[stopped or state])
            self._state.setText(resource_state(state, stopped))

    def _show_view(self, state: ChatState) -> None:
        if state.status is Status.ERROR and state.notice is not None:
            self._error.set_error(state.notice.detail, title=state.notice.title)
            self._is_focus_due = True
        self._stack.setCurrentWidget(self._failed if state.status is Status.ERROR else self._content)

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def focus_content(self) -> None:
        """The cursor into the box, also while the conversation is loading: a question sent then is asked after it."""
        self._is_focus_due = True
        self._focus_when_due()

    def _focus_when_due(self) -> None:
        if self._is_focus_due and self.isVisible() and self.vm.state.status in (Status.LOADING, Status.READY):
            self._is_focus_due = False
            self.chat.focus_input()

    def _arrange(self) -> None:
        side = max(24, (self.width() - theme.current().px(READING)) // 2)
        self._frame.setContentsMargins(side, 12, side, 16)
