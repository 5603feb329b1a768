"""What other plans would have cost: the answer in a sentence, every way to pay, and costs by number of calls."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from services.api.types import PlanCost
from ui import theme
from ui.pages.comparison.costs import BreakEvenCard, CostCard
from ui.pages.comparison.options import OptionList
from ui.text import tr
from ui.text.comparison import (
    change_label,
    few_calls_text,
    headline,
    note_text,
    options_csv,
    window_label,
    window_text,
)
from ui.text.subscriptions import plan_with_cycle
from ui.viewmodels.base import Status
from ui.viewmodels.comparison import WINDOWS, ComparisonState, ComparisonViewModel
from ui.widgets import a11y
from ui.widgets.arranged_page import ArrangedPage
from ui.widgets.controls import Button, Card, Segmented, card, column, label, page, row, scroll_page
from ui.widgets.focus_order import set_tab_order
from ui.widgets.folding import FoldingRow, Reading
from ui.widgets.notices import Banner, toast_area
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows

WIDTH = 960


class ComparisonPage(ArrangedPage):
    """Signals: back(); change_requested(subscription uuid, plan uuid, BillingCycle); sign_in_requested()."""

    back = Signal()
    change_requested = Signal(str, str, object)
    sign_in_requested = Signal()

    def __init__(self, vm: ComparisonViewModel) -> None:
        super().__init__()
        self.setObjectName("comparisonPage")
        self.setAccessibleName(tr("Compare plans"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # holds the focus while it loads
        page(self)
        self.vm = vm
        self._said = ""
        frame = QVBoxLayout(self)
        frame.setContentsMargins(0, 0, 0, 0)
        frame.addWidget(self._views())
        vm.changed.connect(self._on_changed)
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        self._waiting = QWidget()
        title = label(tr("What would other plans have cost?"), "display")
        self._waiting_frame = column(title, skeleton_rows(4, height=120, gap=16), spacing=20)
        self._waiting.setLayout(self._waiting_frame)
        self._empty = EmptyState(
            "scale", tr("There is nothing to compare"), tr("No other plan of this agent has a price of its own."),
            tr("Back to subscriptions"), name="comparisonEmpty",
        )  # fmt: skip
        self._empty.acted.connect(self.back)
        self._guest = EmptyState(
            "circle-user", tr("Sign in to compare plans"), tr("The comparison uses the calls of your account."),
            tr("Sign in"), name="comparisonGuest",
        )  # fmt: skip
        self._guest.acted.connect(self.sign_in_requested)
        self._error = ErrorState(name="comparisonError")
        self._error.retried.connect(self.vm.retry)
        self._places = {view: scroll_page(view) for view in (self._empty, self._guest, self._error)}
        self._content_place = scroll_page(self._content())
        self._waiting_place = scroll_page(self._waiting)
        for view in (self._content_place, self._waiting_place, *self._places.values()):
            self._stack.addWidget(view)
        return self._stack

    def _content(self) -> QWidget:
        content = Reading()
        self._banner = Banner(tone="warning", name="comparisonNotice")
        self._banner.acted.connect(self.vm.retry)
        self.options = OptionList()
        self.options.change_wanted.connect(self._on_change_wanted)
        self.options.copy_wanted.connect(self._copy_options)
        self.options.rebuilt.connect(lambda: set_tab_order(self))
        self._evens = BreakEvenCard()
        self.costs = CostCard()
        self.costs.table_wanted.connect(self.vm.show_chart_as_table)
        self.costs.copy_wanted.connect(self._copy_costs)
        note = label(note_text(), "small", wrap=True)
        self._column = column(
            self._head(), self._banner, self._answer(), self.options, self._evens, self.costs, note, None, spacing=16
        )
        content.setLayout(self._column)
        return content

    def _head(self) -> QWidget:
        self.back_button = Button(tr("Subscriptions"), "link", "arrow-left", name="comparisonBack")
        self.back_button.clicked.connect(self.back)
        self._subject = label("", "muted", name="comparisonSubject", wrap=True)
        self.days = Segmented([window_label(days) for days in WINDOWS], label=tr("Calls of"), name="comparisonDays")
        self.days.changed.connect(lambda index: self.vm.choose_days(WINDOWS[index]))
        title = label(tr("What would other plans have cost?"), "display", wrap=True)
        words = QWidget()
        words.setLayout(column(row(self.back_button, None), title, self._subject, spacing=2))
        return FoldingRow(words, self.days)

    def _answer(self) -> Card:
        self._headline = label("", "title", name="comparisonHeadline", wrap=True, selectable=True)
        self._window = label("", "muted", name="comparisonWindow", wrap=True)
        self._few = Banner(tone="info", name="fewCalls")
        self.change_button = Button("", "primary", name="changeToBest")
        self.change_button.clicked.connect(self._on_best_wanted)
        box = card(20, 10, name="comparisonAnswer")
        for part in (self._headline, self._window, self._few):
            box.body.addWidget(part)
        box.body.addLayout(row(self.change_button, None))
        return box

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        self._show_view(state)
        self.days.set_current(WINDOWS.index(state.days))
        self._banner.set_message(state.error.sentence if state.error else "", action=tr("Try again"))
        self._banner.setVisible(state.error is not None)
        if state.comparison is None:
            return
        self._show_answer(state)
        self.options.show_state(state)
        self._evens.show_state(state)
        self.costs.show_state(state)

    def _show_view(self, state: ComparisonState) -> None:
        if state.error is not None and state.status is Status.ERROR:
            self._error.set_error(state.error.detail, title=state.error.title)
        views = {Status.LOADING: self._waiting_place, Status.READY: self._content_place,
                 Status.ERROR: self._places[self._error]}  # fmt: skip
        empty = self._places[self._guest if state.is_guest else self._empty]
        before, wanted = self._stack.currentWidget(), views.get(state.status, empty)
        had_focus = self.hasFocus()
        self._stack.setCurrentWidget(wanted)
        if before is not wanted and had_focus:
            self.focus_content()

    def _show_answer(self, state: ComparisonState) -> None:
        comparison, best = state.comparison, state.best
        if comparison is None:
            return
        plan = ""
        if state.subscription is not None:
            item = state.subscription
            plan = plan_with_cycle(item.plan.name, item.billing_model, item.cycle)
        self._subject.setText(tr("{name} · now {plan}", name=comparison.resource_name, plan=plan) if plan else "")
        answer = headline(state.current, best)
        self._headline.setText(answer)
        counting = tr("Counting the calls of the {window}…", window=window_label(state.days).lower())
        self._window.setText(counting if state.is_stale else window_text(comparison))
        self._few.setVisible(state.has_few_calls)
        self._few.set_message(few_calls_text(comparison) if state.has_few_calls else "")
        can_save = best is not None and best.can_change and not best.is_current
        self.change_button.setVisible(can_save)
        if best is not None and can_save:
            self.change_button.setText(change_label(best))
        if answer != self._said and self.isVisible() and not state.is_stale:
            a11y.announce(self._headline, answer)
            self._said = answer

    # -- verbs -----------------------------------------------------------------------------------------------------
    def _on_best_wanted(self) -> None:
        self._request_change(self.vm.state.best)

    def _on_change_wanted(self, code: str) -> None:
        self._request_change(self.vm.state.find(code))

    def _request_change(self, option: PlanCost | None) -> None:
        if option is not None:
            self.change_requested.emit(self.vm.state.subscription_uuid, option.plan_uuid, option.cycle)

    def _copy_options(self) -> None:
        self._copy(options_csv(self.vm.state.options))

    def _copy_costs(self) -> None:
        self._copy(self.costs.csv())

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        toast_area(self).show_toast(tr("Copied as CSV."), icon="copy-check")

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def focus_content(self) -> None:
        """To what would be done first, else to the way back."""
        state = self.vm.state
        chosen: QWidget = self
        if state.status is Status.READY:
            chosen = self.change_button if self.change_button.isVisibleTo(self) else self.back_button
        elif state.status is Status.EMPTY:
            chosen = (self._guest if state.is_guest else self._empty).action_button
        elif state.status is Status.ERROR:
            chosen = self._error.action_button
        chosen.setFocus(Qt.FocusReason.OtherFocusReason)

    def _arrange(self) -> None:
        side = max(24, (self.width() - theme.current().px(WIDTH)) // 2)
        self._column.setContentsMargins(side, 24, side, 24)
        self._waiting_frame.setContentsMargins(side, 24, side, 24)
