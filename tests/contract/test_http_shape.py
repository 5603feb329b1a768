"""What only HTTP has: lists, links, sparse answers, statuses and bodies to the letter, OpenAPI."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest

from services.api.types import OfferingPage, OfferingQuery
from services.http.fresh import FRESH_S, Fresh
from services.http.reply import Reply
from services.http.server import create_app
from tests.fakes import PASSWORD, FakeService
from tests.samples import CUSTOMER_CARE, SUPPORT, SUPPORT_BUNDLE

OFFERINGS = "/api/marketplace-public-offerings/"
UUID = re.compile(r"[0-9a-f]{32}")
STARTER = CUSTOMER_CARE.plans[1]
ORDER = {
    "offering_uuid": CUSTOMER_CARE.card.uuid,
    "plan_uuid": STARTER.uuid,
    "payment_method": "card",
    "payment_token": "tok_test_pays",
    "terms_accepted": True,
}


async def signed_in(http: httpx.AsyncClient) -> dict[str, str]:
    answer = await http.post("/api/users/", json={"email": "ada@example.com", "password": PASSWORD})
    assert answer.status_code == 201
    return {"Authorization": f"Token {answer.json()['token']}"}


def links(answer: httpx.Response) -> dict[str, str]:
    return {rel: url for url, rel in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers["Link"])}


# ---- lists


def test_a_list_is_a_bare_array_with_its_count_and_links(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    assert loop.run(http.get(OFFERINGS, params={"keyword": "nothing is called so"})).json() == []
    first = loop.run(http.get(OFFERINGS, params={"page_size": 1, "page": 2}))
    assert [row["name"] for row in first.json()] == ["Expense Auditor"]
    assert first.headers["X-Result-Count"] == "3"
    base = f"http://souk.test{OFFERINGS}?page={{}}&page_size=1"
    assert links(first) == {
        "first": base.format(1),
        "prev": base.format(1),
        "next": base.format(3),
        "last": base.format(3),
    }


def test_links_keep_the_filters_and_can_be_followed(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    empty = loop.run(http.get(f"{OFFERINGS}?page_size=1&category=support&o=-rating&keyword=e%26o%3Dx"))
    assert empty.headers["X-Result-Count"] == "0"
    assert (
        links(empty)["first"]
        == f"http://souk.test{OFFERINGS}?category=support&o=-rating&keyword=e%26o%3Dx&page=1&page_size=1"
    )
    seen, url = [], f"{OFFERINGS}?page_size=1&category=support"
    while url:
        answer = loop.run(http.get(url))
        seen += [row["slug"] for row in answer.json()]
        url = links(answer).get("next", "")
    assert seen == ["customer-care", "support-bundle"]


def test_a_page_has_ten_rows_unless_said_otherwise(
    loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService
) -> None:
    fake.world.offerings = fake.world.offerings * 5
    assert len(loop.run(http.get(OFFERINGS)).json()) == 10
    assert len(loop.run(http.get(OFFERINGS, params={"page_size": 300})).json()) == 15
    for params in (
        {"page_size": "301"},
        {"page_size": "0"},
        {"page": "0"},
        {"page": "x"},
        {"page": "-1"},
        {"page": "²"},
    ):
        refused = loop.run(http.get(OFFERINGS, params=params))
        assert (refused.status_code, refused.json()["fields"]) == (422, {next(iter(params)): ["out_of_range"]})


def test_a_capped_count_says_so_and_has_no_last_page(loop: asyncio.Runner, fake: FakeService) -> None:
    class Crowded(FakeService):
        async def list_offerings(self, query: OfferingQuery) -> OfferingPage:
            return OfferingPage((CUSTOMER_CARE.card,), 1000, is_capped=True, corrected_text="support")

        def for_actor(self, actor: object) -> FakeService:
            return self

    app = create_app(Crowded())
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # Litestar types its messages more narrowly
    answer = loop.run(httpx.AsyncClient(transport=transport, base_url="http://souk.test").get(f"{OFFERINGS}?page=100"))
    assert (answer.headers["X-Result-Count"], answer.headers["X-Result-Count-Capped"]) == ("1000", "true")
    assert answer.headers["X-Corrected-Text"] == "support"
    assert set(links(answer)) == {"first", "prev", "next"}


def test_guests_see_the_catalogue_of_the_last_second_and_buyers_that_of_now(
    loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService
) -> None:
    def count(**headers: str) -> str:
        return str(loop.run(http.get(OFFERINGS, headers=headers)).headers["X-Result-Count"])

    token = loop.run(signed_in(http))
    assert count() == "3"
    fake.world.offerings = fake.world.offerings[:1]
    assert (count(), count(**token)) == ("3", "1")
    assert loop.run(http.get(f"{OFFERINGS}?page=1")).headers["X-Result-Count"] == "1"


def test_fresh_answers_grow_old_and_the_oldest_are_dropped(loop: asyncio.Runner) -> None:
    now, asked = [0.0], []
    fresh = Fresh(lambda: now[0])

    async def look() -> Reply[None]:
        asked.append(now[0])
        return Reply(b"")

    for instant in (0.0, 0.9, FRESH_S, 1.9):
        now[0] = instant
        loop.run(fresh.reply(("page",), look))
    assert asked == [0.0, FRESH_S]
    for number in range(300):
        loop.run(fresh.reply((number,), look))
    loop.run(fresh.reply(("page",), look))
    assert len(asked) == 303


def test_head_gives_the_count_without_a_body(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    for path in (OFFERINGS, "/api/marketplace-categories/", f"{OFFERINGS}customer-care/"):
        got, head = loop.run(http.get(path)), loop.run(http.head(path))
        assert head.content == b""
        assert head.headers == got.headers


def test_only_the_wanted_fields_are_sent(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    rows = loop.run(http.get(f"{OFFERINGS}?field=name&field=uuid&field=nonsense")).json()
    assert rows[0] == {"name": "Customer Care", "uuid": CUSTOMER_CARE.card.uuid}
    one = loop.run(http.get(f"{OFFERINGS}customer-care/?field=country")).json()
    assert one == {"country": "DE"}
    whole = loop.run(http.get(f"{OFFERINGS}?field=plans&page_size=1")).json()
    assert [plan["name"] for plan in whole[0]["plans"]] == [plan.name for plan in CUSTOMER_CARE.plans]


def test_lists_are_ordered_and_filtered_by_waldurs_names(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    def names(query: str) -> list[str]:
        return [row["name"] for row in loop.run(http.get(f"{OFFERINGS}?{query}")).json()]

    assert names("o=name") == ["Customer Care", "Expense Auditor", "Support Bundle"]
    assert names("o=-rating")[0] == "Customer Care"
    assert names(f"category_uuid={SUPPORT.uuid}") == ["Customer Care", "Support Bundle"]
    assert names("category_uuid=" + "0" * 32) == []
    assert names("type=bundle&price_min=49.3&price_max=50") == ["Support Bundle"]
    assert names("name=expense") == ["Expense Auditor"]
    assert [row["title"] for row in loop.run(http.get("/api/marketplace-categories/?o=-title")).json()] == [
        "Support",
        "Finance",
    ]
    refused = loop.run(http.get(f"{OFFERINGS}?o=nonsense&price_min=cheap&price_max=1e3&page=0")).json()
    assert set(refused["fields"]) == {"o", "price_min", "price_max", "page"}


# ---- shapes


def test_an_offering_has_waldurs_keys_and_ours(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    body = loop.run(http.get(f"{OFFERINGS}{CUSTOMER_CARE.card.uuid}/")).json()
    waldurs = (
        "url uuid created name slug description full_description terms_of_service customer customer_uuid customer_name "
        "category category_uuid category_title rating attributes options components plugin_options state thumbnail "
        "order_count plans screenshots type shared billable files getting_started country"
    )
    assert set(waldurs.split()) <= set(body)
    assert body["url"] == f"http://souk.test{OFFERINGS}{CUSTOMER_CARE.card.uuid}/"
    assert loop.run(http.get(body["url"])).json() == body
    assert loop.run(http.get(body["category"])).json()["title"] == body["category_title"]
    component = (
        "uuid billing_type type name description measured_unit limit_period limit_amount max_value min_value factor"
    )
    assert set(component.split()) == set(body["components"][0])
    assert {component["type"] for component in body["components"]} == {"subscription", "calls"}


def test_a_plan_has_waldurs_decimals_and_our_included_calls(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    plans = loop.run(http.get(f"{OFFERINGS}customer-care/plans/?page_size=300")).json()
    starter, enterprise = plans[1], plans[3]
    assert (starter["unit_price"], starter["unit"], starter["yearly_price"]) == (
        "29.0000000000",
        "month",
        "290.0000000000",
    )
    assert starter["prices"] == {"subscription": "29.0000000000", "calls": "0.0100000000"}
    assert (starter["included"], starter["quotas"]) == ({"calls": 1000}, {"calls": 1000})
    assert (starter["overage"], starter["overage_policy"]) == ({"calls": "0.0100000000"}, "charge")
    assert (starter["plan_type"], starter["init_price"], starter["is_active"]) == ("mixed", "0.0000000000", True)
    assert (enterprise["unit_price"], enterprise["included"]) == (None, {"calls": None})
    assert [plan["plan_type"] for plan in plans] == ["fixed", "mixed", "mixed", "fixed", "usage-based"]
    assert loop.run(http.get(starter["url"])).json() == starter
    foreign = f"{OFFERINGS}expense-auditor/plans/{STARTER.uuid}/"
    assert loop.run(http.get(foreign)).status_code == 404


def test_a_bundle_lists_its_items(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    body = loop.run(http.get(f"{OFFERINGS}{SUPPORT_BUNDLE.card.uuid}/")).json()
    assert [item["name"] for item in body["items"]] == ["Customer Care", "Expense Auditor"]
    assert body["discount_percent"] == 15
    assert body["plans"][0]["list_unit_price"] == "58.0000000000"


def test_a_purchase_answers_201_with_exactly_the_ids_and_the_address(
    loop: asyncio.Runner, http: httpx.AsyncClient
) -> None:
    async def purchase() -> None:
        headers = await signed_in(http)
        answer = await http.post("/api/marketplace/quick-checkout/", json=ORDER, headers=headers)
        body = answer.json()
        assert answer.status_code == 201
        assert list(body) == ["order_uuid", "resource_uuid", "organization_uuid", "project_uuid", "access_url"]
        assert all(UUID.fullmatch(body[name]) for name in list(body)[:4])
        assert body["access_url"] == f"/resource-details/{body['resource_uuid']}/"
        order = (await http.get(f"/api/marketplace-orders/{body['order_uuid']}/", headers=headers)).json()
        assert (order["state"], order["cost"], order["type"]) == ("done", "29.0000000000", "Create")
        assert (await http.get(order["offering"])).json()["uuid"] == order["offering_uuid"]
        resource = (await http.get(order["resource"], headers=headers)).json()
        assert (resource["state"], resource["limit_usage"], resource["limits"]) == ("OK", {}, {})
        assert resource["endpoints"] == [
            {"uuid": resource["uuid"], "name": "Agent", "url": f"http://souk.test{body['access_url']}"}
        ]
        assert (await http.get(resource["plan"])).json()["name"] == resource["plan_name"]
        assert (await http.get(resource["order"], headers=headers)).json() == order
        for relation in ("customer", "project"):
            related = (await http.get(resource[relation], headers=headers)).json()
            assert (related["uuid"], related["name"]) == (resource[f"{relation}_uuid"], resource[f"{relation}_name"])
        assert (await http.get("/api/customers/", headers=headers)).headers["X-Result-Count"] == "1"
        assert (await http.get("/api/projects/", headers=headers)).json()[0]["customer"] == resource["customer"]

    loop.run(purchase())


def test_a_purchase_to_confirm_answers_202_with_where_to_go(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    async def purchase() -> None:
        headers = await signed_in(http)
        order = {**ORDER, "payment_token": "tok_test_needs_confirmation"}
        answer = await http.post("/api/marketplace/quick-checkout/", json=order, headers=headers)
        body = answer.json()
        assert (answer.status_code, list(body)) == (202, ["order_uuid", "action"])
        assert body["action"] == {"kind": "redirect", "url": f"/pay/test/{body['order_uuid']}/"}
        page = await http.get(body["action"]["url"])
        assert "TEST" in page.text
        assert f"/api/marketplace-orders/{body['order_uuid']}/confirm/" in page.text
        assert (await http.get("/pay/test/<script>/")).status_code == 404
        confirm = f"/api/marketplace-orders/{body['order_uuid']}/confirm/"
        done = await http.post(confirm, json={"approve": True}, headers=headers)
        assert (done.status_code, done.json()["order_uuid"]) == (201, body["order_uuid"])
        again = await http.post(confirm, json={"approve": True}, headers=headers)
        assert (again.status_code, again.json()["params"]) == (409, {"state": "done"})

    loop.run(purchase())


def test_resource_states_have_waldurs_names(loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService) -> None:
    async def walk() -> None:
        fake.world.auto_deploy = False
        headers = await signed_in(http)
        uuid = (await http.post("/api/marketplace/quick-checkout/", json=ORDER, headers=headers)).json()[
            "resource_uuid"
        ]
        path = f"/api/marketplace-resources/{uuid}/"

        async def state() -> str:
            return str((await http.get(path, headers=headers)).json()["state"])

        assert await state() == "Creating"
        fake.advance(uuid)
        assert await state() == "Creating"
        fake.break_deployment(uuid)
        assert await state() == "Erred"
        assert len((await http.get("/api/marketplace-resources/?state=Erred&state=OK", headers=headers)).json()) == 1
        assert (await http.get("/api/marketplace-resources/?state=OK", headers=headers)).json() == []
        retried = await http.post(f"{path}retry/", headers=headers)
        assert (retried.status_code, retried.json()["state"]) == (200, "Creating")
        fake.break_deployment(uuid)
        refunded = await http.post(f"{path}refund/", headers=headers)
        assert (refunded.status_code, refunded.json()["refunded"]) == (200, "29.0000000000")
        assert await state() == "Terminated"

    loop.run(walk())


def test_an_account_is_a_waldur_user(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    async def read() -> None:
        await signed_in(http)
        signed = await http.post("/api-auth/password/", json={"username": "ada@example.com", "password": PASSWORD})
        assert (signed.status_code, list(signed.json())) == (200, ["token", "user_uuid", "expires_at"])
        for scheme in ("Token", "Bearer", "token"):
            me = await http.get("/api/users/me/", headers={"Authorization": f"{scheme} {signed.json()['token']}"})
            assert (me.json()["username"], me.json()["full_name"]) == ("ada@example.com", "Ada")
        headers = {"Authorization": f"Token {signed.json()['token']}"}
        assert (await http.post("/api-auth/logout/", headers=headers)).status_code == 204
        over = await http.get("/api/users/me/", headers=headers)
        assert (over.status_code, over.json()["code"]) == (401, "session_expired")

    loop.run(read())


# ---- description


def test_the_schema_describes_every_route_and_needs_nothing_from_elsewhere(
    loop: asyncio.Runner, http: httpx.AsyncClient
) -> None:
    answer = loop.run(http.get("/schema"))
    schema = answer.json()
    assert (answer.status_code, schema["openapi"][:2]) == (200, "3.")
    assert all(path.endswith("/") for path in schema["paths"])
    checkout = schema["paths"]["/api/marketplace/quick-checkout/"]["post"]
    assert set(checkout["responses"]) == {"201", "202", "default"}
    assert "Idempotency-Key" in {parameter["name"] for parameter in checkout["parameters"]}
    body = checkout["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
    assert schema["components"]["schemas"][body]["required"] == ["offering_uuid", "plan_uuid"]
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schema)))
    assert references <= set(schema["components"]["schemas"])
    filters = {parameter["name"] for parameter in schema["paths"][OFFERINGS]["get"]["parameters"]}
    assert filters >= {"page", "page_size", "o", "field", "keyword", "price_min"}


def test_the_page_for_people_is_one_file_without_scripts(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    for path in ("/docs", "/docs/"):
        answer = loop.run(http.get(path))
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "/api/marketplace/quick-checkout/" in answer.text
        assert not re.search(r"<script|https?://|url\(|@import", answer.text)
        assert "style-src 'sha256-" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", [OFFERINGS, "/schema", "/docs", "/no/such/path", "/api/users/me/"])
def test_every_answer_carries_the_safe_headers(loop: asyncio.Runner, http: httpx.AsyncClient, path: str) -> None:
    headers = loop.run(http.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
