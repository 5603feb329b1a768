"""How keys are written for the user."""

from PySide6.QtGui import QKeySequence


def key_text(sequence: str) -> str:
    """ "Ctrl K" for "Ctrl+K", in the system's own words for the keys; a plus that is itself the key stays."""
    native = QKeySequence(sequence).toString(QKeySequence.SequenceFormat.NativeText)
    return native[:-1].replace("+", " ") + native[-1:]
