"""What a finding about a provider means to whoever runs this installation, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = {"stripe": "Stripe", "paypal": "PayPal", "test": "The test provider"}
_WELL = {
    "key": "accepted",
    "account": "may take payments",
    "webhook": "registered",
    "clock": "agrees with {provider}",
    "network": "{provider} answers",
}
# By code; what a provider calls by another name of the same meaning stands beside it.
_WORDS = {
    "unreachable": "{provider} cannot be reached. Check the network, a proxy (HTTPS_PROXY) and a firewall, then try "
    "again. Purchases wait meanwhile, and nobody is charged twice.",
    "key_invalid": "{provider} does not know this key. It was revoked or mistyped: make a new one there and give it "
    "with `souk keys set`.",
    "account_restricted": "{provider} refuses this account. Look into its dashboard: something is asked for there.",
    "charges_disabled": "this account may not take payments yet. Finish its set-up in {provider}'s dashboard.",
    "rights_missing": "this key may not do all that Souk does; what is missing: {rights}. Allow it in {provider}'s "
    "dashboard.",
    "clock_skewed": "this machine's clock is {seconds} s away from {provider}'s. Set it (switch on NTP), or webhooks "
    "are refused.",
    "behind": "this machine's clock is at least {seconds} s behind {provider}'s. Set it (switch on NTP), or webhooks "
    "are refused.",
    "webhook_unknown": "{provider} does not know this webhook. Copy its id or secret again from the dashboard.",
    "no_endpoint": "a webhook secret is set, but {provider} has no active endpoint. Add one that ends in "
    "/api/webhooks/{name}/, or take the secret away.",
}
# All is well, and yet there is something to know.
_NOTES = {
    "not_configured": "none, so news is asked for every few seconds; that is slower and works",
    "unknown": "{provider} does not say, so it could not be looked at",
    "not_looked_at": "this key may not ask {provider} for it, so it could not be looked at",
}


def sentence(name: str, what: str, code: str, detail: Mapping[str, str], *, is_well: bool) -> str:
    """One finding in words. A code that is not known here is told as it is, never hidden."""
    places = {"provider": _NAMES.get(name, name), "name": name, **detail}
    if is_well:
        text = _NOTES.get(code) or _WELL.get(what, "well")
    else:
        text = _WORDS.get(code) or f"{{provider}} says: {code or 'something is wrong'}."
    said = text.format_map(_Known(places))
    extra = [f"{key} {value}" for key, value in detail.items() if value and f"{{{key}}}" not in text]
    return f"{said} ({', '.join(extra)})" if extra else said


class _Known(dict[str, str]):
    """Places of a sentence; one that the provider did not fill is said to be missing."""

    def __missing__(self, key: str) -> str:
        return f"(no {key})"
