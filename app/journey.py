"""Plays the purchase in the real window with key and mouse events, and measures what it costs a person.

Three people never leave the window: a new one with a test card, a returning one with a card on file, a returning one
who uses the palette. Four pay on a provider's page in the browser (app/journey_pages.py).
Seconds are keystroke-level (app/klm.py) plus every wait that is ours, measured from the event to the usable screen.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import journey_pages as pages
from app.klm import POINT_S, THINK_S, Meter
from services.api.types import AnswerBand

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from app.desktop import Desktop
    from ui.shell import Shell

WINDOW = (1280, 800)
PATIENCE_S = 10.0
LOOK_EVERY_S = 0.002
EMAIL, PASSWORD = "ada.king@example.com", "correct-stap"  # 20 and 12 characters, as in FEATURES section 4
OTHER_EMAIL = "ben.hill@example.com"
# 24 characters as in FEATURES; each agent is asked something it knows.
QUESTIONS = {"Customer Care": "How many days to return?", "Code Reviewer": "How big should a PR be?"}
# Budgets of issue 1/3, E19. Seconds count the person and our own waits together.
BUDGETS = {"new person": 40.0, "returning": 25.0, "returning by palette": 25.0}
SCREENS_MAX, FIELDS_MAX, OWN_WAIT_MAX_MS = 5, 6, 2_500
# The same for those who pay on a page: one more screen, the four fields of a card, two more answers to wait for.
NEW_CARD, SECOND_CARD = "new card in the browser", "declined then another card"
PAYPAL, TYPED = "PayPal in the browser", "new person typing a card"
PAGE_BUDGETS = {NEW_CARD: 45.0, SECOND_CARD: 60.0, PAYPAL: 30.0, TYPED: 55.0}
PAGE_SCREENS_MAX, PAGE_FIELDS_MAX, PAGE_WAIT_MAX_MS = SCREENS_MAX + 1, FIELDS_MAX + 4, OWN_WAIT_MAX_MS + 1_000


class JourneyFailed(Exception):
    """A screen did not become usable in time; the text says which."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the person did. `ms`: our wait afterwards; `klm_s`: the person's own seconds."""

    name: str
    screen: str
    ms: float
    klm_s: float
    screenshot: str


@dataclass
class Scenario:
    name: str
    steps: list[Step] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)

    @property
    def own_wait_ms(self) -> float:
        return sum(step.ms for step in self.steps)

    @property
    def seconds(self) -> float:
        return self.meter.seconds + self.own_wait_ms / 1000

    @property
    def screens(self) -> int:
        return len({step.screen for step in self.steps})

    @property
    def budget_s(self) -> float:
        return (BUDGETS | PAGE_BUDGETS)[self.name]

    @property
    def own_wait_max_ms(self) -> int:
        return PAGE_WAIT_MAX_MS if self.name in PAGE_BUDGETS else OWN_WAIT_MAX_MS

    @property
    def is_within_budget(self) -> bool:
        on_page = self.name in PAGE_BUDGETS
        in_time = self.seconds <= self.budget_s and self.own_wait_ms <= self.own_wait_max_ms
        few_screens = self.screens <= (PAGE_SCREENS_MAX if on_page else SCREENS_MAX)
        return in_time and few_screens and self.meter.fields <= (PAGE_FIELDS_MAX if on_page else FIELDS_MAX)

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """The shape promised in the issue."""
        return {
            "name": self.name,
            "ok": self.is_within_budget,
            "steps": [
                {"name": s.name, "screen": s.screen, "ms": round(s.ms, 1), "klm_s": round(s.klm_s, 2)}
                for s in self.steps
            ],
            "screens": self.screens,
            "fields": self.meter.fields,
            "clicks": self.meter.clicks,
            "keys": self.meter.keys,
            "klm_seconds": round(self.seconds, 2),
            "own_wait_ms": round(self.own_wait_ms, 1),
            "budget_s": self.budget_s,
            "screenshots": [step.screenshot for step in self.steps],
        }


