"""The deciding half of checkout: monthly or yearly, which plan, and the plan cards that find their own columns."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from services.api.types import BillingCycle, Plan
from ui.text import money, plan_price, saving_text, tr
from ui.text.ordering import trial_note
from ui.viewmodels.checkout_state import CheckoutState
from ui.widgets import paint
from ui.widgets.cards import PlanCard
from ui.widgets.controls import Segmented, badge, column, label, row
from ui.widgets.focus_order import one_stop

GAP = 12
CYCLES = (BillingCycle.MONTHLY, BillingCycle.YEARLY)


class PlanGrid(QWidget):
    """Plan cards side by side while their words fit, in as few even rows as that takes.

    Signals: picked(str) - the plan the buyer turned to; rebuilt() - there are other cards now.
    """

    picked = Signal(str)
    rebuilt = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("planGrid")
        self.setAccessibleName(tr("Plans"))
        self._plans: tuple[Plan, ...] = ()
        self._cards: dict[str, PlanCard] = {}
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_plans(self, plans: tuple[Plan, ...], cycle: BillingCycle, current: str) -> None:
        if plans != self._plans:
            self._build(plans)
        for plan in plans:
            amount, unit = plan_price(plan, cycle)
            self._cards[plan.uuid].set_price(amount, unit, _list_price_note(plan, cycle) or trial_note(plan.trial_days))
        if current in self._cards:
            self._cards[current].setChecked(True)
        one_stop(tuple(self._cards.values()))
        self._arrange()

    def card(self, uuid: str) -> PlanCard | None:
        return self._cards.get(uuid)

    def _build(self, plans: tuple[Plan, ...]) -> None:
        for card in self._cards.values():
            card.hide()
            card.deleteLater()
        self._plans = plans
        self._cards = {plan.uuid: self._plan_card(plan) for plan in plans}
        self.updateGeometry()
        self.rebuilt.emit()

    def _plan_card(self, plan: Plan) -> PlanCard:
        card = PlanCard(plan.name, name=f"plan-{plan.slug}", badge=plan.badge, points=plan.points, parent=self)
        card.clicked.connect(lambda: self.picked.emit(plan.uuid))
        card.toggled.connect(lambda on: self._on_toggled(plan.uuid, on))
        card.show()
        return card

    def _on_toggled(self, uuid: str, on: bool) -> None:
        """Arrow keys check the next radio button without clicking it."""
        if on:
            self.picked.emit(uuid)

    # -- geometry --------------------------------------------------------------------------------------------------
    def _columns(self, width: int) -> int:
        cards = tuple(self._cards.values())
        least = max((card.minimumSizeHint().width() for card in cards), default=1)
        fitting = max(1, min(len(cards), (width + GAP) // (least + GAP)))
        rows = -(-len(cards) // fitting)
        return -(-len(cards) // rows)

    def _places(self, width: int) -> list[tuple[PlanCard, QRect]]:
        cards = list(self._cards.values())
        if not cards:
            return []
        columns = self._columns(width)
        each = (width - GAP * (columns - 1)) // columns
        places, y = [], 0
        for start in range(0, len(cards), columns):
            line = cards[start : start + columns]
            height = max(card.heightForWidth(each) for card in line)
            places += [(card, QRect(i * (each + GAP), y, each, height)) for i, card in enumerate(line)]
            y += height + GAP
        return places

    def _arrange(self) -> None:
        rtl = paint.is_rtl(self)
        for card, place in self._places(self.width()):
            card.setGeometry(paint.mirrored(place, self.width(), rtl))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return max((place.bottom() + 1 for _, place in self._places(width)), default=0)

    def sizeHint(self) -> QSize:
        width = sum(card.sizeHint().width() + GAP for card in self._cards.values())
        return QSize(width, self.heightForWidth(max(width, 1)))

    def minimumSizeHint(self) -> QSize:
        return QSize(max((card.minimumSizeHint().width() for card in self._cards.values()), default=0), 0)


class PlanSection(QWidget):
    """ "Choose your plan", the billing cycle and the cards.

    Signals: plan_picked(str); cycle_picked(BillingCycle).
    """

    plan_picked = Signal(str)
    cycle_picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._is_rendering = False
        self.setLayout(column(self._heading(), self._cycle_row(), self._plan_grid(), spacing=14))

    def _heading(self) -> QWidget:
        return label(tr("Choose your plan"), "display", name="checkoutTitle", wrap=True)

    def _cycle_row(self) -> QWidget:
        self.cycle = Segmented([tr("Monthly"), tr("Yearly")], label=tr("Billing cycle"), name="billingCycle", current=1)
        self.cycle.changed.connect(self._on_cycle_changed)
        self._saving = badge("", name="savingBadge")
        line = QWidget()
        line.setLayout(row(label(tr("Cancel any time."), "muted"), None, self.cycle, 6, self._saving))
        return line

    def _plan_grid(self) -> PlanGrid:
        self.grid = PlanGrid()
        self.grid.picked.connect(self._on_plan_picked)
        return self.grid

    def _on_cycle_changed(self, index: int) -> None:
        if not self._is_rendering:
            self.cycle_picked.emit(CYCLES[index])

    def _on_plan_picked(self, uuid: str) -> None:
        if not self._is_rendering:
            self.plan_picked.emit(uuid)

    def show_state(self, state: CheckoutState) -> None:
        self._is_rendering = True
        self.cycle.setVisible(state.has_cycles)
        self.cycle.set_current(CYCLES.index(state.cycle))
        saving = saving_text(state.plans)
        self._saving.set_badge(saving, "accent")
        self._saving.setVisible(bool(saving) and state.has_cycles)
        self.grid.show_plans(state.plans, state.cycle, state.plan_uuid)
        for part in (self.grid, self.cycle):
            part.setEnabled(not state.is_locked)
        self._is_rendering = False


def _list_price_note(plan: Plan, cycle: BillingCycle) -> str:
    """What a bundle's agents would cost one by one, over the same time as the price above it."""
    monthly, yearly = plan.monthly_price, plan.yearly_price
    if plan.list_monthly_price is None or monthly is None or yearly is None or monthly.is_zero:
        return ""
    paid_months = yearly.micros // monthly.micros if cycle is BillingCycle.YEARLY else 1
    return tr("{amount} one by one", amount=money(plan.list_monthly_price * paid_months))
