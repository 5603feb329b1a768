"""/docs: the OpenAPI description as one page for people, without a script, a font or anything from elsewhere."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from html import escape

from litestar import get

from services.http.call import Call
from services.http.openapi import Node, describe
from services.http.reply import Header, Reply

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1b1a;background:#fff}
h1{font-size:1.6rem}h2{margin-top:2.5rem;text-transform:capitalize}summary{cursor:pointer;padding:.35rem 0}
code{font:13px/1.5 ui-monospace,monospace}b{display:inline-block;width:4.5rem}p{margin:.4rem 0 .4rem 4.5rem}
table{margin:.4rem 0 1rem 4.5rem;border-collapse:collapse}td{padding:.1rem 1rem .1rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#161514;color:#e9e6e3}a{color:#9db8ff}}
"""
_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Header = (
    b"content-security-policy",
    f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'".encode(),
)


@get("/docs/", include_in_schema=False)
async def show_docs(request: Call) -> Reply[str]:
    """The page."""
    page = render(describe(request.app.openapi_schema.to_schema()))
    return Reply(page.encode(), media_type=b"text/html; charset=utf-8", policy=POLICY)


def render(schema: Node) -> str:
    """The whole page for an OpenAPI document."""
    groups: dict[str, list[str]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            rows = groups.setdefault(operation["tags"][0], [])
            rows.append(_operation(schema, path, method, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(rows)}" for tag, rows in groups.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(schema["info"]["title"])} HTTP</title>'
        f"<style>{STYLE}</style><h1>{escape(schema['info']['title'])} over HTTP</h1>"
        "<p>Sign in at <code>/api-auth/password/</code>, then send <code>Authorization: Token …</code>. Lists take "
        "<code>page</code>, <code>page_size</code>, <code>o</code> and <code>field</code>; every POST takes "
        '<code>Idempotency-Key</code>. For programs: <a href="/schema">/schema</a>.</p>'
        f"{body}</html>"
    )


def _operation(schema: Node, path: str, method: str, operation: Node) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(text)}</td></tr>"
        for name, text in _fields(schema, operation)
    )
    about = escape(operation.get("description") or operation.get("summary") or "")
    codes = ", ".join(operation.get("responses", {}))
    return (
        f"<details><summary><b>{method.upper()}</b><code>{escape(path)}</code></summary>"
        f"<p>{about}</p><table>{rows}</table><p>Answers: {escape(codes)}</p></details>"
    )


def _fields(schema: Node, operation: Node) -> list[tuple[str, str]]:
    content: Node = operation.get("requestBody", {}).get("content", {})
    body = _resolved(schema, content["application/json"]["schema"]) if content else {}
    needed = body.get("required", [])
    return [
        (name, f"{_type(schema, spec)}{'' if name in needed else ', may be left out'}")
        for name, spec in body.get("properties", {}).items()
    ]


def _resolved(schema: Node, node: Node) -> Node:
    reference = node.get("$ref", "")
    if not reference:
        return node
    found: Node = schema["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    return found


def _type(schema: Node, node: Node) -> str:
    node = _resolved(schema, node)
    if choices := node.get("enum"):
        return " | ".join(str(choice) for choice in choices)
    return str(node.get("type", "object"))
