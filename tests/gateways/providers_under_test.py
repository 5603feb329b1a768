"""Every provider we have, with a buyer, a bank and a wire to play with: what the contract of `payments` is tried on."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from services.api.money import Money
from services.api.types import PaymentMethod
from services.gateways.payments import Charge, ChargeRequest, Lookup, Payments, ProviderEvent
from services.gateways.paypal_json import stamp
from services.gateways.test_provider import TestProvider
from services.twin.paypal_events import signed_headers
from tests.gateways import stripe_rig
from tests.twin import paypal_rig
from tests.twin.paypal_rig import BACK, START, MovedClock

KEY, REFERENCE = "order-1:charge", "order-1"
PAYS, DECLINES, ASKS, SLOW = "pays", "declines", "asks", "slow"  # what a buyer's card or account does
EARLIER = START - timedelta(hours=1)
A_DAY = timedelta(days=1)


class Case(ABC):
    """One provider. `method`: what its pages are opened for; `slow_method`: what takes days to arrive."""

    method: ClassVar[PaymentMethod] = PaymentMethod.CARD
    slow_method: ClassVar[PaymentMethod] = PaymentMethod.BANK
    pays: Payments
    clock: Any  # Any: each rig has its own; it has `now()` and `move(hours=1)`
    customer: str

    # ---- what differs

    async def begin(self) -> None:
        """What must be there before the first charge."""
        self.customer = ""

    @abstractmethod
    async def answer(self, charge: Charge, how: str = PAYS) -> None:
        """The buyer on the page: pays, or uses what is declined, or what has to be asked about each time."""

    @abstractmethod
    async def settle(self, charge: Charge, *, is_paid: bool) -> None:
        """What was under way arrives, or does not."""

    @abstractmethod
    async def lose_hold(self, charge: Charge) -> None:
        """The bank lets a hold go before it was captured."""

    @abstractmethod
    def lose(self, when: str, step: str, charge: Charge | None = None) -> None:
        """The next "charge", "capture" or "refund" brings no answer, however often our client asks by itself: lost
        "before" it does anything, or "after"."""

    @abstractmethod
    def lose_nothing(self) -> None:
        """From now on everything arrives."""

    @abstractmethod
    def taken(self, currency: str = "USD") -> Money:
        """What the provider owes us, by its own books."""

    @abstractmethod
    def held(self, currency: str = "USD") -> Money: ...

    @abstractmethod
    def payments(self) -> int:
        """How many payments of more than nothing were taken, by its own books."""

    @abstractmethod
    def sign(self, event: ProviderEvent, at: datetime) -> tuple[Payments, dict[str, str], bytes]:
        """A webhook about an event, sent at an instant, and the gateway that expects it."""

    @abstractmethod
    async def open_dispute(self, charge: Charge) -> str:
        """The buyer's bank wants all of it back. The dispute's id."""

    @abstractmethod
    async def close_dispute(self, dispute_id: str, *, is_won: bool) -> None: ...

    @abstractmethod
    def close(self) -> list[str]:
        """Lets go of everything. What was asked against the provider's published form."""

    # ---- what follows from it

    def wish(
        self, amount: str = "29.00", currency: str = "USD", *, token: str = "", **more: Any
    ) -> ChargeRequest:  # Any: fields of the request
        """Our order. It has no page end of its own unless `page_until` says so."""
        return replace(
            ChargeRequest(
                Money.parse(amount, currency), token, REFERENCE, self.customer, self.method, "Starter plan",
                "kim@example.com", BACK, page_until=START + A_DAY,
            ),
            **more,
        )  # fmt: skip

    async def charge(self, amount: str = "29.00", *, key: str = KEY, **more: Any) -> Charge:  # Any: as above
        return await self.pays.charge(self.wish(amount, **more), key=key)

    async def find(self, charge: Charge | str, request: ChargeRequest | None = None, *, key: str = KEY) -> Charge:
        """What became of a charge that is there."""
        charge_id = charge if isinstance(charge, str) else charge.id
        found = await self.pays.find(Lookup(key, charge_id, request or self.wish(), START))
        assert found is not None
        return found

    async def paid(self, amount: str = "29.00", *, key: str = KEY, how: str = PAYS, **more: Any) -> Charge:
        """A whole purchase on a page."""  # Any: as above
        request = self.wish(amount, **more)
        opened = await self.pays.charge(request, key=key)
        await self.answer(opened, how)
        return await self.find(opened, request, key=key)

    async def saved(self, how: str = PAYS) -> str:
        """The token of a method that was kept without paying."""
        kept = await self.paid("0.00", key=f"keep:{how}", how=how)
        assert kept.method is not None
        assert kept.method.token
        return kept.method.token


