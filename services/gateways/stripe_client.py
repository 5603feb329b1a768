"""The official Stripe client, imported when it is first needed and off the loop's thread, with its errors made ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

from services.gateways.payments import AUTHENTICATION_REQUIRED, KeyMismatch, ProviderRefused, ProviderUnreachable
from services.gateways.stripe_shapes import Doc
from services.gateways.stripe_web import Line, web_client

RETRIES = 2  # of the client itself, under its own key
LIST_MAX = 100  # what Stripe lists at once
ITSELF = Line()
HERE = ("127.0.0.1", "::1", "localhost")

_REASONS = {
    "amount_too_small": "amount_too_small",
    "amount_too_large": "amount_too_large",
    "payment_method_unactivated": "method_unavailable",
    "payment_method_not_available": "method_unavailable",
    "payment_method_invalid_parameter": "method_unavailable",
    "payment_method_unexpected_state": "method_unavailable",
    "account_invalid": "account_restricted",
    "charges_not_enabled": "account_restricted",
    "testmode_charges_only": "account_restricted",
    "currency_not_supported": "currency_unsupported",
}
_REASONS_OF_PLACES = {"currency": "currency_unsupported", "payment_method": "method_unavailable"}

Call = Callable[[Any], Awaitable[Any]]  # Any: stripe is imported late, and so are its types


class LiveKeyRefused(ValueError):
    """A key that must not be used here; it is not repeated."""


def kind_of(key: str) -> tuple[str, bool]:
    """("restricted" | "secret" | "other", whether real money moves). What is not known to be a test key moves some."""
    prefix, _, rest = key.partition("_")
    kinds = {"rk": "restricted", "sk": "secret"}
    return kinds.get(prefix, "other"), not rest.startswith("test_")


class Declined(ProviderRefused):
    """The card was refused: Stripe's word for it, and what became of the payment."""

    def __init__(self, code: str, intent: Doc) -> None:
        super().__init__(code)
        self.intent = intent


class NotThere(ProviderRefused):
    """Stripe knows nothing under the id that was asked for."""


class StripeClients:
    """Asks Stripe. `api_base` "" is Stripe itself."""

    def __init__(self, key: str, api_base: str = "", line: Line = ITSELF) -> None:
        self._key = key
        self._api_base = api_base
        self._line = line
        self._v1: Any = None  # Any: as above
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"StripeClients({kind_of(self._key)[0]})"

    async def ask(self, call: Call) -> Doc:
        """One call. Declined, NotThere, KeyMismatch, ProviderRefused, ProviderUnreachable."""
        answer, _ = await self.ask_with_date(call)
        return answer

    async def ask_with_date(self, call: Call) -> tuple[Doc, str]:
        """The same, with the instant Stripe put on its answer, as HTTP writes it; "" without one."""
        if self._v1 is None:
            await asyncio.to_thread(self._open)
        import stripe  # lazy, and there by now

        try:
            answer = await call(self._v1)
        except stripe.StripeError as error:
            problem = problem_of(error)
        else:
            return cast("Doc", answer.to_dict(for_json=True)), str(answer.last_response.headers.get("date", ""))
        # raised out here, so that no chained exception carries the request and its key into a report
        raise problem

    async def all_of(self, list_some: Callable[[Any, Doc], Awaitable[Any]], params: Doc) -> list[Doc]:
        """Every one of a list, the newest first, however many pages it has. Errors as `ask`."""
        found: list[Doc] = []
        after: Doc = {}
        while True:
            asked = {"limit": LIST_MAX} | params | after
            page = await self.ask(partial(_given, list_some, asked))
            found += page["data"]
            if not page["has_more"] or not page["data"]:
                return found
            after = {"starting_after": page["data"][-1]["id"]}

    def _open(self) -> None:
        """Takes the better part of a second, so it is called in a thread."""
        with self._lock:
            if self._v1 is not None:
                return
            import stripe  # lazy: never on the way to the first frame

            # It would write an id of this machine into its user's home, and send that and the platform along.
            stripe.enable_telemetry = False
            # No proxy leads back to this machine.
            web = web_client(self._line, is_here=urlsplit(self._api_base).hostname in HERE)
            bases: Any = {"api": self._api_base} if self._api_base else {}  # Any: a type of the library's own
            client = stripe.StripeClient(self._key, http_client=web, max_network_retries=RETRIES, base_addresses=bases)
            _warm(client.v1)
            self._v1 = client.v1

    def close(self) -> None:
        """No connection is kept, so there is only the key to forget."""
        self._v1 = None


async def _given(list_some: Callable[[Any, Doc], Awaitable[Any]], params: Doc, v1: Any) -> Any:  # Any: as above
    return await list_some(v1, params)


def _warm(v1: Any) -> None:  # Any: as above
    """The library imports each service and each kind of object when it is first touched: here and not in the loop."""
    import stripe  # lazy: as above

    for service in ("customers", "payment_intents", "setup_intents", "payment_methods", "refunds", "events",
                    "disputes", "accounts", "webhook_endpoints", "balance"):  # fmt: skip
        getattr(v1, service)
    _ = v1.checkout.sessions
    for kind in ("Account", "BalanceTransaction", "Charge", "Customer", "Dispute", "Event", "ListObject",
                 "PaymentIntent", "PaymentMethod", "Refund", "SetupIntent", "WebhookEndpoint"):  # fmt: skip
        getattr(stripe, kind)
    _ = stripe.checkout.Session


def problem_of(error: Any) -> Exception:  # Any: a StripeError
    """Stripe's error as ours."""
    import stripe  # lazy: as above

    if isinstance(error, stripe.CardError):
        return _declined(error)
    if isinstance(error, stripe.IdempotencyError):
        return KeyMismatch()
    if isinstance(error, stripe.AuthenticationError):
        return ProviderRefused("key_invalid")
    if isinstance(error, stripe.PermissionError):
        return ProviderRefused("account_restricted")
    if isinstance(error, stripe.InvalidRequestError) and error.code != "lock_timeout":
        return _refused(error)
    return ProviderUnreachable()  # no connection, 5xx, a key still in use, too many requests: nothing is known


def _declined(error: Any) -> Declined:  # Any: a CardError
    body = (error.json_body or {}).get("error", {})
    code = body.get("decline_code") or error.code or "generic_decline"
    if error.code == AUTHENTICATION_REQUIRED:
        code = AUTHENTICATION_REQUIRED
    return Declined(str(code), body.get("payment_intent") or body.get("setup_intent") or {})


def _refused(error: Any) -> ProviderRefused:  # Any: an InvalidRequestError
    code, place = str(error.code or ""), str(error.param or "")
    found = _REASONS.get(code) or _REASONS_OF_PLACES.get(place)
    if found is None and (code == "resource_missing" or place == "ending_before"):
        return NotThere("request_invalid")
    return ProviderRefused(found or "request_invalid")
