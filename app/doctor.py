"""`souk doctor payments`: what is known of each provider, what is wrong with it, and what to do, in words.

No database is opened, nothing is charged, and no key is printed: only its kind and its last four characters.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from app import payment_keys
from app.clock import SystemClock
from app.doctor_words import sentence
from app.payment_keys import Key, Keys
from app.providers import Till, open_till
from app.settings import INLINE, LIVE, TWIN, Settings, SettingsError
from services.api.clock import Clock
from services.gateways.payments import Finding, Payments

WELL, WRONG = 0, 1
PATIENCE_S = 45.0  # for one provider, its own tries included
MODES = {
    TWIN: "twin: a Stripe and a PayPal of our own on this machine",
    INLINE: "inline: the test provider inside Souk, without pages in a browser",
    LIVE: "live: Stripe and PayPal themselves",
}
MONEY = {
    True: "TEST, no real money moves",
    False: "LIVE, real money moves",
    None: "NONE, these settings are refused and Souk does not start with them",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the answer."""

    what: str
    is_well: bool
    text: str
    code: str = ""
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`lines`: by provider; "settings" stands for what concerns none of them. `is_test_mode` is None where the settings
    are refused: no provider is opened, and there is neither."""

    mode: str
    is_test_mode: bool | None
    lines: dict[str, tuple[Told, ...]]

    @property
    def is_well(self) -> bool:
        return all(one.is_well for told in self.lines.values() for one in told)

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        def line(one: Told) -> dict[str, Any]:  # Any: as above
            return {"what": one.what, "is_well": one.is_well, "code": one.code, "text": one.text, "detail": one.detail}

        lines = {name: [line(one) for one in told] for name, told in self.lines.items()}
        return {"mode": self.mode, "is_test_mode": self.is_test_mode, "is_well": self.is_well, "lines": lines}

    def as_text(self) -> str:
        lines = [f"Payments are {MODES[self.mode]}.", f"Mode: {MONEY[self.is_test_mode]}."]
        for name, told in self.lines.items():
            lines += [
                "",
                name,
                *(f"  {'ok   ' if one.is_well else 'WRONG'}  {one.what:<8}  {one.text}" for one in told),
            ]
        return "\n".join([*lines, "", "All is well." if self.is_well else "Something is wrong: see the lines above."])


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Looks and prints; 0 when all is well, 1 when not."""
    found = asyncio.run(examine(settings, SystemClock()))
    print(json.dumps(found.as_json(), indent=2) if arguments.json else found.as_text())
    return WELL if found.is_well else WRONG


async def examine(settings: Settings, clock: Clock) -> Diagnosis:
    """Opens the providers as the window would, asks each, and lets them go."""
    try:
        till = await asyncio.to_thread(open_till, settings, clock)
    except SettingsError as error:
        wrong = (Told("settings", False, str(error), "settings_wrong"),)
        return Diagnosis(settings.payments, None, {"settings": wrong})
    try:
        lines = {one.name: await _ask(one, clock, till.keys) for one in till.providers}
        about = _about_settings(settings, till)
        return Diagnosis(settings.payments, till.providers.is_test_mode, ({"settings": about} if about else {}) | lines)
    finally:
        await asyncio.to_thread(till.providers.close)


async def _ask(provider: Payments, clock: Clock, keys: Keys) -> tuple[Told, ...]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await provider.check(now=clock.now())
    except TimeoutError:
        found = (Finding("network", False, "unreachable"),)
    return tuple(_told(provider, finding, keys) for finding in found)


def _told(provider: Payments, finding: Finding, keys: Keys) -> Told:
    detail = {name: _without_secrets(str(value), keys) for name, value in finding.detail.items()}
    text = sentence(provider.name, finding.what, finding.code, detail, is_well=finding.is_well)
    return Told(finding.what, finding.is_well, text, finding.code, detail)


def _without_secrets(text: str, keys: Keys) -> str:
    """What a provider says back may quote what it was sent."""
    for key in keys.all.values():
        for part in key.value.split(","):
            if part.strip():
                text = text.replace(part.strip(), "(key)")
    return text


def _about_settings(settings: Settings, till: Till) -> tuple[Told, ...]:
    """What was found on this machine, before anybody is asked."""
    if settings.payments != LIVE:
        return ()
    named = {"stripe": till.keys.stripe, "paypal": till.keys.paypal, "webhook": till.keys.webhook}
    lines = [Told("key", True, _about_key(short, key), "key_found") for short, key in named.items() if key.value]
    if till.keys.keyring_problem:
        lines.append(Told("keyring", True, f"not asked: {till.keys.keyring_problem}", "keyring_closed"))
    if settings.return_page:
        lines.append(Told("page", True, f"hosted pages lead back to {settings.return_page}", "return_page"))
    return tuple(lines)


def _about_key(short: str, key: Key) -> str:
    kind = payment_keys.kind_of(key.value) if short == "stripe" else f"{short} secret"
    end = f" ending in {key.last_four}" if key.last_four else ""
    return f"{kind}{end}, from the {key.source}"
