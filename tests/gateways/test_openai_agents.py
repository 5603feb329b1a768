"""The host that asks a language model: what it sends, what it makes of the stream, and what it never lets out."""

import asyncio
import gc
import json
import logging
import traceback
from typing import Any

import httpx
import pytest

from services.api.types import AnswerBand
from services.gateways.agents import AgentHost, AgentSpec, Answer, HostUnavailable, ScriptedAgents, Turn
from services.gateways.openai_agents import MAX_ANSWER_CHARS, MAX_LINE_BYTES, OpenAICompatibleAgents
from services.gateways.retrieval import RetrievalAgents
from tests.gateways.content import specs
from tests.gateways.model_server import DONE, KEY, PUBLIC_ADDRESS, ModelServer, event, resolve_public

BASE_URL = "https://models.example/v1"


@pytest.fixture
def spec() -> AgentSpec:
    return specs()["refund-concierge"]


def agents(server: ModelServer, **settings: Any) -> OpenAICompatibleAgents:  # Any: handed on
    defaults: dict[str, Any] = {"base_url": BASE_URL, "api_key": KEY, "model": "small-1", "resolve": resolve_public}
    return OpenAICompatibleAgents(server.client(), **defaults | settings)


async def items_of(host: AgentHost, spec: AgentSpec, question: str, *history: Turn) -> list[str | Answer]:
    try:
        return [item async for item in host.answer(spec, history, question)]
    finally:
        await asyncio.sleep(0)  # httpx leaves the end of a stream it did not read up to the loop


def ask(loop: asyncio.Runner, host: AgentHost, spec: AgentSpec, question: str, *history: Turn) -> Answer:
    *_, answer = loop.run(items_of(host, spec, question, *history))
    assert isinstance(answer, Answer)
    return answer


def test_an_answer_is_streamed_and_labelled_as_written_by_a_model(spec: AgentSpec, loop: asyncio.Runner) -> None:
    server = ModelServer()
    *pieces, answer = loop.run(items_of(agents(server), spec, spec.prompts[0]))
    assert pieces == ["The window is ", "14 days."]
    assert answer == Answer(AnswerBand.MODEL, "The window is 14 days.")
    assert server.bodies[0].is_closed


def test_the_sources_are_the_passages_it_names(spec: AgentSpec, loop: asyncio.Runner) -> None:
    title = next(passage.title for passage in spec.passages if spec.prompts[0] in passage.questions)
    answer = ask(loop, agents(ModelServer((event(f"See {title}."), DONE))), spec, spec.prompts[0])
    assert [source.title for source in answer.sources] == [title]


def test_the_model_sees_persona_passages_and_conversation_and_nothing_else(
    spec: AgentSpec, loop: asyncio.Runner
) -> None:
    server = ModelServer()
    history = (Turn("buyer", "Hello"), Turn("agent", spec.greeting))
    ask(loop, agents(server), spec, spec.prompts[0], *history)
    sent = server.sent()
    assert set(sent) == {"model", "messages", "stream"}  # no tools to be talked into using
    system, *rest = sent["messages"]
    assert [message["role"] for message in rest] == ["user", "assistant", "user"]
    assert rest[-1]["content"] == spec.prompts[0]
    shown = [passage for passage in spec.passages if passage.text in system["content"]]
    assert 1 <= len(shown) <= 4
    assert any(spec.prompts[0] in passage.questions for passage in shown)
    assert spec.handover in system["content"]
    assert KEY not in json.dumps(sent)
    assert spec.offering_uuid not in json.dumps(sent)


def test_the_call_goes_to_the_checked_address_under_the_name_that_was_typed(
    spec: AgentSpec, loop: asyncio.Runner
) -> None:
    server = ModelServer()
    ask(loop, agents(server), spec, spec.prompts[0])
    (request,) = server.requests
    assert str(request.url) == f"https://{PUBLIC_ADDRESS}/v1/chat/completions"
    assert request.headers["host"] == "models.example"
    assert request.extensions["sni_hostname"] == "models.example"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept-encoding"] == "identity"


def test_no_key_no_authorization(spec: AgentSpec, loop: asyncio.Runner) -> None:
    server = ModelServer()
    ask(loop, agents(server, api_key=""), spec, spec.prompts[0])
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:11434/v1", "https://169.254.169.254/latest", "http://models.example", "nowhere"]
)
def test_a_refused_address_is_never_called(base_url: str, spec: AgentSpec, loop: asyncio.Runner) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return [host if host[0].isdigit() else PUBLIC_ADDRESS]

    server = ModelServer()
    with pytest.raises(HostUnavailable):
        ask(loop, agents(server, base_url=base_url, resolve=resolve), spec, spec.prompts[0])
    assert server.requests == []


def test_a_model_on_this_machine_can_be_allowed(spec: AgentSpec, loop: asyncio.Runner) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    host = agents(ModelServer(), base_url="http://localhost:11434/v1", allow_loopback=True, resolve=resolve)
    assert ask(loop, host, spec, spec.prompts[0]).band is AnswerBand.MODEL


def test_a_redirect_is_not_followed(spec: AgentSpec, loop: asyncio.Runner) -> None:
    server = ModelServer(status=307, headers={"Location": "http://127.0.0.1/v1/chat/completions"})
    with pytest.raises(HostUnavailable):
        ask(loop, agents(server), spec, spec.prompts[0])
    assert len(server.requests) == 1


