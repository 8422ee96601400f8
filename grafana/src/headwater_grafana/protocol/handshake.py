"""How a plugin process and its host meet: environment variables, and one line on standard output."""

from __future__ import annotations

import ipaddress
from typing import Final, Self

from attrs import frozen

COOKIE_NAME: Final = "grafana_plugin_type"
COOKIE: Final = (COOKIE_NAME, "datasource")
PROTOCOL_VERSIONS: Final = ("PLUGIN_PROTOCOL_VERSIONS", "2")
SOCKET_DIRECTORY: Final = "PLUGIN_UNIX_SOCKET_DIR"

_CORE_PROTOCOL = "1"
_APP_PROTOCOL = "2"
_LONGEST = 4096


class HandshakeError(ValueError):
    """A line that is no handshake; says why."""


@frozen
class Handshake:
    """Where a plugin process listens: `network` is `unix` or `tcp`."""

    network: str
    address: str

    @property
    def line(self) -> str:
        """What the process prints."""
        return f"{_CORE_PROTOCOL}|{_APP_PROTOCOL}|{self.network}|{self.address}|grpc\n"

    @property
    def target(self) -> str:
        """The address as gRPC takes it."""
        return f"unix:{self.address}" if self.network == "unix" else f"dns:///{self.address}"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Raises HandshakeError."""
        parts = line.strip().split("|")
        if len(parts) < 4 or len(line) > _LONGEST:
            raise HandshakeError("it is not a handshake of HashiCorp's go-plugin")
        core, app, network, address = parts[:4]
        if core != _CORE_PROTOCOL:
            raise HandshakeError(f"its core protocol is {core!r}, and {_CORE_PROTOCOL} is needed")
        if app != _APP_PROTOCOL:
            raise HandshakeError(f"its protocol version is {app!r}, and {_APP_PROTOCOL} is needed")
        if network not in {"unix", "tcp"}:
            raise HandshakeError(f"it listens on {network!r}, which is neither unix nor tcp")
        if network == "tcp" and not _is_loopback(address):
            raise HandshakeError("it listens elsewhere than on loopback, and secrets would go there in clear")
        if (parts[4] if len(parts) > 4 else "netrpc") != "grpc":
            raise HandshakeError("it does not speak gRPC")
        if len(parts) > 5 and parts[5]:
            raise HandshakeError("it wants TLS, which Grafana's plugins do not use")
        return cls(network, address)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.rpartition(":")[0].strip("[]")).is_loopback
    except ValueError:
        return False
