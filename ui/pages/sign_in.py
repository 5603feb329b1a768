"""Sign in or create an account, over whatever page is open; the page keeps its place and its input."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from ui.text import tr
from ui.viewmodels.session import SessionState, SessionViewModel
from ui.widgets.controls import Button, TextField, label, row
from ui.widgets.notices import Banner
from ui.widgets.overlay import Sheet

PASSWORD_MIN = 8
FIELDS = ("email", "password")


class SignInSheet(Sheet):
    """Closes by itself once somebody is signed in. Signals: closed(), dismissed() from Overlay."""

    def __init__(self, session_vm: SessionViewModel, parent: QWidget) -> None:
        super().__init__(parent, tr("Sign in"), name="signInSheet", width=440)
        self.vm = session_vm
        self._is_new = False
        self._build()
        session_vm.dismiss_notice()
        session_vm.changed.connect(self._on_changed)
        session_vm.signed_in.connect(self.close_overlay)
        self.first_focus = self.email.edit
        self._show_mode()
        self._on_changed()

    # -- building --------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        self._intro = label("", "muted", name="signInIntro", wrap=True)
        self._banner = Banner(tone="danger", name="signInError")
        self.email = TextField(tr("E-mail"), name="signInEmail", placeholder=tr("you@company.com"))
        self.email.edit.setInputMethodHints(Qt.InputMethodHint.ImhEmailCharactersOnly)
        self.password = TextField(tr("Password"), name="signInPassword", password=True)
        self.submit = Button("", "primary", name="signInSubmit", big=True)
        self.submit.clicked.connect(self.press_submit)
        self.swap = Button("", "link", name="signInSwap")
        self.swap.clicked.connect(self._on_swap_clicked)
        for part in (self._intro, self._banner, self.email, self.password, self.submit):
            self.body.addWidget(part)
        self.body.addLayout(row(None, self.swap, None))
        self.body.addStretch()

    def _show_mode(self) -> None:
        new = self._is_new
        self._intro.setText(
            tr("Two fields and you have an account. Your cart is kept.") if new else tr("Your cart is kept.")
        )
        self.password.edit.setPlaceholderText(tr("At least {n} characters", n=PASSWORD_MIN) if new else "")
        self.submit.setText(tr("Create account") if new else tr("Sign in"))
        self.swap.setText(tr("I have an account") if new else tr("I am new here: create an account"))
        self.panel.setAccessibleName(tr("Create account") if new else tr("Sign in"))

    # -- what the user does ----------------------------------------------------------------------------------------
    def accept_default(self) -> None:
        self.press_submit()

    def press_submit(self) -> None:
        """Asks only for what is there; the service says what is wrong with it."""
        if self.vm.state.is_busy:
            return
        email, password = self.email.text(), self.password.text()
        missing = [field for field in (self.email, self.password) if not field.text().strip()]
        self.email.set_error(tr("Enter your e-mail address.") if self.email in missing else None)
        self.password.set_error(tr("Enter a password.") if self.password in missing else None)
        if missing:
            missing[0].edit.setFocus(Qt.FocusReason.OtherFocusReason)
        elif self._is_new:
            self.vm.register(email, password)
        else:
            self.vm.sign_in(email, password)

    def _on_swap_clicked(self) -> None:
        """What was typed stays."""
        self._is_new = not self._is_new
        self.vm.dismiss_notice()
        self._show_mode()
        (self.password if self.email.text() else self.email).edit.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self.vm.state
        was_busy = self.submit.is_busy
        self.submit.set_busy(state.is_busy)
        self.is_dismissible = not state.is_busy
        for field in (self.email, self.password):
            field.edit.setReadOnly(state.is_busy)  # disabled, the focused one would lose the focus
        self.swap.setEnabled(not state.is_busy)
        if not state.is_busy:
            self._show_problems(state)
        if was_busy and not state.is_busy and state.error is not None:
            self._after_failure(state)

    def _show_problems(self, state: SessionState) -> None:
        problems = _problems(state)
        self.email.set_error(problems.get("email"))
        self.password.set_error(problems.get("password"))
        self._banner.setVisible(state.error is not None and not problems)
        if state.error is not None:
            self._banner.set_message(state.error.sentence)

    def _after_failure(self, state: SessionState) -> None:
        if _is_taken(state) and self._is_new:
            self._is_new = False
            self._show_mode()
        field = self.email if "email" in _problems(state) else self.password
        field.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        if field is self.password:
            self.password.edit.selectAll()


def _is_taken(state: SessionState) -> bool:
    return state.error is not None and state.error.code == "email_taken"


def _problems(state: SessionState) -> dict[str, str]:
    """What stands beside the two fields. An address in use is no mistake: the sheet swaps and says so above them."""
    return {} if _is_taken(state) else {field: text for field, text in state.problems.items() if field in FIELDS}
