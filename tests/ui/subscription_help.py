"""What the tests of subscriptions share: somebody who has some, and the sheet in which one is changed."""

from collections.abc import Callable
from typing import Any

from pytestqt.qtbot import QtBot

from services.api.types import (
    BillingCycle,
    ChangeAction,
    Changed,
    ChangeRequest,
    Offering,
    QuickCheckout,
    Subscription,
    SubscriptionState,
)
from tests.fakes import FakeService
from tests.samples import CUSTOMER_CARE
from tests.ui.checkout_help import CARDS
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.plan_change_state import ChangePhase, PlanChangeState, Task

FREE, STARTER, PRO, ENTERPRISE, PER_USE = CUSTOMER_CARE.plans
MONTHLY, YEARLY = BillingCycle.MONTHLY, BillingCycle.YEARLY
Run = Callable[..., Any]


class Owner:
    """Somebody signed in who buys, and looks at changes through the view-model."""

    def __init__(self, change: PlanChangeViewModel, holder: ServiceHolder, run: Run, qtbot: QtBot) -> None:
        self.change, self._holder, self._run, self._qtbot = change, holder, run, qtbot
        self.finished: list[tuple[PlanChangeState, Subscription | None]] = []
        self.asked_to_look_at: list[str] = []
        change.finished.connect(lambda done, after: self.finished.append((done, after)))
        change.problems_found.connect(self.asked_to_look_at.append)

    @property
    def service(self) -> FakeService:
        found = self._holder.service
        assert isinstance(found, FakeService)
        return found

    @property
    def state(self) -> PlanChangeState:
        return self.change.state

    @property
    def error_code(self) -> str:
        return self.state.error.code if self.state.error else ""

    def buy(
        self, slug: str = "starter", cycle: BillingCycle = MONTHLY, offering: Offering = CUSTOMER_CARE, *, key: str = ""
    ) -> None:
        plan = next(one for one in offering.plans if one.slug == slug)
        order = QuickCheckout(
            offering.card.uuid, plan.uuid, payment_token=CARDS["pays"], billing_cycle=cycle, terms_accepted=True
        )
        self._run(self.service.quick_checkout(order, key=key or f"{offering.card.slug}-{slug}-{cycle}"))

    def subscriptions(self) -> tuple[Subscription, ...]:
        found = self._run(self.service.list_subscriptions())
        assert isinstance(found, tuple)
        return found

    @property
    def only(self) -> Subscription:
        (one,) = self.subscriptions()
        return one

    def is_in(self, state: SubscriptionState) -> bool:
        return self.only.state is state

    def do(self, action: ChangeAction, uuid: str = "", **fields: Any) -> Changed:
        """A change made elsewhere."""
        request = ChangeRequest(uuid or self.only.uuid, action, **fields)
        preview = self._run(self.service.preview_change(request))
        done = self._run(self.service.commit_change(request, preview.hash, key=f"elsewhere-{action}"))
        assert isinstance(done, Changed)
        return done

    def fall_behind(self) -> None:
        """The next month's payment is declined: past due, with an open invoice."""
        self.do(ChangeAction.SET_PAYMENT_CARD, payment_token=CARDS["insufficient_funds"])
        self.service.run_until(self.only.period_end)

    def begin_debit(self) -> None:
        """A bank is asked for the open invoice."""
        self.service.world.outcomes[CARDS["pays"]] = "debits"
        self._run(self.service.pay_invoice(self.only.unpaid_invoice_uuid, CARDS["pays"], key="debit"))

    def wait(self, condition: Callable[[], object]) -> None:
        self._qtbot.waitUntil(lambda: bool(condition()))

    def look(self, task: Task = Task.PLAN, **choice: Any) -> None:
        """Opens the sheet and waits until it shows what would happen."""
        if task is Task.PLAN:
            self.change.start(self.only, **choice)
        else:
            self.change.begin(self.only, task)
        self.settle()

    def settle(self) -> None:
        self.wait(lambda: self.state.status is Status.READY and not self.state.is_previewing)

    def commit(self, until: ChangePhase = ChangePhase.DONE) -> None:
        self.change.commit()
        self.wait(lambda: self.state.phase is until)
