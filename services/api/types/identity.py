"""People, their sessions, and what they may buy for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.api.money import Money


@dataclass(frozen=True, slots=True)
class Register:
    """`full_name` may be empty: it is then derived from the e-mail's local part."""

    email: str
    password: str = field(repr=False)
    full_name: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """`token` authorizes every later call; it is shown once and stored only as a hash."""

    token: str = field(repr=False)
    user_uuid: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Project:
    uuid: str
    name: str


@dataclass(frozen=True, slots=True)
class Organization:
    uuid: str
    name: str
    projects: tuple[Project, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """Who is signed in and what they may buy for. `spent_this_month` sums what their first organization paid since the
    1st (UTC); `balance` is its credit."""

    user_uuid: str
    email: str
    full_name: str
    organizations: tuple[Organization, ...]
    spent_this_month: Money
    balance: Money | None = None  # None: no organization yet
    is_balance_low: bool = False
    is_staff: bool = False


@dataclass(frozen=True, slots=True)
class AutoNames:
    """The names first purchase will use: "{Name}'s Organization" and "Default"."""

    organization_name: str
    project_name: str
