"""PostgreSQL: read-only transactions, Grafana's macros, a catalog."""

from __future__ import annotations

import re
import socket
import ssl
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa

from headwater.errors import DownstreamConnectionError, QueryError, ValidationError
from headwater.network import resolve
from headwater.sdk import DataSourceInstanceSettings
from headwater.sdk.sql import (
    Cutter,
    Dialect,
    EpochUnit,
    MacroCall,
    MacroScope,
    Placeholders,
    ReadStatements,
    TimeMacros,
    statement_tokens,
)
from headwater_adbc.driver import bundled
from headwater_adbc.preset import Preset, quoted
from headwater_adbc.presets.postgresql_settings import PostgreSQLSettings
from headwater_adbc.presets.postgresql_types import PostgreSQLColumns, numbers_of, readable

DIALECT: Final = Dialect(
    quotes="'\"", nested_comments=True, heredocs=True, escape_strings=True, line_ends="\n\r"
)

_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\[\]:/@?#\s]+)(?::(?P<port>\d{1,5}))?")
_GRACE_SECONDS: Final = 1.0
"""The server's own time limit comes this much later than ours, which knows better why a query ended."""

_HYPERTABLES: Final = """
    SELECT hypertable_schema::text AS schema, hypertable_name::text AS name
    FROM timescaledb_information.hypertables ORDER BY 1, 2"""
_CLAUSE: Final = re.compile(r"\b(?:select|by)\b", re.IGNORECASE)
_LOOK_BACK: Final = 2000
_BATCH_BYTES: Final = str(4 << 20)
"""Of the driver's batches, which are cut further: small enough to stream in little memory."""

_COPIES: Final = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
"""What the driver reads as COPY, which streams; everything else it reads whole."""

_WRITES: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_LASTING: Final = re.compile(r"advisory_lock|dblink_connect|setseed", re.IGNORECASE)
"""What outlives a transaction, even one that is rolled back."""


class PostgreSQLMacros(TimeMacros):
    """Those of Grafana's PostgreSQL data source."""

    group_step = timedelta(milliseconds=1)

    def __init__(self, *, timescaledb: bool) -> None:
        super().__init__(DIALECT)
        self._timescaledb = timescaledb

    def start(self, scope: MacroScope) -> str:
        return f"'{_rfc3339(scope.time_range.from_.astimezone(UTC))}'"

    def end(self, scope: MacroScope) -> str:
        return f"'{_rfc3339(scope.time_range.to.astimezone(UTC))}'"

    def time_epoch(self, column: str, scope: MacroScope) -> str:
        return f'{self.unix_seconds(column, scope)} as "time"'

    def unix_seconds(self, column: str, scope: MacroScope) -> str:
        scope.epoch_units.add(EpochUnit.SECONDS)
        return f"extract(epoch from {column})"

    def time_group(self, column: str, step: timedelta, scope: MacroScope) -> str:
        if self._timescaledb:
            return f"time_bucket('{step.total_seconds():.3f}s',{column})"
        return super().time_group(column, step, scope)

    def group_alias(self, call: MacroCall) -> str:
        """Grafana 5 called a group before a comma `time`, which some queries rely on. Not so in GROUP BY."""
        if not call.sql.startswith(",", call.end):
            return ""
        clauses = _CLAUSE.findall(call.sql, max(0, call.start - _LOOK_BACK), call.start)
        return ' AS "time"' if clauses and clauses[-1].lower() == "select" else ""

    def epoch_group(self, column: str, step: timedelta, scope: MacroScope) -> str:
        scope.epoch_units.add(EpochUnit.SECONDS)
        return self.multiple(f"({column})", step, scope)


