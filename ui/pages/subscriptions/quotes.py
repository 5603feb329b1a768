"""Quotes: what was asked for, what is offered, and what became of it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from services.api.types import Quote, QuoteState
from ui.pages.subscriptions.flowing import flowing
from ui.text import tr
from ui.text.quotes import (
    accept_label,
    quote_dates,
    quote_detail,
    quote_price,
    quote_state,
    quote_terms,
    quote_title,
)
from ui.viewmodels.quotes import QuotesState
from ui.widgets.avatar import Avatar
from ui.widgets.controls import Button, Card, badge, column, label, row
from ui.widgets.folding import FoldingRow
from ui.widgets.notices import Banner

TONES = {
    QuoteState.REQUESTED: ("neutral", "hourglass"),
    QuoteState.OFFERED: ("accent", "mail"),
    QuoteState.ACCEPTED: ("success", "check"),
    QuoteState.DECLINED: ("neutral", ""),
    QuoteState.EXPIRED: ("warning", "clock"),
}
LOOK = (40, "briefcase")
END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class QuoteCard(Card):
    """Signals: accepted, declined, answer_wanted (quote uuid)."""

    accepted = Signal(str)
    declined = Signal(str)
    answer_wanted = Signal(str)

    def __init__(self, quote: Quote) -> None:
        super().__init__(20, 10, name=f"quote-{quote.uuid}")
        self.quote = quote
        self.body.addWidget(FoldingRow(self._identity(), self._offer()))
        self._detail = label("", "small", name=f"quoteDetail-{quote.uuid}", wrap=True)
        self._note = label("", "body", name=f"quoteNote-{quote.uuid}", wrap=True)
        self._error = Banner(tone="danger", name=f"quoteError-{quote.uuid}")
        for part in (self._note, self._detail, self._error, self._foot()):
            self.body.addWidget(part)

    def _identity(self) -> QWidget:
        uuid = self.quote.uuid
        self._title = label("", "cardTitle", name=f"quoteTitle-{uuid}", wrap=True)
        self._badge = badge("", name=f"quoteState-{uuid}")
        self._terms = label("", "small", name=f"quoteTerms-{uuid}", wrap=True)
        line = row(self._badge, self._terms, spacing=8)
        line.setStretch(1, 1)
        whole = QWidget()
        picture = Avatar(44)
        picture.set_category(*LOOK)
        words = row(picture, column(self._title, line, spacing=3), spacing=14)
        words.setStretch(1, 1)
        whole.setLayout(words)
        return whole

    def _offer(self) -> QWidget:
        self._price = label("", "title", name=f"quotePrice-{self.quote.uuid}", tabular=True, align=END)
        self._before_tax = label(tr("before tax"), "small", align=END)
        whole = QWidget()
        whole.setLayout(column(self._price, self._before_tax, spacing=0))
        return whole

    def _foot(self) -> QWidget:
        uuid = self.quote.uuid
        self.accept = Button("", "secondary", "check", name=f"acceptQuote-{uuid}")
        self.decline = Button(tr("Decline"), "secondary", name=f"declineQuote-{uuid}")
        self.answer = Button(tr("Answer as sales"), "secondary", "pencil", name=f"answerQuote-{uuid}")
        self.accept.clicked.connect(partial(self.accepted.emit, uuid))
        self.decline.clicked.connect(partial(self.declined.emit, uuid))
        self.answer.clicked.connect(partial(self.answer_wanted.emit, uuid))
        self._buttons = flowing(self.accept, self.decline, self.answer)
        return self._buttons

    def show_quote(self, quote: Quote, state: QuotesState, *, is_main: bool) -> None:
        """`is_main`: the one thing this screen waits for."""
        self.quote = quote
        is_open = quote.state is QuoteState.OFFERED
        title = quote_title(quote)
        self.setAccessibleName(title)
        self._title.setText(title)
        self._badge.set_badge(quote_state(quote.state), *TONES[quote.state])
        self._terms.setText(quote_terms(quote.terms) if quote.terms is not None else "")
        self._price.setText(quote_price(quote))
        for part in (self._price, self._before_tax):
            part.setVisible(quote.terms is not None)
        self._detail.setText(quote_dates(quote.terms) if is_open and quote.terms is not None else quote_detail(quote))
        note = quote.terms.note if is_open and quote.terms is not None else ""
        self._note.setText(note or (quote.message if quote.state is QuoteState.REQUESTED else ""))
        self._note.setVisible(bool(self._note.text()))
        self._show_buttons(quote, state, is_open=is_open, is_main=is_main)
        error = state.errors.get(quote.uuid)
        self._error.set_message(error.sentence if error is not None else "")
        self._error.setVisible(error is not None)

    def _show_buttons(self, quote: Quote, state: QuotesState, *, is_open: bool, is_main: bool) -> None:
        title = quote_title(quote)
        can_answer = quote.can_answer and quote.state in (QuoteState.REQUESTED, QuoteState.OFFERED)
        self.accept.setVisible(is_open)
        self.decline.setVisible(is_open)
        self.answer.setVisible(can_answer)
        self._buttons.setVisible(is_open or can_answer)
        self.accept.setText(accept_label(quote))
        self.accept.set_variant("primary" if is_main else "secondary")
        self.accept.set_busy(state.busy == quote.uuid)
        self.decline.setEnabled(state.busy != quote.uuid)
        self.answer.setText(tr("Change the offer as sales") if is_open else tr("Answer as sales"))
        self.accept.setAccessibleName(tr("{accept} for {what}", accept=accept_label(quote), what=title))
        self.decline.setAccessibleName(tr("Decline {what}", what=title))
        self.answer.setAccessibleName(tr("Answer as sales: {what}", what=title))


class QuoteList(QWidget):
    """Quotes under one heading; those that stay keep their card and the focus in it.

    Signals: accepted, declined, answer_wanted (quote uuid); rebuilt() - there are other controls now.
    """

    accepted = Signal(str)
    declined = Signal(str)
    answer_wanted = Signal(str)
    rebuilt = Signal()

    def __init__(self, title: str, *, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self._cards: dict[str, QuoteCard] = {}
        self._list: QVBoxLayout = column(spacing=12)
        self.setLayout(column(label(title, "section"), self._list, spacing=10))

    def show_quotes(self, quotes: tuple[Quote, ...], state: QuotesState) -> None:
        wanted = [quote.uuid for quote in quotes]
        if wanted != list(self._cards):
            self._arrange(quotes)
        main = next((one.uuid for one in quotes if one.state is QuoteState.OFFERED), "")
        for quote in quotes:
            self._cards[quote.uuid].show_quote(quote, state, is_main=quote.uuid == main)
        self.setVisible(bool(quotes))

    def card(self, uuid: str) -> QuoteCard | None:
        return self._cards.get(uuid)

    def _arrange(self, quotes: tuple[Quote, ...]) -> None:
        for uuid in set(self._cards) - {quote.uuid for quote in quotes}:
            gone = self._cards.pop(uuid)
            self._list.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        cards = {quote.uuid: self._cards.get(quote.uuid) or self._card(quote) for quote in quotes}
        for number, card in enumerate(cards.values()):
            self._list.insertWidget(number, card)
        self._cards = cards
        self.rebuilt.emit()

    def _card(self, quote: Quote) -> QuoteCard:
        made = QuoteCard(quote)
        made.accepted.connect(self.accepted)
        made.declined.connect(self.declined)
        made.answer_wanted.connect(self.answer_wanted)
        return made
