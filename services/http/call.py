"""One HTTP call: who asks, which representation they want, and the service bound to them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema

from services import wire
from services.api.contract import Actor, Service
from services.api.errors import InvalidInput, NotSignedIn
from services.http.reply import JSON, Header, Reply

T = TypeVar("T")
V = TypeVar("V")

_NATIVE = wire.NATIVE_TYPE.encode()
_LONGEST_TOKEN = 255


def _too_long(name: str) -> InvalidInput:
    return InvalidInput(fields={name: "too_long"})


class Call(Request[None, None, State]):
    """A request with the few questions our routes ask of it."""

    new_device = ""  # minted for a guest who had no token and needs one

    def header(self, name: bytes) -> bytes:
        """A header's value, the last where it is repeated; b"" when absent. `name` in lower case."""
        return self.raw.get(name, b"")

    @cached_property
    def raw(self) -> dict[bytes, bytes]:
        """Headers by lower-case name."""
        return dict(self.scope["headers"])

    @property
    def actor(self) -> Actor:
        """Who asks. NotSignedIn for an Authorization header of a kind we do not know."""
        device = self.header(b"cart-token").decode("latin-1")
        if len(device) > _LONGEST_TOKEN:
            raise _too_long("Cart-Token")
        authorization = self.header(b"authorization").decode("latin-1")
        if not authorization:
            return Actor(device=device)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() not in ("token", "bearer") or not token.strip():
            raise NotSignedIn
        return Actor(device=device, session=token.strip())

    @property
    def service(self) -> Service:
        """The service for whoever asks."""
        root: Service = self.app.state.service
        return root.for_actor(self.actor)

    @property
    def service_for_guest(self) -> Service:
        """The same, but a guest without a token gets one, which goes back in the `Cart-Token` header. Not so for
        RemoteService: its caller would never learn the token, and is told that one is needed."""
        root: Service = self.app.state.service
        actor = self.actor
        if not (actor.session or actor.device or self.wants_native):
            self.new_device = secrets.token_hex(16)
            actor = Actor(device=self.new_device)
        return root.for_actor(actor)

    @property
    def key(self) -> str:
        """The Idempotency-Key; a fresh one when the caller sent none, so nothing is ever taken for a repeat."""
        key = self.header(b"idempotency-key").decode("latin-1").strip()
        if len(key) > _LONGEST_TOKEN:
            raise _too_long("Idempotency-Key")
        return key or secrets.token_hex(16)

    @property
    def wants_native(self) -> bool:
        """Whether the exact dataclass is asked for instead of Waldur's shape."""
        return _NATIVE in self.header(b"accept")

    @cached_property
    def base(self) -> str:
        """Scheme and host as the caller wrote them, for links."""
        host = self.header(b"host") or b"localhost"
        return f"{self.scope['scheme']}://{host.decode('latin-1')}"

    @property
    def sparse_fields(self) -> list[str]:
        """What `field=` asks for; empty means everything."""
        return list(self.query_params.getall("field", []))

    def reply(self, value: V, shape: Callable[[str, V], T], status: int = 200) -> Reply[T]:
        """One thing, in the representation asked for. `shape(base, value)` gives Waldur's."""
        if self.wants_native:
            return Reply(wire.encode(value), status, self.extra_headers(), media_type=_NATIVE)
        return Reply(wire.encode(sparse(shape(self.base, value), self.sparse_fields)), status, self.extra_headers())

    def reply_same(self, value: T, status: int = 200) -> Reply[T]:
        """One thing of our own that looks the same in both representations."""
        media_type = _NATIVE if self.wants_native else JSON
        return Reply(wire.encode(value), status, self.extra_headers(), media_type=media_type)

    def reply_nothing(self) -> Reply[None]:
        """204."""
        return Reply(b"", 204, self.extra_headers())

    def extra_headers(self) -> Iterable[Header]:
        """What this call's answer carries besides the usual."""
        return ((b"cart-token", self.new_device.encode()),) if self.new_device else ()


def sparse(value: object, fields: list[str]) -> object:
    """`value` with only the wanted keys; unknown names are ignored, as in Waldur."""
    if not fields:
        return value
    built = msgspec.to_builtins(value)
    return {name: built[name] for name in fields if name in built}


class StrictBody(AbstractDTO[Any]):
    """Reads a handler's `data` by `wire.read_body`, so that every problem is reported at once, by field."""

    model_type = object  # any dataclass; Litestar asks for the attribute

    def decode_bytes(self, value: bytes) -> Any:
        field = self.asgi_connection.route_handler.parsed_data_field
        return wire.read_body(value, field.annotation)

    @classmethod
    def create_for_field_definition(cls, field_definition: Any, handler_id: str, backend_cls: Any = None) -> None:
        """Nothing to prepare: the dataclass is its own description."""

    @classmethod
    def create_openapi_schema(cls, field_definition: Any, handler_id: str, schema_creator: Any) -> Reference | Schema:
        del handler_id
        described: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return described

    @classmethod
    def generate_field_definitions(cls, model_type: Any) -> Any:
        raise NotImplementedError

    @classmethod
    def detect_nested_field(cls, field_definition: Any) -> bool:
        raise NotImplementedError
