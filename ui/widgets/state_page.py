"""A whole page that is empty, waits or failed: the state in the middle, no wider than its words, and it can scroll."""

from PySide6.QtWidgets import QScrollArea, QWidget

from ui.widgets.layout import row, scroll_page


def state_page(state: QWidget) -> QScrollArea:
    """Between two stretches a wrapped text is measured at the width it gets."""
    middle = QWidget()
    middle.setLayout(row(None, state, None))
    return scroll_page(middle)
