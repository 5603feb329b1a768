"""A catalogue of 100,000 made-up offerings in a real database: the same one on every machine, written by our own code.

Words follow Zipf's law (the n-th word is used 1/n as often as the first), so that some queries have 100 hits and
others 100,000.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path
from shutil import copyfile

from services.api.money import Money
from services.api.types import BillingModel, Offering, OfferingCard, OfferingKind, OveragePolicy, Plan, Vendor
from services.db.session import make_engine
from services.embedded import bundled, catalogue_store
from tests.benchmarks.harness import workspace
from tests.contract.embedded import migrated_template

COUNT = 100_000
VOCABULARY = 20_000
_ONSETS = "b c d f g h j k l m n p r s t v w bl br ch cl cr dr fl gr pl pr sh sl st tr".split()
_VOWELS = "a e i o u ai ea ou".split()
_CODAS = ["", "", "", "l", "m", "n", "r", "s", "t", "nd", "st", "ck"]
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_PRICES = (0, 9, 19, 29, 49, 79, 99, 149, 249, 490)
_BILLING = tuple(BillingModel)


@cache
def words() -> tuple[str, ...]:
    """The vocabulary, the most used first; short words are used most, as in any language."""
    rng = random.Random(7)  # noqa: S311  the same words every time
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        syllables = rng.choice((1, 2, 2, 3)) if len(found) < 2_000 else rng.choice((2, 3, 3, 4))
        parts = (rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables))
        found["".join(parts)] = None
    return tuple(found)


def offerings(count: int) -> Iterator[bundled.BundledOffering]:
    """The catalogue itself, most popular first."""
    rng = random.Random(11)  # noqa: S311  the same catalogue every time
    vocabulary, weights = words(), list(accumulate(1 / (rank + 3) for rank in range(VOCABULARY)))
    shipped = bundled.load()
    for number in range(count):
        text = rng.choices(vocabulary, cum_weights=weights, k=44)
        category, vendor = rng.choice(shipped.categories), rng.choice(shipped.vendors)
        price = Money(rng.choice(_PRICES) * 1_000_000)
        model = _BILLING[number % len(_BILLING)]
        card = OfferingCard(
            uuid=f"{number:032x}", slug=f"offering-{number}", kind=OfferingKind.AGENT,
            name=" ".join(text[:3]).title(), tagline=" ".join(text[3:11]).capitalize() + ".",
            vendor_name=vendor.name, vendor_verified=vendor.is_verified, category_uuid=category.uuid,
            category_slug=category.slug, category_title=category.title, category_icon=category.icon,
            category_hue=category.hue, rating=round(rng.uniform(3, 5), 1), review_count=rng.randrange(900),
            tags=tuple(text[11:14]), billing_models=(model,), from_price=price,
        )  # fmt: skip
        yield bundled.BundledOffering(_offering(card, text, vendor, _plan(number, model, price)), (), count - number)


def _offering(card: OfferingCard, text: list[str], vendor: Vendor, plan: Plan) -> Offering:
    number = int(card.uuid, 16)
    return Offering(
        card=card, description=" ".join(text[14:34]), does=(" ".join(text[34:39]), " ".join(text[39:44])),
        does_not=(), languages=("English",), data_location="European Union", getting_started=(), prompts=(),
        greeting="Hello.", handover="Write to us.", created_at=_FIRST_DAY + timedelta(days=number % 300),
        order_count=0, vendor=vendor, plans=(plan,),
    )  # fmt: skip


def _plan(number: int, model: BillingModel, price: Money) -> Plan:
    return Plan(f"{number:032x}", "plan", "Plan", model, price, None, 1_000, None, OveragePolicy.CHARGE, ())


@cache
def database() -> Path:
    """The database file, built once a run (about 30 s)."""
    path = workspace() / "big.db"
    copyfile(migrated_template(), path)
    engine = make_engine(path)
    with engine.connect() as connection, connection.begin():
        catalogue_store.load_bundled(connection)  # its categories and vendors; its offerings go inactive
        catalogue_store.store(connection, offerings(COUNT))
    engine.dispose()
    return path
