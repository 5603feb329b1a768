"""What happens outside a market: at the provider, at the bank, and to the clock; for the fake and for the real service.

`uuid` is an order's, a payment's, that of the one invoice it is for, or that of a page for a new way to pay.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.money import Money
from services.api.types import Webhook
from services.db import models as m
from services.db import money_models as mm
from services.embedded import inbox
from services.embedded.service import EmbeddedService
from services.gateways.test_provider import TestProvider
from tests.fakes import FakeClock, FakeService

CARDS = {"pays": "tok_visa", "declined": "tok_declined", "mastercard": "tok_mastercard"}


class Outside(Protocol):
    async def pay(self, uuid: str, card: str = "pays") -> None:
        """The buyer pays on the page with some card; on one for a bank account or PayPal with their own. A debit
        begins, a declined card leaves the page open."""
        ...

    async def expire(self, uuid: str) -> None:
        """The page was left open too long."""
        ...

    async def settle_debit(self, uuid: str, *, is_paid: bool) -> None:
        """Days later the bank pays, or does not."""
        ...

    async def dispute(self, uuid: str, amount: Money) -> str:
        """The buyer's bank takes the money back while it decides."""
        ...

    async def close_dispute(self, dispute: str, state: str) -> None:
        """won or lost."""
        ...

    async def webhook(self, uuid: str, *, late: timedelta = timedelta(0)) -> Webhook:
        """What the provider sends about the newest change."""
        ...

    async def charged(self) -> Money:
        """What it has charged in all; refunds aside."""
        ...

    async def make_staff(self, email: str) -> None:
        """An account of ours."""
        ...

    def wait(self, **delta: float) -> None:
        """Time goes by: `wait(minutes=16)`."""
        ...


class OutsideFake:
    """Of FakeService."""

    def __init__(self, fake: FakeService) -> None:
        self._fake = fake

    async def pay(self, uuid: str, card: str = "pays") -> None:
        if card == "declined":
            self._fake.pages.decline(uuid)
        elif card == "mastercard":
            self._fake.pages.pay(uuid, "Mastercard", "4444")
        else:
            self._fake.pages.pay(uuid)

    async def expire(self, uuid: str) -> None:
        self._fake.pages.expire(uuid)

    async def settle_debit(self, uuid: str, *, is_paid: bool) -> None:
        payments = self._fake.world.payments
        of_invoice = next((one for one, payment in payments.items() if payment.invoice_uuid == uuid), uuid)
        self._fake.pages.settle_debit(of_invoice, is_paid=is_paid)

    async def dispute(self, uuid: str, amount: Money) -> str:
        return self._fake.dispute(uuid, amount)

    async def close_dispute(self, dispute: str, state: str) -> None:
        self._fake.close_dispute(dispute, state)

    async def webhook(self, uuid: str, *, late: timedelta = timedelta(0)) -> Webhook:
        return self._fake.pages.webhook(uuid, late=late)

    async def charged(self) -> Money:
        return sum(self._fake.world.charges, Money.zero())

    async def make_staff(self, email: str) -> None:
        self._fake.world.staff.add(email)

    def wait(self, **delta: float) -> None:
        self._fake.world.clock.advance(**delta)


class OutsideReal:
    """Of the embedded service and its test provider."""

    def __init__(self, service: EmbeddedService, clock: FakeClock) -> None:
        self._service = service
        self._clock = clock

    @property
    def _provider(self) -> TestProvider:
        provider = self._service.core.payments.first
        assert isinstance(provider, TestProvider)
        return provider

    async def _charge(self, uuid: str) -> str:
        """The provider's id of what was asked for it."""

        def work(connection: Connection) -> str:
            order = sa.select(m.PaymentRow.charge_id).where(m.PaymentRow.order_uuid == uuid)
            i = mm.PaymentIntent
            intent = sa.select(i.charge_id).where(sa.or_(i.uuid == uuid, i.invoice_uuid == uuid))
            return str(connection.execute(order).scalar() or connection.execute(intent).scalar_one())

        return await self._service.core.db.read(work)

    async def pay(self, uuid: str, card: str = "pays") -> None:
        await self._provider.answer(await self._charge(uuid), CARDS[card])

    async def expire(self, uuid: str) -> None:
        await self._provider.expire(await self._charge(uuid))

    async def settle_debit(self, uuid: str, *, is_paid: bool) -> None:
        await self._provider.settle_debit(await self._charge(uuid), is_paid=is_paid)

    async def dispute(self, uuid: str, amount: Money) -> str:
        made = await self._provider.open_dispute(await self._charge(uuid), amount)
        await self._hear()
        return made

    async def close_dispute(self, dispute: str, state: str) -> None:
        await self._provider.close_dispute(dispute, state)
        await self._hear()

    async def _hear(self) -> None:
        await inbox.poll(self._service.core)
        await inbox.look(self._service.core)

    async def webhook(self, uuid: str, *, late: timedelta = timedelta(0)) -> Webhook:
        charge, now = await self._charge(uuid), self._clock.now()
        events = (await self._provider.list_events("", since=now)).events
        body = [event for event in events if event.charge_id == charge][-1].payload.encode()
        return Webhook(self._provider.name, tuple(self._provider.sign(body, now - late).items()), body)

    async def charged(self) -> Money:
        sql = "SELECT COALESCE(SUM(micros), 0) FROM charges WHERE state IN ('succeeded', 'refunded')"
        return Money(await self._provider._do(lambda db: int(db.execute(sql).fetchone()[0])))

    async def make_staff(self, email: str) -> None:
        promote = sa.update(m.User).where(m.User.email == email).values(is_staff=True)
        await self._service.core.db.run(lambda connection: connection.execute(promote))

    def wait(self, **delta: float) -> None:
        self._clock.advance(**delta)
