"""Reading order as the layouts say it: what Tab should visit, whatever order the widgets were made in."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QAbstractButton, QLayout, QWidget


def reading_order(root: QWidget) -> list[QWidget]:
    """Every widget below `root` that Tab can reach when it is visible, first to last."""
    return [widget for widget in _walk(root) if _takes_tab(widget)]


def set_tab_order(root: QWidget) -> None:
    """Makes Tab follow the layouts. Call it once a page is built, and again after adding controls."""
    # those that take no Tab now are ordered too: a radio button gets and loses its turn with its check mark
    focusable = [one for one in _walk(root) if one.focusPolicy() != Qt.FocusPolicy.NoFocus and one.focusProxy() is None]
    for earlier, later in pairwise(focusable):
        QWidget.setTabOrder(earlier, later)


def one_stop(buttons: Sequence[QAbstractButton]) -> None:
    """Tab visits a group of radio buttons once, at the checked one (Qt does so only after its first visit)."""
    some_checked = any(button.isChecked() for button in buttons)
    for button in buttons:
        is_stop = button.isChecked() or not some_checked
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus if is_stop else Qt.FocusPolicy.ClickFocus)


def _takes_tab(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.focusProxy() is None


def _walk(widget: QWidget) -> Iterator[QWidget]:
    layout = widget.layout()
    placed = list(_placed(layout)) if layout is not None else []
    loose: list[QObject] = [child for child in widget.children() if isinstance(child, QWidget) and child not in placed]
    for child in [*placed, *loose]:
        if isinstance(child, QWidget) and not child.isWindow():
            yield child
            yield from _walk(child)


def _placed(layout: QLayout) -> Iterator[QWidget]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        if item is None:
            continue
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            yield widget
        elif inner is not None:
            yield from _placed(inner)
