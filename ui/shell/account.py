"""The account corner of the sidebar: a guest can sign in; who is signed in sees balance, name and spending."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from services.api.money import Money
from services.api.types import Account
from ui import theme
from ui.text import exact_money, money, short_money, tr
from ui.widgets import paint
from ui.widgets.avatar import initials_avatar
from ui.widgets.controls import Button, IconButton

AVATAR = 32
NOTHING = Money(0)


class AccountCorner(QWidget):
    """Signals: sign_in_requested(); sign_out_requested(); my_agents_requested(); settings_requested();
    wallet_requested(); methods_requested() - the ways to pay."""

    sign_in_requested = Signal()
    sign_out_requested = Signal()
    my_agents_requested = Signal()
    settings_requested = Signal()
    wallet_requested = Signal()
    methods_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("accountCorner")
        self.sign_in = Button(tr("Sign in"), "secondary", name="signInButton")
        self.sign_in.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.sign_in_icon = IconButton("log-in", tr("Sign in"), name="signInIconButton")
        self.balance = BalanceButton()
        self.balance.clicked.connect(self.wallet_requested)
        self.account = AccountButton()
        for button in (self.sign_in, self.sign_in_icon):
            button.clicked.connect(self.sign_in_requested)
        self.account.clicked.connect(self._on_account_clicked)
        self._is_collapsed = False
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(2)
        whole.addWidget(self.sign_in)
        whole.addWidget(self.sign_in_icon, 0, Qt.AlignmentFlag.AlignHCenter)
        whole.addWidget(self.balance)
        whole.addWidget(self.account)
        self.show_account(None)

    def show_account(self, account: Account | None) -> None:
        self.account.show_account(account)
        if account is not None:
            self.balance.show_balance(account.balance or NOTHING, is_low=account.is_balance_low)
        self._arrange()

    def set_collapsed(self, collapsed: bool) -> None:
        self._is_collapsed = collapsed
        self.account.set_collapsed(collapsed)
        self.balance.set_collapsed(collapsed)
        self._arrange()

    def _arrange(self) -> None:
        is_guest = self.account.is_guest
        self.sign_in.setVisible(is_guest and not self._is_collapsed)
        self.sign_in_icon.setVisible(is_guest and self._is_collapsed)
        self.account.setVisible(not is_guest)
        self.balance.setVisible(not is_guest)

    def _on_account_clicked(self) -> None:
        menu = QMenu(self)
        menu.setObjectName("accountMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.account.email).setEnabled(False)
        menu.addSeparator()
        menu.addAction(tr("My agents"), self.my_agents_requested.emit)
        menu.addAction(tr("Wallet"), self.wallet_requested.emit)
        menu.addAction(tr("Payment methods"), self.methods_requested.emit).setObjectName("methodsAction")
        menu.addAction(tr("Settings"), self.settings_requested.emit)
        menu.addSeparator()
        menu.addAction(tr("Sign out"), self.sign_out_requested.emit).setObjectName("signOutAction")
        menu.adjustSize()
        corner = self.account.mapToGlobal(QPoint(0, 0))
        menu.popup(corner - QPoint(0, menu.sizeHint().height() + theme.current().space(1)))


class BalanceButton(QPushButton):
    """The balance, always in sight: a row with its name, or when the sidebar is narrow an icon above a short figure."""

    def __init__(self) -> None:
        super().__init__()
        self._amount = NOTHING
        self._is_low = False
        self._is_collapsed = False
        self.setObjectName("balanceButton")
        self.setAutoDefault(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def amount_text(self) -> str:
        return exact_money(self._amount)

    def show_balance(self, amount: Money, *, is_low: bool) -> None:
        self._amount, self._is_low = amount, is_low
        name = tr("Low balance {amount}", amount=self.amount_text) if is_low else ""
        self.setAccessibleName(name or tr("Balance {amount}", amount=self.amount_text))
        self.setAccessibleDescription(tr("Opens the wallet"))
        self.setToolTip(self.accessibleName())
        self.update()

    def set_collapsed(self, collapsed: bool) -> None:
        self._is_collapsed = collapsed
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        look = theme.current()
        if self._is_collapsed:
            return QSize(look.px(AVATAR), look.px(16) + look.line("caption") + 3 * look.space(1))
        return QSize(look.px(120), look.line("body") + 14)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.current().px(AVATAR), self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        look = theme.current()
        p = paint.painter(self)
        if self.underMouse() or self.isDown():
            paint.box(p, self.rect().toRectF(), look.radius("md"), "surfaceActive")
        role = "warning" if self._is_low else "textMuted"
        icon = "triangle-alert" if self._is_low else "coins"
        if self._is_collapsed:
            self._paint_narrow(p, icon, role)
        else:
            self._paint_wide(p, icon, role)
        p.end()

    def _paint_narrow(self, p: QPainter, icon: str, role: str) -> None:
        look, side = theme.current(), theme.current().px(16)
        top = look.space(1)
        paint.icon(p, QPoint((self.width() - side) // 2, top), icon, role, side)
        room = QRect(0, top + side + look.space(1), self.width(), look.line("caption"))
        font = look.font("caption", True, 600)
        while QFontMetrics(font).horizontalAdvance(short_money(self._amount)) > self.width() and font.pixelSize() > 8:
            font.setPixelSize(font.pixelSize() - 1)
        paint.text(p, room, short_money(self._amount), font, "warning" if self._is_low else "text", paint.CENTER)

    def _paint_wide(self, p: QPainter, icon: str, role: str) -> None:
        look, rtl, side, width = theme.current(), paint.is_rtl(self), theme.current().px(16), self.width()
        pad, gap = 10, 10
        mark = paint.mirrored(QRect(pad, (self.height() - side) // 2, side, side), width, rtl)
        paint.icon(p, mark.topLeft(), icon, role, side)
        font = look.font("body", True, 600)
        room = QFontMetrics(font).horizontalAdvance(self.amount_text) + 2
        start = pad + side + gap
        title = paint.mirrored(QRect(start, 0, max(width - start - room - pad - gap, 0), self.height()), width, rtl)
        paint.text(p, title, tr("Balance"), look.font("body", weight=500), "textMuted")
        amount = paint.mirrored(QRect(width - pad - room, 0, room, self.height()), width, rtl)
        paint.text(p, amount, self.amount_text, font, "warning" if self._is_low else "text")


class AccountButton(QPushButton):
    """Picture, name, organization, and what was spent this month; opens the account menu."""

    def __init__(self) -> None:
        super().__init__()
        self._account: Account | None = None
        self._is_collapsed = False
        self.setObjectName("accountButton")
        self.setAutoDefault(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def is_guest(self) -> bool:
        return self._account is None

    @property
    def email(self) -> str:
        return self._account.email if self._account else ""

    @property
    def spent_text(self) -> str:
        """ "This month $990": what left the wallet since the first."""
        if self._account is None:
            return ""
        return tr("This month {amount}", amount=money(self._account.spent_this_month))

    def show_account(self, account: Account | None) -> None:
        self._account = account
        if account is not None:
            self.setAccessibleName(tr("Account of {name}", name=account.full_name))
            self.setAccessibleDescription(f"{self._organization}. {self.spent_text}".lstrip(". "))
            self.setToolTip(
                "\n".join(part for part in (account.full_name, self._organization, self.spent_text) if part)
            )
        self.updateGeometry()
        self.update()

    def set_collapsed(self, collapsed: bool) -> None:
        self._is_collapsed = collapsed
        self.updateGeometry()
        self.update()

    @property
    def _organization(self) -> str:
        return self._account.organizations[0].name if self._account and self._account.organizations else ""

    def sizeHint(self) -> QSize:
        look = theme.current()
        pad, side = look.space(2), look.px(AVATAR)
        if self._is_collapsed:
            return QSize(side + 2 * look.space(1), side + 2 * look.space(1))
        text = look.line("small") + (look.line("caption") if self._organization else 0)
        return QSize(look.px(120), max(side, text) + look.line("caption") + 2 * pad + look.space("1.5"))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.current().px(AVATAR), self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._account is None:
            return
        look, rtl = theme.current(), paint.is_rtl(self)
        p = paint.painter(self)
        if self.underMouse() or self.isDown():
            paint.box(p, self.rect().toRectF(), look.radius("md"), "surfaceActive")
        pad, side = look.space(1 if self._is_collapsed else 2), look.px(AVATAR)
        picture = initials_avatar(self._account.full_name, side, self.devicePixelRatioF())
        x = (self.width() - side) // 2 if self._is_collapsed else pad
        p.drawPixmap(paint.mirrored(QRect(x, pad, side, side), self.width(), rtl).topLeft(), picture)
        if not self._is_collapsed:
            start = pad + side + look.space(2)
            lines = [(self._account.full_name, "small", "text", 600), (self._organization, "caption", "textMuted", 400)]
            y = pad if self._organization else pad + (side - look.line("small")) // 2
            for text, kind, role, weight in lines:
                room = QRect(start, y, self.width() - start - pad, look.line(kind))
                paint.text(p, paint.mirrored(room, self.width(), rtl), text, look.font(kind, weight=weight), role)
                y += look.line(kind)
            self._paint_spent(p, max(y, pad + side) + look.space("1.5"))
        p.end()

    def _paint_spent(self, p: QPainter, y: int) -> None:
        look, rtl = theme.current(), paint.is_rtl(self)
        pad, icon, line = look.space(2), look.px(14), look.line("caption")
        x = pad + (look.px(AVATAR) - icon) // 2
        mark = paint.mirrored(QRect(x, y + (line - icon) // 2, icon, icon), self.width(), rtl)
        paint.icon(p, mark.topLeft(), "wallet", "textMuted", icon)
        start = pad + look.px(AVATAR) + look.space(2)
        font = look.font("caption", True)
        width = min(QFontMetrics(font).horizontalAdvance(self.spent_text) + 2, self.width() - start - pad)
        room = paint.mirrored(QRect(start, y, width, line), self.width(), rtl)
        paint.text(p, room, self.spent_text, font, "textMuted")
