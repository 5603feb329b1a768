"""A small catalogue for tests: two agents and their bundle, with every billing model among their plans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from services.api.money import Money, Rate
from services.api.types import (
    BillingModel,
    Category,
    Offering,
    OfferingCard,
    OfferingKind,
    OveragePolicy,
    Plan,
    TestCard,
    Vendor,
)
from services.domain.catalogue import billing_models, cheapest_monthly, yearly_price
from services.domain.wallet import CreditCode, GrantKind

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def uuid_of(name: str) -> str:
    """The same 32 hex digits for the same name."""
    return uuid5(NAMESPACE_URL, name).hex


SUPPORT = Category(uuid_of("support"), "support", "Support", "Answer customers.", "headphones", 205, 2)
FINANCE = Category(uuid_of("finance"), "finance", "Finance", "Close the books.", "landmark", 145, 1)
CATEGORIES = (SUPPORT, FINANCE)

NORTHWIND = Vendor(
    uuid_of("northwind"),
    "northwind",
    "Northwind Labs",
    "DE",
    "Berlin",
    True,
    2019,
    "Agents for shops.",
    "help@northwind.test",
)


def plan(
    offering: str,
    name: str,
    model: BillingModel,
    monthly: str | None,
    calls: int | None,
    overage: Rate | None = None,
    policy: OveragePolicy = OveragePolicy.CHARGE,
    trial_days: int = 0,
) -> Plan:
    """One plan; its uuid comes from the offering's slug and its name."""
    price = None if monthly is None else Money.parse(monthly)
    points = ("Cancel any time",)
    slug = name.lower().replace(" ", "-")
    uuid = uuid_of(f"{offering}/{slug}")
    return Plan(
        uuid, slug, name, model, price, yearly_price(price), calls, overage, policy, points, trial_days=trial_days
    )


def plans_of(offering: str) -> tuple[Plan, ...]:
    """The price list of BILLING.md, a free plan and pay per use."""
    return (
        plan(offering, "Free", BillingModel.FREE, "0", 2, policy=OveragePolicy.THROTTLE),
        plan(offering, "Starter", BillingModel.SUBSCRIPTION, "29", 1000, Rate(10_000)),
        plan(offering, "Pro", BillingModel.SUBSCRIPTION, "99", 10_000, Rate(8_000), trial_days=14),
        plan(offering, "Enterprise", BillingModel.QUOTE, None, None),
        plan(offering, "Pay per use", BillingModel.PAY_PER_USE, "0", 0, Rate(20_000)),
    )


def offering(
    slug: str, name: str, category: Category, kind: OfferingKind = OfferingKind.AGENT, rating: float = 4.7
) -> Offering:
    """One offering of Northwind Labs with the whole price list."""
    plans = plans_of(slug)
    card = OfferingCard(
        uuid=uuid_of(slug),
        slug=slug,
        kind=kind,
        name=name,
        tagline=f"{name} with the source beside each answer",
        vendor_name=NORTHWIND.name,
        vendor_verified=True,
        category_uuid=category.uuid,
        category_slug=category.slug,
        category_title=category.title,
        category_icon=category.icon,
        category_hue=category.hue,
        rating=rating,
        review_count=120,
        tags=("GDPR", "EU-hosted"),
        billing_models=billing_models(plans),
        from_price=cheapest_monthly(plans),
        per_call_price=Rate(20_000),
    )
    return Offering(
        card=card,
        description=f"{name} reads what your team works from and answers with the passage.",
        does=("Answers from your documents",),
        does_not=("Does not pay refunds",),
        languages=("English", "German"),
        data_location="Frankfurt, Germany (EU)",
        getting_started=("Ask it a question",),
        prompts=("How long may a customer take to send something back?", "What about a furious customer?"),
        greeting=f"Hello, I am {name}.",
        handover="help@northwind.test",
        created_at=datetime(2025, 2, 18, tzinfo=UTC),
        order_count=42,
        vendor=NORTHWIND,
        plans=plans,
    )


CUSTOMER_CARE = offering("customer-care", "Customer Care", SUPPORT)
EXPENSE_AUDITOR = offering("expense-auditor", "Expense Auditor", FINANCE, rating=4.4)
_BUNDLE = offering("support-bundle", "Support Bundle", SUPPORT, OfferingKind.BUNDLE, rating=4.1)
SUPPORT_BUNDLE = replace(
    _BUNDLE,
    card=replace(
        _BUNDLE.card,
        from_price=Money.parse("49.30"),
        billing_models=(BillingModel.SUBSCRIPTION,),
        per_call_price=None,
    ),
    items=(CUSTOMER_CARE.card, EXPENSE_AUDITOR.card),
    discount_percent=15,
    plans=(
        replace(
            plan("support-bundle", "Starter", BillingModel.SUBSCRIPTION, "49.30", 2000, Rate(10_000)),
            list_monthly_price=Money.parse("58"),
        ),
    ),
)
OFFERINGS = (CUSTOMER_CARE, EXPENSE_AUDITOR, SUPPORT_BUNDLE)

TEST_CARDS = tuple(
    TestCard(f"tok_test_{outcome}", "Visa", last4, outcome)
    for outcome, last4 in (
        ("pays", "4242"),
        ("declined", "0002"),
        ("insufficient_funds", "9995"),
        ("needs_confirmation", "3155"),
        ("lost_before", "0101"),
        ("lost_after", "0119"),
    )
)


@dataclass(frozen=True)
class SampleCoupon:
    """A coupon of the test mode. `periods` None: for ever."""

    code: str
    percent: str = ""
    amount: Money | None = None
    periods: int | None = 1
    expires_at: datetime | None = None


COUPONS = (
    SampleCoupon("WELCOME20", "20", periods=3),
    SampleCoupon("TENOFF", amount=Money.parse("10")),
    SampleCoupon("FOREVER5", "5", periods=None),
    SampleCoupon("OLDNEWS", "50", expires_at=datetime(2024, 1, 1, tzinfo=UTC)),
)

_LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
CREDIT_CODES = (
    CreditCode("GIFT25", GrantKind.PROMOTIONAL, Money.parse("25"), 1000, None, None, valid_days=90),
    CreditCode("EXPIRED10", GrantKind.PROMOTIONAL, Money.parse("10"), 1000, None, _LONG_AGO),
    CreditCode("LASTONE", GrantKind.PROMOTIONAL, Money.parse("5"), 1, None, None),
)
