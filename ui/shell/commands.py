"""What the shell can do by key or palette: one list for the shortcuts, the overview on "?" and the palette."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QGridLayout, QWidget

from ui import theme
from ui.shell.keys import key_text
from ui.text import tr
from ui.viewmodels.palette import Command, CommandKind
from ui.widgets.controls import key_cap, label
from ui.widgets.overlay import OverlayStack, Sheet


@dataclass(frozen=True, slots=True)
class Action:
    """`keys`: the first is shown. `is_listed`: in the palette. `works_above`: also while an overlay is open."""

    id: str
    title: str
    run: Callable[[], None]
    keys: tuple[str, ...] = ()
    group: str = ""
    icon: str = "command"
    kind: CommandKind = CommandKind.ACTION
    keywords: str = ""
    is_listed: bool = True
    works_above: bool = False


def install(window: QWidget, actions: Iterable[Action]) -> None:
    """Makes the keys work in the whole window; below an open overlay only those that change the look do."""
    for action in actions:
        for keys in action.keys:
            shortcut = QShortcut(QKeySequence(keys), window)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.activated.connect(_guarded(window, action))


def _guarded(window: QWidget, action: Action) -> Callable[[], None]:
    def run() -> None:
        if action.works_above or OverlayStack.of(window).top is None:
            action.run()

    return run


def palette_commands(actions: Iterable[Action]) -> tuple[Command, ...]:
    return tuple(
        Command(
            action.id,
            action.title,
            action.group,
            action.icon,
            action.kind,
            key_text(action.keys[0]) if action.keys else "",
            keywords=action.keywords,
        )
        for action in actions
        if action.is_listed
    )


# keys that belong to a control or a page, for the overview only
def page_keys() -> tuple[tuple[str, str], ...]:
    return (
        ("Ctrl+F", tr("Search the catalogue (also /); find an invoice under Collections")),
        ("Return", tr("Open the chosen agent; send a question")),
        ("Shift+Return", tr("Start a new line in a question")),
        ("Esc", tr("Clear the search; close what is on top")),
    )


def overview(window: QWidget, actions: Iterable[Action]) -> Sheet:
    """The sheet with every shortcut."""
    sheet = Sheet(window, tr("Keyboard shortcuts"), name="shortcutSheet", width=440)
    rows = [(action.keys[0], action.title) for action in actions if action.keys]
    grid = QGridLayout()
    grid.setHorizontalSpacing(theme.current().space(4))
    grid.setVerticalSpacing(theme.current().space(3))
    for place, (keys, title) in enumerate((*rows, *page_keys())):
        grid.addWidget(key_cap(key_text(keys)), place, 0)
        grid.addWidget(label(title, wrap=True), place, 1)
    grid.setColumnStretch(1, 1)
    sheet.body.addLayout(grid)
    sheet.body.addStretch()
    return sheet
