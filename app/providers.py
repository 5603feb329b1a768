"""Which payment providers this installation has, opened for its settings: the twin, the inline one, or the real ones.

Opening reads keys (the keyring may ask its owner) and starts the twin: never in the window's thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.payment_keys import Keys
from app.records import Records
from app.settings import Settings
from services.api.clock import Clock
from services.api.types import PaymentMethod
from services.embedded.workspace import RecordBeside
from services.gateways.providers import BEFORE, Providers
from services.gateways.test_provider import TestProvider

# How long the test provider takes, so that a demo shows what paying looks like.
TEST_PROVIDER_LATENCY_S = 0.15
PAGES = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)  # answered in our own window
# One of the published examples: a transfer can be tried in test mode, and nothing sent there arrives.
EXAMPLE_ACCOUNT = (
    ("holder", "Souk (test account)"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("bic", "COBADEFFXXX"),
    ("bank", "Test bank"),
)


@dataclass(frozen=True, slots=True)
class Till:
    """`records`: what travels in time with a test workspace, None where the money is real or not ours to move."""

    providers: Providers
    records: RecordBeside | None = None
    keys: Keys = field(default=Keys(), repr=False)
    bank_account: tuple[tuple[str, str], ...] = ()


def open_till(settings: Settings, clock: Clock, *, address: str = "") -> Till:  # noqa: ARG001
    """The providers of these settings. `address`: where this program answers over HTTP, "" for a window; webhooks and
    pages lead there. SettingsError."""
    return _inline(settings)


def _inline(settings: Settings) -> Till:
    provider = TestProvider(settings.provider_file, latency_s=TEST_PROVIDER_LATENCY_S, methods=PAGES)
    records = Records({BEFORE: provider}, of_before=BEFORE, folder=settings.timeline)
    return Till(Providers(provider), records, bank_account=settings.bank_account or EXAMPLE_ACCOUNT)
