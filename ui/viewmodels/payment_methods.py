"""Ways to pay that are on file: the list, which one is the default, removing one, and the way a new one comes in."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from PySide6.QtCore import Signal

from services.api.errors import (
    InvalidInput,
    KeyReused,
    NotFound,
    NotSignedIn,
    PaymentExpired,
    PaymentFailed,
    ProviderRejected,
    ServiceError,
)
from services.api.money_contract import Wallets
from services.api.types import (
    Action,
    AddedMethod,
    AddMethod,
    Paid,
    PaymentMethod,
    PaymentOptions,
    PaymentState,
    SavedMethod,
)
from ui.bridge import Area, Bridge, Change
from ui.text import ErrorText, error_text
from ui.text.methods import addable, adding_problem, adding_title, method_items, new_token
from ui.viewmodels.base import ServiceHolder, Status, ViewModel
from ui.viewmodels.browser import Browser
from ui.viewmodels.hosted_page import HostedPageViewModel, PageTask
from ui.viewmodels.page import PageViewModel

TOUCHES: tuple[Area, ...] = ("wallet", "subscriptions", "session")

# After these no page is open under the key and none will be: the next try is another attempt.
DEFINITE = (PaymentFailed, InvalidInput, NotFound, KeyReused, ProviderRejected)


def preselected_method(options: PaymentOptions | None, wanted: str = "") -> str:
    """What a question about money begins with: the wanted one when it is there, else the default one unless it has
    expired, else the first way to give a new one, else in test mode the test card that pays."""
    if options is None:
        return ""
    if wanted and any(token == wanted for _, token in method_items(options)):
        return wanted
    working = [one for one in options.saved_methods if one.expiry != "expired"]
    working.sort(key=lambda one: not one.is_default)
    fresh = [new_token(method) for method in addable(options)]
    tests = [card.token for card in options.test_cards if card.outcome == "pays"] if options.is_test_mode else []
    return next(iter([*(one.token for one in working), *fresh, *tests]), "")


def payment_page(
    service: Callable[[], Wallets], paid: Paid, hosts: tuple[str, ...], *, what: str, amount: str
) -> PageTask | None:
    """The page a payment waits for, when it lies at a provider; None when it is answered in our own window."""
    if paid.action is None or not hosts:
        return None
    uuid = paid.payment_uuid
    return PageTask(
        paid.action, hosts, what,
        refresh=lambda: service().refresh_payment(uuid), cancel=lambda: service().cancel_payment(uuid), amount=amount,
    )  # fmt: skip


class AddPhase(StrEnum):
    IDLE = "idle"
    OPENING = "opening"
    WAITING = "waiting"  # the page of the provider is open
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AddMethodState:
    phase: AddPhase = AddPhase.IDLE
    method: PaymentMethod = PaymentMethod.CARD
    hosts: tuple[str, ...] = ()  # where its page may lie
    attempt_key: str = ""  # of an attempt whose outcome is not known
    error: ErrorText | None = None

    @property
    def is_busy(self) -> bool:
        return self.phase is AddPhase.OPENING


class AddMethodViewModel(ViewModel[AddMethodState]):
    """A card, a bank account or a PayPal account, given on the provider's page; or a test card where there is none.

    `page` waits for the provider's page. Signals: changed; added(SavedMethod); ended() - nothing came of it.
    """

    added = Signal(object)
    ended = Signal()

    def __init__(
        self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], browser: Browser | None = None
    ) -> None:
        super().__init__(bridge, holder, AddMethodState())
        self.page = HostedPageViewModel(bridge, holder, browser or Browser(parent=bridge))
        self._new_key = new_key
        self._sent: AddMethod | None = None  # under the key of the attempt; the same again must be the same
        self.page.finished.connect(self.take)
        self.page.canceled.connect(self.take)
        self.page.failed.connect(self._on_failed)
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def start(self, method: PaymentMethod, hosts: tuple[str, ...]) -> None:
        """Opens the page for a new one; the one that is open already is waited for again."""
        state = self.state
        if state.is_busy:
            return
        if state.phase is AddPhase.WAITING and state.method is method and self.page.state.is_open:
            self.page.attend()
            return
        self.page.forget()
        is_same = bool(state.attempt_key) and state.method is method and state.phase is AddPhase.FAILED
        key = state.attempt_key if is_same else self._new_key()
        if not is_same:
            self._sent = None
        self._become(AddMethodState(AddPhase.OPENING, method, hosts, key))

        async def work() -> AddedMethod:
            if self._sent is None:
                self._sent = AddMethod(method, await self.page.return_url())
            return await self._service.add_payment_method(self._sent, key=key)

        self._bridge.run(self, "add", work, then=self.take, failed=self._on_failed)

    def add_test_card(self, token: str) -> None:
        """Keeps a published test card, where no page of a provider is opened."""
        if not self.state.is_busy:
            self._become(AddMethodState(AddPhase.OPENING))
            self._bridge.run(
                self, "add", lambda: self._service.save_card(token),
                then=self._on_added, failed=self._on_failed, touches=TOUCHES, initiator=self,
            )  # fmt: skip

    def forget(self) -> None:
        """What went wrong was read."""
        if self.state.phase is AddPhase.FAILED:
            self._set(phase=AddPhase.IDLE, error=None)

    # ---- inside

    def take(self, answer: AddedMethod) -> None:
        """What the page has come to."""
        if answer.state is PaymentState.SUCCEEDED and answer.method is not None:
            self._on_added(answer.method)
            self._bridge.announce(*TOUCHES, initiator=self)
        elif answer.state is PaymentState.CANCELED and answer.error_code == PaymentExpired.code:
            self._on_failed(PaymentExpired())
        elif answer.state is PaymentState.CANCELED:
            self._become(AddMethodState())
            self.ended.emit()
        elif answer.state is PaymentState.FAILED:
            self._on_failed(PaymentFailed(reason=answer.error_code))
        elif answer.action is not None:
            self._wait_for_page(answer.uuid, answer.action)

    def _wait_for_page(self, uuid: str, action: Action) -> None:
        self._set(phase=AddPhase.WAITING, error=None)
        self.page.open(
            PageTask(
                action, self.state.hosts, adding_title(self.state.method),
                refresh=lambda: self._service.refresh_added_method(uuid),
                cancel=lambda: self._service.cancel_added_method(uuid),
            )
        )  # fmt: skip

    def _on_added(self, saved: SavedMethod) -> None:
        self._become(AddMethodState())
        self.added.emit(saved)

    def _on_failed(self, error: ServiceError) -> None:
        key = "" if isinstance(error, DEFINITE) else self.state.attempt_key
        self._set(phase=AddPhase.FAILED, attempt_key=key, error=adding_problem(error))
        self.ended.emit()

    def _on_rebound(self) -> None:
        self._bridge.cancel(self, "add")
        self._become(AddMethodState())


@dataclass(frozen=True, slots=True)
class PaymentMethodsState:
    """`busy` is the token that is being changed, `fresh` the one that came in last."""

    status: Status = Status.LOADING
    is_guest: bool = False
    items: tuple[SavedMethod, ...] = ()  # the default one first
    options: PaymentOptions | None = None
    now: datetime | None = None  # of the workspace
    busy: str = ""
    fresh: str = ""
    error: ErrorText | None = None

    def find(self, token: str) -> SavedMethod | None:
        return next((one for one in self.items if one.token == token), None)

    def heir(self, token: str) -> SavedMethod | None:
        """What is charged in the place of this one when it is removed: the default, else the oldest of the others."""
        return next((one for one in self.items if one.token != token), None)


class PaymentMethodsViewModel(PageViewModel[PaymentMethodsState]):
    """Reads only after the first `load()`, then again after every change of money until `rest()`.

    Signals: changed; added(SavedMethod); removed(SavedMethod); chosen(SavedMethod) - it is the default now.
    """

    CONCERNS = frozenset({"wallet", "orders", "subscriptions", "invoices", "session", "timeline"})

    added = Signal(object)
    removed = Signal(object)
    chosen = Signal(object)

    def __init__(
        self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], browser: Browser | None = None
    ) -> None:
        super().__init__(bridge, holder, PaymentMethodsState())
        self.adding = AddMethodViewModel(bridge, holder, new_key, browser)
        self.adding.added.connect(self._on_added)

    # ---- verbs

    def rest(self) -> None:
        """Out of sight: nothing is read any more until `load()`."""
        super().rest()
        self._set(fresh="")

    def add(self, method: PaymentMethod) -> None:
        """Opens the provider's page for a new one."""
        if self.state.options is not None:
            self.adding.start(method, self.state.options.page_hosts)

    def make_default(self, token: str) -> None:
        """It is charged when nothing else is said."""
        found = self.state.find(token)
        if found is not None and not found.is_default:
            self._change(
                token, lambda: self._service.set_default_method(token), lambda: self.chosen.emit(found)
            )  # fmt: skip

    def remove(self, token: str) -> None:
        """Forgets it, here and at the provider."""
        found = self.state.find(token)
        if found is not None:
            self._change(token, lambda: self._service.remove_payment_method(token), lambda: self.removed.emit(found))

    # ---- inside

    def _change(
        self,
        token: str,
        work: Callable[[], Coroutine[Any, Any, tuple[SavedMethod, ...]]],  # Any: what a coroutine yields to its loop
        then: Callable[[], None],
    ) -> None:
        def done(items: tuple[SavedMethod, ...]) -> None:
            status = Status.READY if items else Status.EMPTY
            self._set(items=items, status=status, busy="", fresh="", error=None)
            then()

        if self.state.busy:
            return
        self._set(busy=token, error=None)
        self._bridge.run(
            self, "change", work,
            then=done,
            failed=lambda error: self._set(busy="", error=error_text(error)),
            touches=TOUCHES,
            initiator=self,
        )  # fmt: skip

    def _read(self) -> None:
        if not self._service.actor.session:
            self._become(PaymentMethodsState(Status.EMPTY, is_guest=True))
            return
        self._bridge.run(
            self, "load", self._fetch,
            then=self._on_loaded, failed=self._on_failed, policy="replace", retry=self.retry,
        )  # fmt: skip

    async def _fetch(self) -> tuple[tuple[SavedMethod, ...], PaymentOptions, datetime]:
        service = self._service
        items = await service.list_payment_methods()
        return items, await service.get_payment_options(), (await service.get_timeline()).now

    def _on_loaded(self, loaded: tuple[tuple[SavedMethod, ...], PaymentOptions, datetime]) -> None:
        items, options, now = loaded
        status = Status.READY if items else Status.EMPTY
        self._set(status=status, is_guest=False, items=items, options=options, now=now, error=None)

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, NotSignedIn):
            self._become(PaymentMethodsState(Status.EMPTY, is_guest=True))
            return
        is_known = self.state.status in (Status.READY, Status.EMPTY) and self.state.options is not None
        self._set(status=self.state.status if is_known else Status.ERROR, error=error_text(error))

    def _on_added(self, saved: SavedMethod) -> None:
        self._set(fresh=saved.token)
        self._read()
        self.added.emit(saved)

    # ---- following

    def _concerns(self, change: Change) -> bool:
        return super()._concerns(change) and change.initiator is not self

    def _forget(self) -> None:
        """Another person's cards are not shown."""
        for verb in ("load", "change"):
            self._bridge.cancel(self, verb)
        self._become(PaymentMethodsState())
