"""The settings of a MySQL data source, under Grafana's names."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo, available_timezones

from attrs import frozen

from headwater.errors import QueryError, ValidationError
from headwater.sdk import ONE_LINE, Secret, field, secret


@frozen(kw_only=True)
class MySQLSettings:
    """`jsonData` and `secureJsonData`. Address, user and (as a fallback) database are top-level keys."""

    other_keys: ClassVar[tuple[str, ...]] = (
        "maxIdleConnsAuto", "authenticationType", "secureSocksProxyUsername", "pdc*",
    )  # fmt: skip

    database: str = field("", doc="Database to use; the top-level `database` if empty.")
    max_open_conns: int = field(
        100, minimum=0, lenient=True, doc="Connections open at a time; 0 for any number."
    )
    max_idle_conns: int = field(100, minimum=0, lenient=True, doc="Connections kept open while unused.")
    conn_max_lifetime: int = field(
        14_400, minimum=0, lenient=True, doc="Seconds after which a connection is replaced; 0 for never."
    )
    connection_timeout: float = field(
        10.0, minimum=0, lenient=True, doc="Seconds that connecting, log-in included, may take; 0 for 10."
    )
    timezone: str = field(
        "",
        doc="Time zone of the session, such as +05:30 or Europe/Berlin. Empty: UTC, and TIMESTAMP "
        "columns are labelled so.",
    )
    time_interval: str = field("", doc="Shortest value of $__interval, such as 10s.")
    tls_auth: bool = field(False, doc="Present the client certificate.")
    tls_auth_with_ca_cert: bool = field(
        False, key="tlsAuthWithCACert", doc="Trust tlsCACert instead of the system's authorities."
    )
    tls_skip_verify: bool = field(False, doc="Use TLS without checking the server's certificate.")
    tls_mode: Literal["auto", "required"] = field(
        "auto", doc="auto: TLS if another TLS setting asks for it. required: always."
    )
    server_name: str = field(
        "", pattern=ONE_LINE, doc="Name the server's certificate must carry; the host of the URL if empty."
    )
    allow_cleartext_passwords: bool = field(
        False, doc="Let the server ask for the password in clear (PAM, LDAP). Use it with TLS."
    )
    read_only: bool = field(True, doc="Let only reading statements through, in read-only transactions.")
    allow_calls: bool = field(
        False, doc="Let CALL through although the data source is read-only: procedures may do anything."
    )
    wire_protocol: Literal["binary", "text"] = field(
        "binary", doc="text: for proxies that do not pass prepared statements on."
    )
    decoder: Literal["", "native", "numpy"] = field(
        "", doc="Which row decoder to use. Empty: native where it was built, else numpy."
    )
    zero_dates: Literal["null", "error"] = field(
        "null", doc="What 0000-00-00 and other impossible dates become: null with a notice, or an error."
    )
    enable_secure_socks_proxy: bool = field(False, doc="Not supported: must be false.")
    password: Secret | None = secret(doc="Password of the user.")
    tls_ca_cert: Secret | None = secret(key="tlsCACert", doc="Certificate authority in PEM form.")
    tls_client_cert: Secret | None = secret(doc="Client certificate in PEM form.")
    tls_client_key: Secret | None = secret(doc="The client certificate's key in PEM form.")

    def __attrs_post_init__(self) -> None:
        if self.enable_secure_socks_proxy:
            raise ValueError("enableSecureSocksProxy: connecting through a SOCKS proxy is not supported")
        if self.timezone and not _is_zone(self.timezone):
            raise ValueError("timezone: expected an offset such as +05:30, or a zone's name")

    @property
    def uses_tls(self) -> bool:
        return (
            self.tls_mode == "required" or self.tls_skip_verify or self.tls_auth or self.tls_auth_with_ca_cert
        )

    @property
    def connect_seconds(self) -> float:
        return self.connection_timeout or 10.0

    def session_time(self, moment: datetime) -> datetime:
        """`moment` as a statement of a session in `timezone` takes it: by that zone's clock, without a zone.

        Raises QueryError where the zone is the server's own, which is not known here.
        """
        if self.timezone == "SYSTEM":
            raise QueryError(
                "A parameter has a time zone, and the data source's timezone is SYSTEM, the server's own: "
                "give the parameter without a zone, as the server's clock shows it."
            )
        if self.timezone.startswith(("+", "-")):
            zone = datetime.strptime(self.timezone, "%z").tzinfo
        else:
            zone = ZoneInfo(self.timezone or "UTC")
        return moment.astimezone(zone).replace(tzinfo=None)

    def shortest_interval(self) -> timedelta:
        """`time_interval` as a duration. Raises ValidationError."""
        from headwater.frames import parse_interval_string

        try:
            return parse_interval_string(self.time_interval) if self.time_interval else timedelta(0)
        except ValidationError as error:
            raise ValidationError("expected an interval such as 10s", path="jsonData.timeInterval") from error


def _is_zone(name: str) -> bool:
    return (
        bool(re.fullmatch(r"[+-](0\d|1[0-4]):[0-5]\d", name))
        or name == "SYSTEM"
        or name in available_timezones()
    )
