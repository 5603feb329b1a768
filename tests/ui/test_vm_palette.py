"""The palette: what is typed finds pages, actions and agents, the best first."""

import pytest
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, Offline
from tests.fakes import FakeService
from tests.samples import EXPENSE_AUDITOR
from ui.bridge import Bridge
from ui.viewmodels.base import ServiceHolder
from ui.viewmodels.palette import Command, CommandKind, PaletteViewModel, score

MARKET = Command("page market", "Marketplace", kind=CommandKind.PAGE, keywords="shop catalogue")
AGENTS = Command("page agents", "My agents", kind=CommandKind.PAGE)
THEME = Command("theme dark", "Switch to dark theme", shortcut="Ctrl+D")


@pytest.fixture
def palette(bridge: Bridge, holder: ServiceHolder) -> PaletteViewModel:
    palette = PaletteViewModel(bridge, holder, (MARKET, AGENTS, THEME))
    palette.open()
    return palette


def titles(palette: PaletteViewModel) -> list[str]:
    return [command.title for command in palette.state.commands]


@pytest.mark.parametrize(
    ("text", "points"),
    [("", 4), ("my", 4), ("My AG", 4), ("agents", 3), ("gent", 2), ("mag", 1), ("m g s", 1), ("x", 0), ("stnega", 0)],
)
def test_match_at_the_beginning_beats_one_inside(text: str, points: int) -> None:
    assert score(text, "My agents") == points


def test_opens_with_everything_that_can_be_done(palette: PaletteViewModel, service: FakeService) -> None:
    assert titles(palette) == ["Marketplace", "My agents", "Switch to dark theme"]
    assert service.calls == []


def test_pages_and_actions_are_found_at_once(palette: PaletteViewModel) -> None:
    palette.search("dark")
    assert titles(palette) == ["Switch to dark theme"]
    assert palette.state.is_searching
    palette.search("shop")
    assert titles(palette) == ["Marketplace"]
    palette.close()


def test_agents_come_after_them_and_can_be_seen_or_bought(palette: PaletteViewModel, qtbot: QtBot) -> None:
    palette.search("expense")
    qtbot.waitUntil(lambda: not palette.state.is_searching)
    assert titles(palette) == ["Expense Auditor", "Get Expense Auditor"]
    see, buy = palette.state.commands
    assert (see.kind, buy.kind) == (CommandKind.AGENT, CommandKind.BUY)
    assert see.offering_uuid == buy.offering_uuid == EXPENSE_AUDITOR.card.uuid
    assert see.subtitle.startswith("Northwind Labs, ")


def test_asking_to_get_something_puts_buying_first(palette: PaletteViewModel, qtbot: QtBot) -> None:
    palette.search("Get expense")
    qtbot.waitUntil(lambda: not palette.state.is_searching)
    assert palette.state.commands[0].kind is CommandKind.BUY


def test_typing_asks_the_catalogue_once(palette: PaletteViewModel, service: FakeService, qtbot: QtBot) -> None:
    for text in ("e", "ex", "exp"):
        palette.search(text)
    palette.search("exp")
    qtbot.waitUntil(lambda: not palette.state.is_searching)
    assert service.calls == ["list_offerings"]


def test_agents_of_an_earlier_text_are_not_shown(palette: PaletteViewModel, service: FakeService, qtbot: QtBot) -> None:
    gate = service.hold("list_offerings")
    palette.search("customer")
    qtbot.waitUntil(lambda: gate.waiting == 1)
    palette.search("expense")
    gate.open()
    qtbot.waitUntil(lambda: not palette.state.is_searching)
    assert titles(palette) == ["Expense Auditor", "Get Expense Auditor"]


def test_emptied_box_shows_everything_again(palette: PaletteViewModel, qtbot: QtBot) -> None:
    palette.search("expense")
    qtbot.waitUntil(lambda: not palette.state.is_searching)
    palette.search("  ")
    assert titles(palette) == ["Marketplace", "My agents", "Switch to dark theme"]
    assert not palette.state.is_searching


def test_what_was_used_last_comes_first(palette: PaletteViewModel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(palette.chosen) as chosen:
        palette.choose(THEME)
    assert chosen.args == [THEME]
    palette.choose(AGENTS)
    palette.open()
    assert titles(palette) == ["My agents", "Switch to dark theme", "Marketplace"]


@pytest.mark.parametrize("error", [DatabaseBusy(), Offline()])
def test_without_a_catalogue_pages_and_actions_still_work(
    palette: PaletteViewModel, service: FakeService, qtbot: QtBot, error: DatabaseBusy | Offline
) -> None:
    service.fail("list_offerings", error)
    palette.search("agents")
    qtbot.waitUntil(lambda: not palette.state.is_searching)
    assert titles(palette) == ["My agents"]


def test_commands_can_change_while_it_is_open(palette: PaletteViewModel) -> None:
    palette.set_commands((MARKET, Command("sign out", "Sign out")))
    assert titles(palette) == ["Marketplace", "Sign out"]


def test_agent_whose_name_begins_with_it_beats_a_command_that_only_has_the_letters(
    palette: PaletteViewModel, qtbot: QtBot
) -> None:
    palette.search("ex")
    qtbot.waitUntil(lambda: not palette.state.is_searching)
    assert titles(palette)[0] == "Expense Auditor"
    palette.search("cu")
    qtbot.waitUntil(lambda: not palette.state.is_searching)
    assert titles(palette)[0] == "Customer Care"


def test_two_letters_apart_find_no_command_but_three_do(palette: PaletteViewModel, service: FakeService) -> None:
    palette.search("mt")
    assert titles(palette) == []
    palette.search("mkt")
    assert titles(palette) == ["Marketplace"]
    palette.close()


def test_what_was_used_the_last_time_comes_first_and_agents_do_not_push_it_out(
    palette: PaletteViewModel, qtbot: QtBot
) -> None:
    palette.set_recent(("theme dark", "gone since"))
    assert titles(palette)[0] == "Switch to dark theme"
    palette.search("expense")
    qtbot.waitUntil(lambda: not palette.state.is_searching)
    for _ in range(6):
        palette.choose(palette.state.commands[0])
    palette.open()
    assert titles(palette)[0] == "Switch to dark theme"
