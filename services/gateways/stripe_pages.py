"""What Stripe is asked for: hosted pages, saved methods that are charged, and those that are only checked."""

from __future__ import annotations

from services.api.types import PaymentMethod
from services.gateways.payments import ChargeRequest, ProviderRefused
from services.gateways.stripe_shapes import KEY, REFERENCE, Doc

SESSION_MARK = "{CHECKOUT_SESSION_ID}"  # Stripe puts the session's id in its place
EXPAND = ["payment_method", "latest_charge"]
_DEBITS = {"USD": "us_bank_account", "EUR": "sepa_debit"}
_NAME = "Souk"
_TITLE_MAX = 250


def page_params(request: ChargeRequest, key: str, default_return_url: str) -> Doc:
    """A page where the buyer pays, or gives a method when nothing is to be paid. ProviderRefused for a bank debit in a
    currency that has none."""
    meta = meta_of(request, key)
    back = request.return_url or default_return_url
    joint = "&" if "?" in back else "?"
    common: Doc = {
        "client_reference_id": request.reference,
        "metadata": meta,
        "success_url": f"{back}{joint}session={SESSION_MARK}",
        "cancel_url": f"{back}{joint}canceled=1",
        "allowed_payment_method_types": [_kind(request)],
    }
    if not request.reference:
        del common["client_reference_id"]
    if request.customer:
        common["customer"] = request.customer
    elif request.email:
        common["customer_email"] = request.email
    if request.page_until is not None:  # without it a page lasts a day, which is what Stripe allows at most
        common["expires_at"] = int(request.page_until.timestamp())
    currency = request.amount.currency.lower()
    if request.amount.is_zero:
        return common | {"mode": "setup", "currency": currency, "setup_intent_data": {"metadata": meta}}
    return common | {"mode": "payment", "line_items": [_line(request)], "payment_intent_data": _paying(request, meta)}


def _kind(request: ChargeRequest) -> str:
    if request.method is not PaymentMethod.BANK:
        return "card"
    if request.amount.currency not in _DEBITS:
        raise ProviderRefused("currency_unsupported")
    return _DEBITS[request.amount.currency]


def _title(request: ChargeRequest) -> str:
    return request.title[:_TITLE_MAX] or _NAME


def _line(request: ChargeRequest) -> Doc:
    price = {"currency": request.amount.currency.lower(), "unit_amount": request.amount.minor,
             "product_data": {"name": _title(request)}}  # fmt: skip
    return {"quantity": 1, "price_data": price}


def _paying(request: ChargeRequest, meta: dict[str, str]) -> Doc:
    data: Doc = {"metadata": meta, "description": _title(request)}
    if request.saves:
        data["setup_future_usage"] = "off_session"
    if _holds(request):
        data["capture_method"] = "manual"
    return data


def _holds(request: ChargeRequest) -> bool:
    """A debit cannot be held."""
    return request.holds and request.method is PaymentMethod.CARD


def charge_params(request: ChargeRequest, key: str) -> Doc:
    """A saved method that is charged while nobody is there to be sent elsewhere."""
    params: Doc = {
        "amount": request.amount.minor,
        "currency": request.amount.currency.lower(),
        "capture_method": "manual" if _holds(request) else "automatic",
        "description": _title(request),
        "off_session": True,
        "expand": EXPAND,
    }
    return params | _with_token(request, key)


def setup_params(request: ChargeRequest, key: str) -> Doc:
    """A saved method that is checked again without paying."""
    return {"usage": "off_session", "expand": ["payment_method"]} | _with_token(request, key)


def _with_token(request: ChargeRequest, key: str) -> Doc:
    params: Doc = {
        "payment_method": request.token,
        "confirm": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": meta_of(request, key),
    }
    if request.customer:
        params["customer"] = request.customer
    return params


def meta_of(request: ChargeRequest, key: str) -> dict[str, str]:
    """What leads back to our row."""
    return {KEY: key, REFERENCE: request.reference}
