"""Lasting states above the page: no connection, low balance, test mode, a purchase left unfinished."""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui.bridge import Bridge
from ui.text import tr
from ui.viewmodels.low_balance import LowBalanceViewModel
from ui.viewmodels.pending_cart import PendingCartViewModel
from ui.widgets.notices import Banner


class Banners(QWidget):
    """Signals: resumed() - on with the kept cart; top_up_requested()."""

    resumed = Signal()
    top_up_requested = Signal()

    def __init__(self, bridge: Bridge, pending: PendingCartViewModel, low_balance: LowBalanceViewModel) -> None:
        super().__init__()
        self._pending, self._low = pending, low_balance
        self._may_show_low = True
        self._retry: Callable[[], None] | None = None
        self.setObjectName("banners")
        self.offline = Banner("", "offline", edge=True, name="offlineBanner")
        self.low_balance = Banner("", "warning", edge=True, name="lowBalanceBanner")
        self.cart = Banner("", "info", closable=True, edge=True, name="cartBanner")
        self.test = Banner(
            tr("Test mode: no real money moves."), "test", closable=True, edge=True, name="testModeBanner"
        )
        self._may_show_test = self._wants_test = False  # until the service has said which money it is
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for banner in (self.offline, self.low_balance, self.cart, self.test):
            banner.hide()
            column.addWidget(banner)
        bridge.offline.connect(self._on_offline)
        bridge.online.connect(self.offline.hide)
        low_balance.changed.connect(self._on_low_balance_changed)
        self.low_balance.acted.connect(self.top_up_requested)
        pending.changed.connect(self._on_pending_changed)
        self.offline.acted.connect(self._on_retry_clicked)
        self.cart.acted.connect(self.resumed)
        self.cart.closed.connect(pending.dismiss)
        self.test.closed.connect(self._on_test_closed)

    def set_test_mode(self, is_test_mode: bool) -> None:
        """What the service says of its money."""
        self._may_show_test = is_test_mode
        self.show_test_mode(self._wants_test)

    def show_test_mode(self, wanted: bool) -> None:
        """Where it says that something was paid, unless the user has closed it."""
        self._wants_test = wanted
        self.test.setVisible(wanted and self._may_show_test)

    def show_low_balance(self, wanted: bool) -> None:
        """Nobody is disturbed while paying."""
        self._may_show_low = wanted
        self._on_low_balance_changed()

    def _on_low_balance_changed(self) -> None:
        text = self._low.state.text
        self.low_balance.setVisible(bool(text) and self._may_show_low)
        self.low_balance.set_message(text, action=tr("Top up"))

    def _on_test_closed(self) -> None:
        self._may_show_test = False

    def _on_offline(self, retry: Callable[[], None]) -> None:
        self._retry = retry
        self.offline.show()
        self.offline.set_message(
            tr("No connection. You see what was loaded before; nothing can be bought until it is back."),
            action=tr("Try again"),
        )

    def _on_retry_clicked(self) -> None:
        if self._retry is not None:
            self._retry()

    def _on_pending_changed(self) -> None:
        state = self._pending.state
        self.cart.setVisible(bool(state.text))
        self.cart.set_message(state.text, "warning" if state.is_interrupted else "info", tr("Continue"))
