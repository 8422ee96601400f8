"""OpenID Connect: who signs in at a provider, and what they may do here. Needs the extra `oidc`."""

from __future__ import annotations

from .grants import Grants
from .identity import Identity
from .settings import OidcSettings, is_safe_address, read_oidc_settings
from .sign_in import SignIn, SignInError
from .single_sign_on import SingleSignOn

__all__ = [
    "Grants",
    "Identity",
    "OidcSettings",
    "SignIn",
    "SignInError",
    "SingleSignOn",
    "is_safe_address",
    "read_oidc_settings",
]
