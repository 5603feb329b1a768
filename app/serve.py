"""`souk serve`: the embedded service over HTTP, with its worker, until SIGTERM or Ctrl+C.

Start-up order: take the port (so that a taken one costs nothing), open the database, start the worker, answer.
Shutdown: stop accepting, finish what is being answered (10 s at most), stop the worker, close the database.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn
from litestar import Litestar

from app.compose import build_embedded
from app.settings import Settings, SettingsError
from services.api.errors import ServiceError
from services.api.types import BillingModel, OfferingQuery
from services.embedded.service import EmbeddedService
from services.http.server import create_app

FINISH_WITHIN_S = 10
WRONG_SETTING = 2  # exit code, as for a setting that cannot be read
_PROBLEMS = {
    errno.EADDRINUSE: "port_in_use: port {port} on {host} is taken; stop what uses it, or choose another with --port",
    errno.EACCES: "port_not_allowed: port {port} on {host} needs more rights; choose one above 1023 with --port",
}

# For a POSIX shell: sign up, buy with one call, wait for the deployment, ask. `$$` makes each paste another person.
EXAMPLE = r"""SOUK=<ADDRESS>
pick() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
TOKEN=$(curl -s $SOUK/api/users/ -d '{"email": "you'$$'@example.com", "password": "correct horse"}' | pick token)
souk() { curl -sN -H "Authorization: Token $TOKEN" "$@"; }
AGENT=$(souk $SOUK/api/marketplace/quick-checkout/ -H "Idempotency-Key: first" -d '{
  "offering_uuid": "<OFFERING>", "plan_uuid": "<PLAN>",
  "payment_token": "<CARD>", "terms_accepted": true}' | pick resource_uuid)
until souk "$SOUK/api/marketplace-resources/$AGENT/?field=state" | grep -q OK; do sleep 0.2; done
souk $SOUK/api/marketplace-resources/$AGENT/chat/ -d '{"text": "<QUESTION>"}'"""

log = logging.getLogger("souk.serve")


class SoukServer(uvicorn.Server):
    """uvicorn that tells when it answers, and ends by returning instead of raising the signal again."""

    def __init__(self, config: uvicorn.Config, answering: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._answering = answering

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens."""
        await super().startup(sockets)
        if self.started:
            self._answering()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM ask for a graceful end; a second one does not wait."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def server_for(app: Litestar, answering: Callable[[], None] = lambda: None) -> SoukServer:
    """The server of an application; give it a bound socket in `serve(sockets=[...])`."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,  # addresses hold uuids; what went wrong is logged by "souk.http"
        server_header=False,
        timeout_graceful_shutdown=FINISH_WITHIN_S,
    )
    config.load()  # its imports take longer than a callback of the loop may
    return SoukServer(config, answering)


def bind(host: str, port: int) -> socket.socket:
    """A socket on the address, not listening yet. OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if sys.platform == "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def address_of(bound: socket.socket) -> str:
    """`http://127.0.0.1:8741`, with the port that was really taken."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if bound.family == socket.AF_INET6 else f"http://{host}:{port}"


def serve(settings: Settings, *, moves_in_time: bool = False) -> int:
    """Serves until told to stop; returns the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        bound = bind(settings.host, settings.port)
    except OSError as error:
        text = _PROBLEMS.get(error.errno or 0, "cannot_listen: {host} port {port}: {reason}")
        print(f"souk: {text.format(host=settings.host, port=settings.port, reason=error.strerror)}", file=sys.stderr)
        return WRONG_SETTING
    with bound:
        try:
            asyncio.run(_serve(settings, bound, moves_in_time=moves_in_time))
        except SettingsError as error:
            print(f"souk: {error}", file=sys.stderr)
            return WRONG_SETTING
        except ServiceError as error:
            # no such database, a wrong password: only the server's own words tell them apart from one that is away
            why = f" ({error.__cause__})" if settings.database and error.__cause__ else ""
            print(f"souk: {error}{why}", file=sys.stderr)
            return 1
    return 0


async def _serve(settings: Settings, bound: socket.socket, *, moves_in_time: bool = False) -> None:
    service = await build_embedded(settings, moves_in_time=moves_in_time, address=address_of(bound))
    try:
        app = create_app(service, allowed_origins=settings.allowed_origins)
        text = await welcome(service, address_of(bound))
        server = server_for(app, lambda: print(text, flush=True))
        worker = asyncio.create_task(service.run_worker(), name="souk-worker")
        worker.add_done_callback(lambda task: _worker_ended(task, server))
        try:
            await server.serve(sockets=[bound])
        finally:
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker
    finally:
        service.close()


def _worker_ended(task: asyncio.Task[None], server: SoukServer) -> None:
    """A server that takes money and deploys nothing must not go on."""
    if not task.cancelled() and (error := task.exception()):
        log.error("worker_stopped: the server ends, because nothing would be deployed any more", exc_info=error)
        server.should_exit = True


async def welcome(service: EmbeddedService, address: str) -> str:
    """What is printed at the start: where it answers, and a purchase to paste into a shell."""
    found = await service.list_offerings(
        OfferingQuery(billing_model=BillingModel.SUBSCRIPTION, kind="agent", page_size=1)
    )
    lines = [f"Souk answers at {address}", f"  for people    {address}/docs", f"  for programs  {address}/schema"]
    if not address.startswith(("http://127.", "http://[::1]")):
        lines.append("  Passwords travel in the clear here: put a proxy with TLS in front.")
    cards = [card for card in (await service.get_payment_options()).test_cards if card.outcome == "pays"]
    if found.items and cards:
        offering = await service.get_offering(found.items[0].uuid)
        plan = next(plan for plan in offering.plans if plan.billing_model is BillingModel.SUBSCRIPTION)
        lines += ["", f"Buy {offering.card.name} ({plan.name}, test payment) and talk to it:", ""]
        lines.append(example(address, offering.card.uuid, plan.uuid, cards[0].token, offering.prompts[0]))
    return "\n".join([*lines, "", "Ctrl+C ends it."])


def example(address: str, offering_uuid: str, plan_uuid: str, card: str, question: str) -> str:
    """EXAMPLE with everything filled in."""
    marks = {"ADDRESS": address, "OFFERING": offering_uuid, "PLAN": plan_uuid, "CARD": card}
    text = EXAMPLE
    for mark, value in (marks | {"QUESTION": re.sub(r"['\"\\\\]", "", question)}).items():
        text = text.replace(f"<{mark}>", value)
    return text
