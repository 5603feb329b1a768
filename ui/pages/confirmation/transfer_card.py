"""How to pay an order by bank transfer: what to type at the bank, line by line, each to be copied."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout

from services.api.types import Transfer
from ui.text import tr
from ui.text.collections import transfer_rows, transfer_text
from ui.widgets.controls import Card, CopyField, clear, label


class TransferCard(Card):
    """Hidden while there is nothing to transfer."""

    def __init__(self) -> None:
        super().__init__(20, 12, name="transferCard")
        self._shown: tuple[Transfer, str] | None = None
        self._words = label("", "muted", name="transferWords", wrap=True)
        self._rows = QGridLayout()
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setHorizontalSpacing(16)
        self._rows.setVerticalSpacing(8)
        self._rows.setColumnStretch(1, 1)
        self.body.addWidget(label(tr("How to pay"), "section"))
        self.body.addWidget(self._words)
        self.body.addLayout(self._rows)
        self.hide()

    def show_transfer(self, transfer: Transfer | None, now: datetime | None = None) -> bool:
        """True when there are other fields now. `now`: of the workspace."""
        self.setVisible(transfer is not None)
        words = transfer_text(transfer, now) if transfer is not None else ""
        if transfer is None or (transfer, words) == self._shown:
            return False
        self._shown = (transfer, words)
        self._words.setText(words)
        clear(self._rows)
        for number, (name, title, value) in enumerate(transfer_rows(transfer)):
            field = CopyField(value, label=title, name=f"transfer-{name}")
            field.setCursorPosition(0)
            field.setToolTip(value)  # a narrow window shows a part of it
            self._rows.addWidget(label(title, "muted"), number, 0, Qt.AlignmentFlag.AlignVCenter)
            self._rows.addWidget(field, number, 1)
        return True
