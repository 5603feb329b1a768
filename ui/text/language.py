"""Translation, plurals and counts: the lowest layer of everything the user reads."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def tr(text: str, /, **params: object) -> str:
    """The text in the user's language with named places filled in after translation.

    Translated with the empty context: pyside6-lupdate extracts a bare `tr("...")` without one.
    """
    translated = QCoreApplication.translate("", text)
    if not params:
        return translated
    try:
        return translated.format(**params)
    except (KeyError, IndexError, ValueError):  # a translation that broke a place: the source text is right
        return text.format(**params)


def plural(n: int, one: str, many: str) -> str:
    """`plural(2, tr("{n} agent"), tr("{n} agents"))` -> "2 agents"."""
    return (one if n == 1 else many).format(n=count(n))


def count(n: int) -> str:
    """1,000"""
    return f"{n:,}".replace("-", "\N{MINUS SIGN}")
