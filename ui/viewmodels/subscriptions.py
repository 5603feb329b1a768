"""What the account pays for again and again: each subscription, what it owes, and the present to count days from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.api.errors import NotSignedIn, ServiceError
from services.api.money import Money
from services.api.types import OfferingCard, Subscription, SubscriptionState
from ui.bridge import Bridge
from ui.text import ErrorText, error_text
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.page import PageViewModel

_URGENT = (SubscriptionState.SUSPENDED, SubscriptionState.PAST_DUE)


class _Loaded(NamedTuple):
    items: tuple[Subscription, ...]
    now: datetime
    unpaid: dict[str, Money]
    cards: dict[str, OfferingCard]


@dataclass(frozen=True, slots=True)
class SubscriptionsState:
    """`unpaid` is what is still to pay, by subscription; `cards` show the agents, by resource."""

    status: Status = Status.LOADING
    is_guest: bool = False
    items: tuple[Subscription, ...] = ()
    now: datetime | None = None
    unpaid: Mapping[str, Money] = field(default_factory=dict)
    cards: Mapping[str, OfferingCard] = field(default_factory=dict)
    text: str = ""  # what is looked for
    has_ended_shown: bool = False
    error: ErrorText | None = None

    @property
    def running(self) -> tuple[Subscription, ...]:
        """Those that go on and match the search: what waits for a payment first, otherwise newest first."""
        found = [one for one in self.items if one.state is not SubscriptionState.CANCELED and self._matches(one)]
        return tuple(sorted(found, key=lambda one: one.state not in _URGENT))

    @property
    def ended(self) -> tuple[Subscription, ...]:
        return tuple(one for one in self.items if one.state is SubscriptionState.CANCELED and self._matches(one))

    @property
    def running_count(self) -> int:
        """Of all that go on, whatever is looked for."""
        return sum(one.state is not SubscriptionState.CANCELED for one in self.items)

    @property
    def next_to_charge(self) -> Subscription | None:
        """Whose charge comes first."""
        due = [(one.next_charge_at, one) for one in self.items if one.next_charge_at and one.next_charge is not None]
        return min(due, key=lambda pair: pair[0])[1] if due else None

    def find(self, uuid: str) -> Subscription | None:
        return next((one for one in self.items if one.uuid == uuid), None)

    def _matches(self, item: Subscription) -> bool:
        names = (item.offering_name, item.plan.name, item.organization_name, *(one.name for one in item.resources))
        whole = " ".join(names).casefold()
        return all(word in whole for word in self.text.casefold().split())


class SubscriptionsViewModel(PageViewModel[SubscriptionsState]):
    """Signals: changed. Reads only after the first `load()`, then again after every change until `rest()`."""

    CONCERNS = frozenset({"subscriptions", "invoices", "orders", "resources", "usage", "wallet", "session", "timeline"})

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, SubscriptionsState())

    def search(self, text: str) -> None:
        self._set(text=text)

    def show_ended(self, is_shown: bool) -> None:
        self._set(has_ended_shown=is_shown)

    # ---- inside

    def _read(self) -> None:
        if not self._service.actor.session:
            self._become(SubscriptionsState(Status.EMPTY, is_guest=True))
            return
        self._bridge.run(
            self, "load", self._fetch,
            then=self._on_loaded, failed=self._on_failed, policy="replace", retry=self.retry,
        )  # fmt: skip

    async def _fetch(self) -> _Loaded:
        service = self._service
        items = await service.list_subscriptions()
        timeline = await service.get_timeline()
        cards = {one.uuid: one.offering for one in await service.list_resources()} if items else {}
        unpaid = {
            item.uuid: (await service.get_invoice(item.unpaid_invoice_uuid)).due
            for item in items
            if item.unpaid_invoice_uuid
        }
        return _Loaded(items, timeline.now, unpaid, cards)

    def _on_loaded(self, loaded: _Loaded) -> None:
        self._set(
            status=Status.READY if loaded.items else Status.EMPTY,
            is_guest=False,
            items=loaded.items,
            now=loaded.now,
            unpaid=loaded.unpaid,
            cards=loaded.cards,
            error=None,
        )

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, NotSignedIn):
            self._become(SubscriptionsState(Status.EMPTY, is_guest=True))
            return
        status = Status.READY if self.state.items else Status.ERROR
        self._set(status=status, error=error_text(error))

    def _forget(self) -> None:
        self._bridge.cancel(self, "load")
        self._become(SubscriptionsState())
