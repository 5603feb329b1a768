"""3,000 made-up offerings with known words, prices and days, in a real database; and what a search ought to find."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import mkdtemp

from services.api.money import Money
from services.api.types import BillingModel, Offering, OfferingKind, OfferingQuery, SortOrder
from services.db.session import make_engine
from services.embedded import bundled, catalogue_store
from tests import samples
from tests.contract.embedded import migrated_template

COUNT = 3_000
NOUNS = ("Invoice", "Lamp", "Robot", "Parcel", "Garden")
MODELS, KINDS = tuple(BillingModel), tuple(OfferingKind)
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def _offering(number: int) -> Offering:
    """The words are spread so that "helper" is in all, "invoice" in 600 titles, "zebra" in six descriptions."""
    shipped = bundled.load()
    category = shipped.categories[number % len(shipped.categories)]
    vendor = shipped.vendors[number % len(shipped.vendors)]
    made = samples.offering(f"made-{number}", "Made", samples.SUPPORT)
    card = replace(
        made.card,
        name=f"{NOUNS[number % 5]} {'helper ' if number % 2 else ''}{number}",
        tagline="A helper for lamps" if number % 100 == 0 else "A helper",
        kind=KINDS[number % 3],
        vendor_name=vendor.name,
        category_uuid=category.uuid,
        category_slug=category.slug,
        category_title=category.title,
        tags=(f"tag-{number % 7}", "common"),
        billing_models=(MODELS[number % 4], MODELS[(number // 4) % 4]),
        from_price=Money(number * 7 % 101 * 1_000_000),
        rating=3 + number % 20 / 10,
    )
    return replace(
        made,
        card=card,
        vendor=vendor,
        plans=(),
        does=(),
        languages=(),
        data_location="",
        created_at=FIRST_DAY + timedelta(days=number * 13 % 300),
        description="Knows a zebra." if number % 500 == 0 else "Knows an invoice." if number % 50 == 1 else "",
    )


@cache
def offerings() -> tuple[Offering, ...]:
    """All of them, most popular first."""
    return tuple(_offering(number) for number in range(COUNT))


@cache
def database() -> Path:
    """The file they are kept in, made once a run."""
    path = Path(mkdtemp(prefix="souk-shelf-")) / "souk.db"
    atexit.register(rmtree, path.parent, ignore_errors=True)
    copyfile(migrated_template(), path)
    engine = make_engine(path)
    with engine.connect() as connection, connection.begin():
        catalogue_store.load_bundled(connection)  # its categories and vendors; its offerings go off the shelf
        catalogue_store.store(connection, [bundled.BundledOffering(each, (), 0) for each in offerings()])
    engine.dispose()
    return path


@dataclass(frozen=True)
class Wanted:
    """What a query without text ought to find, worked out in Python."""

    query: OfferingQuery

    def slugs(self) -> list[str]:
        """In the order asked for; equals stay in popularity order."""
        keys: dict[SortOrder, Callable[[Offering], float | str]] = {
            SortOrder.RECOMMENDED: lambda _: 0,
            SortOrder.PRICE_LOW: lambda offering: offering.card.from_price.micros,
            SortOrder.RATING: lambda offering: -round(offering.card.rating * 100),
            SortOrder.NAME: lambda offering: offering.card.name.casefold(),
            SortOrder.NEWEST: lambda offering: -offering.created_at.toordinal(),
        }
        found = [offering for offering in offerings() if self.fits(offering)]
        return [offering.card.slug for offering in sorted(found, key=keys[self.query.order])]

    def fits(self, offering: Offering) -> bool:
        query, card = self.query, offering.card
        return (
            query.category in ("", card.category_slug)
            and query.kind in ("", card.kind)
            and query.vendor in ("", offering.vendor.slug)
            and (not query.tag or query.tag in card.tags)
            and (not query.billing_model or query.billing_model in card.billing_models)
            and (query.price_min is None or not card.from_price < query.price_min)
            and (query.price_max is None or not query.price_max < card.from_price)
        )
