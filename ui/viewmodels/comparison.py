"""What other plans would have cost: the real calls of a window under every option, as a table, a sentence and lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from services.api.errors import NotSignedIn, ServiceError
from services.api.money import Money
from services.api.types import BreakEven, PlanComparison, PlanCost, Subscription
from ui.bridge import Bridge
from ui.text import ErrorText, error_text
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.page import PageViewModel

WINDOWS = (30, 90)  # days
FEW_CALLS = 100  # of a window: below, one busy day turns the answer round


class CostLine(NamedTuple):
    """One line of the chart; options that cost the same at every number of calls share it."""

    options: tuple[PlanCost, ...]
    points: tuple[tuple[int, Money], ...]


class _Loaded(NamedTuple):
    comparison: PlanComparison
    subscription: Subscription


@dataclass(frozen=True, slots=True)
class ComparisonState:
    """`is_stale`: what is shown belongs to another window, the wanted one is on its way."""

    status: Status = Status.LOADING
    is_guest: bool = False
    subscription_uuid: str = ""
    days: int = WINDOWS[0]
    comparison: PlanComparison | None = None
    subscription: Subscription | None = None
    is_stale: bool = False
    is_chart_table: bool = False
    error: ErrorText | None = None

    @property
    def options(self) -> tuple[PlanCost, ...]:
        """Cheapest first."""
        return self.comparison.options if self.comparison else ()

    @property
    def current(self) -> PlanCost | None:
        return next((option for option in self.options if option.is_current), None)

    @property
    def best(self) -> PlanCost | None:
        """The cheapest that serves the calls: a refused call costs nothing, which is no saving. Nor is the share of
        this agent in a bundle, of which the others must be bought too. At the same price the one in force, then one
        that can be changed to."""
        most = self.current.refused_calls if self.current else 0
        alone = [option for option in self.options if not option.is_bundle or option.is_current] or list(self.options)
        serving = [option for option in alone if option.refused_calls <= most] or alone
        return min(serving, key=lambda one: (one.cost.micros, not one.is_current, not one.can_change), default=None)

    @property
    def has_few_calls(self) -> bool:
        return self.comparison is not None and 0 < self.comparison.calls < FEW_CALLS

    @property
    def break_evens(self) -> tuple[BreakEven, ...]:
        """Those one may come to, fewest calls first, then those that never come."""
        found = self.comparison.break_evens if self.comparison else ()
        return tuple(sorted(found, key=lambda one: (one.calls is None, one.calls or 0)))

    @property
    def lines(self) -> tuple[CostLine, ...]:
        """For the chart, the option in force first."""
        if self.comparison is None:
            return ()
        points = {curve.code: curve.points for curve in self.comparison.curves}
        shared: dict[tuple[tuple[int, Money], ...], list[PlanCost]] = {}
        for option in self.options:
            if points.get(option.code):
                shared.setdefault(points[option.code], []).append(option)
        found = [CostLine(tuple(options), line) for line, options in shared.items()]
        return tuple(sorted(found, key=lambda line: not any(one.is_current for one in line.options)))

    def find(self, code: str) -> PlanCost | None:
        return next((option for option in self.options if option.code == code), None)


class ComparisonViewModel(PageViewModel[ComparisonState]):
    """Signals: changed. Reads after `open()`, then again after every change until `rest()`."""

    CONCERNS = frozenset({"subscriptions", "usage", "orders", "resources", "session", "timeline"})

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, ComparisonState())

    def open(self, subscription_uuid: str) -> None:
        """Another subscription is compared; the window of days stays."""
        if subscription_uuid != self.state.subscription_uuid:
            self._become(ComparisonState(subscription_uuid=subscription_uuid, days=self.state.days))
        self.load()

    def choose_days(self, days: int) -> None:
        """30 or 90; what is shown stays, marked as old, until the other is there."""
        if days in WINDOWS and days != self.state.days:
            self._set(days=days, is_stale=self.state.comparison is not None, error=None)
            self.load()

    def show_chart_as_table(self, is_table: bool) -> None:
        self._set(is_chart_table=is_table)

    # ---- inside

    def _read(self) -> None:
        if not self.state.subscription_uuid:
            return
        if not self._service.actor.session:
            self._become(ComparisonState(Status.EMPTY, is_guest=True, subscription_uuid=self.state.subscription_uuid))
            return
        self._bridge.run(
            self, "load", self._fetch,
            then=self._on_loaded, failed=self._on_failed, policy="replace", retry=self.retry,
        )  # fmt: skip

    async def _fetch(self) -> _Loaded:
        uuid, service = self.state.subscription_uuid, self._service
        comparison = await service.compare_plans(uuid, self.state.days)
        return _Loaded(comparison, await service.get_subscription(uuid))

    def _on_loaded(self, loaded: _Loaded) -> None:
        self._set(
            status=Status.READY if loaded.comparison.options else Status.EMPTY,
            is_guest=False,
            comparison=loaded.comparison,
            subscription=loaded.subscription,
            is_stale=False,
            error=None,
        )

    def _on_failed(self, error: ServiceError) -> None:
        """What is shown already stays, under its own number of days."""
        shown = self.state.comparison
        if isinstance(error, NotSignedIn):
            self._become(ComparisonState(Status.EMPTY, is_guest=True, subscription_uuid=self.state.subscription_uuid))
        elif shown is None:
            self._set(status=Status.ERROR, error=error_text(error))
        else:
            self._set(days=shown.days, is_stale=False, error=error_text(error))

    def _forget(self) -> None:
        self._bridge.cancel(self, "load")
        self._become(ComparisonState(subscription_uuid=self.state.subscription_uuid, days=self.state.days))
