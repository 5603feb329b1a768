"""Picking one of many: a drop-down painted from tokens, alone or with label and error."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBitmap, QFontMetrics, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QListView, QSizePolicy, QWidget

from ui import theme
from ui.widgets import paint
from ui.widgets.fields import Labelled


class Select(QComboBox):
    """A drop-down with a rounded list below it. Items are texts or (text, data).

    Signals: currentIndexChanged(int) from Qt, picked(object) - the data the user picked.
    """

    picked = Signal(object)

    def __init__(
        self, items: Sequence[str | tuple[str, object]] = (), *, label: str, name: str = "", quiet: bool = False
    ) -> None:
        super().__init__()
        self._quiet = quiet
        view = QListView()
        view.setProperty("popup", "true")
        self.setView(view)
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        popup = view.window()
        flags = Qt.WindowType
        popup.setWindowFlags(flags.Popup | flags.FramelessWindowHint | flags.NoDropShadowWindowHint)
        popup.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.set_items(items)
        self.activated.connect(lambda _index: self.picked.emit(self.current()))

    def set_items(self, items: Sequence[str | tuple[str, object]]) -> None:
        """Replaces the items and keeps the current data when it is still there."""
        keep = self.current() if self.count() else None
        blocked = self.blockSignals(True)
        self.clear()
        for item in items:
            text, data = (item, item) if isinstance(item, str) else item
            self.addItem(text, data)
        self.blockSignals(blocked)
        if keep is not None:
            self.set_current(keep)

    def current(self) -> object:
        data: object = self.currentData()
        return data

    def set_current(self, data: object) -> None:
        for index in range(self.count()):
            if self.itemData(index) == data:
                self.setCurrentIndex(index)
                return

    def sizeHint(self) -> QSize:
        look = theme.current()
        metrics = QFontMetrics(look.font("small" if self._quiet else "body"))
        widest = max((metrics.horizontalAdvance(self.itemText(i)) for i in range(self.count())), default=80)
        height = look.line("small") + 14 if self._quiet else look.line("body") + 16
        return QSize(widest + look.px(14) + 36, height)

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(min(hint.width(), theme.current().px(96)), hint.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        look, rtl = theme.current(), paint.is_rtl(self)
        p = paint.painter(self)
        rest = "danger" if self.property("invalid") == "true" else "borderStrong" if self._quiet else "borderControl"
        border = "accent" if self.hasFocus() else "textMuted" if self.underMouse() else rest
        if not self.isEnabled():
            border = "border"
        paint.box(p, QRectF(self.rect()), look.radius("md"), "surface" if self.isEnabled() else "surfaceSunken", border)
        side = look.px(14)
        place = paint.mirrored(
            QRect(self.width() - side - 10, (self.height() - side) // 2, side, side), self.width(), rtl
        )
        paint.icon(p, place.topLeft(), "chevron-down", "textMuted", side)
        room = paint.mirrored(QRect(12, 0, self.width() - side - 28, self.height()), self.width(), rtl)
        font = look.font("small" if self._quiet else "body")
        paint.text(p, room, self.currentText(), font, "text" if self.isEnabled() else "textMuted")
        p.end()

    def showPopup(self) -> None:
        super().showPopup()
        popup = self.view().window()
        below = self.mapToGlobal(QPoint(0, self.height() + 4))
        if below.y() + popup.height() <= self.screen().availableGeometry().bottom():
            popup.move(popup.x(), below.y())
        if QGuiApplication.platformName() == "xcb":
            self._round(popup)

    def _round(self, popup: QWidget) -> None:
        """Without a compositor (bare X11) translucent corners turn black: cut them off."""
        shape = QBitmap(popup.size())
        shape.clear()
        p = paint.painter(shape)
        p.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # half pixels would stay as specks
        p.setBrush(Qt.GlobalColor.color1)
        radius = theme.current().radius("md")
        p.drawRoundedRect(shape.rect().adjusted(0, 0, -1, -1), radius, radius)
        p.end()
        popup.setMask(shape)


class SelectField(Labelled):
    """A Select with label, help and error."""

    def __init__(
        self,
        text: str,
        items: Sequence[str | tuple[str, object]] = (),
        *,
        name: str = "",
        help_text: str = "",
        optional: bool = False,
    ) -> None:
        self.select = Select(items, label=text, name=name)
        super().__init__(self.select, text, help_text=help_text, optional=optional)
