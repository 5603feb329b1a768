"""Providers' keys: the order of the places they may lie in, which are refused, and that none is ever shown."""

from __future__ import annotations

import io
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import pytest

from app import key_commands, payment_keys
from app.__main__ import main
from app.payment_keys import Key, KeyringRefused, Keys
from app.settings import Settings, SettingsError, load
from tests.app.test_device import LockedKeyring, MemoryKeyring, PlaintextKeyring, TrustedKeyring

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes are a POSIX matter")


def stripe_key(kind: str = "rk_test", tail: str = "canary4e21") -> str:
    """Put together here, so that no key stands in a file."""
    return f"{kind}_{tail}"


def secret_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "key"
    file.write_text(text, "ascii")
    file.chmod(mode)
    return file


@pytest.fixture
def trusted() -> Iterator[MemoryKeyring]:
    """This system's keyring for one test."""
    before, mine = keyring.get_keyring(), TrustedKeyring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


# ---- settings


@pytest.mark.parametrize("name", ["stripe_key", "stripe_webhook_secret", "paypal_secret"])
def test_a_secret_in_the_settings_file_is_refused_and_not_repeated(name: str, data_dir: Path) -> None:
    (data_dir / "souk.toml").write_text(f'{name} = "canary-in-the-clear"', "utf-8")
    with pytest.raises(SettingsError, match=name) as caught:
        load(data_dir, {})
    assert "canary" not in str(caught.value)
    assert "souk keys set" in str(caught.value)


def test_keys_from_the_environment_are_used_unless_told_otherwise(data_dir: Path) -> None:
    assert load(data_dir, {}).payments == "twin"
    given = {"SOUK_STRIPE_KEY": stripe_key()}
    assert load(data_dir, given).payments == "live"
    assert load(data_dir, {"SOUK_PAYPAL_SECRET_FILE": "somewhere"}).payments == "live"
    assert load(data_dir, given | {"SOUK_PAYMENTS": "inline"}).payments == "inline"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('payments = "stripe"', "payments: 'stripe'"),
        ('paypal_environment = "real"', "paypal_environment: 'real'"),
        ('return_page = "http://souk.example/return"', "return_page"),
        ('bank_holder = "Souk"\nbank_iban = "DE89370400440532013001"', "bank_iban"),
        ('bank_holder = "Souk"\nbank_iban = "DE"', "bank_iban"),
        ('bank_iban = "DE89370400440532013000"', "bank_holder"),
    ],
)
def test_a_wrong_setting_of_payments_is_named(text: str, named: str, data_dir: Path) -> None:
    (data_dir / "souk.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=named):
        load(data_dir, {})


def test_an_account_for_transfers_has_only_what_was_said(data_dir: Path) -> None:
    assert load(data_dir, {}).bank_account == ()
    found = load(data_dir, {"SOUK_BANK_HOLDER": "Souk Ltd", "SOUK_BANK_IBAN": "GB82 WEST 1234 5698 7654 32"})
    assert found.bank_account == (("holder", "Souk Ltd"), ("iban", "GB82 WEST 1234 5698 7654 32"))


# ---- where they are read


def test_the_environment_beats_the_file_and_the_file_the_keyring(data_dir: Path, trusted: MemoryKeyring) -> None:
    everything = Settings(data_dir)
    payment_keys.keep(everything, "stripe", stripe_key(tail="fromkeyring"))
    assert payment_keys.find(everything).stripe == Key(stripe_key(tail="fromkeyring"), "keyring")
    file = secret_file(data_dir, stripe_key(tail="fromafile") + "\n")
    everything = replace(everything, stripe_key_file=str(file))
    assert payment_keys.find(everything).stripe == Key(stripe_key(tail="fromafile"), "file")
    everything = replace(everything, stripe_key=stripe_key(tail="fromtheenv"))
    assert payment_keys.find(everything).stripe == Key(stripe_key(tail="fromtheenv"), "environment")


def test_each_data_folder_has_keys_of_its_own(tmp_path: Path, trusted: MemoryKeyring) -> None:
    payment_keys.keep(Settings(tmp_path / "one"), "stripe", stripe_key())
    assert payment_keys.find(Settings(tmp_path / "two")).stripe == Key()


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_a_file_that_others_can_touch_is_refused(mode: int, data_dir: Path) -> None:
    file = secret_file(data_dir, stripe_key(), mode)
    with pytest.raises(SettingsError, match="chmod 600") as caught:
        payment_keys.find(Settings(data_dir, stripe_key_file=str(file)))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"  \n", b"canary\xff\xfe", b"x" * 5_000])
def test_a_file_without_a_key_is_refused_and_not_repeated(content: bytes, data_dir: Path) -> None:
    file = secret_file(data_dir, "")
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="stripe_key_file") as caught:
        payment_keys.find(Settings(data_dir, stripe_key_file=str(file)))
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_there_is_named(data_dir: Path) -> None:
    with pytest.raises(SettingsError, match="paypal_secret_file"):
        payment_keys.find(Settings(data_dir, paypal_secret_file=str(data_dir / "none")))


@pytest.mark.parametrize("refused", [PlaintextKeyring, LockedKeyring])
def test_an_untrusted_or_locked_keyring_gives_nothing_and_keeps_nothing(
    refused: type[MemoryKeyring], data_dir: Path
) -> None:
    backend = refused()
    backend.kept["souk-payments", f"stripe {data_dir.resolve()}"] = stripe_key()
    found = payment_keys.find(Settings(data_dir), backend)
    assert found.stripe == Key()
    assert found.keyring_problem
    with pytest.raises(KeyringRefused):
        payment_keys.keep(Settings(data_dir), "stripe", stripe_key(), backend)


