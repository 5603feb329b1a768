"""Choosing a plan beside the offering: the cycle, the plan cards, and the one button that goes to checkout."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from services.api.types import BillingCycle, BillingModel, Plan
from ui import theme
from ui.text import money, plan_price, saving_text, tr
from ui.text.ordering import trial_note
from ui.viewmodels.agent import AgentState
from ui.widgets.cards import PlanCard
from ui.widgets.controls import Button, Segmented, badge, column, label, row, rule, scroll_page
from ui.widgets.folding import Reading

CYCLES = (BillingCycle.MONTHLY, BillingCycle.YEARLY)


class BuyPanel(QFrame):
    """Signals: plan_chosen(str); cycle_chosen(BillingCycle); bought()."""

    plan_chosen = Signal(str)
    cycle_chosen = Signal(object)
    bought = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("buyPanel")
        self.setProperty("card", "true")
        self.setAccessibleName(tr("Plans"))
        self._cards: dict[str, PlanCard] = {}
        self._shown: tuple[Plan, ...] = ()
        self._is_stacked = False
        self._build()

    # -- building --------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        look = theme.current()
        pad = look.space(5)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(1, 1, 1, 1)
        whole.setSpacing(0)
        whole.addLayout(column(self._head(), margins=(pad, look.space(4), pad, look.space(3))))
        whole.addWidget(self._plans(pad), 1)
        self._foot_rule = rule()
        whole.addWidget(self._foot_rule)
        whole.addLayout(column(self._foot(), margins=(pad, look.space(3), pad, look.space(4))))

    def _head(self) -> QWidget:
        self.cycle = Segmented(
            [tr("Monthly"), tr("Yearly")], label=tr("Billing period"), name="billingCycle", current=1
        )
        self.cycle.changed.connect(lambda index: self.cycle_chosen.emit(CYCLES[index]))
        self.saving = badge("", name="yearlySaving")
        self._cycle_row = QWidget()
        self._cycle_row.setLayout(row(self.cycle, self.saving, None, spacing=10))
        return self._cycle_row

    def _plans(self, pad: int) -> QWidget:
        self._strip = Reading()
        self._strip.setAccessibleName(tr("Plans"))
        self._list = QVBoxLayout(self._strip)
        self._list.setContentsMargins(pad, 4, pad, theme.current().space(4))
        self._list.setSpacing(theme.current().space(3))
        self.area = scroll_page(self._strip, plain=True)
        return self.area

    def _foot(self) -> QWidget:
        self.buy_button = Button("", "primary", name="buyButton", big=True)
        self.buy_button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.buy_button.clicked.connect(self.bought)
        self.note = label("", "small", name="planNote", wrap=True, align=Qt.AlignmentFlag.AlignHCenter)
        box = QWidget()
        box.setLayout(column(self.buy_button, self.note, spacing=8))
        return box

    def set_stacked(self, stacked: bool) -> None:
        """Stacked, the panel is as tall as its plans; beside the page it scrolls inside."""
        policy = Qt.ScrollBarPolicy
        self.area.setVerticalScrollBarPolicy(policy.ScrollBarAlwaysOff if stacked else policy.ScrollBarAsNeeded)
        self._is_stacked = stacked
        self._fit()

    def _fit(self) -> None:
        height = self._list.totalHeightForWidth(max(self.width() - 2, 1)) if self._is_stacked else 0
        self.area.setMinimumHeight(max(height, 0))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self._cards:
            self._fit()

    # -- showing ---------------------------------------------------------------------------------------------------
    def show_state(self, state: AgentState) -> None:
        if state.plans != self._shown:
            self._shown = state.plans
            self._make_cards(state.plans)
        saving = saving_text(state.plans)
        self._cycle_row.setVisible(bool(saving))
        self.saving.set_badge(saving, "accent")
        self._show_cycle(state.cycle)
        for plan in state.plans:
            self._show_price(plan, state.cycle)
        self._show_choice(state)

    def _make_cards(self, plans: tuple[Plan, ...]) -> None:
        for card in self._cards.values():
            self._list.removeWidget(card)
            card.hide()
            card.setParent(None)
            card.deleteLater()
        while self._list.takeAt(0) is not None:
            pass
        self._cards = {plan.uuid: self._card(plan) for plan in plans}
        for card in self._cards.values():
            self._list.addWidget(card)
        self._list.addStretch()
        self._fit()

    def _card(self, plan: Plan) -> PlanCard:
        card = PlanCard(plan.name, name=f"plan-{plan.slug}", badge=plan.badge, points=plan.points)
        card.clicked.connect(lambda: self.plan_chosen.emit(plan.uuid))
        card.toggled.connect(lambda checked: self._on_toggled(plan.uuid, checked))
        return card

    def _on_toggled(self, uuid: str, checked: bool) -> None:
        if checked:
            self.plan_chosen.emit(uuid)
            self.area.ensureWidgetVisible(self._cards[uuid], 0, theme.current().space(3))

    def _show_cycle(self, cycle: BillingCycle) -> None:
        blocked = self.cycle.blockSignals(True)
        self.cycle.set_current(CYCLES.index(cycle))
        self.cycle.blockSignals(blocked)

    def _show_price(self, plan: Plan, cycle: BillingCycle) -> None:
        amount, unit = plan_price(plan, cycle)
        self._cards[plan.uuid].set_price(amount, unit, _price_note(plan, cycle))

    def _show_choice(self, state: AgentState) -> None:
        plan = state.plan
        self.buy_button.setEnabled(plan is not None)
        if plan is None:
            return
        card = self._cards[plan.uuid]
        if not card.isChecked():
            card.setChecked(True)
        self.buy_button.setText(buy_text(plan, state.cycle))
        self.note.setText(_note(plan, state.cycle))


def buy_text(plan: Plan, cycle: BillingCycle) -> str:
    """What the one button says: the plan and its price."""
    if plan.billing_model is BillingModel.QUOTE:
        return tr("Ask for a quote")
    if plan.billing_model is BillingModel.FREE:
        return tr("Start for free")
    if plan.billing_model is BillingModel.PAY_PER_USE:
        return tr("Start with pay per use")
    amount, unit = plan_price(plan, cycle)
    return tr("Get {plan} – {price}", plan=plan.name, price=amount + unit.replace("/", " / ", 1))


def _price_note(plan: Plan, cycle: BillingCycle) -> str:
    """That it can be tried first, or what a bundle would cost part by part (by the month, where both are exact)."""
    if plan.trial_days:
        return trial_note(plan.trial_days)
    if plan.list_monthly_price is None or cycle is not BillingCycle.MONTHLY:
        return ""
    return tr("instead of {amount}", amount=money(plan.list_monthly_price))


def _note(plan: Plan, cycle: BillingCycle) -> str:
    if plan.billing_model is BillingModel.QUOTE:
        return tr("You get a price by e-mail. Nothing is charged.")
    if plan.billing_model is BillingModel.FREE:
        return tr("No card needed. Upgrade when you want.")
    if plan.billing_model is BillingModel.PAY_PER_USE:
        return tr("No monthly fee. You pay for the calls you make.")
    if cycle is BillingCycle.YEARLY and plan.yearly_price is not None and plan.monthly_price is not None:
        return tr("12 months for the price of 10. Cancel any time.")
    return tr("Renews every month. Cancel any time.")
