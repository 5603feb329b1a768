"""The main window: sidebar beside the page stack, banners, palette, shortcuts, and what is kept between runs."""

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QContextMenuEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from services.api.errors import ServiceError
from services.api.types import ResourceState, SortOrder
from ui import theme
from ui.bridge import Bridge
from ui.prefs import MINIMUM_SIZE, Prefs
from ui.shell import commands
from ui.shell import history as at
from ui.shell.banners import Banners
from ui.shell.commands import Action
from ui.shell.history import Place
from ui.shell.live_palette import LivePalette
from ui.shell.navigation import Navigator
from ui.shell.parts import Pages, ViewModels
from ui.shell.sidebar import Sidebar
from ui.shell.time_bar import TimeBar
from ui.shell.time_frame import TimeFrame
from ui.text import error_text, tr
from ui.theme import Mode, Theme
from ui.viewmodels.confirmation import DeploymentPhase
from ui.viewmodels.palette import Command, CommandKind
from ui.widgets import a11y
from ui.widgets.controls import page as page_canvas
from ui.widgets.controls import row
from ui.widgets.focus_ring import FocusRing
from ui.widgets.notices import toast_area
from ui.widgets.overlay import Dialog, OverlayStack

FULL_SIDEBAR_FROM = 980  # px of window width at 100 % text
NOT_REMEMBERED = ("quit", "sign-out")  # on top of the palette they would be pressed by mistake
MOVING = (ResourceState.ORDERED, ResourceState.DEPLOYING)


