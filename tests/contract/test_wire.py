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
from services.api.types import (
    Action,
    AddedMethod,
    AddMethod,
    Cart,
    Dispute,
    LedgerLine,
    Offering,
    Paid,
    PaymentMethod,
    PaymentState,
    PayOrder,
    Placed,
    QuickCheckout,
    ReceiveTransfer,
    Refunded,
    RefundPreview,
    RefundReason,
    RefundRequest,
    SavedMethod,
    Transfer,
    TransferDue,
    TransferReceived,
)
from tests.samples import NOW, OFFERINGS

USD = Money.parse("29.01")
TRANSFER = Transfer("SKT-1", USD, NOW, (("iban", "DE02120300000000202051"),), Money.zero())
METHOD = SavedMethod(
    "card-1", "PayPal", "", 0, 0, True, PaymentMethod.PAYPAL, "ada@example.com", "soon", ("Customer Care",)
)
ACTION = Action("redirect", "https://checkout.stripe.com/c/pay/1", NOW)
PAYING = (
    METHOD,
    Placed("o", action=ACTION, state=PaymentState.ACTION_REQUIRED),
    Placed("o", state=PaymentState.PROCESSING, transfer=TRANSFER),
    Placed("o", "r", "c", "p", "/resource-details/r/", state=PaymentState.AUTHORIZED),
    Paid("p", PaymentState.CANCELED, -USD, "i", ACTION),
    AddedMethod("s", PaymentState.SUCCEEDED, None, METHOD),
    AddedMethod("s", PaymentState.CANCELED, error_code="payment_expired"),
    RefundPreview("i", "SK-1", USD, USD, Money.zero(), "transfer", (LedgerLine("clearing", USD, "test"),), ("A",), "h"),
    Refunded("p", PaymentState.SENT, USD, "n", "CN-1", ()),
    TransferDue("o", "order", "SKT-1", "Ada's", "ada@example.com", "Care, Starter", USD, USD, NOW, True),
    TransferReceived("SKT-1", USD, Money.zero(), USD, "staff@example.com", NOW, "twice"),
    Dispute("d", "stripe", "open", "fraudulent", USD, USD, "c", "Ada's", "ada@example.com", "i", "SK-1", NOW, None),
)
ASKED = (
    QuickCheckout("a", "b", PaymentMethod.INVOICE, return_url="http://127.0.0.1:1/", saves_method=False),
    PayOrder(PaymentMethod.BANK, "card-1", "http://127.0.0.1:1/", saves_method=False),
    AddMethod(PaymentMethod.PAYPAL, "http://127.0.0.1:1/", "c", is_default=True),
    RefundRequest("i", USD, RefundReason.FRAUDULENT, "stolen", ends_access=True),
    ReceiveTransfer("SKT-1", USD, "bank-1", NOW, "twice"),
)

PARAMS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,12}", fullmatch=True).filter(lambda name: name not in ("fields", "self")),
    st.none() | st.text() | st.integers(-(2**53), 2**53),
    max_size=3,
)
FIELDS = st.dictionaries(st.text(min_size=1), st.sampled_from(["required", "unknown"]), max_size=3)


@pytest.mark.parametrize("offering", OFFERINGS, ids=lambda offering: str(offering.card.slug))
def test_an_offering_comes_back_whole(offering: Offering) -> None:
    assert wire.decode(wire.encode(offering), Offering) == offering


@pytest.mark.parametrize("value", PAYING, ids=lambda value: type(value).__name__)
def test_what_paying_made_comes_back_whole(value: object) -> None:
    assert wire.decode(wire.encode(value), type(value)) == value


@pytest.mark.parametrize("value", ASKED, ids=lambda value: type(value).__name__)
def test_what_is_asked_about_paying_is_read_as_it_was_sent(value: object) -> None:
    assert wire.read_body(wire.encode(value), type(value)) == value


def test_amounts_of_support_are_read_as_people_write_them() -> None:
    body = b'{"reference": "SKT-1", "amount": "29.00", "bank_reference": "b"}'
    assert wire.read_body(body, ReceiveTransfer).amount == Money.parse("29")
    assert wire.read_body(b'{"invoice_uuid": "i", "amount": null}', RefundRequest) == RefundRequest("i")
    for text in (b'"1e3"', b'"NaN"', b"29", b'"29,00"', b"1e400", b'{"micros": 1.5}'):
        with pytest.raises(InvalidInput):
            wire.read_body(b'{"invoice_uuid": "i", "amount": %s}' % text, RefundRequest)


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
