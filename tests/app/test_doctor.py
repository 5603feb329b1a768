"""`souk doctor payments`: every finding in words, an exit code one can rely on, and no secret in what it prints."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import doctor
from app.__main__ import main
from app.doctor import Diagnosis, Told
from app.doctor_words import _NOTES, _WORDS, sentence
from app.payment_keys import Key, Keys
from app.settings import Settings
from services.gateways.payments import Finding
from services.gateways.stripe_payments import StripePayments
from services.gateways.test_provider import TestProvider
from services.twin.server import Twin
from tests.fakes import FakeClock

NO_KEYS = Keys()
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


class Examined(TestProvider):
    """A provider that finds what the test says."""

    def __init__(self, path: Path, *findings: Finding, patience: float = 0.0) -> None:
        super().__init__(path)
        self._findings, self._patience = findings, patience

    async def check(self, *, now: datetime) -> tuple[Finding, ...]:
        await asyncio.sleep(self._patience)
        return self._findings


def ask(data_dir: Path, loop: asyncio.Runner, *findings: Finding, keys: Keys = NO_KEYS) -> tuple[Told, ...]:
    provider = Examined(data_dir / "provider.db", *findings)
    try:
        return loop.run(doctor._ask(provider, FakeClock(NOW), keys))
    finally:
        provider.close()


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (Finding("network", True), "The test provider answers"),
        (Finding("network", False, "unreachable"), "cannot be reached"),
        (Finding("key", False, "key_invalid"), "souk keys set"),
        (Finding("clock", False, "clock_skewed", {"seconds": "412"}), "412 s away"),
        (Finding("account", False, "rights_missing", {"rights": "refunds"}), "what is missing: refunds"),
        (Finding("account", True, "", {"country": "DE"}), "may take payments (country DE)"),
        (Finding("webhook", True, "not_configured"), "slower and works"),
        (Finding("webhook", False, "no_endpoint"), "/api/webhooks/test/"),
        (Finding("account", False, "moon_phase"), "moon_phase"),
    ],
)
def test_a_finding_is_told_in_words(finding: Finding, words: str, data_dir: Path, loop: asyncio.Runner) -> None:
    (told,) = ask(data_dir, loop, finding)
    assert words in told.text
    assert (told.is_well, told.code) == (finding.is_well, finding.code)


def test_a_place_that_was_not_filled_is_said_and_does_not_fail() -> None:
    for code in (*_WORDS, *_NOTES):
        text = sentence("stripe", "account", code, {}, is_well=code in _NOTES)
        assert "{" not in text
        assert text


def test_what_a_provider_quotes_of_a_key_is_taken_out(data_dir: Path, loop: asyncio.Runner) -> None:
    keys = Keys(stripe=Key("canary-stripe-1"), webhook=Key("canary-hook-1,canary-hook-2"), paypal=Key("canary-paypal"))
    detail: Mapping[str, str] = {"message": "no such key canary-stripe-1 canary-hook-2 canary-paypal"}
    (told,) = ask(data_dir, loop, Finding("key", False, "key_invalid", detail), keys=keys)
    assert "canary" not in told.text + str(told.detail)
    assert told.detail["message"] == "no such key (key) (key) (key)"


def test_one_wrong_line_makes_the_whole_wrong() -> None:
    well, wrong = Told("key", True, "accepted"), Told("clock", False, "late")
    assert Diagnosis("live", True, {"stripe": (well,)}).is_well
    found = Diagnosis("live", False, {"stripe": (well,), "paypal": (well, wrong)})
    assert not found.is_well
    assert "LIVE, real money moves" in found.as_text()
    assert "WRONG  clock     late" in found.as_text()
    assert json.loads(json.dumps(found.as_json()))["lines"]["paypal"][1]["is_well"] is False


def run(data_dir: Path, capsys: pytest.CaptureFixture[str], **settings: object) -> tuple[int, dict[str, object]]:
    code = doctor.run(Namespace(json=True, what="payments"), Settings(data_dir, **settings))  # type: ignore[arg-type]  # any setting
    return code, json.loads(capsys.readouterr().out)


def test_the_inline_provider_is_well(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = run(data_dir, capsys, payments="inline")
    assert (code, told["mode"], told["is_test_mode"], told["is_well"]) == (0, "inline", True, True)


@pytest.mark.loopback
def test_the_twin_is_well(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = run(data_dir, capsys, twin_port=0)
    assert (code, told["mode"], told["is_test_mode"], told["is_well"]) == (0, "twin", True, True)


@pytest.mark.loopback
def test_a_key_that_was_revoked_is_said_to_be(data_dir: Path, loop: asyncio.Runner) -> None:
    loop.get_loop().slow_callback_duration = 10.0  # the client is imported here
    twin = Twin(data_dir, clock=FakeClock(NOW), port=0)
    key = "rk_test" + "_canary_revoked"
    try:
        stripe = StripePayments(key=key, api_base=twin.start(), clock=FakeClock(NOW))
        told = loop.run(doctor._ask(stripe, FakeClock(NOW), Keys(stripe=Key(key))))
    finally:
        twin.close()
    wrong = [one for one in told if not one.is_well]
    assert [one.what for one in wrong] == ["key"]
    assert "souk keys set" in wrong[0].text
    assert "canary" not in str(told)


def test_a_live_installation_without_keys_is_not_well(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = run(data_dir, capsys, payments="live")
    assert (code, told["is_well"], told["is_test_mode"]) == (1, False, None)
    assert "no key of Stripe or PayPal" in str(told["lines"])


def test_a_live_key_that_is_refused_is_no_test_mode(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = Settings(data_dir, payments="live", stripe_key="rk_live" + "_canary00")
    assert doctor.run(Namespace(json=False, what="payments"), refused) == 1
    shown = capsys.readouterr().out
    assert "a restricted live key is refused unless allow_live_keys = true" in shown
    assert "Mode: NONE, these settings are refused" in shown
    assert "TEST" not in shown
    assert "canary" not in shown


def test_the_command_prints_it_for_people(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_dir / "souk.toml").write_text('payments = "inline"', "utf-8")
    assert main(["doctor", "payments", "--data", str(data_dir)]) == 0
    shown = capsys.readouterr().out
    assert "TEST, no real money moves" in shown
    assert "All is well." in shown
