"""Which payment providers this installation has, opened for its settings: the twin, the inline one, or the real ones.

Opening reads keys (the keyring may ask its owner) and starts the twin: never in the window's thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app import payment_keys
from app.payment_keys import Keys
from app.records import Records
from app.settings import INLINE, LIVE, Settings, SettingsError
from app.twin import OwnTwin
from services.api.clock import Clock
from services.api.types import PaymentMethod
from services.embedded.workspace import RecordBeside
from services.gateways.payments import Payments
from services.gateways.paypal_payments import PayPalPayments
from services.gateways.providers import BEFORE, Providers
from services.gateways.stripe_payments import StripePayments
from services.gateways.test_provider import TestProvider

# How long the test provider takes, so that a demo shows what paying looks like.
TEST_PROVIDER_LATENCY_S = 0.15
STRIPE_PAGES = ("checkout.stripe.com",)
PAYPAL = {
    "sandbox": ("https://api-m.sandbox.paypal.com", ("www.sandbox.paypal.com",)),
    LIVE: ("https://api-m.paypal.com", ("www.paypal.com",)),
}
PAGES = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)  # of the inline provider, in our own window
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


class TwinProviders(Providers):
    """The real clients on our own twin, which is stopped after them."""

    def __init__(self, twin: OwnTwin, first: Payments, *others: Payments) -> None:
        super().__init__(first, *others)
        self.twin = twin

    def close(self) -> None:
        super().close()
        self.twin.close()


def open_till(settings: Settings, clock: Clock, *, address: str = "") -> Till:
    """The providers of these settings. `address`: where this program answers over HTTP, "" for a window; webhooks and
    pages lead there. SettingsError."""
    if settings.payments == INLINE:
        return _inline(settings, clock)
    if settings.payments == LIVE:
        return _live(settings, clock)
    return _twin(settings, clock, address)


def _inline(settings: Settings, clock: Clock) -> Till:
    provider = TestProvider(settings.provider_file, latency_s=TEST_PROVIDER_LATENCY_S, methods=PAGES, clock=clock)
    records = Records({BEFORE: provider}, of_before=BEFORE, folder=settings.timeline)
    return Till(Providers(provider), records, bank_account=settings.bank_account or EXAMPLE_ACCOUNT)


def _twin(settings: Settings, clock: Clock, address: str) -> Till:
    twin = OwnTwin(settings, clock, address=address)
    try:
        mine: list[Payments] = [twin.stripe(), twin.paypal()]
        records: dict[str, RecordBeside] = {"stripe": twin.server.stripe, "paypal": twin.server.paypal}
        if settings.provider_file.exists():  # what was bought before there was a twin is given back there
            old = TestProvider(settings.provider_file, latency_s=TEST_PROVIDER_LATENCY_S, clock=clock)
            mine.append(old)
            records[BEFORE] = old
    except BaseException:
        twin.close()
        raise
    beside = Records(records, of_before=BEFORE, folder=settings.timeline)
    return Till(TwinProviders(twin, *mine), beside, bank_account=settings.bank_account or EXAMPLE_ACCOUNT)


def _live(settings: Settings, clock: Clock) -> Till:
    keys = payment_keys.find(settings)
    payment_keys.check(keys, settings)
    is_real = payment_keys.is_live(keys.stripe.value) or settings.paypal_environment == LIVE
    if is_real and not settings.return_page:
        raise SettingsError("return_page: pages that take real money lead back to an https page, e.g. of your server")
    back = settings.return_page or f"http://127.0.0.1:{settings.port}/pay/return/"
    mine: list[Payments] = []
    if keys.stripe.value:
        mine.append(
            StripePayments(
                key=keys.stripe.value, page_hosts=STRIPE_PAGES, webhook_secret=keys.webhook.value, clock=clock,
                allow_secret_key=settings.allow_secret_key, default_return_url=back,
            )
        )  # fmt: skip
    if keys.paypal.value:
        base_url, pages = PAYPAL[settings.paypal_environment]
        mine.append(
            PayPalPayments(
                client_id=settings.paypal_client_id, secret=keys.paypal.value, base_url=base_url, page_hosts=pages,
                webhook_id=settings.paypal_webhook_id, clock=clock, is_test_mode=not is_real, default_return_url=back,
            )
        )  # fmt: skip
    if not mine:
        raise SettingsError(f"payments: it is {LIVE}, but there is no key of Stripe or PayPal{_why(keys)}")
    return Till(Providers(*mine), None, keys, settings.bank_account)


def _why(keys: Keys) -> str:
    return f"; {keys.keyring_problem}" if keys.keyring_problem else "; see `souk keys`"
