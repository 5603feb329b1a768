"""The catalogue: search as you type, categories and filters, the virtual grid and what stands in its place."""

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QMenu, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from services.api.money import Money
from services.api.types import BillingModel, OfferingCard, OfferingKind, SortOrder
from ui import theme
from ui.text import billing_label, money, price_parts, sort_label, tr
from ui.viewmodels.base import Status
from ui.viewmodels.marketplace import MarketplaceState, MarketplaceViewModel
from ui.widgets import a11y
from ui.widgets.card_grid import CardGrid
from ui.widgets.card_model import CardModel
from ui.widgets.controls import ChipRow, SearchField, Select, column, label, page, row
from ui.widgets.focus_order import set_tab_order
from ui.widgets.folding import FoldingRow
from ui.widgets.states import EmptyState, ErrorState

SEARCH_WIDTH = 340
PLACEHOLDERS = 9  # skeleton cards while nothing is known yet
PRICE_LIMITS = ("30", "50", "100", "250")
ALL = ""


class MarketplacePage(QWidget):
    """Signals: opened(OfferingCard)."""

    opened = Signal(object)

    def __init__(self, vm: MarketplaceViewModel) -> None:
        super().__init__()
        self._vm = vm
        self._shown_categories: object = None
        self.setObjectName("marketplacePage")
        self.setAccessibleName(tr("Marketplace"))
        page(self)
        self._build()
        self._connect()
        self._render()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        look = theme.current()
        side = look.space(6)
        head = QVBoxLayout()
        head.setContentsMargins(side, look.space(5), side, 0)
        head.setSpacing(look.space(2))
        head.addWidget(self._head())
        head.addWidget(self._category_chips())
        head.addWidget(self._filters())
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(look.space(2))
        whole.addLayout(head)
        whole.addWidget(self._results(), 1)

    def _head(self) -> QWidget:
        titles = QWidget()
        titles.setLayout(
            column(
                label(tr("Marketplace"), "display", name="pageTitle"),
                label(tr("AI agents that are ready to work in minutes."), "muted"),
                spacing=2,
            )
        )
        self.search = _WideSearch(tr("Search agents, vendors, tags"), name="marketplaceSearch")
        return FoldingRow(titles, self.search)

    def _category_chips(self) -> QWidget:
        self.chips = ChipRow(label=tr("Categories"), name="categoryChips")
        return self.chips

    def _filters(self) -> QWidget:
        self.count_label = label("", "small", name="resultCount", tabular=True)
        self.corrected_label = label("", "small", name="correctedSearch")
        self.corrected_label.hide()
        said = QWidget()
        said.setLayout(row(self.count_label, self.corrected_label, None, spacing=12))
        picks = QWidget()
        picks.setLayout(row(self._kinds(), self._billing_models(), self._prices(), self._orders(), spacing=8))
        picks.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        return FoldingRow(said, picks)

    def _kinds(self) -> Select:
        items = [
            (tr("All kinds"), ALL),
            (tr("Agents"), OfferingKind.AGENT.value),
            (tr("MCP servers"), OfferingKind.MCP_SERVER.value),
            (tr("Bundles"), OfferingKind.BUNDLE.value),
        ]
        self.kind_select = Select(items, label=tr("Kind"), name="kindFilter", quiet=True)
        return self.kind_select

    def _billing_models(self) -> Select:
        items = [(tr("Any billing"), ALL), *((billing_label(model), model.value) for model in BillingModel)]
        self.billing_select = Select(items, label=tr("Billing"), name="billingFilter", quiet=True)
        return self.billing_select

    def _prices(self) -> Select:
        limits = [Money.parse(amount) for amount in PRICE_LIMITS]
        items = [
            (tr("Any price"), None),
            *((tr("Up to {amount} a month", amount=money(most)), most) for most in limits),
        ]
        self.price_select = Select(items, label=tr("Price"), name="priceFilter", quiet=True)
        return self.price_select

    def _orders(self) -> Select:
        items = [(sort_label(order), order) for order in SortOrder]
        self.sort_select = Select(items, label=tr("Sort by"), name="sortSelect", quiet=True)
        return self.sort_select

    def _results(self) -> QWidget:
        self.grid = CardGrid(_price, label=tr("Agents"), name="offeringGrid")
        self.grid.setModel(self._vm.offerings)
        self.empty = EmptyState(
            "search", tr("Nothing matches"), tr("Try other words or fewer filters."), tr("Clear filters"),
            name="marketplaceEmpty", variant="secondary",
        )  # fmt: skip
        self.error = ErrorState(tr("The catalogue could not be loaded"), name="marketplaceError")
        self._waiting: CardGrid | None = None
        self._stack = QStackedWidget()
        for widget in (self.grid, self.empty, self.error):
            self._stack.addWidget(widget)
        return self._stack

    def _placeholders(self) -> CardGrid:
        """A grid of skeleton cards, made only where the first page was not there before the window."""
        if self._waiting is None:
            model = CardModel(_price, self)
            model.set_cards((), PLACEHOLDERS)
            self._waiting = CardGrid(_price, label=tr("Loading agents"), name="loadingGrid")
            self._waiting.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._waiting.setModel(model)
            self._stack.addWidget(self._waiting)
        return self._waiting

    # -- wiring ----------------------------------------------------------------------------------------------------
    def _connect(self) -> None:
        vm = self._vm
        vm.changed.connect(self._render)
        vm.offerings.modelReset.connect(self._on_results_replaced)
        self.search.textChanged.connect(vm.search)
        self.search.returnPressed.connect(self._on_search_entered)
        self.search.installEventFilter(self)
        self.chips.changed.connect(vm.choose_category)
        self.kind_select.picked.connect(vm.choose_kind)
        self.billing_select.picked.connect(vm.choose_billing_model)
        self.price_select.picked.connect(vm.limit_price)
        self.sort_select.picked.connect(lambda order: vm.sort_by(SortOrder(order)))  # Qt gives back plain text
        self.grid.opened.connect(self.opened)
        self.grid.menu_requested.connect(self._on_menu_requested)
        self.empty.acted.connect(self._on_clear_clicked)
        self.error.retried.connect(vm.retry)
        for keys in (QKeySequence(QKeySequence.StandardKey.Find), QKeySequence("/")):
            QShortcut(keys, self).activated.connect(self.search.focus_search)

    def focus_content(self) -> None:
        """Where the keyboard begins when the page is entered."""
        self.grid.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- showing ---------------------------------------------------------------------------------------------------
    def _render(self) -> None:
        state = self._vm.state
        if self.search.text() != state.text:
            self.search.setText(state.text)
        self._render_categories(state)
        self._render_filters(state)
        self._render_words(state)
        self._render_results(state)

    def _render_categories(self, state: MarketplaceState) -> None:
        if state.categories != self._shown_categories:
            self._shown_categories = state.categories
            items = [(ALL, tr("All")), *((category.slug, category.title) for category in state.categories)]
            self.chips.set_items(items, state.category)
            counts = {category.slug: category.offering_count for category in state.categories}
            self.chips.set_counts({slug: count for slug, count in counts.items() if count})
        if self.chips.current() != state.category:
            blocked = self.chips.blockSignals(True)
            self.chips.set_current(state.category)
            self.chips.blockSignals(blocked)

    def _render_filters(self, state: MarketplaceState) -> None:
        self.kind_select.set_current(state.kind)
        self.billing_select.set_current(state.billing_model)
        self.price_select.set_current(state.price_max)
        self.sort_select.set_current(state.order)

    def _render_words(self, state: MarketplaceState) -> None:
        if self.count_label.text() != state.count_text:
            self.count_label.setText(state.count_text)
            if self.search.hasFocus():
                a11y.announce(self, state.count_text)
        self.corrected_label.setText(state.corrected_text)
        self.corrected_label.setVisible(bool(state.corrected_text))

    def _render_results(self, state: MarketplaceState) -> None:
        shown: QWidget = self.grid
        if state.status is Status.EMPTY:
            shown = self.empty
            self._render_empty(state)
        elif state.status is Status.ERROR:
            shown = self.error
            self.error.set_error(state.error.sentence if state.error else "")
        elif state.status is Status.LOADING:
            shown = self._placeholders()
        had_focus = self.grid.hasFocus()
        self._stack.setCurrentWidget(shown)
        if had_focus and shown is not self.grid:
            self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def _render_empty(self, state: MarketplaceState) -> None:
        text = state.text.strip()
        if state.has_filters:
            title = tr("Nothing matches “{text}”", text=text) if text else tr("Nothing matches these filters")
            self.empty.set_state("search", title, tr("Try other words or fewer filters."), tr("Clear filters"))
        else:
            self.empty.set_state("store", tr("The catalogue is empty"), tr("New agents appear here."))

    # -- what the user does ----------------------------------------------------------------------------------------
    def _on_search_entered(self) -> None:
        """Enter searches at once and goes to the first result."""
        self._vm.search_now()
        self._focus_grid()

    def _on_results_replaced(self) -> None:
        self.grid.scroll_to_top()
        if self.grid.hasFocus():
            self._focus_grid()

    def _on_clear_clicked(self) -> None:
        self._vm.clear_filters()
        self.search.focus_search()

    def _focus_grid(self) -> None:
        self.grid.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if self._vm.offerings.rowCount():
            self.grid.setCurrentIndex(self._vm.offerings.index(0, 0))

    def _on_menu_requested(self, card: OfferingCard, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(tr("Open"), lambda: self.opened.emit(card))
        menu.addAction(tr("Copy name"), lambda: QGuiApplication.clipboard().setText(card.name))
        slug = card.category_slug
        menu.addAction(tr("Show {category} only", category=card.category_title), lambda: self._vm.choose_category(slug))
        menu.popup(at)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down and self._stack.currentWidget() is self.grid:
                self._focus_grid()
                return True
            if event.key() == Qt.Key.Key_Escape and not self.search.text():
                self._focus_grid()
                return True
        return False


def _price(card: object) -> tuple[str, str, str]:
    """The grid paints any card; here they are the catalogue's."""
    return price_parts(card) if isinstance(card, OfferingCard) else ("", "", "")


class _WideSearch(SearchField):
    """As wide as the design has it, growing with the text."""

    def sizeHint(self) -> QSize:
        return QSize(theme.current().px(SEARCH_WIDTH), super().sizeHint().height())
