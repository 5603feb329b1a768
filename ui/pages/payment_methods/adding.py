"""The buttons that bring a new way to pay: a page of the provider for each kind, or a test card where there is none."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from services.api.types import PaymentMethod, PaymentOptions, TestCard
from ui import theme
from ui.text import test_card_label, tr
from ui.text.methods import SAVABLE, add_label, addable
from ui.widgets.controls import Button, row
from ui.widgets.flow import FlowLayout

ICONS = {PaymentMethod.CARD: "credit-card", PaymentMethod.BANK: "landmark", PaymentMethod.PAYPAL: "at-sign"}


class AddButtons(QWidget):
    """`prefix` begins the names of its buttons. Signals: wanted(PaymentMethod); test_wanted(token)."""

    wanted = Signal(object)
    test_wanted = Signal(str)

    def __init__(self, prefix: str, *, is_centred: bool = False) -> None:
        super().__init__()
        self._tests: tuple[TestCard, ...] = ()
        self._buttons: dict[PaymentMethod, Button] = {}
        for method in SAVABLE:
            variant = "primary" if method is PaymentMethod.CARD else "secondary"
            button = Button(add_label(method), variant, ICONS[method], name=f"{prefix}-{method.value}")
            button.clicked.connect(lambda _checked=False, method=method: self.wanted.emit(method))
            self._buttons[method] = button
        self.test_button = Button(tr("Add a test card"), "primary", "plus", name=f"{prefix}-test")
        self.test_button.clicked.connect(self.open_menu)
        self._arrange(is_centred)
        self.show_options(None, is_busy=False)

    def _arrange(self, is_centred: bool) -> None:
        buttons = (*self._buttons.values(), self.test_button)
        if is_centred:
            self.setLayout(row(None, *buttons, None))
            return
        flow = FlowLayout(self, gap=8, line_gap=8)
        for button in buttons:
            flow.addWidget(button)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_options(
        self, options: PaymentOptions | None, *, is_busy: bool, opening: PaymentMethod | None = None
    ) -> None:
        """`opening`: the page of this one is on its way; its button keeps the keyboard."""
        offered = addable(options)
        self._tests = options.test_cards if options is not None and options.is_test_mode and not offered else ()
        for method, button in self._buttons.items():
            button.setVisible(method in offered)
            button.set_busy(method is opening)
            button.setEnabled(not is_busy or method is opening)
        self.test_button.setVisible(bool(self._tests))
        self.test_button.setEnabled(not is_busy)

    @property
    def first(self) -> Button | None:
        """The first one that is offered."""
        shown = [button for button in (*self._buttons.values(), self.test_button) if not button.isHidden()]
        return shown[0] if shown else None

    def take_focus(self) -> bool:
        """False when nothing can be added."""
        if self.first is None:
            return False
        self.first.setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    def open_menu(self) -> None:
        """The published test cards."""
        menu = QMenu(self)
        menu.setObjectName("testMethodMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for card in self._tests:
            action = menu.addAction(theme.current().icon("credit-card"), test_card_label(card))
            action.setObjectName(f"testMethod-{card.token}")
            action.triggered.connect(lambda _checked=False, token=card.token: self.test_wanted.emit(token))
        menu.popup(self.test_button.mapToGlobal(QPoint(0, self.test_button.height())))
