"""Counts what a person does and turns it into seconds by the keystroke-level model (Card, Moran and Newell, 1980).

Operators and rules as in FEATURES, section 4: M before every field and every decision, none before an anticipated
"continue"; H whenever the hand changes between mouse and keyboard.
"""

from __future__ import annotations

from dataclasses import dataclass

KEY_S = 0.28  # K, an average skilled typist
POINT_S = 1.1  # P, moving the mouse to a target
BUTTON_S = 0.1  # B, pressing or releasing the mouse button
HOME_S = 0.4  # H, moving a hand between mouse and keyboard
THINK_S = 1.35  # M, one mental preparation

MOUSE, KEYBOARD = "mouse", "keyboard"


@dataclass
class Meter:
    """What one person did so far. `hand` is where the hand rests; it starts on the mouse."""

    clicks: int = 0
    keys: int = 0
    fields: int = 0
    seconds: float = 0.0
    hand: str = MOUSE

    def _hand_to(self, place: str) -> None:
        if self.hand != place:
            self.hand = place
            self.seconds += HOME_S

    def click(self, *, decides: bool = True) -> None:
        """One click; `decides` is false for an anticipated "continue"."""
        self._hand_to(MOUSE)
        self.clicks += 1
        self.seconds += POINT_S + 2 * BUTTON_S + (THINK_S if decides else 0)

    def look(self) -> None:
        """Takes in another screen, here or in the browser."""
        self.seconds += THINK_S

    def type_field(self, length: int) -> None:
        """A field filled with `length` characters: it is thought about, then typed."""
        self._hand_to(KEYBOARD)
        self.fields += 1
        self.keys += length
        self.seconds += THINK_S + length * KEY_S

    def press(self, count: int = 1, *, decides: bool = False) -> None:
        """Keys that are not text: Tab, Space, Enter, a shortcut."""
        self._hand_to(KEYBOARD)
        self.keys += count
        self.seconds += count * KEY_S + (THINK_S if decides else 0)
