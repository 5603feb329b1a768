"""Invoices: what comes next on top, the list below, and the one that is looked at beside it or in its place."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from services.api.types import Corrected, Document, Invoice, Order, Paid, Refunded
from ui import theme
from ui.pages.invoices.detail import InvoiceDetail
from ui.pages.invoices.details_sheet import BillingDetailsSheet
from ui.pages.invoices.listing import InvoiceList
from ui.pages.invoices.pay import PaySheet
from ui.pages.invoices.refund_sheet import RefundSheet
from ui.pages.invoices.transfer import AwaitedTransfers, TransferSheet
from ui.pages.invoices.upcoming import UpcomingCards
from ui.text import exact_money, tr
from ui.text.collections import refunded_text
from ui.text.invoices import corrected_text
from ui.text.methods import processing_text
from ui.viewmodels.base import Status
from ui.viewmodels.invoices import InvoicesState, InvoicesViewModel
from ui.widgets.arranged_page import ArrangedPage
from ui.widgets.controls import Button, column, label, page, rule, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.folding import FoldingRow, Reading
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import OverlayStack
from ui.widgets.save_file import offer_file
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows

WIDTH = 1000  # px at 100 % text, of the list alone
SPLIT_FROM = 940  # of the page, to show both side by side
LIST_SHARE = 0.44  # of the width beside an open invoice
DETAIL_WIDTH = 760  # of an invoice without the list
AIR = 24


class InvoicesPage(ArrangedPage):
    """Signals: explain_requested(ref); sign_in_requested(); browse()."""

    explain_requested = Signal(str)
    sign_in_requested = Signal()
    browse = Signal()

    def __init__(self, vm: InvoicesViewModel) -> None:
        super().__init__()
        self.setObjectName("invoicesPage")
        self.setAccessibleName(tr("Invoices"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # holds the focus while the list loads
        page(self)
        self.vm = vm
        self._chosen = ""
        frame = QVBoxLayout(self)
        frame.setContentsMargins(0, 0, 0, 0)
        frame.addWidget(self._views())
        self._connect()
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        waiting = QWidget()
        title = label(tr("Invoices"), "display")
        waiting.setLayout(column(title, skeleton_rows(6, height=56, gap=14), spacing=20, margins=(24, 24, 24, 24)))
        self._waiting = scroll_page(waiting)
        self._empty = EmptyState(
            "receipt", tr("You have no invoices"),
            tr("What you buy is invoiced here, with every line explained."), tr("Browse agents"), name="invoicesEmpty",
        )  # fmt: skip
        self._empty.acted.connect(self.browse)
        self._guest = EmptyState(
            "circle-user", tr("Sign in to see your invoices"), tr("They belong to your organization."), tr("Sign in"),
            name="invoicesGuest",
        )  # fmt: skip
        self._guest.acted.connect(self.sign_in_requested)
        self._error = ErrorState(name="invoicesError")
        self._error.retried.connect(self.vm.retry)
        self._places = {view: scroll_page(view) for view in (self._empty, self._guest, self._error)}
        self._content = self._both()
        for view in (self._content, self._waiting, *self._places.values()):
            self._stack.addWidget(view)
        return self._stack

    def _both(self) -> QWidget:
        whole = Reading()
        self.upcoming = UpcomingCards()
        self.list = InvoiceList(self.vm)
        self._frame = QVBoxLayout(whole)
        self._frame.setSpacing(16)
        self._frame.addWidget(self._head())
        self._frame.addWidget(self._notice())
        self.awaited = AwaitedTransfers()
        self._frame.addWidget(self.awaited)
        self._frame.addWidget(self.upcoming)
        self._frame.addWidget(self.list, 1)
        self._list_place = scroll_page(whole)
        self.detail = InvoiceDetail()
        self._detail_place = page(QWidget())
        self._detail_frame = QVBoxLayout(self._detail_place)
        self._detail_frame.addWidget(self.detail)
        self._between = rule(vertical=True)
        both = QWidget()
        self._split = QHBoxLayout(both)
        self._split.setContentsMargins(0, 0, 0, 0)
        self._split.setSpacing(0)
        for part in (self._list_place, self._between, self._detail_place):
            self._split.addWidget(part)
        return both

    def _head(self) -> QWidget:
        self.details_button = Button(tr("Billing details"), "secondary", "building", name="billingDetailsButton")
        self.details_button.clicked.connect(self.open_details)
        words = QWidget()
        words.setLayout(column(label(tr("Invoices"), "display")))
        return FoldingRow(words, self.details_button)

    def _notice(self) -> Banner:
        self._banner = Banner(tone="warning", name="invoicesNotice")
        self._banner.acted.connect(self.vm.retry)
        return self._banner

    def _connect(self) -> None:
        vm = self.vm
        vm.changed.connect(self._on_changed)
        vm.exported.connect(self._on_exported)
        vm.payment.paid.connect(self._on_paid)
        vm.payment.under_way.connect(self._on_under_way)
        vm.details.saved.connect(self._on_details_saved)
        vm.details.corrected.connect(self._on_corrected)
        vm.refund.refunded.connect(self._on_refunded)
        self.awaited.opened.connect(self._open_transfer)
        self.awaited.rebuilt.connect(lambda: set_tab_order(self))
        self.upcoming.explained.connect(self.explain_requested)
        self.upcoming.opened.connect(vm.open_upcoming)
        self.upcoming.rebuilt.connect(lambda: set_tab_order(self))
        self.list.explained.connect(self.explain_requested)
        self.list.opened.connect(vm.open)
        self.detail.explained.connect(self.explain_requested)
        self.detail.opened.connect(vm.open)
        self.detail.closed.connect(self.close_detail)
        self.detail.pay_wanted.connect(self._open_pay)
        self.detail.confirm_wanted.connect(self._open_confirmation)
        self.detail.correction_wanted.connect(self._open_correction)
        self.detail.refund_wanted.connect(self._open_refund)
        self.detail.export_wanted.connect(vm.export)
        self.detail.retried.connect(vm.retry_chosen)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        self.awaited.show_orders(state.awaited, state.now)
        self.upcoming.show_invoices(state.upcoming)
        self.list.show_state(state)
        if state.chosen:
            self.detail.show_state(state)
        if state.chosen != self._chosen:
            self._follow_chosen(state)
        self._show_view(state)

    def _follow_chosen(self, state: InvoicesState) -> None:
        """The keyboard goes along where the list gives way to the invoice, and back."""
        focused = QApplication.focusWidget()
        was_inside = focused is not None and self.isAncestorOf(focused)
        self._chosen = state.chosen
        self._arrange()
        set_tab_order(self)
        if not was_inside or not self.isVisible():
            return
        if state.chosen and not self._list_place.isVisible():
            self.detail.take_focus()
        elif not state.chosen:
            self.focus_content()

    def _show_view(self, state: InvoicesState) -> None:
        if state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
            self._banner.set_message(state.error.sentence, action=tr("Try again"))
        self._banner.setVisible(state.error is not None and state.status is Status.READY)
        is_open = bool(state.chosen) and not state.is_guest
        views: dict[Status, QWidget] = {
            Status.READY: self._content,
            Status.LOADING: self._content if is_open else self._waiting,
            Status.EMPTY: self._content if is_open else self._places[self._guest if state.is_guest else self._empty],
            Status.ERROR: self._content if is_open else self._places[self._error],
        }
        wanted = views[state.status]
        if wanted is not self._stack.currentWidget():
            focused = QApplication.focusWidget()
            goes_along = focused is None or focused is self or self._stack.isAncestorOf(focused)
            self._stack.setCurrentWidget(wanted)
            if goes_along and self.isVisible():
                self.focus_content()

    # -- questions -------------------------------------------------------------------------------------------------
    def open_details(self) -> None:
        """Who the next invoices are made out to; a guest signs in first."""
        if self.vm.state.is_guest:
            self.sign_in_requested.emit()
        elif OverlayStack.of(self).top is None:
            self.vm.details.start()
            BillingDetailsSheet(self, self.vm.details).open()

    def close_detail(self) -> None:
        chosen = self.vm.state.chosen
        self.vm.close()
        if self.list.table.rows.row_of(chosen) >= 0:
            self.list.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _open_pay(self, invoice: object) -> None:
        if isinstance(invoice, Invoice) and OverlayStack.of(self).top is None:
            self.vm.payment.start(invoice)
            PaySheet(self, self.vm.payment, invoice).open()

    def _open_confirmation(self, invoice: object) -> None:
        if isinstance(invoice, Invoice) and OverlayStack.of(self).top is None:
            self.vm.payment.start(invoice, at_once=True)
            PaySheet(self, self.vm.payment, invoice).open()

    def _open_correction(self, invoice: object) -> None:
        if isinstance(invoice, Invoice) and OverlayStack.of(self).top is None:
            self.vm.details.start_correction(invoice)
            BillingDetailsSheet(self, self.vm.details).open()

    def _open_refund(self, invoice: object) -> None:
        if isinstance(invoice, Invoice) and OverlayStack.of(self).top is None:
            self.vm.refund.start(invoice)
            RefundSheet(self, self.vm.refund, invoice).open()

    def _open_transfer(self, order: object) -> None:
        if isinstance(order, Order) and OverlayStack.of(self).top is None:
            TransferSheet(self, order, self.vm.state.now).open()

    # -- answers ---------------------------------------------------------------------------------------------------
    def _on_paid(self, invoice: object) -> None:
        if isinstance(invoice, Invoice):
            toast_area(self).show_toast(tr("{number} is paid.", number=invoice.number), icon="circle-check")

    def _on_under_way(self, paid: object) -> None:
        if isinstance(paid, Paid):
            text = processing_text(self.vm.payment.state.method, exact_money(paid.amount))
            toast_area(self).show_toast(text, icon="hourglass")

    def _on_details_saved(self) -> None:
        toast_area(self).show_toast(tr("The next invoices are made out to these details."), icon="circle-check")

    def _on_corrected(self, done: object) -> None:
        if isinstance(done, Corrected):
            toast_area(self).show_toast(corrected_text(done.credit_note, done.invoice), icon="circle-check")
            self.vm.open(done.invoice.uuid)

    def _on_refunded(self, done: object) -> None:
        if isinstance(done, Refunded):
            toast_area(self).show_toast(refunded_text(done), icon="undo-2")

    def _on_exported(self, document: object) -> None:
        if isinstance(document, Document):
            kind = document.name.rpartition(".")[2]
            offer_file(self, document.name, document.data, title=tr("Save invoice"), kinds=f"{kind.upper()} (*.{kind})")

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.vm.state.chosen:
            self.close_detail()
            event.accept()
            return
        super().keyPressEvent(event)

    def focus_content(self) -> None:
        """To the list, to the invoice in its place, or to the one thing to do instead."""
        state = self.vm.state
        target: QWidget = self
        if self._stack.currentWidget() is self._content:
            if state.chosen and not self._list_place.isVisibleTo(self):
                self.detail.take_focus()
                return
            target = self.list.table if state.items else self.details_button
        elif state.status is Status.EMPTY:
            target = (self._guest if state.is_guest else self._empty).action_button
        elif state.status is Status.ERROR:
            target = self._error.action_button
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    def _arrange(self) -> None:
        px = theme.current().px
        is_open, is_wide = bool(self.vm.state.chosen), self.width() >= px(SPLIT_FROM)
        self._list_place.setVisible(is_wide or not is_open)
        self._detail_place.setVisible(is_open)
        self._between.setVisible(is_open and is_wide)
        self.detail.set_alone(not is_wide)
        room = self.width()
        if is_open and is_wide:
            room = round(self.width() * LIST_SHARE)
            self._list_place.setFixedWidth(room)
        else:
            self._list_place.setMinimumWidth(0)
            self._list_place.setMaximumWidth(self.maximumWidth())
        side = AIR if is_open else max(AIR, (room - px(WIDTH)) // 2)
        self._frame.setContentsMargins(side, AIR, side, 16)
        detail_side = AIR if is_wide else max(AIR, (self.width() - px(DETAIL_WIDTH)) // 2)
        self._detail_frame.setContentsMargins(detail_side, AIR if is_wide else 12, detail_side, 16)
        self.upcoming.arrange(room - 2 * side)
        self.list.arrange(room - 2 * side)
