"""What the sheet shows in which a subscription is changed, and what of it is not right yet. Values only."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum

from services.api.money import Money
from services.api.types import (
    BillingCycle,
    BillingModel,
    ChangeAction,
    ChangePreview,
    ChangeRequest,
    Invoice,
    OfferingKind,
    PaymentMethod,
    PaymentOptions,
    Plan,
    Subscription,
    UsagePayment,
)
from ui.text import ErrorText
from ui.text.methods import new_method
from ui.viewmodels.base import Status
from ui.viewmodels.checkout_state import PAGED

QUANTITY_MAX = 10_000
REASON_MAX = 4000
PAUSE_MONTHS = (1, 2, 3)


class Task(StrEnum):
    """What the sheet is open for."""

    PLAN = "plan"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    UNDO = "undo"
    CARD = "card"
    USAGE_PAYMENT = "usage_payment"
    PAY = "pay"  # the invoice that could not be collected


class ChangePhase(StrEnum):
    IDLE = "idle"
    COMMITTING = "committing"
    CONFIRMING = "confirming"  # the buyer answers on a page in our own window
    WAITING = "waiting"  # the page is in the browser
    ANSWERING = "answering"  # the answer is on its way
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class PlanChangeState:
    """`previews` holds both ways to cancel; `moved_from` is the sum shown before another one had to be asked for."""

    task: Task | None = None
    status: Status = Status.LOADING
    subscription: Subscription | None = None
    plans: tuple[Plan, ...] = ()
    quote_plan: Plan | None = None
    now: datetime | None = None
    plan_uuid: str = ""
    cycle: BillingCycle = BillingCycle.MONTHLY
    quantity_text: str = ""
    is_now: bool = False  # of a cancellation
    reason: str = ""
    pause_months: int = 1  # 0: until the typed date
    resume_text: str = ""  # a typed date
    usage_payment: UsagePayment = UsagePayment.PREPAID
    invoice: Invoice | None = None
    preview: ChangePreview | None = None
    previews: Mapping[ChangeAction, ChangePreview] = field(default_factory=dict)
    is_previewing: bool = False
    options: PaymentOptions | None = None
    payment_token: str = field(default="", repr=False)  # "": what pays now; or what stands for something new
    is_adding: bool = False  # something new is given on its page
    has_opened_cards: bool = False
    has_pressed: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)  # field -> code, from the service, until edited
    phase: ChangePhase = ChangePhase.IDLE
    attempt_key: str = ""  # of an attempt whose outcome is not known
    payment_uuid: str = ""
    action_url: str = ""
    moved_from: Money | None = None
    error: ErrorText | None = None

    # ---- the choice

    @property
    def plan(self) -> Plan | None:
        return next((plan for plan in self.plans if plan.uuid == self.plan_uuid), None)

    @property
    def has_cycles(self) -> bool:
        return any(plan.billing_model is BillingModel.SUBSCRIPTION for plan in self.plans)

    @property
    def has_quantity(self) -> bool:
        """Only what has a fixed price a unit is bought more than once; a bundle is one thing."""
        plan, item = self.plan, self.subscription
        is_one = item is not None and item.offering_kind is OfferingKind.BUNDLE
        return plan is not None and plan.billing_model is BillingModel.SUBSCRIPTION and not is_one

    @property
    def quantity(self) -> int:
        """What was typed; 0 when that is no quantity."""
        text = self.quantity_text.strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(QUANTITY_MAX)) else 0

    @property
    def is_same(self) -> bool:
        """Nothing is chosen that is not so already."""
        item, plan = self.subscription, self.plan
        if item is None or plan is None:
            return True
        same_cycle = plan.billing_model is not BillingModel.SUBSCRIPTION or self.cycle is item.cycle
        return plan.uuid == item.plan.uuid and same_cycle and (not self.has_quantity or self.quantity == item.quantity)

    @property
    def resume_at(self) -> datetime | None:
        """When a pause would end; None while no such day is typed."""
        if self.now is None:
            return None
        if self.pause_months:
            return months_later(self.now, self.pause_months)
        return day_start(self.resume_text, self.now)

    @property
    def action(self) -> ChangeAction:
        actions = {
            Task.PAUSE: ChangeAction.PAUSE,
            Task.RESUME: ChangeAction.RESUME,
            Task.UNDO: ChangeAction.UNDO,
            Task.CARD: ChangeAction.SET_PAYMENT_CARD,
            Task.USAGE_PAYMENT: ChangeAction.SET_USAGE_PAYMENT,
        }
        if self.task is Task.CANCEL:
            return ChangeAction.CANCEL_NOW if self.is_now else ChangeAction.CANCEL_AT_END
        return actions.get(self.task, ChangeAction.CHANGE_PLAN) if self.task else ChangeAction.CHANGE_PLAN

    # ---- paying

    @property
    def due_now(self) -> Money | None:
        """What the button will charge; None while that is not known."""
        if self.task is Task.PAY:
            return self.invoice.due if self.invoice else None
        return self.preview.due_now if self.preview else None

    @property
    def charges(self) -> bool:
        return self.due_now is not None and self.due_now.micros > 0

    @property
    def needs_card_choice(self) -> bool:
        """Whether cards are offered: always when the card is what this is about, else when asked for."""
        has_own = self.subscription is not None and self.subscription.payment_method in PAGED
        if self.task in (Task.CARD, Task.PAY) or self.payment_token:
            return True
        return self.has_opened_cards or (self.charges and not has_own)

    @property
    def fresh(self) -> PaymentMethod | None:
        """What is chosen and is not on file yet."""
        return new_method(self.payment_token)

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.options.page_hosts if self.options is not None else ()

    @property
    def is_busy(self) -> bool:
        return self.is_adding or self.phase in (ChangePhase.COMMITTING, ChangePhase.ANSWERING)

    @property
    def is_locked(self) -> bool:
        """An attempt may have been charged: nothing changes until its outcome is known."""
        return bool(self.attempt_key) and self.phase is not ChangePhase.DONE

    @property
    def can_commit(self) -> bool:
        if self.status is not Status.READY or self.phase not in (ChangePhase.IDLE, ChangePhase.FAILED):
            return False
        if self.task is Task.PAY:
            return self.invoice is not None
        if self.task is Task.PLAN and self.is_same:
            return False
        if self.fresh is not None:
            return not self.is_adding
        return not self.is_previewing and (self.preview is not None or bool(self.problems_all))

    # ---- problems

    @property
    def problems_all(self) -> dict[str, str]:
        """Field -> code of everything not right yet, topmost first, shown or not."""
        codes: dict[str, str] = {}
        if self.task is Task.PLAN and self.has_quantity and not 1 <= self.quantity <= QUANTITY_MAX:
            codes["quantity"] = "out_of_range" if self.quantity_text.strip() else "required"
        if self.task is Task.PAUSE and not self.pause_months:
            codes |= _pause_codes(self)
        if self.task is Task.CANCEL and len(self.reason) > REASON_MAX:
            codes["reason"] = "too_long"
        if self.task is Task.CARD and not self.payment_token:
            codes |= {"payment_token": "required"}
        return codes | dict(self.refused)

    @property
    def problems(self) -> dict[str, str]:
        return self.problems_all if self.has_pressed else dict(self.refused)

    # ---- what is sent

    def request(self, action: ChangeAction | None = None) -> ChangeRequest:
        wanted = action or self.action
        is_plan = wanted is ChangeAction.CHANGE_PLAN
        return ChangeRequest(
            subscription_uuid=self.subscription.uuid if self.subscription else "",
            action=wanted,
            plan_uuid=self.plan_uuid if is_plan else "",
            cycle=self.cycle if is_plan and self.has_own_cycle else None,
            quantity=self.quantity if is_plan and self.has_quantity else 0,
            resume_at=self.resume_at if wanted is ChangeAction.PAUSE else None,
            usage_payment=self.usage_payment if wanted is ChangeAction.SET_USAGE_PAYMENT else None,
            payment_token="" if self.fresh is not None else self.payment_token,
            reason=self.reason.strip() if self.task is Task.CANCEL else "",
        )

    @property
    def has_own_cycle(self) -> bool:
        return self.plan is not None and self.plan.billing_model is BillingModel.SUBSCRIPTION


def _pause_codes(state: PlanChangeState) -> dict[str, str]:
    if not state.resume_text.strip():
        return {"resume_at": "required"}
    at = state.resume_at
    if at is None:
        return {"resume_at": "date_invalid"}
    return {"resume_at": "in_past"} if state.now is not None and at <= state.now else {}


def months_later(at: datetime, months: int) -> datetime:
    """The same day `months` months on, clamped to the end of that month."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))


def day_start(text: str, now: datetime) -> datetime | None:
    """The first instant of a day typed as 2026-05-01, in the reader's time zone; None when it is no day."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return datetime.combine(day, time(), tzinfo=now.astimezone().tzinfo)
