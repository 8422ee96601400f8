"""What an operator can set about HTTP, under Grafana's own `jsonData` and `secureJsonData` keys."""

# ruff: noqa: RUF009 - field() and secret() make attrs fields

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

from headwater.sdk.schema import HEADER_NAME, ONE_LINE, field, secret
from headwater.secrets import Secret

Compression = Literal["auto", "on", "off"]


@frozen(kw_only=True)
class HttpOptions:
    """Base for the settings class of a data source that speaks HTTP.

    Times are seconds. `timeout` bounds the silence of the server; the call's deadline bounds the whole
    answer. `response_limit` counts decoded bytes. 0 means the default for times, unbounded for counts.
    """

    timeout: float = field(30.0, minimum=0, lenient=True, doc="Seconds the server may stay silent.")
    dial_timeout: float = field(10.0, minimum=0, lenient=True, doc="Seconds to establish a connection.")
    http_max_idle_conns_per_host: int = field(10, minimum=0, lenient=True, doc="Idle connections kept.")
    http_max_conns_per_host: int = field(0, minimum=0, lenient=True, doc="Connections at once; 0: any.")
    response_limit: int = field(0, minimum=0, lenient=True, doc="Largest decoded answer in bytes.")
    compression: Compression = field("auto", doc="auto: compressed answers unless the server is on loopback.")
    proxy_url: str = field(
        "", pattern=ONE_LINE, doc="Proxy to use. The environment's proxy variables are ignored."
    )
    tls_auth: bool = field(False, doc="Present the client certificate.")
    tls_auth_with_ca_cert: bool = field(False, key="tlsAuthWithCACert", doc="Trust only the given CA.")
    tls_skip_verify: bool = field(False, doc="Accept any server certificate.")
    server_name: str = field(
        "", pattern=ONE_LINE, doc="Name expected in the server's certificate, if not the URL's host."
    )
    oauth_pass_thru: bool = field(False, doc="Forward the caller's Authorization and X-ID-Token headers.")
    keep_cookies: tuple[str, ...] = field(factory=tuple, doc="Names of the caller's cookies to forward.")
    http_header_names: Mapping[str, str] = field(factory=dict, prefix="httpHeaderName", pattern=HEADER_NAME)
    http_header_values: Mapping[str, Secret] = secret(prefix="httpHeaderValue", pattern=ONE_LINE)
    basic_auth_password: Secret | None = secret(pattern=ONE_LINE)
    bearer_token: Secret | None = secret(pattern=ONE_LINE, doc="Sent as `Authorization: Bearer …`.")
    tls_ca_cert: Secret | None = secret(key="tlsCACert", doc="PEM")
    tls_client_cert: Secret | None = secret(doc="PEM")
    tls_client_key: Secret | None = secret(doc="PEM, without a password")

    @property
    def forwarded_headers(self) -> tuple[str, ...]:
        """Those of the caller's headers that an answer may depend on, for `AnswerTraits`."""
        forwarded = ("authorization", "x-id-token") if self.oauth_pass_thru else ()
        return (*forwarded, "cookie") if self.keep_cookies else forwarded
