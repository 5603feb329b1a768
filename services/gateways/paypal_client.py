"""One call to PayPal: its access token, its second and third try, and what its errors are called."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

import httpx

from services.api.clock import Clock
from services.gateways.payments import ProviderRefused, ProviderUnreachable
from services.gateways.paypal_json import Json, number, parse, parts, text

TIMEOUT = httpx.Timeout(20, connect=10)
PAUSES_S = (0.3, 1.2)  # before the second and the third try
TOKEN_MARGIN = timedelta(minutes=1)
MAX_ANSWER_BYTES = 8_000_000
RETRIED = frozenset({httpx.codes.CONFLICT, httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT})

# Where each call keeps its own Request-Id; longer ones are refused.
REQUEST_ID_MAX = 108


@dataclass(frozen=True, slots=True)
class Answer:
    """What PayPal said: below 300 it did it, below 500 it would not."""

    status: int
    body: Json
    date: str = ""

    @property
    def is_well(self) -> bool:
        return self.status < httpx.codes.MULTIPLE_CHOICES

    @property
    def is_missing(self) -> bool:
        return self.status == httpx.codes.NOT_FOUND or self.issue in ("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")

    @property
    def is_for_later(self) -> bool:
        """PayPal is at fault, is asked too often, or still has the same in hand."""
        return self.status in RETRIED or self.status >= httpx.codes.INTERNAL_SERVER_ERROR

    @property
    def issue(self) -> str:
        """The most exact name it has for the matter: "INSTRUMENT_DECLINED"; "" when all is well."""
        if self.is_well:
            return ""
        named = next((text(detail, "issue") for detail in parts(self.body, "details")), "")
        return named or text(self.body, "name") or text(self.body, "error") or str(self.status)


def expect(answer: Answer) -> Json:
    """What was asked for. ProviderUnreachable when PayPal has something else to say, as it should not."""
    if not answer.is_well:
        raise ProviderUnreachable
    return answer.body


def under(collection: str, *segments: str) -> str:
    """The path of one thing, whatever its id is made of."""
    return "/".join((collection, *(quote(segment, safe="") for segment in segments)))


@dataclass(frozen=True, slots=True)
class AccessToken:
    value: str = field(repr=False)
    ends_at: datetime
    scopes: frozenset[str]
    date: str


class PayPalClient:
    """`pause` waits between two tries; `transport` stands in for the network."""

    def __init__(
        self,
        *,
        client_id: str,
        secret: str,
        base_url: str,
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        self.base_url = base_url.rstrip("/")
        self._clock = clock
        self._pause = pause
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._token: AccessToken | None = None
        self._fetching = asyncio.Lock()

    def __repr__(self) -> str:
        return f"PayPalClient({self.base_url!r})"

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """ProviderUnreachable; ProviderRefused when the key or its rights are not enough."""
        return await self.call("GET", path, query=query)

    async def post(self, path: str, body: object, *, request_id: str = "") -> Answer:
        """The same `request_id` brings the same answer. Errors as `get`."""
        return await self.call("POST", path, content=json.dumps(body).encode(), request_id=request_id)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes = b"",
        request_id: str = "",
    ) -> Answer:
        """Errors as `get`. `content` is JSON and goes out byte for byte."""
        if len(request_id) > REQUEST_ID_MAX:
            raise ValueError("the request id is too long for PayPal")
        token = await self.token()
        answer = await self._try(method, path, query, content, self._headers(token, content, request_id))
        if answer.status == httpx.codes.UNAUTHORIZED:  # withdrawn before its time: once more with a new one
            token = await self.token(instead_of=token)
            answer = await self._try(method, path, query, content, self._headers(token, content, request_id))
        if answer.status == httpx.codes.UNAUTHORIZED:
            raise ProviderRefused("key_invalid")
        if answer.status == httpx.codes.FORBIDDEN:
            raise ProviderRefused("account_restricted")
        return answer

    async def token(self, instead_of: AccessToken | None = None) -> AccessToken:
        """The access token in use, or a new one. One is fetched at a time. Errors as `get`."""
        async with self._fetching:
            known = self._token
            if known is None or known is instead_of or self._clock.now() >= known.ends_at - TOKEN_MARGIN:
                self._token = known = await self._fetch_token()
            return known

    async def _fetch_token(self) -> AccessToken:
        headers = {
            "Authorization": f"Basic {self._basic}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = await self._try("POST", "/v1/oauth2/token", None, b"grant_type=client_credentials", headers)
        if not answer.is_well:
            raise ProviderRefused("key_invalid")
        value, seconds = text(answer.body, "access_token"), number(answer.body, "expires_in")
        if not value:
            raise ProviderUnreachable
        ends_at = self._clock.now() + timedelta(seconds=seconds)
        return AccessToken(value, ends_at, frozenset(text(answer.body, "scope").split()), answer.date)

    @staticmethod
    def _headers(token: AccessToken, content: bytes, request_id: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {token.value}", "Accept": "application/json"}
        if content:
            headers |= {"Content-Type": "application/json", "Prefer": "return=representation"}
        if request_id:
            headers["PayPal-Request-Id"] = request_id
        return headers

    async def _try(
        self, method: str, path: str, query: Mapping[str, str] | None, content: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """Up to three times the same; a call that changes something carries a Request-Id, so it happens once."""
        for pause_s in (*PAUSES_S, None):
            try:
                answer = await self._send(method, path, query, content, headers)
            except (httpx.TransportError, ValueError):  # no answer, or none that can be read
                answer = None
            if (
                answer is not None
                and answer.status not in RETRIED
                and answer.status < httpx.codes.INTERNAL_SERVER_ERROR
            ):
                return answer
            if pause_s is not None:
                await self._pause(pause_s)
        # raised out here, so that no chained exception carries the request and its token into a report
        raise ProviderUnreachable

    async def _send(
        self, method: str, path: str, query: Mapping[str, str] | None, content: bytes, headers: Mapping[str, str]
    ) -> Answer:
        if self._client is None:
            self._client = await asyncio.to_thread(self._open)
        request = self._client.build_request(
            method, self.base_url + path, params=query, content=content or None, headers=headers
        )
        response = await self._client.send(request, follow_redirects=False)
        if httpx.codes.is_redirect(response.status_code) or len(response.content) > MAX_ANSWER_BYTES:
            raise ValueError("not an answer of the interface")
        is_json = "json" in response.headers.get("content-type", "")
        if not is_json and response.is_success and response.content:
            raise ValueError("not an answer of the interface")
        body = parse(response.content) if is_json and response.content else {}
        return Answer(response.status_code, body, response.headers.get("date", ""))

    def _open(self) -> httpx.AsyncClient:
        """Takes a tenth of a second for the certificates, so it is called in a thread."""
        # A connection is not kept: it would belong to one event loop, and `close` may be called without any.
        limits = httpx.Limits(max_keepalive_connections=0)
        is_here = urlsplit(self.base_url).hostname in ("127.0.0.1", "::1", "localhost")  # no proxy leads back here
        return httpx.AsyncClient(
            timeout=TIMEOUT, limits=limits, trust_env=not is_here, transport=self._transport, follow_redirects=False
        )
