"""`/mcp`: tools for agents, where the extra `mcp` is installed. Nothing of it is loaded before a call."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from headwater_server.auth import Action

from .operations import Operation
from .responses import json_response

if TYPE_CHECKING:
    from headwater_server.mcp.endpoint import McpEndpoint

    from .call import Call

MCP_PATH = "/mcp"
METADATA_PATH = f"/.well-known/oauth-protected-resource{MCP_PATH}"


class Agents:
    """The tools' two paths, and their end."""

    def __init__(self) -> None:
        self._endpoint: McpEndpoint | None = None

    def operations(self) -> list[Operation]:
        """None without the extra."""
        if find_spec("mcp") is None:
            return []
        tools = [
            Operation(method=method, path=MCP_PATH, handler=self._answer, summary="Tools.", tag="agents")
            for method in ("POST", "GET", "DELETE")
        ]
        metadata = Operation(
            method="GET",
            path=METADATA_PATH,
            handler=_metadata,
            summary="About /mcp.",
            tag="agents",
            public=True,
        )
        return [*tools, metadata]

    def close(self) -> None:
        """End what is running."""
        if self._endpoint is not None:
            self._endpoint.close()

    async def _answer(self, call: Call) -> ASGIApp:
        if self._endpoint is None:
            self._endpoint = await call.host.run(_new_endpoint)
        return await self._endpoint.handle(call)


def metadata_url(request: Request, root_url: str) -> str:
    """Where the protected resource's metadata is (RFC 9728): a client that is refused is told so."""
    return f"{_base(request, root_url)}{METADATA_PATH}"


async def _metadata(call: Call) -> Response:
    """The host's own tokens are made by its operator: only an OpenID provider is a server to ask for one."""
    sso = call.host.authenticator.sso
    providers = [sso.settings.issuer] if sso is not None and sso.settings.audience else []
    return json_response(
        {
            **({"authorization_servers": providers} if providers else {}),
            "resource": f"{_base(call.request, call.host.options.root_url)}{MCP_PATH}",
            "resource_name": "Headwater",
            "bearer_methods_supported": ["header"],
            "scopes_supported": [Action.QUERY.value, Action.RUN_QUERIES.value],
        }
    )


def _base(request: Request, root_url: str) -> str:
    return root_url.rstrip("/") or str(request.base_url).rstrip("/")


def _new_endpoint() -> McpEndpoint:
    from headwater_server.mcp.endpoint import McpEndpoint

    return McpEndpoint()
