"""How money goes back in the twin's Stripe: refunds and disputes; and what is left in the end.

Everything runs inside one transaction of the store.
"""

from __future__ import annotations

from services.twin.store import Doc, Store
from services.twin.stripe_objects import emit, get, invalid, new, save

ANSWER_DAYS = 7
BACK_DAYS = 5  # until a refund of a debit has arrived
DAY = 86_400


def refund(store: Store, charge: Doc, amount: int | None, reason: str | None, metadata: Doc) -> Doc:
    """All that is left of a charge, or a part of it."""
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise invalid(f"Charge {charge['id']} was not captured, so there is nothing to refund.", param="payment_intent")
    if charge["disputed"] and _is_gone(store, charge):
        raise invalid(f"Charge {charge['id']} has been charged back.", "charge_disputed", "payment_intent")
    left = charge["amount_captured"] - charge["amount_refunded"]
    wanted = left if amount is None else amount
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if not 0 < wanted <= left:
        text = f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})"
        raise invalid(text if wanted > 0 else "The refund must be greater than zero.", param="amount")
    is_slow = charge["payment_method_details"]["type"] != "card"
    made = new(
        store, "refund", amount=wanted, currency=charge["currency"], charge=charge["id"],
        payment_intent=charge["payment_intent"], reason=reason, metadata=metadata, destination_details=None,
        status="pending" if is_slow else "succeeded", _due=store.seconds() + BACK_DAYS * DAY if is_slow else None,
    )  # fmt: skip
    charge["amount_refunded"] += wanted
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    emit(store, "refund.created", made)
    emit(store, "charge.refunded", save(store, charge))
    return made


def clear_refund(store: Store, made: Doc) -> None:
    """It has arrived."""
    made |= {"status": "succeeded", "_due": None}
    emit(store, "refund.updated", save(store, made))


def _is_gone(store: Store, charge: Doc) -> bool:
    disputes = store.all("dispute", ref=charge["payment_intent"])
    return any(one["charge"] == charge["id"] and one["status"] != "won" for one in disputes)


def open_dispute(store: Store, intent: Doc, amount: int | None = None, reason: str = "fraudulent") -> Doc:
    """The buyer's bank wants it back, and takes it while it decides."""
    charge = get(store, intent.get("latest_charge") or "", "charge", "payment_intent")
    left = charge["amount_captured"] - charge["amount_refunded"]
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise invalid(f"There is not that much to dispute: {left} are left.", param="amount")
    details = {"due_by": store.seconds() + ANSWER_DAYS * DAY, "enhanced_eligibility": {}, "has_evidence": False,
               "past_due": False, "submission_count": 0}  # fmt: skip
    made = new(
        store, "dispute", amount=wanted, currency=intent["currency"], charge=charge["id"], reason=reason,
        payment_intent=intent["id"], status="needs_response", is_charge_refundable=False, evidence_details=details,
    )  # fmt: skip
    charge["disputed"] = True
    save(store, charge)
    emit(store, "charge.dispute.created", made)
    emit(store, "charge.dispute.funds_withdrawn", made)
    return made


def close_dispute(store: Store, dispute: Doc, *, is_won: bool) -> Doc:
    """Won is what the seller calls it: the money comes back."""
    if dispute["status"] in ("won", "lost"):
        raise invalid("This dispute is already closed.")
    dispute["status"] = "won" if is_won else "lost"
    emit(store, "charge.dispute.closed", save(store, dispute))
    if is_won:
        emit(store, "charge.dispute.funds_reinstated", dispute)
    return dispute


# ---------------------------------------------------------------- sums


def balance(store: Store, currency: str) -> int:
    """What was captured, less what went back and what was lost to banks."""
    charges = [one for one in store.all("charge") if one["currency"] == currency and _is_taken(one)]
    lost = [one for one in store.all("dispute") if one["currency"] == currency and one["status"] == "lost"]
    kept = sum(one["amount_captured"] - one["amount_refunded"] for one in charges)
    return int(kept - sum(one["amount"] for one in lost))


def held(store: Store, currency: str) -> int:
    """What is held and not captured."""
    intents = [one for one in store.all("payment_intent") if one["currency"] == currency]
    return sum(one["amount_capturable"] for one in intents if one["status"] == "requires_capture")


def count_charges(store: Store, reference: str = "") -> int:
    """How many charges went through or are held; of one reference of ours (in the metadata), or all."""
    found = [one for one in store.all("charge") if one["paid"]]
    return sum(1 for one in found if reference == "" or reference in one["metadata"].values())


def _is_taken(charge: Doc) -> bool:
    return bool(charge["paid"] and charge["captured"])
