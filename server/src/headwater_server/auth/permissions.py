"""Actions, the scopes that grant them, and the roles that bundle scopes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from attrs import field, frozen

from headwater.datasources import check_uid
from headwater.errors import ValidationError
from headwater.models import User


class Action(StrEnum):
    """What can be allowed. The spelling is that of Grafana's permissions."""

    READ = "datasources:read"
    """See data sources and their settings, never their secrets."""
    WRITE = "datasources:write"
    """Add, change and delete data sources."""
    QUERY = "datasources:query"
    """Query data sources, call their resources and check their health."""
    WRITE_SECRETS = "secrets:write"
    """Set or clear secrets of data sources."""

    @property
    def has_uid(self) -> bool:
        return self is not Action.WRITE_SECRETS


@frozen
class Scope:
    """One action, on every data source or on the one with `uid`."""

    action: Action
    uid: str = ""

    @classmethod
    def parse(cls, text: str) -> Scope:
        """`datasources:read|write|query`, each with `:uid` or without, or `secrets:write`.

        Raises ValidationError.
        """
        for action in Action:
            if text == action:
                return cls(action)
            if action.has_uid and text.startswith(f"{action}:"):
                uid = text.removeprefix(f"{action}:")
                check_uid(uid)
                return cls(action, uid)
        known = ", ".join(f"{action}[:UID]" if action.has_uid else action for action in Action)
        raise ValidationError(f"{text!r} is not a scope; scopes are {known}", path="scope")

    def __str__(self) -> str:
        return f"{self.action}:{self.uid}" if self.uid else self.action


class Role(StrEnum):
    """Grafana's basic roles, each with the scopes of the ones before it."""

    VIEWER = "Viewer"
    EDITOR = "Editor"
    ADMIN = "Admin"

    @classmethod
    def parse(cls, text: str) -> Role:
        """Raises ValidationError. Upper and lower case count the same."""
        for role in cls:
            if role.lower() == text.lower():
                return role
        raise ValidationError(f"{text!r} is not a role; roles are {', '.join(cls)}", path="role")

    @property
    def scopes(self) -> frozenset[Scope]:
        return frozenset(map(Scope, _ROLE_ACTIONS[self]))


_ROLE_ACTIONS: Mapping[Role, tuple[Action, ...]] = {
    Role.VIEWER: (Action.QUERY,),
    Role.EDITOR: (Action.QUERY, Action.READ),
    Role.ADMIN: tuple(Action),
}


@frozen
class Principal:
    """Who asks. `id` is unique among principals and fit for logs: limits are counted by it."""

    id: str
    name: str
    role: Role | None = None
    scopes: frozenset[Scope] = field(factory=frozenset)
    anonymous: bool = False

    @classmethod
    def nobody(cls, role: Role) -> Principal:
        """Any caller without credentials, where such callers have a role."""
        return cls("anonymous", "anonymous", role, role.scopes, anonymous=True)

    @classmethod
    def of(cls, id: str, name: str, role: Role | None, scopes: Iterable[Scope] = ()) -> Principal:  # noqa: A002
        """A principal with the scopes of its role and `scopes`."""
        return cls(id, name, role, frozenset(scopes) | (role.scopes if role else frozenset()))

    def may(self, action: Action, uid: str = "") -> bool:
        """Whether it may do `action` on data source `uid`; without one, on every data source."""
        return Scope(action) in self.scopes or (bool(uid) and Scope(action, uid) in self.scopes)

    def may_somewhere(self, action: Action) -> bool:
        """Whether there can be a data source on which it may do `action`."""
        return any(scope.action is action for scope in self.scopes)

    @property
    def user(self) -> User:
        """As plugins see it."""
        return User(login=self.name, name=self.name, role=self.role or "")
