"""The service while it is still being built: the window is on the screen before SQLAlchemy is loaded.

Every call waits until the real service is there; a failure to build it is raised to each caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, cast

from services.api.contract import Actor, Service
from services.api.types import AnswerPart

_STREAMS = frozenset({"ask", "ask_sample"})


class PendingService:
    """Stands for a Service; `ready` is resolved by the composition root."""

    def __init__(self, ready: asyncio.Future[Service], actor: Actor) -> None:
        self._ready = ready
        self.actor = actor

    def for_actor(self, actor: Actor) -> Service:
        return pending_service(self._ready, actor)

    async def _real(self) -> Service:
        return (await asyncio.shield(self._ready)).for_actor(self.actor)

    def __getattr__(self, name: str) -> Callable[..., Any]:  # Any: the signatures of Service, checked at its users
        if name.startswith("_") or not hasattr(Service, name):
            raise AttributeError(name)
        if name in _STREAMS:
            return lambda *args, **kwargs: self._stream(name, args, kwargs)

        async def call(*args: Any, **kwargs: Any) -> Any:  # Any: as above
            return await getattr(await self._real(), name)(*args, **kwargs)

        return call

    async def _stream(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AsyncIterator[AnswerPart]:
        async with aclosing(getattr(await self._real(), name)(*args, **kwargs)) as parts:
            async for part in parts:
                yield part


def pending_service(ready: asyncio.Future[Service], actor: Actor) -> Service:
    """A Service for `actor` that waits for `ready` on its first use."""
    return cast(Service, PendingService(ready, actor))
