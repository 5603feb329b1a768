"""Who a guest is on this machine, and where a session is kept between two starts.

The device token is a random file readable by its owner only. A session lives in the operating system's keyring;
without one it lives in memory for this run: never in a plain file (TRUST, 0.9).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from services.api.clock import Ids

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_SERVICE = "souk"
# Backends that really keep a secret; others (plaintext files, null) are refused by name (TRUST, D).
ALLOWED_BACKENDS = frozenset(
    {
        "keyring.backends.SecretService",
        "keyring.backends.libsecret",
        "keyring.backends.kwallet",
        "keyring.backends.macOS",
        "keyring.backends.Windows",
    }
)


def device_token(folder: Path, ids: Ids) -> str:
    """The guest token of this data folder, made on first use with mode 0600."""
    file = folder / "device"
    if known := _read(file):
        file.chmod(0o600)  # whatever a copy or an unpacked archive has made of it
        return known
    folder.mkdir(parents=True, exist_ok=True)
    token = ids.token()
    file.unlink(missing_ok=True)  # torn by a crash, or not ours
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(token)
    return token


def _read(file: Path) -> str:
    """The token in a file, "" when there is none."""
    try:
        return file.read_text("ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def trusted_backend(chosen: KeyringBackend | None = None) -> KeyringBackend | None:
    """The first backend that really keeps a secret, or None."""
    import keyring  # lazy: 35 ms that the first frame need not wait for

    chosen = chosen or keyring.get_keyring()
    candidates = getattr(chosen, "backends", [chosen])
    return next((backend for backend in candidates if type(backend).__module__ in ALLOWED_BACKENDS), None)


class KeyringTokens:
    """The session token of one data folder. The keyring may ask its owner to unlock it, so it has a thread of its own;
    `fetch` is the one call that waits and belongs in a worker thread."""

    def __init__(self, folder: Path, backend: KeyringBackend | None = None) -> None:
        self._name = str(folder.resolve())
        self._token = ""
        self._backend = backend
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="souk-keyring")

    def fetch(self) -> None:
        """Reads the kept token; waits for the keyring."""
        self._thread.submit(self._quietly, self._read).result()

    def load(self) -> str:
        """The token, "" for none."""
        return self._token

    def save(self, token: str) -> None:
        self._token = token
        self._thread.submit(self._quietly, lambda backend: backend.set_password(_SERVICE, self._name, token))

    def clear(self) -> None:
        self._token = ""
        self._thread.submit(self._quietly, lambda backend: backend.delete_password(_SERVICE, self._name))

    def close(self) -> None:
        """Waits for what is still being written."""
        self._thread.shutdown()

    def _read(self, backend: KeyringBackend) -> None:
        self._token = backend.get_password(_SERVICE, self._name) or ""

    def _quietly(self, work: Callable[[KeyringBackend], None]) -> None:
        """Without a trusted, unlocked keyring this run remembers and the next one asks again."""
        from keyring.errors import KeyringError  # lazy: as above

        try:
            if backend := trusted_backend(self._backend):
                work(backend)
        except KeyringError:
            return
