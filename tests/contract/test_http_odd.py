"""Odd requests on every route, in front of the embedded service: refused or answered, never a crash."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.http.openapi import describe
from tests.contract.conftest import BASE, app_for_tests, app_over, in_process
from tests.contract.embedded import build_embedded
from tests.contract.test_http_shape import signed_in

TEXTS = ["", " ", "\x00", "\u2028", "🦊" * 3000, "x" * 9000, "' OR 1=1 --", "../../etc", "%00", "-1", "1e309", "null"]
ODD: list[object] = [*TEXTS, None, True, 0, -1, 2**63, 2**200, 1.5, [], [[]], {}, {"a": {}}]
QUERIES = [
    b"keyword=%FF%FE",
    b"keyword=%00",
    b"%00=1",
    b"keyword=" + b"%F0%9F%A6%8A" * 300,
    b"page=1&page=2",
    b"&&=&==",
]
QUERIES += [
    b"field=",
    b"field=plans&field=plans",
    b"price_min=99999999999999999999",
    b"price_min=1&currency=XXX",
    b"o=",
]
Node = dict[str, Any]  # Any: a piece of the OpenAPI document


@pytest.fixture
def http(settled_heap: None, loop: asyncio.Runner, tmp_path: Path) -> Iterator[httpx.AsyncClient]:
    embedded = loop.run(build_embedded(tmp_path))
    client = httpx.AsyncClient(transport=in_process(app_over(embedded)), base_url=BASE)
    yield client
    loop.run(client.aclose())
    embedded.close()


@cache
def routes(method: str) -> dict[str, list[str]]:
    """Paths and the fields of their bodies, as /schema describes them."""
    schema = describe(app_for_tests().openapi_schema.to_schema())

    def fields_of(operation: Node) -> list[str]:
        content: Node = operation.get("requestBody", {}).get("content", {})
        name = content["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1] if content else ""
        return list(schema["components"]["schemas"][name]["properties"]) if name else []

    return {path: fields_of(item[method]) for path, item in schema["paths"].items() if method in item}


def test_no_body_breaks_any_route(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    paths = {path: fields for path, fields in routes("post").items() if "logout" not in path}

    async def send_all() -> set[int]:
        headers, seen = await signed_in(http), set()
        for path, fields in paths.items():
            place = path.format(uuid="0" * 32, token="card-0")
            for value in ODD:
                body = json.dumps(dict.fromkeys(fields, value))
                answer = await http.post(place, content=body, headers=headers)
                seen.add(answer.status_code)
                assert answer.status_code < 500, (place, body[:200], answer.text)
        return seen

    assert loop.run(send_all()) >= {404, 422}


def test_no_address_breaks_any_route(loop: asyncio.Runner, http: httpx.AsyncClient) -> None:
    paths = routes("get")

    async def read_all() -> None:
        headers = await signed_in(http)
        for path in paths:
            for odd in ("0" * 32, "%00", "%FF", "..%2F..", "'", "é", "x" * 3000):
                url = re.sub(r"\{\w+\}", odd, path)
                answer = await http.get(url, headers=headers)
                assert answer.status_code < 500, (url, answer.text)
                if url == path:
                    break
            for query in QUERIES:
                url = re.sub(r"\{\w+\}", "customer-care", path) + "?" + query.decode("ascii")
                answer = await http.get(url, headers=headers)
                assert answer.status_code < 500, (url, answer.text)

    loop.run(read_all())


@pytest.mark.parametrize("name", ["Authorization", "Cart-Token", "Idempotency-Key", "Accept", "Host"])
def test_no_header_breaks_a_call(loop: asyncio.Runner, http: httpx.AsyncClient, name: str) -> None:
    for value in (b"", b" ", b"\xff\xfe", b"Token \xff", b"Token " + b"x" * 5000, b"x" * 5000, b"a\tb", b"'\"<>"):
        for path in ("/api/marketplace-public-offerings/", "/api/carts/"):
            answer = loop.run(http.get(path, headers=[(name.encode(), value)]))
            assert answer.status_code < 500, (name, value, answer.text)
        answer = loop.run(http.post("/api/carts/", json={}, headers=[(name.encode(), value)]))
        assert answer.status_code < 500, (name, value, answer.text)
