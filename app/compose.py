"""The one place that builds a service. Everything heavy is imported here, so import this after the first frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx

from app.clock import SystemClock, SystemIds
from app.ledger_key import ledger_key
from app.providers import open_till
from app.settings import INLINE, TWIN, Settings, SettingsError
from services.api.clock import Clock, Ids
from services.db import migrate, postgres
from services.db.session import Database, ServerDatabase
from services.embedded.core import Core
from services.embedded.service import EmbeddedService
from services.embedded.workspace import Workspace, WorkspaceClock
from services.gateways.agents import AgentHost
from services.gateways.openai_agents import OpenAICompatibleAgents
from services.gateways.retrieval import RetrievalAgents


def build_agents(settings: Settings) -> AgentHost:
    """The built-in retrieval, or a configured language model in front of it."""
    retrieval = RetrievalAgents()
    if not settings.model_url:
        return retrieval
    client = httpx.AsyncClient(timeout=httpx.Timeout(30, connect=5), follow_redirects=False)
    return OpenAICompatibleAgents(
        client,
        base_url=settings.model_url,
        api_key=settings.model_key,
        model=settings.model_name,
        retrieval=retrieval,
        fallback=retrieval,
        allow_loopback=settings.model_allow_loopback,
    )


def prepare_database(settings: Settings, clock: Clock) -> None:
    """Makes or migrates the database. DatabaseTooNew, DatabaseCorrupt; DatabaseBusy; SettingsError."""
    if not settings.database:
        migrate.prepare(settings.database_file, settings.backups, clock.now())
        return
    try:
        postgres.address(settings.database)
    except ValueError as error:
        raise SettingsError(f"database: {error}") from error
    migrate.prepare_server(settings.database)


def _open(settings: Settings, *, read_only: bool) -> Database:
    if settings.database:
        return ServerDatabase(settings.database)
    return Database(settings.database_file, read_only=read_only)


async def warm_up(service: EmbeddedService) -> None:
    """Imports what the first purchase would wait for, by asking each provider whether it is well."""
    for provider in service.core.payments:
        await provider.check(now=service.core.clock.now())


async def build_embedded(
    settings: Settings,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    agents: AgentHost | None = None,
    is_prepared: bool = False,
    read_only: bool = False,
    moves_in_time: bool = False,
    address: str = "",
) -> EmbeddedService:
    """The embedded service, started: schema current, catalogue loaded, crash leftovers settled. Preparing blocks;
    a caller with a window does it in a thread and says `is_prepared`. `moves_in_time`: in test mode the time of a
    workspace in a file may be simulated. `address`: where it will answer over HTTP, "" for a window. SettingsError for
    payments that cannot be taken as the settings say."""
    clock, ids = clock or SystemClock(), ids or SystemIds()
    workspace_clock = WorkspaceClock(clock)
    if not is_prepared and not read_only:
        prepare_database(settings, clock)
    if read_only and settings.payments == TWIN:
        settings = replace(settings, payments=INLINE)  # nothing can be bought, and nothing more is to be opened
    till = await asyncio.to_thread(open_till, settings, workspace_clock, address=address)
    close: Callable[[], None] = till.providers.close
    try:
        db = _open(settings, read_only=read_only)
        records = till.records if moves_in_time and not settings.database else None
        core = Core(
            db=db,
            clock=workspace_clock,
            real_clock=clock,
            workspace=Workspace(workspace_clock, settings.timeline, records) if records else None,
            ids=ids,
            payments=till.providers,
            agents=agents or build_agents(settings),
            ledger_key=ledger_key(settings.data, settings.ledger_key, ids),
            backups=None if settings.database else settings.backups,  # a server's database has backups of its own
            undo_window=timedelta(seconds=settings.undo_seconds),
            bank_account=till.bank_account,
            return_page=settings.return_page or (f"{address}/pay/return/" if address else ""),
        )
        service = EmbeddedService(core)
        close = service.close
        await service.start()
    except BaseException:  # whoever restores a backup next needs the files to be free
        close()
        raise
    return service
