"""A copy of the database every day, made in a thread while everybody goes on working."""

from __future__ import annotations

import asyncio
import logging

from services.db import backups
from services.embedded.core import Core

FIRST_AFTER_S = 10.0  # the first seconds belong to whoever opened the window
LOOK_EVERY_S = 3600.0  # also how long a failed backup, as on a full disk, waits for another try

log = logging.getLogger("souk.upkeep")


async def run(core: Core) -> None:
    """Looks every hour until cancelled whether today has its backup."""
    pause = FIRST_AFTER_S
    while True:
        await asyncio.sleep(pause)
        await back_up(core)
        pause = LOOK_EVERY_S


async def back_up(core: Core) -> bool:
    """Today's backup, if backups are kept and there is none yet; whether one was made. A failure is only logged."""
    if core.backups is None:
        return False
    try:
        return await asyncio.to_thread(backups.make_daily, core.db.path, core.backups, core.clock.now())
    except Exception:
        log.exception("no_daily_backup: everything else goes on; the next try is in an hour")
        return False
