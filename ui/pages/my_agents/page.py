"""My agents: the list and what stands in its place while it loads, is empty, belongs to nobody, or failed."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu, QStackedWidget, QVBoxLayout, QWidget

from services.api.types import OrderState, Resource, ResourceState
from ui import theme
from ui.pages.my_agents.rows import AgentList, AgentModel
from ui.text import plural, tr
from ui.text.unfinished import unfinished_text, unfinished_tone
from ui.viewmodels.base import Status
from ui.viewmodels.my_agents import MOST_UNFINISHED, MyAgentsState, MyAgentsViewModel
from ui.widgets.arranged_page import ArrangedPage
from ui.widgets.controls import Button, column, label, page, row, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.notices import Banner, toast_area
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows

WIDTH = 880


class MyAgentsPage(ArrangedPage):
    """Signals: opened, configure (resource uuid); show_order (order uuid); browse(); sign_in_requested()."""

    opened = Signal(str)
    configure = Signal(str)
    browse = Signal()
    sign_in_requested = Signal()
    show_order = Signal(str)

    def __init__(self, vm: MyAgentsViewModel) -> None:
        super().__init__()
        self.setObjectName("myAgentsPage")
        self.setAccessibleName(tr("My agents"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # holds the focus while the list loads
        page(self)
        self.vm = vm
        self._frame = QVBoxLayout(self)
        self._frame.setSpacing(16)
        self._frame.addWidget(self._head())
        self._frame.addWidget(self._notice())
        for banner in self._unfinished():
            self._frame.addWidget(banner)
        self._frame.addWidget(self._views(), 1)
        vm.changed.connect(self._on_changed)
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _head(self) -> QWidget:
        self._count = label("", "muted", name="agentCount")
        self.browse_button = Button(tr("Browse agents"), "secondary", "store", name="browseButton")
        self.browse_button.clicked.connect(self.browse)
        words = column(label(tr("My agents"), "display"), self._count, spacing=2)
        head = QWidget()
        head.setLayout(row(words, None, self.browse_button))
        return head

    def _notice(self) -> Banner:
        self._banner = Banner(tone="warning", name="agentsNotice")
        self._banner.acted.connect(self.vm.load)
        return self._banner

    def _unfinished(self) -> tuple[Banner, ...]:
        """One for each purchase whose money is not there."""
        self._orders = tuple(Banner(closable=True, name=f"unfinished{number}") for number in range(MOST_UNFINISHED))
        for number, banner in enumerate(self._orders):
            banner.hide()
            banner.acted.connect(partial(self._on_order_acted, number))
            banner.closed.connect(partial(self._on_order_closed, number))
        return self._orders

    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        self.model = AgentModel(self)
        self.list = AgentList()
        self.list.setModel(self.model)
        self.list.opened.connect(self._on_opened)
        self.list.menu_requested.connect(self.open_menu)
        self._waiting = skeleton_rows(4, height=76, gap=8)
        self._empty = EmptyState(
            "bot", tr("You have no agents yet"), tr("What you buy stands here, ready to talk to."), tr("Browse agents"),
            name="agentsEmpty",
        )  # fmt: skip
        self._empty.acted.connect(self.browse)
        self._guest = EmptyState(
            "circle-user", tr("Sign in to see your agents"), tr("They belong to your account, not to this computer."),
            tr("Sign in"), name="agentsGuest",
        )  # fmt: skip
        self._guest.acted.connect(self.sign_in_requested)
        self._error = ErrorState(name="agentsError")
        self._error.retried.connect(self.vm.retry)
        self._places = {view: scroll_page(view) for view in (self._empty, self._guest, self._error)}
        for view in (self.list, self._waiting, *self._places.values()):
            self._stack.addWidget(view)
        return self._stack

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        current = self.list.current()
        self.model.show_items(state.items)
        if current is not None and self.list.current() is None:
            self.list.select_row(self.model.row_of(current.uuid))
        self._count.setText(plural(len(state.items), tr("{n} agent"), tr("{n} agents")) if state.items else "")
        self._count.setVisible(bool(state.items))
        self.browse_button.setVisible(bool(state.items))
        self._show_unfinished(state)
        self._show_view(state)

    def _show_unfinished(self, state: MyAgentsState) -> None:
        for number, banner in enumerate(self._orders):
            order = state.unfinished[number] if number < len(state.unfinished) else None
            if order is not None:
                banner.set_message(unfinished_text(order), unfinished_tone(order), tr("Show order"))
                banner.close_button.setVisible(order.state is OrderState.ERRED)
            banner.setVisible(order is not None)

    def _on_order_acted(self, number: int) -> None:
        self.show_order.emit(self.vm.state.unfinished[number].uuid)

    def _on_order_closed(self, number: int) -> None:
        self.vm.put_away(self.vm.state.unfinished[number].uuid)

    def _show_view(self, state: MyAgentsState) -> None:
        if state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
            self._banner.set_message(state.error.sentence, action=tr("Try again"))
        self._banner.setVisible(state.error is not None and state.status is Status.READY)
        views: dict[Status, QWidget] = {
            Status.READY: self.list,
            Status.LOADING: self._waiting,
            Status.EMPTY: self._places[self._guest if state.is_guest else self._empty],
            Status.ERROR: self._places[self._error],
        }
        wanted = views[state.status]
        if wanted is not self._stack.currentWidget():
            focused = QApplication.focusWidget()
            goes_along = focused is None or focused is self or self._stack.isAncestorOf(focused)
            self._stack.setCurrentWidget(wanted)
            if goes_along and self.isVisible():
                self.focus_content()

    # -- what can be done with one ---------------------------------------------------------------------------------
    def _on_opened(self, item: Resource) -> None:
        """A ready agent talks; one that is not says how far it is."""
        if item.state is ResourceState.READY:
            self.opened.emit(item.uuid)
        else:
            self.show_order.emit(item.order_uuid)

    def open_menu(self, item: Resource, place: QPoint) -> None:
        self.menu_for(item).popup(place)

    def menu_for(self, item: Resource) -> QMenu:
        """The same actions as a click, and a few more."""
        menu = QMenu(self)
        menu.setObjectName("agentMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        is_ready = item.state is ResourceState.READY
        entries = (
            (tr("Open chat"), "message-circle", "menuOpenChat", partial(self.opened.emit, item.uuid), is_ready),
            (tr("Configure"), "sliders-horizontal", "menuConfigure", partial(self.configure.emit, item.uuid), is_ready),
            (tr("Show receipt"), "receipt", "menuShowReceipt", partial(self.show_order.emit, item.order_uuid), True),
            (tr("Copy id"), "copy", "menuCopyId", partial(self._copy_id, item), True),
        )
        for text, icon, name, act, is_enabled in entries:
            action = menu.addAction(theme.current().icon(icon), text)
            action.setObjectName(name)
            action.setEnabled(is_enabled)
            action.triggered.connect(lambda _checked=False, act=act: act())
        return menu

    def _copy_id(self, item: Resource) -> None:
        QGuiApplication.clipboard().setText(item.uuid)
        toast_area(self).show_toast(tr("Id of {name} copied.", name=item.name), icon="copy-check")

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def focus_content(self) -> None:
        """To the list, or to the one thing to do instead."""
        state = self.vm.state
        if state.status is Status.READY:
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)
        elif state.status is Status.EMPTY:
            chosen = self._guest if state.is_guest else self._empty
            chosen.action_button.setFocus(Qt.FocusReason.OtherFocusReason)
        elif state.status is Status.ERROR:
            self._error.action_button.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _arrange(self) -> None:
        side = max(24, (self.width() - theme.current().px(WIDTH)) // 2)
        self._frame.setContentsMargins(side, 24, side, 16)
