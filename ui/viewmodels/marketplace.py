"""The catalogue screen: what is searched and filtered for, and the results page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from services.api.errors import ServiceError
from services.api.money import Money
from services.api.types import Category, OfferingCard, OfferingPage, OfferingQuery, SortOrder
from ui.bridge import Bridge, Change
from ui.text import ErrorText, corrected_text, count_text, error_text
from ui.viewmodels.base import ServiceHolder, Status, ViewModel
from ui.viewmodels.debounce import Debounce
from ui.viewmodels.offering_list import PAGE_SIZE, OfferingListModel

TYPING_MILLISECONDS = 60


# What a card alone says about its place; equal ones keep the recommended order, as they do at the service.
_KEYS: dict[SortOrder, Callable[[OfferingCard], Any]] = {
    SortOrder.PRICE_LOW: lambda card: card.from_price.micros,
    SortOrder.RATING: lambda card: -card.rating,
    SortOrder.NAME: lambda card: card.name.casefold(),
}


@dataclass(frozen=True, slots=True)
class MarketplaceState:
    text: str = ""
    category: str = ""  # slug
    kind: str = ""
    billing_model: str = ""
    price_max: Money | None = None
    order: SortOrder = SortOrder.RECOMMENDED
    status: Status = Status.LOADING
    total: int = 0
    is_capped: bool = False
    corrected_text: str = ""  # a sentence, when the search was repeated for a likely typing mistake
    categories: tuple[Category, ...] = ()
    error: ErrorText | None = None

    @property
    def count_text(self) -> str:
        """ "32 agents"; empty while nothing was counted."""
        return "" if self.status in (Status.LOADING, Status.ERROR) else count_text(self.total, self.is_capped)

    @property
    def has_filters(self) -> bool:
        return bool(self.text.strip() or self.category or self.kind or self.billing_model or self.price_max is not None)

    def query(self, page: int = 1) -> OfferingQuery:
        """What the service is asked for."""
        return OfferingQuery(
            text=self.text,
            category=self.category,
            kind=self.kind,
            billing_model=self.billing_model,
            price_max=self.price_max,
            order=self.order,
            page=page,
            page_size=PAGE_SIZE,
        )


class MarketplaceViewModel(ViewModel[MarketplaceState]):
    """`offerings` is the model of the grid; it resets when the results are others. Signals: changed."""

    def __init__(self, bridge: Bridge, holder: ServiceHolder) -> None:
        super().__init__(bridge, holder, MarketplaceState())
        self.offerings = OfferingListModel(self._ask_page, self)
        self._typing = Debounce(TYPING_MILLISECONDS, self._ask_first, self)
        self._shown = self.state.query()  # what the rows in sight answer; the state may be ahead of it
        self._pages_asked: set[int] = set()
        bridge.changed.connect(self._on_bridge_changed)

    # ---- verbs

    def first_page(self, page: OfferingPage, categories: tuple[Category, ...]) -> None:
        """Shows what was read before the first frame, without waiting for anything."""
        self._set(categories=categories)
        self._show_first(self.state.query(), page)

    def start_with(self, order: SortOrder) -> None:
        """The order of the last time, before the first frame: what is there is put in it when it is all there is.

        Otherwise nothing is shown until `load()` has asked for it in this order; the cards never change places.
        """
        if order is self.state.order:
            return
        cards = [self.offerings.card(row) for row in range(min(self.state.total, PAGE_SIZE))]
        key, known = _KEYS.get(order), tuple(card for card in cards if card is not None)
        self._set(order=order)
        if key is not None and known and len(known) == self.state.total and not self.state.is_capped:
            self._show_first(self.state.query(), OfferingPage(tuple(sorted(known, key=key)), len(known)))
        else:
            self.offerings.clear()
            self._set(status=Status.LOADING, total=0)

    def load(self) -> None:
        """Reads categories and results; what is shown stays until they are there."""
        self._ask_categories()
        self._ask_first()

    def retry(self) -> None:
        self._set(status=Status.LOADING, error=None)
        self.load()

    def search(self, text: str) -> None:
        """As typed: the service is asked when the typing pauses."""
        if text != self.state.text:
            self._set(text=text)
            self._typing.trigger()

    def search_now(self) -> None:
        """Enter was pressed: no more waiting."""
        self._typing.flush()

    def choose_category(self, slug: str) -> None:
        """Empty for all."""
        self._narrow(category=slug)

    def choose_kind(self, kind: str) -> None:
        self._narrow(kind=kind)

    def choose_billing_model(self, model: str) -> None:
        self._narrow(billing_model=model)

    def limit_price(self, most: Money | None) -> None:
        """At most this much a month to begin with; None for any price."""
        self._narrow(price_max=most)

    def sort_by(self, order: SortOrder) -> None:
        self._narrow(order=order)

    def clear_filters(self) -> None:
        """Everything in the catalogue again, in the chosen order."""
        self._narrow(text="", category="", kind="", billing_model="", price_max=None)

    # ---- inside

    def _narrow(self, **changes: object) -> None:
        before = self.state
        self._set(**changes)
        if self.state != before:
            self._typing.cancel()
            self._ask_first()

    def _ask_first(self) -> None:
        for number in self._pages_asked:
            self._bridge.cancel(self, f"page {number}")
        self._pages_asked.clear()
        query = self.state.query()
        self._bridge.run(
            self,
            "search",
            lambda: self._service.list_offerings(query),
            then=partial(self._show_first, query),
            failed=self._on_search_failed,
            policy="replace",
            retry=self.retry,
        )

    def _show_first(self, query: OfferingQuery, page: OfferingPage) -> None:
        self._shown = query
        self.offerings.start(page)
        self._set(
            status=Status.READY if page.items else Status.EMPTY,
            total=page.total,
            is_capped=page.is_capped,
            corrected_text=corrected_text(page.corrected_text),
            error=None,
        )

    def _on_search_failed(self, error: ServiceError) -> None:
        self.offerings.clear()
        self._set(status=Status.ERROR, error=error_text(error), total=0, is_capped=False, corrected_text="")

    def _ask_page(self, number: int) -> None:
        if number in self._pages_asked or self._bridge.is_running(self, "search"):
            return  # on its way, or about to be replaced
        self._pages_asked.add(number)
        query = replace(self._shown, page=number)
        self._bridge.run(
            self,
            f"page {number}",
            lambda: self._service.list_offerings(query),
            then=partial(self._on_page, number),
            failed=partial(self._on_page_failed, number),
        )

    def _on_page(self, number: int, page: OfferingPage) -> None:
        self._pages_asked.discard(number)
        self.offerings.add(number, page)

    def _on_page_failed(self, number: int, error: ServiceError) -> None:
        """The gap stays until the user asks again; what is loaded stays in sight."""
        self._set(error=error_text(error))

    def _ask_categories(self) -> None:
        self._bridge.run(
            self,
            "categories",
            lambda: self._service.list_categories(),
            then=lambda categories: self._set(categories=categories),
            failed=lambda error: self._set(error=error_text(error)),
        )

    def _on_bridge_changed(self, change: Change) -> None:
        if "catalogue" in change.areas and change.initiator is not self:
            self.load()
