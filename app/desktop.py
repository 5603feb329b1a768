"""The window and its start-up order.

1. Qt, theme and preferences. 2. The first catalogue page by sqlite3 alone. 3. The window with its first frame.
4. In the background SQLAlchemy and the rest are imported, the database prepared, the service built.
5. The worker, the session of the last time, the pending cart. What was clicked meanwhile waits in `app/pending.py`.
"""

from __future__ import annotations

import asyncio
import importlib
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from PySide6.QtCore import QEvent, QMessageLogContext, QObject, Qt, QTimer, QtMsgType, QUrl, qInstallMessageHandler
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from app import crash
from app.clock import SystemClock, SystemIds
from app.collector import MainThreadCollector
from app.device import KeyringTokens, device_token
from app.loop import Loop
from app.pending import pending_service
from app.returns import Returns
from app.settings import Settings, SettingsError
from app.single import SingleInstance
from app.version import VERSION
from app.window import build_view_models, page_makers
from services.api.clock import Clock, Ids
from services.api.contract import Actor, Service
from services.api.errors import DatabaseTooNew, ServiceError
from services.api.types import PaymentState, Placed
from services.embedded import first_page
from ui.bridge import Bridge
from ui.pages.rescue import RescueSheet
from ui.prefs import Prefs
from ui.shell import Shell
from ui.text import error_text, tr
from ui.text.setup import setting_problem
from ui.theme import Theme
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.browser import Browser
from ui.widgets.overlay import Dialog

WITHOUT_A_DESKTOP = ("offscreen", "minimal")
LAST_SECONDS = 2.0  # for what is under way when the window closes


def make_application() -> QApplication:
    """The one QApplication, with our name on it."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)  # noqa: S101  this program makes no other kind
    application.setApplicationName("souk")
    application.setApplicationDisplayName("Souk")
    QGuiApplication.setDesktopFileName("souk")
    if QGuiApplication.platformName() == "offscreen":
        qInstallMessageHandler(_pass_on)
    return application


def _pass_on(_kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    """Qt's messages as usual, but for what the offscreen platform says of every window and menu."""
    if "propagateSizeHints" not in message and not message.startswith("This plugin does not support"):
        print(message, file=sys.stderr)


class FirstFrame(QObject):
    """Calls back once, when a window has been painted for the first time."""

    def __init__(self, window: QWidget, painted: Callable[[], None]) -> None:
        super().__init__(window)
        self._window = window
        self._painted = painted
        window.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self._window.removeEventFilter(self)
            QTimer.singleShot(0, self._painted)
        return False


