"""How the Stripe client reaches the network: by httpx, through the proxy of the environment, one connection a call.

Its own client for httpx is not used: it cannot be given a proxy with httpx 0.28, and takes every bug for a lost line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT = httpx.Timeout(20, connect=10)


@dataclass(frozen=True, slots=True)
class Line:
    """What stands in for the network and for waiting, in tests."""

    transport: httpx.AsyncBaseTransport | None = None
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


def web_client(line: Line, *, is_here: bool) -> Any:  # Any: stripe is imported late
    """For `stripe.StripeClient(http_client=...)`. `is_here`: it asks this machine, where no proxy leads. Reads the
    certificates, which takes a while."""
    import stripe  # lazy: the better part of a second

    lost: Any = stripe.APIConnectionError  # Any: the library leaves it without types

    class Web(stripe.HTTPClient):
        name = "httpx"

        def __init__(self) -> None:
            super().__init__()
            # A connection is not kept: it would belong to one event loop, and `close` may be called without any.
            limits = httpx.Limits(max_keepalive_connections=0)
            self._web = httpx.AsyncClient(
                timeout=TIMEOUT, limits=limits, trust_env=not is_here, transport=line.transport, follow_redirects=False
            )

        async def request_async(
            self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
        ) -> tuple[bytes, int, Mapping[str, str]]:
            try:
                response = await self._web.request(method, url, headers=headers, content=post_data or None)
                response.content.decode()  # the library trips over anything else
            except (httpx.RequestError, UnicodeDecodeError) as error:
                what = type(error).__name__
            else:
                return response.content, response.status_code, response.headers
            # raised out here, so that it carries no request, and with it no key, into a report
            raise lost(what, should_retry=True)

        def sleep_async(self, secs: float) -> Awaitable[None]:
            return line.pause(secs)

    return Web()
