"""Which page is shown and how one leads to the next: the page stack, the way back, the path from looking to talking."""

from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from services.api.types import OfferingCard, Placed
from ui.shell import history as at
from ui.shell.history import History, Place
from ui.shell.money import MoneyPages
from ui.shell.parts import Pages, ViewModels
from ui.text import tr
from ui.viewmodels.agent import CheckoutRequest
from ui.widgets import a11y
from ui.widgets.focus_order import reading_order
from ui.widgets.notices import toast_area

CHAT_AFTER_MS = 350  # long enough to read "ready", then the chat opens by itself


class _Focusing(Protocol):
    def focus_content(self) -> None: ...


class _Resting(Protocol):
    def load(self) -> None: ...
    def rest(self) -> None: ...


class Navigator(QObject):
    """Signals: moved(Place) - another page is shown; sign_in_requested()."""

    moved = Signal(object)
    sign_in_requested = Signal()

    def __init__(self, stack: QStackedWidget, vms: ViewModels, pages: Pages) -> None:
        super().__init__(stack)
        self._stack = stack
        self._vms = vms
        self.money = MoneyPages(self, vms, pages.money)
        self._makers = self._page_makers(pages) | self.money.makers()
        self._living = self._view_models_that_rest()
        self._pages: dict[str, QWidget] = {}
        self._history = History()
        self._opening_chat = QTimer(self)
        self._opening_chat.setSingleShot(True)
        self._opening_chat.timeout.connect(self._open_bought_chat)
        self._connect()

    def _page_makers(self, pages: Pages) -> dict[str, Callable[[], QWidget]]:
        return {
            at.MARKETPLACE: partial(self._marketplace, pages),
            at.AGENT: partial(self._agent, pages),
            at.CHECKOUT: partial(self._checkout, pages),
            at.CONFIRMATION: partial(self._confirmation, pages),
            at.CHAT: partial(self._chat, pages),
            at.MY_AGENTS: partial(self._my_agents, pages),
            at.CONFIGURE: partial(self._configure, pages),
            at.SETTINGS: pages.settings,
        }

    def _view_models_that_rest(self) -> dict[str, tuple[_Resting, ...]]:
        """Those that read only while their page is in sight."""
        vms = self._vms
        return {
            at.MY_AGENTS: (vms.my_agents,),
            at.WALLET: (vms.wallet,),
            at.SUBSCRIPTIONS: (vms.subscriptions, vms.quotes),
            at.INVOICES: (vms.invoices,),
            at.COMPARISON: (vms.comparison,),
            at.PAYMENT_METHODS: (vms.wallet.methods,),
            at.COLLECTIONS: (vms.invoices.collections,),
        }

    # -- the pages and their signals -------------------------------------------------------------------------------
    def _marketplace(self, pages: Pages) -> QWidget:
        page = pages.marketplace()
        page.opened.connect(self.see)
        return page

    def _agent(self, pages: Pages) -> QWidget:
        page = pages.agent()
        page.back.connect(self.back)
        return page

    def _checkout(self, pages: Pages) -> QWidget:
        page = pages.checkout()
        page.back.connect(self.back)
        return page

    def _confirmation(self, pages: Pages) -> QWidget:
        page = pages.confirmation()
        page.open_chat.connect(self.open_chat)
        page.configure.connect(self.configure)
        page.home.connect(partial(self.show_section, at.MARKETPLACE))
        page.explain_requested.connect(self.money.explain)
        page.invoice_requested.connect(self.money.show_invoice)
        return page

    def _chat(self, pages: Pages) -> QWidget:
        page = pages.chat()
        page.back.connect(self.back)
        page.remedy.connect(self.money.remedy)
        page.configure.connect(self.configure)
        return page

    def _my_agents(self, pages: Pages) -> QWidget:
        page = pages.my_agents()
        page.opened.connect(self.open_chat)
        page.configure.connect(self.configure)
        page.browse.connect(partial(self.show_section, at.MARKETPLACE))
        page.sign_in_requested.connect(self.sign_in_requested)
        page.show_order.connect(self.show_order)
        return page

    def _configure(self, pages: Pages) -> QWidget:
        page = pages.configure()
        page.back.connect(self.back)
        return page

    def _connect(self) -> None:
        vms = self._vms
        vms.agent.opened_checkout.connect(self._on_checkout_opened)
        vms.checkout.placed.connect(self._on_placed)
        vms.confirmation.ready.connect(self._on_ready)
        vms.confirmation.canceled.connect(self._on_canceled)
        vms.confirmation.not_canceled.connect(self._on_not_canceled)
        vms.configure.finished.connect(self.open_chat)
        vms.session.signed_out.connect(self._on_signed_out)

    # -- where we are ----------------------------------------------------------------------------------------------
    @property
    def here(self) -> Place:
        return self._history.here

    @property
    def section(self) -> str:
        return self._history.section

    @property
    def can_go_back(self) -> bool:
        return self._history.can_go_back

    @property
    def page(self) -> QWidget | None:
        return self._stack.currentWidget()

    @property
    def window(self) -> QWidget:
        return self._stack.window()

    # -- verbs -----------------------------------------------------------------------------------------------------
    def start(self, section: str) -> None:
        """The first page of the window."""
        self._become(History().go(Place(section if section in at.SECTIONS else at.MARKETPLACE)))

    def enter(self) -> None:
        """The keyboard goes to the page shown."""
        if self.page is not None:
            self._enter(self.page)

    def show_section(self, section: str) -> None:
        self._become(self._history.go(Place(section)))

    def see(self, card: OfferingCard) -> None:
        """The page of an offering whose card is known."""
        self._vms.agent.open(card.uuid, card)
        self._become(self._history.go(Place(at.AGENT, card.uuid)))

    def see_offering(self, uuid: str) -> None:
        """The same from the palette or a link."""
        self._vms.agent.open(uuid)
        self._become(self._history.go(Place(at.AGENT, uuid)))

    def check_out(self, offering_uuid: str) -> None:
        """Straight to checkout, with the recommended plan."""
        self._vms.checkout.open(offering_uuid)
        self._become(self._history.go(Place(at.CHECKOUT, offering_uuid)))

    def resume_checkout(self) -> None:
        """On with the kept cart."""
        self._vms.checkout.resume()
        self._become(self._history.go(Place(at.CHECKOUT)))

    def open_chat(self, resource_uuid: str) -> None:
        self._opening_chat.stop()
        self._vms.chat.open_resource(resource_uuid)
        self._become(self._history.bought(Place(at.CHAT, resource_uuid)))

    def configure(self, resource_uuid: str) -> None:
        self._opening_chat.stop()
        self._vms.configure.open(resource_uuid)
        self._become(self._history.go(Place(at.CONFIGURE, resource_uuid)))

    def show_order(self, order_uuid: str) -> None:
        self._vms.confirmation.open_order(order_uuid)
        self._become(self._history.bought(Place(at.CONFIRMATION, order_uuid)))

    def show_placed(self, placed: Placed) -> None:
        """What was just bought elsewhere than at checkout."""
        self._vms.confirmation.open(placed)
        self._become(self._history.paid(Place(at.CONFIRMATION, placed.order_uuid)))

    def compare(self, subscription_uuid: str) -> None:
        """What other plans would have cost."""
        self._vms.comparison.open(subscription_uuid)
        self._become(self._history.compared(Place(at.COMPARISON, subscription_uuid)))

    def back(self) -> None:
        if self._history.can_go_back:
            self._become(self._history.back(), returns=True)
        elif self.here != at.HOME:
            self.show_section(at.MARKETPLACE)

    def refresh(self) -> None:
        """F5: what is shown is asked for again."""
        vms = self._vms
        again: dict[str, Callable[[], None]] = {
            at.MARKETPLACE: vms.marketplace.load,
            at.AGENT: vms.agent.retry,
            at.CONFIRMATION: vms.confirmation.reload,
            at.CHAT: vms.chat.reload,
        }
        for vm in self._living.get(self.here.page, ()):
            vm.load()
        if self.here.page in again:
            again[self.here.page]()

    # -- the path from looking to talking --------------------------------------------------------------------------
    def _on_checkout_opened(self, request: CheckoutRequest) -> None:
        self._vms.checkout.open(request.offering, request.plan_uuid, request.cycle)
        self._become(self._history.go(Place(at.CHECKOUT, request.offering.card.uuid)))

    def _on_placed(self, placed: Placed) -> None:
        self._vms.confirmation.open(placed)
        if self.here.page == at.CHECKOUT:
            self._become(self._history.paid(Place(at.CONFIRMATION, placed.order_uuid)))

    def _on_ready(self, resource_uuid: str) -> None:
        if self.here.page == at.CONFIRMATION:
            self._opening_chat.start(CHAT_AFTER_MS)
            return
        resource = self._vms.confirmation.state.resource
        toast_area(self._stack).show_toast(
            tr("{name} is ready.", name=resource.name if resource else tr("Your agent")),
            action=tr("Open chat"),
            on_action=partial(self.open_chat, resource_uuid),
            icon="circle-check",
        )

    def _on_canceled(self) -> None:
        """Taken back from elsewhere: nobody goes on talking to what is gone."""
        order = self._vms.confirmation.state.order
        if order is None or self.here.page == at.CONFIRMATION:
            return
        if self.here.page in (at.CHAT, at.CONFIGURE) and self.here.key in order.resource_uuids:
            self._become(self._history.bought(Place(at.CONFIRMATION, order.uuid)))
            return
        self._tell(tr("{name} was taken back. Nothing was charged.", name=order.offering_name), "undo-2")

    def _on_not_canceled(self, why: str) -> None:
        if self.here.page != at.CONFIRMATION:
            self._tell(why, "circle-alert")

    def _tell(self, words: str, icon: str) -> None:
        toast_area(self._stack).show_toast(words, icon=icon)

    def _open_bought_chat(self) -> None:
        uuid = self._vms.confirmation.state.resource_uuid
        if self.here.page == at.CONFIRMATION and uuid:
            self.open_chat(uuid)

    def _on_signed_out(self) -> None:
        """What belonged to the account is out of sight."""
        if self.here.page in (at.CHAT, at.CONFIRMATION, at.CONFIGURE, at.COMPARISON):
            self.show_section(at.MARKETPLACE)

    # -- showing ---------------------------------------------------------------------------------------------------
    def _become(self, wanted: History, *, returns: bool = False) -> None:
        before, self._history = self._history.here, wanted
        place = wanted.here
        if returns:
            self._restore(place)
        if place.page not in self._pages:
            self._pages[place.page] = self._makers[place.page]()
            self._stack.addWidget(self._pages[place.page])
        page = self._pages[place.page]
        if before.page != place.page:
            for vm in self._living.get(before.page, ()):
                vm.rest()
        for vm in self._living.get(place.page, ()):
            vm.load()
        self._stack.setCurrentWidget(page)
        if page.isVisible():
            self._enter(page)
        self.moved.emit(place)

    def _restore(self, place: Place) -> None:
        """What the place one goes back to shows; nothing is asked for again when it is still there."""
        if place.page == at.AGENT:
            self._vms.agent.open(place.key)
        elif place.page == at.CHAT and self._vms.chat.state.uuid != place.key:
            self._vms.chat.open_resource(place.key)

    def _enter(self, page: QWidget) -> None:
        """The keyboard goes along: to the page's own place, else to its first control."""
        a11y.announce(page, page.accessibleName())
        if hasattr(page, "focus_content"):
            cast(_Focusing, page).focus_content()
            return
        stops = [widget for widget in reading_order(page) if widget.isVisible() and widget.isEnabled()]
        (stops[0] if stops else page).setFocus(Qt.FocusReason.OtherFocusReason)
