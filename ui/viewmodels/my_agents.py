"""What the account has bought, kept up to date by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QTimer

from services.api.errors import NotSignedIn, ServiceError
from services.api.types import Order, OrderState, PaymentMethod, PaymentState, Resource, ResourceState
from ui.bridge import Bridge
from ui.text import ErrorText, error_text
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.page import PageViewModel

MOVING_MILLISECONDS = 1000
MOST_UNFINISHED = 3  # the newest; all are in the books
_MOVING = (ResourceState.ORDERED, ResourceState.DEPLOYING)


@dataclass(frozen=True, slots=True)
class MyAgentsState:
    status: Status = Status.LOADING
    is_guest: bool = False
    items: tuple[Resource, ...] = ()
    unfinished: tuple[Order, ...] = ()  # newest first: money that is waited for, or that a bank did not pay after days
    error: ErrorText | None = None


class MyAgentsViewModel(PageViewModel[MyAgentsState]):
    """Signals: changed. Reads only after the first `load()`; then again after every change and while one deploys."""

    CONCERNS = frozenset({"resources", "orders", "session", "usage"})

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, MyAgentsState())
        self._put_away: set[str] = set()  # refused orders the buyer has read about
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(MOVING_MILLISECONDS)
        self._again.timeout.connect(self._read)

    def rest(self) -> None:
        """The list is out of sight: nothing is read any more until `load()`."""
        super().rest()
        self._again.stop()

    def put_away(self, order_uuid: str) -> None:
        """The buyer knows that this one came to nothing."""
        self._put_away.add(order_uuid)
        self._set(unfinished=tuple(one for one in self.state.unfinished if one.uuid != order_uuid))

    async def _fetch(self) -> tuple[Sequence[Resource], tuple[Order, ...]]:
        items = await self._service.list_resources()
        orders = (one for one in _unfinished(await self._service.list_orders()) if one.uuid not in self._put_away)
        return items, tuple(orders)[:MOST_UNFINISHED]

    def _read(self) -> None:
        if not self._service.actor.session:
            self._become(MyAgentsState(Status.EMPTY, is_guest=True))
            return
        self._bridge.run(
            self,
            "load",
            self._fetch,
            then=self._on_loaded,
            failed=self._on_failed,
            policy="replace",
            retry=self.retry,
        )

    def _on_loaded(self, found: tuple[Sequence[Resource], tuple[Order, ...]]) -> None:
        items, unfinished = found
        shown = tuple(item for item in items if item.state is not ResourceState.RETIRED)
        self._become(MyAgentsState(Status.READY if shown else Status.EMPTY, items=shown, unfinished=unfinished))
        if self._is_wanted and any(item.state in _MOVING for item in shown):
            self._again.start()

    def _on_failed(self, error: ServiceError) -> None:
        if isinstance(error, NotSignedIn):
            self._become(MyAgentsState(Status.EMPTY, is_guest=True))
            return
        status = Status.READY if self.state.items else Status.ERROR
        self._set(status=status, error=error_text(error))

    def _forget(self) -> None:
        self._bridge.cancel(self, "load")
        self._again.stop()
        self._become(MyAgentsState())


def _unfinished(orders: Sequence[Order]) -> Iterator[Order]:
    """Of the newest first: what waits for money, and what a bank refused and nobody has bought again."""
    bought: set[str] = set()
    for one in orders:
        is_open = one.state is OrderState.PENDING_CONSUMER and one.action is not None
        is_under_way = one.state is OrderState.PENDING_PROVIDER and one.payment_state is PaymentState.PROCESSING
        is_refused = one.state is OrderState.ERRED and one.payment_method is PaymentMethod.BANK
        if is_open or is_under_way or (is_refused and one.offering_uuid not in bought):
            yield one
        bought.add(one.offering_uuid)
