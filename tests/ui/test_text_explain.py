"""The sentences of the tree behind an amount, for every kind the services speak of and for those they do not."""

from datetime import UTC, datetime

import pytest

from services.api.money import Money
from services.api.types import Explanation, MovementKind
from ui.text import explain as words

Params = dict[str, str | int | None]
M = Money.parse
NOON = datetime(2027, 11, 12, 12, 3, 22, tzinfo=UTC)
LOCAL = NOON.astimezone()
AT = NOON.isoformat()


def node(kind: str, params: Params | None = None, amount: str | None = "3.12", ref: str = "") -> Explanation:
    return Explanation(ref, kind, None if amount is None else M(amount), params or {})


@pytest.mark.parametrize(
    ("kind", "params", "expected"),
    [
        ("invoice", {"number": "SK-1"}, "Invoice SK-1"),
        ("invoice", {"number": "SK-1", "subject": "Customer Care"}, "Invoice SK-1 for Customer Care"),
        ("invoice", {"number": ""}, "Invoice"),
        ("credit_note", {"number": "CN-1"}, "Credit note CN-1"),
        ("receipt", {"number": "RC-1"}, "Receipt RC-1"),
        ("upcoming", {"name": "A", "expected_at": AT}, "Next invoice for A, on 12 November 2027"),
        ("upcoming", {}, "Next invoice"),
        ("order", {"number": "O-1", "name": "Customer Care"}, "Order O-1, Customer Care"),
        ("order", {}, "Order"),
        ("fee", {"name": "Customer Care", "plan": "Starter", "cycle": "monthly"}, "Customer Care, Starter, monthly"),
        ("usage", {"name": "Customer Care"}, "Calls of Customer Care"),
        ("tier", {"first": 1, "last": 1000}, "Calls 1 to 1,000"),
        ("usage_paid", {"name": "A"}, "Calls the wallet has paid already"),
        ("tax", {"name": "VAT", "rate": "19"}, "VAT 19%"),
        ("tax", {"label": "test_mode"}, "Tax, none"),
        ("credit", {"number": "SK-1"}, "Credit for SK-1"),
        ("credit", {"source": "top_up", "kind": "paid"}, "Credit: Top-up, paid"),
        ("credit", {"source": "gift_code", "kind": "promotional", "expires_at": AT},
         "Credit: Gift code, promotional, expires on 12 November 2027"),
        ("credit", {"source": "support"}, "Credit: From support"),
        ("top_up", {"card": "Visa"}, "Wallet credit"),
        ("wallet", {"name": "Ada's"}, "Wallet of Ada's"),
        ("wallet", {}, "Wallet"),
        ("spent", {"month": "2027-11"}, "Paid in November 2027"),
        ("spent", {"month": "2027-13"}, "Paid this month"),
        ("spent", {}, "Paid this month"),
        ("events", {"name": "Customer Care"}, "Calls of Customer Care"),
        ("test", {"quantity": 1}, "1 test call"),
        ("test", {"quantity": "12"}, "12 test calls"),
        ("test", {}, "Test calls"),
        ("credit_part", {"source": "auto_top_up"}, "From credit: Auto-top-up"),
        ("credit_part", {"kind": "promotional"}, "From credit: Promotional credit"),
        ("used", {}, "Spent so far"),
        ("spent_on", {"by": "usage"}, "Spent on calls"),
        ("spent_on", {"by": "expiry"}, "Expired"),
        ("spent_on", {}, "Spent"),
        ("granted", {"source": "top_up"}, "Top-up"),
        ("payment", {"number": "SK-1"}, "Payment for SK-1"),
        ("payment", {"what": "top_up"}, "Payment for a top-up"),
        ("payment", {}, "Payment"),
        ("refund", {"number": "RC-1"}, "Refund for RC-1"),
        ("price", {"label": "plan"}, "Price of the plan"),
        ("price", {"label": "set_up"}, "Price: set up"),
        ("price", {}, "Price"),
        ("to_wallet", {}, "Moved to the wallet"),
        ("rest", {}, "Everything else"),
        ("some_new_thing", {"name": "Customer Care"}, "Some new thing: Customer Care"),
        ("some_new_thing", {"number": "X-1"}, "Some new thing: X-1"),
        ("", {}, "Amount"),
    ],
)  # fmt: skip
def test_every_kind_has_a_sentence(kind: str, params: Params, expected: str) -> None:
    assert words.sentence(node(kind, params)) == expected


def test_call_says_when_who_and_with_what() -> None:
    params: Params = {"at": AT, "person": "Ada King", "resource": "Customer Care", "key": "Customer Care"}
    time = f"{LOCAL.day} Nov 2027, {LOCAL:%H:%M:%S}"
    assert words.sentence(node("event", params)) == f"{time}, Ada King, Customer Care"
    assert words.sentence(node("call", params | {"key": "help desk"})).endswith("Customer Care, key “help desk”")
    assert words.sentence(node("event", {"at": "yesterday", "person": "Ada"})) == "Call, Ada"


