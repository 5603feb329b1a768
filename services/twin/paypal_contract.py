"""The form every request to PayPal must have: fields that must be there, fields there are, amounts to the cent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from services.api.money import EXPONENTS

# PayPal's own list holds more; of those that Souk bills in it takes these.
CURRENCIES = frozenset(EXPONENTS) - {"KWD"}

Rule = Callable[[object, str], list[str]]


def words(longest: int, pattern: str = "") -> Rule:
    """Text of at least one letter."""

    def check(value: object, where: str) -> list[str]:
        if not isinstance(value, str) or not 1 <= len(value) <= longest:
            return [f"{where}: text of 1 to {longest} letters"]
        return [] if not pattern or re.fullmatch(pattern, value) else [f"{where}: not of the right form"]

    return check


def one_of(*known: str) -> Rule:
    return lambda value, where: [] if value in known else [f"{where}: one of {', '.join(known)}"]


def flag(value: object, where: str) -> list[str]:
    return [] if isinstance(value, bool) else [f"{where}: true or false"]


def anything(value: object, where: str) -> list[str]:
    return [] if isinstance(value, Mapping) else [f"{where}: an object"]


def each(rule: Rule, at_most: int) -> Rule:
    def check(value: object, where: str) -> list[str]:
        if not isinstance(value, list) or not 1 <= len(value) <= at_most:
            return [f"{where}: a list of 1 to {at_most}"]
        return [breach for index, item in enumerate(value) for breach in rule(item, f"{where}.{index}")]

    return check


def shape(fields: Mapping[str, Rule]) -> Rule:
    """An object of these names; one that ends in "!" must be there."""
    rules = {name.rstrip("!"): rule for name, rule in fields.items()}
    required = {name.rstrip("!") for name in fields if name.endswith("!")}

    def check(value: object, where: str) -> list[str]:
        if not isinstance(value, Mapping):
            return [f"{where or 'body'}: an object"]
        found = [f"{where}.{name}: required" for name in sorted(required - value.keys())]
        for name, item in value.items():
            rule = rules.get(name)
            found += rule(item, f"{where}.{name}") if rule else [f"{where}.{name}: unknown"]
        return found

    return check


def amount(value: object, where: str) -> list[str]:
    """With as many decimals as the currency has, as PayPal wants it."""
    found = shape({"currency_code!": words(3, "[A-Z]{3}"), "value!": words(32)})(value, where)
    if found or not isinstance(value, Mapping):
        return found
    currency, text = value["currency_code"], value["value"]
    if currency not in CURRENCIES:
        return [f"{where}.currency_code: INVALID_CURRENCY_CODE"]
    places = EXPONENTS[currency]
    exact = rf"\d+\.\d{{{places}}}" if places else r"\d+"
    if not re.fullmatch(exact, text):
        return [f"{where}.value: DECIMAL_PRECISION"]
    return [] if int(text.replace(".", "")) > 0 else [f"{where}.value: CANNOT_BE_ZERO_OR_NEGATIVE"]


URL = words(4000, r"https?://[!#-;=?-~]+")
CONTEXT = {
    "brand_name": words(127),
    "locale": words(10),
    "shipping_preference": one_of("NO_SHIPPING", "GET_FROM_FILE", "SET_PROVIDED_ADDRESS"),
    "return_url!": URL,
    "cancel_url!": URL,
}
ORDER_CONTEXT = CONTEXT | {
    "landing_page": one_of("LOGIN", "GUEST_CHECKOUT", "NO_PREFERENCE"),
    "user_action": one_of("CONTINUE", "PAY_NOW"),
    "payment_method_preference": one_of("UNRESTRICTED", "IMMEDIATE_PAYMENT_REQUIRED"),
}
VAULT = {
    "store_in_vault": one_of("ON_SUCCESS"),
    "usage_type!": one_of("MERCHANT", "PLATFORM"),
    "description": words(128),
    "customer_type": one_of("CONSUMER", "BUSINESS"),
    "permit_multiple_payment_tokens": flag,
}
WALLET = {
    "vault_id": words(255, "[0-9a-zA-Z_-]+"),
    "email_address": words(254, r"[^@\s]+@[^@\s]+"),
    "experience_context": shape(ORDER_CONTEXT),
    "attributes": shape({"vault": shape(VAULT), "customer": shape({"id": words(22)})}),
}
UNIT = {
    "reference_id": words(256),
    "amount!": amount,
    "description": words(127),
    "custom_id": words(127),
    "invoice_id": words(127),
    "soft_descriptor": words(22),
}
ORDER = shape(
    {
        "intent!": one_of("CAPTURE", "AUTHORIZE"),
        "purchase_units!": each(shape(UNIT), 10),
        "payment_source!": shape({"paypal!": shape(WALLET)}),
    }
)
SETUP = shape(
    {
        "payment_source!": shape(
            {
                "paypal!": shape(
                    {
                        "usage_type!": one_of("MERCHANT", "PLATFORM"),
                        "description": words(128),
                        "experience_context!": shape(CONTEXT),
                    }
                )
            }
        ),
        "customer": shape({"id": words(22)}),
    }
)
TOKEN = shape({"payment_source!": shape({"token!": shape({"id!": words(255), "type!": one_of("SETUP_TOKEN")})})})
REFUND = shape({"amount": amount, "custom_id": words(127), "invoice_id": words(127), "note_to_payer": words(255)})
TAKE = shape(
    {"amount": amount, "invoice_id": words(127), "final_capture": flag, "note_to_payer": words(255),
     "soft_descriptor": words(22)}
)  # fmt: skip
VERIFY = shape(
    {
        "auth_algo!": words(100, "[a-zA-Z0-9]+"),
        "cert_url!": words(500),
        "transmission_id!": words(50),
        "transmission_sig!": words(500),
        "transmission_time!": words(100),
        "webhook_id!": words(50, "[a-zA-Z0-9]+"),
        "webhook_event!": anything,
    }
)
WEBHOOK = shape({"url!": URL, "event_types!": each(shape({"name!": words(50)}), 500)})
EMPTY = shape({})

ID = "[A-Za-z0-9_-]{7,36}"
BODIES: tuple[tuple[str, str, Rule], ...] = (
    ("POST", "/v2/checkout/orders", ORDER),
    ("POST", f"/v2/checkout/orders/{ID}/(capture|authorize)", EMPTY),
    ("POST", f"/v2/payments/authorizations/{ID}/capture", TAKE),
    ("POST", f"/v2/payments/authorizations/{ID}/void", EMPTY),
    ("POST", f"/v2/payments/captures/{ID}/refund", REFUND),
    ("POST", "/v3/vault/setup-tokens", SETUP),
    ("POST", "/v3/vault/payment-tokens", TOKEN),
    ("POST", "/v1/notifications/verify-webhook-signature", VERIFY),
    ("POST", "/v1/notifications/webhooks", WEBHOOK),
)
QUERIES: tuple[tuple[str, frozenset[str]], ...] = (
    ("/v1/notifications/webhooks-events",
     frozenset({"page_size", "start_time", "end_time", "transaction_id", "event_type", "start_id"})),
    ("/v3/vault/payment-tokens", frozenset({"customer_id", "page_size", "page", "total_required"})),
)  # fmt: skip
# What is made under no Request-Id would be made twice when it is sent twice.
UNKEYED = ("/v1/notifications/",)
REQUEST_ID_MAX = 108


def breaches(
    method: str, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: object
) -> list[str]:
    """What is wrong with a request, each as "where: what"; [] when nothing is."""
    found: list[str] = []
    known = next((names for start, names in QUERIES if start == path), frozenset[str]())
    found += [f"query.{name}: unknown" for name in sorted(query.keys() - known)]
    if method == "POST":
        rule = next((rule for verb, form, rule in BODIES if verb == method and re.fullmatch(form, path)), None)
        found += rule(body, "") if rule else []
        if headers.get("content-type", "").partition(";")[0] != "application/json":
            found.append("content-type: application/json")
        if not path.startswith(UNKEYED) and not 1 <= len(headers.get("paypal-request-id", "")) <= REQUEST_ID_MAX:
            found.append(f"paypal-request-id: text of 1 to {REQUEST_ID_MAX} letters")
    return found
