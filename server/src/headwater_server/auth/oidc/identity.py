"""Whom a provider vouches for, as its claims say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

_LONGEST = 190


@frozen
class Identity:
    """`subject` is the provider's identifier of somebody, unique and never given to another; `name` is for
    people."""

    subject: str
    name: str
    groups: tuple[str, ...] = ()

    @classmethod
    def of(cls, claims: Mapping[str, Any], groups_claim: str) -> Identity | None:
        """None if the claims name nobody in the form that OpenID Connect gives subjects: 1 to 255 characters
        of ASCII. Longer ones than logs and tables take, 190, are none either."""
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 1 <= len(subject) <= _LONGEST:
            return None
        if not subject.isascii() or not subject.isprintable():
            return None
        return cls(subject, _name(claims) or subject, groups_of(claims, groups_claim))

    @property
    def principal_id(self) -> str:
        return f"oidc:{self.subject}"


def groups_of(claims: Mapping[str, Any], claim: str) -> tuple[str, ...]:
    """A list of texts, or one text divided by spaces, such as OAuth's `scope`. `claim` is a claim's name, or
    a path with dots to one within others."""
    found = claims[claim] if claim in claims else _at(claims, claim.split("."))
    if isinstance(found, str):
        return tuple(found.split())
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()


def _at(claims: Any, path: list[str]) -> Any:
    for name in path:
        claims = claims.get(name) if isinstance(claims, Mapping) else None
    return claims


def _name(claims: Mapping[str, Any]) -> str:
    for claim in ("preferred_username", "email", "name", "client_id", "azp"):
        name = claims.get(claim)
        if isinstance(name, str) and name.strip() and name.isprintable():
            return name.strip()[:_LONGEST]
    return ""