class InProcess(Case):
    """The double of thousands of tests."""

    def __init__(self, folder: Path) -> None:
        self.clock = MovedClock()
        self._file = folder / "test-provider.db"
        self.double = TestProvider(self._file, methods=(PaymentMethod.CARD, PaymentMethod.BANK), clock=self.clock)
        self.pays = self.double

    async def answer(self, charge: Charge, how: str = PAYS) -> None:
        cards = {DECLINES: "tok_declined", ASKS: "tok_needs_confirmation"}
        await self.double.answer(charge.id, cards.get(how, "tok_visa"))

    async def settle(self, charge: Charge, *, is_paid: bool) -> None:
        await self.double.settle_debit(charge.id, is_paid=is_paid)

    async def lose_hold(self, charge: Charge) -> None:
        await self.double.lose_hold(charge.id)

    def lose(self, when: str, step: str, charge: Charge | None = None) -> None:
        self.double.lose_next(when)

    def lose_nothing(self) -> None:
        """The one loss there was is over."""

    def taken(self, currency: str = "USD") -> Money:
        return self.double.balance(currency)

    def held(self, currency: str = "USD") -> Money:
        return self.double.held(currency)

    def payments(self) -> int:
        with closing(sqlite3.connect(self._file)) as record:
            sql = "SELECT COUNT(*) FROM charges WHERE state IN ('succeeded', 'refunded') AND micros > 0"
            return int(record.execute(sql).fetchone()[0])

    def sign(self, event: ProviderEvent, at: datetime) -> tuple[Payments, dict[str, str], bytes]:
        body = event.payload.encode()
        return self.pays, self.double.sign(body, at), body

    async def open_dispute(self, charge: Charge) -> str:
        return await self.double.open_dispute(charge.id, charge.amount)

    async def close_dispute(self, dispute_id: str, *, is_won: bool) -> None:
        await self.double.close_dispute(dispute_id, "won" if is_won else "lost")

    def close(self) -> list[str]:
        self.double.close()
        return []


class Stripe(Case):
    """The real gateway before the twin's Stripe."""

    def __init__(self, folder: Path) -> None:
        self.rig = stripe_rig.Rig(folder)
        self.clock = self.rig.clock
        self.pays = self.rig.pays

    async def begin(self) -> None:
        self.customer = await self.rig.customer()

    async def answer(self, charge: Charge, how: str = PAYS) -> None:
        numbers = {DECLINES: "4000000000000002", ASKS: stripe_rig.ASKS}
        number = numbers.get(how, stripe_rig.VISA)
        problems = self.rig.fill(charge, number, confirm=True, bank="pays" if how == SLOW else "")
        assert bool(problems) is (how == DECLINES), problems

    async def settle(self, charge: Charge, *, is_paid: bool) -> None:
        self.rig.twin.end_debit(charge.id, is_paid=is_paid)

    async def lose_hold(self, charge: Charge) -> None:
        self.rig.twin.lose_hold(charge.id)

    def lose(self, when: str, step: str, charge: Charge | None = None) -> None:
        intents = "/v1/payment_intents"
        paths = {"charge": intents, "refund": "/v1/refunds"}
        own = f"{intents}/{charge.id}/capture" if charge is not None else ""
        self.rig.wire.lose(when, paths.get(step, own), times=3)

    def lose_nothing(self) -> None:
        self.rig.wire.lost_nothing()

    def taken(self, currency: str = "USD") -> Money:
        return of_minor(self.rig.twin.balance(currency), currency)

    def held(self, currency: str = "USD") -> Money:
        return of_minor(self.rig.twin.held(currency), currency)

    def payments(self) -> int:
        intents = self.rig.listed("/v1/payment_intents")
        assert len(intents) < 100  # what a list holds
        return sum(intent["status"] == "succeeded" for intent in intents)

    def sign(self, event: ProviderEvent, at: datetime) -> tuple[Payments, dict[str, str], bytes]:
        body = event.payload.encode()
        return self.rig.gateway(secret=stripe_rig.SECRET), stripe_headers(body, at), body

    async def open_dispute(self, charge: Charge) -> str:
        return self.rig.twin.open_dispute(charge.id, charge.amount.minor)

    async def close_dispute(self, dispute_id: str, *, is_won: bool) -> None:
        self.rig.twin.close_dispute(dispute_id, is_won=is_won)

    def close(self) -> list[str]:
        self.rig.close()
        return self.rig.twin.breaches


