"""Paying: sign up or in on the way, one idempotency key per attempt, kept until the outcome is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Signal

from services.api.errors import (
    BadCredentials,
    EmailTaken,
    InvalidInput,
    KeyReused,
    NotFound,
    PaymentFailed,
    ProviderRejected,
    ServiceError,
    WrongState,
)
from services.api.types import (
    Action,
    Order,
    OrderState,
    PayOrder,
    Placed,
    QuoteRequested,
    Register,
    RequestQuote,
    SignIn,
)
from ui.bridge import Area, Bridge
from ui.text import error_text, field_texts, refusal_of, total_parts, tr
from ui.viewmodels.base import ServiceHolder, ViewModel
from ui.viewmodels.browser import Browser
from ui.viewmodels.cart_keeper import CartKeeper
from ui.viewmodels.checkout_state import PAGED, AccountMode, CheckoutState, Phase
from ui.viewmodels.hosted_page import HostedPageViewModel, PageTask
from ui.viewmodels.page_address import is_own_page
from ui.viewmodels.session import SessionViewModel

# After these nothing was charged under the key and nothing will be: the next try is another attempt.
DEFINITE = (PaymentFailed, InvalidInput, NotFound, KeyReused, ProviderRejected)
TOUCHES: tuple[Area, ...] = ("orders", "resources", "cart", "wallet", "subscriptions", "invoices", "usage")
PAID = (OrderState.EXECUTING, OrderState.DONE)


class PurchaseViewModel(ViewModel[CheckoutState]):
    """The half of checkout that pays. Signals: confirming(url); placed(Placed); settled(Placed) - what was paid in the
    browser while something else was looked at; quote_requested()."""

    confirming = Signal(str)
    placed = Signal(object)
    settled = Signal(object)
    quote_requested = Signal()

    def __init__(
        self,
        bridge: Bridge,
        holder: ServiceHolder,
        session: SessionViewModel,
        new_key: Callable[[], str],
        browser: Browser | None = None,
    ) -> None:
        super().__init__(bridge, holder, CheckoutState())
        self._session = session
        self._new_key = new_key
        self._keeper = CartKeeper(bridge, holder)
        self._was_sent = False  # whether the service may know of this attempt
        self._again_key = ""  # of another page for the same order whose outcome is not known
        self.page = HostedPageViewModel(bridge, holder, browser or Browser(parent=self))
        self.page.finished.connect(self._on_page_finished)
        self.page.canceled.connect(self._on_page_canceled)
        self.page.failed.connect(self._on_page_failed)
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def confirm(self, approve: bool) -> None:
        """The buyer's answer on the test provider's page."""
        order_uuid = self.state.order_uuid
        if self.state.phase is Phase.CONFIRMING:
            self._set(phase=Phase.PAYING, error=None)
            self._bridge.run(
                self,
                "pay",
                lambda: self._service.confirm_order(order_uuid, approve=approve),
                then=self._on_placed,
                failed=self._on_confirm_failed,
                touches=TOUCHES,
                initiator=self,
            )

    def check_again(self) -> None:
        """Asks what became of the open attempt: of the order to be confirmed, or of the payment not known yet."""
        if self.state.phase is Phase.CONFIRMING:
            order_uuid = self.state.order_uuid
            self._bridge.run(
                self,
                "check",
                lambda: self._service.get_order(order_uuid),
                then=self._on_order,
                failed=lambda error: self._set(error=error_text(error)),
            )
        else:
            self.pay()

    def pay(self) -> None:
        raise NotImplementedError

    # ---- buying

    def _purchase(self) -> None:
        self._was_sent = bool(self.state.attempt_key)
        is_guest = self.state.account_mode is not AccountMode.SIGNED_IN
        self._set(phase=Phase.SIGNING_UP if is_guest else Phase.PAYING, error=None, notice="")
        self._bridge.run(
            self,
            "pay",
            self._pay_once,
            then=self._on_placed,
            failed=self._on_pay_failed,
            touches=(*TOUCHES, "session"),
            initiator=self,
            retry=self.pay,
        )

    async def _pay_once(self) -> Placed:
        is_known = self.state.account_mode is not AccountMode.NEW  # to somebody new nothing is on file
        if not self._service.actor.session:
            if self._keeper.is_dirty:
                await self._keeper.now(self.state.cart())  # so that it moves to the account
            await self._session.enter(self._who())
        self._set(phase=Phase.PAYING)
        if not self.state.attempt_key:
            if is_known:
                await self._check_price()
            self._set(attempt_key=self._new_key())
        await self._keeper.now(self.state.cart())  # the key is on disk before the money moves
        request = self.state.request()
        if self.state.has_pages and self.state.needs_payment and request.payment_method in PAGED:
            request = replace(request, return_url=await self.page.return_url())
        self._was_sent = True
        return await self._service.quick_checkout(request, key=self.state.attempt_key)

    async def _check_price(self) -> None:
        """The sum on the button is the one that is charged; SumMoved when it is another one now."""

    def _who(self) -> Register | SignIn:
        email, password = self.state.email.strip(), self.state.password
        return Register(email, password) if self.state.account_mode is AccountMode.NEW else SignIn(email, password)

    def _on_placed(self, placed: Placed) -> None:
        hosts = self.state.options.page_hosts if self.state.options is not None else ()
        if placed.action is not None and not is_own_page(placed.action.url, hosts):
            self._go_to_page(placed, placed.action, hosts)
            return
        if placed.action is not None:
            url = placed.action.url
            self._set(phase=Phase.CONFIRMING, order_uuid=placed.order_uuid, action_url=url, error=None)
            self.confirming.emit(url)
            return
        self.page.forget()
        self._keeper.forget()
        self._set(phase=Phase.PLACED, placed=placed, attempt_key="", password="", action_url="", error=None)
        self.placed.emit(placed)

    def _on_pay_failed(self, error: ServiceError) -> None:
        if not self._was_sent or (isinstance(error, DEFINITE) and self.state.phase is Phase.PAYING):
            self._set(attempt_key="")
        changes: dict[str, object] = {"phase": Phase.FAILED, "error": error_text(error)}
        if isinstance(error, EmailTaken):
            changes |= {"account_mode": AccountMode.EXISTING, "has_pressed_pay": False}
        elif isinstance(error, InvalidInput):
            changes["refused"] = field_texts(error)
        elif isinstance(error, BadCredentials):
            changes["refused"] = {"password": error_text(error).title}
        self._set(**changes)
        self._keeper.later(self.state.cart())
        self._after_failure(error)

    def _after_failure(self, error: ServiceError) -> None:
        """What the rest of the page reads again."""

    # ---- confirming

    def _on_confirm_failed(self, error: ServiceError) -> None:
        if isinstance(error, DEFINITE):
            self._set(attempt_key="", order_uuid="", action_url="")
            self._set(phase=Phase.FAILED, error=error_text(error))
            self._keeper.later(self.state.cart())
            return
        self._set(phase=Phase.CONFIRMING, error=error_text(error))
        if isinstance(error, WrongState):  # answered elsewhere
            self.check_again()

    def _on_order(self, order: Order) -> None:
        if order.state in PAID:
            resource = order.resource_uuids[0] if order.resource_uuids else ""
            self._on_placed(Placed(order.uuid, resource, order.organization_uuid))
            self._bridge.announce(*TOUCHES, initiator=self)
        elif order.state in (OrderState.CANCELED, OrderState.ERRED):
            self._on_confirm_failed(refusal_of(order.error_code))
        else:
            self._set(error=None)

    # ---- on a page in the browser

    def _go_to_page(self, placed: Placed, action: Action, hosts: tuple[str, ...]) -> None:
        state, uuid = self.state, placed.order_uuid
        again = PayOrder(state.method, state.request().payment_token)
        self._set(phase=Phase.AT_PROVIDER, order_uuid=uuid, action_url="", error=None)
        self.page.open(
            PageTask(
                action,
                hosts,
                what=f"{state.offering.card.name}, {state.plan.name}" if state.offering and state.plan else "",
                refresh=lambda: self._service.refresh_order(uuid),
                cancel=lambda: self._service.cancel_order(uuid),
                renew=lambda: self._open_another(uuid, again),
                amount=total_parts(state.summary).amount if state.summary else "",
            )
        )

    async def _open_another(self, order_uuid: str, request: PayOrder) -> Placed:
        """The same order on a new page; one whose answer was lost is asked for again with the same key."""
        self._again_key = self._again_key or self._new_key()
        request = replace(request, return_url=await self.page.return_url())
        try:
            placed = await self._service.pay_order(order_uuid, request, key=self._again_key)
        except DEFINITE:
            self._again_key = ""
            raise
        self._again_key = ""
        return placed

    def _is_here(self, order_uuid: str) -> bool:
        """Whether what was paid in the browser is what this page still shows."""
        return self.state.phase is Phase.AT_PROVIDER and order_uuid in ("", self.state.order_uuid)

    def _on_page_finished(self, placed: Placed) -> None:
        if self._is_here(placed.order_uuid):
            self._on_placed(placed)
        else:
            self.settled.emit(placed)
        self._bridge.announce(*TOUCHES, initiator=self)

    def _on_page_canceled(self, order: Order) -> None:
        if order.state is not OrderState.CANCELED:  # paid in the same instant
            resource = order.resource_uuids[0] if order.resource_uuids else ""
            self._on_page_finished(Placed(order.uuid, resource, order.organization_uuid))
        elif self._is_here(order.uuid):
            self._set(phase=Phase.IDLE, attempt_key="", order_uuid="", error=None)
            self._set(notice=tr("Nothing was charged, and everything you typed is kept. Pay again, or another way."))
            self._keeper.later(self.state.cart())

    def _on_page_failed(self, error: ServiceError) -> None:
        if not self._is_here(""):
            return
        if isinstance(error, DEFINITE):
            self._on_confirm_failed(error)
        else:  # signed out meanwhile: the order waits
            self._set(phase=Phase.FAILED, error=error_text(error))

    def _on_rebound(self) -> None:
        """Somebody else's page is not waited for; whoever comes back finishes it with the same key."""
        if self.state.phase is Phase.AT_PROVIDER:
            self._set(phase=Phase.IDLE)

    # ---- asking for a price

    def _ask_quote(self) -> None:
        state = self.state
        email = state.account.email if state.account else state.email.strip()
        offering = state.offering.card.uuid if state.offering else ""
        request = RequestQuote(offering, state.plan_uuid, email, state.message.strip())
        self._set(phase=Phase.PAYING, error=None, notice="")
        self._bridge.run(
            self,
            "pay",
            lambda: self._service.request_quote(request),
            then=self._on_quote,
            failed=self._on_quote_failed,
            touches=("quotes",),
            initiator=self,
        )

    def _on_quote(self, _quote: QuoteRequested) -> None:
        self._set(phase=Phase.IDLE, quote_sent=True)
        self.quote_requested.emit()

    def _on_quote_failed(self, error: ServiceError) -> None:
        refused = field_texts(error) if isinstance(error, InvalidInput) else {}
        self._set(phase=Phase.FAILED, error=error_text(error), refused=refused)
