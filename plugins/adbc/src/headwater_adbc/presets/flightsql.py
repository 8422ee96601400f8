"""Flight SQL: what speaks Arrow on the wire already."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from headwater.errors import DownstreamConnectionError, ValidationError
from headwater.network import resolve
from headwater.sdk.sql import ReadStatements
from headwater_adbc.driver import bundled
from headwater_adbc.preset import Preset
from headwater_adbc.presets.remote_settings import FlightSQLSettings

_SCHEMES = ("grpc", "grpc+tcp", "grpc+tls")
_NAME = re.compile(r"[a-z0-9_.-]+")
_OPTION = "adbc.flight.sql."
_SECONDS_OF = _OPTION + "rpc.timeout_seconds."
_ASIDE_SECONDS = "2"
"""For what the driver asks beside a statement, and does without if it must: what the server can do, and that
it end the session. It holds its connection until it has these answers; nobody can cancel them."""


class FlightSQL(Preset[FlightSQLSettings]):
    """Servers differ; the lists for browsing are from what the standard says of `information_schema`."""

    title = "Flight SQL"
    reads = ReadStatements(first_words=frozenset({"SELECT", "VALUES", "TABLE", "SHOW", "DESCRIBE"}))
    catalog: Mapping[str, str] = {
        "schemas": 'SELECT DISTINCT schema_name AS "name" FROM information_schema.schemata ORDER BY 1',
        "tables": """
            SELECT table_schema AS "schema", table_name AS "name", table_type AS "kind", '' AS "comment",
              table_schema NOT IN ('main', 'public') AS "needsSchema"
            FROM information_schema.tables WHERE ? IN ('', table_schema) ORDER BY 1, 2""",
        "columns": """
            SELECT column_name AS "name", data_type AS "type", is_nullable = 'YES' AS "nullable"
            FROM information_schema.columns WHERE ? IN ('', table_schema) AND table_name = ?
            ORDER BY ordinal_position""",
    }

    def options(self, seconds: float) -> dict[str, str]:
        settings, url = self.settings, urlsplit(self.instance.url.strip())
        beside = url.username or url.path.strip("/") or url.query
        if url.scheme not in _SCHEMES or not url.hostname or not url.port or beside:
            raise ValidationError("expected grpc+tls://host:port or grpc://host:port", path="url")
        try:
            found = resolve(url.hostname, url.port, self.instance.address_policy)[0].address
        except (socket.gaierror, UnicodeError) as error:
            raise DownstreamConnectionError(
                f"failed to connect to server - the name {url.hostname!r} has no address"
            ) from error
        tls_name = settings.server_name or url.hostname
        client = _OPTION + "client_option."
        secrets = {
            "password": settings.password,
            client + "tls_root_certs": settings.tls_ca_cert,
            client + "mtls_cert_chain": settings.tls_client_cert,
            client + "mtls_private_key": settings.tls_client_key,
        }
        options = {
            "driver": bundled("adbc_driver_flightsql", "flightsql"),
            "uri": f"{url.scheme}://{f'[{found[0]}]' if ':' in found[0] else found[0]}:{found[1]}",
            "username": self.instance.user,
            client + "tls_skip_verify": "true" if settings.tls_skip_verify else "",
            client + "tls_override_hostname": tls_name if url.scheme == "grpc+tls" else "",
            client + "with_max_msg_size": str(256 << 20),
            _SECONDS_OF + "connect": f"{seconds:g}",
            **{_SECONDS_OF + call: _ASIDE_SECONDS for call in ("query", "fetch", "update")},
            **{key: value.reveal() for key, value in secrets.items() if value},
            **{f"{_OPTION}rpc.call_header.{name}": value for name, value in self._headers().items()},
        }
        if settings.token:
            options[_OPTION + "authorization_header"] = f"Bearer {settings.token.reveal()}"
        return {key: value for key, value in options.items() if value}

    def statement_options(self, verb: str) -> dict[str, str]:
        """A statement takes its time, and is cancelled where that is over."""
        return {_SECONDS_OF + call: "0" for call in ("query", "fetch", "update")}

    def closing_options(self) -> dict[str, str]:
        return {_SECONDS_OF + "update": _ASIDE_SECONDS}

    def _headers(self) -> dict[str, str]:
        headers = {each.get("name", "").lower(): each.get("value", "") for each in self.settings.metadata}
        if bad := [name for name in headers if not _NAME.fullmatch(name)]:
            raise ValidationError(f"{bad[0]!r} is no name of a header", path="jsonData.metadata")
        return headers
