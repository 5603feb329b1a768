"""What a provider's word for a refusal says to us, and what of it a buyer may be told."""

from __future__ import annotations

GENERIC = "generic_decline"

# Whoever holds the card must not learn that it is known to be lost, stolen or suspected; the documentation of the
# providers asks for the general sentence.
UNTOLD = frozenset(
    {
        "5180",  # PayPal's word for a card that is suspected, and two more
        "9500",
        "9520",
        "fraudulent",
        "highest_risk_level",
        "lost_card",
        "merchant_blacklist",
        "pickup_card",
        "restricted_card",
        "security_violation",
        "stolen_card",
    }
)


def public(code: str) -> str:
    """The word as a buyer may see it."""
    return GENERIC if code in UNTOLD else code
