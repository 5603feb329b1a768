"""The head of an offering's page: picture, name, vendor, rating, category and tags."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from services.api.types import OfferingCard, OfferingKind
from ui import theme
from ui.text import kind_label, plural, tr
from ui.widgets.avatar import Avatar
from ui.widgets.card_face import kind_mark
from ui.widgets.controls import Icon, badge, clear, column, label, row
from ui.widgets.flow import FlowLayout

AVATAR = 64


class AgentHead(QWidget):
    """Known at once when the page is opened from the grid: it needs the card only."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: OfferingCard | None = None
        self._body = QVBoxLayout(self)
        self._body.setContentsMargins(0, 0, 0, 0)
        self._body.setSpacing(theme.current().space(3))

    def show_card(self, card: OfferingCard) -> None:
        if card == self._shown:
            return
        self._shown = card
        clear(self._body)
        self._body.addWidget(self._title(card))
        self._body.addWidget(label(card.tagline, "muted", name="agentTagline", wrap=True))
        self._body.addWidget(_tags(card))

    def _title(self, card: OfferingCard) -> QWidget:
        picture = Avatar(AVATAR)
        picture.set_category(card.category_hue, card.category_icon)
        name = label(card.name, "display", name="agentName", wrap=True)
        names = row(name, spacing=8)
        if card.kind is not OfferingKind.AGENT:
            names.addWidget(badge(kind_label(card.kind), "accent", kind_mark(card.kind)[0], name="agentKind"))
        box = QWidget()
        box.setLayout(row(picture, column(names, _facts(card), spacing=4), spacing=16))
        return box


def _facts(card: OfferingCard) -> QWidget:
    """Vendor, rating, category: one line that breaks when it must."""
    box = QWidget()
    line = FlowLayout(box, gap=16, line_gap=4)
    line.addWidget(_vendor(card))
    line.addWidget(_rating(card))
    line.addWidget(_with_icon(card.category_icon, card.category_title))
    return box


def _vendor(card: OfferingCard) -> QWidget:
    box = QWidget()
    line = row(label(card.vendor_name, "small", name="agentVendor"), spacing=4)
    if card.vendor_verified:
        line.addWidget(Icon("badge-check", "info", 14))
        line.addWidget(label(tr("Verified vendor"), "small"))
    box.setLayout(line)
    return box


def _rating(card: OfferingCard) -> QWidget:
    box = QWidget()
    people = plural(card.review_count, tr("{n} review"), tr("{n} reviews"))
    words = label(f"{card.rating:.1f} ({people})", "small", name="agentRating", tabular=True)
    words.setAccessibleName(tr("Rated {rating} of 5, {people}", rating=f"{card.rating:.1f}", people=people))
    box.setLayout(row(Icon("star", "star", 14, filled=True), words, spacing=4))
    return box


def _with_icon(icon: str, text: str) -> QWidget:
    box = QWidget()
    box.setLayout(row(Icon(icon, "textMuted", 14), label(text, "small"), spacing=4))
    return box


def _tags(card: OfferingCard) -> QWidget:
    box = QWidget()
    box.setAccessibleName(tr("Tags: {tags}", tags=", ".join(card.tags)))
    line = FlowLayout(box, gap=6)
    for tag in card.tags:
        line.addWidget(badge(tag, "neutral"))
    return box
