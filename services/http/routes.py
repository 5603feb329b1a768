"""How routes are declared: reading ones answer HEAD too, and tags group them on the page for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import delete, post, route
from litestar.handlers import HTTPRouteHandler

Handler = Callable[..., Any]  # Any: each handler has its own parameters and answer


def reads(path: str, tag: str) -> Callable[[Handler], HTTPRouteHandler]:
    """GET and HEAD."""
    return route(path, http_method=["GET", "HEAD"], status_code=200, tags=[tag])


def writes(path: str, tag: str, status: int = 200) -> Callable[[Handler], HTTPRouteHandler]:
    """POST."""
    return post(path, status_code=status, tags=[tag])


def removes(path: str, tag: str, status: int = 204) -> Callable[[Handler], HTTPRouteHandler]:
    """DELETE."""
    return delete(path, status_code=status, tags=[tag])
