"""For whom one buys: organization and project, made by themselves ("Auto: …") and renamed in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedLayout, QVBoxLayout, QWidget

from services.api.types import Organization, Project
from ui.text import tr
from ui.viewmodels.checkout_state import NAME_MAX, CheckoutState
from ui.widgets import a11y
from ui.widgets.controls import Select, label
from ui.widgets.fields import FieldNote, LineEdit

NEW: Final = object()  # data of the select's last entry
AROUND = 28  # px of a field that are frame and padding
EDIT_KEYS = (Qt.Key.Key_F2, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class NameEdit(LineEdit):
    """Reads "Auto: Ada's Organization" until it is clicked, or F2 or Enter is pressed; then it is a field.

    Enter keeps what was typed, Esc does not, an empty name is automatic again. Signals: renamed(str), given_up().
    """

    renamed = Signal(str)
    given_up = Signal()

    def __init__(self, what: str, name: str) -> None:
        super().__init__(name=name)
        self._what = what
        self._shown = self._suggested = ""
        self.setReadOnly(True)
        self.setMaxLength(NAME_MAX)
        self._pencil = self.add_button("pencil", tr("Rename {what}", what=what))
        self._pencil.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # F2 and Enter in the field do the same
        self._pencil.clicked.connect(self.begin)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_name(self, shown: str, suggested: str) -> None:
        """`shown` while it rests; `suggested` is what editing begins with."""
        self._shown, self._suggested = shown, suggested
        if self.isReadOnly():
            self._rest()

    def begin(self) -> None:
        if not self.isReadOnly() or not self.isEnabled():
            return
        self.setReadOnly(False)
        self._restyle()
        self._pencil.hide()
        self._arrange()
        self.setText(self._suggested)
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.selectAll()

    def _keep(self) -> None:
        if self.isReadOnly():
            return
        text = self.text().strip()
        self._rest()
        if text == self._suggested:
            self.given_up.emit()
        else:
            self.renamed.emit(text)

    def _give_up(self) -> None:
        self._rest()
        self.given_up.emit()

    def _rest(self) -> None:
        was_editing = not self.isReadOnly()
        self.setReadOnly(True)
        a11y.describe(self, name=self._what, description=self.help)
        if was_editing:
            self._restyle()
        self._pencil.show()
        self._arrange()
        self._elide()

    @property
    def help(self) -> str:
        """The whole name, which may be shortened on the screen, and how to change it."""
        return f"{self._shown}. {tr('Press Enter to rename')}" if self._shown else tr("Press Enter to rename")

    def _elide(self) -> None:
        """A name too long for its place ends in an ellipsis and is whole in the tooltip."""
        look, margins = self.fontMetrics(), self.textMargins()
        room = self.width() - margins.left() - margins.right() - AROUND
        fits = look.horizontalAdvance(self._shown) <= room or self.width() < AROUND
        self.setText(self._shown if fits else look.elidedText(self._shown, Qt.TextElideMode.ElideRight, room))
        self.setCursorPosition(0)
        self.setToolTip("" if fits else self._shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.isReadOnly() and hasattr(self, "_shown"):
            self._elide()

    def _restyle(self) -> None:
        self.style().unpolish(self)
        self.style().polish(self)
        self.setCursor(Qt.CursorShape.PointingHandCursor if self.isReadOnly() else Qt.CursorShape.IBeamCursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.isReadOnly() and event.key() in EDIT_KEYS:
            self.begin()
        elif not self.isReadOnly() and event.key() in EDIT_KEYS[1:]:
            self._keep()
        elif not self.isReadOnly() and event.key() == Qt.Key.Key_Escape:
            self._give_up()
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.begin()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self._keep()
        super().focusOutEvent(event)


class NameField(QWidget):
    """One of the two names: a select for who has some already, else the field that edits in place.

    Signals: picked(str) - the name to buy for; "" is automatic.
    """

    picked = Signal(str)

    def __init__(self, title: str, new_entry: str, name: str) -> None:
        super().__init__()
        self.setObjectName(f"{name}Box")
        self._title, self._new_entry = title, new_entry
        self._names: tuple[str, ...] = ()
        self._is_naming = False
        self.edit = NameEdit(title, name)
        self.select = Select([], label=title, name=f"{name}Select")
        self.note = FieldNote()
        self._label = label(title, "label")
        self._stack = QStackedLayout()
        self._stack.setContentsMargins(0, 0, 0, 0)
        for control in (self.edit, self.select):
            control.setParent(self)  # without one the stack would show it as a window of its own
            self._stack.addWidget(control)
            control.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.edit.renamed.connect(self._on_renamed)
        self.edit.given_up.connect(self._on_given_up)
        self.select.picked.connect(self._on_select_picked)
        self._build()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._label)
        layout.addLayout(self._stack)
        layout.addWidget(self.note)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def show_names(self, names: Sequence[str], shown: str, typed: str, suggested: str) -> None:
        """`names` one can choose from; `typed` is what the buyer set, `suggested` what editing begins with."""
        if tuple(names) != self._names:
            self._names = tuple(names)
            self.select.set_items([*((name, name) for name in names), (self._new_entry, NEW)])
        is_new = bool(typed) and typed not in self._names
        uses_select = bool(self._names) and not is_new and not self._is_naming
        if uses_select:
            self.select.set_current(shown)
        else:
            self.edit.show_name(shown if not self._is_naming else typed, suggested)
        self._use(self.select if uses_select else self.edit)

    def set_error(self, message: str | None) -> None:
        self.note.set_error(message)
        a11y.describe(self.edit, name=self._title, description=message or self.edit.help)

    @property
    def control(self) -> QWidget:
        """What one would focus."""
        current = self._stack.currentWidget()
        return current if current is not None else self.edit

    def _use(self, control: QWidget) -> None:
        had_focus = self.control.hasFocus()
        self._stack.setCurrentWidget(control)
        self._label.setBuddy(control)
        if had_focus:
            control.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_renamed(self, text: str) -> None:
        self._is_naming = False
        self.picked.emit(text)

    def _on_given_up(self) -> None:
        if self._is_naming:
            self._is_naming = False
            self.picked.emit("")

    def _on_select_picked(self, data: object) -> None:
        if data is NEW:
            self._is_naming = True
            self.edit.show_name("", "")
            self._use(self.edit)
            self.edit.begin()
        else:
            self.picked.emit(str(data))


class NamesSection(QWidget):
    """Organization and project side by side. Signals: organization_picked(str); project_picked(str)."""

    organization_picked = Signal(str)
    project_picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.organization = NameField(tr("Organization"), tr("New organization…"), "organizationField")
        self.project = NameField(tr("Project"), tr("New project…"), "projectField")
        self.organization.picked.connect(self.organization_picked)
        self.project.picked.connect(self.project_picked)
        both = QHBoxLayout(self)
        both.setContentsMargins(0, 0, 0, 0)
        both.setSpacing(12)
        both.addWidget(self.organization, 5, Qt.AlignmentFlag.AlignTop)
        both.addWidget(self.project, 3, Qt.AlignmentFlag.AlignTop)

    def show_state(self, state: CheckoutState) -> None:
        organizations = state.account.organizations if state.account else ()
        self.organization.show_names(
            [one.name for one in organizations],
            state.organization_shown,
            state.organization_name,
            state.organization_name or state.auto.organization_name,
        )
        self.project.show_names(
            [one.name for one in _projects(organizations, state.organization_name)],
            state.project_shown,
            state.project_name,
            state.project_name or state.auto.project_name,
        )
        self.organization.set_error(state.problems.get("organization_name"))
        self.project.set_error(state.problems.get("project_name"))
        self.setEnabled(not state.is_locked)


def _projects(organizations: Sequence[Organization], chosen: str) -> tuple[Project, ...]:
    """Of the chosen organization, or of the first; none in one that is yet to be made."""
    for organization in organizations:
        if chosen in ("", organization.name):
            return organization.projects
    return ()
