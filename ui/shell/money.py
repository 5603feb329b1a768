"""The pages of what is paid, and how they lead to each other and to the rest of the window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from services.api.types import BillingCycle
from ui.shell import history as at
from ui.shell.parts import MoneyMakers, ViewModels

if TYPE_CHECKING:
    from ui.pages.wallet import WalletPage
    from ui.shell.navigation import Navigator


class MoneyPages(QObject):
    """Signals: explain_requested(ref) - of an amount on any of its pages."""

    explain_requested = Signal(str)

    def __init__(self, navigator: Navigator, vms: ViewModels, pages: MoneyMakers) -> None:
        super().__init__(navigator)
        self._navigator = navigator
        self._vms = vms
        self._pages = pages
        self._wallet: WalletPage | None = None
        self._change: tuple[str, str, BillingCycle | None] | None = None  # to be started when the list is there
        vms.subscriptions.changed.connect(self._start_change)

    def makers(self) -> dict[str, Callable[[], QWidget]]:
        return {at.WALLET: self._make_wallet, at.SUBSCRIPTIONS: self._make_subscriptions}

    # -- verbs -----------------------------------------------------------------------------------------------------
    def top_up(self) -> None:
        """The wallet with its question open."""
        self._ask_wallet(lambda page: page.open_top_up())

    def redeem(self) -> None:
        self._ask_wallet(lambda page: page.open_redeem())

    def auto_top_up(self) -> None:
        self._ask_wallet(lambda page: page.open_auto_top_up())

    def change_plan(self, subscription_uuid: str, plan_uuid: str, cycle: BillingCycle | None) -> None:
        """The subscriptions with the change of this one open."""
        self._change = (subscription_uuid, plan_uuid, cycle)
        self._navigator.show_section(at.SUBSCRIPTIONS)
        self._start_change()

    def _ask_wallet(self, question: Callable[[WalletPage], None]) -> None:
        self._navigator.show_section(at.WALLET)
        if self._wallet is not None:
            question(self._wallet)

    def _start_change(self) -> None:
        if self._change is None:
            return
        uuid, plan_uuid, cycle = self._change
        subscription = self._vms.subscriptions.state.find(uuid)
        if subscription is not None and self._navigator.here.page == at.SUBSCRIPTIONS:
            self._change = None
            self._vms.plan_change.start(subscription, plan_uuid, cycle)

    # -- pages and their signals -----------------------------------------------------------------------------------
    def _make_wallet(self) -> QWidget:
        page = self._wallet = self._pages.wallet()
        page.explain_requested.connect(self.explain_requested)
        page.sign_in_requested.connect(self._navigator.sign_in_requested)
        page.browse.connect(partial(self._navigator.show_section, at.MARKETPLACE))
        return page

    def _make_subscriptions(self) -> QWidget:
        page, navigator = self._pages.subscriptions(), self._navigator
        page.explain_requested.connect(self.explain_requested)
        page.open_chat.connect(navigator.open_chat)
        page.placed.connect(navigator.show_placed)
        page.sign_in_requested.connect(navigator.sign_in_requested)
        page.browse.connect(partial(navigator.show_section, at.MARKETPLACE))
        return page
