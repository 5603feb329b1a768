"""`souk doctor payments` for Stripe: network, key, account and rights, clock, webhook, each with what is the matter."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from services.gateways.payments import Finding, ProviderRefused, ProviderUnreachable
from services.gateways.stripe_client import Call, StripeClients
from services.gateways.stripe_shapes import Doc

SKEW_MAX = timedelta(minutes=2)  # a webhook more than five minutes away is refused
_ONE = {"limit": 1}
# What a restricted key must at least be allowed to read; whether it may write shows when it does.
RIGHTS: dict[str, Call] = {
    "Checkout Sessions": lambda v1: v1.checkout.sessions.list_async(_ONE),
    "PaymentIntents": lambda v1: v1.payment_intents.list_async(_ONE),
    "SetupIntents": lambda v1: v1.setup_intents.list_async(_ONE),
    "Charges and Refunds": lambda v1: v1.refunds.list_async(_ONE),
    "Events": lambda v1: v1.events.list_async(_ONE),
}


async def check(
    clients: StripeClients, *, kind: str, is_live: bool, has_secret: bool, now: datetime
) -> tuple[Finding, ...]:
    """See Payments.check: as far as one gets."""
    mode = {"kind": kind, "mode": "live" if is_live else "test"}
    account: Doc = {}
    date = ""
    try:
        account, date = await clients.ask_with_date(lambda v1: v1.accounts.retrieve_current_async())
    except ProviderUnreachable:
        return (Finding("network", False, "unreachable"),)
    except ProviderRefused as refused:
        if refused.code == "key_invalid":
            return Finding("network", True), Finding("key", False, refused.code, mode)
        # a restricted key need not be allowed to read the account
    looked = await asyncio.gather(*(_may(clients, call) for call in RIGHTS.values()))
    missing = [name for name, (may, _) in zip(RIGHTS, looked, strict=True) if not may]
    date = next((one for one in (date, *(other for _, other in looked)) if one), "")
    return (
        Finding("network", True), Finding("key", True, "", mode), account_finding(account, missing),
        clock_finding(date, now), await _webhook(clients, has_secret=has_secret),
    )  # fmt: skip


async def _may(clients: StripeClients, call: Call) -> tuple[bool, str]:
    """Whether the key may, as far as Stripe answers; and what Stripe's clock says."""
    try:
        _, date = await clients.ask_with_date(call)
    except ProviderUnreachable:
        return True, ""
    except ProviderRefused as refused:
        return refused.code != "account_restricted", ""
    return True, date


def account_finding(account: Doc, missing: list[str]) -> Finding:
    """`account` is empty when the key may not read it."""
    if not account and len(missing) == len(RIGHTS):
        return Finding("account", False, "account_restricted")
    if missing:
        return Finding("account", False, "rights_missing", {"rights": ", ".join(missing)})
    if not account:
        return Finding("account", True, "not_looked_at")
    detail = {"account": str(account.get("id") or ""), "country": str(account.get("country") or "")}
    is_well = bool(account.get("charges_enabled"))
    return Finding("account", is_well, "" if is_well else "charges_disabled", detail)


def clock_finding(date: str, now: datetime) -> Finding:
    """How far this clock is from Stripe's, by the instant on its answer."""
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return Finding("clock", True, "unknown")
    seconds = int((now - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))).total_seconds())
    is_well = abs(seconds) <= SKEW_MAX.total_seconds()
    return Finding("clock", is_well, "" if is_well else "clock_skewed", {"seconds": str(seconds)})


async def _webhook(clients: StripeClients, *, has_secret: bool) -> Finding:
    """Without one, news comes by asking alone, which is slower and well."""
    if not has_secret:
        return Finding("webhook", True, "not_configured")
    try:
        listed = await clients.all_of(_endpoints, {})
    except (ProviderRefused, ProviderUnreachable):  # a restricted key need not be allowed to read them
        return Finding("webhook", True, "not_looked_at")
    working = [one for one in listed if one.get("status") == "enabled"]
    if working:
        return Finding("webhook", True, "", {"url": str(working[0].get("url") or "")})
    return Finding("webhook", False, "no_endpoint")


async def _endpoints(v1: Any, params: Doc) -> Any:  # Any: the client's services, and its list
    return await v1.webhook_endpoints.list_async(params)
