"""What is wrong with the settings of an installation, said to whoever started the window."""

from __future__ import annotations

from ui.text.language import tr


def _openings() -> dict[str, str]:
    """What cannot be used, by the setting that the complaint begins with."""
    stripe, webhook = tr("The Stripe key cannot be used"), tr("The webhook secret of Stripe cannot be used")
    paypal, secret = tr("PayPal cannot be used"), tr("The PayPal secret cannot be used")
    return {
        "payments": tr("Real payments are switched on and cannot start"),
        "stripe_key": stripe,
        "stripe_key_file": stripe,
        "stripe_webhook_secret": webhook,
        "stripe_webhook_secret_file": webhook,
        "paypal_client_id": paypal,
        "paypal_environment": paypal,
        "paypal_secret": secret,
        "paypal_secret_file": secret,
        "return_page": tr("There is no page to return to after paying"),
        "database": tr("The database cannot be opened"),
    }


def setting_problem(complaint: str) -> str:
    """A complaint such as "stripe_key: only a part of one" as sentences: never the bare name of a setting in front."""
    name, colon, what = complaint.partition(": ")
    opening = _openings().get(name) if colon else None
    if opening is None:
        said = complaint[:1].upper() + complaint[1:]
    else:
        said = tr("{opening}: {what}", opening=opening, what=what.removeprefix("it is live, but "))
    return tr("{said}. Until this is put right nothing can be bought; you can look around.", said=said.rstrip(". "))
