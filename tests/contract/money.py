"""What stories about money share: prices of the price list, and the way to a subscription or to credit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.api.contract import Service
from services.api.errors import NotInTestMode, PaymentUnknown
from services.api.money import Money
from services.api.types import (
    BillingModel,
    ChangeAction,
    Changed,
    ChangeRequest,
    MoveTime,
    Offering,
    Paid,
    PaymentMethod,
    Plan,
    QuickCheckout,
    Quote,
    QuoteTerms,
    RequestQuote,
    Subscription,
    TimeStep,
    TopUp,
)
from tests.contract.market import Market, raises

ZERO, STARTER, PRO = Money.zero(), Money.parse("29"), Money.parse("99")
STARTER_YEAR, PRO_YEAR = Money.parse("290"), Money.parse("990")
UNKNOWN = "0" * 32


def usd(text: str) -> Money:
    """`usd("0.02")`."""
    return Money.parse(text)


def plan_of(offering: Offering, slug: str) -> Plan:
    """The plan of this name."""
    return next(plan for plan in offering.plans if plan.slug == slug)


async def per_use(market: Market) -> QuickCheckout:
    """An order for an agent that is paid from the wallet, call by call."""
    offering, plan = await market.plan(BillingModel.PAY_PER_USE)
    return QuickCheckout(offering.card.uuid, plan.uuid, PaymentMethod.WALLET, terms_accepted=True)


async def top_up(
    market: Market, buyer: Service, text: str = "20", *, outcome: str = "pays", key: str = "top-up"
) -> Paid:
    """Buys credit, asking again with the same key while the provider does not answer."""
    request = TopUp(usd(text), await market.card(outcome))
    for _ in range(3):
        try:
            return await buyer.top_up(request, key=key)
        except PaymentUnknown:
            continue
    raise AssertionError("the provider never answered")


async def subscribed(
    market: Market, buyer: Service, slug: str = "starter", *, key: str = "order-1", **changes: Any
) -> Subscription:  # Any: fields of QuickCheckout
    """A new subscription to a plan of the agent."""
    offering = await market.agent()
    request = await market.order(plan_uuid=plan_of(offering, slug).uuid, **changes)
    placed = await market.buy(buyer, request, key=key)
    return next(one for one in await buyer.list_subscriptions() if one.order_uuid == placed.order_uuid)


async def to_plan(market: Market, subscription: Subscription, slug: str, **changes: Any) -> ChangeRequest:
    """A wish for another plan of the agent."""  # Any: fields of ChangeRequest
    plan = plan_of(await market.agent(), slug)
    return ChangeRequest(subscription.uuid, ChangeAction.CHANGE_PLAN, plan.uuid, **changes)


async def commit(buyer: Service, request: ChangeRequest, *, key: str = "change-1") -> Changed:
    """Looks, then does it."""
    preview = await buyer.preview_change(request)
    return await buyer.commit_change(request, preview.hash, key=key)


async def can_move_time(buyer: Service) -> bool:
    """Whether this workspace has a time of its own; where it has not, moving it is refused."""
    if (await buyer.get_timeline()).is_available:
        return True
    await raises(NotInTestMode, buyer.move_time(MoveTime(TimeStep.DAY)))
    return False


def total(amounts: Any) -> Money:  # Any: an iterable of Money or None
    """Their sum."""
    return sum((amount for amount in amounts if amount is not None), ZERO)


async def asked(market: Market, buyer: Service) -> Quote:
    """A wish for a price made by hand."""
    offering = await market.agent()
    email = (await buyer.get_account()).email
    request = RequestQuote(offering.card.uuid, plan_of(offering, "enterprise").uuid, email, "200 seats")
    uuid = (await buyer.request_quote(request)).uuid
    return next(quote for quote in await buyer.list_quotes() if quote.uuid == uuid)


async def offered(market: Market, buyer: Service, text: str = "450", **changes: Any) -> Quote:
    """A quote that can be accepted for three weeks."""  # Any: fields of QuoteTerms
    valid_until = (await buyer.get_timeline()).now + timedelta(days=21)
    quote = await asked(market, buyer)
    return await buyer.offer_quote(
        quote.uuid, QuoteTerms(**{"monthly_price": usd(text), "valid_until": valid_until, **changes})
    )
