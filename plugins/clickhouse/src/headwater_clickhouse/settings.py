"""What an operator can set about a ClickHouse data source. Key names are those of Grafana's plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from attrs import frozen

from headwater.errors import ValidationError
from headwater.sdk import HEADER_NAME, ONE_LINE, DataSourceInstanceSettings, Secret, field, secret
from headwater.sdk.http import HttpOptions

ArrowCompression = Literal["auto", "none", "lz4", "zstd"]


@frozen
class CustomSetting:
    """A ClickHouse setting that goes with each query."""

    setting: str = field()
    value: str = field("", lenient=True)


@frozen
class HeaderSetting:
    """A header of each request; the value of a `secure` one is the secret `secureHttpHeaders.<name>`."""

    name: str = field(pattern=HEADER_NAME)
    value: str = field("", pattern=ONE_LINE)
    secure: bool = field(False)


@frozen(kw_only=True)
class ClickHouseSettings(HttpOptions):
    """The data source's `url` is `http(s)://host:port`, or `chdb://` or a folder for the embedded engine."""

    #: Read by Grafana's editor only.
    other_keys: ClassVar[tuple[str, ...]] = (
        "version", "logs", "traces", "aliasTables", "hideTableNameInAdhocFilters", "configMode", "signalType",
        "defaultTable", "validateSql", "rowCapacityHint", "connMaxLifetime", "maxIdleConns", "maxOpenConns",
        "enableSecureSocksProxy", "pdcInjected", "enableMapKeysDiscovery",
    )  # fmt: skip

    host: str = field(
        "",
        aliases=("server",),
        pattern=ONE_LINE,
        doc="Where the server is, if the data source has no URL.",
    )
    port: int = field(
        0, minimum=0, maximum=65535, lenient=True, doc="HTTP port; else 8123, or 8443 with TLS."
    )
    protocol: Literal["http", "native"] = field("http", doc="Only http: Arrow does not travel natively.")
    secure: bool = field(False, lenient=True, doc="HTTPS.")
    path: str = field("", pattern=ONE_LINE, doc="Path of the HTTP interface behind a proxy.")
    username: str = field(
        "", pattern=ONE_LINE, doc="User, if the data source has none; the server's default is `default`."
    )
    default_database: str = field("", doc="Database of unqualified table names.")
    query_timeout: float = field(60.0, minimum=0, lenient=True, doc="Seconds a query may take.")
    custom_settings: tuple[CustomSetting, ...] = field(
        factory=tuple, doc="ClickHouse settings of each query."
    )
    http_headers: tuple[HeaderSetting, ...] = field(factory=tuple, doc="Headers of each request.")
    forward_grafana_headers: bool = field(False, doc="Pass the caller's headers on.")
    oauth_pass_thru_allow_fallback: bool = field(False, doc="Without a caller's token, use the password.")
    enable_row_limit: bool = field(False, doc="Limit results, on the server and here, to `rowLimit` rows.")
    row_limit: int = field(1_000_000, minimum=1, lenient=True, doc="Rows, with `enableRowLimit`.")
    enable_schema_cache: bool = field(True, doc="Remember databases, tables and columns for a while.")
    schema_cache_ttl: float = field(
        60.0, key="schemaCacheTTLSeconds", minimum=0, lenient=True, doc="Seconds to remember them."
    )
    arrow_compression: ArrowCompression = field("auto", doc="auto: lz4, but none on loopback.")
    allow_writes: bool = field(False, doc="Let queries change data. Off, they run read-only.")
    password: Secret | None = secret(pattern=ONE_LINE, doc="The user's password.")
    secure_http_headers: Mapping[str, Secret] = secret(prefix="secureHttpHeaders.", pattern=ONE_LINE)


def is_embedded(url: str) -> bool:
    """Whether `url` means the engine in this process: `chdb://…`, or a path."""
    return url.startswith("chdb:") or (bool(url) and "://" not in url)


def server_url(instance: DataSourceInstanceSettings, settings: ClickHouseSettings) -> str:
    """The URL of the HTTP interface, from the data source's `url` or Grafana's `host` and `port`.

    Raises ValidationError when neither is given, or the native protocol is asked for.
    """
    if settings.protocol == "native":
        raise ValidationError(
            "the native protocol does not carry Arrow; use http (port 8123, or 8443 with TLS)",
            path="jsonData.protocol",
        )
    if instance.url:
        return instance.url
    if not settings.host:
        raise ValidationError("give http://host:8123, or chdb:// for the embedded engine", path="url")
    scheme = "https" if settings.secure else "http"
    port = settings.port or (8443 if settings.secure else 8123)
    return f"{scheme}://{settings.host}:{port}/{settings.path.strip('/')}".rstrip("/")