class Desktop(QObject):
    """One window on one data folder (or server). `shell` is painted before `start` builds the service behind it."""

    def __init__(
        self, application: QApplication, settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None
    ) -> None:
        super().__init__()
        self.settings = settings
        self._clock, self._ids = clock or SystemClock(), ids or SystemIds()
        self._application = application
        self._collector = MainThreadCollector(self)
        self.loop = Loop(application)
        asyncio.set_event_loop(self.loop)
        self._ready: asyncio.Future[Service] = self.loop.create_future()
        self._close_service: Callable[[], None] = _nothing
        self._warm_up_payments: Callable[[], Awaitable[None]] = _soon
        self.prefs = Prefs(settings.preferences)
        self.theme = Theme(
            self.prefs.theme_mode, text_scale=self.prefs.text_scale, reduced_motion=self.prefs.reduced_motion
        )
        self.theme.apply(application)
        self.bridge = Bridge(self.loop)
        actor = Actor(device=device_token(settings.data, self._ids))
        holder = ServiceHolder(pending_service(self._ready, actor))
        self._tokens = KeyringTokens(settings.data)
        self.browser = self._lend_browser()
        self.vms = build_view_models(self.bridge, holder, self._tokens, self._ids.uuid, self.browser)
        if not settings.remote:
            self.vms.marketplace.first_page(*first_page.load(settings.database_file))
        pages = page_makers(self.vms, self.theme, self.prefs, settings, VERSION)
        self.shell = Shell(self.vms, pages, self.bridge, self.theme, self.prefs)
        self.bridge.crashed.connect(self._on_crashed)
        self._connect_payments()

    # ---- paying in the browser

    def _lend_browser(self) -> Browser:
        """Where pages lead back to an address of ours on the web, or a server's, nobody listens on this machine."""
        listens = not self.settings.remote and not self.settings.return_page
        browser = Browser(_open_url, attention=self._ask_attention, returns=Returns() if listens else None, parent=self)
        self._application.applicationStateChanged.connect(self._on_application_state_changed)
        return browser

    def _connect_payments(self) -> None:
        vms, navigator = self.vms, self.shell.navigator
        vms.confirmation.again_wanted.connect(vms.checkout.buy_again)
        vms.checkout.reopened.connect(navigator.resume_checkout)
        for source in (vms.checkout, vms.pending_cart):
            source.settled.connect(self._on_settled)

    def _on_application_state_changed(self, state: Qt.ApplicationState) -> None:
        if state is Qt.ApplicationState.ApplicationActive:
            self.browser.activated.emit()

    def _ask_attention(self) -> None:
        """A payment has come to its end while another program, probably the browser, is in front."""
        if not self.shell.isActiveWindow():
            QApplication.alert(self.shell)
            self.shell.raise_()

    def _on_settled(self, placed: Placed) -> None:
        """Paid while something else was looked at, or while Souk was closed."""
        is_slow = placed.state is PaymentState.PROCESSING
        words = tr("Your bank is paying.") if is_slow else tr("Your payment went through.")
        self.shell.toasts.show_toast(
            words,
            action=tr("Show the order"),
            on_action=lambda: self.shell.navigator.show_order(placed.order_uuid),
            icon="circle-check",
        )

    # ---- after the first frame

    def start_after_first_frame(self) -> None:
        """`start`, but not before the window has been painted: the imports would take its time."""
        FirstFrame(self.shell, self.start)

    def start(self) -> None:
        """Builds the service behind the window that is already there."""
        self.bridge.run(self, "open", self._open, failed=self._on_cannot_open)

    async def _open(self, *, read_only: bool = False) -> None:
        if self.settings.remote:
            await self._open_remote()
        else:
            await self._open_embedded(read_only=read_only)
        await asyncio.to_thread(self._tokens.fetch)
        self.shell.settle()
        await asyncio.to_thread(_warm_up)
        await self._warm_up_payments()

    async def _open_remote(self) -> None:
        remote = await asyncio.to_thread(importlib.import_module, "services.remote")
        service = remote.connect(self.settings.remote)
        self._ready.set_result(service)
        self.vms.marketplace.load()

    async def _open_embedded(self, *, read_only: bool) -> None:
        compose = await asyncio.to_thread(importlib.import_module, "app.compose")
        if not read_only:
            await asyncio.to_thread(compose.prepare_database, self.settings, self._clock)
        try:
            service = await compose.build_embedded(
                self.settings, clock=self._clock, ids=self._ids, is_prepared=True, read_only=read_only,
                moves_in_time=True,
            )  # fmt: skip
        except SettingsError as error:  # found out here, because the keyring may ask its owner
            self._on_wrong_setting(str(error))
            return
        self._close_service = service.close
        self._warm_up_payments = partial(compose.warm_up, service)
        self._ready.set_result(service)
        if not read_only:
            self.bridge.run(self, "work", lambda: service.run_worker(self._on_job_done))

    def _on_job_done(self) -> None:
        self.bridge.announce("resources", "orders", "wallet", "subscriptions", "invoices", "usage", "quotes")

    # ---- when the data cannot be opened

    def _on_cannot_open(self, error: ServiceError) -> None:
        backups = importlib.import_module("services.db.backups")
        found = backups.list_backups(self.settings.backups)
        can_read = not isinstance(error, DatabaseTooNew)  # what a newer program means by its data is not known here
        sheet = RescueSheet(self.shell, error_text(error), [backup.made_at for backup in found], can_read=can_read)

        def restore(place: int) -> None:
            backups.restore(found[place], self.settings.database_file, self._clock.now())
            sheet.close_overlay()
            self.start()

        def read_only() -> None:
            sheet.close_overlay()
            self.bridge.run(self, "open", lambda: self._open(read_only=True), failed=self._on_cannot_open)

        sheet.restore_chosen.connect(restore)
        sheet.reading_chosen.connect(read_only)
        sheet.quit_chosen.connect(self._application.quit)
        sheet.open()

    def _on_wrong_setting(self, text: str) -> None:
        """Nothing can be bought, so nothing is pretended: the catalogue stays to be looked at."""
        print(f"souk: {text}", file=sys.stderr)
        sheet = Dialog(self.shell, tr("Payments are not set up"), setting_problem(text), confirm=tr("Quit"),
                       cancel=tr("Look around"), name="wrongSettingDialog")  # fmt: skip
        sheet.confirmed.connect(self._application.quit)
        sheet.open()

    def _on_crashed(self, error: Exception) -> None:
        self.tell(crash.report(error))

    def tell(self, what: str) -> None:
        """Says that something did not work; the log has the place."""
        text = tr("Something in Souk did not work: {what}. It is noted in the log.", what=what)
        self.shell.toasts.show_toast(text, icon="circle-alert")

    def come_to_front(self) -> None:
        """Souk was started again."""
        self.shell.setWindowState(self.shell.windowState() & ~Qt.WindowState.WindowMinimized)
        self.shell.raise_()
        self.shell.activateWindow()

    # ---- the end

    async def finish(self) -> None:
        """`close`, once what was under way has heard that it ends: a request that is cut off without a running loop
        cannot let go of its connection."""
        for timer in self.bridge.findChildren(QTimer):  # nothing begins any more
            timer.stop()
        self.bridge.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=LAST_SECONDS)
        self.close()

    def close(self) -> None:
        """Ends background work and lets go of files."""
        self.bridge.close()
        self.prefs.sync()
        self._tokens.close()
        self._close_service()
        self._collector.release()


def _nothing() -> None:
    pass


async def _soon() -> None:
    pass


def _open_url(url: str) -> bool:
    """In the browser of the system; False when there is none."""
    if QGuiApplication.platformName() in WITHOUT_A_DESKTOP:  # Qt would say so on stderr
        return False
    return QDesktopServices.openUrl(QUrl(url, QUrl.ParsingMode.StrictMode))


def _warm_up() -> None:
    """Imports the pages that are likely next, while the buyer still looks at the first one."""
    for name in ("agent", "checkout", "confirmation", "chat"):
        importlib.import_module(f"ui.pages.{name}")


def run(settings: Settings) -> int:
    """Opens the window and stays until it is closed; 0, also when another window was raised instead."""
    application = make_application()
    crash.keep_log(settings.log_file)
    single = SingleInstance(settings.data)
    if not single.claim():
        print("Souk is already open with this data; its window was brought to the front.")
        return 0
    desktop = Desktop(application, settings)
    crash.catch_everything(desktop.tell)
    desktop.start_after_first_frame()
    desktop.shell.open_window()
    single.raised.connect(desktop.come_to_front)
    FirstFrame(desktop.shell, single.listen)
    for number in (signal.SIGINT, signal.SIGTERM):  # the collector's timer lets Python see them within a second
        signal.signal(number, lambda _number, _frame: application.quit())
    with desktop.loop:
        desktop.loop.run_forever()
        desktop.loop.run_until_complete(desktop.finish())
    single.release()
    return 0
