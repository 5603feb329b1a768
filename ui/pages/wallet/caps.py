"""Limits: what calls may cost, of the organization, a project or one agent."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from services.api.types import Cap
from ui import theme
from ui.text import tr
from ui.text.wallet import cap_level, cap_limit, cap_raised, cap_spent
from ui.viewmodels.base import Status
from ui.viewmodels.caps import CapsState, CapsViewModel
from ui.widgets.controls import Button, IconButton, badge, card, clear, column, label, row
from ui.widgets.folding import FoldingRow
from ui.widgets.meter import Meter
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows


class CapSection(QWidget):
    """Signals: rebuilt() - there are other rows; set_wanted(Cap | None) - a new or another limit; raise_wanted(Cap)."""

    rebuilt = Signal()
    set_wanted = Signal(object)
    raise_wanted = Signal(object)

    def __init__(self, vm: CapsViewModel) -> None:
        super().__init__()
        self.setObjectName("capSection")
        self._vm = vm
        self._shown: tuple[Cap, ...] | None = None
        self.add = Button(tr("Set a limit"), "secondary", "plus", name="addCap")
        self.add.clicked.connect(lambda: self.set_wanted.emit(None))
        words = label(tr("A call that would go beyond a limit is refused, and says which limit it was."), "small",
                      wrap=True)  # fmt: skip
        self._head = FoldingRow(words, self.add)
        self._list = column(spacing=8)
        self._waiting = skeleton_rows(2, height=72, gap=8)
        self._empty = EmptyState(
            "shield", tr("No limits"), tr("Set one to be sure that no agent spends more than you want."),
            tr("Set a limit"), name="capsEmpty", variant="secondary",
        )  # fmt: skip
        self._empty.acted.connect(lambda: self.set_wanted.emit(None))
        self._error = ErrorState(name="capsError")
        self._error.retried.connect(vm.retry)
        self.setLayout(column(self._head, self._list, self._waiting, self._empty, self._error, None, spacing=12))
        vm.changed.connect(self._on_changed)
        self._on_changed()

    def _on_changed(self) -> None:
        state = self._vm.state
        self._head.setVisible(state.status is Status.READY)
        self._waiting.setVisible(state.status is Status.LOADING)
        self._empty.setVisible(state.status is Status.EMPTY)
        self._error.setVisible(state.status is Status.ERROR)
        self.add.setEnabled(bool(state.scopes))
        self._empty.action_button.setEnabled(bool(state.scopes))
        if state.status is Status.ERROR and state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
        self._show_caps(state)

    def _show_caps(self, state: CapsState) -> None:
        if state.caps == self._shown:
            return
        self._shown = state.caps
        clear(self._list)
        for place, cap in enumerate(state.caps):
            self._list.addWidget(self._row(place, cap))
        self.rebuilt.emit()

    def _row(self, place: int, cap: Cap) -> QWidget:
        box = card(16, 8, name=f"cap-{place}")
        head = row(label(cap.scope_name, "strong"), badge(cap_level(cap.level), "neutral"), None)
        limit = label(cap_limit(cap), "muted", tabular=True, name=f"capLimit-{place}")
        words = QWidget()
        words.setLayout(column(head, limit, spacing=4))
        box.body.addWidget(FoldingRow(words, self._buttons(place, cap)))
        meter = Meter(name=f"capMeter-{place}")
        whole = (cap.raised_to or cap.limit).micros
        meter.set_share((cap.spent + cap.held).micros / whole if whole else 1.0)
        box.body.addWidget(meter)
        spent = label(cap_spent(cap), "small", tabular=True, name=f"capSpent-{place}", wrap=True)
        box.body.addWidget(spent)
        if raised := cap_raised(cap):
            box.body.addLayout(row(badge(raised, "warning", "clock", name=f"capRaised-{place}"), None))
        return box

    def _buttons(self, place: int, cap: Cap) -> QWidget:
        change = Button(tr("Change"), "secondary", small=True, name=f"changeCap-{place}")
        change.setAccessibleName(tr("Change the limit of {name}", name=cap.scope_name))
        change.clicked.connect(lambda: self.set_wanted.emit(cap))
        higher = Button(tr("Raise for 24 hours"), "secondary", small=True, name=f"raiseCap-{place}")
        higher.setAccessibleName(tr("Raise the limit of {name} for 24 hours", name=cap.scope_name))
        higher.clicked.connect(lambda: self.raise_wanted.emit(cap))
        remove = IconButton("trash", tr("Remove the limit of {name}", name=cap.scope_name), name=f"removeCap-{place}")
        remove.clicked.connect(lambda: self._vm.remove(cap))
        box = QWidget()
        box.setLayout(row(change, higher, remove, spacing=theme.current().space(2)))
        return box
