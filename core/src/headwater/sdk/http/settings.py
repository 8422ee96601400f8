"""`HttpClientSettings`: the checked transport, trust and credentials of one data source."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

from headwater.errors import ValidationError
from headwater.plugins.text_patterns import HEADER_NAME, ONE_LINE, check_text
from headwater.sdk.schema import parse

from .options import HttpOptions

if TYPE_CHECKING:
    from headwater.models import DataSourceInstanceSettings
    from headwater.network import AddressPolicy
    from headwater.secrets import Secret

# Headers the transport computes: another value would break framing or aim at another virtual host.
_RESERVED_HEADERS = {"content-length", "transfer-encoding", "connection", "host", "accept-encoding"}
_DEFAULTS = HttpOptions()


@frozen
class HttpClientSettings:
    """A base URL, `HttpOptions`, the credentials that are no options, and the operator's address policy.

    Build it with `from_instance`.

    Raises ValidationError for a URL that is not plain http(s), headers or credentials that cannot be sent, or
    a client certificate without its key.
    """

    url: str
    options: HttpOptions = field(factory=HttpOptions, repr=False)
    basic_auth_user: str | None = None
    headers: tuple[tuple[str, Secret | str], ...] = field(default=(), repr=False)
    address_policy: AddressPolicy | None = field(default=None, repr=False)
    parsed: SplitResult = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "parsed", _parse_url(self.url))
        for name, value in self.headers:
            check_header(name, value)
        options = self.options
        if options.bearer_token is not None:
            check_header("Authorization", options.bearer_token, path="secureJsonData.bearerToken")
        if self.basic_auth_user is not None:
            check_unicode(self.basic_auth_user, "the user", "basicAuthUser")
            password = reveal(options.basic_auth_password or "")
            check_unicode(password, "the password", "secureJsonData.basicAuthPassword")
        if options.tls_auth and (options.tls_client_cert is None or options.tls_client_key is None):
            raise ValidationError("tlsAuth needs tlsClientCert and tlsClientKey", path="jsonData.tlsAuth")

    @classmethod
    def from_instance(cls, instance: DataSourceInstanceSettings) -> HttpClientSettings:
        """The settings in `jsonData` and `secureJsonData`; keys that are not HTTP's are left alone."""
        options = parse(
            HttpOptions,
            instance.json_data,
            path="jsonData",
            secrets=instance.decrypted_secure_json_data,
            ignore_unknown=True,
        )
        return cls(
            url=instance.url,
            options=options,
            basic_auth_user=instance.basic_auth_user if instance.basic_auth_enabled else None,
            headers=_custom_headers(options),
            address_policy=instance.address_policy,
        )

    @property
    def timeout(self) -> float:
        return self.options.timeout or _DEFAULTS.timeout

    @property
    def dial_timeout(self) -> float:
        return self.options.dial_timeout or _DEFAULTS.dial_timeout

    @property
    def origin(self) -> str:
        """`scheme://host:port` for messages; never holds credentials."""
        return f"{self.parsed.scheme}://{self.parsed.netloc}"

    @property
    def is_loopback(self) -> bool:
        host = self.parsed.hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def check_header(name: str, value: Secret | str, *, path: str = "headers") -> None:
    """Raise ValidationError unless `name: value` is one header that a data source may set."""
    check_text(HEADER_NAME, name, path)
    if name.lower() in _RESERVED_HEADERS:
        raise ValidationError(f"the header {name} is set by the transport", path=path)
    text = reveal(value)
    check_text(ONE_LINE, text, path)
    check_unicode(text, f"the value of header {name}", path)


def utf8_header(text: str) -> str:
    """`text` such that `http.client`, which sends Latin-1, sends its UTF-8 bytes (RFC 7617, RFC 9110)."""
    return text.encode().decode("latin-1")


def reveal(value: Secret | str) -> str:
    return value if isinstance(value, str) else value.reveal()


def check_unicode(text: str, what: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError(f"{what} is not valid Unicode", path=path) from None


def _parse_url(url: str) -> SplitResult:
    if not url:
        raise ValidationError("a URL is required", path="url")
    try:
        parsed = urlsplit(url)
        _ = parsed.port
    except ValueError as error:
        raise ValidationError("this is not a URL", path="url") from error
    if parsed.scheme not in {"http", "https"} or not parsed.hostname:
        raise ValidationError("the URL must start with http:// or https:// and name a host", path="url")
    if "@" in parsed.netloc:
        raise ValidationError("put credentials into basicAuth, not into the URL", path="url")
    if parsed.fragment:
        raise ValidationError("the URL must not have a fragment (#…)", path="url")
    return parsed


def _custom_headers(options: HttpOptions) -> tuple[tuple[str, Secret | str], ...]:
    """`httpHeaderName<N>` with `httpHeaderValue<N>`, counted from 1 until the first gap, as Grafana does."""
    headers: list[tuple[str, Secret | str]] = []
    number = 1
    while name := options.http_header_names.get(str(number)):
        value: Secret | str = options.http_header_values.get(str(number), "")
        check_header(name, value, path=f"jsonData.httpHeaderName{number}")
        headers.append((name, value))
        number += 1
    return tuple(headers)
