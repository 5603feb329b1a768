"""Changing a subscription: always looked at first, then done with the hash of what was looked at.

A sum that moved is asked about again; a payment that failed keeps everything; nothing is sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, NamedTuple

from PySide6.QtCore import Signal

from services.api.errors import (
    InvalidInput,
    KeyReused,
    NotFound,
    PaymentFailed,
    ProviderRejected,
    ServiceError,
    SumMoved,
    WrongState,
)
from services.api.money import Money
from services.api.types import (
    Action,
    BillingCycle,
    BillingModel,
    ChangeAction,
    Changed,
    ChangePreview,
    ChangeRequest,
    Invoice,
    Offering,
    Paid,
    PaymentOptions,
    PaymentState,
    SavedMethod,
    Subscription,
    UsagePayment,
)
from ui.bridge import Area, Bridge
from ui.text import error_text, exact_money, tr
from ui.viewmodels.base import ServiceHolder, Status, ViewModel
from ui.viewmodels.browser import Browser
from ui.viewmodels.hosted_page import HostedPageViewModel
from ui.viewmodels.payment_methods import AddMethodViewModel, AddPhase, payment_page, preselected_method
from ui.viewmodels.plan_change_state import ChangePhase, PlanChangeState, Task

# After these nothing was charged under the key and nothing will be: the next try is another attempt.
DEFINITE = (PaymentFailed, InvalidInput, NotFound, KeyReused, SumMoved, WrongState, ProviderRejected)
TOUCHES: tuple[Area, ...] = ("subscriptions", "invoices", "wallet", "resources", "orders", "usage")
CANCELLATIONS = (ChangeAction.CANCEL_AT_END, ChangeAction.CANCEL_NOW)


class _Opened(NamedTuple):
    subscription: Subscription
    offering: Offering | None
    options: PaymentOptions
    invoice: Invoice | None
    now: datetime


class PlanChangeViewModel(ViewModel[PlanChangeState]):
    """`page` waits for a payment's page in the browser, `adding.page` for that of something new. Signals: changed;
    problems_found(field); confirming(url); under_way(Paid); finished(PlanChangeState, Subscription | None)."""

    problems_found = Signal(str)
    under_way = Signal(object)
    confirming = Signal(str)
    finished = Signal(object, object)

    def __init__(
        self, bridge: Bridge, holder: ServiceHolder, new_key: Callable[[], str], browser: Browser | None = None
    ) -> None:
        super().__init__(bridge, holder, PlanChangeState())
        self.adding = AddMethodViewModel(bridge, holder, new_key, browser)
        self.page = HostedPageViewModel(bridge, holder, browser or Browser(parent=bridge))
        self._new_key = new_key
        self._return_url: str | None = None  # sent under the key of the attempt; the same again must be the same
        self._is_leaving = False  # the sheet was closed while a page was open
        self._connect_pages()
        self._known: dict[ChangeRequest, ChangePreview] = {}
        holder.rebound.connect(self.close)

    def _connect_pages(self) -> None:
        self.adding.changed.connect(self._on_adding_changed)
        self.adding.added.connect(self._on_card_saved)
        self.page.finished.connect(self._on_page_finished)
        self.page.canceled.connect(self._on_page_finished)
        self.page.failed.connect(self._on_confirm_failed)

    # ---- opening

    def start(self, subscription: Subscription, plan_uuid: str = "", cycle: BillingCycle | None = None) -> None:
        """Looks at another plan, cycle or quantity for this subscription."""
        chosen = PlanChangeState(
            Task.PLAN,
            subscription=subscription,
            plan_uuid=plan_uuid or subscription.plan.uuid,
            cycle=cycle or subscription.cycle,
            quantity_text=str(subscription.quantity),
        )
        self._open(chosen)

    def begin(self, subscription: Subscription, task: Task) -> None:
        """Opens the sheet for something else than another plan."""
        if task is Task.PLAN:
            self.start(subscription)
            return
        other = UsagePayment.POSTPAID if subscription.usage_payment is UsagePayment.PREPAID else UsagePayment.PREPAID
        usage = other if task is Task.USAGE_PAYMENT else subscription.usage_payment
        self._open(PlanChangeState(task, subscription=subscription, usage_payment=usage))

    def retry(self) -> None:
        """Opens again after it could not be opened, or after somebody else changed the subscription."""
        self._open(self.state, keep=True)

    def close(self) -> None:
        """Nobody looks any more. A change that is under way goes on and is announced when it is done; a page that is
        still open in the browser is given up."""
        if self.state.phase is ChangePhase.WAITING and self.page.state.is_open:
            self._is_leaving = True
            self.page.cancel()
        elif not self.state.is_busy:
            self.adding.page.forget()
            for verb in ("open", "preview", "commit"):
                self._bridge.cancel(self, verb)
            self._become(PlanChangeState())

    def _open(self, chosen: PlanChangeState, *, keep: bool = False) -> None:
        item = chosen.subscription
        if self.state.is_busy or item is None:
            return
        self._known.clear()
        self._is_leaving = False
        self.page.forget()
        self._become(chosen)
        self._set(status=Status.LOADING, phase=ChangePhase.IDLE, error=None, preview=None, previews={})
        self._bridge.run(
            self, "open",
            lambda: self._read(item.uuid),
            then=self._on_opened,
            failed=lambda error: self._set(status=Status.ERROR, error=error_text(error)),
            policy="replace",
            retry=self.retry if keep else None,
        )  # fmt: skip

    async def _read(self, uuid: str) -> _Opened:
        service, task = self._service, self.state.task
        item = await service.get_subscription(uuid)
        offering = await service.get_offering(item.offering_uuid) if task is Task.PLAN else None
        unpaid = item.unpaid_invoice_uuid if task is Task.PAY else ""
        invoice = await service.get_invoice(unpaid) if unpaid else None
        now = (await service.get_timeline()).now
        return _Opened(item, offering, await service.get_payment_options(), invoice, now)

    def _on_opened(self, opened: _Opened) -> None:
        plans = opened.offering.plans if opened.offering else ()
        self._set(
            status=Status.READY,
            subscription=opened.subscription,
            plans=tuple(plan for plan in plans if plan.billing_model is not BillingModel.QUOTE),
            quote_plan=next((plan for plan in plans if plan.billing_model is BillingModel.QUOTE), None),
            options=opened.options,
            invoice=opened.invoice,
            now=opened.now,
        )
        if self.state.task is Task.PAY and not self.state.payment_token:  # not the card that failed
            self._set(payment_token=preselected_method(opened.options))
        self._look()

    # ---- choosing

    def select_plan(self, uuid: str) -> None:
        if uuid != self.state.plan_uuid and any(plan.uuid == uuid for plan in self.state.plans):
            self._edit("plan_uuid", plan_uuid=uuid)

    def select_cycle(self, cycle: BillingCycle) -> None:
        if cycle is not self.state.cycle:
            self._edit("cycle", cycle=cycle)

    def type_quantity(self, text: str) -> None:
        if text != self.state.quantity_text:
            self._edit("quantity", quantity_text=text)

    def cancel_now(self, is_now: bool) -> None:
        """At once, with the unused time back as credit; otherwise at the end of what is paid."""
        if is_now is not self.state.is_now:
            self._edit("is_now", is_now=is_now)

    def type_reason(self, text: str) -> None:
        if self._may_change():
            self._set(reason=text, refused=self._others("reason"))

    def pause_for(self, months: int) -> None:
        """0: until the typed date."""
        if months != self.state.pause_months:
            self._edit("resume_at", pause_months=months)

    def type_resume(self, text: str) -> None:
        if text != self.state.resume_text:
            self._edit("resume_at", resume_text=text)

    def select_usage_payment(self, way: UsagePayment) -> None:
        if way is not self.state.usage_payment:
            self._edit("usage_payment", usage_payment=way)

    def open_cards(self) -> None:
        """Another card than the subscription's own is wanted."""
        if self._may_change():
            self._set(has_opened_cards=True)

    def choose_card(self, token: str) -> None:
        if token != self.state.payment_token:
            self._edit("payment_token", payment_token=token)

    def save_test_card(self, token: str) -> None:
        """Keeps a card on file for the account and chooses it."""
        if self._may_change():
            self._bridge.run(
                self, "save_card",
                lambda: self._service.save_card(token),
                then=self._on_card_saved,
                failed=lambda error: self._set(error=error_text(error)),
            )  # fmt: skip

    def _on_adding_changed(self) -> None:
        state = self.adding.state
        error = self.state.error if state.phase is AddPhase.IDLE else state.error
        self._set(is_adding=state.is_busy, error=error)

    def _on_card_saved(self, card: SavedMethod) -> None:
        """It is chosen, and everything else is as it was."""
        self.choose_card(card.token)
        self._bridge.run(
            self, "options",
            lambda: self._service.get_payment_options(),
            then=lambda options: self._set(options=options),
            failed=lambda error: self._set(error=error_text(error)),
            policy="replace",
        )  # fmt: skip

    # ---- looking before doing

    def _look(self) -> None:
        """Asks what the choice would do. A choice with a mistake in it, or none, is not asked about."""
        state = self.state
        is_nothing = state.task is Task.PLAN and state.is_same
        is_new = state.task is Task.CARD and state.fresh is not None  # it is given first
        if state.task is Task.PAY or is_nothing or is_new or (state.problems_all and not state.refused):
            self._bridge.cancel(self, "preview")
            self._set(preview=None, is_previewing=False)
            return
        wanted = state.request()
        if known := self._known.get(wanted):
            self._bridge.cancel(self, "preview")
            self._on_previews({wanted: known})
            return
        actions = CANCELLATIONS if state.task is Task.CANCEL else (state.action,)
        allowed = state.subscription.can if state.subscription else ()
        requests = [state.request(one) for one in actions if one is state.action or one in allowed]
        self._set(is_previewing=True)
        self._bridge.run(
            self, "preview",
            lambda: self._preview(requests),
            then=self._on_previews,
            failed=self._on_preview_failed,
            policy="replace",
            retry=self._look,
        )  # fmt: skip

    async def _preview(self, requests: list[ChangeRequest]) -> dict[ChangeRequest, ChangePreview]:
        return {one: await self._service.preview_change(one) for one in requests}

    def _on_previews(self, found: dict[ChangeRequest, ChangePreview]) -> None:
        self._known |= found
        previews = {**self.state.previews, **{request.action: preview for request, preview in found.items()}}
        self._set(preview=found[self.state.request()], previews=previews, is_previewing=False)
        if self.state.task is Task.UNDO and not self.state.charges and self.state.phase is ChangePhase.IDLE:
            self.commit()  # taking a change back costs nothing and needs no second question

    def _on_preview_failed(self, error: ServiceError) -> None:
        refused = dict(error.fields) if isinstance(error, InvalidInput) else {}
        self._set(preview=None, is_previewing=False, refused=refused, error=error_text(error))

    # ---- doing

    def commit(self) -> None:
        """Does what is shown; a second press while that runs does nothing. What is new is given on its page first."""
        state = self.state
        if state.phase is ChangePhase.WAITING:
            self.page.attend()
        if not state.can_commit:
            return
        self._set(has_pressed=True)
        if field := next(iter(self.state.problems), ""):
            self.problems_found.emit(field)
            return
        if state.fresh is not None and state.task is not Task.PAY:
            self.adding.start(state.fresh, state.hosts)
            return
        if not state.attempt_key:
            self._return_url = None
        self._set(
            phase=ChangePhase.COMMITTING, error=None, moved_from=None, attempt_key=state.attempt_key or self._new_key()
        )
        self._bridge.run(
            self, "commit", self._work(),
            then=self._on_committed,
            failed=self._on_failed,
            touches=TOUCHES,
            initiator=self,
            retry=self.commit,
        )  # fmt: skip

    def _work(self) -> Callable[[], Coroutine[Any, Any, Changed | Paid]]:  # Any: what a coroutine yields to its loop
        """What is sent, with the key and the hash of this moment: the same again after being offline."""
        state, request = self.state, self.state.request()
        invoice, preview = state.invoice, state.preview

        async def work() -> Changed | Paid:
            if state.task is Task.PAY and invoice is not None:
                return await self._pay(invoice, state)
            wanted = preview.hash if preview is not None else ""
            return await self._service.commit_change(request, wanted, key=state.attempt_key)

        return work

    async def _pay(self, invoice: Invoice, state: PlanChangeState) -> Paid:
        if not state.hosts:
            return await self._service.pay_invoice(invoice.uuid, state.payment_token, key=state.attempt_key)
        if self._return_url is None:
            self._return_url = await self.page.return_url()
        token = "" if state.fresh is not None else state.payment_token
        return await self._service.pay_invoice(
            invoice.uuid, token, key=state.attempt_key, page=state.fresh, return_url=self._return_url
        )  # fmt: skip

    def _on_committed(self, done: Changed | Paid) -> None:
        paid = done if isinstance(done, Paid) else done.payment
        if paid is not None and paid.action is not None and paid.state is PaymentState.ACTION_REQUIRED:
            self._ask_buyer(paid, paid.action)
            return
        if paid is not None and paid.state is PaymentState.PROCESSING:  # nothing is paid or changed yet
            self.under_way.emit(paid)
            self._end()
            return
        self._finish(done.subscription if isinstance(done, Changed) else None)

    def _ask_buyer(self, paid: Paid, action: Action) -> None:
        item = self.state.subscription
        task = payment_page(
            lambda: self._service, paid, self.state.hosts,
            what=item.offering_name if item is not None else tr("Subscription"), amount=exact_money(paid.amount),
        )  # fmt: skip
        phase = ChangePhase.WAITING if task is not None else ChangePhase.CONFIRMING
        self._set(phase=phase, payment_uuid=paid.payment_uuid, action_url=action.url, error=None)
        if task is not None:
            self.page.open(task)
        else:
            self.confirming.emit(action.url)

    def _on_page_finished(self, paid: Paid) -> None:
        if paid.state is PaymentState.CANCELED and self._is_leaving:
            self._become(PlanChangeState())
            return
        if paid.state is PaymentState.CANCELED:  # given up: what was chosen is kept
            self._set(phase=ChangePhase.IDLE, attempt_key="", payment_uuid="", action_url="", error=None)
            return
        self._on_committed(paid)
        self._bridge.announce(*TOUCHES, initiator=self)

    def _finish(self, subscription: Subscription | None) -> None:
        state = self.state
        self._end()
        self.finished.emit(state, subscription)

    def _end(self) -> None:
        self._set(phase=ChangePhase.DONE, attempt_key="", payment_uuid="", action_url="", error=None)

    def _on_failed(self, error: ServiceError) -> None:
        before = self.state.due_now
        if isinstance(error, DEFINITE):
            self._set(attempt_key="")
        if isinstance(error, SumMoved):
            self._known.clear()
            self._set(phase=ChangePhase.IDLE, moved_from=before or Money.zero(), preview=None, previews={})
            self._look()
            return
        refused = dict(error.fields) if isinstance(error, InvalidInput) else {}
        has_cards = self.state.has_opened_cards or isinstance(error, PaymentFailed)
        self._set(phase=ChangePhase.FAILED, error=error_text(error), refused=refused, has_opened_cards=has_cards)

    # ---- confirming

    def confirm(self, approve: bool) -> None:
        """The buyer's answer on the test provider's page."""
        payment = self.state.payment_uuid
        if self.state.phase is ChangePhase.CONFIRMING:
            self._set(phase=ChangePhase.ANSWERING, error=None)
            self._bridge.run(
                self, "commit",
                lambda: self._service.confirm_payment(payment, approve=approve),
                then=lambda _paid: self._finish(None),
                failed=self._on_confirm_failed,
                touches=TOUCHES,
                initiator=self,
            )  # fmt: skip

    def _on_confirm_failed(self, error: ServiceError) -> None:
        if self._is_leaving:
            self._become(PlanChangeState())
            return
        if isinstance(error, DEFINITE):
            self._set(attempt_key="", payment_uuid="", action_url="", has_opened_cards=True)
            self._set(phase=ChangePhase.FAILED, error=error_text(error))
        else:
            self._set(phase=ChangePhase.CONFIRMING, error=error_text(error))

    # ---- inside

    def _may_change(self) -> bool:
        is_open = self.state.status is Status.READY and self.state.phase in (ChangePhase.IDLE, ChangePhase.FAILED)
        return is_open and not self.state.is_locked

    def _others(self, name: str) -> dict[str, str]:
        return {other: code for other, code in self.state.refused.items() if other != name}

    def _edit(self, name: str, **changes: object) -> None:
        if self._may_change():
            self._set(
                **changes, refused=self._others(name), phase=ChangePhase.IDLE, error=None, moved_from=None,
                has_pressed=False,
            )  # fmt: skip
            self._look()
