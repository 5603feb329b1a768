"""/api/webhooks/{provider}/: where providers tell what happened. Nobody signs in; the service checks who sent it."""

from __future__ import annotations

from litestar import post
from litestar.params import FromPath

from services.api.contract import Actor, Service
from services.api.types import Webhook
from services.http.call import Call
from services.http.reply import Reply

LARGEST = 256 * 1024  # bytes; larger ones are refused before they are read


@post("/api/webhooks/{provider:str}/", status_code=200, request_max_body_size=LARGEST, include_in_schema=False)
async def take_webhook(request: Call, provider: FromPath[str]) -> Reply[None]:
    """Stored, then answered; what follows from it is done afterwards. The body is handed on as it came, because its
    signature is over every byte, and is never logged."""
    headers = tuple((name.decode("latin-1").lower(), text.decode("latin-1")) for name, text in request.scope["headers"])
    root: Service = request.app.state.service
    await root.for_actor(Actor()).take_webhook(Webhook(provider, headers, await request.body()))
    return Reply(b"{}")
