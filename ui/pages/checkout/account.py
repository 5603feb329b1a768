"""Who buys: two fields for a new person, the same two for one with an account, or who is signed in."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QWidget

from ui.text import ErrorText, tr
from ui.viewmodels.checkout_state import EMAIL_MAX, PASSWORD_MAX, PASSWORD_MIN, AccountMode, CheckoutState
from ui.widgets.avatar import Avatar
from ui.widgets.controls import Button, TextField, column, label, row
from ui.widgets.notices import Banner

ACCOUNT_ERRORS = ("email_taken", "bad_credentials", "too_many_tries", "session_expired", "not_signed_in")


class AccountSection(QWidget):
    """Signals: email_typed(str); password_typed(str); left(field); swapped(to_existing); another_wanted()."""

    email_typed = Signal(str)
    password_typed = Signal(str)
    left = Signal(str)
    swapped = Signal(bool)
    another_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._mode = AccountMode.NEW
        self.setLayout(column(self._head(), self._error(), self._guest(), self._known(), spacing=10))

    def _head(self) -> QWidget:
        self._title = label(tr("Account"), "section")
        self.swap = Button(tr("I have an account"), "link", name="haveAccountButton")
        self.swap.clicked.connect(lambda: self.swapped.emit(self._mode is AccountMode.NEW))
        self.another = Button(tr("Use another account"), "link", name="anotherAccountButton")
        self.another.clicked.connect(self.another_wanted)
        head = QWidget()
        head.setLayout(row(self._title, None, self.swap, self.another))
        return head

    def _error(self) -> Banner:
        self._banner = Banner(tone="danger", name="accountError")
        self._banner.hide()
        return self._banner

    def _guest(self) -> QWidget:
        self.email = TextField(
            tr("E-mail"), name="emailField", placeholder=tr("you@company.com"), max_length=EMAIL_MAX + 40
        )
        self.email.edit.setInputMethodHints(Qt.InputMethodHint.ImhEmailCharactersOnly)
        self.password = TextField(tr("Password"), name="passwordField", password=True, max_length=PASSWORD_MAX)
        self.email.changed.connect(self.email_typed)
        self.password.changed.connect(self.password_typed)
        self.email.left.connect(lambda: self._on_left("email", self.email.text()))
        self.password.left.connect(lambda: self._on_left("password", self.password.text()))
        self._fields = QWidget()
        self._fields.setLayout(column(self.email, self.password, spacing=12))
        return self._fields

    def _known(self) -> QWidget:
        self._avatar = Avatar(36)
        self._name: QLabel = label("", "strong", name="accountName")
        self._email: QLabel = label("", "small", name="accountEmail", selectable=True)
        self._person = QWidget()
        self._person.setLayout(row(self._avatar, column(self._name, self._email, spacing=0), None, spacing=12))
        return self._person

    def _on_left(self, field: str, text: str) -> None:
        """A field that was only passed by is not complained about before paying."""
        if text:
            self.left.emit(field)

    def show_state(self, state: CheckoutState) -> None:
        self._mode = state.account_mode
        is_guest = state.account_mode is not AccountMode.SIGNED_IN
        self._fields.setVisible(is_guest)
        self._person.setVisible(not is_guest)
        self.swap.setVisible(is_guest and not state.is_quote)
        self.another.setVisible(not is_guest and not state.is_locked)
        if is_guest:
            self._show_guest(state)
        elif state.account is not None:
            self._avatar.set_person(state.account.full_name or state.account.email)
            self._name.setText(state.account.full_name)
            self._email.setText(state.account.email)
        self._show_error(state.error)

    def _show_guest(self, state: CheckoutState) -> None:
        is_new = state.account_mode is AccountMode.NEW
        self._title.setText(tr("Account") if is_new else tr("Sign in"))
        self.swap.setText(tr("I have an account") if is_new else tr("Create an account"))
        placeholder = tr("At least {n} characters", n=PASSWORD_MIN) if is_new else ""
        self.password.edit.setPlaceholderText(placeholder)
        self.password.setVisible(not state.is_quote)
        self.email.set_text(state.email)
        self.password.set_text(state.password)
        self.email.set_error(state.problems.get("email"))
        self.password.set_error(state.problems.get("password"))
        for field in (self.email, self.password):
            field.edit.setReadOnly(state.is_busy)

    def _show_error(self, error: ErrorText | None) -> None:
        is_mine = error is not None and error.code in ACCOUNT_ERRORS
        if error is not None and is_mine:
            self._banner.set_message(error.sentence)
        self._banner.setVisible(is_mine)
