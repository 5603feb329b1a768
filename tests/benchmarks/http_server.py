"""The two servers of the HTTP benchmark, each in a process of its own: `main(kind, folder)`.

ours: what `souk serve` runs, with a payment provider that answers at once. raw: an ASGI function over sqlite3, with the
same query and nothing else; no server can do the same work for less.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from app.serve import bind, server_for
from services.embedded.first_page import CARD_SQL
from services.gateways.retrieval import RetrievalAgents
from services.http.server import create_app
from tests.benchmarks.rig import embedded

DATABASE = "souk.db"
PAGE = 10


def main(kind: str, folder: str) -> None:
    """Serves until the process is ended; prints its port as soon as it listens."""
    bound = bind("127.0.0.1", 0)
    port = bound.getsockname()[1]

    def answering() -> None:
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()

    database = Path(folder) / DATABASE
    if kind == "raw":
        config = uvicorn.Config(raw_app(database), lifespan="off", ws="none", log_config=None, access_log=False)
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_Telling(config, answering).serve(sockets=[bound]))
    else:
        asyncio.run(_serve_ours(database, bound, answering))


class _Telling(uvicorn.Server):
    """uvicorn that says when it answers."""

    def __init__(self, config: uvicorn.Config, answering: Callable[[], None]) -> None:
        super().__init__(config)
        self._answering = answering

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._answering()


async def _serve_ours(database: Path, bound: socket.socket, answering: Callable[[], None]) -> None:
    service = embedded(database, agents=RetrievalAgents())
    await service.start()
    worker = asyncio.create_task(service.run_worker())
    await server_for(create_app(service), answering).serve(sockets=[bound])
    worker.cancel()
    service.close()


def raw_app(database: Path) -> Any:  # Any: an ASGI function
    """The first ten cards as JSON, looked up anew for every request."""
    cursor = sqlite3.connect(f"file:{database.as_posix()}?mode=ro", uri=True).cursor()
    sql = f"{CARD_SQL} WHERE o.is_active ORDER BY o.id LIMIT {PAGE}"
    names = [f"{place}_{column[0]}" for place, column in enumerate(cursor.execute(sql).description)]
    encode = msgspec.json.Encoder().encode

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        body = encode([dict(zip(names, row, strict=True)) for row in cursor.execute(sql)])
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer
