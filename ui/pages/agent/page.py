"""The page of one offering, bound to AgentViewModel: head, sample chat and details beside the plans."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from ui import theme
from ui.pages.agent.buy_panel import BuyPanel
from ui.pages.agent.details import AgentDetails
from ui.pages.agent.head import AgentHead
from ui.text import tr
from ui.viewmodels.agent import AgentState, AgentViewModel
from ui.viewmodels.base import Status
from ui.widgets.chat_scene import scene
from ui.widgets.chat_view import ChatView
from ui.widgets.controls import Button, Card, badge, card, column, label, page, row, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.folding import Reading
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows

PANEL_WIDTH = 332
LEAST_READING = 400  # less room than this beside the plans: they go on top


class AgentPage(QWidget):
    """Signals: back(). Checkout opens through the view-model's opened_checkout."""

    back = Signal()

    def __init__(self, vm: AgentViewModel) -> None:
        super().__init__()
        self._vm = vm
        self._is_stacked: bool | None = None
        self._shown_uuid = ""
        self._is_focus_due = False
        self.setObjectName("agentPage")
        page(self)
        self._build()
        self._connect()
        self._render()
        self._render_chat()

    # -- building --------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        look = theme.current()
        side = look.space(6)
        self.head = AgentHead()
        self.details = AgentDetails()
        self.panel = BuyPanel()
        self._columns = QHBoxLayout()
        self._columns.setContentsMargins(0, 0, 0, 0)
        self._columns.setSpacing(look.space(3))
        self._columns.addLayout(column(self._topline(), self._reading(), spacing=0), 1)
        self._side = column(self.panel, margins=(0, look.space(5), side, look.space(5)))
        self.setLayout(self._columns)

    def _topline(self) -> QHBoxLayout:
        look = theme.current()
        self.back_button = Button(tr("Marketplace"), "ghost", "arrow-left", name="backButton", small=True)
        self.back_button.setAccessibleName(tr("Back to the marketplace"))
        self.back_button.clicked.connect(self.back)
        return row(self.back_button, None, margins=(look.space(4), look.space(4), look.space(6), look.space(1)))

    def _reading(self) -> QWidget:
        """Everything but the plans, in one scrolling column."""
        look = theme.current()
        content = Reading()
        self._content = QVBoxLayout(content)
        self._content.setContentsMargins(look.space(6), look.space(1), look.space(6), look.space(8))
        self._content.setSpacing(look.space(6))
        self._content.addWidget(self.head)
        self._content.addWidget(self._states())
        self._content.addWidget(self._sample())
        self._content.addWidget(self.details)
        self._content.addStretch()
        self._scroll: QScrollArea = scroll_page(content)
        return self._scroll

    def _states(self) -> QStackedWidget:
        """What stands here while there is no offering to show."""
        self.loading = skeleton_rows(4, height=56)
        self.error = ErrorState(tr("This agent could not be loaded"), name="agentError")
        self.missing = EmptyState(
            "store", tr("This agent is not in the catalogue"),
            tr("It may have been withdrawn by its vendor. The catalogue has others that do similar work."),
            tr("Back to the marketplace"), name="agentMissing", variant="secondary",
        )  # fmt: skip
        self._instead = QStackedWidget()
        for widget in (self.loading, self.error, self.missing):
            self._instead.addWidget(widget)
        return self._instead

    def _sample(self) -> Card:
        self.sample = card(20, 12, name="sampleChat")
        self.sample.setAccessibleName(tr("Try it before you buy"))
        self.sample_badge = badge(tr("Sample"), "info", "flask-conical", name="sampleBadge")
        self.sample.body.addLayout(
            row(label(tr("Try it before you buy"), "section"), self.sample_badge, None, spacing=10)
        )
        self.sample_text = label("", "small", name="sampleText", wrap=True)
        self.sample.body.addWidget(self.sample_text)
        self.chat = ChatView(name="sample", placeholder=tr("Ask a sample question"), primary=False, compact=True)
        self.sample.body.addWidget(self.chat)
        return self.sample

    # -- wiring ----------------------------------------------------------------------------------------------------
    def _connect(self) -> None:
        vm = self._vm
        vm.changed.connect(self._render)
        vm.chat.changed.connect(self._render_chat)
        self.panel.plan_chosen.connect(vm.choose_plan)
        self.panel.cycle_chosen.connect(vm.choose_cycle)
        self.panel.bought.connect(lambda: vm.buy())
        self.details.opened.connect(lambda item: vm.open(item.uuid, item))
        self.error.retried.connect(vm.retry)
        self.missing.acted.connect(self.back)
        self.chat.sent.connect(vm.chat.send)
        self.chat.typed.connect(vm.chat.type)
        self.chat.stopped.connect(vm.chat.stop)
        self.chat.retried.connect(vm.chat.retry)

    def focus_content(self) -> None:
        """Where the keyboard begins when the page is entered: at buying, as soon as the plans are there."""
        self._is_focus_due = True
        self.back_button.setFocus(Qt.FocusReason.OtherFocusReason)
        self._focus_when_due()

    def _focus_when_due(self) -> None:
        if not self._is_focus_due or self._vm.state.offering is None:
            return
        self._is_focus_due = False
        if self.back_button.hasFocus():
            self.panel.buy_button.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- showing ---------------------------------------------------------------------------------------------------
    def _render(self) -> None:
        state = self._vm.state
        self.head.setVisible(state.card is not None)
        if state.card is not None:
            self.head.show_card(state.card)
            self.chat.set_agent(state.card.category_hue, state.card.category_icon)
            self.setAccessibleName(state.card.name)
        self._render_instead(state)
        is_ready = state.offering is not None
        for part in (self.details, self.panel):
            part.setVisible(is_ready)
        self.sample.setVisible(state.can_try)
        if state.offering is not None:
            self.details.show_offering(state.offering)
            self.panel.show_state(state)
            set_tab_order(self)
            self._focus_when_due()
        if state.uuid != self._shown_uuid:
            self._shown_uuid = state.uuid
            self._scroll.verticalScrollBar().setValue(0)

    def _render_instead(self, state: AgentState) -> None:
        self._instead.setVisible(state.offering is None)
        if state.status is Status.ERROR:
            self._instead.setCurrentWidget(self.missing if state.is_missing else self.error)
            self.error.set_error(state.error.sentence if state.error else "")
        else:
            self._instead.setCurrentWidget(self.loading)

    def _render_chat(self) -> None:
        state = self._vm.chat.state
        self.chat.show_scene(scene(state))
        self.sample_text.setText(
            tr("This is a free sample. What you say here carries over into the agent you buy.")
            if state.turns_left is None or state.turns_left > 0
            else tr("The free questions are used up. Buy it to go on where you stopped.")
        )

    # -- the plans beside or above ---------------------------------------------------------------------------------
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        look = theme.current()
        panel = look.px(PANEL_WIDTH)
        stacked = self.width() - panel - 3 * look.space(6) < look.px(LEAST_READING)
        self.panel.setFixedWidth(panel) if not stacked else self.panel.setMaximumWidth(look.px(2 * PANEL_WIDTH))
        if stacked != self._is_stacked:
            self._is_stacked = stacked
            self._place_panel(stacked)

    def _place_panel(self, stacked: bool) -> None:
        self._side.removeWidget(self.panel)
        self._content.removeWidget(self.panel)
        if stacked:
            self._columns.removeItem(self._side)
            self._content.insertWidget(2, self.panel)
        else:
            self._side.addWidget(self.panel)
            self._columns.addLayout(self._side)
        self.panel.set_stacked(stacked)
