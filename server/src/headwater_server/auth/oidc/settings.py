"""What an operator says about the provider: the table `[oidc]` of `headwater.toml`."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen

from headwater.errors import ValidationError
from headwater.frames import parse_duration
from headwater.secrets import Secret
from headwater_server.auth.permissions import Role, Scope

from .grants import Grants

SECRET_VARIABLE = "HEADWATER_OIDC_CLIENT_SECRET"  # noqa: S105 - the name of one
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures that only the provider can make. `none` and those with a shared key are not among them, and
cannot be chosen."""

_TEXTS = ("issuer", "client_id", "client_secret_file", "audience", "groups_claim", "name")
_KEYS = (*_TEXTS, "session_lifetime", "request_scopes", "algorithms", "roles", "scopes", "default_role")


@frozen(kw_only=True)
class OidcSettings:
    """`issuer` is the provider's address, and what its tokens call it.

    With a `client_id` people sign in on the page; with an `audience`, programs may send the provider's
    access tokens that are made for it.
    """

    issuer: str
    client_id: str = ""
    client_secret: Secret | None = None
    audience: str = ""
    name: str = "single sign-on"
    """What the page calls it."""
    groups_claim: str = "groups"
    request_scopes: tuple[str, ...] = ("openid", "profile", "email")
    """What a sign-in asks the provider for; some tell groups only if they are asked to."""
    session_lifetime: timedelta = timedelta(hours=8)
    algorithms: tuple[str, ...] = ALGORITHMS
    grants: Grants = field(factory=Grants)


def read_oidc_settings(members: Mapping[str, Any], directory: Path) -> OidcSettings:
    """The settings in a table; files are named from `directory` on. Raises ValidationError with the key."""
    for key in members:
        if key not in _KEYS:
            raise _refused(key, f"is no setting; known are {', '.join(_KEYS)}")
    texts: dict[str, Any] = {key: _text(members[key], key) for key in _TEXTS if key in members}
    secret_file = texts.pop("client_secret_file", "")
    settings = OidcSettings(
        **{"issuer": "", **texts},
        client_secret=_client_secret(directory, secret_file),
        grants=_grants(members),
        **_choices(members),
    )
    _check_issuer(settings.issuer)
    if not settings.client_id and not settings.audience:
        raise _refused("client_id", "is missing; give it for the page, or `audience` for the API, or both")
    return settings


def is_safe_address(url: str) -> bool:
    """Whether nobody on the way can read or change what goes to `url`: HTTPS, or a place on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return True
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_issuer(issuer: str) -> None:
    parts = urlsplit(issuer)
    if not is_safe_address(issuer) or parts.query or parts.fragment or parts.username:
        raise _refused("issuer", "give the provider's address, such as https://login.example.org/realms/main")


def _choices(members: Mapping[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if "session_lifetime" in members:
        chosen["session_lifetime"] = _lifetime(_text(members["session_lifetime"], "session_lifetime"))
    if "request_scopes" in members:
        asked = _texts(members["request_scopes"], "request_scopes")
        chosen["request_scopes"] = ("openid", *(scope for scope in asked if scope != "openid"))
    if "algorithms" in members:
        chosen["algorithms"] = _texts(members["algorithms"], "algorithms")
        for name in chosen["algorithms"]:
            if name not in ALGORITHMS:
                raise _refused("algorithms", f"{name} is not one of {', '.join(ALGORITHMS)}")
    return chosen


def _grants(members: Mapping[str, Any]) -> Grants:
    roles = {
        group: _role(role, f"roles.{group}") for group, role in _table(members.get("roles", {}), "roles")
    }
    scopes = {
        group: tuple(_scope(text, f"scopes.{group}") for text in _texts(texts, f"scopes.{group}"))
        for group, texts in _table(members.get("scopes", {}), "scopes")
    }
    default = members.get("default_role")
    return Grants(roles, scopes, None if default is None else _role(default, "default_role"))


def _role(value: Any, key: str) -> Role:
    try:
        return Role.parse(_text(value, key))
    except ValidationError as error:
        raise _refused(key, error.reason) from None


def _scope(text: str, key: str) -> Scope:
    try:
        return Scope.parse(text)
    except ValidationError as error:
        raise _refused(key, error.reason) from None


def _lifetime(text: str) -> timedelta:
    try:
        lifetime = parse_duration(text)
    except ValidationError:
        lifetime = timedelta(0)
    if not timedelta(minutes=1) <= lifetime <= timedelta(days=30):
        raise _refused("session_lifetime", "give a time from 1m to 30d, such as 8h")
    return lifetime


def _client_secret(directory: Path, file: str) -> Secret | None:
    given = os.environ.get(SECRET_VARIABLE, "")
    if file:
        try:
            given = (directory / file).read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise _refused("client_secret_file", f"cannot be read: {error}") from None
    return Secret(given) if given else None


def _table(value: Any, key: str) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        raise _refused(key, "is not a table of groups")
    return list(value.items())


def _texts(value: Any, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise _refused(key, "is not a list of texts")
    return tuple(_text(each, key) for each in value)


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise _refused(key, "is not a text")
    return value


def _refused(key: str, reason: str) -> ValidationError:
    return ValidationError(reason, path=f"headwater.toml: oidc.{key}")