class Shell(QMainWindow):
    """Give it view-models and page makers, then `open_window()`."""

    def __init__(self, vms: ViewModels, pages: Pages, bridge: Bridge, look: Theme, prefs: Prefs) -> None:
        super().__init__()
        self._vms = vms
        self._pages = pages
        self._look = look
        self._prefs = prefs
        self._may_close = False
        if self._kept_order is not None:
            vms.marketplace.start_with(self._kept_order)
        vms.palette.set_recent(prefs.recent_commands)
        self.setObjectName("shell")
        self.setWindowTitle(tr("Souk"))
        self.setMinimumSize(MINIMUM_SIZE)
        self._build(bridge)
        self.navigator = Navigator(self.stack, vms, pages)
        self.actions_list = self._actions()
        self._time_action = self._make_time_action()
        self._collections_action = self._make_collections_action()
        commands.install(self, (*self.actions_list, self._collections_action, self._time_action))
        self._connect(bridge)
        self._fill_palette()
        self.setGeometry(prefs.geometry)
        self.navigator.start(prefs.last_page)

    # -- building --------------------------------------------------------------------------------------------------
    def _build(self, bridge: Bridge) -> None:
        self.sidebar = Sidebar()
        low = self._vms.low_balance
        self.banners = Banners(bridge, self._vms.pending_cart, low)
        self.time_bar = TimeBar(self._vms.timeline)
        self.stack = QStackedWidget()
        self.stack.setObjectName("pages")
        beside = QVBoxLayout()
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(0)
        beside.addWidget(self.time_bar)
        beside.addWidget(self.banners)
        beside.addWidget(self.stack, 1)
        central = page_canvas(QWidget())
        whole = row(self.sidebar, beside, spacing=0)
        whole.setStretch(1, 1)
        central.setLayout(whole)
        self.setCentralWidget(central)
        self.ring = FocusRing(self)
        self.time_frame = TimeFrame(self._vms.timeline, self)
        self.toasts = toast_area(self)

    def _connect(self, bridge: Bridge) -> None:
        vms, account = self._vms, self.sidebar.account
        self.navigator.moved.connect(self._on_moved)
        self.navigator.sign_in_requested.connect(self.sign_in)
        self.sidebar.chosen.connect(self.navigator.show_section)
        self.sidebar.palette_requested.connect(self.open_palette)
        self.sidebar.theme_toggled.connect(self.toggle_theme)
        account.sign_in_requested.connect(self.sign_in)
        account.sign_out_requested.connect(vms.session.sign_out)
        account.my_agents_requested.connect(lambda: self.navigator.show_section(at.MY_AGENTS))
        account.settings_requested.connect(lambda: self.navigator.show_section(at.SETTINGS))
        account.wallet_requested.connect(lambda: self.navigator.show_section(at.WALLET))
        account.methods_requested.connect(self.navigator.money.show_methods)
        self.banners.top_up_requested.connect(self.navigator.money.top_up)
        self.banners.resumed.connect(self.navigator.resume_checkout)
        self._look.changed.connect(self._on_look_changed)
        self.time_bar.explain_requested.connect(self.navigator.money.explain)
        self.time_bar.sign_in_requested.connect(self.sign_in)
        vms.timeline.changed.connect(self._on_timeline_changed)
        vms.payment_mode.changed.connect(self._on_payment_mode_changed)
        vms.session.changed.connect(self._on_session_changed)
        vms.session.signed_in.connect(self._on_signed_in)
        vms.session.signed_out.connect(self._on_signed_out)
        vms.my_agents.changed.connect(self._on_bought_changed)
        vms.marketplace.changed.connect(self._on_marketplace_changed)
        vms.palette.chosen.connect(self._on_command_chosen)
        bridge.failed.connect(self._on_failed)

    def _actions(self) -> tuple[Action, ...]:
        looks, help_group = tr("Appearance"), tr("Help")
        return (
            Action("palette", tr("Search everything"), self.open_palette, ("Ctrl+K",), icon="search", is_listed=False),
            *self._place_actions(),
            *self._money_actions(),
            Action("back", tr("Back"), self.navigator.back, ("Alt+Left",), icon="arrow-left", is_listed=False),
            Action("refresh", tr("Refresh this page"), self.navigator.refresh, ("F5",), icon="refresh-cw"),
            Action("menu", tr("Open the menu of what is chosen"), self._open_menu, ("Shift+F10",), is_listed=False),
            Action("undo", tr("Undo"), self._undo, ("Ctrl+Z",), icon="undo-2", is_listed=False),
            *self._look_actions(looks),
            Action("help", tr("Keyboard shortcuts"), self.show_shortcuts, ("?", "F1"), help_group, "keyboard"),
            Action("quit", tr("Quit Souk"), self._quit, ("Ctrl+Q", "Ctrl+W"), icon="log-out", works_above=True),
        )  # fmt: skip

    def _place_actions(self) -> tuple[Action, ...]:
        places = (
            (at.MARKETPLACE, tr("Marketplace"), "Ctrl+1", "store", tr("browse agents catalogue")),
            (at.MY_AGENTS, tr("My agents"), "Ctrl+2", "bot", tr("bought chat")),
            (at.WALLET, tr("Wallet"), "Ctrl+3", "wallet", tr("balance credit money movements limits")),
            (at.SUBSCRIPTIONS, tr("Subscriptions"), "Ctrl+4", "repeat", tr("plans quotes cancel change pause")),
            (at.INVOICES, tr("Invoices"), "Ctrl+5", "receipt", tr("bills receipts credit notes billing details tax")),
            (
                at.PAYMENT_METHODS,
                tr("Payment methods"),
                "Ctrl+6",
                "credit-card",
                tr("cards bank account paypal default expiry"),
            ),
            (at.SETTINGS, tr("Settings"), "Ctrl+,", "settings", tr("preferences theme text size")),
        )
        return tuple(
            Action(page, title, partial(self.navigator.show_section, page), (keys,), tr("Page"), icon, CommandKind.PAGE,
                   keywords)
            for page, title, keys, icon, keywords in places
        )  # fmt: skip

    def _money_actions(self) -> tuple[Action, ...]:
        group, money = tr("Money"), self.navigator.money
        return (
            Action("top-up", tr("Top up"), money.top_up, group=group, icon="plus", keywords=tr("buy credit wallet")),
            Action("redeem", tr("Redeem a code"), money.redeem, group=group, icon="gift",
                   keywords=tr("gift promotional credit")),
            Action("auto-top-up", tr("Auto-top-up"), money.auto_top_up, group=group, icon="refresh-cw",
                   keywords=tr("charge automatically threshold")),
        )  # fmt: skip

    def _make_time_action(self) -> Action:
        return Action("time-bar", tr("Show the time bar"), self._toggle_time_bar, ("Ctrl+Shift+T",),
                      tr("Test workspace"), "clock", keywords=tr("simulated time travel clock"))  # fmt: skip

    def _make_collections_action(self) -> Action:
        return Action(at.COLLECTIONS, tr("Collections"), self._show_collections, ("Ctrl+7",), tr("Page"), "piggy-bank",
                      CommandKind.PAGE, tr("support transfers refunds disputes mark received"))  # fmt: skip

    def _look_actions(self, group: str) -> tuple[Action, ...]:
        def use(mode: Mode) -> None:
            self._look.set_mode(mode)

        def scale(direction: int) -> None:
            self._look.step_text_scale(direction)
            a11y.announce(self, tr("Text size {percent} %", percent=round(self._look.text_scale * 100)))

        return (
            Action("light", tr("Light theme"), lambda: use("light"), group=group, icon="sun"),
            Action("dark", tr("Dark theme"), lambda: use("dark"), group=group, icon="moon"),
            Action("system", tr("Theme of the system"), lambda: use("system"), group=group, icon="sun-moon"),
            Action("larger", tr("Larger text"), lambda: scale(1), ("Ctrl++", "Ctrl+="), group, "plus",
                   works_above=True),
            Action("smaller", tr("Smaller text"), lambda: scale(-1), ("Ctrl+-",), group, "minus", works_above=True),
            Action("normal", tr("Normal text size"), lambda: scale(0), ("Ctrl+0",), group, "rotate-ccw",
                   works_above=True),
        )  # fmt: skip

    @property
    def _kept_order(self) -> SortOrder | None:
        return next((order for order in SortOrder if order.value == self._prefs.marketplace_sort), None)

    # -- verbs -----------------------------------------------------------------------------------------------------
    def open_window(self) -> None:
        """Shows the window as it was left. Call `settle()` after the first frame."""
        if self._prefs.is_maximised:
            self.showMaximized()
        else:
            self.show()
        self.navigator.enter()

    def settle(self) -> None:
        """What can wait until the first frame is there."""
        self._vms.timeline.show_bar(self._prefs.is_time_bar_shown)
        self._vms.timeline.load()
        self._vms.session.restore()
        self._vms.pending_cart.look()
        self._vms.payment_mode.look()
        if self._vms.marketplace.state.order is not SortOrder.RECOMMENDED:
            self._vms.marketplace.load()  # what was shown first was read in the recommended order

    def open_palette(self) -> None:
        if OverlayStack.of(self).top is None:
            LivePalette(self, self._vms.palette).open()

    def sign_in(self) -> None:
        if OverlayStack.of(self).top is None:
            self._pages.sign_in(self).open()

    def show_shortcuts(self) -> None:
        commands.overview(self, self._found_actions).open()

    @property
    def _found_actions(self) -> tuple[Action, ...]:
        """Where money is real nothing of the time bar is found, and collections only by support."""
        timed = (self._time_action,) if self._vms.timeline.state.is_available else ()
        collected = (self._collections_action,) if self._may_collect else ()
        return (*self.actions_list, *collected, *timed)

    @property
    def _may_collect(self) -> bool:
        account, mode = self._vms.session.state.account, self._vms.payment_mode.state
        return account is not None and (account.is_staff or mode.is_test_mode is True)

    def _show_collections(self) -> None:
        if self._may_collect:
            self.navigator.show_section(at.COLLECTIONS)

    def _follow_collections(self) -> None:
        """Who signs in and whether money is real come at different moments."""
        self.sidebar.show_collections(self._may_collect)
        if self._may_collect != (self._collections_action.id in self._by_id):
            self._fill_palette()

    def _toggle_time_bar(self) -> None:
        if self._vms.timeline.state.is_available:
            self._vms.timeline.toggle_bar()

    def toggle_theme(self) -> None:
        self._look.set_mode("light" if self._look.is_dark else "dark")

    def _open_menu(self) -> None:
        """As the menu key does; X11 does not know Shift+F10 by itself."""
        if (widget := QApplication.focusWidget()) is not None:
            place = widget.rect().center()
            reason = QContextMenuEvent.Reason.Keyboard
            QApplication.sendEvent(widget, QContextMenuEvent(reason, place, widget.mapToGlobal(place)))

    def _undo(self) -> None:
        self.toasts.undo_latest()

    def _quit(self) -> None:
        self.close()

    # -- following the view-models -----------------------------------------------------------------------------------
    def _on_moved(self, place: Place) -> None:
        self.sidebar.setVisible(place.page != at.CHECKOUT)
        self.sidebar.show_place(self.navigator.section)
        self.banners.show_test_mode(place.page == at.CONFIRMATION)  # checkout says it itself
        self.banners.show_low_balance(place.page != at.CHECKOUT)
        if place.page == at.CHECKOUT:
            self._vms.pending_cart.dismiss()
        page = self.navigator.page
        title = page.accessibleName() if page is not None else ""
        self.setWindowTitle(tr("{page} – Souk", page=title) if title else tr("Souk"))

    def _on_timeline_changed(self) -> None:
        state = self._vms.timeline.state
        if state.is_available:
            self._prefs.is_time_bar_shown = state.is_wanted
        if state.is_available != (self._time_action.id in self._by_id):
            self._fill_palette()

    def _on_payment_mode_changed(self) -> None:
        if (is_test_mode := self._vms.payment_mode.state.is_test_mode) is not None:
            self.sidebar.show_payment_mode(is_test_mode)
            self.banners.set_test_mode(is_test_mode)
        self._follow_collections()

    def _on_session_changed(self) -> None:
        state = self._vms.session.state
        self.sidebar.account.show_account(state.account)
        self._follow_collections()
        if state.notice:
            self.toasts.show_toast(state.notice, action=tr("Sign in"), on_action=self.sign_in)
            self._vms.session.dismiss_notice()

    def _on_signed_in(self) -> None:
        self._fill_palette()
        if self.navigator.here.page != at.CHECKOUT:
            self.toasts.show_toast(tr("Signed in as {name}.", name=self._vms.session.state.name))

    def _on_signed_out(self) -> None:
        self._fill_palette()
        self.sidebar.show_bought(0)

    def _on_bought_changed(self) -> None:
        self.sidebar.show_bought(len(self._vms.my_agents.state.items))

    def _on_marketplace_changed(self) -> None:
        self._prefs.marketplace_sort = self._vms.marketplace.state.order.value

    def _on_failed(self, error: ServiceError) -> None:
        self.toasts.show_toast(error_text(error).sentence, icon="circle-alert")

    def _fill_palette(self) -> None:
        session = self._vms.session
        account = (
            Action("sign-out", tr("Sign out"), session.sign_out, icon="log-out")
            if session.state.is_signed_in
            else Action("sign-in", tr("Sign in"), self.sign_in, icon="log-in")
        )
        self._by_id = {action.id: action for action in (*self._found_actions, account)}
        self._vms.palette.set_commands(commands.palette_commands(self._by_id.values()))

    def _on_command_chosen(self, command: Command) -> None:
        if command.id in self._by_id and command.id not in NOT_REMEMBERED:
            self._prefs.remember_command(command.id)
        if command.kind is CommandKind.AGENT:
            self.navigator.see_offering(command.offering_uuid)
        elif command.kind is CommandKind.BUY:
            self.navigator.check_out(command.offering_uuid)
        elif command.id in self._by_id:
            self._by_id[command.id].run()

    # -- look and size -----------------------------------------------------------------------------------------------
    def _on_look_changed(self) -> None:
        self._prefs.theme_mode = self._look.mode
        self._prefs.text_scale = self._look.text_scale
        self.sidebar.show_theme()
        self._fit_sidebar()

    def _fit_sidebar(self) -> None:
        self.sidebar.set_collapsed(self.width() < theme.current().px(FULL_SIDEBAR_FROM))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_sidebar()

    # -- the end -----------------------------------------------------------------------------------------------------
    @property
    def _deploying(self) -> str:
        """The name of something being set up, or empty."""
        confirmation = self._vms.confirmation.state
        if confirmation.order is not None and confirmation.phase is DeploymentPhase.DEPLOYING:
            return confirmation.order.offering_name
        return next((item.name for item in self._vms.my_agents.state.items if item.state in MOVING), "")

    def closeEvent(self, event: QCloseEvent) -> None:
        name = self._deploying
        if name and not self._may_close:
            event.ignore()
            self._ask_before_closing(name)
            return
        self._keep_state()
        super().closeEvent(event)

    def _ask_before_closing(self, name: str) -> None:
        top = OverlayStack.of(self).top
        if top is not None and top.objectName() == "closeDialog":
            return
        dialog = Dialog(
            self, tr("Close while {name} is being set up?", name=name),
            tr("It goes on from the same step when you open Souk again. Nothing is charged twice."),
            confirm=tr("Close"), cancel=tr("Stay"), name="closeDialog",
        )  # fmt: skip
        dialog.confirmed.connect(self._on_close_confirmed)
        dialog.open()
        dialog.cancel_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_close_confirmed(self) -> None:
        self._may_close = True
        self.close()

    def _keep_state(self) -> None:
        prefs = self._prefs
        prefs.is_maximised = self.isMaximized()
        if not self.isMaximized():
            prefs.geometry = self.geometry()
        prefs.last_page = self.navigator.section
        prefs.theme_mode = self._look.mode
        prefs.text_scale = self._look.text_scale
        prefs.sync()
