"""Who a guest is, and where a session is kept: readable by nobody else, and never in a plain file."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import InitError, KeyringLocked, PasswordDeleteError

from app.clock import SystemIds
from app.device import ALLOWED_BACKENDS, KeyringTokens, device_token, trusted_backend

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes are a POSIX matter")
CANARY = "canary-session-31ad"


class MemoryKeyring(KeyringBackend):
    """Keeps in a dict what it is given, and counts."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.calls += 1
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.calls += 1
        if (service, username) not in self.kept:
            raise PasswordDeleteError
        del self.kept[service, username]


class TrustedKeyring(MemoryKeyring):
    """Passes for the system's own."""


TrustedKeyring.__module__ = "keyring.backends.SecretService"


class PlaintextKeyring(MemoryKeyring):
    """As keyrings.alt has it: becomes the default merely by being installed."""


PlaintextKeyring.__module__ = "keyrings.alt.file"


class LockedKeyring(MemoryKeyring):
    """The owner does not unlock it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked

    def delete_password(self, service: str, username: str) -> None:
        raise InitError


LockedKeyring.__module__ = "keyring.backends.SecretService"


class Chain(MemoryKeyring):
    """What keyring chooses when it finds several."""

    def __init__(self, *backends: KeyringBackend) -> None:
        super().__init__()
        self.backends = backends


def after_a_restart(folder: Path, backend: KeyringBackend | None = None) -> str:
    tokens = KeyringTokens(folder, backend)
    tokens.fetch()
    tokens.close()
    return tokens.load()


def save(folder: Path, backend: KeyringBackend | None, token: str = CANARY) -> KeyringTokens:
    tokens = KeyringTokens(folder, backend)
    tokens.save(token)
    tokens.close()
    return tokens


@pytest.fixture
def default_backend() -> Iterator[None]:
    """Whatever a test chooses as keyring's default is forgotten again."""
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


# ---- the device


def test_a_device_stays_who_it_is(data_dir: Path) -> None:
    token = device_token(data_dir / "new", SystemIds())
    assert len(token) >= 43  # 32 random bytes
    assert device_token(data_dir / "new", SystemIds()) == token
    assert device_token(data_dir / "other", SystemIds()) != token


@posix
def test_the_device_file_is_for_its_owner_only(data_dir: Path) -> None:
    before = os.umask(0)
    try:
        device_token(data_dir, SystemIds())
    finally:
        os.umask(before)
    assert stat.S_IMODE((data_dir / "device").stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("content", ["", "a-token-that-was-there"])
def test_a_file_that_was_open_to_others_is_closed(content: str, data_dir: Path) -> None:
    (data_dir / "device").write_text(content)
    (data_dir / "device").chmod(0o644)
    assert content in device_token(data_dir, SystemIds())
    assert stat.S_IMODE((data_dir / "device").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00garbage"])
def test_a_file_torn_by_a_crash_is_made_anew(content: bytes, data_dir: Path) -> None:
    (data_dir / "device").write_bytes(content)
    token = device_token(data_dir, SystemIds())
    assert len(token) >= 43
    assert device_token(data_dir, SystemIds()) == token


# ---- the session


def test_a_session_lasts_in_the_systems_keyring(data_dir: Path) -> None:
    backend = TrustedKeyring()
    save(data_dir, backend)
    assert after_a_restart(data_dir, backend) == CANARY
    assert after_a_restart(data_dir / "another folder", backend) == ""


def test_a_new_session_takes_the_place_of_the_old_and_signing_out_removes_it(data_dir: Path) -> None:
    backend = TrustedKeyring()
    save(data_dir, backend, "old")
    save(data_dir, backend)
    assert list(backend.kept.values()) == [CANARY]
    tokens = KeyringTokens(data_dir, backend)
    tokens.fetch()
    tokens.clear()
    assert tokens.load() == ""
    tokens.clear()  # nothing left to remove, and nobody complains
    tokens.close()
    assert backend.kept == {}


@pytest.mark.parametrize(
    "backend",
    [PlaintextKeyring(), MemoryKeyring(), None, LockedKeyring(), Chain(), Chain(PlaintextKeyring())],
    ids=["plaintext", "unknown", "none", "locked", "empty chain", "chain of plaintext"],
)  # fmt: skip
def test_without_a_keyring_to_trust_a_session_lasts_for_this_run_only(
    backend: KeyringBackend | None, data_dir: Path
) -> None:
    tokens = save(data_dir, backend)
    assert tokens.load() == CANARY
    assert after_a_restart(data_dir, backend) == ""
    assert list(data_dir.iterdir()) == []


def test_a_plaintext_keyring_is_never_even_asked(data_dir: Path, default_backend: None) -> None:
    plaintext = PlaintextKeyring()
    keyring.set_keyring(plaintext)  # as installing keyrings.alt does
    tokens = KeyringTokens(data_dir)
    tokens.fetch()
    tokens.save(CANARY)
    tokens.clear()
    tokens.close()
    assert (plaintext.calls, plaintext.kept) == (0, {})


def test_in_a_chain_the_trusted_one_is_found_behind_the_others(data_dir: Path) -> None:
    plaintext, trusted = PlaintextKeyring(), TrustedKeyring()
    save(data_dir, Chain(plaintext, trusted))
    assert (plaintext.kept, list(trusted.kept.values())) == ({}, [CANARY])


def test_a_default_that_can_be_trusted_is_used(data_dir: Path, default_backend: None) -> None:
    trusted = TrustedKeyring()
    keyring.set_keyring(trusted)
    save(data_dir, None)
    assert list(trusted.kept.values()) == [CANARY]
    assert trusted_backend() is trusted


def test_only_the_systems_own_are_trusted() -> None:
    assert {name.rpartition(".")[2] for name in ALLOWED_BACKENDS} == {
        "SecretService", "libsecret", "kwallet", "macOS", "Windows"
    }  # fmt: skip
    assert trusted_backend(TrustedKeyring())
    assert trusted_backend(PlaintextKeyring()) is None


def test_a_session_is_not_shown(data_dir: Path) -> None:
    tokens = save(data_dir, TrustedKeyring())
    assert CANARY not in repr(tokens)
