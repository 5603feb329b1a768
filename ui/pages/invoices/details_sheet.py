"""Who invoices are made out to, as a form: for the next ones, or to correct one that was made."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui.text import tr
from ui.text.countries import countries
from ui.text.invoices import correction_text
from ui.viewmodels.base import Status
from ui.viewmodels.billing_details import BillingDetailsState, BillingDetailsViewModel
from ui.widgets.controls import Button, Labelled, SelectField, TextArea, TextField, column
from ui.widgets.notices import Banner
from ui.widgets.overlay import Sheet
from ui.widgets.states import ErrorState, skeleton_rows

NAME_LENGTH, VAT_LENGTH, EMAIL_LENGTH = 120, 32, 254


class BillingDetailsSheet(Sheet):
    """Closes itself when the details are kept."""

    def __init__(self, window: QWidget, vm: BillingDetailsViewModel) -> None:
        corrects = vm.state.corrects
        title = tr("Correct {number}", number=corrects.number) if corrects is not None else tr("Billing details")
        super().__init__(window, title, name="billingSheet", width=480)
        self._vm = vm
        self._is_rendering = False
        self._waiting = skeleton_rows(5, height=52, gap=14)
        self._failed = ErrorState(name="billingError")
        self._failed.retried.connect(vm.load)
        self._views = {Status.READY: self._form(), Status.LOADING: self._waiting, Status.ERROR: self._failed}
        for view in self._views.values():
            self.body.addWidget(view)
        self._foot()
        vm.changed.connect(self._on_changed)
        vm.problems_found.connect(self._on_problems_found)
        vm.saved.connect(self.close_overlay)
        vm.corrected.connect(self.close_overlay)
        self._on_changed()

    # -- building --------------------------------------------------------------------------------------------------
    def _form(self) -> QWidget:
        corrects = self._vm.state.corrects
        self._note = Banner(
            correction_text(corrects) if corrects is not None else tr("They stand on every invoice made from now on."),
            name="billingNote",
        )
        self.name = TextField(tr("Name"), name="billingName", optional=True, max_length=NAME_LENGTH,
                              help_text=tr("A company or a person. Empty: the name of your organization."))  # fmt: skip
        self.address = TextArea(tr("Address"), name="billingAddress", optional=True, lines=3)
        places: list[str | tuple[str, object]] = [(tr("Choose a country"), ""), *countries()]
        self.country = SelectField(tr("Country"), places, name="billingCountry",
                                   help_text=tr("Decides which tax is added."))  # fmt: skip
        self.vat = TextField(tr("VAT ID"), name="billingVat", optional=True, max_length=VAT_LENGTH,
                             help_text=tr("With the letters of the country, such as DE136695976."))  # fmt: skip
        self.email = TextField(tr("E-mail for invoices"), name="billingEmail", optional=True, max_length=EMAIL_LENGTH)
        self.error = Banner(tone="danger", name="billingSaveError")
        self.name.changed.connect(lambda text: self._edit("name", text))
        self.address.changed.connect(lambda text: self._edit("address", tuple(text.split("\n"))))
        self.country.select.picked.connect(lambda code: self._edit("country", str(code)))
        self.vat.changed.connect(lambda text: self._edit("vat_id", text))
        self.email.changed.connect(lambda text: self._edit("email", text))
        self._fields: dict[str, Labelled] = {
            "name": self.name, "address": self.address, "country": self.country, "vat_id": self.vat,
            "email": self.email,
        }  # fmt: skip
        for field in (self.name, self.vat, self.email):
            field.submitted.connect(self.accept_default)
        form = QWidget()
        whole: QVBoxLayout = column(self._note, *self._fields.values(), self.error, None, spacing=16)
        form.setLayout(whole)
        self.first_focus = self.name.edit
        return form

    def _foot(self) -> None:
        is_new = self._vm.state.corrects is None
        words = tr("Save details") if is_new else tr("Make credit note and new invoice")
        self.save = Button(words, "primary", name="billingSave")
        self.save.clicked.connect(self._vm.save)
        self.cancel = Button(tr("Cancel"), "ghost", name="billingCancel")
        self.cancel.clicked.connect(self.dismiss)
        self.footer.addWidget(self.save)
        self.footer.addStretch()
        self.footer.addWidget(self.cancel)

    # -- what is typed ---------------------------------------------------------------------------------------------
    def _edit(self, name: str, value: str | tuple[str, ...]) -> None:
        if not self._is_rendering:
            self._vm.edit(name, value)

    def accept_default(self) -> None:
        """Enter in a field saves; a correction makes documents and wants its button."""
        if self._vm.state.corrects is None and self.save.isEnabled() and not self.save.is_busy:
            self.save.click()
        elif self._vm.state.corrects is not None:
            self.save.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_problems_found(self, name: str) -> None:
        field = self._fields[name]
        field.control.setFocus(Qt.FocusReason.OtherFocusReason)
        self.area.ensureWidgetVisible(field)

    # -- state -----------------------------------------------------------------------------------------------------
    def _on_changed(self) -> None:
        state = self._vm.state
        self._is_rendering = True
        if state.status is Status.ERROR and state.error is not None:
            self._failed.set_error(state.error.detail, title=state.error.title)
        is_other = self._views[state.status].isHidden()
        for status, view in self._views.items():
            view.setVisible(status is state.status)
        if state.status is Status.READY:
            self._show_form(state)
        self.save.setEnabled(state.status is Status.READY and (state.is_changed or state.is_saving))
        self.save.set_busy(state.is_saving)
        self.cancel.setEnabled(not state.is_saving)
        self.is_dismissible = not state.is_saving
        self._is_rendering = False
        if is_other and self.isVisible():
            self.take_focus()

    def _show_form(self, state: BillingDetailsState) -> None:
        draft = state.draft
        self.name.set_text(draft.name)
        self.address.set_text("\n".join(draft.address))
        self.country.select.set_current(draft.country)
        self.vat.set_text(draft.vat_id)
        self.email.set_text(draft.email)
        for name, field in self._fields.items():
            field.set_error(state.problems.get(name))
            field.setEnabled(not state.is_saving)
        self.error.setVisible(state.error is not None)
        self.error.set_message(state.error.sentence if state.error is not None else "")
