"""Finding offerings: any text at all, every filter and order, every page, against an answer worked out in Python."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.api.money import Money
from services.api.types import OfferingPage, OfferingQuery, SortOrder
from services.db import backups
from services.embedded import bundled, search
from services.embedded.search import CAP, Hits
from tests.embedded import big_shelf
from tests.embedded.big_shelf import Wanted
from tests.embedded.shop import Shop, stocked_template, story

Search = Callable[[OfferingQuery], Hits]


@pytest.fixture(scope="module")
def cursor() -> Iterator[sqlite3.Cursor]:
    """On the 3,000 made-up offerings."""
    with closing(sqlite3.connect(backups.read_only(big_shelf.database()), uri=True)) as connection:
        yield connection.cursor()


@pytest.fixture(scope="module")
def shipped() -> Iterator[sqlite3.Cursor]:
    """On the catalogue that ships with the program."""
    with closing(sqlite3.connect(backups.read_only(stocked_template()), uri=True)) as connection:
        yield connection.cursor()


def slugs(cursor: sqlite3.Cursor, hits: Hits) -> list[str]:
    marks = ",".join("?" * len(hits.ids))
    named = dict(cursor.execute(f"SELECT id, slug FROM offerings WHERE id IN ({marks})", hits.ids))  # noqa: S608  marks
    return [named[number] for number in hits.ids]


def all_pages(cursor: sqlite3.Cursor, query: OfferingQuery, size: int = 300) -> list[str]:
    found: list[str] = []
    for page in range(1, big_shelf.COUNT // size + 2):
        hits = search.find(cursor, replace(query, page=page, page_size=size))
        found += slugs(cursor, hits)
    return found


def search_for(cursor: sqlite3.Cursor, text: str, **filters: Any) -> list[str]:  # Any: fields of OfferingQuery
    return slugs(cursor, search.find(cursor, OfferingQuery(text, **filters)))


# ---- any text

ODD = [
    '"', '""', "'", "%", "%%", "_", "*", "**", "a*", "NEAR", "NEAR(a b)", "a NEAR/2 b", "OR", "a OR", "AND", "NOT",
    "NOT a", "a AND NOT b", "name:invoice", "-invoice", "+invoice", "^invoice", "{name}: x", "(", ")", "((a)", ";",
    "'; DROP TABLE offerings; --", "\0", "a\0b", "\ud800", "a\udfffb", "🤖",
    "👩‍👩‍👧", "é", "e\u0301", "²", "٣", "ﬁ", "_a_",
    "___", "a" * 10_000, "ab " * 5_000, "invoice " * 2_000, "".join(map(chr, range(33, 400))), " ", "\n\t", "ẞ", "İ",
    "שלום", "数据 助手", "invoice\u200b",
    "\u202einvoice", "\\", "a\\b", "/", "$(x)", "${x}", "<script>", "&amp;", "0", "1e3",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text)[:24])
def test_no_text_is_an_error(text: str, cursor: sqlite3.Cursor, shipped: sqlite3.Cursor) -> None:
    for where in (cursor, shipped):
        hits = search.find(where, OfferingQuery(text))
        assert len(hits.ids) == min(60, hits.total)


anything = st.text(st.characters(exclude_categories=()), max_size=60)  # halves of characters too


@given(
    text=anything,
    filters=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("category", "kind", "tag", "vendor", "billing_model"), anything)
    ),
    order=st.sampled_from(SortOrder),
)
@example(text="invoice \ud800", filters={"category": "\ud800", "tag": "a\udfff"}, order=SortOrder.NAME)
@example(text="\0", filters={"vendor": "\0", "kind": "' OR 1"}, order=SortOrder.RATING)
def test_nothing_anybody_types_is_an_error(text: str, filters: dict[str, str], order: SortOrder) -> None:
    with closing(sqlite3.connect(backups.read_only(stocked_template()), uri=True)) as connection:
        hits = search.find(connection.cursor(), OfferingQuery(text, order=order, **filters))  # type: ignore[arg-type]  # text
        assert hits.total >= len(hits.ids)


words = st.lists(
    st.sampled_from(["invoice", "lamp", "helper", "zebra", '"', "OR", "NEAR(", "*", "%", "-", "\0", "🤖"]), max_size=9
)


@given(words)
def test_signs_between_words_change_nothing(parts: list[str]) -> None:
    plain = [part for part in parts if part.isalpha() and part != "OR"]
    query = OfferingQuery(" ".join(part for part in parts if part not in ("OR", "NEAR(")))
    with closing(sqlite3.connect(backups.read_only(big_shelf.database()), uri=True)) as connection:
        found = search.find(connection.cursor(), query)
        if plain:
            assert found == search.find(connection.cursor(), OfferingQuery(" ".join(plain)))


def test_signs_alone_find_nothing_and_no_text_finds_all(cursor: sqlite3.Cursor) -> None:
    assert search.find(cursor, OfferingQuery("🤖 *** %")) == Hits([], 0)
    assert search.find(cursor, OfferingQuery("  \n ")).total == big_shelf.COUNT


# ---- what comes first


def test_titles_come_before_other_places(cursor: sqlite3.Cursor) -> None:
    found = all_pages(cursor, OfferingQuery("invoice"))
    assert len(found) == 660
    assert all(int(slug.removeprefix("made-")) % 5 == 0 for slug in found[:600])
    assert not any(int(slug.removeprefix("made-")) % 5 == 0 for slug in found[600:])


def test_with_many_hits_titles_come_first_and_then_the_popular(cursor: sqlite3.Cursor) -> None:
    found = [int(slug.removeprefix("made-")) for slug in all_pages(cursor, OfferingQuery("helper"))]
    titles, others = list(range(1, 3000, 2)), list(range(0, 3000, 2))
    assert found[:CAP] == titles[:CAP]
    assert sorted(found) == sorted(titles + others)


def test_all_words_must_be_there_and_a_beginning_is_enough(cursor: sqlite3.Cursor) -> None:
    assert search_for(cursor, "zebra lamp") == [
        "made-0",
        "made-500",
        "made-1000",
        "made-1500",
        "made-2000",
        "made-2500",
    ]
    assert search_for(cursor, "garden 2999") == ["made-2999"]
    assert search_for(cursor, "GARD 2999") == ["made-2999"]
    assert search_for(cursor, "garden zebra") == []


@pytest.mark.parametrize(
    ("text", "first"),
    [("customer care", "customer-care"), ("Kundendienst", ""), ("invoice", "invoice-matcher"), ("sql", "sql-analyst"),
     ("review code", "code-reviewer"), ("contract", "contract-reader"),
     ("analytics chat voice", "analytics-chat-voice")],
)  # fmt: skip
def test_the_shipped_catalogue_answers_as_one_would_hope(text: str, first: str, shipped: sqlite3.Cursor) -> None:
    assert next(iter(search_for(shipped, text)), "") == first


# ---- mistyped


@pytest.mark.parametrize(
    ("typed", "meant", "first"),
    [("custmer", "customer", "customer-care"), ("recptionist", "receptionist", "call-receptionist"),
     ("analist", "analyst", "sql-analyst"), ("invioce", "invoice", "invoice-matcher"),
     ("Contarct", "contract", "contract-reader"), ("sql analist", "sql analyst", "sql-analyst")],
)  # fmt: skip
def test_a_likely_mistake_is_forgiven_and_said(typed: str, meant: str, first: str, shipped: sqlite3.Cursor) -> None:
    hits = search.find(shipped, OfferingQuery(typed))
    assert hits.corrected_text == meant
    assert slugs(shipped, hits)[0] == first


@pytest.mark.parametrize("text", ["zzzzzz", "xq", "qwertyuiop asdfgh", "customer qqqqqq", "🤖", "x" * 500])
def test_what_is_like_nothing_finds_nothing(text: str, shipped: sqlite3.Cursor) -> None:
    assert search.find(shipped, OfferingQuery(text)) == Hits([], 0)


def test_what_is_found_as_typed_is_not_corrected(shipped: sqlite3.Cursor) -> None:
    assert search.find(shipped, OfferingQuery("invoice")).corrected_text == ""


def test_a_correction_obeys_the_filters(shipped: sqlite3.Cursor) -> None:
    hits = search.find(shipped, OfferingQuery("invioce", category="coding"))
    assert hits == Hits([], 0)


# ---- filters, orders, pages


def dollars(amount: int) -> Money:
    return Money(amount * 1_000_000)


@cache
def queries() -> tuple[OfferingQuery, ...]:
    """Every filter alone, some together, and some that nothing meets."""
    catalogue = bundled.load()
    category, vendor = catalogue.categories[3].slug, catalogue.vendors[2].slug
    return (
        OfferingQuery(),
        OfferingQuery(category=category),
        OfferingQuery(kind="agent"),
        OfferingQuery(kind="bundle"),
        OfferingQuery(billing_model="free"),
        OfferingQuery(tag="tag-3"),
        OfferingQuery(tag="common"),
        OfferingQuery(vendor=vendor),
        OfferingQuery(price_min=dollars(50)),
        OfferingQuery(price_max=dollars(10)),
        OfferingQuery(price_min=dollars(20), price_max=dollars(20)),
        OfferingQuery(price_min=dollars(30), price_max=dollars(20)),
        OfferingQuery(price_max=dollars(-1)),
        OfferingQuery(category=category, kind="agent"),
        OfferingQuery(kind="agent", tag="common", price_min=dollars(1)),
        OfferingQuery(kind="mcp_server", billing_model="subscription", tag="tag-1", price_max=dollars(60)),
        OfferingQuery(category="no-such-category"),
        OfferingQuery(kind="agent", tag="no-such-tag"),
    )


@pytest.mark.parametrize("order", SortOrder)
@pytest.mark.parametrize("number", range(18))
def test_every_filter_and_order_gives_every_row_once_and_in_order(
    number: int, order: SortOrder, cursor: sqlite3.Cursor
) -> None:
    query = replace(queries()[number], order=order)
    wanted = Wanted(query).slugs()
    assert all_pages(cursor, query) == wanted
    hits = search.find(cursor, query)
    assert hits.total == (CAP if hits.is_capped else len(wanted))
    assert hits.is_capped is (len(wanted) > CAP and hits.total == CAP)


@pytest.mark.parametrize("order", SortOrder)
@pytest.mark.parametrize("text", ["helper", "invoice", "lamp", "zebra"])
@pytest.mark.parametrize("number", [0, 2, 6, 9, 13, 14])
def test_text_with_filters_has_no_gaps_and_no_repeats(
    number: int, text: str, order: SortOrder, cursor: sqlite3.Cursor
) -> None:
    query = replace(queries()[number], order=order)
    everywhere = set(all_pages(cursor, OfferingQuery(text)))
    fitting = [slug for slug in Wanted(query).slugs() if slug in everywhere]
    found = all_pages(cursor, replace(query, text=text))
    assert sorted(found) == sorted(fitting)
    if order is not SortOrder.RECOMMENDED:
        assert found == fitting
    hits = search.find(cursor, replace(query, text=text))
    assert (hits.total, hits.is_capped) == (min(len(fitting), CAP), len(fitting) > CAP)


@given(st.integers(1, 300), st.integers(0, 17), st.sampled_from(["", "invoice", "helper"]))
def test_pages_of_any_size_make_the_same_list(size: int, number: int, text: str) -> None:
    query = replace(queries()[number], text=text)
    with closing(sqlite3.connect(backups.read_only(big_shelf.database()), uri=True)) as connection:
        cursor = connection.cursor()
        whole = search.find(cursor, replace(query, page_size=300)).ids
        pieces: list[int] = []
        for page in range(1, 300 // size + 2):
            pieces += search.find(cursor, replace(query, page=page, page_size=size)).ids
        assert pieces[: len(whole)] == whole


def test_a_page_after_the_last_is_empty_and_knows_the_total(cursor: sqlite3.Cursor) -> None:
    for text in ("", "invoice", "helper"):
        hits = search.find(cursor, OfferingQuery(text, page=1_000_000, page_size=300))
        assert hits.ids == []
        assert hits.total == search.find(cursor, OfferingQuery(text)).total


@pytest.mark.parametrize("bound", [2**63, 2**70, -(2**70), 10**30])
def test_a_price_beyond_every_number_is_only_a_price(bound: int, cursor: sqlite3.Cursor) -> None:
    for text in ("", "invoice"):
        everything = search.find(cursor, OfferingQuery(text)).total
        below = search.find(cursor, OfferingQuery(text, price_max=Money(bound)))
        above = search.find(cursor, OfferingQuery(text, price_min=Money(bound)))
        found = (below.total, above.total) if bound > 0 else (above.total, below.total)
        assert found == (min(everything, CAP), 0)


# ---- counts


def test_up_to_a_thousand_is_counted_and_above_it_is_said(cursor: sqlite3.Cursor) -> None:
    def count(query: OfferingQuery) -> tuple[int, bool]:
        hits = search.find(cursor, query)
        return hits.total, hits.is_capped

    assert count(OfferingQuery("invoice")) == (660, False)
    assert count(OfferingQuery("helper")) == (CAP, True)
    assert count(OfferingQuery("helper", order=SortOrder.NAME)) == (CAP, True)
    assert count(OfferingQuery(kind="agent", tag="common")) == (CAP, False)  # exactly a thousand
    assert count(OfferingQuery(tag="common", price_min=dollars(0))) == (CAP, True)
    assert count(OfferingQuery()) == (big_shelf.COUNT, False)  # a ready count is exact
    assert count(OfferingQuery(tag="common")) == (big_shelf.COUNT, False)


def test_what_went_off_the_shelf_is_not_found(cursor: sqlite3.Cursor) -> None:
    assert search_for(cursor, "Customer Care") == []
    assert search.find(cursor, OfferingQuery("custmer")).corrected_text == ""


# ---- through the service


@story
async def test_the_service_gives_cards_in_the_order_found(shop: Shop) -> None:
    service = shop.market.root
    seen: list[str] = []
    for page in (1, 2, 3, 4):
        found = await service.list_offerings(OfferingQuery(order=SortOrder.NAME, page=page, page_size=10))
        seen += [card.name for card in found.items]
    assert seen == sorted(seen, key=str.casefold)
    assert len(set(seen)) == len(seen) == found.total


@story
async def test_the_service_says_what_it_searched_for_instead(shop: Shop) -> None:
    found = await shop.market.root.list_offerings(OfferingQuery("custmer"))
    assert isinstance(found, OfferingPage)
    assert (found.corrected_text, found.items[0].slug, found.is_capped) == ("customer", "customer-care", False)
