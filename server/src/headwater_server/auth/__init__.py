"""Who asks, and what they may do: tokens, roles, scopes, and limits per caller."""

from __future__ import annotations

from .authenticator import AuthenticationError, Authenticator, PermissionDeniedError
from .permissions import Action, Principal, Role, Scope
from .rate_limits import CallerLimits, RequestLimiter
from .token_store import ApiToken, MemoryTokenStore, TokenStore
from .tokens import NewToken, new_token

__all__ = [
    "Action",
    "ApiToken",
    "AuthenticationError",
    "Authenticator",
    "CallerLimits",
    "MemoryTokenStore",
    "NewToken",
    "PermissionDeniedError",
    "Principal",
    "RequestLimiter",
    "Role",
    "Scope",
    "TokenStore",
    "new_token",
]