def test_instants_stand_behind_what_happened() -> None:
    said = words.sentence(node("granted", {"source": "top_up", "at": AT}))
    assert said == f"Top-up on 12 November 2027, {LOCAL:%H:%M}"
    assert words.sentence(node("payment", {"at": AT, "number": "SK-1"})).startswith("Payment for SK-1, 12 November")


@pytest.mark.parametrize("kind", list(MovementKind))
def test_movement_is_said_as_in_the_wallet(kind: MovementKind) -> None:
    said = words.sentence(node(kind.value, {"name": "Customer Care"}, ref="movement:m"))
    assert said.endswith(", Customer Care")
    assert words.arithmetic(node(kind.value, {"quantity": "3", "unit": "1"}, ref="movement:m")) == ""


def test_same_kind_is_another_thing_in_another_place() -> None:
    assert words.sentence(node("usage", {"name": "A"}, ref="usage:r")) == "Calls of A this month"
    assert words.sentence(node("usage", {"name": "A"}, ref="movement:m")) == "Usage, A"
    assert words.sentence(node("refund", {}, ref="movement:m")) == "Refund to card"
    assert words.sentence(node("invoice", {"number": "SK-1"}, ref="movement:m")) == "Paid an invoice, SK-1"


@pytest.mark.parametrize(
    ("kind", "params", "expected"),
    [
        ("usage", {"used": 1312, "included": 1000, "unit": "0.01"}, "1,312 calls: 1,000 included, then $0.01 each"),
        ("usage", {"used": "1", "included": None}, "1 call: Unlimited calls"),
        ("usage", {"used": 3}, "3 calls"),
        ("usage", {"included": 1000, "unit": "0.008"}, "1,000 included, then $0.008 each"),
        ("tier", {"quantity": "312", "unit": "0.01"}, "312 × $0.01"),
        ("tier", {"quantity": "2000", "unit": "5", "per": 1000}, "2,000 × $5 per 1,000"),
        ("tier", {"code": "included", "quantity": "1000"}, "1,000 included"),
        ("tax", {"rate": "19.0", "taxable_micros": 106_310_000}, "19% of $106.31"),
        ("tax", {"rate": "19"}, ""),
        ("event", {"paid_from": "wallet"}, "from the wallet"),
        ("event", {"paid_from": "included"}, "included"),
        ("event", {"paid_from": "test", "would_cost_micros": 8_000}, "would have cost $0.008"),
        ("event", {"paid_from": "wallet", "state": "reserved"}, "reserved, not settled yet"),
        ("event", {}, ""),
        ("test", {"would_cost_micros": 120_000}, "would have cost $0.12"),
        ("credit", {"source": "top_up", "amount_micros": 25_000_000}, "left of $25.00"),
        ("fee", {"quantity": "1", "unit": "29"}, ""),
        ("fee", {"quantity": "3", "unit": "29"}, "3 × $29"),
    ],
)
def test_arithmetic(kind: str, params: Params, expected: str) -> None:
    assert words.arithmetic(node(kind, params)) == expected


def test_amounts_keep_fractions_of_a_cent_and_may_be_missing() -> None:
    assert words.amount_text(node("event", amount="0.0034")) == "$0.0034"
    assert words.amount_text(node("event", amount=None)) == ""
    assert words.amount_text(node("discount", amount="-5.8")) == "−$5.80"


def test_node_is_read_aloud_as_one_sentence() -> None:
    tier = node("tier", {"first": 1001, "last": 1312, "quantity": "312", "unit": "0.01"})
    assert words.read_aloud(tier) == "Calls 1,001 to 1,312, 312 × $0.01 = $3.12"
    assert words.read_aloud(node("fee", {"name": "A"}, "29")) == "A, $29.00"
    assert words.children_text(1) == "made of 1 part"
    assert words.children_text(1312) == "made of 1,312 parts"


def test_only_invoices_are_opened() -> None:
    assert words.invoice_of(node("payment", ref="invoice:abc")) == "abc"
    assert words.invoice_of(node("tier", ref="line:abc")) == ""


def test_tree_as_text_is_indented_with_amounts_in_one_column() -> None:
    event = node("event", {"person": "Ada"}, "0.01")
    tier = Explanation("line:2", "tier", M("3.12"), {"first": 1001, "last": 1312}, 312, (event,))
    root = Explanation("line:1", "usage", M("3.12"), {"name": "A"}, 1, (tier,))
    assert words.tree_text(root) == (
        "Calls of A                $3.12\n"
        "    Calls 1,001 to 1,312  $3.12\n"
        "        Call, Ada         $0.01\n"
        "        and 311 more\n"
    )
    assert words.line_count(words.tree_text(root)) == "4 lines copied."
    assert words.line_count(words.tree_text(event)) == "1 line copied."
