"""The providers' keys: where they come from, which are refused, and what may be shown of them.

Read in this order: the environment, a file of mode 0600, the operating system's keyring. Never from a plain setting.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.device import trusted_backend
from app.settings import LIVE, Settings, SettingsError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

# What `souk keys` calls them -> the setting.
NAMES = {"stripe": "stripe_key", "paypal": "paypal_secret", "webhook": "stripe_webhook_secret"}
_SERVICE = "souk-payments"
_KEY_MAX = 2_000  # characters; Windows keeps about 2.5 kB in one entry
_STRIPE = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_]{8,}")
_STRIPE_KINDS = {
    "rk_test": "restricted test key",
    "sk_test": "full test key",
    "rk_live": "restricted live key",
    "sk_live": "full live key",
    "pk_": "publishable key",
    "whsec_": "webhook secret",
}


class KeyringRefused(Exception):
    """No trusted keyring, or its owner did not open it; the text says what to do instead."""


@dataclass(frozen=True, slots=True)
class Key:
    """One secret and where it came from: environment | file | keyring, "" when there is none."""

    value: str = field(default="", repr=False)
    source: str = ""

    @property
    def last_four(self) -> str:
        """All that is ever shown of it; nothing of a key so short that four would be much of it."""
        return self.value[-4:] if len(self.value) >= 16 else ""


@dataclass(frozen=True, slots=True)
class Keys:
    """What was found for each provider."""

    stripe: Key = Key()
    webhook: Key = Key()
    paypal: Key = Key()
    keyring_problem: str = ""  # why the keyring could not be asked

    @property
    def all(self) -> dict[str, Key]:
        """By the names of `souk keys`."""
        return {"stripe": self.stripe, "paypal": self.paypal, "webhook": self.webhook}


# ---- which they are


def kind_of(value: str) -> str:
    """What a Stripe key is, in words; "" for what is none."""
    return next((kind for start, kind in _STRIPE_KINDS.items() if value.startswith(start)), "")


def is_live(value: str) -> bool:
    """Whether real money moves with this Stripe key."""
    return kind_of(value).endswith("live key")


def check(keys: Keys, settings: Settings) -> None:
    """SettingsError for keys that must not, or cannot, be used together with these settings."""
    if keys.stripe.value:
        _check_stripe(keys.stripe.value, settings)
    if keys.webhook.value and any(kind_of(one.strip()) != "webhook secret" for one in keys.webhook.value.split(",")):
        raise SettingsError("stripe_webhook_secret: this is no webhook secret; it begins with whsec_")
    if not keys.paypal.value:
        return
    if not settings.paypal_client_id:
        raise SettingsError("paypal_client_id: PayPal's secret is there, but not the client id it belongs to")
    is_real = settings.paypal_environment == LIVE
    if is_real and not settings.allow_live_keys:
        raise SettingsError("paypal_environment: it is live, and real money is refused unless allow_live_keys = true")
    if keys.stripe.value and is_real != is_live(keys.stripe.value):
        raise SettingsError(
            "paypal_environment: one of Stripe and PayPal would move real money and the other would not"
        )


def _check_stripe(value: str, settings: Settings) -> None:
    kind = kind_of(value)
    if _STRIPE.fullmatch(value) is None:
        is_part = not kind or kind.startswith("restricted")
        what = "this is no key of Stripe's, or only a part of one" if is_part else f"this is a {kind}"
        raise SettingsError(f"stripe_key: {what}; a restricted key is wanted, which begins with rk_")
    if is_live(value) and not settings.allow_live_keys:
        raise SettingsError(f"stripe_key: a {kind} is refused unless allow_live_keys = true; real money would move")
    if kind == "full live key" and not settings.allow_secret_key:
        raise SettingsError(
            "stripe_key: a full live key can do everything to the account; make a restricted one (Checkout, "
            "PaymentIntents, SetupIntents, Refunds, Customers, Events), or set allow_secret_key = true as well"
        )


# ---- where they are


def find(settings: Settings, backend: KeyringBackend | None = None) -> Keys:
    """Every key there is. May wait for the owner of the keyring: not in the window's thread. SettingsError for a file
    that others can read, or that is not there."""
    found = {short: _given(settings, name) for short, name in NAMES.items()}
    problem = ""
    try:
        for short in [short for short, key in found.items() if not key.value]:
            kept = _with_keyring(partial(_read, entry=_entry(settings, short)), backend)
            found[short] = Key(kept, "keyring") if kept else Key()
    except KeyringRefused as error:
        problem = str(error)
    return Keys(found["stripe"], found["webhook"], found["paypal"], problem)


def _given(settings: Settings, name: str) -> Key:
    if value := getattr(settings, name).strip():
        return Key(value, "environment")
    if file := getattr(settings, f"{name}_file"):
        return Key(_from_file(Path(file).expanduser(), f"{name}_file"), "file")
    return Key()


def _read(trusted: KeyringBackend, *, entry: str) -> str:
    return trusted.get_password(_SERVICE, entry) or ""


def _from_file(file: Path, name: str) -> str:
    try:
        with file.open(encoding="ascii") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise SettingsError(
                    f"{name}: {file} can be read by others (mode {mode:04o}); replace the key, then chmod 600 it"
                )
            value = stream.read(_KEY_MAX + 1).strip()
    except OSError as error:
        raise SettingsError(f"{name}: {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: {file} holds no key") from None  # the error would quote what it holds
    if not value or len(value) > _KEY_MAX:
        raise SettingsError(f"{name}: {file} holds no key")
    return value


# ---- keeping them


def keep(settings: Settings, short: str, value: str, backend: KeyringBackend | None = None) -> None:
    """Puts one into the keyring. KeyringRefused; SettingsError for one that would not be used."""
    value = value.strip()
    if not value or len(value) > _KEY_MAX or not value.isascii() or any(sign.isspace() for sign in value):
        raise SettingsError(f"{NAMES[short]}: one line with one key is wanted")
    if short == "stripe":
        _check_stripe(value, settings)
    if short == "webhook":
        check(Keys(webhook=Key(value)), settings)
    _with_keyring(lambda trusted: trusted.set_password(_SERVICE, _entry(settings, short), value), backend)


def remove(settings: Settings, short: str, backend: KeyringBackend | None = None) -> bool:
    """Takes one out of the keyring; False when none was there. KeyringRefused."""

    def take(trusted: KeyringBackend) -> bool:
        if trusted.get_password(_SERVICE, _entry(settings, short)) is None:
            return False
        trusted.delete_password(_SERVICE, _entry(settings, short))
        return True

    return _with_keyring(take, backend)


def _entry(settings: Settings, short: str) -> str:
    """Each data folder has keys of its own, so that a test folder never finds those of a real one."""
    return f"{short} {settings.data.resolve()}"


def _with_keyring(work: Callable[[KeyringBackend], T], backend: KeyringBackend | None) -> T:
    from keyring.errors import KeyringError  # lazy: 35 ms that `souk --help` need not wait for

    try:
        if (trusted := trusted_backend(backend)) is None:
            raise KeyringRefused(
                "this machine has no keyring that Souk trusts; give the key by the environment (SOUK_STRIPE_KEY, "
                "SOUK_STRIPE_WEBHOOK_SECRET, SOUK_PAYPAL_SECRET), or by a file of mode 0600 (SOUK_STRIPE_KEY_FILE, "
                "SOUK_STRIPE_WEBHOOK_SECRET_FILE, SOUK_PAYPAL_SECRET_FILE)"
            )
        return work(trusted)
    except KeyringError as error:
        raise KeyringRefused(f"the keyring was not opened ({type(error).__name__})") from None
