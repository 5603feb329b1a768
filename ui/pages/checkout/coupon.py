"""A code that lowers the price: a line that opens a field, and a chip once it is accepted."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from ui.text import tr
from ui.viewmodels.checkout_state import CODE_MAX, CheckoutState
from ui.widgets.controls import Button, TextField, column, row
from ui.widgets.fold_out import FoldOut


class CouponBox(QWidget):
    """Enter or leaving the field asks for the code. Signals: typed(str); entered(); removed()."""

    typed = Signal(str)
    entered = Signal()
    removed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("couponBox")
        self._is_rendering = False
        self.field = TextField(
            tr("Code"), name="couponField", max_length=CODE_MAX, help_text=tr("Press Enter to see what it changes.")
        )
        self.field.changed.connect(self._on_typed)
        self.field.left.connect(self.entered)
        self.fold = FoldOut(tr("Have a code?"), self.field, name="couponButton")
        self.fold.opened.connect(self._on_opened)
        self.chip = Button("", "chip", "ticket-percent", name="couponChip", trailing="x")
        self.chip.clicked.connect(self._on_removed)
        self.setLayout(column(row(self.chip, None), self.fold, spacing=0))

    def _on_typed(self, text: str) -> None:
        if not self._is_rendering:
            self.typed.emit(text)

    def _on_opened(self, is_open: bool) -> None:
        if is_open:
            self.focus_code()

    def _on_removed(self) -> None:
        self.removed.emit()
        self.fold.set_open(False)
        self.fold.button.setFocus(Qt.FocusReason.OtherFocusReason)

    def focus_code(self) -> None:
        self.fold.set_open(True)
        self.field.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_state(self, state: CheckoutState) -> None:
        self._is_rendering = True
        self.setVisible(state.takes_coupons)
        code, problem = state.applied_coupon, state.problems.get("coupon")
        had_focus = self.field.edit.hasFocus()
        self.chip.setVisible(bool(code))
        self.chip.setText(code)
        self.chip.setAccessibleName(tr("Remove the code {code}", code=code))
        self.chip.setToolTip(tr("Remove the code {code}", code=code))
        self.fold.setVisible(not code)
        if problem:
            self.fold.set_open(True)
        self.field.set_text("" if code else state.coupon_text or state.coupon)
        self.field.set_error(problem)
        self.field.edit.setReadOnly(state.is_busy)
        for part in (self.chip, self.fold):
            part.setEnabled(not state.is_locked)
        if code and had_focus:
            self.chip.setFocus(Qt.FocusReason.OtherFocusReason)
        self._is_rendering = False
