"""Choosing: check boxes, switches, segments and chips. Exclusive choices are radio buttons, so arrow keys and
screen readers treat them as such whatever they look like."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QLinearGradient, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QWidget,
)

from ui import theme
from ui.text import tr
from ui.widgets import paint
from ui.widgets.buttons import Face, IconButton
from ui.widgets.focus_order import one_stop


class Checkbox(QCheckBox):
    """A check box whose text may take several lines; `switch=True` paints it as a switch."""

    def __init__(self, text: str, *, name: str = "", switch: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._switch = switch
        self.setObjectName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def _mark_width(self) -> int:
        return theme.current().px(34 if self._switch else 18)

    def heightForWidth(self, width: int) -> int:
        look = theme.current()
        text = paint.wrapped_height(self.text(), look.font("body"), width - self._mark_width() - 10)
        return max(text + 4, look.line("body") + 4, look.size("minTarget"))

    def hasHeightForWidth(self) -> bool:
        return True

    def sizeHint(self) -> QSize:
        look = theme.current()
        width = self.fontMetrics().horizontalAdvance(self.text()) if self.text() else -10
        return QSize(width + self._mark_width() + 12, max(look.line("body") + 4, look.size("minTarget")))

    def minimumSizeHint(self) -> QSize:
        word = paint.widest_word(self.text(), theme.current().font("body"))
        return QSize(min(word + self._mark_width() + 12, self.sizeHint().width()), theme.current().size("minTarget"))

    def hitButton(self, pos: QPoint) -> bool:
        return self.rect().contains(pos)

    def paintEvent(self, _event: QPaintEvent) -> None:
        look, rtl = theme.current(), paint.is_rtl(self)
        p = paint.painter(self)
        height = look.px(20 if self._switch else 18)
        line = look.line("body")
        mark = paint.mirrored(QRect(0, 2 + (line - height) // 2, self._mark_width(), height), self.width(), rtl)
        if self._switch:
            self._paint_switch(p, QRectF(mark), rtl)
        else:
            paint.check_mark(
                p, QRectF(mark), checked=self.isChecked(), hovered=self.underMouse(), enabled=self.isEnabled()
            )
        x = self._mark_width() + 10
        p.setFont(look.font("body"))
        p.setPen(look.color("text" if self.isEnabled() else "textDisabled"))
        room = self.width() - x
        single = p.fontMetrics().horizontalAdvance(self.text()) <= room
        top = 2 + ((line - p.fontMetrics().height()) // 2)
        rect = paint.mirrored(
            QRect(x, 2 if single else top, room, line if single else self.height()), self.width(), rtl
        )
        p.drawText(rect, paint.LEFT if single else int(paint.WRAP), self.text())
        p.end()

    def _paint_switch(self, p: QPainter, rect: QRectF, rtl: bool) -> None:
        on = self.isChecked()
        track = ("accent" if on else "borderControl") if self.isEnabled() else "borderStrong"
        paint.box(p, rect, rect.height() / 2, track)
        side = rect.height() - 6
        knob = QRectF(rect.x() + 3, rect.y() + 3, side, side)
        if on != rtl:
            knob.moveLeft(rect.right() - 3 - side)
        paint.box(p, knob, side / 2, "onAccent" if on else "surface")


class FaceRadio(QRadioButton):
    """A radio button that wears a button's face (segment or chip)."""

    def __init__(
        self, text: str, variant: str, icon: str = "", *, name: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(text, parent)
        self.face = Face(variant, icon)
        self.setObjectName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return self.face.size(self.text())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, pos: QPoint) -> bool:
        return self.rect().contains(pos)

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        self.face.paint(p, self)
        p.end()


