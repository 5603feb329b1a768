"""Collections: invoices found, transfers, refunds and disputes, for support and for whoever is concerned in a test
workspace."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QStackedWidget, QVBoxLayout, QWidget

from services.api.types import TransferReceived
from ui import theme
from ui.pages.collections.disputes import DisputeTab
from ui.pages.collections.finder import InvoiceFinder
from ui.pages.collections.receive_sheet import ReceiveSheet
from ui.pages.collections.refunds import RefundTab
from ui.pages.collections.transfers import TransferTab
from ui.text import tr
from ui.text.collections import received_text
from ui.viewmodels.base import Status
from ui.viewmodels.collections import CollectionsState, CollectionsViewModel
from ui.widgets.arranged_page import ArrangedPage
from ui.widgets.controls import Segmented, column, label, page, row, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.folding import Reading
from ui.widgets.notices import Banner, toast_area
from ui.widgets.overlay import OverlayStack
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows

WIDTH = 1080
AIR = 24


class CollectionsPage(ArrangedPage):
    """Signals: invoice_requested(invoice uuid); invoices_requested(); sign_in_requested()."""

    invoice_requested = Signal(str)
    invoices_requested = Signal()
    sign_in_requested = Signal()

    def __init__(self, vm: CollectionsViewModel) -> None:
        super().__init__()
        self.setObjectName("collectionsPage")
        self.setAccessibleName(tr("Collections"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # holds the focus while the lists load
        page(self)
        self.vm = vm
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
        title = label(tr("Collections"), "display")
        waiting.setLayout(column(title, skeleton_rows(5, height=40, gap=12), spacing=20, margins=(AIR, AIR, AIR, AIR)))
        self._waiting = scroll_page(waiting)
        self._guest = EmptyState(
            "circle-user", tr("Sign in to see collections"), tr("They are for support."), tr("Sign in"),
            name="collectionsGuest",
        )  # fmt: skip
        self._guest.acted.connect(self.sign_in_requested)
        self._denied = EmptyState(
            "lock", tr("Collections are for support"),
            tr("Transfers, refunds and disputes are looked after by staff. Your own invoices are under Invoices."),
            tr("Show invoices"), name="collectionsDenied",
        )  # fmt: skip
        self._denied.acted.connect(self.invoices_requested)
        self._error = ErrorState(name="collectionsError")
        self._error.retried.connect(self.vm.retry)
        self._places = {view: scroll_page(view) for view in (self._guest, self._denied, self._error)}
        self._content = scroll_page(self._whole())
        for view in (self._content, self._waiting, *self._places.values()):
            self._stack.addWidget(view)
        return self._stack

    def _whole(self) -> QWidget:
        whole = Reading()
        self.tabs = Segmented(
            [tr("Transfers"), tr("Refunds"), tr("Disputes")], label=tr("Show"), name="collectionTabs"
        )  # fmt: skip
        self.transfers, self.refunds, self.disputes = TransferTab(), RefundTab(), DisputeTab()
        self._parts = (self.transfers, self.refunds, self.disputes)
        self._banner = Banner(tone="warning", name="collectionsNotice")
        self._banner.acted.connect(self.vm.retry)
        about = label(tr("Money that support looks after."), "muted", wrap=True)
        self._frame = QVBoxLayout(whole)
        self._frame.setSpacing(16)
        self._frame.addLayout(column(label(tr("Collections"), "display"), about, spacing=2))
        self._frame.addWidget(self._banner)
        self.finder = InvoiceFinder(self.vm.finding)
        self._frame.addWidget(self.finder)
        self._lists = QWidget()
        self._lists.setLayout(column(row(self.tabs, None), spacing=16))
        self._frame.addWidget(self._lists)
        for part in self._parts:
            self._frame.addWidget(part, 1)
        self._show_tab()
        return whole

    def _connect(self) -> None:
        self.vm.changed.connect(self._on_changed)
        self.vm.receiving.received.connect(self._on_received)
        self.vm.finding.changed.connect(self._on_finding_changed)
        self.finder.opened.connect(self.invoice_requested)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self).activated.connect(self._find)
        self.tabs.changed.connect(self._show_tab)
        self.transfers.chosen.connect(self._open_receive)
        self.refunds.chosen.connect(self._open_receive)
        self.refunds.opened.connect(self.invoice_requested)
        self.refunds.invoices_wanted.connect(self.invoices_requested)
        self.disputes.opened.connect(self.invoice_requested)

    # -- state -----------------------------------------------------------------------------------------------------
    def _show_tab(self) -> None:
        """While something is looked for, its answer stands in the place of the lists."""
        self._is_finding = self.vm.finding.state.is_open
        self._lists.setVisible(not self._is_finding)
        for place, part in enumerate(self._parts):
            part.setVisible(not self._is_finding and place == self.tabs.current())
        set_tab_order(self)

    def _on_finding_changed(self) -> None:
        if self.vm.finding.state.is_open != self._is_finding:
            self._show_tab()

    def _find(self) -> None:
        if self._stack.currentWidget() is self._content:
            self.finder.search.focus_search()

    def _on_changed(self) -> None:
        state, focused = self.vm.state, QApplication.focusWidget()
        was_due = focused is not None and self.transfers.due.isAncestorOf(focused)
        for part in self._parts:
            part.show_state(state)
        self._show_view(state)
        if was_due and self.transfers.due.isHidden() and self.isVisible():
            self.focus_content()  # what the keyboard stood on is done

    def _show_view(self, state: CollectionsState) -> None:
        if state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
            self._banner.set_message(state.error.sentence, action=tr("Try again"))
        self._banner.setVisible(state.error is not None)
        views: dict[Status, QWidget] = {
            Status.READY: self._content,
            Status.LOADING: self._waiting,
            Status.EMPTY: self._places[self._denied if state.is_denied else self._guest],
            Status.ERROR: self._places[self._error],
        }
        wanted = views[state.status]
        if wanted is not self._stack.currentWidget():
            focused = QApplication.focusWidget()
            goes_along = focused is None or focused is self or self._stack.isAncestorOf(focused)
            self._stack.setCurrentWidget(wanted)
            if goes_along and self.isVisible():
                self.focus_content()

    # -- marking ---------------------------------------------------------------------------------------------------
    def _open_receive(self, reference: str) -> None:
        due = self.vm.state.find(reference)
        if due is not None and OverlayStack.of(self).top is None:
            self.vm.receiving.start(due, self.vm.state.now)
            ReceiveSheet(self, self.vm.receiving, due).open()

    def _on_received(self, done: TransferReceived) -> None:
        toast_area(self).show_toast(received_text(done), icon="circle-check")

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def focus_content(self) -> None:
        """To what is to be done, else to the choice of what is shown, or to the one thing to do instead."""
        current = self._stack.currentWidget()
        if current is self._content:
            if self._is_finding:
                self.finder.take_focus()
            elif not self._parts[self.tabs.current()].take_focus():
                self.tabs.button(self.tabs.current()).setFocus(Qt.FocusReason.OtherFocusReason)
            return
        views = {self._places[view]: view.action_button for view in (self._guest, self._denied, self._error)}
        target = next((button for place, button in views.items() if place is current), self)
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    def _arrange(self) -> None:
        side = max(AIR, (self.width() - theme.current().px(WIDTH)) // 2)
        self._frame.setContentsMargins(side, AIR, side, 16)
        for part in (self.finder, *self._parts):
            part.fit()
