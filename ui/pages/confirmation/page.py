"""After paying: whose it is now, how far its setting up is, and the way to the chat."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from services.api.types import Order, PaymentMethod
from ui import theme
from ui.pages.confirmation.agent_rows import AgentRows
from ui.pages.confirmation.order_card import OrderCard
from ui.pages.confirmation.transfer_card import TransferCard
from ui.pages.confirmation.undo_strip import UndoStrip
from ui.text import date, money, one_form, paid_with_words, plural, tr
from ui.text.ordering import is_trial
from ui.text.paying import bank_words, money_words, transfer_words, undo_toast
from ui.viewmodels.base import Status
from ui.viewmodels.confirmation import ConfirmationState, ConfirmationViewModel, DeploymentPhase, Waiting
from ui.widgets.controls import Button, Card, Icon, card, column, label, page, row, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.notices import Banner, Toast, toast_area
from ui.widgets.overlay import Dialog, OverlayStack
from ui.widgets.states import ErrorState, ProgressSteps, skeleton_rows
from ui.widgets.waiting_sheet import WaitingStep

WIDTH, RECEIPT, TWO_COLUMNS, GAP = 1040, 380, 860, 40
WIDEST = (1 << 24) - 1  # Qt's own "no maximum"


class Head(NamedTuple):
    """What the page says first, and with which mark."""

    icon: str
    role: str
    title: str
    subtitle: str


class ConfirmationPage(QWidget):
    """Signals: open_chat(resource uuid); configure(resource uuid); home(); explain_requested(ref);
    invoice_requested(invoice uuid)."""

    open_chat = Signal(str)
    configure = Signal(str)
    home = Signal()
    explain_requested = Signal(str)
    invoice_requested = Signal(str)

    def __init__(self, vm: ConfirmationViewModel) -> None:
        super().__init__()
        self.setObjectName("confirmationPage")
        self.setAccessibleName(tr("Your order"))
        # holds the focus until the chat can be opened: a second Enter from checkout presses nothing here
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        page(self)
        self.vm = vm
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._views())
        self._toast: Toast | None = None
        self._waiting = WaitingStep(self, vm.page)
        vm.bought.connect(self._on_bought)
        vm.changed.connect(self._on_changed)
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        waiting = QWidget()
        waiting.setLayout(column(skeleton_rows(3, height=88, gap=16), margins=(40, 40, 40, 40)))
        self._error = ErrorState(name="confirmationError")
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
        self.order = OrderCard()
        self.order.explained.connect(self.explain_requested)
        self.order.invoice_wanted.connect(self.invoice_requested)
        self.order.rebuilt.connect(lambda: set_tab_order(self))
        self.undo = UndoStrip()
        self.undo.undone.connect(self.vm.undo)
        self._right_half = QWidget()
        self._right_half.setLayout(column(self.undo, self.order, None, spacing=12))
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, content)
        self._columns.addWidget(self._left(), 1)
        self._columns.addWidget(self._right_half)
        return scroll_page(content)

    def _left(self) -> QWidget:
        left = QWidget()
        self.transfer = TransferCard()
        parts = (self._head(), self._notice(), self.transfer, self._setting_up(), self._actions(), self._foot())
        left.setLayout(column(*parts, None, spacing=20))
        return left

    def _head(self) -> QWidget:
        self._mark = Icon("circle-check", "success", 32)
        self._title = label("", "display", name="confirmationTitle", wrap=True)
        self._subtitle = label("", "muted", name="confirmationSubtitle", wrap=True)
        line = row(self._mark, column(self._title, self._subtitle, spacing=2), spacing=14)
        line.setAlignment(self._mark, Qt.AlignmentFlag.AlignTop)
        line.setStretch(1, 1)
        head = QWidget()
        head.setLayout(line)
        return head

    def _notice(self) -> Banner:
        self._banner = Banner(tone="danger", name="confirmationNotice")
        self._banner.acted.connect(self.vm.reload)
        return self._banner

    def _setting_up(self) -> Card:
        self._steps_card = card(20, 16, name="deploymentCard")
        self._steps_title = label("", "section", name="deploymentTitle")
        self.steps = ProgressSteps((), label=tr("Setting up"), name="deploymentSteps")
        self._steps_card.body.addWidget(self._steps_title)
        self._steps_card.body.addWidget(self.steps)
        self.agents = AgentRows()
        self.agents.retried.connect(self.vm.retry_deployment)
        self.agents.refund_wanted.connect(self.ask_refund)
        self.agents.rebuilt.connect(lambda: set_tab_order(self))
        self._steps_card.body.addWidget(self.agents)
        return self._steps_card

    def _actions(self) -> QWidget:
        self.chat = Button(tr("Open chat"), "primary", "message-circle", name="openChatButton", big=True)
        self.set_up = Button(tr("Configure"), "secondary", "sliders-horizontal", name="configureButton", big=True)
        self.retry = Button(tr("Try again"), "primary", "rotate-ccw", name="retryDeploymentButton", big=True)
        self.refund = Button(tr("Get your money back"), "secondary", "undo-2", name="refundButton", big=True)
        self.chat.clicked.connect(lambda: self.open_chat.emit(self.vm.state.resource_uuid))
        self.set_up.clicked.connect(lambda: self.configure.emit(self.vm.state.resource_uuid))
        self.retry.clicked.connect(lambda: self.vm.retry_deployment())
        self.refund.clicked.connect(lambda: self.ask_refund())
        self._hint = label("", "small", name="confirmationHint", wrap=True)
        box = QWidget()
        buttons = (self.chat, self.set_up, self.retry, self.refund, *self._unpaid_actions())
        box.setLayout(column(row(*buttons, None, spacing=12), self._hint, spacing=10))
        return box

    def _unpaid_actions(self) -> tuple[Button, ...]:
        self.go_on = Button(tr("Continue paying"), "primary", "external-link", name="continuePaying", big=True)
        self.give_up = Button(tr("Cancel the order"), "secondary", name="giveUpOrder", big=True)
        self.again = Button(tr("Buy again"), "primary", "rotate-ccw", name="buyAgain", big=True)
        self.go_on.clicked.connect(self.vm.continue_paying)
        self.give_up.clicked.connect(self.vm.give_up)
        self.again.clicked.connect(self.vm.buy_again)
        return self.go_on, self.give_up, self.again

    def _foot(self) -> QWidget:
        self._more = label("", "muted", name="moreAgents", wrap=True)
        self.browse = Button(tr("Back to the marketplace"), "link", "store", name="homeButton")
        self.browse.clicked.connect(self.home)
        foot = QWidget()
        foot.setLayout(column(self._more, row(self.browse, None), spacing=8))
        return foot

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        was_ready = self.chat.isEnabled() and self.chat.isVisible()
        self._stack.setCurrentWidget(self._by_status[state.status])
        if state.status is Status.ERROR and state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
        is_over = state.phase is DeploymentPhase.REFUNDED
        self.order.show_order(state.order, is_test_mode=state.is_test_mode, is_over=is_over)
        self.undo.show_state(state)
        is_asked = state.waits_for is Waiting.TRANSFER and state.order is not None
        asked = state.order.transfer if is_asked and state.order is not None else None
        if self.transfer.show_transfer(asked, state.now):
            set_tab_order(self)
        self._show_toast(state)
        self._show_head(state)
        self._show_steps(state)
        self._show_actions(state)
        if not was_ready and self.chat.isEnabled():
            self._focus_chat()

    def _show_head(self, state: ConfirmationState) -> None:
        head = _head(state)
        self._mark.set_icon(head.icon, head.role)
        self._title.setText(head.title)
        self._subtitle.setText(head.subtitle)
        self._subtitle.setVisible(bool(head.subtitle))
        self._more.setText(state.more_text)
        self._more.setVisible(bool(state.more_text))
        is_stale = state.error is not None and state.status is Status.READY
        if state.error is not None:
            self._banner.set_message(state.error.sentence, action=tr("Try again"))
        self._banner.setVisible(is_stale)

    def _show_steps(self, state: ConfirmationState) -> None:
        steps, agents = state.steps, state.agents
        is_gone = state.phase in (DeploymentPhase.REFUNDED, DeploymentPhase.TAKEN_BACK)
        self._steps_card.setVisible(not state.is_taken_back and (bool(agents) or (bool(steps) and not is_gone)))
        self._steps_title.setText(_steps_title(state))
        self.steps.setVisible(bool(steps))
        self.steps.set_titles([step.title for step in steps])
        for number, step in enumerate(steps):
            self.steps.set_step(number, step.state.value, step.text)
        self.agents.setVisible(bool(agents))
        self.agents.show_agents(agents, state.mending)

    def _show_actions(self, state: ConfirmationState) -> None:
        phase = state.phase
        has_agent = bool(state.resources) and phase in (DeploymentPhase.DEPLOYING, DeploymentPhase.READY)
        has_failed = phase is DeploymentPhase.FAILED and bool(state.resources) and not state.is_bundle
        for button in (self.chat, self.set_up):
            button.setVisible(has_agent or state.can_chat)
        self.chat.setEnabled(state.can_chat)
        self.retry.setVisible(has_failed)
        self.retry.set_busy(state.is_working)
        self.refund.setVisible(has_failed and (state.can_refund or state.is_working))
        self.refund.setEnabled(state.can_refund)
        waits = state.waits_for
        self.go_on.setVisible(waits is Waiting.PAGE)
        self.give_up.setVisible(state.can_give_up)
        self.give_up.set_busy(state.is_undoing)
        self.again.setVisible(state.can_buy_again)
        self._hint.setText(_hint(state))
        self._hint.setVisible(bool(self._hint.text()))

    # -- the first seconds -----------------------------------------------------------------------------------------
    def _on_bought(self, seconds: int) -> None:
        """Also when the chat has opened by itself meanwhile."""
        order = self.vm.state.order
        if order is not None and self.window().isVisible():
            self._toast = toast_area(self).show_toast(
                undo_toast(order.offering_name), action=tr("Undo"), on_action=self.vm.undo, icon="circle-check",
                ms=seconds * 1000,
            )  # fmt: skip

    def _show_toast(self, state: ConfirmationState) -> None:
        """It goes with the time to use it."""
        toast, self._toast = self._toast, self._toast if state.can_undo else None
        if toast is not None and self._toast is None and isValid(toast):
            toast.close_toast()

    # -- money back ------------------------------------------------------------------------------------------------
    def ask_refund(self, uuid: str = "") -> None:
        """Taking the money back also takes the agent away: this cannot be undone, so it is asked once."""
        state = self.vm.state
        agent = next((one for one in state.failed if uuid in ("", one.uuid)), None)
        if state.order is None or agent is None or not state.can_refund:
            return
        amount, card = money(state.order.total), paid_with_words(state.order.paid_with)
        title, button = tr("Get {amount} back?", amount=amount), tr("Get {amount} back", amount=amount)
        text = tr("{agent} is removed from your agents and this order ends.", agent=state.order.offering_name)
        if state.is_bundle:
            title, button = tr("Get the money for {agent} back?", agent=agent.name), tr("Get the money back")
            text = tr("Its share of this order goes back to {card}. The other agents stay.", card=card)
        cancel = tr("Keep the agent")
        dialog = Dialog(self, title, text, confirm=button, cancel=cancel, name="refundDialog")
        dialog.confirmed.connect(dialog.close_overlay)
        dialog.confirmed.connect(lambda: self.vm.refund(agent.uuid))
        dialog.open()

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def focus_content(self) -> None:
        """Nothing that spends or opens anything has the focus before the agent is ready."""
        if self.chat.isEnabled() and self.chat.isVisible():
            self._focus_chat()
        else:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _focus_chat(self) -> None:
        if self.isVisible() and OverlayStack.of(self).top is None:
            self.chat.setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_columns"):
            self._arrange()

    def _arrange(self) -> None:
        px = theme.current().px
        is_wide = self.width() >= px(TWO_COLUMNS)
        direction = QBoxLayout.Direction
        self._columns.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)
        side = max(24 if self.width() < px(WIDTH) else 40, (self.width() - px(WIDTH)) // 2)
        self._columns.setContentsMargins(side, 40, side, 32)
        self._columns.setSpacing(GAP if is_wide else 24)
        self._right_half.setMinimumWidth(px(RECEIPT) if is_wide else 0)
        self._right_half.setMaximumWidth(px(RECEIPT) if is_wide else WIDEST)


def _head(state: ConfirmationState) -> Head:
    order = state.order
    if order is None:
        return Head("hourglass", "textMuted", "", "")
    name = order.offering_name
    match state.phase:
        case DeploymentPhase.TAKEN_BACK:
            kept = tr("Nothing was charged. What you typed is kept, in case you want it after all.")
            return Head("undo-2", "textMuted", tr("Taken back"), kept)
        case DeploymentPhase.UNPAID:
            return _unpaid_head(state.waits_for, order)
        case DeploymentPhase.REFUNDED if order.refunded.is_zero:
            ended = tr("It answers no more. What was charged, and what was given back, stands on its invoice.")
            return Head("ban", "textMuted", tr("{agent} has ended", agent=name), ended)
        case DeploymentPhase.REFUNDED:
            back = tr(
                "{amount} was given back to {card}.",
                amount=money(order.refunded),
                card=paid_with_words(order.paid_with),
            )
            return Head("undo-2", "textMuted", tr("Your money is back"), back)
        case DeploymentPhase.FAILED if not state.resources:
            return Head("circle-x", "danger", tr("The order was not completed"), state.failure)
        case DeploymentPhase.FAILED if state.is_bundle:
            return _bundle_head(state)
        case DeploymentPhase.FAILED:
            return Head("circle-alert", "danger", tr("{agent} could not be set up", agent=name), state.failure)
    return Head("circle-check", "success", tr("{agent} is yours", agent=name), _paid(order))


def _unpaid_head(waits: Waiting, order: Order) -> Head:
    """What is waited for, and what comes of it."""
    name, amount = order.offering_name, order.total
    bank, check = tr("Your bank is paying"), tr("Your payment is being checked")
    heads = {
        Waiting.PAGE: (tr("Your payment is open"), tr("Finish it in your browser. Nothing is charged before.")),
        Waiting.ANSWER: (
            tr("Your bank waits for your answer"),
            tr("Confirm the payment with your bank to go on. Nothing is charged before."),
        ),
        Waiting.TRANSFER: (tr("{agent} waits for your transfer", agent=name), transfer_words(name)),
        Waiting.BANK: (bank, bank_words(amount, name)),
        Waiting.MONEY: (tr("Your payment is under way"), money_words(amount, name)),
    }
    checked = (check, tr("This page goes on by itself. You are charged once at most."))
    title, text = heads.get(waits, checked)
    icons = {Waiting.BANK: "landmark", Waiting.TRANSFER: "send"}
    is_calm = waits in (Waiting.BANK, Waiting.MONEY)
    return Head(icons.get(waits, "hourglass"), "info" if is_calm else "warning", title, text)


def _paid(order: Order) -> str:
    """What was charged, or when it will be for the first time."""
    if is_trial(order) and order.renews_at is not None:
        return tr("Free until {day}. Nothing was charged; we remind you before.", day=date(order.renews_at))
    if order.total.is_zero:
        return tr("Nothing was charged.")
    amount = one_form(order.total)(order.total)
    if order.undo_until is not None:
        return tr("{amount} with {card}, charged in a moment.", amount=amount, card=paid_with_words(order.paid_with))
    if order.paid_with == PaymentMethod.WALLET:
        return tr("{amount} paid from your wallet.", amount=amount)
    return tr("{amount} paid with {card}.", amount=amount, card=paid_with_words(order.paid_with))


def _bundle_head(state: ConfirmationState) -> Head:
    """Some of several agents failed: which, and that the others work."""
    failed, ready = state.failed, sum(agent.state == "done" for agent in state.agents)
    counted = tr("{n} of {all} agents could not be set up", n=len(failed), all=len(state.agents))
    title = tr("{agent} could not be set up", agent=failed[0].name) if len(failed) == 1 else counted
    text = plural(ready, tr("The other agent is ready."), tr("The other {n} agents are ready.")) if ready else ""
    return Head("circle-alert", "danger", title, text)


def _steps_title(state: ConfirmationState) -> str:
    if state.is_bundle:
        ready = sum(agent.state == "done" for agent in state.agents)
        if ready == len(state.agents):
            return plural(ready, tr("Your agent"), tr("Your {n} agents"))
        return tr("{ready} of {all} agents ready", ready=ready, all=len(state.agents))
    if state.phase is DeploymentPhase.READY:
        return tr("Set up and tested")
    done = sum(step.state == "done" for step in state.steps)
    return tr("Setting up, {done} of {all} steps done", done=done, all=len(state.steps))


def _hint(state: ConfirmationState) -> str:
    """What happens next without doing anything."""
    if state.waits_for in (Waiting.BANK, Waiting.MONEY):
        return tr("You can close Souk: it goes on by itself.")
    if not state.resources:
        return ""
    if state.phase is DeploymentPhase.DEPLOYING and state.is_bundle:
        return tr("The chat with {agent} opens by itself when everything is done.", agent=state.resources[0].name)
    if state.phase is DeploymentPhase.DEPLOYING:
        return tr("The chat opens by itself when everything is done. Configuring can wait.")
    return tr("Configuring can wait: everything has a working value.") if state.phase is DeploymentPhase.READY else ""
