"""What is wrong with the settings is said in sentences."""

import pytest

from ui.text.setup import setting_problem

REST = " Until this is put right nothing can be bought; you can look around."


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        (
            "payments: it is live, but there is no key of Stripe or PayPal; see `souk keys`",
            "Real payments are switched on and cannot start: there is no key of Stripe or PayPal; see `souk keys`.",
        ),
        (
            "stripe_key: a full live key is refused unless allow_live_keys = true; real money would move",
            "The Stripe key cannot be used: a full live key is refused unless allow_live_keys = true; "
            "real money would move.",
        ),
        (
            "paypal_environment: it is live, and real money is refused unless allow_live_keys = true",
            "PayPal cannot be used: it is live, and real money is refused unless allow_live_keys = true.",
        ),
        ("stripe_key_file: key.txt holds no key", "The Stripe key cannot be used: key.txt holds no key."),
        ("something else is wrong.", "Something else is wrong."),
    ],
)
def test_complaints_are_sentences(complaint: str, said: str) -> None:
    assert setting_problem(complaint) == said + REST


@pytest.mark.parametrize(
    "name",
    [
        "payments", "stripe_key", "stripe_key_file", "stripe_webhook_secret", "stripe_webhook_secret_file",
        "paypal_client_id", "paypal_environment", "paypal_secret", "paypal_secret_file", "return_page", "database",
    ],
)  # fmt: skip
def test_no_name_of_a_setting_comes_first(name: str) -> None:
    assert not setting_problem(f"{name}: what is wrong").startswith(name)
