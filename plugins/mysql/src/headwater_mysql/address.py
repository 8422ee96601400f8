"""Where a server listens: a host and a port, or a Unix socket."""

from __future__ import annotations

import re
from typing import Final

import attrs

from headwater.errors import ValidationError

DEFAULT_PORT: Final = 3306

_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\[\]:/@?#\s]+)(?::(?P<port>\d{1,5}))?")


@attrs.frozen
class Address:
    """Either `host` and `port`, or `socket`, the path of a Unix socket."""

    host: str = ""
    port: int = DEFAULT_PORT
    socket: str = ""

    def __str__(self) -> str:
        if self.socket:
            return self.socket
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(url: str) -> Address:
    """`host`, `host:port`, `[ipv6]:port`, or a path that begins with `/`. Raises ValidationError."""
    text = url.strip().removeprefix("mysql://").removesuffix("/")
    if text.startswith("/"):
        return Address(socket=text)
    if (match := _HOST_PORT.fullmatch(text)) is None:
        raise ValidationError("expected host:port or the path of a Unix socket", path="url")
    port = int(match["port"] or DEFAULT_PORT)
    if not 0 < port < 65_536:
        raise ValidationError("the port is between 1 and 65535", path="url")
    return Address(host=match["host"].strip("[]"), port=port)
