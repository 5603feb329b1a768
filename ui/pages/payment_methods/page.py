"""Payment methods: what is charged for subscriptions, invoices and top-ups, and how one comes and goes."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QStackedWidget, QVBoxLayout, QWidget

from services.api.types import SavedMethod
from ui import theme
from ui.pages.payment_methods.adding import AddButtons
from ui.pages.payment_methods.row import MethodRow
from ui.text import tr
from ui.text.methods import removal_text, removal_title, saved_method_label
from ui.viewmodels.base import Status
from ui.viewmodels.payment_methods import PaymentMethodsState, PaymentMethodsViewModel
from ui.widgets.arranged_page import ArrangedPage
from ui.widgets.controls import clear, column, label, page, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.folding import Reading
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import Dialog, OverlayStack
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows
from ui.widgets.waiting_sheet import WaitingStep

WIDTH = 760
AIR = 24


class PaymentMethodsPage(ArrangedPage):
    """Signals: sign_in_requested()."""

    sign_in_requested = Signal()

    def __init__(self, vm: PaymentMethodsViewModel) -> None:
        super().__init__()
        self.setObjectName("paymentMethodsPage")
        self.setAccessibleName(tr("Payment methods"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # holds the focus while the list loads
        page(self)
        self.vm = vm
        self._tokens: tuple[str, ...] = ()
        self._rows: dict[str, MethodRow] = {}
        self._question: Dialog | None = None
        frame = QVBoxLayout(self)
        frame.setContentsMargins(0, 0, 0, 0)
        frame.addWidget(self._views())
        self._waiting_step = WaitingStep(self, vm.adding.page)
        self._connect()
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        waiting = QWidget()
        title = label(tr("Payment methods"), "display")
        waiting.setLayout(column(title, skeleton_rows(3, height=72, gap=12), spacing=20, margins=(AIR, AIR, AIR, AIR)))
        self._waiting = scroll_page(waiting)
        self._empty = EmptyState(
            "credit-card", tr("No way to pay is on file"),
            tr("Add one to pay without typing it again. It is kept at the payment provider, not here."),
            name="methodsEmpty",
        )  # fmt: skip
        self._first = AddButtons("firstMethod", is_centred=True)
        self._empty.extra.addWidget(self._first)
        self._guest = EmptyState(
            "circle-user", tr("Sign in to see your payment methods"), tr("They belong to your organization."),
            tr("Sign in"), name="methodsGuest",
        )  # fmt: skip
        self._guest.acted.connect(self.sign_in_requested)
        self._error = ErrorState(name="methodsError")
        self._error.retried.connect(self.vm.retry)
        self._places = {view: scroll_page(view) for view in (self._empty, self._guest, self._error)}
        self._content = scroll_page(self._whole())
        for view in (self._content, self._waiting, *self._places.values()):
            self._stack.addWidget(view)
        return self._stack

    def _whole(self) -> QWidget:
        whole = Reading()
        self._frame = QVBoxLayout(whole)
        self._frame.setSpacing(16)
        self._frame.addWidget(self._head())
        self._frame.addWidget(self._notice())
        self._list = column(spacing=8)
        self._frame.addLayout(self._list)
        self._frame.addWidget(
            label(tr("Card numbers are typed on the provider’s own page and never reach Souk."), "small", wrap=True)
        )
        self._frame.addStretch(1)
        return whole

    def _head(self) -> QWidget:
        self._add = AddButtons("addMethod")
        about = label(tr("Charged for subscriptions, invoices and top-ups."), "muted", wrap=True)
        head = QWidget()
        head.setLayout(column(label(tr("Payment methods"), "display"), about, 12, self._add, spacing=2))
        return head

    def _notice(self) -> Banner:
        self._banner = Banner(tone="warning", name="methodsNotice")
        self._banner.acted.connect(self._on_notice_acted)
        return self._banner

    def _connect(self) -> None:
        vm = self.vm
        vm.changed.connect(self._on_changed)
        vm.adding.changed.connect(self._on_changed)
        vm.added.connect(self._on_added)
        vm.removed.connect(self._on_removed)
        vm.chosen.connect(self._on_chosen)
        for buttons in (self._add, self._first):
            buttons.wanted.connect(vm.add)
            buttons.test_wanted.connect(vm.adding.add_test_card)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        adding = self.vm.adding.state
        opening = adding.method if adding.is_busy else None
        for buttons in (self._add, self._first):
            buttons.show_options(state.options, is_busy=adding.is_busy or bool(state.busy), opening=opening)
        self._show_rows(state)
        self._show_question(state)
        self._show_view(state)

    def _show_rows(self, state: PaymentMethodsState) -> None:
        tokens = tuple(one.token for one in state.items)
        if tokens != self._tokens:
            self._rebuild(tokens)
        for saved in state.items:
            self._rows[saved.token].show_method(
                saved, state.now, is_fresh=saved.token == state.fresh, is_busy=bool(state.busy)
            )

    def _rebuild(self, tokens: tuple[str, ...]) -> None:
        focused = QApplication.focusWidget()
        is_new = self.vm.state.fresh in tokens and self.vm.state.fresh not in self._tokens
        held = next((token for token, one in self._rows.items() if focused and one.isAncestorOf(focused)), "")
        self._tokens = tokens
        clear(self._list)
        self._rows = {}
        for place, token in enumerate(tokens):
            one = self._rows[token] = MethodRow(token, place)
            one.default_wanted.connect(self.vm.make_default)
            one.remove_wanted.connect(self._ask_removal)
            self._list.addWidget(one)
        set_tab_order(self)
        if not self.isVisible() or OverlayStack.of(self).top is not None:
            return
        if is_new:
            self._rows[self.vm.state.fresh].take_focus()
        elif held:
            self._rows[held].take_focus() if held in self._rows else self.focus_content()

    def _show_view(self, state: PaymentMethodsState) -> None:
        error = state.error or self.vm.adding.state.error
        if state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
        if error is not None:
            self._banner.set_message(error.sentence, action=tr("Try again") if state.error is not None else "")
        self._banner.setVisible(error is not None)
        is_listed = state.status is Status.EMPTY and not state.is_guest and error is not None  # the banner is there
        views: dict[Status, QWidget] = {
            Status.READY: self._content,
            Status.LOADING: self._waiting,
            Status.EMPTY: self._content if is_listed else self._places[self._guest if state.is_guest else self._empty],
            Status.ERROR: self._places[self._error],
        }
        wanted = views[state.status]
        if wanted is not self._stack.currentWidget():
            focused = QApplication.focusWidget()
            goes_along = focused is None or focused is self or self._stack.isAncestorOf(focused)
            self._stack.setCurrentWidget(wanted)
            if goes_along and self.isVisible():
                self.focus_content()

    def _on_notice_acted(self) -> None:
        self.vm.adding.forget()
        self.vm.retry()

    # -- removing --------------------------------------------------------------------------------------------------
    def _ask_removal(self, token: str) -> None:
        state = self.vm.state
        saved = state.find(token)
        if saved is None or OverlayStack.of(self).top is not None:
            return
        dialog = self._question = Dialog(
            self, removal_title(saved), removal_text(saved, state.heir(token)),
            confirm=tr("Remove {name}", name=saved_method_label(saved)), cancel=tr("Keep it"), danger=True,
            name="removeMethodDialog",
        )  # fmt: skip
        dialog.confirmed.connect(partial(self.vm.remove, token))
        dialog.closed.connect(self._on_question_closed)
        dialog.open()

    def _show_question(self, state: PaymentMethodsState) -> None:
        if self._question is not None:
            self._question.set_busy(bool(state.busy))
            self._question.set_error(state.error.sentence if state.error is not None else None)

    def _on_question_closed(self) -> None:
        self._question = None

    def _on_removed(self, saved: SavedMethod) -> None:
        if self._question is not None:
            self._question.close_overlay()
        self.focus_content()
        toast_area(self).show_toast(tr("{name} is removed.", name=saved_method_label(saved)), icon="trash")

    # -- answers ---------------------------------------------------------------------------------------------------
    def _on_chosen(self, saved: SavedMethod) -> None:
        text = tr("{name} is the default now.", name=saved_method_label(saved))
        toast_area(self).show_toast(text, icon="circle-check")
        if saved.token in self._rows and self.isVisible():
            self._rows[saved.token].take_focus()

    def _on_added(self, saved: SavedMethod) -> None:
        toast_area(self).show_toast(tr("{name} is on file.", name=saved_method_label(saved)), icon="circle-check")

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def focus_content(self) -> None:
        """To what came in last, else to the first way to add one, else to the one thing to do instead."""
        state, current = self.vm.state, self._stack.currentWidget()
        if current is self._content:
            if state.fresh in self._rows:
                self._rows[state.fresh].take_focus()
                return
            if self._add.take_focus():
                return
            if self._rows:
                next(iter(self._rows.values())).take_focus()
                return
        elif current is self._places[self._empty] and self._first.take_focus():
            return
        target: QWidget = self
        if current is self._places[self._guest]:
            target = self._guest.action_button
        elif current is self._places[self._error]:
            target = self._error.action_button
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    def _arrange(self) -> None:
        side = max(AIR, (self.width() - theme.current().px(WIDTH)) // 2)
        self._frame.setContentsMargins(side, AIR, side, 16)
