"""The Ctrl+K palette: pages, actions and agents in one list, the best match first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import Signal

from services.api.errors import ServiceError
from services.api.types import OfferingCard, OfferingPage, OfferingQuery
from ui.bridge import Bridge
from ui.text import price_words, tr
from ui.viewmodels.base import ServiceHolder, ViewModel
from ui.viewmodels.debounce import Debounce

TYPING_MILLISECONDS = 60
AGENTS_SHOWN = 6
RECENT_KEPT = 5
LETTERS_THAT_COUNT = 3
FOUND_BY_TEXT = 1  # an agent of which not the name, but something else has the words
WEAK = 0.5  # a command that only has the letters, in their order


class CommandKind(StrEnum):
    PAGE = "page"
    ACTION = "action"
    AGENT = "agent"  # opens the agent's page
    BUY = "buy"  # goes straight to its checkout


@dataclass(frozen=True, slots=True)
class Command:
    id: str
    title: str
    subtitle: str = ""
    icon: str = ""
    kind: CommandKind = CommandKind.ACTION
    shortcut: str = ""
    offering_uuid: str = ""
    keywords: str = ""  # further words it is found by


@dataclass(frozen=True, slots=True)
class PaletteState:
    text: str = ""
    commands: tuple[Command, ...] = ()
    is_searching: bool = False


def score(text: str, words: str) -> int:
    """How well `text` names `words`: 4 begins it, 3 begins a word, 2 inside, 1 its letters in order, 0 not at all."""
    wanted, given = text.casefold().strip(), words.casefold()
    if not wanted or given.startswith(wanted):
        return 4
    if f" {wanted}" in f" {given}":
        return 3
    if wanted in given:
        return 2
    letters = iter(given)
    return 1 if all(letter in letters for letter in wanted.replace(" ", "")) else 0


def _points(text: str, command: Command) -> float:
    """Letters in order only count in the title, and only when there are enough of them to mean something."""
    points = score(text, f"{command.title} {command.keywords}")
    if points > 1:
        return points
    is_enough = len(text.strip()) >= LETTERS_THAT_COUNT
    return WEAK if is_enough and score(text, command.title) else 0


class PaletteViewModel(ViewModel[PaletteState]):
    """Signals: changed; chosen(Command)."""

    chosen = Signal(object)

    def __init__(self, bridge: Bridge, holder: ServiceHolder, commands: Sequence[Command]) -> None:
        super().__init__(bridge, holder, PaletteState())
        self._commands = tuple(commands)
        self._agents: tuple[OfferingCard, ...] = ()
        self._recent: list[str] = []
        self._typing = Debounce(TYPING_MILLISECONDS, self._ask_agents, self)

    def open(self) -> None:
        """Empty, with what was used last on top."""
        self._agents = ()
        self._become(PaletteState(commands=self._ranked("")))

    def close(self) -> None:
        self._typing.cancel()
        self._bridge.cancel(self, "search")

    def search(self, text: str) -> None:
        """As typed: pages and actions at once, agents as soon as they are found."""
        if text == self.state.text:
            return
        if not text.strip():
            self.close()
            self.open()
            return
        self._bridge.cancel(self, "search")
        words = _agent_words(text)
        self._agents = tuple(card for card in self._agents if score(words, card.name))  # until better are found
        self._set(text=text, commands=self._ranked(text), is_searching=True)
        self._typing.trigger()

    def choose(self, command: Command) -> None:
        """Does it, and remembers it for the next time."""
        self.close()
        if command.kind in (CommandKind.PAGE, CommandKind.ACTION):
            self._recent = [command.id, *(known for known in self._recent if known != command.id)][:RECENT_KEPT]
        self.chosen.emit(command)

    def set_recent(self, ids: Sequence[str]) -> None:
        """What was used last the time before, newest first."""
        self._recent = list(ids[:RECENT_KEPT])
        self._set(commands=self._ranked(self.state.text))

    def set_commands(self, commands: Sequence[Command]) -> None:
        """Others than before, as after signing in."""
        self._commands = tuple(commands)
        self._set(commands=self._ranked(self.state.text))

    # ---- inside

    def _ranked(self, text: str) -> tuple[Command, ...]:
        """Best first; of equally good ones pages and actions before agents, and what was used last before the rest."""
        recent = {known: place for place, known in enumerate(self._recent)}
        found = [(_points(text, command), recent.get(command.id, RECENT_KEPT), command) for command in self._commands]
        words, place = _agent_words(text), RECENT_KEPT + 1
        seen = [(score(words, card.name) or FOUND_BY_TEXT, place, _see(card)) for card in self._agents]
        ranked = sorted((one for one in (*found, *seen) if one[0]), key=lambda one: (-one[0], one[1]))
        shown, bought = tuple(one[2] for one in ranked), tuple(_buy(card) for card in self._agents)
        return (*bought, *shown) if _wants_to_buy(text) else (*shown, *bought)

    def _ask_agents(self) -> None:
        text = self.state.text
        query = OfferingQuery(text=_agent_words(text), page_size=AGENTS_SHOWN)
        self._bridge.run(
            self,
            "search",
            lambda: self._service.list_offerings(query),
            then=self._on_agents,
            failed=self._on_search_failed,
            policy="replace",
        )

    def _on_agents(self, page: OfferingPage) -> None:
        self._agents = page.items
        self._set(commands=self._ranked(self.state.text), is_searching=False)

    def _on_search_failed(self, _error: ServiceError) -> None:
        """Pages and actions still work."""
        self._agents = ()
        self._set(commands=self._ranked(self.state.text), is_searching=False)


def _wants_to_buy(text: str) -> bool:
    return text.casefold().lstrip().startswith(tr("get ").casefold())


def _agent_words(text: str) -> str:
    return text.lstrip()[len(tr("get ")) :] if _wants_to_buy(text) else text


def _see(card: OfferingCard) -> Command:
    subtitle = tr("{vendor}, {price}", vendor=card.vendor_name, price=price_words(card))
    return Command(f"agent {card.uuid}", card.name, subtitle, card.category_icon, CommandKind.AGENT, "", card.uuid)


def _buy(card: OfferingCard) -> Command:
    title = tr("Get {name}", name=card.name)
    return Command(f"buy {card.uuid}", title, price_words(card), "credit-card", CommandKind.BUY, "", card.uuid)