class PostgreSQL(Preset[PostgreSQLSettings]):
    """Each statement runs in a transaction of its own that only reads and is rolled back, so that nothing is
    left in the session; that also holds behind a pooler such as PgBouncer."""

    title = "PostgreSQL"
    dialect = DIALECT
    placeholders = Placeholders(numbered=True, no_values="")
    reads = ReadStatements(explain_words=frozenset({"ANALYZE", "VERBOSE", "ANALYSE"}))
    macros = PostgreSQLMacros(timescaledb=False)
    columns = PostgreSQLColumns
    cutter = Cutter(DIALECT, quoted, random="random()")
    waits_for_ever = True
    version_sql = "SELECT current_setting('server_version') AS version"
    catalog: Mapping[str, str] = {
        "schemas": """
            SELECT nspname AS name, COALESCE(obj_description(oid, 'pg_namespace'), '') AS comment
            FROM pg_namespace
            WHERE nspname !~ '^pg_(toast|temp)' AND has_schema_privilege(oid, 'USAGE') ORDER BY nspname""",
        "tables": """
            SELECT n.nspname::text AS schema, c.relname::text AS name,
              CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN
                'foreign table' WHEN 'p' THEN 'partitioned table' ELSE 'table' END AS kind,
              c.reltuples::int8 AS "estimatedRows",
              COALESCE(obj_description(c.oid, 'pg_class'), '') AS comment,
              NOT pg_table_is_visible(c.oid) AS "needsSchema"
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
              AND n.nspname !~ '^pg_(toast|temp)'
              AND CASE WHEN $1 = '' THEN n.nspname NOT IN ('pg_catalog', 'information_schema')
                ELSE n.nspname = $1 END
              AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1, 2""",
        "columns": """
            SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
              NOT a.attnotnull AS nullable, pg_get_expr(d.adbin, d.adrelid) AS default,
              COALESCE(col_description(c.oid, a.attnum), '') AS comment
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
              JOIN pg_namespace n ON n.oid = c.relnamespace
              LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
              AND CASE WHEN $1 = '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = $1 END
            ORDER BY a.attnum""",
        "functions": """
            SELECT p.proname::text AS name, min(n.nspname)::text AS schema,
              min(pg_get_function_result(p.oid)) AS returns,
              COALESCE(min(obj_description(p.oid, 'pg_proc')), '') AS comment
            FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE p.prokind IN ('f', 'a', 'w') AND n.nspname !~ '^pg_(toast|temp)'
              AND p.proname !~ '(^_|(in|out|recv|send|typmodin|typmodout|handler|support)$)'
              AND has_function_privilege(p.oid, 'EXECUTE')
            GROUP BY p.proname ORDER BY 1""",
    }

    def __init__(self, settings: PostgreSQLSettings, instance: DataSourceInstanceSettings) -> None:
        super().__init__(settings, instance)
        self.macros = PostgreSQLMacros(timescaledb=settings.timescaledb)
        if settings.timescaledb:
            self.catalog = {**self.catalog, "hypertables": _HYPERTABLES}
        self.asks_columns_first = not settings.read_only
        self._host, self._port = _address(instance.url)
        self._files: tempfile.TemporaryDirectory[str] | None = None

    def options(self, seconds: float) -> dict[str, str]:
        driver = bundled("adbc_driver_postgresql", "postgresql")
        return {"driver": driver, "uri": _conninfo(self._parameters(seconds))}

    def begin(self, seconds: float | None) -> str:
        begin = "BEGIN READ ONLY" if self.settings.read_only else "BEGIN"
        if seconds is None:
            return begin
        milliseconds = int((max(seconds, 0) + _GRACE_SECONDS) * 1000)
        return f"{begin}; SET LOCAL statement_timeout = {milliseconds}"

    def end(self) -> tuple[str, ...]:
        return ("ROLLBACK",) if self.settings.read_only else ("COMMIT", "DISCARD ALL")

    def lasts(self, sql: str) -> bool:
        return _LASTING.search(sql) is not None

    def statement_options(self, verb: str) -> dict[str, str]:
        copies = {} if verb in _COPIES else {"adbc.postgresql.use_copy": "false"}
        return {"adbc.postgresql.batch_size_hint_bytes": _BATCH_BYTES, **copies}

    def readable(self, sql: str, schema: pa.Schema) -> str:
        text = readable(sql, schema)
        if text != sql and self.asks_columns_first and _WRITES.intersection(statement_tokens(sql, DIALECT)):
            raise QueryError(
                "the statement writes and returns an array, or a type that is read as text: return it as "
                "text, such as RETURNING column::text. Nothing was written"
            )
        return text

    def numbers(self, table: pa.Table) -> pa.Table:
        return numbers_of(table)

    def close(self) -> None:
        if self._files is not None:
            self._files.cleanup()

    def _parameters(self, seconds: float) -> dict[str, str]:
        settings = self.settings
        if not self.instance.user:
            raise ValidationError("a user is needed", path="user")
        parameters = {
            "host": self._host,
            "port": str(self._port),
            "user": self.instance.user,
            "password": settings.password.reveal() if settings.password else "",
            "dbname": settings.database or self.instance.database or self.instance.user,
            "connect_timeout": str(max(2, round(seconds))),
            "application_name": "headwater",
            "client_encoding": "UTF8",
            # A server that vanished without a word is noticed after about a minute.
            "keepalives_idle": "30",
            "keepalives_interval": "10",
            "keepalives_count": "3",
            "tcp_user_timeout": "60000",
        }
        if self._host.startswith("/"):
            return parameters
        return parameters | {"hostaddr": self._resolved()} | self._tls()

    def _resolved(self) -> str:
        try:
            found = resolve(self._host, self._port, self.instance.address_policy)
        except (socket.gaierror, UnicodeError) as error:
            raise DownstreamConnectionError(
                f"failed to connect to server - the name {self._host!r} has no address"
            ) from error
        return str(found[0].address[0])

    def _tls(self) -> dict[str, str]:
        settings = self.settings
        mode = settings.sslmode or "verify-full"
        if mode == "disable":
            return {"sslmode": mode}
        files = {
            "sslrootcert": settings.ssl_root_cert_file or self._written("root.crt", settings.tls_ca_cert),
            "sslcert": settings.ssl_cert_file or self._written("client.crt", settings.tls_client_cert),
            "sslkey": settings.ssl_key_file or self._written("client.key", settings.tls_client_key),
        }
        if mode != "require" and files["sslrootcert"] is None:
            files["sslrootcert"] = _system_authorities()
        elif mode == "require":
            del files["sslrootcert"]  # with one, libpq verifies
        return {"sslmode": mode} | {key: str(path) for key, path in files.items() if path is not None}

    def _written(self, name: str, pem: object) -> Path | None:
        """A secret as the file that libpq wants, in a folder that only this user may enter."""
        if not pem:
            return None
        if self._files is None:
            self._files = tempfile.TemporaryDirectory(prefix="headwater-postgresql-")
        path = Path(self._files.name) / name
        path.touch(mode=0o600)
        path.write_text(pem.reveal())  # type: ignore[attr-defined]
        return path


