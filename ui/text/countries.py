"""Names of countries by their ISO codes, in the order of the alphabet."""

from __future__ import annotations

import unicodedata
from functools import cache

from PySide6.QtCore import QLocale

NOT_COUNTRIES = ("", "ZZ", "EU", "UN", "EZ", "XK", "XA", "XB")  # codes of unions, and codes given by no standard


@cache
def countries() -> tuple[tuple[str, str], ...]:
    """(name, ISO 3166 alpha-2) of all that Qt knows by such a code."""
    found: dict[str, str] = {}
    for territory in QLocale.Country:
        code = QLocale.territoryToCode(territory)
        if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES:
            found.setdefault(code, QLocale.territoryToString(territory))
    return tuple(sorted(((name, code) for code, name in found.items()), key=lambda pair: _key(pair[0])))


def country_name(code: str) -> str:
    """The name of a code; a code nobody knows is shown as it is."""
    return next((name for name, known in countries() if known == code.upper()), code)


def _key(name: str) -> str:
    """Åland stands with A."""
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
