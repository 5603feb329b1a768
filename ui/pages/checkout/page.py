"""Checkout on one page: what is bought on the left, who pays and how on the right, one button."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, Qt, Signal, SignalInstance
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QBoxLayout, QFrame, QStackedWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from ui import theme
from ui.pages.checkout.confirm import ConfirmSheet
from ui.pages.checkout.paying import LEFT_HALF, PayingCard
from ui.pages.checkout.plans import PlanSection
from ui.pages.checkout.summary import OrderSection
from ui.text import tr
from ui.text.ordering import quote_sent_text
from ui.viewmodels.base import Status
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.checkout_state import AccountMode, CheckoutState, Phase
from ui.widgets.arranged_page import ArrangedPage
from ui.widgets.controls import Button, Icon, badge, card, column, label, page, row, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.folding import Reading
from ui.widgets.layout import ScrollPage
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows
from ui.widgets.waiting_sheet import WaitingStep

TWO_COLUMNS = 980  # px at 100 % text; below it the halves stand one below the other
LEFT, RIGHT, BETWEEN = 660, 460, 40
LEAST_BACK = 120
WIDEST = (1 << 24) - 1  # Qt's own "no maximum"
OTHER_WAY = (
    "card_declined",
    "insufficient_funds",
    "payment_failed",
    "confirmation_declined",
    "payment_not_completed",
    "payment_expired",
    "payment_canceled",
    "debit_failed",
    "payment_profile_needed",
    "provider_rejected",
)
GO_BACK = ("not_found", "nothing_missing")
READ_AGAIN = ("conflict", "wrong_state")
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class CheckoutPage(ArrangedPage):
    """Signals: back() - to where the buyer came from. The view-model says `placed` when there is an order."""

    back = Signal()

    def __init__(self, vm: CheckoutViewModel) -> None:
        super().__init__()
        self.setObjectName("checkoutPage")
        self.setAccessibleName(tr("Checkout"))
        page(self)
        self.vm = vm
        self._sheet: ConfirmSheet | None = None
        self._waiting = WaitingStep(self, vm.page)
        self._waiting.closed.connect(self._on_waiting_closed)
        self._phase = vm.state.phase
        self._is_focus_due = True
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self._top_bar())
        outer.addWidget(self._views(), 1)
        self._connect()
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _top_bar(self) -> QFrame:
        bar = QFrame()
        bar.setObjectName("topbar")
        self.back_button = Button(tr("Back"), "ghost", "arrow-left", name="backButton")
        self.back_button.clicked.connect(self.back)
        self._test_mode = badge(tr("Test mode: no real money moves"), "accent", "flask-conical", name="testModeBadge")
        self._secure = QWidget()
        lock = row(
            Icon("lock", "textMuted", 14), label(tr("Secure checkout"), "small"), spacing=6, margins=(12, 0, 0, 0)
        )
        self._secure.setLayout(lock)
        bar.setLayout(row(self.back_button, None, self._test_mode, self._secure, margins=(16, 8, 24, 8)))
        return bar

    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        self._error = ErrorState(name="checkoutError")
        self._error.retried.connect(self.vm.retry)
        self._empty = EmptyState(
            "shopping-cart", tr("Your cart is empty"), tr("Choose an agent first; its plans are shown here."),
            tr("Browse agents"), name="checkoutEmpty",
        )  # fmt: skip
        self._empty.acted.connect(self.back)
        waiting = QWidget()
        waiting.setLayout(column(skeleton_rows(4, height=88, gap=16), margins=(60, 32, 60, 32)))
        self._content = self._scrolling()
        self._by_status: dict[Status, QWidget] = {
            Status.READY: self._content,
            Status.LOADING: scroll_page(waiting),
            Status.ERROR: scroll_page(self._error),
            Status.EMPTY: scroll_page(self._empty),
        }
        for view in self._by_status.values():
            self._stack.addWidget(view)
        return self._stack

    def _scrolling(self) -> ScrollPage:
        content = Reading()
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, content)
        self._columns.setSpacing(BETWEEN)
        self._columns.addStretch(1)
        self._columns.addWidget(self._left(), 100)
        self._columns.addWidget(self._right(), 100)
        self._columns.addStretch(1)
        return scroll_page(content)

    def _left(self) -> QWidget:
        self.plans = PlanSection()
        self.order = OrderSection()
        self._left_half = QWidget()
        self._left_half.setLayout(column(self.plans, 6, self.order, None, spacing=14))
        return self._left_half

    def _right(self) -> QWidget:
        self.paying = PayingCard()
        self._right_half = QWidget()
        self._right_half.setLayout(column(self.paying, self._quote(), None, spacing=0))
        return self._right_half

    def _quote(self) -> QWidget:
        self._quote_card = card(24, 12, name="quoteSent")
        self._quote_words = label("", "muted", name="quoteWords", wrap=True)
        self.quote_back = Button(tr("Back to the agent"), "secondary", name="quoteSentAction")
        self.quote_back.clicked.connect(self.back)
        head = row(Icon("mail", "success", 20), label(tr("Your request is on its way"), "section"), None, spacing=10)
        self._quote_card.body.addLayout(head)
        self._quote_card.body.addWidget(self._quote_words)
        self._quote_card.body.addLayout(row(self.quote_back, None))
        return self._quote_card

    def _connect(self) -> None:
        vm, paying = self.vm, self.paying
        vm.changed.connect(self._on_changed)
        vm.problems_found.connect(self._on_problems_found)
        verbs: tuple[tuple[SignalInstance, Callable[..., None]], ...] = (
            (self.plans.plan_picked, vm.select_plan),
            (self.plans.cycle_picked, vm.select_cycle),
            (self.order.trial_picked, vm.choose_trial),
            (self.order.card.coupon.typed, vm.type_coupon),
            (self.order.card.coupon.entered, vm.apply_coupon),
            (self.order.card.coupon.removed, vm.remove_coupon),
            (paying.account.email_typed, vm.type_email),
            (paying.account.password_typed, vm.type_password),
            (paying.account.left, vm.leave),
            (paying.account.swapped, self._on_swapped),
            (paying.account.another_wanted, vm.use_another_account),
            (paying.names.organization_picked, self._on_organization_picked),
            (paying.names.project_picked, vm.type_project),
            (paying.tax.country_picked, vm.choose_country),
            (paying.tax.vat_typed, vm.type_vat),
            (paying.tax.vat_entered, vm.apply_vat),
            (paying.payment.method_picked, vm.choose_method),
            (paying.payment.card_picked, vm.choose_card),
            (paying.payment.card_added, self._on_card_added),
            (paying.terms_changed, vm.accept_terms),
            (paying.message_typed, vm.type_message),
        )
        for signal, verb in verbs:
            signal.connect(partial(self._do, verb))
        for rebuilt in (self.plans.grid.rebuilt, paying.payment.cards.rebuilt):
            rebuilt.connect(partial(set_tab_order, self))
        paying.pay_pressed.connect(self.press_pay)
        paying.acted.connect(self._on_notice_acted)

    def _do(self, verb: Callable[..., None], *args: object) -> None:
        """Tells the view-model, then shows what it made of it: a refused change is taken back at once."""
        verb(*args)
        self._show_state()

    # -- what the buyer does ---------------------------------------------------------------------------------------
    def press_pay(self) -> None:
        if self.vm.state.phase is Phase.CONFIRMING:
            self._open_sheet()
        elif self.vm.state.phase is Phase.AT_PROVIDER:
            self.vm.page.attend()
        else:
            self.vm.pay()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter in any field pays; what is missing is named and focused instead. A code is only asked about."""
        if event.key() in ENTER and self._stack.currentWidget() is self._content:
            asks = (self.order.card.coupon.field.edit, self.paying.tax.vat.edit)
            if not any(edit.hasFocus() for edit in asks):
                self.press_pay()
            event.accept()
            return
        super().keyPressEvent(event)

    def _on_swapped(self, to_existing: bool) -> None:
        (self.vm.have_account if to_existing else self.vm.new_account)()
        self.paying.focus_field("password" if self.vm.state.email else "email")

    def _on_organization_picked(self, name: str) -> None:
        self.vm.type_organization(name)
        self.vm.type_project("")  # projects belong to one organization

    def _on_card_added(self, token: str) -> None:
        if self.vm.state.account_mode is AccountMode.SIGNED_IN:
            self.vm.save_test_card(token)
        else:
            self.vm.choose_card(token)

    def _on_notice_acted(self) -> None:
        state = self.vm.state
        code = state.error.code if state.error else ""
        if state.phase is Phase.CONFIRMING:
            self._open_sheet()
        elif state.phase is Phase.AT_PROVIDER:
            self.vm.page.attend()
        elif code in OTHER_WAY:
            self.paying.payment.focus_another()
        elif code in GO_BACK:
            self.back.emit()
        elif code == "sum_moved":
            self.vm.dismiss_error()
            self._reveal(self.order.card)
            self.paying.focus_field("")
        elif code in READ_AGAIN or (state.summary is None and not state.is_locked):
            self.vm.retry()
        else:
            self.vm.check_again()

    def _on_problems_found(self, field: str) -> None:
        (self.order if field in LEFT_HALF[1:] else self.paying).focus_field(field)
        self._reveal(QApplication.focusWidget())

    def _reveal(self, widget: QWidget | None) -> None:
        """Brings a control of the form into view, with the words below it."""
        if widget is not None and self._content.isAncestorOf(widget):
            QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)  # the words below it have just come
            self._content.reveal(widget)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        before, self._phase = self._phase, self.vm.state.phase
        if self.vm.state.status is Status.LOADING:
            self._is_focus_due = True
            for fold in (self.order.card.coupon.fold, self.paying.tax.fold):
                fold.set_open(False)
        self._show_state()
        self._follow_phase(before, self._phase)
        self._focus_when_due()

    def _show_state(self) -> None:
        state = self.vm.state
        name = state.offering.card.name if state.offering else ""
        self.back_button.setText(tr("Back to {agent}", agent=name) if name else tr("Back"))
        self.back_button.setToolTip(self.back_button.text() if name else "")
        self._test_mode.setVisible(state.options is not None and state.options.is_test_mode)
        self._show_view(state)
        if state.offering is None:
            return
        self.plans.show_state(state)
        self.order.show_state(state)
        self.paying.show_state(state)
        self._show_quote(state)
        if self._sheet is not None and isValid(self._sheet):
            self._sheet.show_state(state)

    def _show_view(self, state: CheckoutState) -> None:
        is_known = state.status is Status.LOADING and state.offering is not None
        self._stack.setCurrentWidget(self._content if is_known else self._by_status[state.status])
        if state.status is Status.ERROR and state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)

    def _show_quote(self, state: CheckoutState) -> None:
        is_sent = state.quote_sent and state.is_quote
        self.paying.setVisible(not is_sent)
        self._quote_card.setVisible(is_sent)
        if is_sent:
            email = state.account.email if state.account else state.email.strip()
            self._quote_words.setText(quote_sent_text(email, is_guest=state.account is None))

    def _follow_phase(self, before: Phase, now: Phase) -> None:
        if now is Phase.CONFIRMING and before is Phase.PAYING and self._sheet is None:
            self._open_sheet()
        elif now not in (Phase.CONFIRMING, Phase.PAYING):
            self._close_sheet()
        if now is Phase.FAILED and before is not Phase.FAILED:
            self._reveal(self.paying.pay)
            self._reveal(self.paying.notice)
            refused = next((name for name in LEFT_HALF[1:] if name in self.vm.state.refused), "")
            if refused:
                self._on_problems_found(refused)
            elif self.paying.focus_failure(self.vm.state):
                self._reveal(QApplication.focusWidget())
            elif before is Phase.AT_PROVIDER:
                self.paying.payment.focus_chosen()  # another way is one key away
            elif not self.paying.isAncestorOf(QApplication.focusWidget() or self):
                self.paying.focus_field("")  # what had the focus was switched off while it was paid
        elif now is Phase.IDLE and before is Phase.AT_PROVIDER:
            self.paying.payment.focus_chosen()  # another way is one key away
        elif self.vm.state.quote_sent and before is Phase.PAYING:
            self.quote_back.setFocus(Qt.FocusReason.OtherFocusReason)

    def _open_sheet(self) -> None:
        if self._sheet is not None:
            return
        self._sheet = ConfirmSheet(self, self.vm.state)
        self._sheet.answered.connect(self.vm.confirm)
        self._sheet.closed.connect(self._on_sheet_closed)
        self._sheet.open()

    def _close_sheet(self) -> None:
        if self._sheet is not None and isValid(self._sheet):
            self._sheet.close_overlay()

    def _on_sheet_closed(self) -> None:
        self._sheet = None
        self._show_state()

    def _on_waiting_closed(self) -> None:
        """The page is still open: the keyboard goes to where its sheet comes from again."""
        if self.vm.page.state.is_open:
            self.paying.notice.action_button.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def _focus_when_due(self) -> None:
        state = self.vm.state
        is_new = state.account_mode is not AccountMode.SIGNED_IN and not state.email
        is_settled = state.status is Status.READY and (is_new or state.can_pay)
        if self._is_focus_due and self.isVisible() and is_settled:
            self._is_focus_due = False
            chosen = self.plans.grid.card(state.plan_uuid)
            if self._is_wide or chosen is None:
                self.paying.focus_first(state)
            else:
                chosen.setFocus(Qt.FocusReason.OtherFocusReason)  # the fields are further down, out of sight

    def focus_content(self) -> None:
        """The keyboard goes to the first thing still to be done, as soon as that is known."""
        self._is_focus_due = True
        self._focus_when_due()

    @property
    def _is_wide(self) -> bool:
        return self.width() >= theme.current().px(TWO_COLUMNS)

    def _arrange(self) -> None:
        """Two columns where both halves fit at this text size, else one."""
        px, is_wide = theme.current().px, self._is_wide
        direction = QBoxLayout.Direction
        self._columns.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)
        self._secure.setVisible(is_wide)
        self.back_button.setMinimumWidth(px(LEAST_BACK))  # a long name is elided before the window must grow
        edge, top = (40, 26) if is_wide else (24, 20)
        side = edge if is_wide else max(edge, (self.width() - px(LEFT)) // 2)
        self._columns.setContentsMargins(side, top, side, top)
        self._columns.setSpacing(BETWEEN if is_wide else 24)
        self._left_half.setMaximumWidth(px(LEFT) if is_wide else WIDEST)
        self._right_half.setMinimumWidth(px(RIGHT) if is_wide else 0)
        self._right_half.setMaximumWidth(px(RIGHT) if is_wide else WIDEST)
