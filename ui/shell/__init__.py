"""The main window and how one gets around in it."""

from ui.shell.parts import MoneyMakers, Pages, ViewModels
from ui.shell.window import Shell

__all__ = ["MoneyMakers", "Pages", "Shell", "ViewModels"]
