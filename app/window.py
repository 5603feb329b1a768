"""Builds the window: view-models now, every page but the first when it is first shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from app.settings import Settings
from ui.bridge import Bridge
from ui.pages.marketplace import MarketplacePage
from ui.prefs import Prefs
from ui.shell import MoneyMakers, Pages, ViewModels
from ui.theme import Theme
from ui.viewmodels.agent import AgentViewModel
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.browser import Browser
from ui.viewmodels.chat import ChatViewModel
from ui.viewmodels.checkout import CheckoutViewModel
from ui.viewmodels.comparison import ComparisonViewModel
from ui.viewmodels.configure import ConfigureViewModel
from ui.viewmodels.confirmation import ConfirmationViewModel
from ui.viewmodels.explain import ExplainViewModel
from ui.viewmodels.invoices import InvoicesViewModel
from ui.viewmodels.low_balance import LowBalanceViewModel
from ui.viewmodels.marketplace import MarketplaceViewModel
from ui.viewmodels.my_agents import MyAgentsViewModel
from ui.viewmodels.palette import PaletteViewModel
from ui.viewmodels.payment_mode import PaymentModeViewModel
from ui.viewmodels.pending_cart import PendingCartViewModel
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.quotes import QuotesViewModel
from ui.viewmodels.session import SessionViewModel, TokenStore
from ui.viewmodels.subscriptions import SubscriptionsViewModel
from ui.viewmodels.timeline import TimelineViewModel
from ui.viewmodels.wallet import WalletViewModel

if TYPE_CHECKING:
    from ui.pages.agent import AgentPage
    from ui.pages.chat import ChatPage
    from ui.pages.checkout import CheckoutPage
    from ui.pages.comparison import ComparisonPage
    from ui.pages.configure import ConfigurePage
    from ui.pages.confirmation import ConfirmationPage
    from ui.pages.explain import ExplainSheet
    from ui.pages.invoices import InvoicesPage
    from ui.pages.my_agents import MyAgentsPage
    from ui.pages.settings import SettingsPage
    from ui.pages.sign_in import SignInSheet
    from ui.pages.subscriptions import SubscriptionsPage
    from ui.pages.wallet import WalletPage


def build_view_models(
    bridge: Bridge,
    holder: ServiceHolder,
    tokens: TokenStore,
    new_key: Callable[[], str],
    browser: Browser | None = None,
) -> ViewModels:
    """One of each, all on the same service holder. `browser`: opens the pages of payment providers; None: there is
    none, and their links are shown."""
    session = SessionViewModel(bridge, holder, tokens)
    return ViewModels(
        session=session,
        marketplace=MarketplaceViewModel(bridge, holder),
        agent=AgentViewModel(bridge, holder, new_key),
        checkout=CheckoutViewModel(bridge, holder, session, new_key, browser),
        confirmation=ConfirmationViewModel(bridge, holder, browser),
        chat=ChatViewModel(bridge, holder, new_key),
        my_agents=MyAgentsViewModel(bridge, holder),
        configure=ConfigureViewModel(bridge, holder),
        palette=PaletteViewModel(bridge, holder, ()),
        pending_cart=PendingCartViewModel(bridge, holder),
        low_balance=LowBalanceViewModel(bridge, holder, session),
        wallet=WalletViewModel(bridge, holder, new_key, browser),
        subscriptions=SubscriptionsViewModel(bridge, holder),
        plan_change=PlanChangeViewModel(bridge, holder, new_key, browser),
        quotes=QuotesViewModel(bridge, holder, new_key),
        invoices=InvoicesViewModel(bridge, holder, new_key, browser),
        explain=ExplainViewModel(bridge, holder),
        comparison=ComparisonViewModel(bridge, holder),
        timeline=TimelineViewModel(bridge, holder),
        payment_mode=PaymentModeViewModel(bridge, holder),
    )


def page_makers(vms: ViewModels, look: Theme, prefs: Prefs, settings: Settings, version: str) -> Pages:
    """How each page is made. Only the marketplace is in the first frame; the others are imported when wanted."""

    def agent() -> AgentPage:
        from ui.pages.agent import AgentPage  # lazy: not in the first frame

        return AgentPage(vms.agent)

    def checkout() -> CheckoutPage:
        from ui.pages.checkout import CheckoutPage  # lazy: not in the first frame

        return CheckoutPage(vms.checkout)

    def confirmation() -> ConfirmationPage:
        from ui.pages.confirmation import ConfirmationPage  # lazy: not in the first frame

        return ConfirmationPage(vms.confirmation)

    def chat() -> ChatPage:
        from ui.pages.chat import ChatPage  # lazy: not in the first frame

        return ChatPage(vms.chat)

    def my_agents() -> MyAgentsPage:
        from ui.pages.my_agents import MyAgentsPage  # lazy: not in the first frame

        return MyAgentsPage(vms.my_agents)

    def configure() -> ConfigurePage:
        from ui.pages.configure import ConfigurePage  # lazy: not in the first frame

        return ConfigurePage(vms.configure)

    def settings_page() -> SettingsPage:
        from ui.pages.settings import SettingsPage  # lazy: not in the first frame

        return SettingsPage(look, prefs, data_folder=str(settings.data), version=version)

    def sign_in(window: QWidget) -> SignInSheet:
        from ui.pages.sign_in import SignInSheet  # lazy: not in the first frame

        return SignInSheet(vms.session, window)

    return Pages(
        marketplace=partial(MarketplacePage, vms.marketplace),
        agent=agent,
        checkout=checkout,
        confirmation=confirmation,
        chat=chat,
        my_agents=my_agents,
        configure=configure,
        settings=settings_page,
        money=money_makers(vms),
        sign_in=sign_in,
    )


def money_makers(vms: ViewModels) -> MoneyMakers:
    """How the pages of what is paid are made."""

    def wallet() -> WalletPage:
        from ui.pages.wallet import WalletPage  # lazy: not in the first frame

        return WalletPage(vms.wallet)

    def subscriptions() -> SubscriptionsPage:
        from ui.pages.subscriptions import SubscriptionsPage  # lazy: not in the first frame

        return SubscriptionsPage(vms.subscriptions, vms.plan_change, vms.quotes)

    def invoices() -> InvoicesPage:
        from ui.pages.invoices import InvoicesPage  # lazy: not in the first frame

        return InvoicesPage(vms.invoices)

    def comparison() -> ComparisonPage:
        from ui.pages.comparison import ComparisonPage  # lazy: not in the first frame

        return ComparisonPage(vms.comparison)

    def explain(window: QWidget) -> ExplainSheet:
        from ui.pages.explain import ExplainSheet  # lazy: not in the first frame

        return ExplainSheet(vms.explain, window)

    return MoneyMakers(wallet, subscriptions, invoices, comparison, explain)
