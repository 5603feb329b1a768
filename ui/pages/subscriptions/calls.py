"""Usage against what is included: one line with its bar for each agent of a subscription."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from services.api.types import Plan, SubscribedResource, Usage
from ui.text import exact_money, tr
from ui.text.subscriptions import calls_text
from ui.widgets.amount_link import AmountLink
from ui.widgets.controls import Button, column, label, row
from ui.widgets.meter import Meter


class CallsLine(QWidget):
    """`has_name`: one of several agents, so it says which and how to reach it.

    Signals: explained(ref) - what the extra calls cost; chat_wanted(resource uuid).
    """

    explained = Signal(str)
    chat_wanted = Signal(str)

    def __init__(self, resource: SubscribedResource, *, has_name: bool) -> None:
        super().__init__()
        uuid = resource.uuid
        self._words = label("", "small", name=f"calls-{uuid}", wrap=True)
        self._cost = AmountLink(name=f"callsCost-{uuid}", kind="small", weight=500)
        self._cost.explained.connect(self.explained)
        self._meter = Meter(name=f"callsMeter-{uuid}")
        words = row(self._words, self._cost, spacing=12)
        words.setStretch(0, 1)
        parts = (self._head(resource), self._meter, words) if has_name else (self._meter, words)
        self.setLayout(column(*parts, spacing=5))

    def _head(self, resource: SubscribedResource) -> QWidget:
        chat = Button(tr("Open chat"), "link", "message-circle", name=f"openChat-{resource.uuid}", small=True)
        chat.setAccessibleName(tr("Open chat with {name}", name=resource.name))
        chat.clicked.connect(partial(self.chat_wanted.emit, resource.uuid))
        head = QWidget()
        words = row(label(resource.name, "label", wrap=True), chat, spacing=12)
        words.setStretch(0, 1)
        head.setLayout(words)
        return head

    def show_usage(self, usage: Usage, uuid: str, plan: Plan) -> None:
        self._words.setText(calls_text(usage, plan))
        self._meter.setVisible(bool(usage.included))
        self._meter.set_share(usage.used / usage.included if usage.included else 0.0)
        self._cost.setVisible(usage.used > 0)  # calls that were included are explained too
        self._cost.set_amount(exact_money(usage.cost), f"usage:{uuid}")
