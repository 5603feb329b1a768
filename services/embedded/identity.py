"""The identity area: accounts, sessions, the move of a guest's things to the account, and who may buy for whom."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from math import ceil

import argon2
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.api.errors import BadCredentials, EmailTaken, InvalidInput, NotFound, TooManyTries
from services.api.types import Account, AutoNames, FunnelStep, Organization, Project, Register, Session, SignIn
from services.db import models as m
from services.domain import identity as rules
from services.embedded.carts import move_cart
from services.embedded.core import Area, Caller, Core, hashed, is_staff
from services.embedded.funnel import note
from services.embedded.money import alerts, grants, spending
from services.embedded.money.alerts import CURRENCY

# 35 ms on the reference machine against 184 ms with the library's defaults (LIMITS); OWASP's minimum for argon2id.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _dummy_hash() -> str:
    """Checked for unknown addresses, so that they take as long as known ones."""
    return _HASHER.hash("nobody has this password")


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")  # whatever a keyboard sends


def _matches(stored: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(stored or _dummy_hash(), _bytes(password)) and stored is not None
    except (argon2.exceptions.VerifyMismatchError, argon2.exceptions.InvalidHashError):
        return False


@dataclass(frozen=True, slots=True)
class _Known:
    uuid: str
    password_hash: str = field(repr=False)
    paused_until: datetime | None


class EmbeddedIdentity(Area):
    async def register(self, request: Register) -> Session:
        if problems := rules.registration_problems(request):
            raise InvalidInput(fields=problems)
        email = rules.normalize_email(request.email)
        async with self._core.hashing:
            password_hash = await asyncio.to_thread(_HASHER.hash, _bytes(request.password))
        name = rules.tidy(request.full_name) or rules.name_from(email)
        return await self._core.db.run(lambda connection: self._create(connection, email, name, password_hash))

    def _create(self, connection: Connection, email: str, name: str, password_hash: str) -> Session:
        uuid = self._core.ids.uuid()
        row = {"uuid": uuid, "email": email, "full_name": name, "password_hash": password_hash, "failed_sign_ins": 0,
               "paused_until": None, "created_at": self._now()}  # fmt: skip
        try:
            connection.execute(sa.insert(m.User), row)
        except sa.exc.IntegrityError as error:  # the unique address decides a race between two sign-ups
            raise EmailTaken(fields={"email": "already_used"}) from error
        note(connection, f"user:{uuid}", FunnelStep.SIGN_UP, "", self._now())
        return self._open_session(connection, Caller(uuid, email, name))

    async def sign_in(self, request: SignIn) -> Session:
        email = rules.normalize_email(request.email)
        missing = {name: "required" for name, value in (("email", email), ("password", request.password)) if not value}
        if missing:
            raise InvalidInput(fields=missing)
        # The pause is looked up and a failure noted while others wait: guessing in parallel gains nothing.
        async with self._core.hashing:
            user_uuid = await self._check(email, request.password)
        return await self._core.db.run(lambda connection: self._welcome(connection, user_uuid))

    async def _check(self, email: str, password: str) -> str:
        """The user with this password. BadCredentials, TooManyTries."""
        known = await self._core.db.read(lambda connection: _find(connection, email))
        if known and known.paused_until:
            left = known.paused_until - self._core.real_now()
            if timedelta(0) < left <= rules.LONGEST_PAUSE:  # longer ones were written by a clock that was wrong
                raise TooManyTries(seconds=ceil(left.total_seconds()))
        good = await asyncio.to_thread(_matches, known.password_hash if known else None, password)
        if known is not None and good:
            return known.uuid
        if known is not None:
            await self._core.db.run(lambda connection: self._note_failure(connection, known))
        raise BadCredentials

    def _note_failure(self, connection: Connection, known: _Known) -> None:
        mine = sa.update(m.User).where(m.User.uuid == known.uuid)
        failures = connection.execute(
            mine.values(failed_sign_ins=m.User.failed_sign_ins + 1).returning(m.User.failed_sign_ins)
        ).scalar_one()
        pause = rules.sign_in_pause(failures)
        connection.execute(mine.values(paused_until=self._core.real_now() + pause if pause else None))

    def _welcome(self, connection: Connection, user_uuid: str) -> Session:
        connection.execute(
            sa.update(m.User).where(m.User.uuid == user_uuid).values(failed_sign_ins=0, paused_until=None)
        )
        row = connection.execute(sa.select(m.User.email, m.User.full_name).where(m.User.uuid == user_uuid)).one()
        return self._open_session(connection, Caller(user_uuid, row.email, row.full_name))

    def _open_session(self, connection: Connection, caller: Caller) -> Session:
        """A fresh session id at every sign-in (no fixation); identity attaches to the guest's cart and samples."""
        token, expires_at = self._core.ids.token(), self._core.real_now() + rules.SESSION_LIFETIME
        connection.execute(
            sa.insert(m.SessionRow),
            {"token_hash": hashed(token), "user_uuid": caller.uuid, "created_at": self._core.real_now(),
             "expires_at": expires_at, "revoked_at": None},
        )  # fmt: skip
        if device := self._device_owner():
            move_cart(connection, device, caller.owner)
            connection.execute(
                sa.update(m.ChatMessageRow)
                .where(m.ChatMessageRow.owner == device, m.ChatMessageRow.resource_uuid.is_(None))
                .values(owner=caller.owner)
            )
            connection.execute(sa.update(m.FunnelRow).where(m.FunnelRow.owner == device).values(owner=caller.owner))
        return Session(token, caller.uuid, expires_at)

    async def sign_out(self) -> None:
        if self._actor.session:
            token = hashed(self._actor.session)
            await self._core.db.run(
                lambda connection: connection.execute(
                    sa.update(m.SessionRow)
                    .where(m.SessionRow.token_hash == token)
                    .values(revoked_at=self._core.real_now())
                )
            )

    async def get_account(self) -> Account:
        return await self._core.db.read(self._account)

    def _account(self, connection: Connection) -> Account:
        caller = self._caller(connection)
        month = self._now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        organizations = organizations_of(connection, caller)
        first = [one.uuid for one in organizations[:1]]
        spent = spending.total_since(connection, first, month, CURRENCY)
        balances = [grants.balance(connection, uuid, CURRENCY, self._now()) for uuid in first]
        return Account(
            caller.uuid,
            caller.email,
            caller.full_name,
            organizations,
            spent,
            balance=balances[0] if balances else None,
            is_balance_low=any(alerts.is_low(connection, uuid) for uuid in first),
            is_staff=is_staff(connection, caller),
        )

    async def suggest_names(self, typed: str) -> AutoNames:
        return rules.auto_names(typed)


