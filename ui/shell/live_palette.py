"""The command palette over the palette's view-model, which finds agents as well as pages and actions."""

from PySide6.QtWidgets import QWidget

from ui.viewmodels.palette import Command, PaletteViewModel
from ui.widgets import palette
from ui.widgets.palette import CommandPalette


class LivePalette(CommandPalette):
    """Lists what the view-model found, in its order."""

    def __init__(self, window: QWidget, vm: PaletteViewModel) -> None:
        self._vm = vm
        self._found: dict[str, Command] = {}
        super().__init__(window, ())
        vm.open()
        vm.changed.connect(self._show_found)
        self.chosen.connect(self._on_chosen)
        self.closed.connect(vm.close)
        self._show_found()

    def _on_search_changed(self, query: str) -> None:
        self._vm.search(query)

    def _show_found(self) -> None:
        commands = self._vm.state.commands
        self._found = {command.id: command for command in commands}
        self._rows.show([_row(command) for command in commands])
        self.list.setVisible(bool(commands))
        self._empty.setVisible(not commands)
        if commands:
            self.list.setCurrentIndex(self._rows.index(0, 0))
            self.list.scrollToTop()
        self._arrange()

    def _on_chosen(self, command_id: str) -> None:
        self._vm.choose(self._found[command_id])


def _row(command: Command) -> palette.Command:
    return palette.Command(command.id, command.title, command.subtitle, command.shortcut, command.icon or "command")
