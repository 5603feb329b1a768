"""PayPal's published OpenAPI as a second opinion on every request. Its files are not ours and may be absent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # ships no types

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "shared/specs/paypal", ROOT.parent / "shared/specs/paypal")

# The published file is older than the interface: setup tokens are turned into payment tokens under this type.
STALE = ("payment_source.token.type: 'SETUP_TOKEN' is not one of ['BILLING_AGREEMENT']",)
# Words of OpenAPI 3.0 beside those of the schema language.
Schema = dict[str, Any]  # as it lies in the file


def folder() -> Path | None:
    """Where the published files lie; None where they are not at hand."""
    return next((one for one in FOLDERS if one.is_dir() and any(one.glob("*.json"))), None)


class Operation:
    def __init__(self, method: str, path: str, schema: Schema, document: Schema) -> None:
        self.method = method
        self.form = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))
        self.schema = schema
        self.document = document
        self.placeholders = path.count("{")


def _load(path: Path) -> Iterator[Operation]:
    document = json.loads(path.read_text(encoding="utf-8"))
    for route, verbs in document["paths"].items():
        for verb, told in verbs.items():
            if verb in ("get", "post", "patch", "delete"):
                content = _resolve(told.get("requestBody", {}), document).get("content", {})
                yield Operation(verb.upper(), route, content.get("application/json", {}).get("schema", {}), document)


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation of the published files; the one with the fewest placeholders first."""
    found = folder()
    if found is None:
        return ()
    known = [operation for path in sorted(found.glob("*.json")) for operation in _load(path)]
    return tuple(sorted(known, key=lambda operation: operation.placeholders))


def _resolve(schema: Schema, document: Schema) -> Schema:
    while "$ref" in schema:
        target = document
        for name in schema["$ref"][2:].split("/"):
            target = target[name]
        schema = target
    return schema


def breaches(method: str, path: str, body: Schema) -> list[str]:
    """What the published form has against a request; [] when nothing."""
    operation = next((one for one in operations() if one.method == method and one.form.fullmatch(path)), None)
    if operation is None:
        return [f"{method} {path}: not published"]
    if not operation.schema:
        return [] if not body else [f"{method} {path}: takes no body"]
    found = [*_against_schema(operation, body), *_unknown(operation.schema, operation.document, body, "")]
    return [breach for breach in found if breach not in STALE]


def _against_schema(operation: Operation, body: Schema) -> Iterator[str]:
    root = {**operation.document, **_resolve(operation.schema, operation.document)}
    # what OpenAPI 3.0 says beyond draft 4 (nullable, discriminator) only ever forbids less
    validator = jsonschema.Draft4Validator(root)
    for error in validator.iter_errors(body):
        where = ".".join(str(step) for step in error.absolute_path)
        yield f"{where}: {error.message[:160]}"


def _properties(schema: Schema, document: Schema) -> tuple[Schema, bool, Schema]:
    """The names a schema knows, whether it takes others, and itself."""
    schema = _resolve(schema, document)
    known, is_open = dict(schema.get("properties", {})), bool(schema.get("additionalProperties"))
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, []):
            more, opens, _ = _properties(part, document)
            known |= more
            is_open = is_open or opens
    return known, is_open, schema


def _unknown(schema: Schema, document: Schema, value: object, where: str) -> Iterator[str]:
    """Names that the schema does not know: it does not forbid them, so a slip of the pen would pass."""
    known, is_open, resolved = _properties(schema, document)
    if isinstance(value, dict) and known:
        for name, item in value.items():
            if name in known:
                yield from _unknown(known[name], document, item, f"{where}{name}.")
            elif not is_open:
                yield f"{where}{name}: unknown"
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(resolved.get("items", {}), document, item, f"{where}{index}.")
