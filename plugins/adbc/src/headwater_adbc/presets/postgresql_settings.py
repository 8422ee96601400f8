"""Settings of Grafana's PostgreSQL data source."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from attrs import frozen

from headwater.sdk import Secret, field, secret
from headwater_adbc.settings import AdbcSettings


@frozen(kw_only=True)
class PostgreSQLSettings(AdbcSettings):
    """`jsonData` and `secureJsonData`. Address, user and (as a fallback) database are top-level keys."""

    preset: ClassVar[str] = "headwater_adbc.presets.postgresql:PostgreSQL"
    other_keys: ClassVar[tuple[str, ...]] = (
        "maxIdleConnsAuto", "tlsAuth", "tlsAuthWithCACert", "tlsSkipVerify", "secureSocksProxyUsername",
        "pdc*", "postgresVersion", "tlsConfigurationMethod",
    )  # fmt: skip

    database: str = field("", doc="Database to use; the top-level `database` if empty.")
    sslmode: Literal["", "disable", "require", "verify-ca", "verify-full"] = field(
        "",
        doc="Empty: verify-full, and no TLS over a Unix socket. require: encrypted, but the server is not "
        "verified. disable: in clear.",
    )
    ssl_root_cert_file: Path | None = field(None, doc="Authorities to trust instead of the system's.")
    ssl_cert_file: Path | None = field(None, doc="Client certificate.")
    ssl_key_file: Path | None = field(None, doc="The client certificate's key; only its owner may read it.")
    timescaledb: bool = field(False, doc="Let $__timeGroup use TimescaleDB's time_bucket.")
    enable_secure_socks_proxy: bool = field(False, doc="Not supported: must be false.")
    password: Secret | None = secret(doc="Password of the user.")
    tls_ca_cert: Secret | None = secret(key="tlsCACert", doc="Authorities to trust, in PEM form.")
    tls_client_cert: Secret | None = secret(doc="Client certificate in PEM form.")
    tls_client_key: Secret | None = secret(doc="The client certificate's key in PEM form.")

    def __attrs_post_init__(self) -> None:
        if self.enable_secure_socks_proxy:
            raise ValueError("enableSecureSocksProxy: connecting through a SOCKS proxy is not supported")
