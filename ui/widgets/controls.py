"""One door to the controls a page is made of; where each one lives is this package's business."""

from ui.widgets.buttons import Button, IconButton, NavItem
from ui.widgets.choices import Checkbox, ChipRow, Segmented
from ui.widgets.copy_field import CopyField
from ui.widgets.fields import Labelled, SearchField, TextArea, TextField
from ui.widgets.layout import (
    Badge,
    Card,
    Icon,
    badge,
    card,
    clear,
    column,
    key_cap,
    label,
    page,
    row,
    rule,
    scroll_page,
)
from ui.widgets.select import Select, SelectField

__all__ = [
    "Badge",
    "Button",
    "Card",
    "Checkbox",
    "ChipRow",
    "CopyField",
    "Icon",
    "IconButton",
    "Labelled",
    "NavItem",
    "SearchField",
    "Segmented",
    "Select",
    "SelectField",
    "TextArea",
    "TextField",
    "badge",
    "card",
    "clear",
    "column",
    "key_cap",
    "label",
    "page",
    "row",
    "rule",
    "scroll_page",
]
