"""/schema: what Litestar says about the routes, plus the conventions that hold for all of them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from litestar import Router
from litestar.connection import Request
from litestar.datastructures import ResponseHeader
from litestar.enums import OpenAPIMediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.response import Response
from litestar.status_codes import HTTP_404_NOT_FOUND

from services import wire
from services.http.reply import NOTHING_LOADS, SAFE_HEADERS, error_reply

Node = dict[str, Any]  # Any: a piece of the OpenAPI document

ERROR: Node = {
    "type": "object",
    "required": ["code", "detail", "params", "fields"],
    "properties": {
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "params": {"type": "object", "additionalProperties": {"type": ["string", "integer", "null"]}},
        "fields": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    },
}
ANSWERED_WRONG: Node = {
    "description": "An error: 400, 401, 402, 404, 409, 413, 422, 429, 500, 502 or 503, always in this shape",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def _parameter(name: str, where: str, about: str, **schema: object) -> Node:
    return {"name": name, "in": where, "required": False, "description": about, "schema": schema}


KEY = _parameter(
    "Idempotency-Key", "header", "The same key and body give the same answer", type="string", maxLength=255
)
CART = _parameter("Cart-Token", "header", "Who a guest is; given back by the first POST", type="string", maxLength=255)
LIST = [
    _parameter("page", "query", "From 1", type="integer", minimum=1, default=1),
    _parameter("page_size", "query", "At most 300", type="integer", minimum=1, maximum=300, default=10),
    _parameter("o", "query", "Order, such as name or -created", type="string"),
    _parameter("field", "query", "Only these keys; may be repeated", type="array", items={"type": "string"}),
]
MAY_WAIT = ("/quick-checkout", "/pay", "/confirm", "/refresh", "/top-up", "/commit-change", "/accept")
FILTERS = [
    _parameter(name, "query", about, type="string")
    for name, about in (
        ("keyword", "Any text"),
        ("category", "Slug"),
        ("category_uuid", ""),
        ("customer", "Slug of the vendor"),
        ("customer_uuid", "Of the vendor"),
        ("type", "agent, mcp_server or bundle"),
        ("billing_model", "free, subscription, pay_per_use or quote"),
        ("tag", ""),
        ("price_min", "Monthly, such as 10 or 9.99"),
        ("price_max", ""),
    )
]


class Described(OpenAPIRenderPlugin):
    """Serves the completed document."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: Node) -> bytes:
        return wire.encode(describe(openapi_schema))


def config() -> OpenAPIConfig:
    """What Litestar needs to serve /schema."""
    scheme = SecurityScheme(type="apiKey", name="Authorization", security_scheme_in="header", description="Token ...")
    headers = [
        ResponseHeader(name=name.decode(), value=value.decode(), description="")
        for name, value in (*SAFE_HEADERS, NOTHING_LOADS)
    ]
    return OpenAPIConfig(
        title="Souk",
        version="1",
        path="/schema",
        description="Conventions and a worked example: docs/http.md.",
        render_plugins=[Described(path=["/", "/openapi.json"], media_type=OpenAPIMediaType.OPENAPI_JSON)],
        openapi_router=Router(
            "/schema", route_handlers=[], response_headers=headers, include_in_schema=False, after_request=_in_our_shape
        ),
        components=Components(security_schemes={"token": scheme}),
        security=[{"token": []}, {}],
        use_handler_docstrings=True,
    )


def _in_our_shape(response: Response[Any]) -> Response[Any]:
    """Litestar answers /schema/<anything> itself, with a page."""
    is_missing = response.status_code == HTTP_404_NOT_FOUND
    return error_reply(wire.ErrorBody("not_found"), HTTP_404_NOT_FOUND) if is_missing else response


def describe(schema: Node) -> Node:
    """The document with trailing slashes, without HEAD, and with errors, keys, paging and filters on each operation."""
    whole = deepcopy(schema)
    whole["components"]["schemas"]["Error"] = ERROR
    whole["paths"] = {f"{path}/": _operations(path, item) for path, item in schema["paths"].items()}
    return whole


def _operations(path: str, item: Node) -> Node:
    return {method: _operation(path, method, deepcopy(found)) for method, found in item.items() if method != "head"}


def _operation(path: str, method: str, found: Node) -> Node:
    answers = {status: answer for status, answer in found["responses"].items() if status != "400"}
    done = next((answer for status, answer in answers.items() if status in ("200", "201")), None)
    if method == "post" and path.endswith(MAY_WAIT) and done is not None:
        answers["202"] = {"description": "The buyer must go to a page first, or the money is under way"} | {
            "content": done["content"]
        }
    found["responses"] = {**answers, "default": ANSWERED_WRONG}
    found["parameters"] = [*found.get("parameters", []), *_conventions(path, method, answers)]
    return found


def _conventions(path: str, method: str, answers: Node) -> list[Node]:
    if method == "post":
        return [KEY, CART]
    is_list = (
        answers.get("200", {}).get("content", {}).get("application/json", {}).get("schema", {}).get("type") == "array"
    )
    if not is_list:
        return [CART]
    return [CART, *LIST, *(FILTERS if path.endswith("public-offerings") else [])]
