"""The sheet in which a subscription is changed: choose, see every line, do it; a bank's question is answered here."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt
from PySide6.QtWidgets import QApplication, QWidget

from ui.pages.subscriptions.arithmetic import Arithmetic
from ui.pages.subscriptions.parts import CancelPart, Part, PausePart, PlanPart, UsagePaymentPart
from ui.text import exact_money, tr
from ui.text.changes import change_problem, change_title, commit_label, moved_text
from ui.text.methods import add_label, method_items, method_name, page_button
from ui.text.subscriptions import paid_by
from ui.viewmodels.base import Status
from ui.viewmodels.checkout_state import PAGED
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.plan_change_state import ChangePhase, PlanChangeState, Task
from ui.widgets.controls import Button, SelectField, badge, card, column, label, row
from ui.widgets.focus_order import set_tab_order
from ui.widgets.layout import ScrollPage
from ui.widgets.notices import Banner
from ui.widgets.overlay import Sheet
from ui.widgets.states import ErrorState, skeleton_rows
from ui.widgets.waiting_sheet import WaitingStep

PARTS: dict[Task, type[Part]] = {
    Task.PLAN: PlanPart,
    Task.CANCEL: CancelPart,
    Task.PAUSE: PausePart,
    Task.USAGE_PAYMENT: UsagePaymentPart,
}
WITH_SUMS = (Task.PLAN, Task.RESUME, Task.UNDO, Task.PAY)
WIDE, NARROW = 780, 520
EDGES = 2  # the panel's frame, on both sides
AIR = 12  # below the last line, so that no scroll bar comes for a rounded pixel
OTHER_CARD = frozenset(
    {"payment_failed", "card_declined", "insufficient_funds", "confirmation_declined", "payment_profile_needed"}
)
READ_AGAIN = frozenset({"wrong_state", "not_found", "conflict"})


class ChangeSheet(Sheet):
    """Shows a PlanChangeViewModel until it is finished or dismissed."""

    def __init__(self, vm: PlanChangeViewModel, window: QWidget) -> None:
        state = vm.state
        title = change_title(state.task, state.subscription) if state.task and state.subscription else ""
        super().__init__(window, title, name="changeSheet", width=WIDE if state.task is Task.PLAN else NARROW)
        self.vm = vm
        self._task = state.task
        self._was_ready = False
        self._said = ""  # by the notice, already brought into view
        self._is_rendering = False
        self._pages = (WaitingStep(self, vm.page), WaitingStep(self, vm.adding.page))
        self._build_places()
        self._build_buttons()
        vm.changed.connect(self._on_changed)
        vm.problems_found.connect(self._on_problems_found)
        self._on_changed()

    # -- building --------------------------------------------------------------------------------------------------
    def _build_places(self) -> None:
        self._waiting = skeleton_rows(3, height=72, gap=12)
        self._error = ErrorState(name="changeError")
        self._error.retried.connect(self.vm.retry)
        self.part = PARTS[self._task](self.vm) if self._task in PARTS else None
        if self.part is not None:
            self.part.rebuilt.connect(lambda: set_tab_order(self.panel))
        self.arithmetic = Arithmetic()
        self._content = QWidget()
        parts = [self.part] if self.part is not None else []
        self._content.setLayout(column(*parts, self.arithmetic, self._cards(), self._banner(), spacing=16))
        for place in (self._waiting, self._error, self._content, self._confirming()):
            self.body.addWidget(place)
        self.body.addStretch(1)

    def _cards(self) -> QWidget:
        self.cards = SelectField(tr("Pay with"), name="changeCard")
        self.cards.select.picked.connect(self._on_card_picked)
        self._other_card = Button(tr("Pay another way"), "link", "credit-card", name="changeOtherCard")
        self._other_card.clicked.connect(self._on_other_card)
        self._paid_with = label("", "small", name="changePaidWith")
        self._own_card = QWidget()
        self._own_card.setLayout(row(self._paid_with, self._other_card, None, spacing=12))
        whole = QWidget()
        whole.setLayout(column(self._own_card, self.cards, spacing=8))
        return whole

    def _banner(self) -> Banner:
        self.notice = Banner(tone="danger", name="changeNotice")
        self.notice.acted.connect(self._on_notice_acted)
        return self.notice

    def _confirming(self) -> QWidget:
        self._bank = QWidget()
        box = card(16, 8)
        self._bank_amount = label("", "title", name="confirmAmount", tabular=True)
        self._bank_card = label("", "muted", name="confirmCard")
        for part in (label(tr("Your bank asks you to confirm"), "strong"), self._bank_amount, self._bank_card):
            box.body.addWidget(part)
        words = label(
            tr("This stands for your bank’s own page. Nothing is charged before you approve."), "muted", wrap=True
        )
        self._bank_notice = Banner(tone="danger", name="confirmError")
        test = row(badge(tr("TEST"), "warning", "flask-conical", name="testBadge"), None)
        self._bank.setLayout(column(test, words, box, self._bank_notice, spacing=12))
        return self._bank

    def _build_buttons(self) -> None:
        is_cancel = self._task is Task.CANCEL
        self.commit = Button("", "secondary" if is_cancel else "primary", name="changeCommit")
        self.commit.clicked.connect(self.vm.commit)
        leave = tr("Keep the subscription") if is_cancel else tr("Close")
        self.leave = Button(leave, "secondary" if is_cancel else "ghost", name="changeLeave")
        self.leave.clicked.connect(self.dismiss)
        self.approve = Button(tr("Approve"), "primary", "check", name="approveButton")
        self.approve.clicked.connect(lambda: self.vm.confirm(True))
        self.decline = Button(tr("Decline"), "secondary", name="declineButton")
        self.decline.clicked.connect(lambda: self.vm.confirm(False))
        for button in (self.commit, self.leave, self.approve, self.decline):
            self.footer.addWidget(button)
        self.footer.addStretch()

    def place(self) -> QRect:
        """Plans need the room at the side; a short question stands in the middle, as tall as its lines."""
        side = super().place()
        content, layout = self.area.widget(), self.panel.layout()
        inner = content.layout() if content is not None else None
        if self._task is Task.PLAN or inner is None or layout is None:
            return side
        items = [layout.itemAt(index) for index in range(layout.count())]
        around = sum(item.sizeHint().height() for item in items if item is not None and item.widget() is not self.area)
        wanted = max(inner.totalHeightForWidth(side.width() - EDGES), inner.totalMinimumSize().height()) + EDGES
        height = min(around + wanted + AIR, side.height())
        return QRect((self.width() - side.width()) // 2, (self.height() - height) // 2, side.width(), height)

    # -- what is done ----------------------------------------------------------------------------------------------
    def accept_default(self) -> None:
        """Money is never spent by an Enter that was meant for something else: only the buttons answer."""

    def _on_card_picked(self, token: object) -> None:
        if self._is_rendering or not isinstance(token, str):
            return
        options = self.vm.state.options
        is_test = options is not None and any(one.token == token for one in options.test_cards)
        if is_test and self._task is Task.CARD:
            self.vm.save_test_card(token)  # what is charged later must be on file
        else:
            self.vm.choose_card(token)

    def _on_other_card(self) -> None:
        self.vm.open_cards()
        self.cards.select.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_notice_acted(self) -> None:
        error = self.vm.state.error
        code = error.code if error is not None else ""
        if code in OTHER_CARD:
            self.cards.select.setFocus(Qt.FocusReason.OtherFocusReason)
        elif code in READ_AGAIN:
            self.vm.retry()
        else:
            self.vm.commit()

    def _on_problems_found(self, field: str) -> None:
        if field == "payment_token":
            self.cards.select.setFocus(Qt.FocusReason.OtherFocusReason)
        elif self.part is not None:
            self.part.focus_field(field)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        if state.task is not self._task:
            return  # closing
        self._is_rendering = True
        is_bank = state.phase in (ChangePhase.CONFIRMING, ChangePhase.ANSWERING)
        self._waiting.setVisible(state.status is Status.LOADING)
        self._error.setVisible(state.status is Status.ERROR)
        self._content.setVisible(state.status is Status.READY and not is_bank)
        self._bank.setVisible(is_bank)
        if state.status is Status.ERROR and state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
        if state.status is Status.READY:
            self._show_ready(state)
        self._show_buttons(state, is_bank=is_bank)
        self._is_rendering = False
        if self.isVisible():
            QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
            self._arrange()  # the lines may be others now
        self._follow(state, is_bank=is_bank)
        self._said = "" if self.notice.isHidden() else self.notice.text

    def _show_ready(self, state: PlanChangeState) -> None:
        if self.part is not None:
            self.part.show_state(state)
        is_asked = self._task is not Task.PLAN or not state.is_same
        self.arithmetic.setVisible(self._task in WITH_SUMS and is_asked and self._has_sums(state))
        self.arithmetic.show_state(state)
        self._show_cards(state)
        self._show_notice(state)
        amount = exact_money(state.due_now) if state.due_now is not None else ""
        self._bank_amount.setText(amount)
        self._bank_card.setText(method_name(state.options, state.payment_token) or self._own_way(state))
        self._bank_notice.setVisible(state.error is not None)
        self._bank_notice.set_message(state.error.sentence if state.error is not None else "")

    @staticmethod
    def _has_sums(state: PlanChangeState) -> bool:
        return state.is_previewing or state.preview is not None or state.task is Task.PAY

    @staticmethod
    def _own_way(state: PlanChangeState) -> str:
        """What is charged for this subscription; the wallet and invoices are not."""
        item = state.subscription
        return item.paid_with if item is not None and item.payment_method in PAGED else ""

    def _show_cards(self, state: PlanChangeState) -> None:
        is_paying = state.charges or self._task in (Task.CARD, Task.PAY) or state.has_opened_cards
        has_choice = is_paying and state.needs_card_choice
        own = self._own_way(state)
        self._own_card.setVisible(is_paying and not has_choice and bool(own))
        self._paid_with.setText(paid_by(own))
        self.cards.setVisible(has_choice)
        first = tr("{way}, as now", way=own) if own else tr("What is on file")
        must_choose = self._task in (Task.CARD, Task.PAY)
        items: list[tuple[str, object]] = [] if must_choose else [(first, "")]
        if must_choose and not state.payment_token:
            items.append((tr("Choose what pays"), ""))
        items += method_items(state.options)
        self.cards.select.set_items(items)
        self.cards.select.set_current(state.payment_token)
        code = state.problems.get("payment_token")
        self.cards.set_error(change_problem("payment_token", code, 0) if code else self._card_trouble(state))
        self.cards.set_help(tr("Now: {way}", way=own) if self._task is Task.CARD and own else "")
        self.cards.setEnabled(not state.is_locked and not state.is_busy)

    @staticmethod
    def _card_trouble(state: PlanChangeState) -> str | None:
        """A refused card is said beside the card."""
        if state.phase is ChangePhase.FAILED and state.error is not None and state.error.code in OTHER_CARD:
            return state.error.sentence
        return None

    def _show_notice(self, state: PlanChangeState) -> None:
        text, tone, action = "", "danger", ""
        if state.error is not None and self._card_trouble(state) is None and not state.refused:
            text, action = state.error.sentence, state.error.action
        elif state.moved_from is not None and state.due_now is not None:
            text, tone = moved_text(state.moved_from, state.due_now), "warning"
        self.notice.set_message(text, tone, action)
        self.notice.setVisible(bool(text))

    def _show_buttons(self, state: PlanChangeState, *, is_bank: bool) -> None:
        is_ready = state.status is Status.READY
        self.commit.setVisible(is_ready and not is_bank)
        self.leave.setVisible(not is_bank)
        if state.task is not None:
            pending = state.preview is not None and state.preview.is_pending
            words = commit_label(state.task, state.due_now, is_pending=pending, is_now=state.is_now)
            self.commit.setText(self._page_words(state) or words)
        self.commit.set_busy(state.is_adding or state.phase is ChangePhase.COMMITTING)
        self.commit.setEnabled(state.can_commit or state.is_busy or state.phase is ChangePhase.WAITING)
        self.leave.setEnabled(not state.is_busy)
        self.approve.setVisible(is_bank)
        self.decline.setVisible(is_bank)
        self.approve.set_busy(state.phase is ChangePhase.ANSWERING)
        self.decline.setEnabled(state.phase is not ChangePhase.ANSWERING)
        self.is_dismissible = not state.is_busy

    @staticmethod
    def _page_words(state: PlanChangeState) -> str:
        """On the button when a page of the provider comes next; empty otherwise."""
        amount = exact_money(state.due_now) if state.due_now is not None else ""
        if state.phase is ChangePhase.WAITING:
            return tr("Finish in your browser – {amount}", amount=amount)
        if state.fresh is None:
            return ""
        if state.task is Task.PAY:
            return page_button(state.fresh, amount)
        return tr("{add} first", add=add_label(state.fresh))

    def _follow(self, state: PlanChangeState, *, is_bank: bool) -> None:
        """The focus goes where something is to be done now."""
        if not self.isVisible():
            return
        if state.status is Status.READY and not self._was_ready:
            self._was_ready = True
            set_tab_order(self.panel)
            self._focus_start()
        elif self._card_trouble(state) is not None and not self.cards.select.hasFocus():
            self.cards.select.setFocus(Qt.FocusReason.OtherFocusReason)
            self._reveal(self.cards)
        elif not self.notice.isHidden() and self.notice.text != self._said:
            self._reveal(self.notice)
        elif is_bank and QApplication.focusWidget() not in (self.approve, self.decline):
            self.approve.setFocus(Qt.FocusReason.OtherFocusReason)

    def _reveal(self, widget: QWidget) -> None:
        """Brings what was just said into view."""
        if isinstance(self.area, ScrollPage):
            self.area.reveal(widget)

    def _focus_start(self) -> None:
        if self.part is not None:
            self.part.focus_first()
        elif self.cards.isVisible():
            self.cards.select.setFocus(Qt.FocusReason.OtherFocusReason)
        elif self.commit.isEnabled():
            self.commit.setFocus(Qt.FocusReason.OtherFocusReason)
