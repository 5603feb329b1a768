"""How it is paid: the ways that work, what is on file for each, something new, and in test mode the published test
cards. No card number is typed here."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from services.api.types import PaymentMethod, PaymentOptions, SavedMethod, TestCard
from ui import theme
from ui.text import test_card_label, tr
from ui.text.methods import brand_key, expiry_text, expiry_warning, saved_method_label
from ui.text.ordering import use_payment_text, wallet_after, wallet_text
from ui.text.paying import new_way_detail, new_way_title, transfer_detail, way_label, way_note
from ui.viewmodels.checkout_state import PAGED, CheckoutState
from ui.widgets.cards import OptionRow
from ui.widgets.choices import FaceRadio
from ui.widgets.controls import Button, Icon, Segmented, clear, column, label, row
from ui.widgets.fields import FieldNote
from ui.widgets.focus_order import one_stop
from ui.widgets.states import Skeleton

ICONS = {
    PaymentMethod.CARD: "credit-card",
    PaymentMethod.BANK: "landmark",
    PaymentMethod.PAYPAL: "at-sign",
    PaymentMethod.INVOICE: "send",
    PaymentMethod.WALLET: "wallet",
}
METHODS = tuple(ICONS)  # in the order of the screen
WITH_ICONS = 3  # more of them stand side by side without


class _Row(NamedTuple):
    token: str
    title: str
    detail: str
    brand: str
    name: str
    icon: str = ""


class CardChoice(QWidget):
    """What is on file for one way to pay, something new, and the test cards that were added.

    Signals: picked(token); added(token); rebuilt() - there are other rows now.
    """

    picked = Signal(str)
    added = Signal(str)
    rebuilt = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("cardChoice")
        self.setAccessibleName(tr("What pays"))
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

    def show_state(self, state: CheckoutState, error: str | None) -> None:
        self._is_rendering = True
        options = state.options
        self._skeleton.setVisible(options is None)
        if options is not None:
            is_tried = options.is_test_mode and state.method is PaymentMethod.CARD
            self._tests = options.test_cards if is_tried else ()
            rows = self._wanted(state, options)
            if rows != self._shown:
                self._build(rows)
            if state.payment_token in self._rows:
                self._rows[state.payment_token].setChecked(True)
            one_stop(tuple(self._rows.values()))
        self.add.setVisible(bool(self._tests))
        self.add.setText(tr("Test cards") if state.has_pages else tr("Add a test card"))
        self.note.set_error(error)
        self._is_rendering = False

    def focus_another(self) -> bool:
        """After one was refused: the next one, or the way to add one; False when there is neither."""
        others = [card for card in self._rows.values() if not card.isChecked()]
        if others or self._tests:
            (others[0] if others else self.add).setFocus(Qt.FocusReason.OtherFocusReason)
        return bool(others or self._tests)

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

    def _wanted(self, state: CheckoutState, options: PaymentOptions) -> tuple[_Row, ...]:
        mine = [one for one in options.saved_methods if one.method is state.method]
        saved = [_saved_row(one, number) for number, one in enumerate(mine)]
        if state.takes_new:
            title, detail = new_way_title(state.method), new_way_detail(state.method, in_browser=state.has_pages)
            saved.append(_Row("", title, detail, "", f"new-{state.method.value}", ICONS[state.method]))
        first = "" if saved else next((card.token for card in self._tests if card.outcome == "pays"), "")
        tests = [
            _Row(card.token, test_card_label(card), tr("Test card"), card.brand.lower(), f"card-{card.token}")
            for card in self._tests
            if card.token == first or (card.token and card.token == state.payment_token) or card.token in self._seen
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
        option = OptionRow(one.title, one.detail, name=one.name, icon=one.icon, brand=one.brand, parent=self)
        option.toggled.connect(lambda on: self._on_toggled(one.token, on))
        return option

    def _on_toggled(self, token: str, on: bool) -> None:
        if on and not self._is_rendering:
            self.picked.emit(token)


def _saved_row(saved: SavedMethod, number: int) -> _Row:
    warning, _ = expiry_warning(saved)
    said = (warning or expiry_text(saved), tr("default") if saved.is_default else "")
    detail = " · ".join(part for part in said if part)
    detail = detail[:1].upper() + detail[1:]
    return _Row(saved.token, saved_method_label(saved), detail, brand_key(saved), f"savedCard-{number}",
                ICONS[saved.method])  # fmt: skip


class PaymentSection(QWidget):
    """Signals: method_picked(PaymentMethod); card_picked(token) - "" for something new; card_added(token)."""

    method_picked = Signal(object)
    card_picked = Signal(str)
    card_added = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._is_rendering = False
        self.setLayout(column(self._paid(), self._free(), spacing=0))

    def _paid(self) -> QWidget:
        items = [(way_label(method), ICONS[method]) for method in METHODS]
        self.method = Segmented(items, label=tr("Payment method"), name="paymentMethod", stretch=True)
        self.method.changed.connect(self._on_method_changed)
        self.method.hide()  # until there is a choice: what comes and goes moves everything below it
        for index, method in enumerate(METHODS):
            self.method.button(index).setObjectName(f"paymentMethod-{method.value}")
        self._balance = label("", "small", name="walletNote", wrap=True)
        self._note = label("", "small", name="wayNote", wrap=True)
        self._use = label("", "small", name="usePaymentNote", wrap=True)
        self.cards = CardChoice()
        self.cards.picked.connect(self.card_picked)
        self.cards.added.connect(self.card_added)
        self._ways = QWidget()
        title = label(tr("Payment method"), "section")
        parts = (title, 2, self.method, self._balance, 2, self._single(), self.cards, self._note, self._use)
        self._ways.setLayout(column(*parts, spacing=8))
        return self._ways

    def _single(self) -> QWidget:
        """Of the wallet, and of a transfer, there is only one."""
        self.wallet = OptionRow(tr("Wallet"), name="walletRow", icon=ICONS[PaymentMethod.WALLET])
        self.transfer = OptionRow(tr("Bank transfer"), name="transferRow", icon=ICONS[PaymentMethod.INVOICE])
        self.transfer.set_subtitle(transfer_detail())
        self._single_note = FieldNote()
        for one in (self.wallet, self.transfer):
            one.setAutoExclusive(False)
            one.setChecked(True)
            one.clicked.connect(lambda _checked=False, one=one: one.setChecked(True))
        self._single_box = QWidget()
        self._single_box.setLayout(column(self.wallet, self.transfer, self._single_note, spacing=8))
        return self._single_box

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
        self._show_single(state)
        is_paged = state.method in PAGED
        self.cards.setVisible(is_paged)
        if is_paged:
            self.cards.show_state(state, state.problems.get("payment_token") or state.problems.get("payment_method"))
        self._note.setText(way_note(state.method))
        self._note.setVisible(bool(self._note.text()))
        self._use.setText(use_payment_text(state.method))
        self._use.setVisible(state.is_per_use)
        for part in (self.method, self.cards):
            part.setEnabled(not state.is_locked)
        self._is_rendering = False

    def _show_methods(self, state: CheckoutState, options: PaymentOptions) -> None:
        balance = state.wallet_balance
        words = wallet_text(balance, state.wallet_needed) if balance is not None else ""
        offered = {*options.methods, state.method} | ({PaymentMethod.WALLET} if balance is not None else set())
        for index, method in enumerate(METHODS):
            segment = self.method.button(index)
            segment.setVisible(method in offered)
            if isinstance(segment, FaceRadio):
                segment.face.icon = ICONS[method] if len(offered) <= WITH_ICONS else ""
                segment.updateGeometry()
        wallet = METHODS.index(PaymentMethod.WALLET)
        self.method.button(wallet).setAccessibleDescription(words)
        self.method.set_item_enabled(wallet, state.can_use_wallet or state.is_wallet, words)
        self.method.setVisible(len(offered) > 1)
        self._balance.setText(words)
        self._balance.setVisible(bool(words) and not state.is_wallet)

    def _show_single(self, state: CheckoutState) -> None:
        is_transfer = state.method is PaymentMethod.INVOICE
        self._single_box.setVisible(state.is_wallet or is_transfer)
        self.wallet.setVisible(state.is_wallet)
        self.transfer.setVisible(is_transfer)
        if state.is_wallet and state.wallet_balance is not None:
            left = state.summary.credit_left if state.summary is not None else None
            self.wallet.set_subtitle(wallet_after(state.wallet_balance, left))
        self._single_note.set_error(state.problems.get("payment_method") if state.method not in PAGED else None)

    def focus_chosen(self) -> None:
        """To what pays now."""
        shown = [one for one in (self.wallet, self.transfer) if one.isVisibleTo(self)]
        if shown:
            shown[0].setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.cards.focus_chosen()

    def focus_another(self) -> None:
        """After what pays was refused: the next one on file, something new, or another way."""
        if self.cards.isVisibleTo(self) and self.cards.focus_another():
            return
        self.method.button(self.method.current()).setFocus(Qt.FocusReason.OtherFocusReason)