BROKEN = {
    "refused": ModelServer(status=401),
    "overloaded": ModelServer(status=503),
    "nothing": ModelServer(()),
    "no text": ModelServer((event(""), DONE)),
    "error event": ModelServer((b'data: {"error": {"message": "no"}}\n\n',)),
    "not json": ModelServer((b"data: {oops\n\n",)),
    "not a completion": ModelServer((b"data: [1]\n\n",)),
    "a page": ModelServer((b"<html>sign in</html>",)),
    "not utf-8": ModelServer((b"data: \xff\xfe\n\n",)),
    "nested without end": ModelServer((b"data: " + b"[" * 50_000 + b"\n\n",)),
    "line without end": ModelServer((b"data: " + b"x" * MAX_LINE_BYTES,) * 2),
    "stream without end": ModelServer((event("x" * 50_000),) * 45),
    "broken off": ModelServer((event("The window"),)),
    "lost": ModelServer((event("The window"), httpx.ReadError("gone"))),
    "slow": ModelServer((event("The window"), httpx.ReadTimeout("slow"))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_is_no_answer(name: str, spec: AgentSpec, loop: asyncio.Runner) -> None:
    with pytest.raises(HostUnavailable):
        ask(loop, agents(BROKEN[name]), spec, spec.prompts[0])


WHOLE = {
    "end mark": (event("Yes."), DONE),
    "end mark without a blank": (event("Yes."), b"data:[DONE]\n\n"),
    "finish reason": (event("Yes.", finish_reason="stop"),),
    "carriage returns": (event("Yes.").replace(b"\n", b"\r\n"), DONE),
    "comments": (b": keep-alive\n\n", b"event: x\n", event("Yes."), DONE),
    "usage": (event("Yes.", finish_reason="stop"), b'data: {"choices": [], "usage": {}}\n\n', DONE),
    "role first": (b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n', event("Yes."), DONE),
    "null content": (b'data: {"choices": [{"delta": {"content": null}}]}\n\n', event("Yes."), DONE),
    "byte by byte": tuple(bytes([byte]) for byte in event("Yes.") + DONE),
    "lost after its end": (event("Yes."), DONE, httpx.ReadError("gone")),
}


@pytest.mark.parametrize("name", WHOLE)
def test_streams_of_many_makers_are_understood(name: str, spec: AgentSpec, loop: asyncio.Runner) -> None:
    assert ask(loop, agents(ModelServer(WHOLE[name])), spec, spec.prompts[0]).text == "Yes."


def test_an_answer_has_a_longest_length(spec: AgentSpec, loop: asyncio.Runner) -> None:
    server = ModelServer((*[event("x" * 1_000)] * 20, DONE))
    assert len(ask(loop, agents(server), spec, spec.prompts[0]).text) == MAX_ANSWER_CHARS


def test_half_characters_are_replaced(spec: AgentSpec, loop: asyncio.Runner) -> None:
    answer = ask(loop, agents(ModelServer((event("a\ud800b"), DONE))), spec, spec.prompts[0])
    assert answer.text == "a?b"


def test_a_model_that_never_answers_is_given_up(spec: AgentSpec, loop: asyncio.Runner) -> None:
    async def handle(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        raise AssertionError

    client = httpx.AsyncClient(transport=httpx.MockTransport(handle), trust_env=False)
    host = OpenAICompatibleAgents(
        client, base_url=BASE_URL, api_key=KEY, model="m", resolve=resolve_public, answer_seconds=0.05
    )
    with pytest.raises(HostUnavailable):
        ask(loop, host, spec, spec.prompts[0])


def test_the_fallback_answers_when_the_model_does_not(spec: AgentSpec, loop: asyncio.Runner) -> None:
    host = agents(ModelServer(status=500), fallback=RetrievalAgents(pause=0))
    answer = ask(loop, host, spec, spec.prompts[0])
    assert answer.band is AnswerBand.ANSWER  # labelled as what it is


def test_the_fallback_does_not_finish_another_ones_sentence(spec: AgentSpec, loop: asyncio.Runner) -> None:
    host = agents(ModelServer((event("The window"),)), fallback=ScriptedAgents())
    with pytest.raises(HostUnavailable):
        ask(loop, host, spec, spec.prompts[0])


def test_the_key_is_in_no_repr_log_or_traceback(
    spec: AgentSpec, loop: asyncio.Runner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    host = agents(ModelServer((event("The window"), httpx.ReadError("gone"))))
    with pytest.raises(HostUnavailable) as raised:
        ask(loop, host, spec, spec.prompts[0])
    assert raised.value.__context__ is None
    shown = [repr(host), *traceback.format_exception(raised.value), *(record.getMessage() for record in caplog.records)]
    assert KEY not in "\n".join(shown)


@pytest.mark.parametrize("key", [f"{KEY}\r\nX-Other: 1", f"{KEY}é", f"{KEY}\n"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as raised:
        agents(ModelServer(), api_key=key)
    assert KEY not in str(raised.value)


def test_deploying_checks_the_knowledge_and_not_the_model(spec: AgentSpec, loop: asyncio.Runner) -> None:
    server = ModelServer(status=500)
    assert loop.run(agents(server).deploy(spec, "knowledge")) == str(len(spec.passages))
    loop.run(agents(server).deploy(spec, "check"))
    assert server.requests == []


def test_a_reader_who_leaves_closes_the_connection(spec: AgentSpec, loop: asyncio.Runner) -> None:
    server = ModelServer()

    async def leave() -> None:
        stream: Any = agents(server).answer(spec, (), spec.prompts[0])  # Any: an iterator that can be closed
        await anext(stream)
        await stream.aclose()
        await asyncio.sleep(0)  # as above

    loop.run(leave())
    gc.collect()
    assert server.bodies[0].is_closed
