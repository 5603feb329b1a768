"""Explain this price: an amount, and below it the tree that made it, down to the very calls."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from services.api.types import Explanation
from ui import theme
from ui.text import ErrorText, tr
from ui.text.explain import (
    amount_text,
    arithmetic,
    children_text,
    invoice_of,
    line_count,
    read_aloud,
    sentence,
    tree_text,
)
from ui.viewmodels.base import Status
from ui.viewmodels.explain import ExplainState, ExplainViewModel
from ui.widgets import a11y
from ui.widgets.controls import Button, IconButton, column, label, row, rule
from ui.widgets.folding import FoldingRow
from ui.widgets.notices import toast_area
from ui.widgets.overlay import Overlay
from ui.widgets.states import ErrorState, skeleton_rows
from ui.widgets.tree_model import Entry
from ui.widgets.tree_view import TreeView

WIDTH, HEIGHT = 1040, 760  # px at 100 % text, where the window has them
OPENED_AT_ONCE = 8  # parts of a part that are shown without asking
EDGE = 24  # px of the window left free on each side


def entry_of(node: Explanation) -> Entry:
    """A node as a row of the tree, with what came along of its children."""
    words, parts = read_aloud(node), children_text(node.child_count)
    return Entry(
        words=sentence(node),
        detail=arithmetic(node),
        amount=amount_text(node),
        spoken=tr("{node}, {parts}", node=words, parts=parts) if node.child_count else words,
        value=node,
        child_count=node.child_count,
        children=tuple(entry_of(child) for child in node.children),
        role="success" if node.amount is not None and node.amount.micros < 0 else "text",
    )


class ExplainSheet(Overlay):
    """Shows what the view-model has been asked to explain. Signals: invoice_requested(invoice uuid)."""

    invoice_requested = Signal(str)

    def __init__(self, vm: ExplainViewModel, window: QWidget) -> None:
        super().__init__(window, name="explainSheet")
        self.vm = vm
        self._shown: Explanation | None = None
        self.panel.setAccessibleName(tr("How this amount comes about"))
        frame = QVBoxLayout(self.panel)
        frame.setContentsMargins(1, 1, 1, 1)
        frame.setSpacing(0)
        frame.addLayout(self._head())
        frame.addWidget(rule())
        frame.addWidget(self._panes(), 1)
        frame.addWidget(rule())
        frame.addWidget(self._foot())
        self._connect()
        self._on_changed()

    # -- building --------------------------------------------------------------------------------------------------
    def _head(self) -> QHBoxLayout:
        self._what: QLabel = label("", "muted", name="explainWhat", wrap=True)
        self._amount: QLabel = label("", "hero", name="explainAmount", tabular=True, selectable=True)
        self._how: QLabel = label("", "muted", name="explainHow", wrap=True)
        self.close_button = IconButton("x", tr("Close"), name="explainClose")
        self.close_button.clicked.connect(self.dismiss)
        self._words = column(self._what, self._amount, self._how, spacing=2)
        head = row(self._words, self.close_button, spacing=12, margins=(24, 18, 14, 16))
        head.setStretch(0, 1)
        head.setAlignment(self.close_button, Qt.AlignmentFlag.AlignTop)
        return head

    def _panes(self) -> QStackedWidget:
        self.tree = TreeView(
            (tr("What"), tr("Arithmetic"), tr("Amount")), label=tr("What the amount is made of"), name="explainTree"
        )
        self._waiting = QWidget()
        self._waiting.setLayout(column(skeleton_rows(5, height=30, gap=10), margins=(24, 20, 24, 20)))
        self._error = ErrorState(name="explainError")
        self._error.retried.connect(self.vm.retry)
        self._leaf = label(
            tr("This amount has no parts: it was charged as it is."), "muted", name="explainLeaf", wrap=True,
            align=Qt.AlignmentFlag.AlignCenter,
        )  # fmt: skip
        self._pane = QStackedWidget()
        holder = QWidget()
        holder.setLayout(column(self.tree, margins=(12, 4, 12, 4)))
        self._tree_place = holder
        for view in (holder, self._waiting, self._error, self._leaf):
            self._pane.addWidget(view)
        return self._pane

    def _foot(self) -> QWidget:
        hint = tr("Arrows open and close, * opens everything below, Ctrl+C copies what is chosen.")
        self._hint = label(hint, "small", name="explainHint", wrap=True)
        self.invoice_button = Button(tr("Open invoice"), "secondary", "file-text", name="explainInvoice")
        self.invoice_button.clicked.connect(self._open_invoice)
        self.copy_button = Button(tr("Copy all as text"), "secondary", "copy", name="explainCopyAll")
        self.copy_button.clicked.connect(self._copy_all)
        buttons = QWidget()
        buttons.setLayout(row(None, self.invoice_button, self.copy_button))
        foot = QWidget()
        inner = FoldingRow(self._hint, buttons)
        foot.setLayout(column(inner, margins=(24, 12, 24, 14)))
        return foot

    def _connect(self) -> None:
        vm = self.vm
        vm.changed.connect(self._on_changed)
        vm.page_read.connect(self._on_page)
        vm.page_failed.connect(self._on_page_failed)
        vm.collected.connect(self._on_collected)
        vm.collect_failed.connect(self._on_collect_failed)
        self.tree.tree.wanted.connect(self._on_wanted)
        self.tree.copy_wanted.connect(self._on_copy_wanted)
        self.tree.moved.connect(self._show_invoice)
        self.closed.connect(vm.close)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        root = state.root
        if state.status is Status.LOADING and state.ref == "":
            return  # closing
        self.copy_button.setEnabled(root is not None)
        self.copy_button.set_busy(state.is_collecting)
        if state.status is Status.ERROR and state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
        if root is None:
            self._show_nothing()
        elif root is not self._shown:
            self._show_root(root)
        self._show_view(state)

    def _show_nothing(self) -> None:
        """Nothing of the amount before may be taken for the one that is coming."""
        self._shown = None
        for words in (self._what, self._amount, self._how):
            words.setText("")
        self.tree.tree.show_tree(Entry(""))
        self._show_invoice()

    def _show_root(self, root: Explanation) -> None:
        self._shown = root
        self._what.setText(sentence(root))
        self._amount.setText(amount_text(root))
        self._amount.setAccessibleName(read_aloud(root))
        self._how.setText(arithmetic(root))
        self._how.setVisible(bool(arithmetic(root)))
        self.tree.tree.show_tree(entry_of(root))
        self.tree.open_small(OPENED_AT_ONCE)
        self.tree.go_to_first()
        self._show_invoice()
        a11y.announce(self.panel, entry_of(root).spoken)

    def _show_view(self, state: ExplainState) -> None:
        views: dict[Status, QWidget] = {
            Status.LOADING: self._waiting,
            Status.ERROR: self._error,
            Status.READY: self._tree_place if state.root is not None and state.root.child_count else self._leaf,
        }
        wanted = views.get(state.status, self._waiting)
        self._hint.setVisible(wanted is self._tree_place)
        focus: dict[QWidget, QWidget] = {self._tree_place: self.tree, self._error: self._error.action_button}
        self.first_focus = focus.get(wanted, self.close_button)
        if wanted is not self._pane.currentWidget():
            self._pane.setCurrentWidget(wanted)
            if self.isVisible():  # while it loaded there was only the close button to stand on
                self.take_focus()

    # -- the tree --------------------------------------------------------------------------------------------------
    def _on_wanted(self, number: int, there: int) -> None:
        index = self.tree.tree.index_of(number)
        entry = self.tree.tree.entry(index)
        node = entry.value if entry is not None else self._shown
        if isinstance(node, Explanation):
            self.vm.more(number, node.ref, there)

    def _on_page(self, number: int, page: object) -> None:
        if isinstance(page, Explanation):
            self.tree.tree.add(number, [entry_of(child) for child in page.children])

    def _on_page_failed(self, number: int, error: object) -> None:
        if isinstance(error, ErrorText):
            self.tree.tree.fail(number, tr("{error}.", error=error.title))
            a11y.announce(self.tree, error.sentence, assertive=True)

    # -- what can be done with it ----------------------------------------------------------------------------------
    def _invoice(self) -> str:
        """Of what is chosen, else of the whole."""
        entry = self.tree.current()
        nodes = (entry.value if entry is not None else None, self._shown)
        return next((uuid for one in nodes if isinstance(one, Explanation) and (uuid := invoice_of(one))), "")

    def _show_invoice(self) -> None:
        self.invoice_button.setVisible(bool(self._invoice()))

    def _open_invoice(self) -> None:
        uuid = self._invoice()
        self.close_overlay()
        self.invoice_requested.emit(uuid)

    def _copy_all(self) -> None:
        if self._shown is not None:
            self.vm.collect(self._shown)

    def _on_copy_wanted(self, entry: Entry) -> None:
        if isinstance(entry.value, Explanation):
            self.vm.collect(entry.value)

    def _on_collected(self, tree: object) -> None:
        if isinstance(tree, Explanation):
            text = tree_text(tree)
            QGuiApplication.clipboard().setText(text)
            toast_area(self).show_toast(line_count(text), icon="copy-check")

    def _on_collect_failed(self, error: object) -> None:
        if isinstance(error, ErrorText):
            toast_area(self).show_toast(
                tr("Nothing was copied. {error}", error=error.sentence), action=tr("Try again"),
                on_action=self._copy_all, icon="circle-alert",
            )  # fmt: skip

    # -- geometry --------------------------------------------------------------------------------------------------
    def panel_size(self) -> QSize:
        px = theme.current().px
        return QSize(min(px(WIDTH), self.width() - 2 * EDGE), min(px(HEIGHT), self.height() - 2 * EDGE))
