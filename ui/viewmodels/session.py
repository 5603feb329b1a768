"""Who is signed in: the account corner, sign-in and sign-up, and the token kept between starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from PySide6.QtCore import Signal

from services.api.contract import Actor
from services.api.errors import NotSignedIn, ServiceError, SessionExpired
from services.api.money import Money
from services.api.types import Account, Organization, Register, Session, SignIn
from ui.bridge import Area, Bridge, Change
from ui.text import ErrorText, error_text, field_texts, money, tr
from ui.viewmodels.base import ServiceHolder, ViewModel

MOVES_BALANCE: frozenset[Area] = frozenset({"orders", "wallet", "usage", "subscriptions", "invoices", "timeline"})
NOTHING = Money(0)
NO_PROBLEMS: Mapping[str, str] = MappingProxyType({})


class TokenStore(Protocol):
    """Where the session token outlives the program: the system's keyring, or nowhere. Never raises."""

    def load(self) -> str: ...
    def save(self, token: str) -> None: ...
    def clear(self) -> None: ...


class NoTokenStore:
    """Forgets: the next start begins as a guest."""

    def load(self) -> str:
        return ""

    def save(self, token: str) -> None:
        pass

    def clear(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class SessionState:
    account: Account | None = None
    is_busy: bool = False
    error: ErrorText | None = None
    problems: Mapping[str, str] = field(default_factory=lambda: NO_PROBLEMS)  # field -> sentence
    notice: str = ""

    @property
    def is_signed_in(self) -> bool:
        return self.account is not None

    @property
    def name(self) -> str:
        return self.account.full_name if self.account else ""

    @property
    def email(self) -> str:
        return self.account.email if self.account else ""

    @property
    def organizations(self) -> tuple[Organization, ...]:
        return self.account.organizations if self.account else ()

    @property
    def balance(self) -> Money:
        """What the first organization has in credit; nothing before there is one."""
        found = self.account.balance if self.account else None
        return found if found is not None else NOTHING

    @property
    def is_balance_low(self) -> bool:
        return self.account is not None and self.account.is_balance_low

    @property
    def spent_text(self) -> str:
        """ "$990 spent this month"; empty for a guest."""
        return tr("{amount} spent this month", amount=money(self.account.spent_this_month)) if self.account else ""


class SessionViewModel(ViewModel[SessionState]):
    """Signals: changed; signed_in(); signed_out(). The holder says `rebound` when the service was exchanged."""

    signed_in = Signal()
    signed_out = Signal()

    def __init__(self, bridge: Bridge, holder: ServiceHolder, token_store: TokenStore | None = None) -> None:
        super().__init__(bridge, holder, SessionState())
        self._tokens = token_store or NoTokenStore()
        bridge.changed.connect(self._on_bridge_changed)
        bridge.online.connect(self.refresh)
        bridge.expired.connect(self.refresh)  # asks once more: the loser may have been a past user's call

    # ---- verbs

    def restore(self) -> None:
        """Signs in again with the token of the last time, if there is one."""
        if token := self._tokens.load():
            self._rebind(token)
            self._load_account()

    def sign_in(self, email: str, password: str) -> None:
        """Signs in; what is wrong stands in `state.error`."""
        self._start_entering(SignIn(email.strip(), password))

    def register(self, email: str, password: str, full_name: str = "") -> None:
        """Makes an account and signs in."""
        self._start_entering(Register(email.strip(), password, full_name.strip()))

    def sign_out(self) -> None:
        """Ends the session here in any case; the service is told if it can be reached."""
        service = self._service
        self._forget()
        self._bridge.run(self, "sign_out", service.sign_out, failed=self._ignore_dead_session, touches=("session",))

    def refresh(self) -> None:
        """Reads the account again."""
        if self._service.actor.session:
            self._load_account()

    def dismiss_notice(self) -> None:
        self._set(notice="", error=None, problems=NO_PROBLEMS)

    # ---- for checkout, which signs up and in as part of its own work

    async def enter(self, request: Register | SignIn) -> Account:
        """Registers or signs in, exchanges the service and reads the account."""
        if isinstance(request, Register):
            session = await self._service.register(request)
        else:
            session = await self._service.sign_in(request)
        return await self._adopt(session)

    def expire(self) -> None:
        """The service no longer knows the session: a guest again, with a word about it. The cart is not touched."""
        if self._service.actor.session:
            self._forget()
            self._set(notice=tr("You were signed out. Sign in again to go on; your cart is kept."))

    # ---- inside

    async def _adopt(self, session: Session) -> Account:
        self._rebind(session.token)
        self._tokens.save(session.token)
        account = await self._service.get_account()
        self._on_account(account)
        return account

    def _start_entering(self, request: Register | SignIn) -> None:
        self._set(is_busy=True, error=None, problems=NO_PROBLEMS, notice="")
        self._bridge.run(
            self, "enter", lambda: self.enter(request), failed=self._on_enter_failed, touches=("session", "cart")
        )

    def _on_enter_failed(self, error: ServiceError) -> None:
        self._set(is_busy=False, error=error_text(error), problems=MappingProxyType(field_texts(error)))

    def _load_account(self) -> None:
        self._bridge.run(
            self,
            "account",
            lambda: self._service.get_account(),
            then=self._on_account,
            failed=self._on_account_failed,
            policy="replace",
        )

    def _on_account(self, account: Account) -> None:
        if not self._service.actor.session:
            return  # signed out meanwhile
        was_guest = not self.state.is_signed_in
        self._become(SessionState(account=account))
        if was_guest:
            self.signed_in.emit()

    def _on_account_failed(self, error: ServiceError) -> None:
        if isinstance(error, SessionExpired | NotSignedIn):
            self.expire()
        # otherwise: not reached now; the token stays and the next refresh tries again

    def _forget(self) -> None:
        self._bridge.cancel(self, "account")
        self._tokens.clear()
        self._rebind("")
        was_signed_in = self.state.is_signed_in
        self._become(SessionState())
        if was_signed_in:
            self.signed_out.emit()

    def _rebind(self, token: str) -> None:
        actor = self._service.actor
        self._holder.rebind(Actor(device=actor.device, session=token))

    def _ignore_dead_session(self, error: ServiceError) -> None:
        """Signing out of a session that is gone, or without a connection: signed out here all the same."""

    def _on_bridge_changed(self, change: Change) -> None:
        if change.areas & MOVES_BALANCE and change.initiator is not self:
            self.refresh()