# ---- which are refused

OPEN = {"allow_live_keys": True}


@pytest.mark.parametrize(
    ("kind", "allowed", "is_taken"),
    [
        ("rk_test", {}, True),
        ("sk_test", {}, True),
        ("rk_live", {}, False),
        ("sk_live", {}, False),
        ("rk_live", OPEN, True),
        ("sk_live", OPEN, False),
        ("sk_live", {"allow_secret_key": True}, False),
        ("sk_live", OPEN | {"allow_secret_key": True}, True),
        ("pk_test", OPEN, False),
        ("pk_live", OPEN | {"allow_secret_key": True}, False),
    ],
)
def test_live_and_full_keys_need_their_own_word(
    kind: str, allowed: dict[str, bool], is_taken: bool, data_dir: Path
) -> None:
    settings, keys = Settings(data_dir, **allowed), Keys(stripe=Key(stripe_key(kind)))  # type: ignore[arg-type]  # two switches
    if is_taken:
        payment_keys.check(keys, settings)
        return
    with pytest.raises(SettingsError, match="stripe_key") as caught:
        payment_keys.check(keys, settings)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("value", ["canary", "rk_test_", "rk_test_ab cd1234", stripe_key() + "\nx", "rk_prod_abcd1234"])
def test_half_a_key_is_refused(value: str, data_dir: Path) -> None:
    with pytest.raises(SettingsError, match="stripe_key"):
        payment_keys.check(Keys(stripe=Key(value)), Settings(data_dir))


def test_paypal_needs_its_client_id_and_the_same_kind_of_money(data_dir: Path) -> None:
    keys, settings = Keys(paypal=Key("a-secret")), Settings(data_dir, paypal_client_id="shop")
    payment_keys.check(keys, settings)
    with pytest.raises(SettingsError, match="client id"):
        payment_keys.check(keys, Settings(data_dir))
    with pytest.raises(SettingsError, match="allow_live_keys"):
        payment_keys.check(keys, replace(settings, paypal_environment="live"))
    real = replace(settings, allow_live_keys=True)
    both = replace(keys, stripe=Key(stripe_key("rk_live")))
    with pytest.raises(SettingsError, match="real money"):
        payment_keys.check(both, real)
    payment_keys.check(both, replace(real, paypal_environment="live"))


def test_a_webhook_secret_is_known_by_its_start(data_dir: Path) -> None:
    good = "whsec" + "_one"
    payment_keys.check(Keys(webhook=Key(good)), Settings(data_dir))
    payment_keys.check(Keys(webhook=Key(f"{good}, {good}2")), Settings(data_dir))
    with pytest.raises(SettingsError, match="whsec_"):
        payment_keys.check(Keys(webhook=Key(f"{good},other")), Settings(data_dir))


# ---- souk keys


def keys_command(data_dir: Path, what: str, key: str = "", typed: str = "", *, as_json: bool = False) -> int:
    given = Namespace(what=what, key=key or None, json=as_json)
    return key_commands.run(given, Settings(data_dir), io.StringIO(typed))


def test_a_key_is_set_shown_by_its_end_and_removed(
    data_dir: Path, trusted: MemoryKeyring, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keys_command(data_dir, "set", "stripe", stripe_key(tail="canary-9f21".replace("-", "")) + "\n") == 0
    assert keys_command(data_dir, "set", "paypal", "canary-paypal-secret-77aa\n") == 0
    assert keys_command(data_dir, "show") == 0
    assert keys_command(data_dir, "show", as_json=True) == 0
    shown = capsys.readouterr()
    assert "restricted test key ending in 9f21, from the keyring" in shown.out
    assert "PayPal secret ending in 77aa, from the keyring" in shown.out
    assert "webhook  none" in shown.out
    assert "canary" not in shown.out + shown.err
    assert keys_command(data_dir, "remove", "stripe") == 0
    assert payment_keys.find(Settings(data_dir)).stripe == Key()
    assert payment_keys.find(Settings(data_dir)).paypal.value
    assert keys_command(data_dir, "remove", "stripe") == 0
    assert "There was no stripe key" in capsys.readouterr().out


def test_without_a_trusted_keyring_the_command_says_what_else_works(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keys_command(data_dir, "set", "stripe", stripe_key()) == 2
    told = capsys.readouterr().err
    assert "SOUK_STRIPE_KEY_FILE" in told
    assert "canary" not in told
    assert list(data_dir.iterdir()) == []


@pytest.mark.parametrize("typed", ["", "\n", "canary twice", "canary"])
def test_what_is_no_key_is_not_kept(
    typed: str, data_dir: Path, trusted: MemoryKeyring, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keys_command(data_dir, "set", "stripe", typed) == 2
    assert not trusted.kept
    assert "canary" not in capsys.readouterr().err


def test_which_key_is_meant_must_be_said(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys_command(data_dir, "set") == 2
    assert "stripe, paypal or webhook" in capsys.readouterr().err


def test_the_command_line_knows_the_command(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("SOUK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SOUK_STRIPE_KEY", stripe_key())
    assert main(["keys", "show", "--data", str(data_dir)]) == 0
    told = capsys.readouterr().out
    assert "restricted test key ending in 4e21, from the environment" in told
    assert "canary" not in told


def test_no_key_is_in_a_repr(data_dir: Path) -> None:
    settings = load(data_dir, {"SOUK_STRIPE_KEY": stripe_key(), "SOUK_PAYPAL_SECRET": "canary",
                               "SOUK_STRIPE_WEBHOOK_SECRET": "canary"})  # fmt: skip
    assert "canary" not in repr(settings) + repr(payment_keys.find(settings))
