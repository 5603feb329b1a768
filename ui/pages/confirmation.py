"""After paying: what was bought and for how much, how far its setting up is, the receipt, and the way to the chat."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QStandardPaths, Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from services.api.types import Order, OrderState
from ui import theme
from ui.text import date, datetime_text, money, order_state, summary_line, tr
from ui.viewmodels.base import Status
from ui.viewmodels.confirmation import ConfirmationState, ConfirmationViewModel, DeploymentPhase
from ui.widgets.controls import Button, Card, Icon, card, column, label, page, row, rule, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import Dialog, OverlayStack, Sheet
from ui.widgets.receipt import Receipt, ReceiptLine, ReceiptView, write_pdf
from ui.widgets.states import ErrorState, ProgressSteps, skeleton_rows

WIDTH, RECEIPT, TWO_COLUMNS, GAP = 1040, 380, 860, 32
WIDEST = (1 << 24) - 1  # Qt's own "no maximum"
PENDING = (OrderState.PENDING_CONSUMER, OrderState.PENDING_PROVIDER)


class ConfirmationPage(QWidget):
    """Signals: open_chat(resource uuid); configure(resource uuid); home()."""

    open_chat = Signal(str)
    configure = Signal(str)
    home = Signal()

    def __init__(self, vm: ConfirmationViewModel) -> None:
        super().__init__()
        self.setObjectName("confirmationPage")
        self.setAccessibleName(tr("Your order"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # holds the focus while there is nothing to press
        page(self)
        self.vm = vm
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._views())
        vm.changed.connect(self._on_changed)
        vm.ready.connect(self._on_ready)
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        waiting = QWidget()
        waiting.setLayout(column(skeleton_rows(3, height=72, gap=16), margins=(40, 40, 40, 40)))
        self._error = ErrorState(name="confirmationError")
        self._error.retried.connect(self.vm.reload)
        content = QWidget()
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, content)
        self._columns.addWidget(self._left(), 1, Qt.AlignmentFlag.AlignTop)
        self._columns.addWidget(self._right(), 0, Qt.AlignmentFlag.AlignTop)
        self._by_status: dict[Status, QWidget] = {
            Status.READY: scroll_page(content),
            Status.LOADING: scroll_page(waiting),
            Status.ERROR: scroll_page(self._error),
        }
        for view in self._by_status.values():
            self._stack.addWidget(view)
        return self._stack

    def _left(self) -> QWidget:
        self._left_half = QWidget()
        parts = (self._head(), self._notice(), self._setting_up(), self._actions(), self._foot())
        self._left_half.setLayout(column(*parts, None, spacing=20))
        return self._left_half

    def _head(self) -> QWidget:
        self._mark = Icon("circle-check", "success", 32)
        self._title = label("", "display", name="confirmationTitle", wrap=True)
        self._subtitle = label("", "muted", name="confirmationSubtitle", wrap=True)
        words = column(self._title, self._subtitle, spacing=2)
        head = QWidget()
        line = row(self._mark, words, spacing=14)
        line.setAlignment(self._mark, Qt.AlignmentFlag.AlignTop)
        line.setStretch(1, 1)
        head.setLayout(line)
        return head

    def _notice(self) -> Banner:
        self._banner = Banner(tone="danger", name="confirmationNotice")
        self._banner.acted.connect(self.vm.reload)
        return self._banner

    def _setting_up(self) -> Card:
        self._steps_card = card(20, 14, name="deploymentCard")
        self._steps_title = label("", "section")
        self.steps = ProgressSteps((), label=tr("Setting up"), name="deploymentSteps")
        self._steps_card.body.addWidget(self._steps_title)
        self._steps_card.body.addWidget(self.steps)
        return self._steps_card

    def _actions(self) -> QWidget:
        self.chat = Button(tr("Open chat"), "primary", "message-circle", name="openChatButton", big=True)
        self.set_up = Button(tr("Configure"), "secondary", "sliders-horizontal", name="configureButton", big=True)
        self.retry = Button(tr("Try again"), "primary", "rotate-ccw", name="retryDeploymentButton", big=True)
        self.refund = Button(tr("Get your money back"), "secondary", "undo-2", name="refundButton", big=True)
        self.chat.clicked.connect(lambda: self.open_chat.emit(self.vm.state.resource_uuid))
        self.set_up.clicked.connect(lambda: self.configure.emit(self.vm.state.resource_uuid))
        self.retry.clicked.connect(self.vm.retry_deployment)
        self.refund.clicked.connect(self._ask_refund)
        self._hint = label("", "small", name="confirmationHint", wrap=True)
        box = QWidget()
        box.setLayout(column(row(self.chat, self.set_up, self.retry, self.refund, None, spacing=12), self._hint))
        return box

    def _foot(self) -> QWidget:
        self._more = label("", "muted", name="moreAgents", wrap=True)
        self.browse = Button(tr("Back to the marketplace"), "link", "store", name="homeButton")
        self.browse.clicked.connect(self.home)
        foot = QWidget()
        foot.setLayout(column(self._more, row(self.browse, None), spacing=8))
        return foot

    def _right(self) -> QWidget:
        self._receipt_card = card(20, 12, name="orderCard")
        body = self._receipt_card.body
        self._number = label("", "section", name="orderNumber", selectable=True, wrap=True)
        self._bought = label("", "muted", wrap=True)
        body.addLayout(column(self._number, self._bought, spacing=2))
        body.addWidget(rule())
        self._facts = QVBoxLayout()
        self._facts.setSpacing(8)
        body.addLayout(self._facts)
        self._shown_facts: tuple[tuple[str, str], ...] = ()
        body.addWidget(rule())
        self.view = Button(tr("View receipt"), "secondary", "receipt", name="viewReceiptButton")
        self.save = Button(tr("Save as PDF"), "ghost", "file-down", name="savePdfButton")
        self.copy = Button(tr("Copy"), "ghost", "copy", name="copyReceiptButton")
        self.view.clicked.connect(self.open_receipt)
        self.save.clicked.connect(self._ask_where)
        self.copy.clicked.connect(self._copy_receipt)
        body.addLayout(row(self.view, None, self.save, self.copy, spacing=4))
        self._right_half = self._receipt_card
        return self._right_half