class Segmented(QFrame):
    """Two to five views or values side by side, exactly one chosen.

    Signals: changed(int) - another segment was chosen by the user or by set_current.
    """

    changed = Signal(int)

    def __init__(
        self,
        items: Sequence[str | tuple[str, str]],
        *,
        label: str,
        name: str = "",
        current: int = 0,
        stretch: bool = False,
    ) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setSizePolicy(
            QSizePolicy.Policy.Preferred if stretch else QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(3, 3, 3, 3)
        row.setSpacing(2)
        self._group = QButtonGroup(self)
        for index, item in enumerate(items):
            text, icon = (item, "") if isinstance(item, str) else item
            segment = FaceRadio(text, "seg", icon, name=f"{name}-{index}" if name else "")
            segment.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            segment.setAccessibleDescription(label)
            self._group.addButton(segment, index)
            row.addWidget(segment, 1 if stretch else 0)
        self._group.button(current).setChecked(True)
        one_stop(self._group.buttons())
        self._group.idToggled.connect(self._on_group_toggled)

    def _on_group_toggled(self, index: int, checked: bool) -> None:
        one_stop(self._group.buttons())
        if checked:
            self.changed.emit(index)

    def current(self) -> int:
        return self._group.checkedId()

    def set_current(self, index: int) -> None:
        self._group.button(index).setChecked(True)

    def button(self, index: int) -> QRadioButton:
        button = self._group.button(index)
        if not isinstance(button, QRadioButton):
            raise IndexError(index)
        return button

    def set_item_enabled(self, index: int, enabled: bool, reason: str = "") -> None:
        """A segment that cannot be chosen says why in its tooltip."""
        button = self.button(index)
        button.setEnabled(enabled)
        button.setToolTip("" if enabled else reason)

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = paint.painter(self)
        paint.box(p, QRectF(self.rect()), theme.current().radius("md"), "surfaceActive")
        p.end()


class ChipRow(QWidget):
    """One row of filter chips with counts; scrolls sideways when they do not fit.

    Signals: changed(str) - the key of the chip now chosen.
    """

    changed = Signal(str)

    def __init__(self, *, label: str, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(label)
        self._chips: dict[str, FaceRadio] = {}
        self._group = QButtonGroup(self)
        self._area = _SideScroll(self)
        self._strip = QWidget()
        self._row = QHBoxLayout(self._strip)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)
        self._area.setWidget(self._strip)
        self._fades = (_Fade(self, -1), _Fade(self, 1))
        self._back = self._scroll_button("chevron-left", tr("Show earlier categories"), -1)
        self._on = self._scroll_button("chevron-right", tr("Show more categories"), 1)
        bar = self._area.horizontalScrollBar()
        bar.valueChanged.connect(self._place_buttons)
        bar.rangeChanged.connect(self._place_buttons)
        self._group.buttonToggled.connect(self._on_group_toggled)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def _scroll_button(self, icon: str, label: str, direction: int) -> IconButton:
        button = IconButton(icon, label, small=True, variant="secondary", parent=self)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # arrow keys already bring every chip into view
        bar = self._area.horizontalScrollBar()
        button.clicked.connect(lambda: bar.setValue(bar.value() + direction * self.width() * 2 // 3))
        button.hide()
        return button

    def set_items(self, items: Sequence[tuple[str, str]], current: str | None = None) -> None:
        """Chips as (key, text); keeps the chosen one when it is still there."""
        keep = current if current is not None else self.current()
        blocked = self.blockSignals(True)
        for chip in self._chips.values():
            self._group.removeButton(chip)
            chip.hide()
            chip.deleteLater()
        self._chips.clear()
        while self._row.takeAt(0) is not None:
            pass
        for key, text in items:
            chip = FaceRadio(text, "chip", name=f"{self.objectName()}-{key}", parent=self._strip)
            chip.installEventFilter(self)
            self._group.addButton(chip)
            self._row.addWidget(chip)
            chip.show()
            self._chips[key] = chip
        self._row.addStretch()
        if self._chips:
            self._chips.get(keep, next(iter(self._chips.values()))).setChecked(True)
        self.blockSignals(blocked)
        self._fit()

    def set_counts(self, counts: Mapping[str, int]) -> None:
        for key, chip in self._chips.items():
            chip.face.count = f"{counts[key]:,}" if key in counts else ""
            chip.setAccessibleName(f"{chip.text()}, {chip.face.count}" if chip.face.count else chip.text())
            chip.updateGeometry()
        self._fit()

    def current(self) -> str:
        return next((key for key, chip in self._chips.items() if chip.isChecked()), "")

    def set_current(self, key: str) -> None:
        self._chips[key].setChecked(True)

    def _on_group_toggled(self, _button: QWidget, checked: bool) -> None:
        one_stop(self._group.buttons())
        if checked:
            self.changed.emit(self.current())

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:  # type: ignore[override]  # only chips are watched
        if event.type() == QEvent.Type.FocusIn:
            self._area.ensureWidgetVisible(watched, 40, 0)
        return False

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange) and hasattr(self, "_row"):
            self._fit()

    def sizeHint(self) -> QSize:
        return QSize(320, self._height())

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._height())

    def _height(self) -> int:
        return max((chip.sizeHint().height() for chip in self._chips.values()), default=30) + 8

    def _fit(self) -> None:
        self._row.invalidate()
        hint = self._row.sizeHint()
        self._strip.setFixedSize(max(hint.width(), 1), max(hint.height(), 1))
        self.updateGeometry()
        self._place_buttons()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._area.setGeometry(-4, 0, self.width() + 8, self.height())
        super().resizeEvent(event)
        self._place_buttons()

    def _place_buttons(self) -> None:
        bar = self._area.horizontalScrollBar()
        overflows = bar.maximum() > 0
        self._back.setVisible(overflows and bar.value() > 0)
        self._on.setVisible(overflows and bar.value() < bar.maximum())
        for button, fade, x in (
            (self._back, self._fades[0], 0),
            (self._on, self._fades[1], self.width() - self._on.sizeHint().width()),
        ):
            button.adjustSize()
            rtl, width = paint.is_rtl(self), button.width() + 24
            place = QRect(x, (self.height() - button.height()) // 2, button.width(), button.height())
            button.setGeometry(paint.mirrored(place, self.width(), rtl))
            side = QRect(0 if x == 0 else self.width() - width, 0, width, self.height())
            fade.setGeometry(paint.mirrored(side, self.width(), rtl))
            fade.setVisible(button.isVisibleTo(self))
            fade.raise_()
            button.raise_()


class _Fade(QWidget):
    """Lets chips run out under the scroll buttons instead of being cut."""

    def __init__(self, parent: QWidget, side: int) -> None:
        super().__init__(parent)
        self._side = side
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, _event: QPaintEvent) -> None:
        color = theme.current().color
        edge = self.width() if (self._side > 0) != paint.is_rtl(self) else 0
        gradient = QLinearGradient(edge, 0, self.width() - edge, 0)
        gradient.setColorAt(0.0, color("canvas"))
        gradient.setColorAt(0.55, color("canvas"))
        gradient.setColorAt(1.0, color("canvas", 0.0))
        p = paint.painter(self)
        p.fillRect(self.rect(), gradient)
        p.end()


class _SideScroll(QScrollArea):
    """Scrolls sideways with the wheel; no bars."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("plain", "true")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setViewportMargins(4, 4, 4, 4)

    def wheelEvent(self, event: QWheelEvent) -> None:
        bar = self.horizontalScrollBar()
        if bar.maximum() == 0:
            event.ignore()
            return
        delta = event.angleDelta()
        bar.setValue(bar.value() - (delta.x() or delta.y()))
        event.accept()
