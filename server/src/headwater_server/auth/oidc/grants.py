"""From a provider's groups to roles and scopes of this host."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from headwater_server.auth.permissions import Principal, Role, Scope

from .identity import Identity

_RANK = {Role.VIEWER: 1, Role.EDITOR: 2, Role.ADMIN: 3}


@frozen
class Grants:
    """`roles` and `scopes` by group; `default_role` is for everybody whom the provider vouches for."""

    roles: Mapping[str, Role] = field(factory=dict)
    scopes: Mapping[str, tuple[Scope, ...]] = field(factory=dict)
    default_role: Role | None = None

    def principal(self, identity: Identity) -> Principal:
        """With the highest role and all the scopes of its groups; without any it may do nothing."""
        roles = [self.roles[group] for group in identity.groups if group in self.roles]
        if self.default_role is not None:
            roles.append(self.default_role)
        role = max(roles, key=_RANK.__getitem__, default=None)
        scopes = (scope for group in identity.groups for scope in self.scopes.get(group, ()))
        return Principal.of(identity.principal_id, identity.name, role, scopes)