def _find(connection: Connection, email: str) -> _Known | None:
    u = m.User
    row = connection.execute(sa.select(u.uuid, u.password_hash, u.paused_until).where(u.email == email)).one_or_none()
    return None if row is None else _Known(*row)


_ORGANIZATIONS = (
    sa.select(m.OrganizationRow.uuid, m.OrganizationRow.name, m.ProjectRow.uuid, m.ProjectRow.name)
    .join(m.Membership, m.Membership.organization_uuid == m.OrganizationRow.uuid)
    .outerjoin(m.ProjectRow, m.ProjectRow.organization_uuid == m.OrganizationRow.uuid)
    .where(m.Membership.user_uuid == sa.bindparam("user"))
    .order_by(m.OrganizationRow.uuid, m.ProjectRow.uuid)
)


def answers_for(core: Core, connection: Connection, caller: Caller) -> list[str] | None:
    """The organizations (uuids) somebody does support for: None, for staff, is all of them; in a test workspace
    everybody does for their own. NotFound for a buyer who may not."""
    if is_staff(connection, caller):
        return None
    if not core.payments.is_test_mode:
        raise NotFound
    return [one.uuid for one in organizations_of(connection, caller)]


def organizations_of(connection: Connection, caller: Caller) -> tuple[Organization, ...]:
    """The caller's organizations with their projects, oldest first."""
    rows = connection.execute(_ORGANIZATIONS, {"user": caller.uuid})
    found: dict[str, tuple[str, list[Project]]] = {}
    for uuid, name, project_uuid, project_name in rows:
        _, projects = found.setdefault(uuid, (name, []))
        if project_uuid is not None:
            projects.append(Project(project_uuid, project_name))
    return tuple(Organization(uuid, name, tuple(projects)) for uuid, (name, projects) in found.items())
