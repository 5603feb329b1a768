"""What a buyer judges by: what it does and does not do, first steps, languages, place of data, bundle, vendor."""

from collections.abc import Sequence

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from services.api.types import Offering, OfferingCard, Vendor
from ui import theme
from ui.text import kind_label, tr
from ui.widgets.avatar import Avatar
from ui.widgets.controls import Button, Icon, card, clear, column, label, row, rule

TOP = Qt.AlignmentFlag.AlignTop


class AgentDetails(QWidget):
    """Signals: opened(OfferingCard) - a part of a bundle."""

    opened = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._shown: Offering | None = None
        self.setObjectName("agentDetails")
        self._body = QVBoxLayout(self)
        self._body.setContentsMargins(0, 0, 0, 0)
        self._body.setSpacing(theme.current().space(6))

    def show_offering(self, offering: Offering) -> None:
        if offering is self._shown:
            return
        self._shown = offering
        clear(self._body)
        if offering.items:
            self._body.addWidget(self._contents(offering))
        self._body.addWidget(_description(offering.description))
        self._body.addWidget(_abilities(offering))
        self._body.addWidget(_section(tr("Getting started"), _numbered(offering.getting_started), "gettingStarted"))
        self._body.addWidget(_facts(offering))
        self._body.addWidget(_vendor(offering.vendor))

    def _contents(self, offering: Offering) -> QWidget:
        rows = QVBoxLayout()
        rows.setSpacing(theme.current().space(3))
        rows.addWidget(label(tr("Each of them has its own sample chat to try."), "small", wrap=True))
        for item in offering.items:
            rows.addWidget(self._item(item))
        if offering.discount_percent:
            text = tr("Together {percent}% less than one by one.", percent=offering.discount_percent)
            rows.addWidget(label(text, "success", name="bundleSaving", wrap=True))
        return _section(tr("In this bundle"), rows, "bundleContents")

    def _item(self, item: OfferingCard) -> QWidget:
        picture = Avatar(36)
        picture.set_category(item.category_hue, item.category_icon)
        view = Button(tr("View"), "secondary", name=f"viewItem-{item.slug}", small=True)
        view.setAccessibleName(tr("View {name}", name=item.name))
        view.clicked.connect(lambda: self.opened.emit(item))
        names = column(label(item.name, "strong", wrap=True), label(item.tagline, "small", wrap=True), spacing=2)
        box = QWidget()
        line = row(picture, names, view, spacing=12)
        line.setStretch(1, 1)
        box.setLayout(line)
        box.setAccessibleName(f"{item.name}, {kind_label(item.kind)}")
        return box


def _section(title: str, content: QVBoxLayout | QGridLayout, name: str) -> QWidget:
    box = QWidget()
    box.setObjectName(name)
    box.setAccessibleName(title)
    box.setLayout(column(label(title, "section"), content, spacing=theme.current().space(3)))
    return box


def _description(text: str) -> QWidget:
    paragraphs = QVBoxLayout()
    paragraphs.setSpacing(theme.current().space(3))
    for paragraph in text.split("\n\n"):
        paragraphs.addWidget(label(paragraph, "body", wrap=True, selectable=True))
    return _section(tr("About"), paragraphs, "agentAbout")


def _abilities(offering: Offering) -> QWidget:
    box = QWidget()
    grid = QGridLayout(box)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(theme.current().space(8))
    does = _section(tr("What it does"), _listed(offering.does, "check", "success"), "agentDoes")
    does_not = _section(tr("What it does not do"), _listed(offering.does_not, "x", "textMuted"), "agentDoesNot")
    grid.addWidget(does, 0, 0, TOP)
    grid.addWidget(does_not, 0, 1, TOP)
    grid.setColumnStretch(0, 1)
    grid.setColumnStretch(1, 1)
    return box


def _listed(lines: Sequence[str], icon: str, role: str) -> QVBoxLayout:
    rows = QVBoxLayout()
    rows.setSpacing(theme.current().space(2))
    for line in lines:
        words = label(line, "body", wrap=True)
        text = row(column(3, Icon(icon, role, 14), None, spacing=0), words, spacing=10)
        text.setStretch(1, 1)
        rows.addLayout(text)
    return rows


def _numbered(lines: Sequence[str]) -> QVBoxLayout:
    rows = QVBoxLayout()
    rows.setSpacing(theme.current().space(2))
    for number, line in enumerate(lines, 1):
        figure = label(tr("{n}.", n=number), "muted", tabular=True)
        figure.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        figure.setAlignment(TOP)
        text = row(figure, label(line, "body", wrap=True), spacing=10)
        text.setStretch(1, 1)
        rows.addLayout(text)
    return rows


def _facts(offering: Offering) -> QWidget:
    grid = QGridLayout()
    grid.setHorizontalSpacing(theme.current().space(6))
    grid.setVerticalSpacing(theme.current().space(2))
    facts = [
        (tr("Languages"), ", ".join(offering.languages)),
        (tr("Data stays in"), offering.data_location),
        (tr("Reaching a person"), offering.handover),
    ]
    for place, (name, value) in enumerate((name, value) for name, value in facts if value):
        grid.addWidget(label(name, "muted"), place, 0, TOP)
        grid.addWidget(label(value, "body", wrap=True, selectable=True), place, 1, TOP)
    grid.setColumnStretch(1, 1)
    return _section(tr("Good to know"), grid, "agentFacts")


def _vendor(vendor: Vendor) -> QWidget:
    box = card(20, 12, name="vendorCard")
    picture = Avatar(40)
    picture.set_person(vendor.name, round_shape=False)
    name = row(label(vendor.name, "cardTitle"), spacing=6)
    if vendor.is_verified:
        name.addWidget(Icon("badge-check", "info", 16))
        name.addWidget(label(tr("Verified"), "small"))
    name.addStretch()
    place = tr(
        "{city}, {country} · since {year}", city=vendor.city, country=_country(vendor.country), year=vendor.since
    )
    head = row(picture, column(name, label(place, "small", wrap=True), spacing=2), spacing=12)
    head.setStretch(1, 1)
    box.body.addLayout(head)
    box.body.addWidget(label(vendor.about, "body", wrap=True))
    box.body.addWidget(rule())
    mail = row(Icon("mail", "textMuted", 16), label(vendor.support_email, "small", selectable=True), None, spacing=8)
    box.body.addLayout(mail)
    whole = QWidget()
    whole.setLayout(column(label(tr("Vendor"), "section"), box, spacing=theme.current().space(3)))
    return whole


def _country(code: str) -> str:
    territory = QLocale.codeToTerritory(code)
    return code if territory == QLocale.Country.AnyTerritory else QLocale.territoryToString(territory)
