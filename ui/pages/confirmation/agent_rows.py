"""The agents of a bundle, one below the other: how far each is, and for one that failed its own way out."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from ui.text import tr
from ui.viewmodels.confirmation import AgentRow
from ui.widgets import a11y
from ui.widgets.controls import Button, clear, column, row
from ui.widgets.states import ProgressSteps

MARK = 30  # px at 100 % text: the state's mark and the gap after it


class AgentRows(QWidget):
    """Signals: retried(resource uuid); refund_wanted(resource uuid); rebuilt() - there are other rows now."""

    retried = Signal(str)
    refund_wanted = Signal(str)
    rebuilt = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("agentRows")
        self.setAccessibleName(tr("Agents of this order"))
        self._rows: dict[str, _Row] = {}
        self._list = column(spacing=16)
        self.setLayout(self._list)

    def show_agents(self, agents: tuple[AgentRow, ...], mending: str) -> None:
        if tuple(self._rows) != tuple(agent.uuid for agent in agents):
            self._build(agents)
        for agent in agents:
            self._rows[agent.uuid].show_agent(agent, is_mending=agent.uuid == mending)

    def row(self, uuid: str) -> _Row:
        return self._rows[uuid]

    def _build(self, agents: tuple[AgentRow, ...]) -> None:
        clear(self._list)
        self._rows = {agent.uuid: _Row(agent, number) for number, agent in enumerate(agents)}
        for uuid, line in self._rows.items():
            line.retry.clicked.connect(lambda _=False, uuid=uuid: self.retried.emit(uuid))
            line.refund.clicked.connect(lambda _=False, uuid=uuid: self.refund_wanted.emit(uuid))
            self._list.addWidget(line)
        self.rebuilt.emit()


class _Row(QWidget):
    """One agent: its name with its state, and below it what can be done when it failed."""

    def __init__(self, agent: AgentRow, number: int) -> None:
        super().__init__()
        self.steps = ProgressSteps((agent.name,), label=agent.name, name=f"agentRow-{number}")
        self.retry = Button(tr("Try again"), "secondary", "rotate-ccw", name=f"retryAgent-{number}", small=True)
        self.refund = Button(tr("Get its money back"), "ghost", "undo-2", name=f"refundAgent-{number}", small=True)
        a11y.describe(self.retry, name=tr("Try again to set up {agent}", agent=agent.name))
        a11y.describe(self.refund, name=tr("Get the money for {agent} back", agent=agent.name))
        self._ways = QWidget()
        self._ways.setLayout(row(self.retry, self.refund, None, margins=(MARK, 0, 0, 0)))
        self.setLayout(column(self.steps, self._ways, spacing=8))

    def show_agent(self, agent: AgentRow, *, is_mending: bool) -> None:
        self.steps.set_step(0, agent.state.value, agent.text)
        self._ways.setVisible(agent.state == "failed" and (agent.can_retry or agent.can_refund or is_mending))
        self.retry.set_busy(is_mending)
        self.refund.setVisible(agent.can_refund)
