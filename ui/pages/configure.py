"""The short form after buying: what the agent is called and how it greets. It can be skipped."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from ui import theme
from ui.text import tr
from ui.viewmodels.base import Status
from ui.viewmodels.configure import NAME_MAX, ConfigureState, ConfigureViewModel
from ui.widgets.arranged_page import ArrangedPage
from ui.widgets.avatar import Avatar
from ui.widgets.controls import Button, TextArea, TextField, card, column, label, page, row, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.notices import Banner
from ui.widgets.states import ErrorState, skeleton_rows

WIDTH = 640
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ConfigurePage(ArrangedPage):
    """Signals: back(). The view-model says `finished` after saving or skipping."""

    back = Signal()

    def __init__(self, vm: ConfigureViewModel) -> None:
        super().__init__()
        self.setObjectName("configurePage")
        self.setAccessibleName(tr("Configure"))
        page(self)
        self.vm = vm
        self._is_focus_due = True
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._views())
        vm.changed.connect(self._on_changed)
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        waiting = QWidget()
        waiting.setLayout(column(skeleton_rows(3, height=72, gap=16), margins=(40, 40, 40, 40)))
        self._error = ErrorState(name="configureError")
        self._error.retried.connect(self.vm.reload)
        self._by_status: dict[Status, QWidget] = {
            Status.READY: self._content(),
            Status.LOADING: scroll_page(waiting),
            Status.ERROR: scroll_page(self._error),
        }
        for view in self._by_status.values():
            self._stack.addWidget(view)
        return self._stack

    def _content(self) -> QScrollArea:
        content = QWidget()
        self.back_button = Button(tr("Back"), "link", "arrow-left", name="backButton")
        self.back_button.clicked.connect(self.back)
        self._form = column(row(self.back_button, None), self._head(), self._fields(), None, spacing=20)
        content.setLayout(self._form)
        return scroll_page(content)

    def _head(self) -> QWidget:
        self._avatar = Avatar(44)
        self._title = label("", "display", name="configureTitle", wrap=True)
        explanation = tr("Both have a working value. You can come back at any time.")
        line = row(self._avatar, column(self._title, label(explanation, "muted", wrap=True), spacing=2), spacing=14)
        line.setStretch(1, 1)
        head = QWidget()
        head.setLayout(line)
        return head

    def _fields(self) -> QWidget:
        box = card(24, 18, name="configureCard")
        self.name = TextField(
            tr("Name"), name="nameField", max_length=NAME_MAX + 40, help_text=tr("As it is called in your lists.")
        )
        self.greeting = TextArea(
            tr("Greeting"), name="greetingField", optional=True, lines=4,
            help_text=tr("The first thing it says in a new conversation."),
        )  # fmt: skip
        self.name.changed.connect(self.vm.type_name)
        self.greeting.changed.connect(self.vm.type_greeting)
        self._banner = Banner(tone="danger", name="configureNotice")
        self._banner.acted.connect(self.vm.save)
        for part in (self.name, self.greeting, self._banner):
            box.body.addWidget(part)
        box.body.addLayout(self._buttons())
        return box

    def _buttons(self) -> QVBoxLayout:
        self.save = Button(tr("Save and open chat"), "primary", "check", name="saveButton")
        self.skip = Button(tr("Skip"), "ghost", name="skipButton")
        self.save.clicked.connect(self.press_save)
        self.skip.clicked.connect(self.vm.skip)
        return column(row(self.save, self.skip, None))

    # -- what the buyer does ---------------------------------------------------------------------------------------
    def press_save(self) -> None:
        self.vm.save()
        self._focus_problem(self.vm.state)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in ENTER and self.vm.state.status is Status.READY:
            self.press_save()
            event.accept()
            return
        super().keyPressEvent(event)

    def _focus_problem(self, state: ConfigureState) -> None:
        fields: dict[str, QWidget] = {"name": self.name.edit, "greeting": self.greeting.edit}
        for field, edit in fields.items():
            if field in state.problems:
                edit.setFocus(Qt.FocusReason.OtherFocusReason)
                return

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        self._stack.setCurrentWidget(self._by_status[state.status])
        if state.status is Status.ERROR and state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
        if state.resource is not None:
            offering = state.resource.offering
            self._avatar.set_category(offering.category_hue, offering.category_icon)
            self._title.setText(tr("Configure {agent}", agent=state.resource.name))
        self.name.set_text(state.name)
        self.greeting.set_text(state.greeting)
        self.name.set_error(state.problems.get("name"))
        self.greeting.set_error(state.problems.get("greeting"))
        self.save.set_busy(state.is_saving)
        self._show_notice(state)
        self._focus_when_due()

    def _show_notice(self, state: ConfigureState) -> None:
        is_shown = state.error is not None and not state.problems and state.status is Status.READY
        if state.error is not None:
            self._banner.set_message(state.error.sentence, action=state.error.action)
        self._banner.setVisible(is_shown)

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def focus_content(self) -> None:
        self._is_focus_due = True
        self._focus_when_due()

    def _focus_when_due(self) -> None:
        if self._is_focus_due and self.isVisible() and self.vm.state.status is Status.READY:
            self._is_focus_due = False
            self.name.edit.setFocus(Qt.FocusReason.OtherFocusReason)
            self.name.edit.selectAll()

    def _arrange(self) -> None:
        side = max(24, (self.width() - theme.current().px(WIDTH)) // 2)
        self._form.setContentsMargins(side, 24, side, 24)
