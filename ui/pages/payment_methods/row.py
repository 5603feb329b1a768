"""One way to pay: its mark, how long it works, what it pays for, and what can be done with it."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from services.api.types import PaymentMethod, SavedMethod
from ui import theme
from ui.text import tr
from ui.text.methods import brand_key, expiry_text, expiry_warning, saved_method_label, used_for_text
from ui.widgets import paint
from ui.widgets.controls import Badge, Button, Card, column, label, row
from ui.widgets.folding import FoldingRow

MARK_WIDTH, MARK_HEIGHT, ICON = 38, 26, 20
ICONS = {PaymentMethod.CARD: "credit-card", PaymentMethod.BANK: "landmark", PaymentMethod.PAYPAL: "at-sign"}
SMALLEST = 7  # px, of the letters of a mark
TONE_ICONS = {"danger": "circle-alert", "warning": "triangle-alert"}


class BrandMark(QWidget):
    """The mark of a brand, or a plain icon for one that has none. Silent for screen readers: the words say it."""

    def __init__(self) -> None:
        super().__init__()
        self._brand, self._icon = "", "credit-card"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def show_method(self, saved: SavedMethod) -> None:
        self._brand, self._icon = brand_key(saved), ICONS.get(saved.method, "credit-card")
        self.update()

    def sizeHint(self) -> QSize:
        px = theme.current().px
        return QSize(px(MARK_WIDTH), px(MARK_HEIGHT))

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        p = paint.painter(self)
        brand = look.tokens.brand.get(self._brand)
        if brand is None:
            side = look.px(ICON)
            place = QRect((self.width() - side) // 2, (self.height() - side) // 2, side, side)
            paint.icon(p, place.topLeft(), self._icon, "textMuted", side)
            p.end()
            return
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(QColor(brand.fill))
        p.drawRoundedRect(self.rect(), look.radius("xs"), look.radius("xs"))
        font = look.font("label", weight=700)
        font.setItalic(True)
        font.setPixelSize(look.px(11))
        while QFontMetrics(font).horizontalAdvance(brand.mark) > self.width() - 6 and font.pixelSize() > SMALLEST:
            font.setPixelSize(font.pixelSize() - 1)
        p.setFont(font)
        p.setPen(QColor(brand.text))
        p.drawText(self.rect(), paint.CENTER, brand.mark)
        p.end()


class MethodRow(Card):
    """Signals: default_wanted(token); remove_wanted(token)."""

    default_wanted = Signal(str)
    remove_wanted = Signal(str)

    def __init__(self, token: str, place: int) -> None:
        super().__init__(16, 0, name=f"method-{place}")
        self._token = token
        self._mark = BrandMark()
        self._name = label("", "strong", name=f"methodName-{place}", wrap=True)
        self._default = Badge(tr("Default"), "accent", name=f"methodDefault-{place}")
        self._fresh = Badge(tr("New"), "success", "circle-check", name=f"methodNew-{place}")
        self._warning = Badge("", "warning", name=f"methodWarning-{place}")
        self._detail = label("", "small", name=f"methodDetail-{place}", wrap=True, tabular=True)
        self._used = label("", "small", name=f"methodUses-{place}", wrap=True)
        self.make_default = Button(tr("Make default"), "secondary", small=True, name=f"makeDefault-{place}")
        self.remove = Button(tr("Remove"), "ghost", "trash", small=True, name=f"removeMethod-{place}")
        self.make_default.clicked.connect(lambda: self.default_wanted.emit(self._token))
        self.remove.clicked.connect(lambda: self.remove_wanted.emit(self._token))
        self.body.addWidget(FoldingRow(self._words(), self._buttons()))

    def _words(self) -> QWidget:
        title = row(self._name, self._default, self._fresh, self._warning, None, spacing=8)
        words = column(title, self._detail, self._used, spacing=2)
        whole = row(self._mark, words, spacing=14)
        whole.setStretch(1, 1)
        whole.setAlignment(self._mark, Qt.AlignmentFlag.AlignTop)
        box = QWidget()
        box.setLayout(whole)
        return box

    def _buttons(self) -> QWidget:
        box = QWidget()
        box.setLayout(row(None, self.make_default, self.remove))
        return box

    def show_method(self, saved: SavedMethod, now: datetime | None, *, is_fresh: bool, is_busy: bool) -> None:
        name = saved_method_label(saved)
        warning, tone = expiry_warning(saved, now)
        self.setAccessibleName(name)
        self._mark.show_method(saved)
        self._name.setText(tr("PayPal") if saved.method is PaymentMethod.PAYPAL else name)
        self._default.setVisible(saved.is_default)
        self._fresh.setVisible(is_fresh)
        self._warning.setVisible(bool(warning))
        if warning:
            self._warning.set_badge(warning, tone, TONE_ICONS[tone])
        detail, used = saved.email or expiry_text(saved), used_for_text(saved)
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
        self._used.setText(used)
        self._used.setVisible(bool(used))
        self.make_default.setVisible(not saved.is_default)
        self.make_default.setEnabled(not is_busy)
        self.make_default.setAccessibleName(tr("Make {name} the default", name=name))
        self.remove.setEnabled(not is_busy)
        self.remove.setAccessibleName(tr("Remove {name}", name=name))

    def take_focus(self) -> None:
        """To the first thing that can be done with it."""
        target = self.make_default if not self.make_default.isHidden() else self.remove
        target.setFocus(Qt.FocusReason.OtherFocusReason)
