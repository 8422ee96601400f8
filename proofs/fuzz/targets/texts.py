"""Short texts of settings and requests: paths, URLs, times, headers."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from fuzz.target import target
from headwater.errors import ValidationError
from headwater.frames import parse_duration, parse_interval, parse_time, parse_time_range
from headwater.network import AddressPolicy
from headwater.sdk.http import HttpClientSettings, HttpOptions
from headwater.sdk.paths import join_path, split_path
from headwater_mysql.address import parse_address

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATH = ("/", "..", ".", "%2e", "%252e", "%2f", "%5c", "\\", "%00", "//", "?", "#", ";", "@", "\u2028")
URL = (
    "http://", "https://", "@", ":", "[::1]", "/", "#", "?", "%", "localhost", "127.0.0.1", "\t", "unix(/a)",
    "tcp(", ")",
)  # fmt: skip


@target(ValidationError, tokens=PATH)
def path(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    segments = split_path(text)
    joined = join_path("/base", *segments)
    assert joined == "/base" or joined.startswith("/base/"), "a path left its base"
    parts = urlsplit(f"http://host{joined}")
    assert (parts.netloc, parts.query, parts.fragment) == ("host", "", ""), "a path became something else"
    assert tuple(map(unquote, parts.path.split("/")[2:])) == segments, "a path changed on its way"
    assert not {"..", ".", ""} & set(segments), "a path climbs"


@target(ValidationError, tokens=URL)
def url(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with suppress(ValidationError):
        parse_address(text)
    settings = HttpClientSettings(text, HttpOptions())
    assert "@" not in settings.origin, "credentials are shown"
    assert settings.parsed.hostname, "a URL without a host"
    _ = settings.is_loopback


@target(
    ValidationError,
    tokens=(
        "now",
        "-",
        "+",
        "/",
        "d",
        "fQ",
        "M",
        "y",
        "w",
        "1",
        "9999999999",
        "2026-01-01T00:00:00Z",
        "1h30m",
        "µs",
        ".",
    ),
    max_bytes=256,
)
def times(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for read in (parse_duration, parse_interval, lambda each: parse_time(each, now=NOW)):
        with suppress(ValidationError):
            read(text)
    first, _, second = text.partition("|")
    found = parse_time_range(first, second, now=NOW)
    assert found.from_ <= found.to, "a range ends before it begins"


@target(
    ValidationError, tokens=("0.0.0.0/0", "10.0.0.0/8", "::/0", "::ffff:", "64:ff9b::", "/"), max_bytes=256
)
def addresses(data: bytes) -> None:
    denied, _, address = data.decode("utf-8", "replace").partition("|")
    policy = AddressPolicy(allow=("::/0", "0.0.0.0/0"), deny=(denied,))
    with suppress(ValueError):
        found = ip_address(address)
        inside = any(found in each for each in (ip_network(denied),) if each.version == found.version)
        assert not (inside and policy.allows(address)), "a denied address is allowed"
