"""Subscriptions: the list with what each costs next, the sheets that change one, and quotes above and below it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QStackedWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from services.api.types import ChangeAction, Paid, Quote, Subscription
from ui import theme
from ui.pages.subscriptions.answer_sheet import AnswerSheet
from ui.pages.subscriptions.card import SubscriptionCard
from ui.pages.subscriptions.change_sheet import ChangeSheet
from ui.pages.subscriptions.quotes import QuoteList
from ui.text import exact_money, plural, tr
from ui.text.changes import done_text
from ui.text.methods import processing_text
from ui.text.quotes import accept_label, accept_question, quote_title
from ui.text.subscriptions import overview_text
from ui.viewmodels.base import Status
from ui.viewmodels.plan_change import PlanChangeViewModel
from ui.viewmodels.plan_change_state import ChangePhase, PlanChangeState, Task
from ui.viewmodels.quotes import QuotesViewModel
from ui.viewmodels.subscriptions import SubscriptionsState, SubscriptionsViewModel
from ui.widgets.arranged_page import ArrangedPage
from ui.widgets.controls import Button, SearchField, column, label, page, row, scroll_page
from ui.widgets.focus_order import reading_order, set_tab_order
from ui.widgets.folding import Reading
from ui.widgets.notices import Banner, Toast, toast_area
from ui.widgets.overlay import Dialog
from ui.widgets.states import EmptyState, ErrorState, skeleton_rows

WIDTH = 880
AT_ONCE = 4  # cards made in one go; more follow when the window is drawn
SEARCH_FROM = 9  # so many one sees at a glance


class SubscriptionsPage(ArrangedPage):
    """Signals: explain_requested(ref); compare_requested(subscription uuid); invoice_requested(invoice uuid);
    open_chat(resource uuid); placed(Placed) - a quote was accepted; methods_requested(); sign_in_requested();
    browse()."""

    explain_requested = Signal(str)
    compare_requested = Signal(str)
    invoice_requested = Signal(str)
    open_chat = Signal(str)
    methods_requested = Signal()
    placed = Signal(object)
    sign_in_requested = Signal()
    browse = Signal()

    def __init__(self, vm: SubscriptionsViewModel, change_vm: PlanChangeViewModel, quotes_vm: QuotesViewModel) -> None:
        super().__init__()
        self.setObjectName("subscriptionsPage")
        self.setAccessibleName(tr("Subscriptions"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # holds the focus while the list loads
        page(self)
        self.vm, self.change_vm, self.quotes_vm = vm, change_vm, quotes_vm
        self._cards: dict[str, SubscriptionCard] = {}
        self._sheet: ChangeSheet | None = None
        self._undo_offer: Toast | None = None
        self._answer: AnswerSheet | None = None
        self._is_growing = False
        self._frame = QVBoxLayout(self)
        self._frame.setSpacing(0)
        self._frame.addWidget(self._views())
        self._connect()
        self._on_changed()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _views(self) -> QStackedWidget:
        self._stack = QStackedWidget()
        self._waiting = QWidget()
        title = label(tr("Subscriptions"), "display")
        self._waiting_frame = column(title, skeleton_rows(4, height=150, gap=16), spacing=20)
        self._waiting.setLayout(self._waiting_frame)
        self._empty = EmptyState(
            "repeat", tr("You have no subscriptions"),
            tr("What you pay for every month or year stands here, with what it costs next and when."),
            tr("Browse agents"), name="subscriptionsEmpty",
        )  # fmt: skip
        self._empty.acted.connect(self.browse)
        self._guest = EmptyState(
            "circle-user", tr("Sign in to see your subscriptions"),
            tr("They belong to your account, not to this computer."), tr("Sign in"), name="subscriptionsGuest",
        )  # fmt: skip
        self._guest.acted.connect(self.sign_in_requested)
        self._error = ErrorState(name="subscriptionsError")
        self._error.retried.connect(self._retry)
        self._places = {view: scroll_page(view) for view in (self._empty, self._guest, self._error)}
        self._list_place = scroll_page(self._content())
        self._waiting_place = scroll_page(self._waiting)
        for view in (self._list_place, self._waiting_place, *self._places.values()):
            self._stack.addWidget(view)
        return self._stack

    def _content(self) -> QWidget:
        content = Reading()
        self._offers = QuoteList(tr("Waiting for an answer"), name="openQuotes")
        self._earlier = QuoteList(tr("Earlier quotes"), name="earlierQuotes")
        self._list = column(spacing=16)
        self._ended = column(spacing=16)
        self._nothing = label(tr("Nothing matches what you look for."), "muted", name="nothingFound")
        self._none = label(tr("No subscriptions yet. What you buy stands here."), "muted", name="noSubscriptions")
        self.ended_button = Button("", "link", "chevron-down", name="showEnded")
        self.ended_button.clicked.connect(lambda: self.vm.show_ended(not self.vm.state.has_ended_shown))
        self._title = label(tr("What you have"), "section")
        self._column = column(
            self._head(), self._notice(), self._offers, self._title, self._nothing, self._none, self._list,
            row(self.ended_button, None), self._ended, self._earlier, None, spacing=16,
        )  # fmt: skip
        content.setLayout(self._column)
        return content

    def _head(self) -> QWidget:
        self._overview = label("", "muted", name="subscriptionsOverview", wrap=True)
        self.search = SearchField(tr("Find a subscription"), name="subscriptionSearch")
        self.search.textChanged.connect(self.vm.search)
        self.search.setMaximumWidth(theme.current().px(260))
        self.methods_button = Button(tr("Payment methods"), "link", "credit-card", name="subscriptionMethods")
        self.methods_button.clicked.connect(self.methods_requested)
        head = QWidget()
        title = label(tr("Subscriptions"), "display")
        words = column(title, self._overview, row(self.methods_button, None), spacing=2)
        line = row(words, self.search, spacing=16)
        line.setStretch(0, 1)
        head.setLayout(line)
        return head

    def _notice(self) -> Banner:
        self._banner = Banner(tone="warning", name="subscriptionsNotice")
        self._banner.acted.connect(self._retry)
        return self._banner

    def _connect(self) -> None:
        self.vm.changed.connect(self._on_changed)
        self.quotes_vm.changed.connect(self._on_changed)
        self.quotes_vm.changed.connect(self._follow_answer)
        self.quotes_vm.placed.connect(self.placed)
        self.quotes_vm.answered.connect(self._on_answered)
        self.quotes_vm.declined.connect(self._on_declined)
        self.change_vm.changed.connect(self._follow_change)
        self.change_vm.finished.connect(self._on_finished)
        self.change_vm.under_way.connect(self._on_under_way)
        for quotes in (self._offers, self._earlier):
            quotes.accepted.connect(self._on_accept)
            quotes.declined.connect(self.quotes_vm.decline)
            quotes.answer_wanted.connect(self.quotes_vm.start_answer)
            quotes.rebuilt.connect(partial(set_tab_order, self))

    def _retry(self) -> None:
        self.vm.retry()
        self.quotes_vm.load()

    # -- the list --------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state, quotes = self.vm.state, self.quotes_vm.state
        self._overview.setText(overview_text(state.running_count, state.next_to_charge) if state.running_count else "")
        self._overview.setVisible(bool(state.running_count))
        self.search.setVisible(len(state.items) >= SEARCH_FROM)
        self._offers.show_quotes(quotes.open, quotes)
        self._earlier.show_quotes(quotes.closed, quotes)
        self._show_cards()
        self._show_view(state)
        is_searching = bool(state.text.strip())
        self._nothing.setVisible(is_searching and not state.running and not state.ended)
        self._none.setVisible(not is_searching and not state.running)
        self._title.setVisible(bool(quotes.open))
        count = len(state.ended)
        words = plural(count, tr("Show {n} that ended"), tr("Show {n} that ended"))
        self.ended_button.setText(tr("Hide those that ended") if state.has_ended_shown else words)
        self.ended_button.set_icon("chevron-up" if state.has_ended_shown else "chevron-down")
        self.ended_button.setVisible(bool(count))
        error = state.error or quotes.error
        self._banner.set_message(error.sentence if error is not None else "", action=tr("Try again"))
        self._banner.setVisible(error is not None)

    def _show_cards(self) -> None:
        state = self.vm.state
        ended = state.ended if state.has_ended_shown else ()
        known = {item.uuid for item in state.items}
        for uuid in [uuid for uuid in self._cards if uuid not in known]:
            gone = self._cards.pop(uuid)
            gone.hide()
            gone.deleteLater()
        left = self._fill(self._list, state.running, AT_ONCE)
        left = self._fill(self._ended, ended, left)
        shown = {item.uuid for item in (*state.running, *ended)}
        for uuid, card in self._cards.items():
            card.setVisible(uuid in shown)
        if left < 0 and not self._is_growing:
            self._is_growing = True
            QTimer.singleShot(0, self, self._grow)

    def _fill(self, place: QVBoxLayout, items: tuple[Subscription, ...], left: int) -> int:
        """Brings the cards into this order, making at most `left`; returns how many more it might have made."""
        number = 0
        has_new = False
        for item in items:
            card = self._cards.get(item.uuid)
            if card is None:
                left -= 1
                if left < 0:
                    continue
                card = self._card(item)
                has_new = True
            at = place.itemAt(number)
            if at is None or at.widget() is not card:
                place.insertWidget(number, card)
                has_new = True
            card.show_item(item, self.vm.state)
            number += 1
        if has_new:
            set_tab_order(self)
        return left

    def _grow(self) -> None:
        self._is_growing = False
        self._show_cards()

    def _card(self, item: Subscription) -> SubscriptionCard:
        card = self._cards[item.uuid] = SubscriptionCard(item)
        card.explained.connect(self.explain_requested)
        card.compare.connect(self.compare_requested)
        card.chat.connect(self.open_chat)
        card.invoice.connect(self.invoice_requested)
        card.wanted.connect(self.change_vm.begin)
        return card

    def _show_view(self, state: SubscriptionsState) -> None:
        quotes = self.quotes_vm.state
        is_empty = state.status is Status.EMPTY and not state.is_guest and not quotes.items
        if state.error is not None:
            self._error.set_error(state.error.detail, title=state.error.title)
        views: dict[Status, QWidget] = {
            Status.READY: self._list_place,
            Status.LOADING: self._waiting_place,
            Status.EMPTY: self._places[self._guest if state.is_guest else self._empty],
            Status.ERROR: self._places[self._error],
        }
        wanted = views[state.status]
        if state.status is Status.EMPTY and not state.is_guest and not is_empty:
            wanted = self._list_place
        if wanted is not self._stack.currentWidget():
            focused = QApplication.focusWidget()
            goes_along = focused is None or focused is self or self._stack.isAncestorOf(focused)
            self._stack.setCurrentWidget(wanted)
            if goes_along and self.isVisible():
                self.focus_content()
                QTimer.singleShot(0, self, self._focus_first)

    def _focus_first(self) -> None:
        """The first cards are shown a turn of the loop after they were made."""
        if self.hasFocus():
            self.focus_content()

    # -- changing one ----------------------------------------------------------------------------------------------
    def _follow_change(self) -> None:
        state = self.change_vm.state
        if state.task is None or state.phase is ChangePhase.DONE:
            self._close_sheet()
        elif self._sheet is None and self._needs_sheet(state):
            self._sheet = ChangeSheet(self.change_vm, self)
            self._sheet.closed.connect(self._on_sheet_closed)
            self._sheet.open()

    @staticmethod
    def _needs_sheet(state: PlanChangeState) -> bool:
        """Taking a change back happens at once, unless it costs something or does not work."""
        return state.task is not Task.UNDO or state.charges or state.error is not None

    def _close_sheet(self) -> None:
        if self._sheet is not None and isValid(self._sheet):
            self._sheet.close_overlay()

    def _on_sheet_closed(self) -> None:
        self._sheet = None
        self.change_vm.close()

    def _on_under_way(self, paid: object) -> None:
        if isinstance(paid, Paid):
            text = processing_text(None, exact_money(paid.amount))
            toast_area(self).show_toast(text, icon="hourglass")

    def _on_finished(self, done: object, after: object) -> None:
        if not isinstance(done, PlanChangeState) or done.subscription is None:
            return
        item = after if isinstance(after, Subscription) else None
        text = done_text(None if done.task is Task.PAY else done.action, done.subscription, item)
        area = toast_area(self)
        if self._undo_offer is not None and isValid(self._undo_offer):
            self._undo_offer.close_toast()  # what it would take back is no longer the last thing done
        self._undo_offer = None
        if item is not None and item.pending is not None and ChangeAction.UNDO in item.can:
            undo = partial(self.change_vm.begin, item, Task.UNDO)
            self._undo_offer = area.show_toast(text, icon="circle-check", action=tr("Undo"), on_action=undo)
        else:
            area.show_toast(text, icon="circle-check")

    # -- quotes ----------------------------------------------------------------------------------------------------
    def _on_accept(self, uuid: str) -> None:
        """Accepting makes an order: what that means is said once more, with the amount on the button."""
        quote = self.quotes_vm.state.find(uuid)
        if quote is None:
            return
        dialog = Dialog(
            self, tr("Accept this offer?"), accept_question(quote), confirm=accept_label(quote), name="acceptDialog",
        )  # fmt: skip
        dialog.first_focus = dialog.cancel_button
        dialog.confirmed.connect(lambda: self._accept(dialog, uuid))
        dialog.open()

    def _accept(self, dialog: Dialog, uuid: str) -> None:
        dialog.close_overlay()
        self.quotes_vm.accept(uuid)

    def _follow_answer(self) -> None:
        draft = self.quotes_vm.state.answer
        if draft is None:
            if self._answer is not None and isValid(self._answer):
                self._answer.close_overlay()
        elif self._answer is None:
            self._answer = AnswerSheet(self.quotes_vm, self)
            self._answer.closed.connect(self._on_answer_closed)
            self._answer.open()

    def _on_answer_closed(self) -> None:
        self._answer = None
        self.quotes_vm.close_answer()

    def _on_answered(self, quote: object) -> None:
        if isinstance(quote, Quote):
            toast_area(self).show_toast(tr("Offer sent: {what}.", what=quote_title(quote)), icon="circle-check")

    def _on_declined(self, quote: object) -> None:
        if isinstance(quote, Quote):
            toast_area(self).show_toast(tr("Declined: {what}.", what=quote_title(quote)), icon="circle-check")

    # -- focus and geometry ----------------------------------------------------------------------------------------
    def focus_content(self) -> None:
        """To the first thing to be done: a search when there are many, else the first card's first control."""
        state = self.vm.state
        reason = Qt.FocusReason.OtherFocusReason
        chosen: QWidget = self
        if self._stack.currentWidget() is self._list_place:
            order = [widget for widget in reading_order(self._list_place) if widget.isVisibleTo(self)]
            chosen = self.search if self.search.isVisible() else order[0] if order else self
        elif state.status is Status.EMPTY:
            chosen = (self._guest if state.is_guest else self._empty).action_button
        elif state.status is Status.ERROR:
            chosen = self._error.action_button
        chosen.setFocus(reason)

    def _arrange(self) -> None:
        side = max(24, (self.width() - theme.current().px(WIDTH)) // 2)
        self._frame.setContentsMargins(0, 0, 0, 0)
        self._column.setContentsMargins(side, 24, side, 24)
        self._waiting_frame.setContentsMargins(side, 24, side, 24)
        self.search.setMaximumWidth(theme.current().px(260))
