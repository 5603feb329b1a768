"""Requests and answers of the twin, apart from any web server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TwinRequest:
    """`path` has no query; header names are in lower case."""

    method: str
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class TwinResponse:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class TwinHandler(Protocol):
    def handle(self, request: TwinRequest) -> TwinResponse: ...

    def failed(self, request: TwinRequest) -> TwinResponse:
        """What is answered where `handle` broke: an error in the provider's shape, or a page that says so."""
        ...
