"""Settings: every field declared once with its type and default; read from souk.toml and SOUK_* variables."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from platformdirs import user_data_path

_PREFIX = "SOUK_"


class SettingsError(Exception):
    """A settings file or variable that cannot be understood; the text says which."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`data` holds everything Souk writes. `remote` is a server's address, "" for the embedded service.

    `database` is where `souk serve` keeps its records: a PostgreSQL address, "" for a file of the data folder.
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

    @property
    def database_file(self) -> Path:
        """The SQLite file."""
        return self.data / "souk.db"

    @property
    def provider_file(self) -> Path:
        """The test provider's own record; as separate from ours as a real provider's would be."""
        return self.data / "test-provider.db"

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
    """Defaults, then `souk.toml` in the data folder, then SOUK_* variables, then `overrides`. SettingsError."""
    folder = (data or Path(environ.get(f"{_PREFIX}DATA", "") or user_data_path("souk", appauthor=False))).expanduser()
    values: dict[str, object] = {}
    file = folder / "souk.toml"
    if file.exists():
        try:
            values = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise SettingsError(f"{file}: {error}") from error
    known = {item.name: item.type for item in fields(Settings) if item.name != "data"}
    if unknown := sorted(set(values) - set(known)):
        raise SettingsError(f"{file}: unknown setting {', '.join(unknown)}")
    for name in known:
        if (text := environ.get(_PREFIX + name.upper())) is not None:
            values[name] = text
    values |= {name: value for name, value in overrides.items() if value is not None}
    return Settings(data=folder, **{name: _parse(name, str(known[name]), value) for name, value in values.items()})  # type: ignore[arg-type]  # _parse gives each field its declared type


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
