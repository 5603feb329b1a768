"""`souk keys`: a provider's key put into the keyring, taken out of it, and shown as kind and last four characters.

A key is typed at a hidden prompt or piped in. Never on the command line, where every process of the machine sees it.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from getpass import GetPassWarning, getpass
from typing import TextIO

from app import payment_keys
from app.payment_keys import Key, KeyringRefused
from app.settings import LIVE, Settings, SettingsError

WRONG = 2  # exit code


def run(arguments: argparse.Namespace, settings: Settings, typed: TextIO | None = None) -> int:
    """Does one of show, set and remove; 2 for what cannot be done. `typed` stands for standard input."""
    try:
        if arguments.what == "show":
            return _show(settings, as_json=arguments.json)
        if not arguments.key:
            raise SettingsError(f"say which key: souk keys {arguments.what} stripe, paypal or webhook")
        text = _set(settings, arguments.key, typed or sys.stdin) if arguments.what == "set" else ""
        print(_told(text or _remove(settings, arguments.key), as_json=arguments.json))
    except (KeyringRefused, SettingsError) as error:
        print(f"souk: {error}", file=sys.stderr)
        return WRONG
    return 0


def _told(text: str, *, as_json: bool) -> str:
    return json.dumps({"done": text}) if as_json else text


def _show(settings: Settings, *, as_json: bool) -> int:
    keys = payment_keys.find(settings)
    shown = {short: _facts(short, key) for short, key in keys.all.items()}
    if as_json:
        print(json.dumps(shown, indent=2))
        return 0
    for short, facts in shown.items():
        print(f"{short:<8} " + (f"{facts['kind']} ending in {facts['last4']}, from the {facts['source']}"
                                if facts["source"] else "none"))  # fmt: skip
    if keys.keyring_problem:
        print(f"The keyring was not asked: {keys.keyring_problem}.")
    return 0


def _facts(short: str, key: Key) -> dict[str, str]:
    kind = {"paypal": "PayPal secret", "webhook": "webhook secret"}.get(short) or payment_keys.kind_of(key.value)
    return {"kind": kind if key.value else "", "last4": key.last_four, "source": key.source}


def _set(settings: Settings, short: str, typed: TextIO) -> str:
    value = _ask(f"{short} key (it is not shown): ", typed)
    payment_keys.keep(settings, short, value)
    kept = _facts(short, Key(value.strip(), "keyring"))
    text = f"The {kept['kind']} ending in {kept['last4']} is in this system's keyring."
    if settings.payments != LIVE:
        text += f' It is used once payments = "{LIVE}" stands in {settings.data / "souk.toml"}.'
    return text


def _ask(prompt: str, typed: TextIO) -> str:
    """The hidden line. SettingsError where what is typed would be seen."""
    if not typed.isatty():
        return typed.readline()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            return getpass(prompt)
    except (GetPassWarning, EOFError):
        raise SettingsError("this terminal cannot hide what is typed; pipe the key in instead") from None


def _remove(settings: Settings, short: str) -> str:
    if payment_keys.remove(settings, short):
        return f"The {short} key is gone from this system's keyring. What was given to others is still valid there."
    return f"There was no {short} key in this system's keyring."
