"""The composition root: what it opened it closes when the service cannot start; backups go to the data folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.compose import build_embedded
from app.settings import Settings
from services.api.errors import DiskFull
from services.embedded.service import EmbeddedService
from services.gateways.agents import ScriptedAgents


@pytest.fixture(autouse=True)
def patient(loop: asyncio.Runner) -> None:
    """Preparing blocks; the window does it in a thread."""
    loop.get_loop().slow_callback_duration = 10.0


def test_a_start_that_fails_lets_go_of_every_file(
    data_dir: Path, loop: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[EmbeddedService] = []
    close = EmbeddedService.close

    async def start(_service: EmbeddedService) -> None:
        raise DiskFull

    def note(service: EmbeddedService) -> None:
        closed.append(service)
        close(service)

    monkeypatch.setattr(EmbeddedService, "start", start)
    monkeypatch.setattr(EmbeddedService, "close", note)
    with pytest.raises(DiskFull):
        loop.run(build_embedded(Settings(data_dir, payments="inline"), agents=ScriptedAgents()))
    assert len(closed) == 1


def test_daily_backups_go_to_the_data_folder(data_dir: Path, loop: asyncio.Runner) -> None:
    service = loop.run(build_embedded(Settings(data_dir, payments="inline"), agents=ScriptedAgents()))
    assert service._core.backups == data_dir / "backups"
    service.close()
