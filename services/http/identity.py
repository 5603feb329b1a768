"""Signing up, in and out; the account; the names a first purchase would use."""

from __future__ import annotations

from dataclasses import dataclass, field

from litestar.params import FromPath, JSONBody

from services.api.errors import NotFound
from services.api.types import AutoNames, Organization, Project, Register, SignIn
from services.http import shapes_bought as shapes
from services.http.call import Call
from services.http.listing import reply_all
from services.http.replay import once
from services.http.reply import Reply
from services.http.routes import reads, writes

TAG = "identity"


@dataclass(frozen=True, slots=True)
class PasswordSignIn:
    """Waldur's names: the username is the e-mail."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Typed:
    typed: str


@writes("/api-auth/password/", TAG)
@once
async def sign_in(request: Call, data: JSONBody[PasswordSignIn]) -> Reply[shapes.SessionShape]:
    """A token for `Authorization: Token <token>`. The cart of `Cart-Token` moves to the account."""
    session = await request.service.sign_in(SignIn(data.username, data.password))
    return request.reply(session, shapes.session)


@writes("/api/users/", TAG, 201)
@once
async def register(request: Call, data: JSONBody[Register]) -> Reply[shapes.SessionShape]:
    """A new account, signed in at once. `full_name` may be left out."""
    return request.reply(await request.service.register(data), shapes.session, 201)


@reads("/api/users/me/", TAG)
async def get_account(request: Call) -> Reply[shapes.AccountShape]:
    """Who is signed in."""
    return request.reply(await request.service.get_account(), shapes.account)


@writes("/api-auth/logout/", TAG, 204)
@once
async def sign_out(request: Call) -> Reply[None]:
    """Ends this session."""
    await request.service.sign_out()
    return request.reply_nothing()


@writes("/api/users/suggest-names/", TAG)
async def suggest_names(request: Call, data: JSONBody[Typed]) -> Reply[AutoNames]:
    """The organization and project a first purchase would make. POST, so that no e-mail stands in an address."""
    return request.reply_same(await request.service.suggest_names(data.typed))


# ---- organizations, called customers as in Waldur


@reads("/api/customers/", TAG)
async def list_customers(request: Call) -> Reply[list[shapes.CustomerShape]]:
    """The account's organizations. o = name."""
    account = await request.service.get_account()
    return reply_all(request, account.organizations, shapes.customer, {"name": lambda organization: organization.name})


@reads("/api/customers/{uuid:str}/", TAG)
async def get_customer(request: Call, uuid: FromPath[str]) -> Reply[shapes.CustomerShape]:
    """One organization of the account."""
    for organization in (await request.service.get_account()).organizations:
        if organization.uuid == uuid:
            return request.reply(organization, shapes.customer)
    raise NotFound


@reads("/api/projects/", TAG)
async def list_projects(request: Call) -> Reply[list[shapes.ProjectShape]]:
    """The projects of the account's organizations. o = name."""
    return reply_all(request, await _projects(request), shapes.project, {"name": lambda pair: pair[1].name})


@reads("/api/projects/{uuid:str}/", TAG)
async def get_project(request: Call, uuid: FromPath[str]) -> Reply[shapes.ProjectShape]:
    """One project."""
    for pair in await _projects(request):
        if pair[1].uuid == uuid:
            return request.reply(pair, shapes.project)
    raise NotFound


async def _projects(call: Call) -> list[tuple[Organization, Project]]:
    account = await call.service.get_account()
    return [(organization, project) for organization in account.organizations for project in organization.projects]


HANDLERS = [
    sign_in,
    register,
    get_account,
    sign_out,
    suggest_names,
    list_customers,
    get_customer,
    list_projects,
    get_project,
]
