"""The form of sales: a price, what is in it, and how long the offer stands."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from services.api.types import BillingCycle
from ui.text import plural, tr
from ui.text.quotes import answer_problem, quote_title
from ui.viewmodels.quotes import CALLS_MAX, NET_DAYS_MAX, VALID_DAYS, AnswerDraft, QuotesViewModel
from ui.widgets.controls import Button, Checkbox, Segmented, TextArea, TextField, column, label
from ui.widgets.fields import Labelled
from ui.widgets.notices import Banner
from ui.widgets.overlay import Sheet

CYCLES = (BillingCycle.MONTHLY, BillingCycle.YEARLY)
MOST = {"included_calls": CALLS_MAX, "net_days": NET_DAYS_MAX}


class AnswerSheet(Sheet):
    """Shows the draft of a QuotesViewModel; closes when it was sent or is given up."""

    def __init__(self, vm: QuotesViewModel, window: QWidget) -> None:
        super().__init__(window, tr("Answer as sales"), name="answerSheet", width=480)
        self.vm = vm
        self._is_rendering = False
        self._build()
        self._build_buttons()
        vm.changed.connect(self._on_changed)
        vm.problems_found.connect(self.focus_field)
        self.first_focus = self.price.edit
        self._on_changed()

    def _build(self) -> None:
        self._what = label("", "muted", wrap=True)
        self.price = TextField(tr("Price a month"), name="answerPrice", placeholder="450", help_text=tr("Before tax"))
        self.cycle = Segmented(
            [tr("Monthly"), tr("Yearly, 10 months’ price")], label=tr("Invoiced"), name="answerCycle"
        )
        self.unlimited = Checkbox(tr("Unlimited calls"), name="answerUnlimited", switch=True)
        self.calls = TextField(tr("Calls included a month"), name="answerCalls", placeholder="50,000")
        self.overage = TextField(
            tr("Price of a call after them"), name="answerOverage", placeholder="0.006", optional=True,
            help_text=tr("Empty: calls after them are refused."),
        )  # fmt: skip
        days = [plural(one, tr("{n} day"), tr("{n} days")) for one in VALID_DAYS]
        self.valid = Segmented(days, label=tr("The offer stands for"), name="answerValid")
        self.net_days = TextField(tr("Invoice due after how many days"), name="answerNetDays", max_length=4)
        self.note = TextArea(tr("What should the buyer know?"), name="answerNote", optional=True, lines=3)
        self._notice = Banner(tone="danger", name="answerNotice")
        for part in (
            self._what, self.price, _titled(tr("Invoiced"), self.cycle), self.unlimited, self.calls, self.overage,
            _titled(tr("The offer stands for"), self.valid), self.net_days, self.note, self._notice,
        ):  # fmt: skip
            self.body.addWidget(part)
        self.body.addStretch(1)
        self._connect()

    def _connect(self) -> None:
        edit = self._edit
        self.price.changed.connect(lambda text: edit("monthly_price", price_text=text))
        self.cycle.changed.connect(lambda index: edit("cycle", cycle=CYCLES[index]))
        self.unlimited.toggled.connect(lambda on: edit("included_calls", is_unlimited=on))
        self.calls.changed.connect(lambda text: edit("included_calls", calls_text=text))
        self.overage.changed.connect(lambda text: edit("overage", overage_text=text))
        self.valid.changed.connect(lambda index: edit("valid_until", valid_days=VALID_DAYS[index]))
        self.net_days.changed.connect(lambda text: edit("net_days", net_days_text=text))
        self.note.changed.connect(lambda text: edit("note", note=text))

    def _edit(self, field: str, **changes: object) -> None:
        if not self._is_rendering:
            self.vm.edit_answer(field, **changes)

    def _build_buttons(self) -> None:
        self.send = Button(tr("Send the offer"), "primary", "send", name="answerSend")
        self.send.clicked.connect(self.vm.send_answer)
        self.leave = Button(tr("Close"), "ghost", name="answerClose")
        self.leave.clicked.connect(self.dismiss)
        self.footer.addWidget(self.send)
        self.footer.addWidget(self.leave)
        self.footer.addStretch()

    def accept_default(self) -> None:
        self.vm.send_answer()

    # -- state -----------------------------------------------------------------------------------------------------
    @property
    def _fields(self) -> dict[str, Labelled]:
        return {
            "monthly_price": self.price,
            "included_calls": self.calls,
            "overage": self.overage,
            "net_days": self.net_days,
            "note": self.note,
        }

    def _on_changed(self) -> None:
        draft = self.vm.state.answer
        if draft is None:
            return  # closing
        self._is_rendering = True
        quote = self.vm.state.find(draft.quote_uuid)
        self._what.setText(quote_title(quote) if quote is not None else "")
        self._show_values(draft)
        for name, box in self._fields.items():
            code = draft.problems.get(name)
            box.set_error(answer_problem(name, code, MOST.get(name, 0)) if code else None)
        error = draft.error if draft.error is not None and not draft.refused else None
        self._notice.set_message(error.sentence if error is not None else "")
        self._notice.setVisible(error is not None)
        self.send.set_busy(draft.is_sending)
        self.leave.setEnabled(not draft.is_sending)
        self.is_dismissible = not draft.is_sending
        self._is_rendering = False

    def _show_values(self, draft: AnswerDraft) -> None:
        self.price.set_text(draft.price_text)
        self.cycle.set_current(CYCLES.index(draft.cycle))
        self.unlimited.setChecked(draft.is_unlimited)
        self.calls.set_text(draft.calls_text)
        self.overage.set_text(draft.overage_text)
        for part in (self.calls, self.overage):
            part.setVisible(not draft.is_unlimited)
        self.valid.set_current(VALID_DAYS.index(draft.valid_days))
        self.net_days.set_text(draft.net_days_text)
        self.note.set_text(draft.note)

    def focus_field(self, field: str) -> None:
        box = self._fields.get(field, self.price)
        box.control.setFocus(Qt.FocusReason.OtherFocusReason)
        if self.area is not None:
            self.area.ensureWidgetVisible(box)


def _titled(title: str, control: QWidget) -> QWidget:
    box = QWidget()
    box.setLayout(column(label(title, "label"), control, spacing=6))
    return box
