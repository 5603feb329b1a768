"""The twin of this data folder: a Stripe and a PayPal of our own on loopback, and the real clients pointed at them.

Its keys are made here at each start and open nothing else: test mode needs neither an account nor a network.
"""

from __future__ import annotations

import secrets
import sqlite3
from urllib.parse import urlsplit, urlunsplit

from app.settings import Settings
from services.api.clock import Clock
from services.api.errors import DatabaseCorrupt
from services.db.faults import storage_error
from services.gateways.paypal_payments import PayPalPayments
from services.gateways.stripe_payments import StripePayments
from services.twin.paypal import ROOT as PAYPAL
from services.twin.server import Twin

WEBHOOKS = "/api/webhooks"
RETURN = "/c/done/"


class OwnTwin:
    """Runs from its making until `close`. `address`: where this program answers over HTTP, "" for a window, which
    asks for news itself."""

    def __init__(self, settings: Settings, clock: Clock, *, address: str = "") -> None:
        self.server = _open(settings, clock)
        self.key = f"rk_test_{secrets.token_hex(16)}"
        self._clock = clock
        # By the port that is wanted: a request that is sent again after a restart must be the same to the letter.
        self._back = f"http://127.0.0.1:{settings.port}/pay/return/" if address else self._page(settings.twin_port)
        self._address = _on_this_machine(address) if address else ""
        try:
            self.server.start()
        except OSError:
            self.server.close()
            raise

    def _page(self, port: int) -> str:
        return f"http://127.0.0.1:{port}{RETURN}"

    def stripe(self) -> StripePayments:
        """The real client; nothing but its address and its key is another."""
        secret = ""
        if self._address:
            secret = f"whsec_{secrets.token_hex(24)}"
            self.server.stripe.add_webhook(f"{self._address}{WEBHOOKS}/stripe/", secret)
        return StripePayments(
            key=self.key, api_base=self.server.url, page_hosts=(self.server.page_host,), webhook_secret=secret,
            clock=self._clock, default_return_url=self._back,
        )  # fmt: skip

    def paypal(self) -> PayPalPayments:
        """As above."""
        webhook_id = self.server.paypal.add_webhook(f"{self._address}{WEBHOOKS}/paypal/") if self._address else ""
        return PayPalPayments(
            client_id="souk", secret=self.key, base_url=f"{self.server.url}{PAYPAL}",
            page_hosts=(self.server.page_host,), webhook_id=webhook_id,
            clock=self._clock, is_test_mode=True, default_return_url=self._back,
        )  # fmt: skip

    def close(self) -> None:
        """Stops answering and lets go of its files."""
        self.server.close()


def _open(settings: Settings, clock: Clock) -> Twin:
    """StorageError. A record that is damaged is put aside and begun anew: no real money is in it."""
    seed = secrets.randbits(63)  # nobody can guess the address of a page
    try:
        return Twin(settings.twin_folder, clock=clock, seed=seed, port=settings.twin_port)
    except sqlite3.DatabaseError as error:
        known = storage_error(error)
        if known is None:
            raise
        if not isinstance(known, DatabaseCorrupt):
            raise known from error
    settings.twin_folder.rename(settings.data / f"twin-damaged-{clock.now():%Y%m%d-%H%M%S}")
    return Twin(settings.twin_folder, clock=clock, seed=seed, port=settings.twin_port)


def _on_this_machine(address: str) -> str:
    """An address that is bound to every interface is asked on loopback."""
    parts = urlsplit(address)
    if parts.hostname not in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
        return address
    return urlunsplit(parts._replace(netloc=f"127.0.0.1:{parts.port}"))
