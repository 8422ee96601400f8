"""Who is asking, and of which organisation: what clients of Grafana look up before anything else."""

from __future__ import annotations

from msgspec import Struct
from starlette.responses import Response

from headwater_server.auth import Role

from .call import Call
from .responses import json_response

_ORGANISATION = 1


class OrganizationBody(Struct, kw_only=True):
    """The only organisation of this host."""

    id: int = _ORGANISATION
    name: str = "Main Org."


class UserBody(Struct, rename="camel", kw_only=True):
    """The caller. Tokens and anonymous callers are no users of Grafana's: their id is 0."""

    id: int = 0
    login: str
    name: str
    email: str = ""
    org_id: int = _ORGANISATION
    is_grafana_admin: bool
    is_disabled: bool = False


async def organization(_call: Call) -> Response:
    return json_response(OrganizationBody())


async def user(call: Call) -> Response:
    principal = call.principal
    is_admin = principal.role is Role.ADMIN
    return json_response(UserBody(login=principal.name, name=principal.name, is_grafana_admin=is_admin))
