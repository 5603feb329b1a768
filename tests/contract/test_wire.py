"""The codec: every value and every error comes back as it was."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import wire
from services.api.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    Offline,
    PaymentFailed,
    ServiceError,
    TooManyTries,
    all_errors,
)
from services.api.money import Money, Rate
from services.api.types import Cart, Offering, QuickCheckout
from tests.samples import OFFERINGS

PARAMS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,12}", fullmatch=True).filter(lambda name: name not in ("fields", "self")),
    st.none() | st.text() | st.integers(-(2**53), 2**53),
    max_size=3,
)
FIELDS = st.dictionaries(st.text(min_size=1), st.sampled_from(["required", "unknown"]), max_size=3)


@pytest.mark.parametrize("offering", OFFERINGS, ids=lambda offering: str(offering.card.slug))
def test_an_offering_comes_back_whole(offering: Offering) -> None:
    assert wire.decode(wire.encode(offering), Offering) == offering


@given(kind=st.sampled_from(sorted(all_errors())), params=PARAMS, fields=FIELDS)
def test_an_error_comes_back_as_the_same_class_with_the_same_facts(
    kind: str, params: dict[str, str | int | None], fields: dict[str, str]
) -> None:
    error = all_errors()[kind](fields=fields, **params)
    back = wire.error_from(error.http_status, wire.encode(wire.error_body(error)))
    assert (type(back), back.params, back.fields) == (type(error), params, fields)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, ServiceError),
        (402, PaymentFailed),
        (403, NotFound),
        (404, NotFound),
        (409, Conflict),
        (418, ServiceError),
        (422, InvalidInput),
        (429, TooManyTries),
        (500, ServiceError),
        (502, Offline),
        (503, Offline),
        (504, Offline),
    ],
)
@pytest.mark.parametrize(
    "body", [b"<html>Bad Gateway</html>", b"", b'{"code": "newer_than_us"}', b"[]", b'{"code": 7}']
)
def test_an_unknown_error_becomes_the_plain_class_of_its_status(
    status: int, kind: type[ServiceError], body: bytes
) -> None:
    assert type(wire.error_from(status, body)) is kind


def test_an_error_named_fields_does_not_break_the_reader() -> None:
    body = b'{"code": "not_found", "detail": "", "params": {"fields": 1, "self": 2, "what": "x"}, "fields": {"a": []}}'
    assert wire.error_from(404, body).params == {"what": "x"}


def test_prices_are_written_with_ten_places() -> None:
    assert wire.price(Money.parse("99")) == "99.0000000000"
    assert wire.price(Money.parse("-0.008")) == "-0.0080000000"
    assert wire.price(None) is None
    assert wire.unit_price(Rate(8_000)) == "0.0080000000"
    assert wire.unit_price(Rate(2_000_000, 1_000_000)) == "0.0000020000"
    assert wire.unit_price(Rate(1_000_000, 3)) == "0.3333333333"


def test_a_body_may_leave_out_what_has_a_default() -> None:
    request = wire.read_body(b'{"offering_uuid": "a", "plan_uuid": "b"}', QuickCheckout)
    assert request == QuickCheckout("a", "b")
    assert wire.read_body(b"", Cart) == Cart()
    assert wire.read_body(wire.encode(Cart("a", "b")), Cart) == Cart("a", "b")


@given(st.binary() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(wire.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for kind in (QuickCheckout, Cart):
        with suppress(InvalidInput):
            assert isinstance(wire.read_body(data, kind), kind)
