"""A language model behind an address, as an httpx transport: no socket, and every request is kept."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

PUBLIC_ADDRESS = "93.184.215.14"
KEY = "sk-canary-4711"


class Chunks(httpx.AsyncByteStream):
    """A body that comes in pieces; an exception among them is raised when its turn comes."""

    def __init__(self, chunks: Sequence[bytes | Exception]) -> None:
        self._chunks = chunks
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def aclose(self) -> None:
        self.is_closed = True


def event(text: str = "", **choice: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}, **choice}]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


@dataclass
class ModelServer:
    """Answers every request with `chunks`; `client` talks to it."""

    chunks: Sequence[bytes | Exception] = (event("The window is "), event("14 days."), DONE)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    bodies: list[Chunks] = field(default_factory=list)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._handle), trust_env=False)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(Chunks(self.chunks))
        return httpx.Response(self.status, headers=self.headers, stream=self.bodies[-1])

    def sent(self) -> Any:  # Any: JSON
        return json.loads(self.requests[-1].content)


async def resolve_public(host: str, port: int) -> list[str]:
    return [PUBLIC_ADDRESS]
