"""Controls in a line that breaks when there is no room for it."""

from __future__ import annotations

from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.widgets.flow import FlowLayout


def flowing(*parts: QWidget, gap: int = 8) -> QWidget:
    """The parts beside each other, in as many lines as the width asks for."""
    box = QWidget()
    flow = FlowLayout(box, gap=gap, line_gap=8)
    for part in parts:
        flow.addWidget(part)
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    box.setSizePolicy(policy)
    return box