class Player:
    """One window and the hands on it. Every action is an event sent to the widget a person would use."""

    def __init__(self, desktop: Desktop, out: Path) -> None:
        self.desktop = desktop
        self._out = out
        self.scenario = Scenario("new person")
        self._since = time.perf_counter()
        self._klm_before = 0.0
        self.pages: list[str] = []  # what was opened in the browser
        self.away = ""  # the screen that is looked at outside of the window
        desktop.browser.open_url = self._open_page

    def _open_page(self, url: str) -> bool:
        self.pages.append(url)
        return True

    def begin(self, name: str) -> None:
        """Another person takes the mouse."""
        self.scenario = Scenario(name)
        self._klm_before = 0.0

    # ---- what a hand can do

    def widget(self, name: str) -> Any:  # Any: whichever widget carries that name
        """The visible, enabled widget called `name`."""
        from PySide6.QtWidgets import QWidget  # lazy: --help needs no Qt

        found = [w for w in self.desktop.shell.findChildren(QWidget, name) if w.isVisible() and w.isEnabled()]
        if not found:
            raise JourneyFailed(f"nothing usable is called {name}")
        return found[0]

    def click(self, name: str, *, decides: bool = True) -> None:
        from PySide6.QtCore import QPoint, Qt  # lazy: as above
        from PySide6.QtTest import QTest  # lazy: as above

        target = self.widget(name)
        # Left of the middle of its height: inside every button, and on the box of a check box.
        spot = QPoint(min(12, target.width() // 2), target.height() // 2)
        self.scenario.meter.click(decides=decides)
        self._since = time.perf_counter()
        QTest.mouseClick(target, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)

    async def look_around(self) -> None:
        """The person takes in the first screen and points: the seconds of one click really pass, because the service
        is being built behind the window meanwhile."""
        await asyncio.sleep(THINK_S + POINT_S)

    def click_card(self, row: int) -> None:
        from PySide6.QtCore import Qt  # lazy: as above
        from PySide6.QtTest import QTest  # lazy: as above

        grid = self.widget("offeringGrid")
        centre = grid.visualRect(grid.model().index(row, 0)).center()
        self.scenario.meter.click()
        self._since = time.perf_counter()
        QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, centre)

    async def choose_test_card(self) -> None:
        """The first of the published ones: it pays."""
        from PySide6.QtCore import Qt  # lazy: as above
        from PySide6.QtTest import QTest  # lazy: as above
        from PySide6.QtWidgets import QMenu  # lazy: as above

        self.click("addTestCard")
        await self.until(lambda: self.desktop.shell.findChildren(QMenu, "testCardMenu"), "the test cards")
        menu = self.desktop.shell.findChildren(QMenu, "testCardMenu")[-1]
        spot = menu.actionGeometry(menu.actions()[0]).center()
        self.scenario.meter.click()
        QTest.mouseClick(menu, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
        self.desktop.shell.activateWindow()  # as a desktop does when a menu closes; offscreen there is none

    def type_into_focus(self, text: str) -> None:
        """A field that already has the cursor is filled."""
        from PySide6.QtTest import QTest  # lazy: as above

        self.scenario.meter.type_field(len(text))
        self._since = time.perf_counter()
        QTest.keyClicks(self._focus(), text)

    def press(self, key: Any, modifier: Any = None, *, decides: bool = False) -> None:  # Any: Qt's enums
        from PySide6.QtCore import Qt  # lazy: as above
        from PySide6.QtTest import QTest  # lazy: as above

        self.scenario.meter.press(decides=decides)
        self._since = time.perf_counter()
        QTest.keyClick(self._focus(), key, modifier or Qt.KeyboardModifier.NoModifier)

    def _focus(self) -> Any:  # Any: whichever widget has the cursor
        from PySide6.QtWidgets import QApplication  # lazy: as above

        return QApplication.focusWidget() or self.desktop.shell

    def is_seen(self, name: str) -> bool:
        from PySide6.QtWidgets import QWidget  # lazy: as above

        return any(one.isVisible() for one in self.desktop.shell.findChildren(QWidget, name))

    def focus_is(self, name: str) -> bool:
        return bool(self._focus().objectName() == name)

    # ---- what an eye waits for

    async def until(self, seen: Callable[[], object], what: str) -> None:
        deadline = time.perf_counter() + PATIENCE_S
        while not seen():
            if time.perf_counter() > deadline:
                self.desktop.shell.grab().save(str(self._out / "stopped-here.png"))
                raise JourneyFailed(f"{self.scenario.name}: waited {PATIENCE_S:.0f} s for {what}")
            await asyncio.sleep(LOOK_EVERY_S)

    def resume(self) -> None:
        """Our wait begins now."""
        self._since = time.perf_counter()

    def step(self, name: str) -> None:
        """The screen is usable: notes our wait since the last event, and takes a picture of the window."""
        ms = (time.perf_counter() - self._since) * 1000
        number = len(self.scenario.steps) + 1
        picture = self._out / f"{self.scenario.name.replace(' ', '-')}-{number}-{name.replace(' ', '-')}.png"
        self.desktop.shell.grab().save(str(picture))
        klm = self.scenario.meter.seconds
        screen = self.away or self.desktop.shell.navigator.here.page
        self.scenario.steps.append(Step(name, screen, ms, klm - self._klm_before, str(picture)))
        self._klm_before = klm
        self.resume()


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who buys. `account`: the e-mail of a new one, "" for who is signed in; `search`: in the palette."""

    name: str
    pay: Callable[[Player], Awaitable[None]]
    card_row: int = 0
    search: str = ""
    account: str = ""


async def buy(player: Player, visit: Visit) -> None:
    """From the marketplace to the first answer."""
    await choose(player, visit.search, visit.card_row)
    if visit.account:
        await type_account(player, visit.account)
    await visit.pay(player)
    await use(player)
    await ask(player)


async def choose(player: Player, by_palette: str, card_row: int) -> None:
    """An agent, up to checkout."""
    from PySide6.QtCore import Qt  # lazy: as above

    vms, here = player.desktop.vms, player.desktop.shell.navigator
    if by_palette:
        player.press(Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier, decides=True)
        await player.until(lambda: player.focus_is("paletteSearch"), "the palette")
        player.type_into_focus(by_palette)
        await player.until(lambda: vms.palette.state.commands and not vms.palette.state.is_searching, "hits")
        player.press(Qt.Key.Key_Return)
    else:
        player.click_card(card_row)
    if not by_palette or here.here.page == "agent":
        await player.until(lambda: vms.agent.state.offering is not None and here.here.page == "agent", "the agent page")
        player.step("agent chosen")
        player.click("buyButton")
    await player.until(lambda: here.here.page == "checkout" and vms.checkout.state.summary is not None, "checkout")
    player.step("checkout open")


async def type_account(player: Player, email: str) -> None:
    """At checkout, as somebody new."""
    from PySide6.QtCore import Qt  # lazy: as above

    await player.until(lambda: player.focus_is("emailField"), "the cursor in the e-mail field")
    player.type_into_focus(email)
    player.press(Qt.Key.Key_Tab)
    player.type_into_focus(PASSWORD)
    player.click("termsCheckbox")
    player.step("account typed")


async def by_test_card(player: Player) -> None:
    """The quick way of test mode, with no page where one is not wanted."""
    checkout = player.desktop.vms.checkout
    await player.choose_test_card()
    await player.until(lambda: checkout.state.can_pay and checkout.state.payment_token, "the test card")
    player.click("payButton", decides=False)


async def by_saved_card(player: Player) -> None:
    """Enter is enough."""
    from PySide6.QtCore import Qt  # lazy: as above

    checkout = player.desktop.vms.checkout
    await player.until(lambda: checkout.state.can_pay and player.focus_is("payButton"), "Enter to be enough")
    player.press(Qt.Key.Key_Return, decides=True)


async def use(player: Player) -> None:
    """Paid: up to the agent that is ready."""
    vms, here = player.desktop.vms, player.desktop.shell.navigator
    await player.until(lambda: here.here.page == "confirmation" and vms.confirmation.state.order, "the confirmation")
    player.step("paid")
    await player.until(
        lambda: here.here.page == "chat" and vms.chat.state.status == "ready" and player.focus_is("chatInput"),
        "the chat with the cursor in it",
    )
    player.step("agent ready")


async def ask(player: Player) -> None:
    """The first question and its answer."""
    from PySide6.QtCore import Qt  # lazy: as above

    chat = player.desktop.vms.chat
    player.type_into_focus(QUESTIONS[chat.state.title])
    player.press(Qt.Key.Key_Return)
    await player.until(
        lambda: any(m.band == AnswerBand.ANSWER for m in chat.state.messages), "an answer with its source"
    )
    player.step("first answer")


VISITS = (
    Visit("new person", by_test_card, account=EMAIL),
    Visit("returning", by_saved_card, card_row=2),
    Visit("returning by palette", by_saved_card, search="code reviewer"),
)
PAGE_VISITS = (
    Visit(NEW_CARD, pages.by_new_card),
    Visit(SECOND_CARD, pages.by_second_card),
    Visit(PAYPAL, pages.by_paypal),
)
TYPING = Visit(TYPED, pages.by_card, account=OTHER_EMAIL)


Play = Callable[[Player], Awaitable[list[Scenario]]]


async def play_all(player: Player) -> list[Scenario]:
    """All but the last, one after the other, in one window."""
    await arrive(player, VISITS[0])
    played = [player.scenario]
    for visit in (*VISITS[1:], *(PAGE_VISITS if has_pages(player) else ())):
        player.begin(visit.name)
        player.desktop.shell.navigator.show_section("marketplace")
        await player.until(lambda: player.desktop.shell.navigator.here.page == "marketplace", "the marketplace")
        player.resume()
        player.step("marketplace")
        await buy(player, visit)
        played.append(player.scenario)
    return played


async def play_typing(player: Player) -> list[Scenario]:
    """Somebody else, in a window that knows nobody yet."""
    player.begin(TYPING.name)
    await arrive(player, TYPING)
    return [player.scenario]


async def arrive(player: Player, visit: Visit) -> None:
    """The first one in a window: from its first frame."""
    player.step("window open")
    player.desktop.start()
    await player.look_around()
    await buy(player, visit)


def has_pages(player: Player) -> bool:
    """Else the provider is inside Souk and has none to open."""
    return player.desktop.vms.checkout.state.has_pages


def watch_for_strays(application: QApplication, shell: Shell) -> list[str]:
    """A growing list of widgets that were shown as a window of their own: each would flash up on a real desktop."""
    from PySide6.QtCore import QEvent, QObject  # lazy: --help needs no Qt
    from PySide6.QtWidgets import QMenu, QWidget  # lazy: as above

    strays: list[str] = []

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            is_known = watched is shell or isinstance(watched, QMenu)  # a menu is meant to be a window
            if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and not is_known:
                strays.extend([watched.objectName() or type(watched).__name__] if watched.isWindow() else [])
            return False

    application.installEventFilter(Watch(application))
    return strays


def play(*, out: Path | None, seed: int, as_json: bool, data: Path | None, remote: str = "") -> int:
    """Plays and prints; 0 when every person reached an answer within the budgets."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    out = out or Path(tempfile.gettempdir()) / "souk-journey"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="souk-journey-data-", ignore_cleanup_errors=True) as fresh:
        try:
            played, strays = _play_both(data or Path(fresh), Path(fresh) / "another", out, seed, remote)
        except JourneyFailed as failed:
            print(json.dumps({"ok": False, "error": str(failed)}) if as_json else f"The journey stopped: {failed}")
            return 1
    is_good = all(scenario.is_within_budget for scenario in played) and not strays
    if as_json:
        first = played[0].as_json()
        scenarios = [scenario.as_json() for scenario in played]
        print(json.dumps(first | {"ok": is_good, "scenarios": scenarios, "stray_windows": strays}))
    else:
        print("\n\n".join(_table(scenario) for scenario in played))
        print(f"\nScreenshots are in {out}")
    return 0 if is_good else 1


def _play_both(data: Path, other: Path, out: Path, seed: int, remote: str) -> tuple[list[Scenario], list[str]]:
    """The second window only where there are pages."""
    played, strays = _play(play_all, data, out, seed, remote)
    if any(scenario.name in PAGE_BUDGETS for scenario in played):
        more, more_strays = _play(play_typing, other, out, seed + 1, remote)
        return played + more, strays + more_strays
    return played, strays


def _play(play: Play, data: Path, out: Path, seed: int, remote: str) -> tuple[list[Scenario], list[str]]:
    started = time.perf_counter()
    from app.clock import SeededIds  # lazy: the first frame is measured from here
    from app.desktop import Desktop, make_application  # lazy: as above
    from app.settings import load  # lazy: as above

    application = make_application()
    desktop = Desktop(application, load(data, environ={}, remote=remote), ids=SeededIds(seed))
    desktop.shell.resize(*WINDOW)
    desktop.shell.show()
    desktop.shell.activateWindow()
    strays = watch_for_strays(application, desktop.shell)
    application.processEvents()
    player = Player(desktop, out)
    player._since = started
    with desktop.loop:
        try:
            played: list[Scenario] = desktop.loop.run_until_complete(play(player))
            return played, list(strays)  # another window that follows is none
        finally:
            desktop.loop.run_until_complete(desktop.finish())
            desktop.shell.close()


def _table(scenario: Scenario) -> str:
    lines = [
        f"{scenario.name}",
        f"  {'step':<18}{'screen':<14}{'our wait':>10}{'person':>10}",
        *(f"  {s.name:<18}{s.screen:<14}{s.ms:>7.0f} ms{s.klm_s:>8.1f} s   {s.screenshot}" for s in scenario.steps),
        f"  {scenario.screens} screens, {scenario.meter.fields} fields, {scenario.meter.clicks} clicks, "
        f"{scenario.meter.keys} keys; {scenario.seconds:.1f} s in all (budget {scenario.budget_s:.0f} s), "
        f"our own waits {scenario.own_wait_ms / 1000:.2f} s (budget {scenario.own_wait_max_ms / 1000:.1f} s)",
    ]
    return "\n".join(lines)
