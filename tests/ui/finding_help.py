"""Buyers whose invoices support looks for."""

from services.api.contract import Actor
from services.api.types import QuickCheckout, Register
from tests.fakes import PASSWORD, FakeService
from tests.samples import CUSTOMER_CARE


async def sold(service: FakeService, email: str, name: str = "", *, times: int = 1) -> None:
    """A new buyer with so many invoices of $29."""
    session = await service.for_actor(Actor(device=email)).register(Register(email, PASSWORD, name))
    buyer = service.for_actor(Actor(device=email, session=session.token))
    order = QuickCheckout(
        CUSTOMER_CARE.card.uuid, CUSTOMER_CARE.plans[1].uuid, payment_token="tok_test_pays", terms_accepted=True
    )
    for number in range(times):
        await buyer.quick_checkout(order, key=f"{email} {number}")
