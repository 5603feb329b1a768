"""The pages of what is paid, and how they lead to each other and to the rest of the window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from services.api.types import BillingCycle
from ui.shell import history as at
from ui.shell.parts import MoneyMakers, ViewModels
from ui.viewmodels.chat import Remedy
from ui.viewmodels.plan_change_state import Task
from ui.widgets.overlay import OverlayStack

if TYPE_CHECKING:
    from ui.pages.explain import ExplainSheet
    from ui.pages.wallet import WalletPage
    from ui.shell.navigation import Navigator


class MoneyPages(QObject):
    """What the window may ask of them, from wherever an amount, an invoice or a subscription is named."""

    def __init__(self, navigator: Navigator, vms: ViewModels, pages: MoneyMakers) -> None:
        super().__init__(navigator)
        self._navigator = navigator
        self._vms = vms
        self._pages = pages
        self._wallet: WalletPage | None = None
        self._sheet: ExplainSheet | None = None
        self._change: tuple[str, str, BillingCycle | None] | None = None  # to be started when the list is there
        self._help: tuple[str, Task] | None = None  # the same, for the subscription of an agent
        vms.subscriptions.changed.connect(self._start_change)

    def makers(self) -> dict[str, Callable[[], QWidget]]:
        return {
            at.WALLET: self._make_wallet,
            at.SUBSCRIPTIONS: self._make_subscriptions,
            at.INVOICES: self._make_invoices,
            at.COMPARISON: self._make_comparison,
            at.PAYMENT_METHODS: self._make_methods,
            at.COLLECTIONS: self._make_collections,
        }

    # -- verbs -----------------------------------------------------------------------------------------------------
    def explain(self, ref: str) -> None:
        """How an amount comes about, over whatever shows it."""
        self._vms.explain.open(ref)
        if self._sheet is None:
            self._sheet = self._pages.explain(self._navigator.window)
            self._sheet.invoice_requested.connect(self._on_invoice_of_explanation)
            self._sheet.closed.connect(self._on_sheet_closed)
            self._sheet.open()

    def show_invoice(self, invoice_uuid: str) -> None:
        self._navigator.show_section(at.INVOICES)
        self._vms.invoices.open(invoice_uuid)

    def top_up(self) -> None:
        """The wallet with its question open."""
        self._ask_wallet(lambda page: page.open_top_up())

    def show_methods(self) -> None:
        """Cards, bank accounts and PayPal accounts on file."""
        self._navigator.show_section(at.PAYMENT_METHODS)

    def redeem(self) -> None:
        self._ask_wallet(lambda page: page.open_redeem())

    def auto_top_up(self) -> None:
        self._ask_wallet(lambda page: page.open_auto_top_up())

    def change_plan(self, subscription_uuid: str, plan_uuid: str, cycle: BillingCycle | None) -> None:
        """The subscriptions with the change of this one open."""
        self._change = (subscription_uuid, plan_uuid, cycle)
        self._navigator.show_section(at.SUBSCRIPTIONS)
        self._start_change()

    def remedy(self, remedy: Remedy, resource_uuid: str) -> None:
        """What lets an agent answer again whose call was refused."""
        if remedy is Remedy.TOP_UP:
            self.top_up()
            return
        if remedy is Remedy.LIMITS:
            self._ask_wallet(lambda page: page.open_limits())
            return
        self._help = (resource_uuid, Task.PAY if remedy is Remedy.PAY else Task.PLAN)
        self._navigator.show_section(at.SUBSCRIPTIONS)
        self._start_help()

    def _on_invoice_of_explanation(self, invoice_uuid: str) -> None:
        """Whatever lies over the page was about something else."""
        stack = OverlayStack.of(self._navigator.window)
        while stack.top is not None:
            stack.top.close_overlay()
        self.show_invoice(invoice_uuid)

    def _on_sheet_closed(self) -> None:
        self._sheet = None

    def _ask_wallet(self, question: Callable[[WalletPage], None]) -> None:
        self._navigator.show_section(at.WALLET)
        if self._wallet is not None:
            question(self._wallet)

    def _start_change(self) -> None:
        self._start_help()
        if self._change is None:
            return
        uuid, plan_uuid, cycle = self._change
        subscription = self._vms.subscriptions.state.find(uuid)
        if subscription is not None and self._navigator.here.page == at.SUBSCRIPTIONS:
            self._change = None
            self._vms.plan_change.start(subscription, plan_uuid, cycle)

    def _start_help(self) -> None:
        """Once: the list tells what it holds at any moment, and the person may have gone elsewhere."""
        if self._help is None or self._navigator.here.page != at.SUBSCRIPTIONS:
            self._help = None
            return
        resource_uuid, task = self._help
        items = self._vms.subscriptions.state.items
        found = next((one for one in items if any(each.uuid == resource_uuid for each in one.resources)), None)
        if found is not None:
            self._help = None
            self._vms.plan_change.begin(found, task)

    # -- pages and their signals -----------------------------------------------------------------------------------
    def _make_wallet(self) -> QWidget:
        page = self._wallet = self._pages.wallet()
        page.explain_requested.connect(self.explain)
        page.methods_requested.connect(self.show_methods)
        page.sign_in_requested.connect(self._navigator.sign_in_requested)
        page.browse.connect(partial(self._navigator.show_section, at.MARKETPLACE))
        return page

    def _make_subscriptions(self) -> QWidget:
        page, navigator = self._pages.subscriptions(), self._navigator
        page.explain_requested.connect(self.explain)
        page.compare_requested.connect(navigator.compare)
        page.methods_requested.connect(self.show_methods)
        page.invoice_requested.connect(self.show_invoice)
        page.open_chat.connect(navigator.open_chat)
        page.placed.connect(navigator.show_placed)
        page.sign_in_requested.connect(navigator.sign_in_requested)
        page.browse.connect(partial(navigator.show_section, at.MARKETPLACE))
        return page

    def _make_invoices(self) -> QWidget:
        page, navigator = self._pages.invoices(), self._navigator
        page.explain_requested.connect(self.explain)
        page.sign_in_requested.connect(navigator.sign_in_requested)
        page.browse.connect(partial(navigator.show_section, at.MARKETPLACE))
        return page

    def _make_comparison(self) -> QWidget:
        page = self._pages.comparison()
        page.back.connect(self._navigator.back)
        page.sign_in_requested.connect(self._navigator.sign_in_requested)
        page.change_requested.connect(self.change_plan)
        return page

    def _make_methods(self) -> QWidget:
        from ui.pages.payment_methods import PaymentMethodsPage  # lazy: not in the first frame

        page = PaymentMethodsPage(self._vms.wallet.methods)
        page.sign_in_requested.connect(self._navigator.sign_in_requested)
        return page

    def _make_collections(self) -> QWidget:
        from ui.pages.collections import CollectionsPage  # lazy: not in the first frame

        page, navigator = CollectionsPage(self._vms.invoices.collections), self._navigator
        page.invoice_requested.connect(self.show_invoice)
        page.invoices_requested.connect(partial(navigator.show_section, at.INVOICES))
        page.sign_in_requested.connect(navigator.sign_in_requested)
        return page
