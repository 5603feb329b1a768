"""How it is paid: the ways that work, the cards on file, and the published test cards. No card number is typed here."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from services.api.types import PaymentMethod, PaymentOptions, TestCard
from ui import theme
from ui.text import method_label, saved_card_detail, saved_card_label, test_card_label, tr
from ui.text.ordering import use_payment_text, wallet_after, wallet_text
from ui.viewmodels.checkout_state import CheckoutState
from ui.widgets.cards import OptionRow
from ui.widgets.controls import Button, Icon, Segmented, clear, column, label, row
from ui.widgets.fields import FieldNote
from ui.widgets.focus_order import one_stop
from ui.widgets.states import Skeleton

METHODS = (PaymentMethod.CARD, PaymentMethod.WALLET, PaymentMethod.PAYPAL, PaymentMethod.INVOICE)
LATER = (PaymentMethod.PAYPAL, PaymentMethod.INVOICE)
ICONS = {
    PaymentMethod.CARD: "credit-card",
    PaymentMethod.WALLET: "wallet",
    PaymentMethod.PAYPAL: "at-sign",
    PaymentMethod.INVOICE: "receipt",
}


class _Row(NamedTuple):
    token: str
    title: str
    detail: str
    brand: str
    name: str


class CardChoice(QWidget):
    """Saved cards, the test cards that were added, and the way to add one.

    Signals: picked(token); added(token); rebuilt() - there are other rows now.
    """

    picked = Signal(str)
    added = Signal(str)
    rebuilt = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("cardChoice")
        self.setAccessibleName(tr("Cards"))
        self._rows: dict[str, OptionRow] = {}
        self._shown: tuple[_Row, ...] = ()
        self._tests: tuple[TestCard, ...] = ()
        self._seen: set[str] = set()  # test cards chosen on this page stay in sight
        self._is_rendering = False
        self._list = column(spacing=8)
        self._skeleton = Skeleton(0, 56, radius="lg")
        self.add = Button(tr("Add a test card"), "link", "plus", name="addTestCard")
        self.add.clicked.connect(self.open_menu)
        self.note = FieldNote()
        self.setLayout(column(self._skeleton, self._list, row(self.add, None), self.note, spacing=8))

    def show_cards(self, options: PaymentOptions | None, token: str, error: str | None) -> None:
        self._is_rendering = True
        self._skeleton.setVisible(options is None)
        if options is not None:
            self._tests = options.test_cards if options.is_test_mode else ()
            rows = self._wanted(options, token)
            if rows != self._shown:
                self._build(rows)
            if token in self._rows:
                self._rows[token].setChecked(True)
            one_stop(tuple(self._rows.values()))
        self.add.setVisible(bool(self._tests))
        self.note.set_error(error)
        self._is_rendering = False

    def focus_another(self) -> None:
        """After a card failed: the next one, or the way to add one."""
        others = [card for card in self._rows.values() if not card.isChecked()]
        (others[0] if others else self.add).setFocus(Qt.FocusReason.OtherFocusReason)

    def focus_chosen(self) -> None:
        chosen = [card for card in self._rows.values() if card.isChecked()] or list(self._rows.values())
        (chosen[0] if chosen else self.add).setFocus(Qt.FocusReason.OtherFocusReason)

    def open_menu(self) -> None:
        """The published outcomes, to be tried."""
        menu = QMenu(self)
        menu.setObjectName("testCardMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for card in self._tests:
            action = menu.addAction(theme.current().icon("credit-card"), test_card_label(card))
            action.setObjectName(f"testCard-{card.token}")
            action.triggered.connect(lambda _checked=False, token=card.token: self._on_added(token))
        menu.popup(self.add.mapToGlobal(QPoint(0, self.add.height())))

    def _on_added(self, token: str) -> None:
        self._seen.add(token)
        self.added.emit(token)

    def _wanted(self, options: PaymentOptions, token: str) -> tuple[_Row, ...]:
        saved = [
            _Row(card.token, saved_card_label(card), saved_card_detail(card), card.brand.lower(), f"savedCard-{number}")
            for number, card in enumerate(options.saved_methods)
        ]
        first = "" if saved else next((card.token for card in self._tests if card.outcome == "pays"), "")
        tests = [
            _Row(card.token, test_card_label(card), tr("Test card"), card.brand.lower(), f"card-{card.token}")
            for card in self._tests
            if card.token in (token, first) or card.token in self._seen
        ]
        return (*saved, *tests)

    def _build(self, rows: tuple[_Row, ...]) -> None:
        had_focus = any(option.hasFocus() for option in self._rows.values())
        clear(self._list)
        self._shown = rows
        self._rows = {one.token: self._option(one) for one in rows}
        for option in self._rows.values():
            self._list.addWidget(option)
            option.show()
        self.rebuilt.emit()
        if had_focus:
            self.focus_chosen()

    def _option(self, one: _Row) -> OptionRow:
        option = OptionRow(one.title, one.detail, name=one.name, brand=one.brand, parent=self)
        option.toggled.connect(lambda on: self._on_toggled(one.token, on))
        return option

    def _on_toggled(self, token: str, on: bool) -> None:
        if on and not self._is_rendering:
            self.picked.emit(token)


class PaymentSection(QWidget):
    """Signals: method_picked(PaymentMethod); card_picked(token); card_added(token)."""

    method_picked = Signal(object)
    card_picked = Signal(str)
    card_added = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._is_rendering = False
        self.setLayout(column(self._paid(), self._free(), spacing=0))

    def _paid(self) -> QWidget:
        items = [(method_label(method), ICONS[method]) for method in METHODS]
        self.method = Segmented(items, label=tr("Payment method"), name="paymentMethod", stretch=True)
        self.method.changed.connect(self._on_method_changed)
        self._balance = label("", "small", name="walletNote", wrap=True)
        self._later = label("", "small", name="laterNote", wrap=True)
        self._use = label("", "small", name="usePaymentNote", wrap=True)
        self.cards = CardChoice()
        self.cards.picked.connect(self.card_picked)
        self.cards.added.connect(self.card_added)
        self._ways = QWidget()
        title = label(tr("Payment method"), "section")
        notes = column(self._balance, self._later, spacing=2)
        parts = (title, 2, self.method, notes, 2, self._wallet(), self.cards, self._use)
        self._ways.setLayout(column(*parts, spacing=8))
        return self._ways

    def _wallet(self) -> QWidget:
        self.wallet = OptionRow(tr("Wallet"), name="walletRow", icon="wallet")
        self.wallet.setChecked(True)
        self._wallet_note = FieldNote()
        self._wallet_box = QWidget()
        self._wallet_box.setLayout(column(self.wallet, self._wallet_note, spacing=8))
        return self._wallet_box

    def _free(self) -> QWidget:
        self._no_card = QWidget()
        words = label(tr("No card needed"), "strong", name="noCardNeeded")
        self._no_card.setLayout(row(Icon("circle-check", "success", 18), words, None, spacing=10))
        return self._no_card

    def _on_method_changed(self, index: int) -> None:
        if not self._is_rendering:
            self.method_picked.emit(METHODS[index])

    def show_state(self, state: CheckoutState) -> None:
        self._is_rendering = True
        self._ways.setVisible(state.needs_payment)
        self._no_card.setVisible(not state.needs_payment)
        if state.options is not None:
            self._show_methods(state, state.options)
        if state.method in METHODS:
            self.method.set_current(METHODS.index(state.method))
        self._show_wallet(state)
        self.cards.setVisible(not state.is_wallet)
        problem = state.problems.get("payment_token") or state.problems.get("payment_method")
        self.cards.show_cards(state.options, state.payment_token, problem)
        self._use.setText(use_payment_text(state.method))
        self._use.setVisible(state.is_per_use)
        for part in (self.method, self.cards):
            part.setEnabled(not state.is_locked)
        self._is_rendering = False

    def _show_methods(self, state: CheckoutState, options: PaymentOptions) -> None:
        closed = [method for method in LATER if method not in options.methods]
        for index, method in enumerate(METHODS):
            if method is not PaymentMethod.WALLET:
                self.method.set_item_enabled(index, method not in closed, tr("Opens with a later version"))
        names = tr(" and ").join(method_label(method) for method in closed)
        self._later.setText(tr("{names} open with a later version.", names=names) if closed else "")
        self._later.setVisible(bool(closed))
        balance = state.wallet_balance
        words = wallet_text(balance, state.wallet_needed) if balance is not None else ""
        index = METHODS.index(PaymentMethod.WALLET)
        self.method.button(index).setVisible(balance is not None)
        self.method.button(index).setAccessibleDescription(words)
        self.method.set_item_enabled(index, state.can_use_wallet or state.is_wallet, words)
        self._balance.setText(words)
        self._balance.setVisible(bool(words) and not state.is_wallet)

    def _show_wallet(self, state: CheckoutState) -> None:
        self._wallet_box.setVisible(state.is_wallet)
        if state.is_wallet and state.wallet_balance is not None:
            left = state.summary.credit_left if state.summary is not None else None
            self.wallet.set_subtitle(wallet_after(state.wallet_balance, left))
        self._wallet_note.set_error(state.problems.get("payment_method") if state.is_wallet else None)

    def focus_chosen(self) -> None:
        """To what pays now."""
        if self._wallet_box.isVisibleTo(self):
            self.wallet.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.cards.focus_chosen()