def _address(url: str) -> tuple[str, int]:
    """`host`, `host:port`, `[ipv6]:port`, or the folder of a Unix socket. Raises ValidationError."""
    text = url.strip().removeprefix("postgresql://").removeprefix("postgres://").rstrip("/")
    if text.startswith("/"):
        return text, 5432
    if (match := _HOST_PORT.fullmatch(text)) is None:
        raise ValidationError("expected host:port or the folder of a Unix socket", path="url")
    port = int(match["port"] or 5432)
    if not 0 < port < 65_536:
        raise ValidationError("the port is between 1 and 65535", path="url")
    return match["host"].strip("[]"), port


def _conninfo(parameters: Mapping[str, str]) -> str:
    if any("\0" in value for value in parameters.values()):
        raise ValidationError("a setting of the connection holds a NUL character")
    quoted = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in parameters.items()}
    return " ".join(f"{key}='{value}'" for key, value in quoted.items() if value)


def _system_authorities() -> Path | None:
    """libpq knows no system's store by itself before version 16."""
    paths = ssl.get_default_verify_paths()
    found = paths.cafile or (paths.openssl_cafile if Path(paths.openssl_cafile).exists() else None)
    return Path(found) if found else None


def _rfc3339(at: datetime) -> str:
    """As Go writes it: no fraction where there is none, and no zeros at its end."""
    fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"
