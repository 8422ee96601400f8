"""The TLS context of a data source, from certificates that are secrets and so never lie on a disk."""

from __future__ import annotations

import ssl

from headwater.errors import ValidationError
from headwater.sdk import Secret
from headwater.sdk.tls import client_context
from headwater_mysql.settings import MySQLSettings

_REFUSED = {
    "secureJsonData.tlsCACert": "is not a certificate in PEM form",
    "secureJsonData.tlsClientCert": "certificate and key do not fit together, or are not PEM",
}
"""This plugin's own wording of what `client_context` refuses."""


def tls_context(settings: MySQLSettings) -> ssl.SSLContext | None:
    """None if the settings ask for no TLS. TLS 1.2 or newer; the server is verified unless told not to.

    Raises ValidationError for certificates that are missing or malformed.
    """
    if not settings.uses_tls:
        return None
    authority = certificate = None
    if settings.tls_auth_with_ca_cert and not settings.tls_skip_verify:
        authority = _required(settings.tls_ca_cert, "tlsCACert")
    if settings.tls_auth:
        certificate = (
            _required(settings.tls_client_cert, "tlsClientCert"),
            _required(settings.tls_client_key, "tlsClientKey"),
        )
    try:
        return client_context(
            authority=authority, certificate=certificate, skip_verify=settings.tls_skip_verify
        )
    except ValidationError as error:
        raise ValidationError(_REFUSED[error.path], path=error.path) from error


def _required(value: Secret | None, key: str) -> str:
    if not value:
        raise ValidationError("is missing", path=f"secureJsonData.{key}")
    return value.reveal()
