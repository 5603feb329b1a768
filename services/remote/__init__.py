"""The service at the other end of HTTP. Errors arrive as the classes they were raised as."""

from __future__ import annotations

import httpx

from services.api.contract import Actor
from services.remote.money import RemoteMoney
from services.remote.payments import RemotePayments
from services.remote.shop import RemoteShop
from services.remote.transport import LIMITS, TIMEOUT


class RemoteService(RemoteShop, RemoteMoney, RemotePayments):
    """A Service for one actor."""

    def for_actor(self, actor: Actor) -> RemoteService:
        return RemoteService(self._client, actor)


def connect(url: str, actor: Actor | None = None) -> RemoteService:
    """A service at `url`. Nothing is sent before the first call."""
    has_certificate = not url.startswith("http://")  # reading the certificate store takes 50 ms; plain HTTP has no use
    client = httpx.AsyncClient(
        base_url=url, timeout=TIMEOUT, limits=LIMITS, follow_redirects=False, verify=has_certificate
    )
    return RemoteService(client, actor)
