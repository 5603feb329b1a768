"""The two cards on top: what can be spent now, and what happens by itself when it runs low."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QGridLayout, QLabel, QWidget

from services.api.money import Money
from services.api.types import Wallet
from ui import theme
from ui.text import exact_money, tr
from ui.text.wallet import auto_state, auto_trouble, auto_used, frozen_text, pace_text
from ui.widgets.amount_link import AmountLink
from ui.widgets.controls import Button, Card, Icon, column, label, row, rule

FACTS_IN_A_ROW = 5
SIDE_BY_SIDE = 740  # px at 100 % text
AUTOMATIC, NARROW = 340, 300
ROOMY = 900
WIDEST = (1 << 24) - 1  # Qt's own "no maximum"


class BalanceCard(Card):
    """Signals: explained(ref)."""

    explained = Signal(str)

    def __init__(self) -> None:
        super().__init__(24, 8, name="balanceCard")
        self.balance = AmountLink(name="balanceAmount", kind="hero", weight=700)
        self.balance.explained.connect(self.explained)
        self._pace_icon = Icon("trending-down", "textMuted", 14)
        self._pace = label("", "muted", name="balancePace", wrap=True)
        self._pace_row = QWidget()
        self._pace_row.setLayout(row(self._pace_icon, self._pace, spacing=6))
        self._pace_row.layout().setStretch(1, 1)  # type: ignore[union-attr] # a box layout was just set
        self._facts: dict[str, AmountLink] = {}
        self.body.addWidget(label(tr("Balance"), "muted"))
        self.body.addLayout(row(self.balance, None))
        self.body.addWidget(self._pace_row)
        self.body.addStretch(1)
        self.body.addSpacing(4)
        self.body.addWidget(rule())
        self.body.addSpacing(2)
        self.body.addWidget(_Facts(self._made_facts()))

    def _made_facts(self) -> list[QWidget]:
        titles = (
            ("paid", tr("Paid credit")),
            ("promotional", tr("Promotional")),
            ("refundable", tr("Refundable")),
            ("held", tr("Held for calls")),
            ("spent", tr("Spent this month")),
        )
        made: list[QWidget] = []
        for name, title in titles:
            figure = AmountLink(name=f"{name}Amount", kind="bodyStrong")
            figure.explained.connect(self.explained)
            self._facts[name] = figure
            fact = QWidget()
            fact.setLayout(column(label(title, "caption"), row(figure, None), spacing=0))
            made.append(fact)
        return made

    def show_wallet(self, wallet: Wallet) -> None:
        ref = f"wallet:{wallet.organization_uuid}" if wallet.organization_uuid else ""
        spent = f"spent:{wallet.organization_uuid}" if wallet.organization_uuid else ""
        self.balance.set_amount(exact_money(wallet.balance), ref)
        amounts: dict[str, tuple[Money, str]] = {
            "paid": (wallet.paid, ""),
            "promotional": (wallet.promotional, ""),
            "refundable": (wallet.refundable, ""),
            "held": (wallet.held, ""),
            "spent": (wallet.spent_this_month, spent),
        }
        for name, (amount, about) in amounts.items():
            self._facts[name].set_amount(exact_money(amount), about)
        frozen, pace = frozen_text(wallet), pace_text(wallet) or _quiet(wallet)
        self._pace.setText(f"{frozen} {pace}" if frozen else pace)
        is_warning = wallet.is_low or bool(frozen)
        self._pace_icon.set_icon("triangle-alert" if is_warning else "trending-down",
                                 "warning" if is_warning else "textMuted")  # fmt: skip
        self._pace_icon.setVisible(is_warning or wallet.empty_on is not None)


def _quiet(wallet: Wallet) -> str:
    if wallet.balance.is_zero:
        return tr("Calls that are not included in a plan are paid from here.")
    return tr("Nothing was spent in the last 14 days.")


class _Facts(QWidget):
    """Figures with their titles, all side by side, or as many in a row as fit."""

    def __init__(self, facts: list[QWidget]) -> None:
        super().__init__()
        self._facts = facts
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(20)
        self._grid.setVerticalSpacing(8)
        self._arrange(FACTS_IN_A_ROW)

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for place, fact in enumerate(self._facts):
            self._grid.addWidget(fact, place // columns, place % columns)
        for number in range(FACTS_IN_A_ROW):
            self._grid.setColumnStretch(number, 1 if number < columns else 0)

    def minimumSizeHint(self) -> QSize:
        widest = max(fact.sizeHint().width() for fact in self._facts)
        return QSize(widest, self._grid.minimumSize().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        widest = max(fact.sizeHint().width() for fact in self._facts) + 20
        fitting = (self.width() + 20) // widest
        self._arrange(FACTS_IN_A_ROW if fitting >= FACTS_IN_A_ROW else min(max(fitting, 1), 3))


class AutomaticCard(Card):
    """Signals: auto_wanted(); alert_wanted()."""

    auto_wanted = Signal()
    alert_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(24, 12, name="automaticCard")
        self.auto_button = Button(tr("Set up"), "secondary", small=True, name="autoTopUpButton")
        self.alert_button = Button(tr("Set up"), "secondary", small=True, name="alertButton")
        self.auto_button.clicked.connect(self.auto_wanted)
        self.alert_button.clicked.connect(self.alert_wanted)
        self._auto = label("", "muted", name="autoTopUpState", wrap=True)
        self._used = label("", "small", name="autoTopUpUsed", wrap=True, tabular=True)
        self._trouble = label("", "danger", name="autoTopUpTrouble", wrap=True)
        self._alert = label("", "muted", name="alertState", wrap=True)
        self.body.addLayout(_part("refresh-cw", tr("Auto-top-up"), self.auto_button))
        for words in (self._auto, self._used, self._trouble):
            self.body.addWidget(words)
        self.body.setSpacing(6)
        self.body.addSpacing(4)
        self.body.addWidget(rule())
        self.body.addSpacing(4)
        self.body.addLayout(_part("bell", tr("Low-balance alert"), self.alert_button))
        self.body.addWidget(self._alert)
        self.body.addStretch(1)

    def show_wallet(self, wallet: Wallet) -> None:
        auto, threshold = wallet.auto_top_up, wallet.alert_threshold
        self.auto_button.setText(tr("Change") if auto.is_on else tr("Set up"))
        self.auto_button.setAccessibleName(tr("Change auto-top-up") if auto.is_on else tr("Set up auto-top-up"))
        _say(self._auto, auto_state(auto))
        _say(self._used, auto_used(auto))
        _say(self._trouble, auto_trouble(auto))
        self.alert_button.setText(tr("Set up") if threshold is None else tr("Change"))
        self.alert_button.setAccessibleName(
            tr("Set up the low-balance alert") if threshold is None else tr("Change the low-balance alert")
        )
        off, on = tr("Off. You are not warned."), tr("Warns below {amount}.")
        _say(self._alert, off if threshold is None else on.format(amount=exact_money(threshold)))


def _part(icon: str, title: str, button: Button) -> QBoxLayout:
    return row(Icon(icon, "textMuted", 16), label(title, "strong"), None, button, spacing=8)


def _say(words: QLabel, text: str) -> None:
    words.setText(text)
    words.setVisible(bool(text))


class TopCards(QWidget):
    """Both cards, side by side where they fit."""

    def __init__(self) -> None:
        super().__init__()
        self.balance, self.automatic = BalanceCard(), AutomaticCard()
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(16)
        self._box.addWidget(self.balance, 1)
        self._box.addWidget(self.automatic)

    def show_wallet(self, wallet: Wallet) -> None:
        self.balance.show_wallet(wallet)
        self.automatic.show_wallet(wallet)

    def arrange(self, width: int) -> None:
        px = theme.current().px
        is_wide = width >= px(SIDE_BY_SIDE)
        direction = QBoxLayout.Direction
        self._box.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)
        second = px(AUTOMATIC if width >= px(ROOMY) else NARROW)
        self.automatic.setMinimumWidth(second if is_wide else 0)
        self.automatic.setMaximumWidth(second if is_wide else WIDEST)
