"""Both checkers against requests that are right, and against each way to be wrong."""

from __future__ import annotations

from typing import Any

import pytest

from services.twin.stripe_api import CHANGES
from services.twin.stripe_contract import breaches, unbracketed
from services.twin.stripe_reading import READINGS
from tests.twin import spec

PRICE = {"currency": "usd", "unit_amount": "2900", "product_data": {"name": "Plan"}}
GOOD: dict[str, Any] = {
    "mode": "payment",
    "success_url": "http://127.0.0.1/x",
    "line_items": [{"quantity": "1", "price_data": PRICE}],
    "metadata": {"souk_key": "k"},
    "allowed_payment_method_types": ["card"],
    "payment_intent_data": {"capture_method": "manual", "setup_future_usage": "off_session"},
}
SESSIONS = "/v1/checkout/sessions"
WRONG: list[tuple[str, dict[str, Any], set[str]]] = [
    ("no such parameter", {"client_referenc_id": "x"}, {"T", "S"}),
    ("gone since", {"payment_method_types": ["card"]}, {"T"}),
    ("not a whole number", {"expires_at": "1.5"}, {"T", "S"}),
    ("not in the list", {"mode": "pay"}, {"T", "S"}),
    ("not in the list, deep inside", {"payment_intent_data": {"capture_method": "perhaps"}}, {"T", "S"}),
    (
        "no such parameter, deep inside",
        {"line_items": [{"quantity": "1", "price_data": PRICE | {"x": "1"}}]},
        {"T", "S"},
    ),
    ("a value for a list", {"line_items": "x"}, {"T", "S"}),
]


def test_a_request_that_is_right_passes_both() -> None:
    assert breaches("POST", SESSIONS, GOOD) == spec.breaches("POST", SESSIONS, GOOD) == []


@pytest.mark.parametrize(("what", "more", "seen_by"), WRONG, ids=[what for what, _, _ in WRONG])
def test_a_request_that_is_wrong_is_seen(what: str, more: dict[str, Any], seen_by: set[str]) -> None:
    assert breaches("POST", SESSIONS, GOOD | more), what
    if spec.file() is not None and "S" in seen_by:
        assert spec.breaches("POST", SESSIONS, GOOD | more), what


def test_what_must_be_there_is_missed() -> None:
    assert breaches("POST", "/v1/payment_intents", {"amount": "100"}) == ["currency: missing"]


def test_every_call_of_the_twin_is_held_against_a_type() -> None:
    for method, table in (("POST", CHANGES), ("GET", READINGS)):
        for path in table:
            found = breaches(method, path.replace("*", "x_1"), {"of_nobody": "1"})
            assert "of_nobody: unknown" in found, path


@pytest.mark.skipif(spec.file() is None, reason="Stripe's published form is not at hand")
def test_every_call_of_the_twin_is_published() -> None:
    for method, table in (("POST", CHANGES), ("GET", READINGS)):
        for path in table:
            assert "not published" not in str(spec.breaches(method, path.replace("*", "x_1"), {})), path


def test_forms_are_read_as_the_client_writes_them() -> None:
    pairs = [("a[b][0][c]", "1"), ("a[b][1][c]", "2"), ("d", "3"), ("e[0]", "4")]
    assert unbracketed(pairs) == {"a": {"b": [{"c": "1"}, {"c": "2"}]}, "d": "3", "e": ["4"]}
    with pytest.raises(ValueError, match="both a value and a parent"):
        unbracketed([("a", "1"), ("a[b]", "2")])
