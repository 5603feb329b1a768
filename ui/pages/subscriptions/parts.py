"""What is chosen in the sheet, one part for each thing that can be changed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from services.api.types import BillingCycle, ChangeAction, Plan, UsagePayment
from ui import theme
from ui.text import date, plan_price, plural, saving_text, tr
from ui.text.changes import (
    cancel_at_end_text,
    cancel_now_text,
    change_problem,
    current_text,
    pause_text,
    plan_points,
    usage_payment_choice,
)
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.plan_change_state import PAUSE_MONTHS, QUANTITY_MAX, PlanChangeState, months_later
from ui.widgets.cards import ChoiceCard, PlanCard
from ui.widgets.choice_grid import ChoiceGrid
from ui.widgets.choice_note import ChoiceNote
from ui.widgets.controls import Segmented, TextArea, TextField, badge, column, label, row
from ui.widgets.folding import FoldingRow

CYCLES = (BillingCycle.MONTHLY, BillingCycle.YEARLY)
QUANTITY_WIDTH = 160  # px at 100 % text
WAYS = (UsagePayment.PREPAID, UsagePayment.POSTPAID)


class Part(QWidget):
    """Signals: rebuilt() - there are other controls now."""

    rebuilt = Signal()

    def __init__(self, vm: PlanChangeViewModel) -> None:
        super().__init__()
        self.vm = vm
        self._is_rendering = False
        self._build()

    def _build(self) -> None:
        raise NotImplementedError

    def show_state(self, state: PlanChangeState) -> None:
        self._is_rendering = True
        self._show(state)
        self.setEnabled(not state.is_locked and not state.is_busy)
        self._is_rendering = False

    def _show(self, state: PlanChangeState) -> None:
        raise NotImplementedError

    def focus_first(self) -> None:
        """To the first thing to choose."""
        raise NotImplementedError

    def focus_field(self, field: str) -> None:
        """To where the problem of this field is mended."""
        del field
        self.focus_first()


class PlanPart(Part):
    """The plans side by side, by the month or by the year, and how many."""

    def _build(self) -> None:
        self._plans: tuple[Plan, ...] = ()
        self._current = label("", "muted", name="currentPlan", wrap=True)
        self.cycle = Segmented([tr("Monthly"), tr("Yearly")], label=tr("Billing cycle"), name="changeCycle")
        self.cycle.changed.connect(self._on_cycle_changed)
        self._saving = badge("", name="changeSaving")
        ways = QWidget()
        ways.setLayout(row(self.cycle, self._saving, None))
        self._head = FoldingRow(self._current, ways)
        self.grid = ChoiceGrid(label=tr("Plans"), name="changePlans")
        self.quantity = TextField(tr("Quantity"), name="changeQuantity", max_length=6)
        self.quantity.changed.connect(self._on_quantity_changed)
        self._custom = label("", "small", name="changeCustom", wrap=True)
        self.quantity.setMaximumWidth(theme.current().px(QUANTITY_WIDTH))
        self.setLayout(column(self._head, self.grid, self._custom, self.quantity, spacing=14))

    def _on_cycle_changed(self, index: int) -> None:
        if not self._is_rendering:
            self.vm.select_cycle(CYCLES[index])

    def _on_quantity_changed(self, text: str) -> None:
        if not self._is_rendering:
            self.vm.type_quantity(text)

    def _on_toggled(self, uuid: str, on: bool) -> None:
        if on and not self._is_rendering:
            self.vm.select_plan(uuid)

    def _show(self, state: PlanChangeState) -> None:
        item = state.subscription
        if item is None:
            return
        if state.plans != self._plans:
            self._plans = state.plans
            self.grid.set_cards([self._card(plan, plan.uuid == item.plan.uuid) for plan in state.plans])
            self.rebuilt.emit()
        for plan, card in zip(state.plans, self.grid.cards, strict=True):
            if isinstance(card, PlanCard):
                amount, unit = plan_price(plan, state.cycle)
                card.set_price(amount, unit)
            card.setChecked(plan.uuid == state.plan_uuid)
        self.grid.refresh()
        self._current.setText(current_text(item))
        self.cycle.setVisible(state.has_cycles)
        self.cycle.set_current(CYCLES.index(state.cycle))
        saving = saving_text(state.plans)
        self._saving.set_badge(saving, "accent")
        self._saving.setVisible(bool(saving) and state.has_cycles)
        self.quantity.setVisible(state.has_quantity)
        self.quantity.set_text(state.quantity_text)
        code = state.problems.get("quantity")
        self.quantity.set_error(change_problem("quantity", code, QUANTITY_MAX) if code else None)
        is_custom = state.quote_plan is not None and state.quote_plan.uuid == item.plan.uuid
        self._custom.setVisible(state.quote_plan is not None and not is_custom)
        if state.quote_plan is not None:
            words = tr("{plan} has a price of its own: ask for it on the agent’s page.", plan=state.quote_plan.name)
            self._custom.setText(words)

    def _card(self, plan: Plan, is_current: bool) -> PlanCard:
        mark = tr("Yours") if is_current else plan.badge
        card = PlanCard(plan.name, name=f"changePlan-{plan.slug}", badge=mark, points=plan_points(plan))
        card.toggled.connect(lambda on: self._on_toggled(plan.uuid, on))
        return card

    def focus_first(self) -> None:
        _focus_checked(self.grid.cards)

    def focus_field(self, field: str) -> None:
        if field == "quantity":
            self.quantity.edit.setFocus(Qt.FocusReason.OtherFocusReason)
            self.quantity.edit.selectAll()
        else:
            self.focus_first()


class CancelPart(Part):
    """Two plain choices and, who likes, why."""

    def _build(self) -> None:
        self.at_end = ChoiceNote(tr("At the end of the period"), name="cancelAtEnd")
        self.now = ChoiceNote(tr("Now"), name="cancelNow")
        self.at_end.toggled.connect(lambda on: self._on_picked(False, on))
        self.now.toggled.connect(lambda on: self._on_picked(True, on))
        self._choices = QWidget()
        self._choices.setAccessibleName(tr("When it ends"))
        self._choices.setLayout(column(self.at_end, self.now, spacing=8))
        self.reason = TextArea(tr("Why do you cancel?"), name="cancelReason", optional=True, lines=3)
        self.reason.changed.connect(self._on_reason)
        self.setLayout(column(self._choices, self.reason, spacing=18))

    def _on_picked(self, is_now: bool, on: bool) -> None:
        if on and not self._is_rendering:
            self.vm.cancel_now(is_now)

    def _on_reason(self, text: str) -> None:
        if not self._is_rendering:
            self.vm.type_reason(text)

    def _show(self, state: PlanChangeState) -> None:
        item = state.subscription
        if item is None:
            return
        at_end, now = ChangeAction.CANCEL_AT_END, ChangeAction.CANCEL_NOW
        self.at_end.set_note(cancel_at_end_text(state.previews.get(at_end), item))
        self.now.set_note(cancel_now_text(state.previews.get(now)))
        self.at_end.setVisible(at_end in item.can)
        self.now.setVisible(now in item.can)
        (self.now if state.is_now else self.at_end).setChecked(True)
        self.reason.set_text(state.reason)
        code = state.problems.get("reason")
        self.reason.set_error(change_problem("reason", code, 0) if code else None)

    def focus_first(self) -> None:
        _focus_checked((self.at_end, self.now))

    def focus_field(self, field: str) -> None:
        if field == "reason":
            self.reason.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.focus_first()


class PausePart(Part):
    """Until when: some months on, or a day of one's own."""

    def _build(self) -> None:
        self._months = [ChoiceNote("", name=f"pause-{months}") for months in PAUSE_MONTHS]
        self._own = ChoiceNote(tr("Until another day"), name="pauseOwn")
        for months, card in zip((*PAUSE_MONTHS, 0), (*self._months, self._own), strict=True):
            card.toggled.connect(lambda on, months=months: self._on_picked(months, on))
        self.day = TextField(
            tr("Resume on"), name="pauseDay", placeholder="2026-05-01", help_text=tr("Year, month and day"),
        )  # fmt: skip
        self.day.changed.connect(self._on_typed)
        self._meaning = label("", "muted", name="pauseMeaning", wrap=True)
        choices = QWidget()
        choices.setAccessibleName(tr("How long"))
        choices.setLayout(column(*self._months, self._own, spacing=8))
        self.setLayout(column(choices, self.day, self._meaning, spacing=14))

    def _on_picked(self, months: int, on: bool) -> None:
        if on and not self._is_rendering:
            self.vm.pause_for(months)

    def _on_typed(self, text: str) -> None:
        if not self._is_rendering:
            self.vm.type_resume(text)

    def _show(self, state: PlanChangeState) -> None:
        for months, card in zip(PAUSE_MONTHS, self._months, strict=True):
            card.setText(plural(months, tr("{n} month"), tr("{n} months")))
            if state.now is not None:
                card.set_note(tr("until {day}", day=date(months_later(state.now, months))))
        chosen = self._own if not state.pause_months else self._months[PAUSE_MONTHS.index(state.pause_months)]
        chosen.setChecked(True)
        self.day.setVisible(not state.pause_months)
        self.day.set_text(state.resume_text)
        code = state.problems.get("resume_at")
        self.day.set_error(change_problem("resume_at", code, 0) if code else None)
        self._meaning.setVisible(state.preview is not None)
        if state.preview is not None:
            self._meaning.setText(pause_text(state.preview, state.resume_at))

    def focus_first(self) -> None:
        _focus_checked((*self._months, self._own))

    def focus_field(self, field: str) -> None:
        if field == "resume_at" and self.day.isVisible():
            self.day.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.focus_first()


class UsagePaymentPart(Part):
    """Before each call, or with the next invoice."""

    def _build(self) -> None:
        self._cards = [ChoiceNote("", name=f"usagePayment-{way}") for way in WAYS]
        for way, card in zip(WAYS, self._cards, strict=True):
            card.toggled.connect(lambda on, way=way: self._on_picked(way, on))
        self.setAccessibleName(tr("How extra calls are paid"))
        self.setLayout(column(*self._cards, spacing=8))

    def _on_picked(self, way: UsagePayment, on: bool) -> None:
        if on and not self._is_rendering:
            self.vm.select_usage_payment(way)

    def _show(self, state: PlanChangeState) -> None:
        if state.subscription is None:
            return
        for way, card in zip(WAYS, self._cards, strict=True):
            title, note = usage_payment_choice(way, state.subscription)
            card.setText(title)
            card.set_note(note)
        self._cards[WAYS.index(state.usage_payment)].setChecked(True)

    def focus_first(self) -> None:
        _focus_checked(self._cards)


def _focus_checked(cards: Sequence[ChoiceCard]) -> None:
    chosen = [card for card in cards if card.isChecked()] or list(cards)
    if chosen:
        chosen[0].setFocus(Qt.FocusReason.OtherFocusReason)
