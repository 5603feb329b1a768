"""After paying: the order, its receipt, and the deployment step by step until the agent is ready."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from PySide6.QtCore import QElapsedTimer, QTimer, Signal

from services.api.errors import ServiceError
from services.api.types import Order, Placed, Resource
from ui.bridge import Area, Bridge, Change
from ui.text import error_text, money
from ui.viewmodels.base import ServiceHolder, Status, ViewModel
from ui.viewmodels.browser import Browser
from ui.viewmodels.confirmation_state import (
    MOVING,
    AgentRow,
    ConfirmationState,
    DeploymentPhase,
    StepRow,
    Waiting,
)
from ui.viewmodels.hosted_page import HostedPageViewModel, PageTask

T = TypeVar("T")
FAST_MILLISECONDS, SLOW_MILLISECONDS = 120, 1000
PATIENT_MILLISECONDS = 10_000  # while a bank takes its time
SECOND = 1000
TOUCHES: tuple[Area, ...] = ("orders", "resources", "wallet", "subscriptions", "invoices", "usage")
MOVES_MONEY: frozenset[Area] = frozenset({"orders", "timeline"})
_PATIENT = (Waiting.TRANSFER, Waiting.BANK, Waiting.MONEY)

__all__ = ["AgentRow", "ConfirmationState", "ConfirmationViewModel", "DeploymentPhase", "StepRow", "Waiting"]


class _Read(NamedTuple):
    order: Order
    resources: tuple[Resource, ...]
    now: datetime | None  # of the workspace, while that matters
    is_test_mode: bool


class ConfirmationViewModel(ViewModel[ConfirmationState]):
    """Asks again every 120 ms while things move, more slowly while they do not.

    `page` waits for a provider's page. Signals: changed; ready(resource_uuid) once for each order that was watched
    until it was ready; bought(seconds) - it was paid just now, and can be taken back for so long; again_wanted(Order) -
    the same once more, after nothing is left of it; canceled() and not_canceled(why) - what came of taking it back.
    """

    ready = Signal(str)
    bought = Signal(int)
    again_wanted = Signal(object)
    canceled = Signal()
    not_canceled = Signal(str)

    def __init__(self, bridge: Bridge, holder: ServiceHolder, browser: Browser | None = None) -> None:
        super().__init__(bridge, holder, ConfirmationState())
        self.page = HostedPageViewModel(bridge, holder, browser or Browser(parent=self))
        for signal in (self.page.finished, self.page.canceled):
            signal.connect(self._on_page_ended)
        self.page.failed.connect(self._on_page_failed)
        self._now: datetime | None = None  # of the workspace, when `_since` was started
        self._is_test_mode: bool | None = None  # not known yet
        self._since = QElapsedTimer()
        self._second = QTimer(self)
        self._second.setInterval(SECOND)
        self._second.timeout.connect(self._count_down)
        self._has_told = False  # that it can be taken back
        bridge.changed.connect(self._on_bridge_changed)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._poll)
        self._has_announced = False
        holder.rebound.connect(self._on_rebound)

    # ---- verbs

    def open(self, placed: Placed) -> None:
        """Watches what was just bought."""
        self._watch(placed.order_uuid, placed.resource_uuid, is_news=True)

    def open_order(self, order_uuid: str) -> None:
        """Shows an order again; that it has long been ready is no news."""
        self._watch(order_uuid, "", is_news=False)

    def close(self) -> None:
        """Stops watching; the deployment goes on."""
        self.page.forget()
        self._stop()
        self._become(ConfirmationState())

    def reload(self) -> None:
        """Asks again after it could not be read."""
        self._set(status=Status.READY if self.state.order else Status.LOADING, error=None)
        self._poll()

    def retry_deployment(self, uuid: str = "") -> None:
        """Sets up again what failed; of several the one that is named."""
        if failed := self._failed(uuid):
            self._mend(failed, lambda: self._service.retry_deployment(failed.uuid), self._on_retried, ("resources",))

    def refund(self, uuid: str = "") -> None:
        """Takes the money back for what could not be set up; of several for the one that is named."""
        failed = self._failed(uuid)
        if failed is not None and failed.can_refund:
            areas: tuple[Area, ...] = ("orders", "resources")
            self._mend(failed, lambda: self._service.refund_failed(failed.uuid), self._on_refunded, areas)

    # ---- taking it back, giving it up, going on with it

    def undo(self) -> None:
        """Takes a fresh purchase back: nothing is charged, and its agents are gone."""
        if self.state.can_undo:
            self._cancel()

    def give_up(self) -> None:
        """Cancels an order that is not paid."""
        if self.state.can_give_up:
            self._cancel()

    def buy_again(self) -> None:
        if self.state.can_buy_again and self.state.order is not None:
            self.again_wanted.emit(self.state.order)

    def continue_paying(self) -> None:
        """Opens the page of the order again."""
        if self.state.waits_for is Waiting.PAGE and not self.page.state.is_open:
            self._bridge.run(
                self, "hosts", self._service.get_payment_options,
                then=lambda options: self._go_to_page(options.page_hosts), failed=self._on_cancel_failed,
            )  # fmt: skip
        else:
            self.page.attend()

    def _cancel(self) -> None:
        uuid = self.state.order_uuid
        if not self.state.is_undoing:
            self._set(is_undoing=True, error=None)
            self._bridge.run(
                self, "cancel", lambda: self._service.cancel_order(uuid), then=self._on_canceled,
                failed=self._on_cancel_failed, touches=TOUCHES, initiator=self,
            )  # fmt: skip

    def _on_canceled(self, order: Order) -> None:
        self._set(order=order, is_undoing=False, undo_left=0)
        self._second.stop()
        self._poll()
        self.canceled.emit()

    def _on_cancel_failed(self, error: ServiceError) -> None:
        said = error_text(error)
        self._set(is_undoing=False, error=said)
        self._poll()
        self.not_canceled.emit(said.sentence)

    def _go_to_page(self, hosts: tuple[str, ...]) -> None:
        order = self.state.order
        if order is not None and order.action is not None:
            uuid = order.uuid
            task = PageTask(
                order.action, hosts, f"{order.offering_name}, {order.plan_name}",
                refresh=lambda: self._service.refresh_order(uuid), cancel=lambda: self._service.cancel_order(uuid),
                amount=money(order.total),
            )  # fmt: skip
            self.page.open(task)

    def _on_page_ended(self, _answer: object) -> None:
        self._bridge.announce(*TOUCHES, initiator=self)
        self._poll()

    def _on_page_failed(self, error: ServiceError) -> None:
        self._set(error=error_text(error))
        self._poll()

    # ---- inside

    def _failed(self, uuid: str) -> Resource | None:
        found = (resource for resource in self.state.failed if uuid in ("", resource.uuid))
        return None if self.state.is_working else next(found, None)

    def _mend(
        self, resource: Resource, work: Callable[[], Coroutine[Any, Any, T]], then: Callable[[T], None],
        touches: tuple[Area, ...],
    ) -> None:  # fmt: skip
        self._set(mending=resource.uuid, error=None)
        self._bridge.run(
            self, "mend", work, then=then, failed=self._on_mend_failed, touches=touches, initiator=self
        )  # fmt: skip

    def _watch(self, order_uuid: str, resource_uuid: str, *, is_news: bool) -> None:
        self._stop()
        self._has_announced = self._has_told = not is_news
        self._become(ConfirmationState(order_uuid=order_uuid, placed_uuid=resource_uuid))
        self._poll()

    def _stop(self) -> None:
        self._again.stop()
        self._second.stop()
        self._now = None
        for verb in ("poll", "cancel", "hosts"):
            self._bridge.cancel(self, verb)

    def _poll(self) -> None:
        if self.state.order_uuid:
            self._bridge.run(self, "poll", self._read, then=self._on_read, failed=self._on_read_failed)

    async def _read(self) -> _Read:
        """The order is read again while it may change: before its agents are known, while it can be taken back, and
        once they are at their end."""
        state, order = self.state, self.state.order
        if order is None or not order.resource_uuids or order.undo_until is not None:
            order = await self._service.get_order(state.order_uuid)
        uuids = order.resource_uuids or ((state.placed_uuid,) if state.placed_uuid else ())
        resources = tuple([await self._service.get_resource(uuid) for uuid in uuids])
        is_moving = not resources or any(resource.state in MOVING for resource in resources)
        if not is_moving and state.order is not None:
            order = await self._service.get_order(state.order_uuid)
        needs_time = (order.undo_until is not None and self._now is None) or order.transfer is not None
        now = (await self._service.get_timeline()).now if needs_time else None
        if self._is_test_mode is None:  # it does not change while a window is open
            self._is_test_mode = (await self._service.get_payment_options()).is_test_mode
        return _Read(order, resources, now, self._is_test_mode)

    def _on_read(self, found: _Read) -> None:
        before = (self.state.order, self.state.resources)
        self._set(
            status=Status.READY, order=found.order, resources=found.resources, error=None,
            is_test_mode=found.is_test_mode, now=found.now,
        )  # fmt: skip
        self._keep_time(found.now)
        if self.state.phase in (DeploymentPhase.DEPLOYING, DeploymentPhase.UNPAID):
            self._has_announced = False
            self._wait(has_moved=before != (found.order, found.resources))
        elif self.state.phase is DeploymentPhase.READY and not self._has_announced:
            self._has_announced = True
            self._bridge.announce("resources", initiator=self)
            self.ready.emit(self.state.resource_uuid)

    def _wait(self, *, has_moved: bool) -> None:
        if self.state.waits_for in _PATIENT:
            self._again.start(PATIENT_MILLISECONDS)
            return
        slower = min(SLOW_MILLISECONDS, int(max(self._again.interval(), FAST_MILLISECONDS) * 1.5))
        self._again.start(FAST_MILLISECONDS if has_moved else slower)

    # ---- the seconds to take it back

    def _keep_time(self, now: datetime | None) -> None:
        if now is not None:
            self._now = now
            self._since.start()
        if self._now is not None and self._left() > 0:
            self._second.start()
        self._count_down()
        if self.state.can_undo and not self._has_told:
            self._has_told = True
            self.bought.emit(self.state.undo_left)

    def _left(self) -> int:
        """Seconds, by the workspace's time."""
        until = self.state.order.undo_until if self.state.order is not None else None
        if until is None or self._now is None:
            return 0
        return max(0, int((until - self._now).total_seconds()) - self._since.elapsed() // SECOND)

    def _count_down(self) -> None:
        left, was = self._left(), self.state.undo_left
        self._set(undo_left=left)
        if not left:
            self._second.stop()
            if was:
                self._poll()  # it is charged now

    def _on_bridge_changed(self, change: Change) -> None:
        """Time may have moved, or the money come, by other means."""
        if change.initiator is self or not self.state.order_uuid or not change.areas & MOVES_MONEY:
            return
        if "timeline" in change.areas:
            self._now = None
        if self.state.phase is DeploymentPhase.UNPAID or self.state.can_undo:
            self._poll()

    def _on_read_failed(self, error: ServiceError) -> None:
        """What is known stays in sight; a service that is only away for a moment is asked again."""
        self._set(status=Status.READY if self.state.order else Status.ERROR, error=error_text(error))
        if error.retryable:
            self._again.start(SLOW_MILLISECONDS)

    def _on_retried(self, resource: Resource) -> None:
        others = tuple(resource if one.uuid == resource.uuid else one for one in self.state.resources)
        self._set(resources=others, mending="")
        self._poll()

    def _on_refunded(self, order: Order) -> None:
        self._set(order=order, mending="")
        self._poll()

    def _on_mend_failed(self, error: ServiceError) -> None:
        self._set(mending="", error=error_text(error))
        self._poll()

    def _on_rebound(self) -> None:
        """Another person's orders are not shown; the buyer who signed up while paying opens this afterwards."""
        if self.state.order_uuid:
            self.close()
