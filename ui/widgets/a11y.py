"""Speaking to screen readers: announcements, and names that Qt does not derive by itself."""

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget


def announce(widget: QWidget, message: str, *, assertive: bool = False) -> None:
    """Says a sentence: politely when the reader pauses, or at once for what stops the user."""
    if not message or not QAccessible.isActive():
        return
    event = QAccessibleAnnouncementEvent(widget, message)
    politeness = QAccessible.AnnouncementPoliteness
    event.setPoliteness(politeness.Assertive if assertive else politeness.Polite)
    QAccessible.updateAccessibility(event)


def describe(widget: QWidget, *, name: str = "", description: str = "") -> None:
    if name:
        widget.setAccessibleName(name)
    widget.setAccessibleDescription(description)
