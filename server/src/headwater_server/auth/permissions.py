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

    READ_QUERIES = "queries:read"
    """See named queries whole: their text, data source and versions."""
    WRITE_QUERIES = "queries:write"
    """Add, change and delete named queries, of data sources that the caller may query."""
    RUN_QUERIES = "queries:run"
    """Run named queries, and see what parameters they have; nothing else of them."""

    @property
    def has_uid(self) -> bool:
        return self is not Action.WRITE_SECRETS

    @property
    def noun(self) -> str:
        """What access is denied to."""
        if self is Action.WRITE_SECRETS:
            return ""
        return " to data source" if self.startswith("datasources:") else " to named query"


@frozen
class Scope:
    """One action, on all or on the data source, or the named query, with `uid`."""

    action: Action
    uid: str = ""

    @classmethod
    def parse(cls, text: str) -> Scope:
        """`datasources:read|write|query` or `queries:read|write|run`, each with `:uid` or without, or
        `secrets:write`.

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
    Role.VIEWER: (Action.QUERY, Action.RUN_QUERIES),
    Role.EDITOR: (
        Action.QUERY,
        Action.READ,
        Action.RUN_QUERIES,
        Action.READ_QUERIES,
        Action.WRITE_QUERIES,
    ),
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
        """Whether it may do `action` on data source or named query `uid`; without one, on every one."""
        return Scope(action) in self.scopes or Scope(action, uid) in self.scopes

    def may_somewhere(self, action: Action) -> bool:
        """Whether there can be something on which it may do `action`."""
        return any(scope.action is action for scope in self.scopes)

    @property
    def user(self) -> User:
        """As plugins see it."""
        return User(login=self.name, name=self.name, role=self.role or "")
