"""Whether PayPal can be used as it is set up, said in lines for `souk doctor payments`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from services.gateways.payments import Finding, ProviderRefused, ProviderUnreachable
from services.gateways.paypal_client import PayPalClient

WEBHOOKS = "/v1/notifications/webhooks"
SKEW_MAX = timedelta(minutes=2)  # a webhook more than five minutes away is refused
SCOPES = {
    "payments": "https://uri.paypal.com/services/payments/payment/authcapture",
    "vault": "https://uri.paypal.com/services/vault/payment-tokens/readwrite",
    "refunds": "https://uri.paypal.com/services/payments/refund",
}


async def check(client: PayPalClient, *, webhook_id: str, now: datetime) -> tuple[Finding, ...]:
    """See Payments.check: network, key, account, clock, webhook, as far as one gets."""
    try:
        token = await client.token()
        network = Finding("network", True)
        missing = sorted(name for name, scope in SCOPES.items() if scope not in token.scopes)
        account = Finding("account", not missing, "rights_missing" if missing else "", {"rights": ", ".join(missing)})
        found = (network, Finding("key", True), account, clock_finding(token.date, now))
        return (*found, await webhook_finding(client, webhook_id))
    except ProviderUnreachable:
        return (Finding("network", False, "unreachable"),)
    except ProviderRefused as refusal:
        return Finding("network", True), Finding("key", False, refusal.code)


def clock_finding(date: str, now: datetime) -> Finding:
    """How far this clock is from PayPal's."""
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return Finding("clock", True, "unknown")
    seconds = int((now - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))).total_seconds())
    is_well = abs(seconds) <= SKEW_MAX.total_seconds()
    return Finding("clock", is_well, "" if is_well else "clock_skewed", {"seconds": str(seconds)})


async def webhook_finding(client: PayPalClient, webhook_id: str) -> Finding:
    """Without one, news comes by asking alone, which is slower and well."""
    if not webhook_id:
        return Finding("webhook", True, "not_configured")
    answer = await client.get(f"{WEBHOOKS}/{quote(webhook_id, safe='')}")
    return Finding("webhook", answer.is_well, "" if answer.is_well else "webhook_unknown")
