"""Waiting for the page of a provider in the system browser: it is opened, and what became of it is asked for until that
is known. The browser's return and "I have paid" are only reasons to ask; the provider's answer decides."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from PySide6.QtCore import QElapsedTimer, QTimer, Signal

from services.api.errors import (
    NotFound,
    NotSignedIn,
    Offline,
    PaymentExpired,
    PaymentFailed,
    ProviderRejected,
    ServiceError,
    SessionExpired,
)
from services.api.types import Action
from ui.bridge import Bridge
from ui.text import ErrorText, error_text, tr
from ui.text.paying import check_words, page_ends, page_owner, page_words
from ui.viewmodels.base import ServiceHolder, ViewModel
from ui.viewmodels.browser import Browser as Browser  # whoever waits needs both
from ui.viewmodels.browser import ReturnAddress
from ui.viewmodels.page_address import is_here, page_host

DELAYS = (1, 2, 3, 5, 8, 10)  # seconds between two questions while somebody looks; the last one goes on
UNSEEN_DELAY = 10  # seconds, when the sheet was closed
UNSEEN_LOOKS = 180  # half an hour; then only when the window is used again, or at the next start
ENDS_SOON = 600  # seconds before its end from which the page is counted down
SECOND = 1000

# After these the page is of no use any more, and nothing was charged on it.
DEFINITE = (PaymentFailed, NotFound, ProviderRejected, NotSignedIn, SessionExpired)


class PageAnswer(Protocol):
    """Placed, Paid, AddedMethod: with an `action` the page is still open."""

    @property
    def action(self) -> Action | None: ...


# Any: what a coroutine yields to its loop, and the answers each owner knows the type of
Ask = Callable[[], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class PageTask:
    """What a page is for. `amount` and `what` are words, `amount` may be empty. `refresh` asks what became of it,
    `cancel` closes it, `renew` opens another one for the same after it has expired; None where that cannot be."""

    action: Action
    hosts: tuple[str, ...]
    what: str
    refresh: Ask
    cancel: Ask
    renew: Ask | None = None
    amount: str = ""


class PagePhase(StrEnum):
    IDLE = "idle"
    WAITING = "waiting"
    CANCELING = "canceling"
    EXPIRED = "expired"
    RENEWING = "renewing"
    REFUSED = "refused"  # the address is none of the provider's: it was not opened


@dataclass(frozen=True, slots=True)
class HostedPageState:
    """`is_attended`: its sheet is in sight. `check`: see check_words. `seconds_left`: None while the end is far."""

    phase: PagePhase = PagePhase.IDLE
    is_attended: bool = False
    url: str = field(default="", repr=False)
    host: str = ""
    amount: str = ""
    what: str = ""
    was_opened: bool = True
    can_renew: bool = False
    check: str = ""
    seconds_left: int | None = None
    error: ErrorText | None = None

    @property
    def owner(self) -> str:
        """Whose page it is, in words."""
        return page_owner(self.host, is_here=is_here(self.host))

    @property
    def is_open(self) -> bool:
        """Whether something is waited for."""
        return self.phase is not PagePhase.IDLE

    @property
    def is_shown(self) -> bool:
        return self.is_open and self.is_attended

    @property
    def is_busy(self) -> bool:
        return self.phase in (PagePhase.CANCELING, PagePhase.RENEWING)

    @property
    def is_over(self) -> bool:
        """The page cannot be used any more."""
        return self.phase in (PagePhase.EXPIRED, PagePhase.RENEWING)

    @property
    def is_refused(self) -> bool:
        return self.phase is PagePhase.REFUSED

    @property
    def title(self) -> str:
        if self.is_over:
            return tr("The page has expired")
        if self.is_refused:
            return tr("This page was not opened")
        return tr("Finish paying in your browser") if self.amount else tr("Finish in your browser")

    @property
    def words(self) -> str:
        if self.is_over:
            return tr("It was open too long. Nothing was charged, and everything you typed is kept.")
        if self.is_refused:
            return tr("Its address is not one of the payment provider’s. Nothing was charged. Tell support.")
        return page_words(self.host, was_opened=self.was_opened, is_here=is_here(self.host))

    @property
    def line(self) -> str:
        """How it stands, in one line; empty when there is nothing to wait for."""
        if self.is_over or self.is_refused:
            return ""
        return check_words("canceling" if self.phase is PagePhase.CANCELING else self.check)

    @property
    def countdown(self) -> str:
        return "" if self.seconds_left is None or self.line == "" else page_ends(self.seconds_left)


class HostedPageViewModel(ViewModel[HostedPageState]):
    """Signals: changed; finished(answer) - no page waits any more, what the answer says has happened; canceled(answer)
    - it was given up, the answer says what is so; failed(ServiceError) - nothing was charged and nothing will be."""

    finished = Signal(object)
    canceled = Signal(object)
    failed = Signal(object)

    def __init__(self, bridge: Bridge, holder: ServiceHolder, browser: Browser) -> None:
        super().__init__(bridge, holder, HostedPageState())
        self._browser = browser
        self._task: PageTask | None = None
        self._address: ReturnAddress | None = None
        self._looks = 0
        self._now: datetime | None = None  # of the workspace, when `_since` was started
        self._since = QElapsedTimer()
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._look)
        self._second = QTimer(self)
        self._second.setInterval(SECOND)
        self._second.timeout.connect(self._count_down)
        browser.activated.connect(self._on_activated)
        holder.rebound.connect(self.forget)

    # ---- before the page is asked for

    async def return_url(self) -> str:
        """Where the next page is to lead back to; "" when nobody listens, which only makes it slower."""
        self._close_address()
        if self._browser.returns is None:
            return ""
        try:
            self._address = await self._browser.returns.open(self._on_returned)
        except OSError:
            return ""
        return self._address.url

    # ---- verbs

    def open(self, task: PageTask) -> None:
        """Opens the page and waits for it; an earlier one is not waited for any more."""
        self._stop()
        self._task = task
        host = page_host(task.action.url, task.hosts)
        state = HostedPageState(
            phase=PagePhase.WAITING if host else PagePhase.REFUSED,
            is_attended=True,
            url=task.action.url if host else "",
            host=host,
            amount=task.amount,
            what=task.what,
            can_renew=task.renew is not None,
        )
        if host:
            state = replace(state, was_opened=self._browser.open_url(state.url))
        self._become(state)
        if host:
            self._looks = 0
            self._wait()
            self._read_time()

    def reopen(self) -> None:
        """The same page once more."""
        if self.state.phase is PagePhase.WAITING:
            self._set(was_opened=self._browser.open_url(self.state.url))

    def look(self) -> None:
        """ "I have paid": asks now."""
        if self.state.phase is PagePhase.WAITING:
            self._looks = 0
            self._set(check="asking", error=None)
            self._look()

    def cancel(self) -> None:
        """Gives it up: the page is closed."""
        task = self._task
        if task is None or self.state.is_busy or self.state.is_over:
            return
        self._again.stop()
        self._bridge.cancel(self, "look")
        self._set(phase=PagePhase.CANCELING, error=None)
        self._bridge.run(self, "cancel", task.cancel, then=self._on_canceled, failed=self._on_cancel_failed)

    def renew(self) -> None:
        """Another page for the same, after this one has expired."""
        task = self._task
        if task is not None and task.renew is not None and self.state.phase is PagePhase.EXPIRED:
            self._set(phase=PagePhase.RENEWING, error=None)
            self._bridge.run(self, "renew", task.renew, then=self._on_renewed, failed=self._on_renew_failed)

    def give_way(self) -> None:
        """Something else is wanted after it has expired."""
        if self.state.phase is PagePhase.EXPIRED:
            self._end()
            self.failed.emit(PaymentExpired())

    def leave(self) -> None:
        """Its sheet was closed: it is waited for out of sight."""
        if self.state.phase is PagePhase.EXPIRED:
            self.give_way()
        elif self.state.is_refused:
            self.cancel()
        elif self.state.is_shown:
            self._looks = 0
            self._second.stop()
            self._set(is_attended=False, seconds_left=None)
            self._wait()

    def attend(self) -> None:
        """Its sheet is wanted again."""
        if self.state.is_open and not self.state.is_attended:
            self._looks = 0
            self._set(is_attended=True)
            self._wait()
            self._read_time()

    def forget(self) -> None:
        """Nothing is waited for any more; the page itself stays as it is."""
        self._end()

    # ---- asking

    def _wait(self) -> None:
        if self.state.phase is not PagePhase.WAITING:
            return
        if self.state.is_attended:
            self._again.start(DELAYS[min(self._looks, len(DELAYS) - 1)] * SECOND)
        elif self._looks < UNSEEN_LOOKS:
            self._again.start(UNSEEN_DELAY * SECOND)

    def _look(self) -> None:
        task = self._task
        if task is not None and self.state.phase is PagePhase.WAITING:
            self._again.stop()
            self._looks += 1
            self._bridge.run(
                self, "look", task.refresh, then=self._on_answer, failed=self._on_look_failed, retry=self.look
            )  # fmt: skip

    def _on_answer(self, answer: PageAnswer) -> None:
        if answer.action is None:
            self._end()
            self._browser.attention()
            self.finished.emit(answer)
            return
        if self._task is not None and answer.action != self._task.action:
            self._task = replace(self._task, action=answer.action)
            self._read_time()
        self._set(check="not_yet", error=None)
        self._wait()

    def _on_look_failed(self, error: ServiceError) -> None:
        if isinstance(error, PaymentExpired) and self.state.can_renew:
            self._stop()
            self._set(phase=PagePhase.EXPIRED, is_attended=True, check="", seconds_left=None)
            self._browser.attention()
        elif isinstance(error, DEFINITE):
            self._end()
            self._browser.attention()
            self.failed.emit(error)
        else:
            self._set(check="offline" if isinstance(error, Offline) else "unclear")
            self._wait()

    def _on_returned(self) -> None:
        """A browser came back: only a reason to ask."""
        self._looks = 0
        self._look()

    def _on_activated(self) -> None:
        if not self._bridge.is_running(self, "look"):
            self._on_returned()

    # ---- giving it up, another one

    def _on_canceled(self, answer: object) -> None:
        self._end()
        self.canceled.emit(answer)

    def _on_cancel_failed(self, error: ServiceError) -> None:
        if isinstance(error, DEFINITE):
            self._end()
            self.failed.emit(error)
            return
        phase = PagePhase.WAITING if self.state.host else PagePhase.REFUSED
        self._set(phase=phase, is_attended=True, error=error_text(error))
        self._wait()

    def _on_renewed(self, answer: PageAnswer) -> None:
        if answer.action is None or self._task is None:
            self._on_answer(answer)
        else:
            self.open(replace(self._task, action=answer.action))

    def _on_renew_failed(self, error: ServiceError) -> None:
        if isinstance(error, DEFINITE):
            self._end()
            self.failed.emit(error)
        else:
            self._set(phase=PagePhase.EXPIRED, error=error_text(error))

    # ---- how long it still works

    def _read_time(self) -> None:
        if self._task is not None and self._task.action.expires_at is not None:
            self._bridge.run(
                self, "time", self._service.get_timeline, then=lambda found: self._on_time(found.now),
                failed=lambda _error: None, policy="replace",  # the provider ends the page in any case
            )  # fmt: skip

    def _on_time(self, now: datetime) -> None:
        self._now = now
        self._since.start()
        if self.state.phase is PagePhase.WAITING and self.state.is_attended:
            self._second.start()
            self._count_down()

    def _count_down(self) -> None:
        expires_at = self._task.action.expires_at if self._task is not None else None
        if expires_at is None or self._now is None:
            self._second.stop()
            return
        left = int((expires_at - self._now).total_seconds()) - self._since.elapsed() // SECOND
        self._set(seconds_left=max(0, left) if left <= ENDS_SOON else None)
        if left <= 0:
            self._second.stop()
            self._look()

    # ---- the end

    def _stop(self) -> None:
        for timer in (self._again, self._second):
            timer.stop()
        for verb in ("look", "cancel", "renew", "time"):
            self._bridge.cancel(self, verb)

    def _end(self) -> None:
        self._stop()
        self._close_address()
        self._task = None
        self._now = None
        self._become(HostedPageState())

    def _close_address(self) -> None:
        if self._address is not None:
            self._address.close()
            self._address = None