class PayPal(Case):
    """The real gateway before the twin's PayPal."""

    method = slow_method = PaymentMethod.PAYPAL

    def __init__(self, folder: Path) -> None:
        self.rig = paypal_rig.Rig(folder)
        self.clock = self.rig.clock
        self.pays = self.rig.pays

    async def answer(self, charge: Charge, how: str = PAYS) -> None:
        self.rig.agree(charge, {PAYS: "balance", SLOW: "review"}.get(how, how))

    async def settle(self, charge: Charge, *, is_paid: bool) -> None:
        self.rig.twin.clear_capture(charge.id.partition(":")[2], is_well=is_paid)

    async def lose_hold(self, charge: Charge) -> None:
        self.clock.move(days=40)  # it has no other end

    def lose(self, when: str, step: str, charge: Charge | None = None) -> None:
        own = charge.id.partition(":")[2] if charge is not None else ""
        paths = {
            "charge": "/v2/checkout/orders",
            "capture": f"/v2/payments/authorizations/{own}/capture",
            "refund": f"/v2/payments/captures/{own}/refund",
        }
        self.rig.wire.lose(when, paths[step], times=3)

    def lose_nothing(self) -> None:
        self.rig.wire.lost_nothing()

    def taken(self, currency: str = "USD") -> Money:
        return of_minor(self.rig.twin.balance(currency), currency)

    def held(self, currency: str = "USD") -> Money:
        return of_minor(self.rig.twin.held(currency), currency)

    def payments(self) -> int:
        return self.rig.twin.count_captures()

    def sign(self, event: ProviderEvent, at: datetime) -> tuple[Payments, dict[str, str], bytes]:
        webhook_id = self.rig.twin.add_webhook("http://127.0.0.1:1/later")
        body = event.payload.encode()
        headers = signed_headers(
            self.rig.twin.webhook(webhook_id), body, transmission_id="t-1", now=stamp(at), base=paypal_rig.BASE
        )
        return self.rig.gateway(webhook_id=webhook_id), headers, body

    async def open_dispute(self, charge: Charge) -> str:
        return self.rig.twin.open_dispute(charge.id.partition(":")[2])

    async def close_dispute(self, dispute_id: str, *, is_won: bool) -> None:
        self.rig.twin.close_dispute(dispute_id, is_won=is_won)

    def close(self) -> list[str]:
        self.rig.close()
        return self.rig.twin.breaches


CASES: dict[str, Callable[[Path], Case]] = {"test": InProcess, "stripe": Stripe, "paypal": PayPal}


def of_minor(units: int, currency: str) -> Money:
    return Money(units * Money.zero(currency).minor_unit, currency)


def stripe_headers(body: bytes, at: datetime) -> dict[str, str]:
    """What travels with a webhook of Stripe's, by its published scheme."""
    when = str(int(at.timestamp()))
    signature = hmac.new(stripe_rig.SECRET.encode(), when.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={when},v1={signature}"}


def story(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[[Case, asyncio.Runner], None]:
    """Runs an async test of a provider in the `loop` fixture."""

    def run(case: Case, loop: asyncio.Runner) -> None:
        loop.run(test(case))

    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    run.pytestmark = getattr(test, "pytestmark", [])  # type: ignore[attr-defined] # where pytest looks for marks
    return run
