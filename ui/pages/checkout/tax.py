"""What the tax depends on: country and VAT id, folded away because most buyers need neither."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from ui.text import tr
from ui.text.countries import countries, country_name
from ui.viewmodels.checkout_state import VAT_MAX, CheckoutState
from ui.widgets.controls import SelectField, TextField, column
from ui.widgets.fold_out import FoldOut

FIELDS = ("country", "vat_id")


class TaxSection(QWidget):
    """Signals: country_picked(code); vat_typed(str); vat_entered()."""

    country_picked = Signal(str)
    vat_typed = Signal(str)
    vat_entered = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._is_rendering = False
        self.country = SelectField(tr("Country"), name="countryField")
        self.country.select.picked.connect(lambda code: self.country_picked.emit(str(code)))
        self.vat = TextField(
            tr("VAT ID"), name="vatField", optional=True, max_length=VAT_MAX, placeholder=tr("Such as DE136695976")
        )
        self.vat.changed.connect(self._on_vat_typed)
        self.vat.left.connect(self.vat_entered)
        content = QWidget()
        content.setLayout(column(self.country, self.vat, spacing=12))
        self.fold = FoldOut(tr("Business or tax details"), content, name="taxButton")
        self.fold.opened.connect(self._on_opened)
        self.setLayout(column(self.fold, spacing=0))

    def _on_vat_typed(self, text: str) -> None:
        if not self._is_rendering:
            self.vat_typed.emit(text)

    def _on_opened(self, is_open: bool) -> None:
        if is_open:
            self._fill()
            self.country.select.setFocus(Qt.FocusReason.OtherFocusReason)

    def _fill(self) -> None:
        """The names of all countries, when they are first wanted."""
        if self.country.select.count() == 0:
            places: list[str | tuple[str, object]] = [(tr("Choose a country"), ""), *countries()]
            self.country.select.set_items(places)

    def focus_field(self, field: str) -> None:
        self._fill()
        self.fold.set_open(True)
        control = self.vat.edit if field == "vat_id" else self.country.select
        control.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_state(self, state: CheckoutState) -> None:
        self._is_rendering = True
        problems = {name: state.problems.get(name) for name in FIELDS}
        if any(problems.values()):
            self.fold.set_open(True)
        if state.country or self.fold.is_open:
            self._fill()
        self.country.select.set_current(state.country)
        self.vat.set_text(state.vat_text)
        self.country.set_error(problems["country"])
        self.vat.set_error(problems["vat_id"])
        self.vat.edit.setReadOnly(state.is_busy)
        self.fold.set_text(_title(state))
        self.setEnabled(not state.is_locked)
        self._is_rendering = False


def _title(state: CheckoutState) -> str:
    """What is known, once something is."""
    if not state.country:
        return tr("Business or tax details")
    place = country_name(state.country)
    if state.vat_id:
        return tr("Tax details: {country}, {vat}", country=place, vat=state.vat_id)
    return tr("Tax details: {country}", country=place)
