"""What moved the balance: search, kind and month, the table, and the file."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QBoxLayout, QStackedWidget, QWidget

from services.api.types import Movement, MovementKind
from ui import theme
from ui.text import day_time, exact_money, signed_money, tr
from ui.text.wallet import month_label, movement_for, movement_kind, movement_what, shown_of
from ui.viewmodels.base import Status
from ui.viewmodels.wallet import WalletState, WalletViewModel
from ui.widgets.controls import Button, SearchField, Select, card, column, label, row
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows
from ui.widgets.table import Cell, Column, Row, Table

ONE_LINE = 760  # px at 100 % text, for search, two selects and the button


class MovementSection(QWidget):
    """Signals: explained(ref); top_up_wanted()."""

    explained = Signal(str)
    top_up_wanted = Signal()

    def __init__(self, vm: WalletViewModel) -> None:
        super().__init__()
        self.setObjectName("movementSection")
        self._vm = vm
        self._refs: dict[str, str] = {}
        self._rows: dict[str, Row] = {}  # made once: a movement never changes
        self._shown: tuple[Movement, ...] = ()
        self.setLayout(column(self._filters(), self._views(), self._foot(), spacing=12))

    # -- building --------------------------------------------------------------------------------------------------
    def _filters(self) -> QBoxLayout:
        self.search = SearchField(tr("Search movements"), name="movementSearch")
        self.search.textChanged.connect(self._vm.search)
        kinds: list[tuple[str, object]] = [(tr("All kinds"), None)]
        kinds += [(movement_kind(kind), kind) for kind in MovementKind]
        self.kind = Select(kinds, label=tr("Kind"), name="movementKind", quiet=True)
        self.kind.picked.connect(self._on_kind_picked)
        self.month = Select([(tr("All months"), "")], label=tr("Month"), name="movementMonth", quiet=True)
        self.month.picked.connect(self._vm.choose_month)
        self.export = Button(tr("Save as CSV"), "secondary", "file-down", name="exportButton")
        self.export.clicked.connect(self._vm.export)
        self._second = row(self.kind, self.month, None, self.export)
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._line.setSpacing(8)
        self._line.addWidget(self.search, 1)
        self._line.addLayout(self._second)
        return self._line

    def _views(self) -> QStackedWidget:
        columns = (
            Column(tr("Date"), 164),
            Column(tr("What"), 150),
            Column(tr("For"), from_width=560),
            Column(tr("Amount"), 110, at_end=True),
            Column(tr("Balance"), 120, at_end=True),
        )
        self.table = Table(columns, label=tr("Movements"), name="movementTable")
        self.table.linked.connect(self.explained)
        self.table.opened.connect(self._on_opened)
        self.table.end_near.connect(self._vm.more)
        self._card = card(1, 0)
        self._card.body.addWidget(self.table)
        self._waiting = skeleton_rows(5, height=36, gap=8)
        self._none = EmptyState(
            "coins", tr("Nothing has moved yet"), tr("Top-ups, gifts and what calls cost stand here."),
            tr("Top up"), name="movementsEmpty", variant="secondary",
        )  # fmt: skip
        self._none.acted.connect(self.top_up_wanted)
        self._unfound = EmptyState(
            "search", tr("No movement fits"), tr("Try other words, another kind or another month."),
            tr("Show all"), name="movementsUnfound", variant="secondary",
        )  # fmt: skip
        self._unfound.acted.connect(self._vm.clear_filter)
        self._error = ErrorState(name="movementsError")
        self._error.retried.connect(self._vm.retry_movements)
        self._stack = QStackedWidget()
        for view in (self._card, self._waiting, self._none, self._unfound, self._error):
            self._stack.addWidget(view)
        return self._stack

    def _foot(self) -> QWidget:
        self._count = label("", "small", name="movementCount")
        return self._count

    # -- state -----------------------------------------------------------------------------------------------------
    def show_state(self, state: WalletState) -> None:
        chosen = state.filter
        if self.search.text() != chosen.text:
            self.search.setText(chosen.text)
        self.kind.set_current(chosen.kind)
        self.month.set_items([(tr("All months"), ""), *((month_label(month), month) for month in state.months)])
        self.month.set_current(chosen.month)
        if state.movements is not self._shown:
            self._show_rows(state.movements)
        self.table.set_sortable(state.has_all, tr("Filter to fewer movements to sort them."))
        is_shown = bool(state.movements) and state.movement_status is not Status.EMPTY
        self._count.setText(shown_of(len(state.movements), state.movement_total) if is_shown else "")
        self.export.setEnabled(is_shown)
        if state.movement_error is not None:
            self._error.set_error(state.movement_error.detail, title=state.movement_error.title)
        self._stack.setCurrentWidget(self._view(state))

    def _view(self, state: WalletState) -> QWidget:
        match state.movement_status:
            case Status.EMPTY:
                return self._unfound if state.filter.is_on else self._none
            case Status.ERROR:
                return self._error
            case Status.LOADING if not state.movements:
                return self._waiting
        return self._card

    def _show_rows(self, movements: tuple[Movement, ...]) -> None:
        self._shown = movements
        self._refs = {movement.uuid: movement.ref for movement in movements}
        known = self._rows
        self._rows = {one.uuid: known.get(one.uuid) or movement_row(one) for one in movements}
        self.table.show_rows(tuple(self._rows.values()))

    def _on_kind_picked(self, picked: object) -> None:
        """Qt keeps a StrEnum as a plain string."""
        self._vm.choose_kind(MovementKind(str(picked)) if picked is not None else None)

    def _on_opened(self, uuid: str) -> None:
        if ref := self._refs.get(uuid):
            self.explained.emit(ref)

    def arrange(self, width: int) -> None:
        is_wide = width >= theme.current().px(ONE_LINE)
        direction = QBoxLayout.Direction
        self._line.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)


def movement_row(movement: Movement) -> Row:
    return Row(
        movement.uuid,
        (
            Cell(day_time(movement.at), round(movement.at.timestamp() * 1000)),
            Cell(movement_what(movement)),
            Cell(movement_for(movement), role="textMuted"),
            Cell(
                signed_money(movement.amount),
                movement.amount.micros,
                movement.ref,
                "success" if movement.amount.micros > 0 else "text",
            ),
            Cell(exact_money(movement.balance), movement.balance.micros, role="textMuted"),
        ),
    )
