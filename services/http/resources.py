"""Bought agents, and talking: to them, and to an offering before buying."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from litestar.params import FromPath, JSONBody

from services.api.types import AnswerPart, ConfigureResource, Transcript
from services.http import shapes_bought as shapes
from services.http.call import Call
from services.http.listing import reply_all
from services.http.replay import once
from services.http.reply import Reply
from services.http.routes import reads, writes
from services.http.stream import answer

TAG = "agents"
_ORDERINGS = {"name": lambda resource: resource.name, "created": lambda resource: resource.created_at}


@dataclass(frozen=True, slots=True)
class Question:
    text: str


@reads("/api/marketplace-resources/", TAG)
async def list_resources(request: Call) -> Reply[list[shapes.ResourceShape]]:
    """What was bought, newest first. Filter: state (Creating, OK, Erred, Terminated). o = name, created."""
    resources = await request.service.list_resources()
    if states := request.query_params.getall("state", []):
        resources = tuple(one for one in resources if shapes.STATES[one.state] in states)
    return reply_all(request, resources, shapes.resource, _ORDERINGS)


@reads("/api/marketplace-resources/{uuid:str}/", TAG)
async def get_resource(request: Call, uuid: FromPath[str]) -> Reply[shapes.ResourceShape]:
    """One bought agent with its deployment steps and usage."""
    return request.reply(await request.service.get_resource(uuid), shapes.resource)


@writes("/api/marketplace-resources/{uuid:str}/configure/", TAG)
@once
async def configure_resource(
    request: Call, uuid: FromPath[str], data: JSONBody[ConfigureResource]
) -> Reply[shapes.ResourceShape]:
    """Renames the agent or changes its greeting."""
    return request.reply(await request.service.configure_resource(uuid, data), shapes.resource)


@writes("/api/marketplace-resources/{uuid:str}/retry/", TAG)
@once
async def retry_deployment(request: Call, uuid: FromPath[str]) -> Reply[shapes.ResourceShape]:
    """Starts a failed deployment again."""
    return request.reply(await request.service.retry_deployment(uuid), shapes.resource)


@writes("/api/marketplace-resources/{uuid:str}/refund/", TAG)
@once
async def refund_failed(request: Call, uuid: FromPath[str]) -> Reply[shapes.OrderShape]:
    """Gives the money for a failed deployment back."""
    return request.reply(await request.service.refund_failed(uuid), shapes.order)


# ---- chat


@reads("/api/marketplace-resources/{uuid:str}/transcript/", TAG)
async def get_transcript(request: Call, uuid: FromPath[str]) -> Reply[Transcript]:
    """What was said with a bought agent, sample turns first."""
    return request.reply_same(await request.service.get_transcript(uuid))


@writes("/api/marketplace-resources/{uuid:str}/chat/", TAG)
async def ask(request: Call, uuid: FromPath[str], data: JSONBody[Question]) -> Reply[AnswerPart]:
    """Asks; streams `data: {"text": ..}` lines, the last with `message`. `Accept: application/json`: all at once."""
    parts: AsyncIterator[AnswerPart] = request.service.ask(uuid, data.text, key=request.key)
    return await answer(request, parts)


@reads("/api/marketplace-public-offerings/{uuid:str}/sample-chat/transcript/", TAG)
async def get_sample_transcript(request: Call, uuid: FromPath[str]) -> Reply[Transcript]:
    """What was said with an offering before buying, and how many questions are left."""
    return request.reply_same(await request.service.get_sample_transcript(uuid))


@writes("/api/marketplace-public-offerings/{uuid:str}/sample-chat/", TAG)
async def ask_sample(request: Call, uuid: FromPath[str], data: JSONBody[Question]) -> Reply[AnswerPart]:
    """Asks before buying: free, a few questions, carried into the bought agent. Streams like the other."""
    parts: AsyncIterator[AnswerPart] = request.service_for_guest.ask_sample(uuid, data.text, key=request.key)
    return await answer(request, parts)


HANDLERS = [
    list_resources,
    get_resource,
    configure_resource,
    retry_deployment,
    refund_failed,
    get_transcript,
    ask,
    get_sample_transcript,
    ask_sample,
]
