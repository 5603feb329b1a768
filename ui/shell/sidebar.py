"""The sidebar: where one can go, the palette's key, theme, settings and the account; shrinks to icons."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ui import theme
from ui.shell.account import AccountCorner
from ui.shell.history import (
    COLLECTIONS,
    INVOICES,
    MARKETPLACE,
    MY_AGENTS,
    PAYMENT_METHODS,
    SETTINGS,
    SUBSCRIPTIONS,
    WALLET,
)
from ui.shell.keys import key_text
from ui.text import tr
from ui.widgets import paint
from ui.widgets.controls import Badge, Icon, IconButton, NavItem, column, label, row, scroll_page


class Sidebar(QFrame):
    """Signals: chosen(str) - a page; palette_requested(); theme_toggled(). The account corner has its own."""

    chosen = Signal(str)
    palette_requested = Signal()
    theme_toggled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("sidebar")
        self.setAccessibleName(tr("Navigation"))
        self._is_collapsed: bool | None = None
        self._places: dict[str, NavItem] = {}
        self._build()
        self.set_collapsed(False)

    # -- building --------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        look = theme.current()
        self._whole = QVBoxLayout(self)
        self._whole.setContentsMargins(look.space(3), look.space(3), look.space(3), look.space(3))
        self._whole.setSpacing(2)
        self._whole.addLayout(self._head())
        self._whole.addSpacing(look.space(2))
        self._whole.addWidget(self._where(), 1)
        self._whole.addWidget(self._theme_switch())
        self._whole.addWidget(self._place(SETTINGS, tr("Settings"), "settings"))
        self._whole.addSpacing(look.space("1.5"))
        self.account = AccountCorner()
        self._whole.addWidget(self.account)

    def _where(self) -> QWidget:
        """Scrolls when the window is low or the text large; the account below stays."""
        places = (
            (MARKETPLACE, tr("Marketplace"), "store"),
            (MY_AGENTS, tr("My agents"), "bot"),
            (WALLET, tr("Wallet"), "wallet"),
            (SUBSCRIPTIONS, tr("Subscriptions"), "repeat"),
            (INVOICES, tr("Invoices"), "receipt"),
            (PAYMENT_METHODS, tr("Payment methods"), "credit-card"),
            (COLLECTIONS, tr("Collections"), "piggy-bank"),
        )
        inner = QWidget()
        inner.setLayout(column(*(self._place(*place) for place in places), None, spacing=2))
        self.show_collections(False)
        self._area = scroll_page(inner, plain=True)
        self._area.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        return self._area

    def _head(self) -> QVBoxLayout:
        look = theme.current()
        self._name: QLabel = label(tr("Souk"), "section", name="appName")
        self.palette_button = KeyCapButton(
            key_text("Ctrl+K"), tr("Search pages, agents and actions"), name="paletteButton"
        )
        self.palette_icon = IconButton("search", tr("Search pages, agents and actions"), name="paletteIconButton")
        for button in (self.palette_button, self.palette_icon):
            button.clicked.connect(self.palette_requested)
        self._mark = Icon("sprout", "accent", 22)
        self.payment_mode = Badge(name="paymentModeBadge")
        self.payment_mode.hide()  # until the service has said which it is
        self.payment_icon = Icon("flask-conical", "textMuted", 18)  # a word is too wide beside the icons
        self.payment_icon.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, False)  # it has a tip
        self.payment_icon.hide()
        self._line = row(self._mark, self._name, self.payment_mode, None, self.palette_button, spacing=8)
        head = QVBoxLayout()
        head.setSpacing(look.space(2))
        head.addLayout(self._line)
        head.addWidget(self.palette_icon, 0, Qt.AlignmentFlag.AlignHCenter)
        head.addWidget(self.payment_icon, 0, Qt.AlignmentFlag.AlignHCenter)
        return head

    def _place(self, page: str, text: str, icon: str) -> NavItem:
        item = NavItem(text, icon, name=f"nav-{page}")
        item.clicked.connect(lambda: self.chosen.emit(page))
        self._places[page] = item
        return item

    def _theme_switch(self) -> NavItem:
        self._theme_item = NavItem("", "moon", name="themeToggle")
        self._theme_item.clicked.connect(self.theme_toggled)
        self.show_theme()
        return self._theme_item

    # -- showing ---------------------------------------------------------------------------------------------------
    def show_theme(self) -> None:
        """Offers the other theme."""
        text, icon = (tr("Light theme"), "sun") if theme.current().is_dark else (tr("Dark theme"), "moon")
        self._theme_item.setText(text)
        self._theme_item.setAccessibleName(text)
        self._theme_item.setToolTip(text if self._is_collapsed else "")
        self._theme_item.set_icon(icon)

    def show_place(self, section: str) -> None:
        for page, item in self._places.items():
            item.set_current(page == section)

    def show_payment_mode(self, is_test_mode: bool) -> None:
        """TEST or LIVE, in words: whether real money moves."""
        word, tip = (
            (tr("TEST"), tr("Test mode: no real money moves.")) if is_test_mode
            else (tr("LIVE"), tr("Payments are live: real money moves."))
        )  # fmt: skip
        self.payment_mode.set_badge(word, "warning" if is_test_mode else "success")
        self.payment_icon.set_icon("flask-conical" if is_test_mode else "banknote")
        for widget in (self.payment_mode, self.payment_icon):
            widget.setAccessibleName(f"{word}. {tip}")
            widget.setToolTip(tip)
        self._fold(self.is_collapsed)

    def show_collections(self, is_shown: bool) -> None:
        """Only support has them, and whoever is concerned in a test workspace."""
        self._places[COLLECTIONS].setVisible(is_shown)

    def show_bought(self, count: int) -> None:
        self._places[MY_AGENTS].set_count(f"{count:,}" if count else "")

    def set_collapsed(self, collapsed: bool) -> None:
        look = theme.current()
        if collapsed != self._is_collapsed:
            self._is_collapsed = collapsed
            self._fold(collapsed)
        icons = self._theme_item.sizeHint().width() + 2 * look.space(3)
        self.setFixedWidth(icons if collapsed else look.px(look.size("sidebar")))

    def _fold(self, collapsed: bool) -> None:
        for item in (*self._places.values(), self._theme_item):
            item.set_collapsed(collapsed)
        bar = Qt.ScrollBarPolicy  # a bar would take a third of the icons; wheel and keyboard still scroll
        self._area.setVerticalScrollBarPolicy(bar.ScrollBarAlwaysOff if collapsed else bar.ScrollBarAsNeeded)
        edge = 0 if collapsed else theme.current().space(2)
        self._line.setContentsMargins(edge, 0, edge, 0)
        self._line.setAlignment(self._mark, Qt.AlignmentFlag.AlignHCenter if collapsed else Qt.AlignmentFlag(0))
        self._name.setVisible(not collapsed)
        self.palette_button.setVisible(not collapsed)
        self.palette_icon.setVisible(collapsed)
        self.payment_mode.setVisible(bool(self.payment_mode.text()) and not collapsed)
        self.payment_icon.setVisible(bool(self.payment_mode.text()) and collapsed)
        self.account.set_collapsed(collapsed)
        self.show_theme()

    @property
    def is_collapsed(self) -> bool:
        return bool(self._is_collapsed)


class KeyCapButton(QPushButton):
    """A button that looks like the key it stands for."""

    def __init__(self, text: str, tip: str, *, name: str) -> None:
        super().__init__(text)
        self.setObjectName(name)
        self.setAccessibleName(tip)
        self.setToolTip(tip)
        self.setAutoDefault(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        look = theme.current()
        width = QFontMetrics(look.font("label")).horizontalAdvance(self.text())
        return QSize(width + 2 * look.space(2), max(look.line("label") + look.space("1.5"), look.size("minTarget")))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        p = paint.painter(self)
        fill = "surfaceActive" if self.underMouse() or self.isDown() else "surfaceHover"
        paint.box(p, QRectF(self.rect()), look.radius("xs"), fill, "borderStrong")
        paint.text(p, self.rect(), self.text(), look.font("label"), "textMuted", paint.CENTER)
        p.end()
