"""The provider's side of the fake: what buyers do on its pages, and what it tells. Use it as `service.pages`.

service.pages.open()                       # new cards, bank accounts and PayPal accounts are given on pages
placed = await service.quick_checkout(...) # answers with an action
service.pages.pay(placed.order_uuid)       # the buyer pays there; the service learns of it by refresh_order
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta

from services.api.types import PaymentMethod, Webhook
from tests.fake_world import Page, World

HOST = "checkout.stripe.com"
METHODS = (PaymentMethod.CARD, PaymentMethod.BANK, PaymentMethod.PAYPAL)
ACCOUNT = (("holder", "Souk"), ("iban", "DE02120300000000202051"), ("bic", "BYLADEM1001"), ("bank", "Example Bank"))
LIFETIME = timedelta(hours=24)
EMAIL = "buyer@example.com"
PROVIDER = "test"
TOLERANCE = timedelta(minutes=5)
_SHOWN = {PaymentMethod.BANK: ("Test Bank", "6789"), PaymentMethod.PAYPAL: ("PayPal", "")}
_SECRET = b"the fake signs with this"


class Pages:
    """Everything that happens at the provider; `uuid` is an order's, a payment's or a setup's."""

    def __init__(self, world: World) -> None:
        self._world = world

    def open(
        self,
        *,
        hosts: tuple[str, ...] = (HOST,),
        methods: tuple[PaymentMethod, ...] = METHODS,
        account: tuple[tuple[str, str], ...] = ACCOUNT,
        undo_seconds: int = 0,
    ) -> None:
        """Pages are opened from now on, transfers are taken, purchases can be taken back for some seconds. Without
        `hosts` the pages are answered in our own window."""
        world = self._world
        world.page_hosts, world.page_methods, world.bank_account = hosts, methods, account
        world.undo_seconds = undo_seconds

    def page(self, uuid: str) -> Page:
        """The page of it."""
        return self._world.pages[uuid]

    # ---- what the buyer does there

    def pay(self, uuid: str, brand: str = "", last4: str = "", outcome: str = "pays") -> None:
        """Pays, unless the page is closed; on one for a bank account a debit begins. `outcome` is what the card does
        when it is charged again."""
        page = self.page(uuid)
        if page.state != "open":
            return
        shown = _SHOWN.get(page.method, ("Visa", "4242"))
        page.brand, page.last4, page.outcome = brand or shown[0], last4 or shown[1], outcome
        is_debit = page.method is PaymentMethod.BANK and uuid not in self._world.setups
        page.state = "processing" if is_debit else "paid"

    def debit(self, uuid: str) -> None:
        """The buyer gives a bank account: days go by."""
        assert self.page(uuid).method is PaymentMethod.BANK, "this page takes no bank account"
        self.pay(uuid)

    def decline(self, uuid: str) -> None:
        """A card is declined; the page stays open for another."""
        self.page(uuid).declines += 1

    def expire(self, uuid: str) -> None:
        """The page was left open too long."""
        if self.page(uuid).state == "open":
            self.page(uuid).state = "expired"

    def settle_debit(self, uuid: str, *, is_paid: bool = True) -> None:
        """Days later the bank pays, or does not."""
        page = self.page(uuid)
        if page.state == "processing":
            page.state = "paid" if is_paid else "failed"

    # ---- what the provider tells

    def webhook(self, uuid: str, *, late: timedelta = timedelta(0)) -> Webhook:
        """What it sends about the newest change, so long ago."""
        page, sent = self.page(uuid), self._world.clock.now() - late
        told = {"id": f"evt_{uuid}_{page.state}_{page.declines}", "subject": uuid, "at": sent.isoformat()}
        body = json.dumps(told).encode()
        return Webhook(PROVIDER, (("test-signature", signature(body)),), body)


def signature(body: bytes) -> str:
    """How the provider signs."""
    return hmac.new(_SECRET, body, hashlib.sha256).hexdigest()


def label_of(brand: str, last4: str, email: str = "") -> str:
    """ "Visa •••• 4242"; a PayPal account by its address."""
    return f"{brand} •••• {last4}" if last4 else f"{brand} {email}".strip()


def email_of(page: Page) -> str:
    """Of a PayPal account."""
    return EMAIL if page.method is PaymentMethod.PAYPAL else ""


def is_ours(return_url: str) -> bool:
    """Whether a browser may be sent back there: to this machine, or to the server's own page."""
    here = ("http://127.0.0.1:", "http://[::1]:")
    if not (return_url.isascii() and return_url.isprintable()) or " " in return_url:
        return False
    return not return_url or return_url.startswith(here) or return_url.endswith("/pay/return/")


def read_event(headers: tuple[tuple[str, str], ...], body: bytes, now: datetime) -> tuple[str, str] | None:
    """Its id and its subject; None for what the provider did not send, or not now."""
    if not hmac.compare_digest(dict(headers).get("test-signature", ""), signature(body)):
        return None
    told = json.loads(body)
    if abs(now - datetime.fromisoformat(told["at"])) > TOLERANCE:
        return None
    return told["id"], told["subject"]
