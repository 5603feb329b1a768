"""What is shown instead of the shop when the data file cannot be opened: why, and the ways out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QWidget

from ui.text import ErrorText, datetime_text, tr
from ui.widgets.cards import OptionRow
from ui.widgets.controls import Button, label
from ui.widgets.overlay import Sheet


class RescueSheet(Sheet):
    """Cannot be waved away: one of its three ways out has to be taken.

    Signals:
        restore_chosen(int): open this backup (its place in `backups`); the damaged file is kept.
        reading_chosen(): open what can be read, change nothing.
        quit_chosen(): leave.
    """

    restore_chosen = Signal(int)
    reading_chosen = Signal()
    quit_chosen = Signal()

    def __init__(self, window: QWidget, why: ErrorText, backups: Sequence[datetime], *, can_read: bool) -> None:
        super().__init__(window, why.title, name="rescueSheet")
        self.is_dismissible = False
        self.close_button.hide()
        self.body.addWidget(label(why.detail, "muted", wrap=True))
        self._choices = QButtonGroup(self)
        self._list_backups(backups)
        self.body.addStretch()
        self._offer(bool(backups), can_read=can_read)

    def _list_backups(self, backups: Sequence[datetime]) -> None:
        if not backups:
            self.body.addWidget(label(tr("There is no backup yet."), "body", wrap=True))
            return
        self.body.addWidget(label(tr("Backups on this computer"), "section"))
        for place, made_at in enumerate(backups):
            option = OptionRow(
                datetime_text(made_at),
                tr("The newest") if place == 0 else tr("Older"),
                name=f"backup-{place}",
                icon="database",
            )
            option.setChecked(place == 0)
            self._choices.addButton(option, place)
            self.body.addWidget(option)
        self.body.addWidget(label(tr("The damaged file is kept beside it."), "small", wrap=True))

    def _offer(self, has_backup: bool, *, can_read: bool) -> None:
        leave = Button(tr("Quit"), "ghost", name="rescueQuit")
        leave.clicked.connect(self.quit_chosen)
        self.footer.addWidget(leave)
        self.footer.addStretch()
        if can_read:
            read = Button(tr("Open for reading only"), name="rescueRead")
            read.clicked.connect(self.reading_chosen)
            self.footer.addWidget(read)
        if has_backup:
            restore = Button(tr("Open this backup"), "primary", name="rescueRestore")
            restore.clicked.connect(lambda: self.restore_chosen.emit(self._choices.checkedId()))
            self.footer.addWidget(restore)
            self.first_focus = restore
