"""What guests may read: public offerings, their plans, categories."""

from __future__ import annotations

from litestar.params import FromPath

from services.api.contract import Service
from services.api.errors import NotFound
from services.api.money import MICROS_MAX, Money
from services.api.types import OfferingCard, OfferingPage, OfferingQuery, SortOrder
from services.http import shapes
from services.http.call import Call
from services.http.fresh import kept_fresh
from services.http.listing import list_headers, page_of, reply_all, reply_rows
from services.http.reply import Reply
from services.http.routes import reads

TAG = "catalogue"
ORDERS = {
    "name": SortOrder.NAME,
    "-created": SortOrder.NEWEST,
    "-rating": SortOrder.RATING,
    "price": SortOrder.PRICE_LOW,
    "from_price": SortOrder.PRICE_LOW,
    "-popularity": SortOrder.RECOMMENDED,
}
_NO_SUCH_CATEGORY = "-"
_ROW_KEYS = frozenset(shapes.OfferingRow.__struct_fields__)
_MORE_KEYS = frozenset(shapes.OfferingShape.__struct_fields__) - _ROW_KEYS


@reads("/api/marketplace-public-offerings/", TAG)
@kept_fresh
async def list_offerings(request: Call) -> Reply[list[shapes.OfferingRow]]:
    """Filters: keyword (or name), category or category_uuid, customer (vendor slug) or customer_uuid, type,
    billing_model, tag, price_min, price_max. o = name, -created, -rating, price. `field=` may also name keys of the
    single offering, such as `plans`."""
    service = request.service
    query = await offering_query(request, service)
    found = await service.list_offerings(query)
    if request.wants_native:
        return request.reply(found, _no_rows)
    headers = list_headers(request, page_of(request), found.total, is_capped=found.is_capped)
    if found.corrected_text:
        headers.append((b"x-corrected-text", found.corrected_text.encode("ascii", "replace")))
    return reply_rows(request, await _rows(request, service, found), headers)


def _no_rows(_base: str, _page: OfferingPage) -> list[shapes.OfferingRow]:
    return []


async def _rows(call: Call, service: Service, found: OfferingPage) -> list[shapes.OfferingRow]:
    if _MORE_KEYS.isdisjoint(call.sparse_fields):
        return [shapes.offering_row(call.base, card) for card in found.items]
    return [await _whole(call, service, card) for card in found.items]


async def _whole(call: Call, service: Service, card: OfferingCard) -> shapes.OfferingShape:
    return shapes.offering(call.base, await service.get_offering(card.uuid))


@reads("/api/marketplace-public-offerings/{uuid:str}/", TAG)
async def get_offering(request: Call, uuid: FromPath[str]) -> Reply[shapes.OfferingShape]:
    """One offering with its plans, by uuid or slug."""
    return request.reply(await request.service.get_offering(uuid), shapes.offering)


@reads("/api/marketplace-public-offerings/{uuid:str}/plans/", TAG)
async def list_plans(request: Call, uuid: FromPath[str]) -> Reply[list[shapes.PlanShape]]:
    """The plans of one offering."""
    offering = await request.service.get_offering(uuid)
    base = f"{request.base}{shapes.OFFERINGS}/{offering.card.uuid}"
    return reply_all(request, offering.plans, lambda _, plan: shapes.plan(base, plan), {"name": lambda plan: plan.name})


@reads("/api/marketplace-public-offerings/{uuid:str}/plans/{plan_uuid:str}/", TAG)
async def get_plan(request: Call, uuid: FromPath[str], plan_uuid: FromPath[str]) -> Reply[shapes.PlanShape]:
    """One plan of one offering."""
    offering = await request.service.get_offering(uuid)
    plan = next((plan for plan in offering.plans if plan.uuid == plan_uuid), None)
    if plan is None:
        raise NotFound
    base = f"{request.base}{shapes.OFFERINGS}/{offering.card.uuid}"
    return request.reply(plan, lambda _, value: shapes.plan(base, value))


@reads("/api/marketplace-categories/", TAG)
@kept_fresh
async def list_categories(request: Call) -> Reply[list[shapes.CategoryShape]]:
    """All categories with their offering counts. o = title."""
    categories = await request.service.list_categories()
    return reply_all(request, categories, shapes.category, {"title": lambda category: category.title})


@reads("/api/marketplace-categories/{uuid:str}/", TAG)
async def get_category(request: Call, uuid: FromPath[str]) -> Reply[shapes.CategoryShape]:
    """One category."""
    for category in await request.service.list_categories():
        if category.uuid == uuid:
            return request.reply(category, shapes.category)
    raise NotFound


async def offering_query(call: Call, service: Service) -> OfferingQuery:
    """The query in the address. InvalidInput names every parameter that cannot be read."""
    given = call.query_params
    problems: dict[str, str] = {}
    currency = given.get("currency", "USD")
    low, high = (_amount(given.get(name), name, currency, problems) for name in ("price_min", "price_max"))
    order = given.get("o", "")
    if order and order not in ORDERS:
        problems["o"] = "unknown"
    page = page_of(call, problems)
    return OfferingQuery(
        text=given.get("keyword") or given.get("name") or "",
        category=await _category(service, given.get("category_uuid", "")) or given.get("category", ""),
        kind=given.get("type", ""),
        billing_model=given.get("billing_model", ""),
        tag=given.get("tag", ""),
        vendor=given.get("customer_uuid") or given.get("customer") or "",
        price_min=low,
        price_max=high,
        order=ORDERS.get(order, SortOrder.RECOMMENDED),
        page=page.number,
        page_size=page.size,
    )


def _amount(text: str | None, name: str, currency: str, problems: dict[str, str]) -> Money | None:
    if not text:
        return None
    try:
        amount = Money.parse(text, currency)
    except ValueError:
        amount = None
    if amount is None or abs(amount.micros) > MICROS_MAX:
        problems[name] = "out_of_range"
    return amount


async def _category(service: Service, uuid: str) -> str:
    if not uuid:
        return ""
    return next((one.slug for one in await service.list_categories() if one.uuid == uuid), _NO_SUCH_CATEGORY)


HANDLERS = [list_offerings, get_offering, list_plans, get_plan, list_categories, get_category]
