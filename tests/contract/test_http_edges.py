"""What only HTTP has, at its edges: methods, addresses of the schema, keys of guests, a vendor by its uuid."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.fakes import FakeService

OFFERINGS = "/api/marketplace-public-offerings/"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", OFFERINGS, {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/api/carts/", {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}),
        ("GET", "/api/marketplace/quick-checkout/", {"POST", "OPTIONS"}),
        ("PATCH", f"{OFFERINGS}x/plans/y/", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    method: str, path: str, allowed: set[str], loop: asyncio.Runner, http: httpx.AsyncClient
) -> None:
    refused = loop.run(http.request(method, path))
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert set(refused.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/schema/swagger", "/schema/x.json", "/schema/<b>"])
def test_other_addresses_of_the_schema_are_not_found_in_our_shape(
    path: str, loop: asyncio.Runner, http: httpx.AsyncClient
) -> None:
    missing = loop.run(http.get(path))
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/json")
    assert missing.json()["code"] == "not_found"
    assert missing.headers["x-content-type-options"] == "nosniff"


def test_two_guests_with_one_key_do_not_get_one_cart(
    loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService
) -> None:
    card = fake.world.offerings[0]
    body = {"offering_uuid": card.card.uuid, "plan_uuid": card.plans[0].uuid}
    first, second = (
        loop.run(http.post("/api/carts/", json=body, headers={"Idempotency-Key": "first"})) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.headers["cart-token"] != second.headers["cart-token"]
    owner = {"Idempotency-Key": "first", "Cart-Token": first.headers["cart-token"]}
    replayed = [loop.run(http.post("/api/carts/", json=body, headers=owner)) for _ in range(2)][1]
    assert replayed.headers["idempotent-replayed"] == "true"


def test_offerings_of_a_customer_by_uuid(loop: asyncio.Runner, http: httpx.AsyncClient, fake: FakeService) -> None:
    vendor = fake.world.offerings[0].vendor
    for name, value in (("customer_uuid", vendor.uuid), ("customer", vendor.slug)):
        rows = loop.run(http.get(OFFERINGS, params={name: value})).json()
        assert fake.world.offerings[0].card.uuid in [row["uuid"] for row in rows]
    assert loop.run(http.get(OFFERINGS, params={"customer_uuid": "0" * 32})).json() == []


@pytest.mark.parametrize("amount", ["9223372036854.775808", "-9223372036855", "1" * 400])
def test_a_price_no_database_holds_is_refused(amount: str, loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    refused = loop.run(http.get(OFFERINGS, params={"price_min": amount}))
    assert (refused.status_code, refused.json()["fields"]) == (422, {"price_min": ["out_of_range"]})
