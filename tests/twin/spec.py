"""Stripe's published OpenAPI as a second opinion on every request. Its file is not ours and may be absent.

The file is older than the interface we use: what has changed since is allowed by name, and nothing else is.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # ships no types
import yaml  # type: ignore[import-untyped] # ships no types

ROOT = Path(__file__).parents[2]
NAME = "shared/specs/stripe-spec3-2023.yaml"
FILES = (ROOT / NAME, ROOT.parent / NAME)
Schema = dict[str, Any]  # as it lies in the file

# Newer than the file: parameters of these operations that it does not know.
_TYPES = ("allowed_payment_method_types", "excluded_payment_method_types")
NEWER = {
    ("POST", "/v1/checkout/sessions"): _TYPES,
    ("POST", "/v1/payment_intents"): _TYPES,
    ("POST", "/v1/setup_intents"): _TYPES,
    ("GET", "/v1/checkout/sessions"): ("created",),
}


def file() -> Path | None:
    """The published file; None where it is not at hand."""
    return next((one for one in FILES if one.is_file()), None)


@cache
def _document() -> Schema:
    """Three seconds to read, a tenth of one from what was kept of it."""
    source = file()
    if source is None:
        return {"paths": {}}
    content = source.read_bytes()
    kept = Path(tempfile.gettempdir()) / f"souk-stripe-spec-{hashlib.sha256(content).hexdigest()[:16]}.pickle"
    if kept.is_file():
        return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return] # noqa: S301  written below
    found: Schema = yaml.load(content, Loader=yaml.CSafeLoader)
    part = kept.with_suffix(f".{id(found)}")
    part.write_bytes(pickle.dumps(found))
    part.replace(kept)
    return found


@cache
def operations() -> tuple[tuple[str, re.Pattern[str], Schema], ...]:
    """Every published operation; the path with the fewest placeholders first."""
    found = [
        (path.count("{"), verb.upper(), re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), told)
        for path, verbs in _document()["paths"].items()
        for verb, told in verbs.items()
        if verb in ("get", "post", "delete")
    ]
    return tuple(one[1:] for one in sorted(found, key=lambda one: one[0]))


def breaches(method: str, path: str, params: Schema) -> list[str]:
    """What the published form has against a request; [] when nothing, or when the file is absent."""
    if file() is None:
        return []
    told = next((told for verb, form, told in operations() if verb == method and form.fullmatch(path)), None)
    if told is None:
        return [f"{method} {path}: not published"]
    schema = _query(told) if method == "GET" else _body(told)
    validator = jsonschema.Draft4Validator(_strict(schema))
    known = {name: value for name, value in params.items() if name not in NEWER.get((method, path), ())}
    return [_said(error) for error in validator.iter_errors(_typed(known, schema))]


def _said(error: Any) -> str:  # Any: of a library without types
    where = ".".join(str(step) for step in error.absolute_path) or "(root)"
    return f"{where}: {error.message[:160]}"


def _query(told: Schema) -> Schema:
    known = {one["name"]: one for one in told.get("parameters", []) if one["in"] == "query"}
    schema: Schema = {
        "type": "object",
        "properties": {name: one["schema"] for name, one in known.items()},
        "additionalProperties": False,
    }
    needed = [name for name, one in known.items() if one.get("required")]
    return schema | ({"required": needed} if needed else {})  # draft 4 wants no empty list


def _body(told: Schema) -> Schema:
    content = told.get("requestBody", {}).get("content", {})
    return next((one["schema"] for one in content.values()), {"type": "object"})


def _resolved(schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = _document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _strict(schema: Schema) -> Schema:
    """The same, with names that it does not know forbidden."""
    found = dict(_resolved(schema))
    for word in ("anyOf", "oneOf", "allOf"):
        if word in found:
            found[word] = [_strict(part) for part in found[word]]
    if "properties" in found:
        found["properties"] = {name: _strict(part) for name, part in found["properties"].items()}
        found.setdefault("additionalProperties", False)
    if isinstance(found.get("items"), dict):
        found["items"] = _strict(found["items"])
    return found


def _typed(value: Any, schema: Schema) -> Any:  # Any: texts of a form, nested
    """Texts as what the schema says they stand for."""
    schema = _resolved(schema)
    for part in schema.get("anyOf", []):
        read = _typed(value, part)
        if jsonschema.Draft4Validator(_strict(part)).is_valid(read):
            return read
    if isinstance(value, dict) and schema.get("type") == "object":
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        rest = others if isinstance(others, dict) else {}
        return {name: _typed(one, known.get(name, rest)) for name, one in value.items()}
    if isinstance(value, list):
        return [_typed(one, schema.get("items", {})) for one in value]
    return _plain(value, schema.get("type", ""))


def _plain(value: Any, kind: str) -> Any:  # Any: as above
    if not isinstance(value, str):
        return value
    if kind == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return int(value) if "." not in value else value
    return value
