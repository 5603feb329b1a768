"""What the shell is given: the view-models, and how each page is made when it is first shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from ui.viewmodels.agent import AgentViewModel
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
from ui.viewmodels.session import SessionViewModel
from ui.viewmodels.subscriptions import SubscriptionsViewModel
from ui.viewmodels.timeline import TimelineViewModel
from ui.viewmodels.wallet import WalletViewModel
from ui.widgets.overlay import Overlay

if TYPE_CHECKING:
    from ui.pages.agent import AgentPage
    from ui.pages.chat import ChatPage
    from ui.pages.checkout import CheckoutPage
    from ui.pages.comparison import ComparisonPage
    from ui.pages.configure import ConfigurePage
    from ui.pages.confirmation import ConfirmationPage
    from ui.pages.explain import ExplainSheet
    from ui.pages.invoices import InvoicesPage
    from ui.pages.marketplace import MarketplacePage
    from ui.pages.my_agents import MyAgentsPage
    from ui.pages.settings import SettingsPage
    from ui.pages.subscriptions import SubscriptionsPage
    from ui.pages.wallet import WalletPage


@dataclass(frozen=True, slots=True)
class ViewModels:
    session: SessionViewModel
    marketplace: MarketplaceViewModel
    agent: AgentViewModel
    checkout: CheckoutViewModel
    confirmation: ConfirmationViewModel
    chat: ChatViewModel
    my_agents: MyAgentsViewModel
    configure: ConfigureViewModel
    palette: PaletteViewModel
    pending_cart: PendingCartViewModel
    low_balance: LowBalanceViewModel
    wallet: WalletViewModel
    subscriptions: SubscriptionsViewModel
    plan_change: PlanChangeViewModel
    quotes: QuotesViewModel
    invoices: InvoicesViewModel
    explain: ExplainViewModel
    comparison: ComparisonViewModel
    timeline: TimelineViewModel
    payment_mode: PaymentModeViewModel


@dataclass(frozen=True, slots=True)
class MoneyMakers:
    """The pages of what is paid. `explain` makes the sheet over a window."""

    wallet: Callable[[], WalletPage]
    subscriptions: Callable[[], SubscriptionsPage]
    invoices: Callable[[], InvoicesPage]
    comparison: Callable[[], ComparisonPage]
    explain: Callable[[QWidget], ExplainSheet]


@dataclass(frozen=True, slots=True)
class Pages:
    """Makers, not pages: the first frame needs only one of them. `sign_in` makes the sheet over a window."""

    marketplace: Callable[[], MarketplacePage]
    agent: Callable[[], AgentPage]
    checkout: Callable[[], CheckoutPage]
    confirmation: Callable[[], ConfirmationPage]
    chat: Callable[[], ChatPage]
    my_agents: Callable[[], MyAgentsPage]
    configure: Callable[[], ConfigurePage]
    settings: Callable[[], SettingsPage]
    money: MoneyMakers
    sign_in: Callable[[QWidget], Overlay]
