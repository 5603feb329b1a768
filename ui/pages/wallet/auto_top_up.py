"""Auto-top-up: three amounts, a way to pay, and what it would have done in the last 90 days before it is on."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from services.api.types import Rehearsal
from ui.text import date, exact_money, plural, tr
from ui.text.methods import add_label, method_items, new_method
from ui.text.wallet import rehearsal_detail, rehearsal_text
from ui.viewmodels.amounts import parse_amount
from ui.viewmodels.auto_top_up import AutoTopUpState, AutoTopUpViewModel
from ui.widgets import a11y
from ui.widgets.controls import Button, Card, Icon, SelectField, TextField, card, clear, label, row
from ui.widgets.notices import Banner
from ui.widgets.overlay import Sheet
from ui.widgets.waiting_sheet import WaitingStep

AMOUNT_LENGTH = 15
SHOWN = 6  # charges of the rehearsal, the latest


class AutoTopUpSheet(Sheet):
    """Closes itself when the settings are kept."""

    def __init__(self, window: QWidget, vm: AutoTopUpViewModel) -> None:
        super().__init__(window, tr("Auto-top-up"), name="autoTopUpSheet", width=480)
        self._vm = vm
        self._waiting = WaitingStep(self, vm.adding.page)
        self._is_rendering = False
        self._rehearsed: Rehearsal | None = None
        self.body.addWidget(label(
            tr("Charges your card or account when the balance runs low, so that no call is refused. Off until you "
               "switch it on."),
            "muted", wrap=True,
        ))  # fmt: skip
        self._fields()
        self.body.addWidget(self._rehearsal())
        self.error = Banner(tone="danger", name="autoError")
        self.body.addWidget(self.error)
        self.body.addStretch()
        self._foot()
        self.first_focus = self.fields["threshold"].edit
        vm.changed.connect(self._on_changed)
        vm.problems_found.connect(self._on_problems_found)
        vm.saved.connect(self.close_overlay)
        self.closed.connect(vm.close)
        self._on_changed()

    # -- building --------------------------------------------------------------------------------------------------
    def _fields(self) -> None:
        texts = {
            "threshold": (tr("When the balance falls below"), "autoThreshold", ""),
            "target": (tr("Fill it up to"), "autoTarget", ""),
            "monthly_limit": (
                tr("At most in a month"), "autoLimit", tr("The most it may charge in a calendar month, before tax."),
            ),
        }  # fmt: skip
        self.fields: dict[str, TextField] = {}
        for field_name, (text, name, help_text) in texts.items():
            field = TextField(text, name=name, help_text=help_text, max_length=AMOUNT_LENGTH)
            field.changed.connect(lambda typed, field_name=field_name: self._on_typed(field_name, typed))
            field.left.connect(lambda field_name=field_name: self._vm.leave(field_name))
            field.submitted.connect(self.accept_default)
            self.fields[field_name] = field
            self.body.addWidget(field)
        self.card = SelectField(tr("Pay with"), name="autoCard")
        self.card.select.picked.connect(lambda token: self._vm.choose_card(str(token)))
        self.body.addWidget(self.card)

    def _rehearsal(self) -> Card:
        box = card(16, 6, name="rehearsalCard")
        self._title = label(tr("Rehearsal on your last 90 days"), "label")
        self._result = label("", "section", name="rehearsalResult", wrap=True, tabular=True)
        self._detail = label("", "small", name="rehearsalDetail", wrap=True, tabular=True)
        self._mark = Icon("hourglass", "textMuted", 18)
        self._charges = QGridLayout()
        self._charges.setContentsMargins(0, 6, 0, 0)
        self._charges.setVerticalSpacing(4)
        self._charges.setColumnStretch(0, 1)
        box.body.addWidget(self._title)
        line = row(self._mark, self._result, spacing=10)
        line.setStretch(1, 1)
        line.setAlignment(self._mark, Qt.AlignmentFlag.AlignTop)
        box.body.addLayout(line)
        box.body.addWidget(self._detail)
        box.body.addLayout(self._charges)
        return box

    def _foot(self) -> None:
        self.on_button = Button(tr("Switch on"), "primary", name="autoSwitchOn")
        self.on_button.clicked.connect(self._vm.switch_on)
        self.off_button = Button(tr("Switch off"), "secondary", name="autoSwitchOff")
        self.off_button.clicked.connect(self._vm.switch_off)
        self.cancel = Button(tr("Cancel"), "ghost", name="autoCancel")
        self.cancel.clicked.connect(self.dismiss)
        self.footer.addWidget(self.on_button)
        self.footer.addWidget(self.off_button)
        self.footer.addStretch()
        self.footer.addWidget(self.cancel)

    # -- what the reader does --------------------------------------------------------------------------------------
    def accept_default(self) -> None:
        """Enter in a field goes to the button; switching on takes a second one."""
        if self.on_button.isEnabled() and not self.on_button.is_busy:
            self.on_button.setFocus()

    def _on_typed(self, field_name: str, text: str) -> None:
        if not self._is_rendering:
            self._vm.type(field_name, text)

    def _on_problems_found(self, field_name: str) -> None:
        target = self.fields[field_name].edit if field_name in self.fields else self.card.select
        target.setFocus()
        self.area.ensureWidgetVisible(target)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self._vm.state
        self._is_rendering = True
        for field_name, field in self.fields.items():
            field.set_text(getattr(state, field_name))
            field.set_error(state.problems.get(field_name))
            field.setEnabled(not state.is_saving)
        self.card.select.set_items([*method_items(state.options)])
        self.card.select.set_current(state.payment_token)
        self.card.set_error(state.problems.get("payment_token"))
        self.card.setEnabled(not state.is_saving)
        self._show_rehearsal(state)
        self.error.setVisible(state.error is not None)
        if state.error is not None:
            self.error.set_message(state.error.sentence)
        self._show_buttons(state)
        self._is_rendering = False

    def _show_buttons(self, state: AutoTopUpState) -> None:
        limit, fresh = parse_amount(state.monthly_limit, state.currency), new_method(state.payment_token)
        if fresh is not None:
            words = tr("{add} first", add=add_label(fresh))
        elif state.is_on:
            words = tr("Save – at most {limit} a month", limit=exact_money(limit)) if limit else tr("Save")
        else:
            words = tr("Switch on – at most {limit} a month", limit=exact_money(limit)) if limit else tr("Switch on")
        self.on_button.setText(words)
        is_busy = state.is_saving or state.is_adding
        self.on_button.set_busy(is_busy)
        self.on_button.setEnabled(state.can_switch_on or is_busy or bool(state.all_problems) or fresh is not None)
        self.off_button.setVisible(state.is_on)
        self.off_button.setEnabled(not state.is_saving)
        self.cancel.setEnabled(not state.is_saving)
        self.is_dismissible = not state.is_saving

    def _show_rehearsal(self, state: AutoTopUpState) -> None:
        rehearsal = state.rehearsal
        if rehearsal is None:
            self._rehearsed = None
            waits = (
                tr("Trying it on your last 90 days") if state.is_rehearsing else tr("Enter the three amounts first.")
            )
            self._show_result("hourglass", "textMuted", waits, "")
            clear(self._charges)
        elif rehearsal is not self._rehearsed:
            self._rehearsed = rehearsal
            self._title.setText(tr("Rehearsal on your last {days} days", days=rehearsal.days))
            is_good = not rehearsal.empty_at
            icon, role = ("circle-check", "success") if is_good else ("triangle-alert", "warning")
            self._show_result(icon, role, rehearsal_text(rehearsal), rehearsal_detail(rehearsal))
            self._show_charges(rehearsal)
            a11y.announce(self, f"{self._result.text()}. {self._detail.text()}")

    def _show_result(self, icon: str, role: str, result: str, detail: str) -> None:
        self._mark.set_icon(icon, role)
        self._result.setText(result)
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))

    def _show_charges(self, rehearsal: Rehearsal) -> None:
        clear(self._charges)
        charges = rehearsal.charges[-SHOWN:]
        for place, charge in enumerate(reversed(charges)):
            self._charges.addWidget(label(date(charge.at), "small"), place, 0)
            self._charges.addWidget(label(exact_money(charge.amount), "small", tabular=True), place, 1)
        more = len(rehearsal.charges) - len(charges)
        if more > 0:
            earlier = plural(more, tr("and {n} earlier one"), tr("and {n} earlier ones"))
            self._charges.addWidget(label(earlier, "small"), len(charges), 0)
