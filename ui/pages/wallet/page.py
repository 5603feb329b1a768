"""Wallet: the balance big, what it is made of, what moved it, and the questions that change it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QStackedWidget, QVBoxLayout, QWidget

from services.api.money import Money
from services.api.types import Cap, Credit, Document, Paid, PaymentState
from ui import theme
from ui.pages.wallet.auto_top_up import AutoTopUpSheet
from ui.pages.wallet.balance import TopCards
from ui.pages.wallet.caps import CapSection
from ui.pages.wallet.credits import CreditSection
from ui.pages.wallet.movements import MovementSection
from ui.pages.wallet.questions import AlertDialog, CapDialog, RaiseDialog, RedeemDialog, RefundDialog
from ui.pages.wallet.top_up import TopUpSheet
from ui.text import exact_money, tr
from ui.text.methods import processing_text
from ui.viewmodels.base import Status
from ui.viewmodels.wallet import WalletState, WalletViewModel
from ui.widgets.arranged_page import ArrangedPage
from ui.widgets.controls import Button, Segmented, column, label, page, row, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.folding import FoldingRow, Reading
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import OverlayStack
from ui.widgets.save_file import offer_file
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows

WIDTH = 1000
MOVEMENTS, CREDITS, LIMITS = range(3)


class WalletPage(ArrangedPage):
    """Signals: explain_requested(ref); sign_in_requested(); browse(); methods_requested() - the ways to pay."""

    explain_requested = Signal(str)
    methods_requested = Signal()
    sign_in_requested = Signal()
    browse = Signal()

    def __init__(self, vm: WalletViewModel) -> None:
        super().__init__()
        self.setObjectName("walletPage")
        self.setAccessibleName(tr("Wallet"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # holds the focus while the wallet loads
        page(self)
        self.vm = vm
        self._due: Callable[[], None] | None = None  # a question asked before the wallet was there
        frame = QVBoxLayout(self)
        frame.setContentsMargins(0, 0, 0, 0)
        frame.addWidget(self._views())
        self._connect()
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        self._waiting = QWidget()
        self._waiting.setLayout(column(skeleton_rows(5, height=88, gap=16), margins=(24, 24, 24, 24)))
        self._guest = EmptyState(
            "wallet", tr("Sign in to see your wallet"), tr("Credit belongs to your organization."), tr("Sign in"),
            name="walletGuest",
        )  # fmt: skip
        self._guest.acted.connect(self.sign_in_requested)
        self._error = ErrorState(name="walletError")
        self._error.retried.connect(self.vm.retry)
        self._content = scroll_page(self._whole())
        self._places = {view: scroll_page(view) for view in (self._guest, self._error)}
        for view in (self._content, self._waiting, *self._places.values()):
            self._stack.addWidget(view)
        return self._stack

    def _whole(self) -> QWidget:
        whole = Reading()
        self.cards = TopCards()
        self.tabs = Segmented([tr("Movements"), tr("Credit"), tr("Limits")], label=tr("Show"), name="walletTabs")
        self.movements = MovementSection(self.vm)
        self.credit = CreditSection()
        self.limits = CapSection(self.vm.caps)
        self._frame = QVBoxLayout(whole)
        self._frame.setSpacing(16)
        self._frame.addWidget(self._head())
        self._frame.addWidget(self._notice())
        self._frame.addWidget(self.cards)
        self._frame.addLayout(row(self.tabs, None))
        self._parts: tuple[QWidget, ...] = (self.movements, self.credit, self.limits)
        for part in self._parts:
            self._frame.addWidget(part, 1)
        self._show_tab(MOVEMENTS)
        return whole

    def _head(self) -> QWidget:
        self._organization = label("", "muted", name="walletOrganization")
        self.methods_button = Button(tr("Payment methods"), "ghost", "credit-card", name="walletMethods")
        self.methods_button.clicked.connect(self.methods_requested)
        self.redeem_button = Button(tr("Redeem a code"), "secondary", "gift", name="redeemButton")
        self.top_up_button = Button(tr("Top up"), "primary", "plus", name="topUpButton")
        self.redeem_button.clicked.connect(self.open_redeem)
        self.top_up_button.clicked.connect(self.open_top_up)
        words, buttons = QWidget(), QWidget()
        words.setLayout(column(label(tr("Wallet"), "display"), self._organization, spacing=2))
        buttons.setLayout(row(self.methods_button, self.redeem_button, self.top_up_button))
        return FoldingRow(words, buttons)

    def _notice(self) -> Banner:
        self._banner = Banner(tone="warning", name="walletNotice")
        self._banner.acted.connect(self.vm.load)
        return self._banner

    def _connect(self) -> None:
        vm = self.vm
        vm.changed.connect(self._on_changed)
        vm.top_up.paid.connect(self._on_topped_up)
        vm.redeemed.connect(self._on_redeemed)
        vm.refunded.connect(self._on_refunded)
        vm.alert_set.connect(self._on_alert_set)
        vm.exported.connect(self._on_exported)
        vm.auto.saved.connect(self._on_auto_saved)
        vm.caps.saved.connect(self._on_cap_saved)
        vm.caps.removed.connect(self._on_cap_removed)
        self.tabs.changed.connect(self._show_tab)
        self.cards.balance.explained.connect(self.explain_requested)
        self.cards.automatic.auto_wanted.connect(self.open_auto_top_up)
        self.cards.automatic.alert_wanted.connect(self.open_alert)
        self.movements.explained.connect(self.explain_requested)
        self.movements.top_up_wanted.connect(self.open_top_up)
        self.credit.explained.connect(self.explain_requested)
        self.credit.top_up_wanted.connect(self.open_top_up)
        self.credit.refund_wanted.connect(self._open_refund)
        self.limits.set_wanted.connect(self._open_cap)
        self.limits.raise_wanted.connect(self._open_raise)
        for rebuilt in (self.credit.rebuilt, self.limits.rebuilt):
            rebuilt.connect(lambda: set_tab_order(self))

    # -- state -----------------------------------------------------------------------------------------------------
    def _show_tab(self, index: int) -> None:
        for place, part in enumerate(self._parts):
            part.setVisible(place == index)

    def _on_changed(self) -> None:
        state = self.vm.state
        if state.wallet is not None:
            self._organization.setText(state.wallet.organization_name)
            self._organization.setVisible(bool(state.wallet.organization_name))
            self.cards.show_wallet(state.wallet)
            self.credit.show_wallet(state.wallet)
        self.movements.show_state(state)
        self._show_view(state)
        if state.status is Status.READY and self._due is not None:
            due, self._due = self._due, None
            due()

    def _show_view(self, state: WalletState) -> None:
        if state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
            self._banner.set_message(state.error.sentence, action=tr("Try again"))
        self._banner.setVisible(state.error is not None and state.status is Status.READY)
        views: dict[Status, QWidget] = {
            Status.READY: self._content,
            Status.LOADING: self._content if state.wallet is not None else self._waiting,
            Status.EMPTY: self._places[self._guest],
            Status.ERROR: self._places[self._error],
        }
        wanted = views[state.status]
        if wanted is not self._stack.currentWidget():
            focused = QApplication.focusWidget()
            goes_along = focused is None or focused is self or self._stack.isAncestorOf(focused)
            self._stack.setCurrentWidget(wanted)
            if goes_along and self.isVisible():
                self.focus_content()

    # -- questions -------------------------------------------------------------------------------------------------
    def _ask(self, question: Callable[[], None]) -> None:
        """Now, or as soon as the wallet is there; a guest signs in first."""
        state = self.vm.state
        if state.is_guest:
            self.sign_in_requested.emit()
        elif state.wallet is None:
            self._due = question
        elif OverlayStack.of(self).top is None:
            question()

    def open_top_up(self) -> None:
        self._ask(self._open_top_up)

    def open_redeem(self) -> None:
        self._ask(lambda: RedeemDialog(self, self.vm).open())

    def open_auto_top_up(self) -> None:
        self._ask(self._open_auto)

    def open_limits(self) -> None:
        self.tabs.set_current(2)
        self._show_tab(2)

    def open_alert(self) -> None:
        self._ask(self._open_alert)

    def _open_top_up(self) -> None:
        state = self.vm.state
        if state.wallet is not None:
            self.vm.top_up.start(state.wallet, state.options)
            TopUpSheet(self, self.vm.top_up).open()

    def _open_auto(self) -> None:
        state = self.vm.state
        if state.wallet is not None:
            self.vm.auto.start(state.wallet, state.options)
            AutoTopUpSheet(self, self.vm.auto).open()

    def _open_alert(self) -> None:
        if self.vm.state.wallet is not None:
            AlertDialog(self, self.vm, self.vm.state.wallet).open()

    def _open_refund(self, credit: Credit) -> None:
        RefundDialog(self, self.vm, credit).open()

    def _open_cap(self, cap: Cap | None) -> None:
        caps = self.vm.caps
        currency = self.vm.state.wallet.balance.currency if self.vm.state.wallet else "USD"
        dialog = CapDialog(self, caps.state.scopes, cap, currency)
        dialog.chosen.connect(caps.set)
        self._follow_caps(dialog)

    def _open_raise(self, cap: Cap) -> None:
        dialog = RaiseDialog(self, cap)
        dialog.chosen.connect(lambda limit: self.vm.caps.raise_for_a_day(cap, limit))
        self._follow_caps(dialog)

    def _follow_caps(self, dialog: CapDialog | RaiseDialog) -> None:
        caps = self.vm.caps

        def show() -> None:
            dialog.show_problems(caps.state.problems, caps.state.error, is_busy=caps.state.is_saving)

        followed = caps.changed.connect(show)
        dialog.closed.connect(lambda: caps.changed.disconnect(followed))
        dialog.closed.connect(caps.forget_problems)
        caps.saved.connect(dialog.close_overlay)
        dialog.open()

    # -- answers ---------------------------------------------------------------------------------------------------
    def _on_topped_up(self, paid: Paid) -> None:
        amount = exact_money(paid.amount)
        if paid.state is PaymentState.PROCESSING:
            toast_area(self).show_toast(processing_text(self.vm.top_up.state.method, amount), icon="hourglass")
            return
        text = tr("{amount} was paid; the credit is in your wallet.", amount=amount)
        toast_area(self).show_toast(text, icon="circle-check")

    def _on_redeemed(self, credit: Money) -> None:
        text = tr("{amount} of credit is in your wallet.", amount=exact_money(credit))
        toast_area(self).show_toast(text, icon="gift")

    def _on_refunded(self, paid: Paid) -> None:
        amount = exact_money(paid.amount if paid.amount.micros >= 0 else -paid.amount)
        toast_area(self).show_toast(tr("{amount} goes back to the card.", amount=amount), icon="undo-2")

    def _on_alert_set(self) -> None:
        toast_area(self).show_toast(tr("The alert is changed."), icon="bell")

    def _on_auto_saved(self, is_on: bool) -> None:
        words = tr("Auto-top-up is on.") if is_on else tr("Auto-top-up is off.")
        toast_area(self).show_toast(words, icon="circle-check")

    def _on_cap_saved(self, how: str) -> None:
        words = tr("The limit is raised for 24 hours.") if how == "raised" else tr("The limit is set.")
        toast_area(self).show_toast(words, icon="shield-check")

    def _on_cap_removed(self, cap: Cap) -> None:
        toast_area(self).show_toast(
            tr("The limit of {name} is removed.", name=cap.scope_name),
            action=tr("Undo"), on_action=lambda: self.vm.caps.restore(cap), icon="trash",
        )  # fmt: skip

    def _on_exported(self, document: Document) -> None:
        offer_file(self, document.name, document.data, title=tr("Save movements"), kinds=tr("CSV (*.csv)"))

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def focus_content(self) -> None:
        """To the primary action, or to the one thing to do instead."""
        state = self.vm.state
        if state.status is Status.READY:
            self.top_up_button.setFocus(Qt.FocusReason.OtherFocusReason)
        elif state.status is Status.EMPTY:
            self._guest.action_button.setFocus(Qt.FocusReason.OtherFocusReason)
        elif state.status is Status.ERROR:
            self._error.action_button.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _arrange(self) -> None:
        side = max(24, (self.width() - theme.current().px(WIDTH)) // 2)
        self._frame.setContentsMargins(side, 24, side, 16)
        room = self.width() - 2 * side
        self.cards.arrange(room)
        self.movements.arrange(room)
