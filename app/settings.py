"""Settings: every field declared once with its type and default; read from souk.toml and SOUK_* variables."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from platformdirs import user_data_path

_PREFIX = "SOUK_"
TWIN, INLINE, LIVE = "twin", "inline", "live"
# Never in souk.toml, which is copied, shown and put under version control: TRUST, 0.9.
SECRETS = ("stripe_key", "stripe_webhook_secret", "paypal_secret")
_CHOICES = {"payments": (TWIN, INLINE, LIVE), "paypal_environment": ("sandbox", LIVE)}


class SettingsError(Exception):
    """A settings file or variable that cannot be understood; the text says which."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`data` holds everything Souk writes. `remote` is a server's address, "" for the embedded service.

    `database` is where `souk serve` keeps its records: a PostgreSQL address, "" for a file of the data folder.
    `payments`: "twin" is a provider of our own on this machine with pages in the browser, "inline" the same without a
    browser, "live" Stripe and PayPal themselves, their sandboxes when the keys are test keys.
    """

    data: Path
    remote: str = ""
    database: str = field(default="", repr=False)  # may hold a password
    host: str = "127.0.0.1"
    port: int = 8741
    allowed_origins: tuple[str, ...] = ()
    # An OpenAI-compatible endpoint that answers instead of the built-in retrieval; off while the address is empty.
    model_url: str = ""
    model_name: str = ""
    model_key: str = field(default="", repr=False)
    ledger_key: str = field(default="", repr=False)  # seals the ledger; empty: a file of the data folder
    model_allow_loopback: bool = False  # a model on this machine, e.g. http://127.0.0.1:11434/v1
    payments: str = TWIN
    twin_port: int = 8742  # taken: another one
    # What the environment gave; app/payment_keys.py reads the files and the keyring.
    stripe_key: str = field(default="", repr=False)
    stripe_key_file: str = ""
    stripe_webhook_secret: str = field(default="", repr=False)  # several, with commas, while they are changed
    stripe_webhook_secret_file: str = ""
    paypal_client_id: str = ""
    paypal_secret: str = field(default="", repr=False)
    paypal_secret_file: str = ""
    paypal_webhook_id: str = ""
    paypal_environment: str = "sandbox"  # a PayPal secret does not say by itself whether its money is real
    allow_live_keys: bool = False
    allow_secret_key: bool = False  # a full secret key can do everything to an account; a restricted one is wanted
    return_page: str = ""  # https page that hosted pages lead back to; "" where none is needed
    undo_seconds: int = 60  # how long a purchase by card or PayPal can be taken back before it is charged
    # The account transfers are made out to; none is offered without an IBAN.
    bank_holder: str = ""
    bank_iban: str = ""
    bank_bic: str = ""
    bank_name: str = ""

    @property
    def database_file(self) -> Path:
        """The SQLite file."""
        return self.data / "souk.db"

    @property
    def provider_file(self) -> Path:
        """The test provider's own record; as separate from ours as a real provider's would be."""
        return self.data / "test-provider.db"

    @property
    def twin_folder(self) -> Path:
        """The records of the twin, our own Stripe and PayPal for test mode."""
        return self.data / "twin"

    @property
    def bank_account(self) -> tuple[tuple[str, str], ...]:
        """What a transfer is made out to; empty without an account."""
        if not self.bank_iban:
            return ()
        account = {"holder": self.bank_holder, "iban": self.bank_iban, "bic": self.bank_bic, "bank": self.bank_name}
        return tuple((name, value) for name, value in account.items() if value)

    @property
    def backups(self) -> Path:
        """Where verified copies of the database lie."""
        return self.data / "backups"

    @property
    def timeline(self) -> Path:
        """Snapshots of a test-mode workspace whose time is moved."""
        return self.data / "timeline"

    @property
    def preferences(self) -> Path:
        """Window size, theme and the like."""
        return self.data / "preferences.ini"

    @property
    def log_file(self) -> Path:
        """What went wrong, without secrets."""
        return self.data / "souk.log"


def load(data: Path | None = None, environ: Mapping[str, str] = os.environ, **overrides: object) -> Settings:
    """Defaults, then `souk.toml` in the data folder, then SOUK_* variables, then `overrides`. Keys given by the
    environment or a file mean that they are to be used, unless `payments` says otherwise. SettingsError."""
    folder = (data or Path(environ.get(f"{_PREFIX}DATA", "") or user_data_path("souk", appauthor=False))).expanduser()
    file = folder / "souk.toml"
    known = {item.name: item.type for item in fields(Settings) if item.name != "data"}
    values = _read(file, set(known))
    for name in known:
        if (text := environ.get(_PREFIX + name.upper())) is not None:
            values[name] = text
    values |= {name: value for name, value in overrides.items() if value is not None}
    if any(values.get(name) or values.get(f"{name}_file") for name in ("stripe_key", "paypal_secret")):
        values.setdefault("payments", LIVE)
    parsed = {name: _parse(name, str(known[name]), value) for name, value in values.items()}
    found = Settings(data=folder, **parsed)  # type: ignore[arg-type]  # _parse gives each field its declared type
    _check(found)
    return found


def _read(file: Path, known: set[str]) -> dict[str, object]:
    if not file.exists():
        return {}
    try:
        values: dict[str, object] = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{file}: {error}") from error
    if unknown := sorted(set(values) - known):
        raise SettingsError(f"{file}: unknown setting {', '.join(unknown)}")
    if secret := next((name for name in SECRETS if name in values), ""):
        raise SettingsError(
            f"{file}: {secret} is a secret and is not read from here, where it would lie in the clear. Take it out, "
            f"replace it at the provider if this file was ever shared, and use `souk keys set`, the variable "
            f"{_PREFIX}{secret.upper()}, or {secret}_file with the name of a file that only you can read"
        )
    return values


def _check(found: Settings) -> None:
    """What one value alone does not tell. SettingsError."""
    for name, choices in _CHOICES.items():
        if getattr(found, name) not in choices:
            raise SettingsError(f"{name}: {getattr(found, name)!r} is none of {', '.join(choices)}")
    if found.return_page and not found.return_page.startswith("https://"):
        raise SettingsError(f"return_page: {found.return_page!r} does not begin with https://")
    if found.bank_iban and not is_iban(found.bank_iban):
        raise SettingsError(f"bank_iban: {found.bank_iban!r} is mistyped; its check digits do not fit")
    if found.bank_iban and not found.bank_holder:
        raise SettingsError("bank_holder: whose account is it? A transfer needs a name")


def is_iban(text: str) -> bool:
    """Whether the check digits of an account number fit (ISO 7064, mod 97-10), so that no transfer goes astray."""
    plain = text.replace(" ", "").upper()
    if not (15 <= len(plain) <= 34 and plain.isascii() and plain.isalnum() and plain[:2].isalpha()):
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def _port(number: int) -> int:
    if not 0 <= number <= 65535:
        raise ValueError(number)
    return number


def _parse(name: str, kind: str, value: object) -> object:
    try:
        if kind == "int":  # the only number there is
            return _port(int(str(value)))
        if kind == "bool":
            return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
        if kind.startswith("tuple"):
            parts = value if isinstance(value, list | tuple) else str(value).split(",")
            return tuple(str(part).strip() for part in parts if str(part).strip())
    except (ValueError, KeyError) as error:
        raise SettingsError(f"{name}: {value!r} is not a valid {kind}") from error
    if isinstance(value, list | dict):  # perhaps a secret: it is not repeated
        raise SettingsError(f"{name}: one text is wanted, not a list or a table")
    return str(value)
