"""The TLS context of a data source, from certificates that are secrets and so never lie on a disk."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headwater.errors import ValidationError
from headwater.sdk import Secret
from headwater_mysql.settings import MySQLSettings


def tls_context(settings: MySQLSettings) -> ssl.SSLContext | None:
    """None if the settings ask for no TLS. TLS 1.2 or newer; the server is verified unless told not to.

    Raises ValidationError for certificates that are missing or malformed.
    """
    if not settings.uses_tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.tls_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.tls_auth_with_ca_cert:
        authority = _required(settings.tls_ca_cert, "tlsCACert")
        try:
            context.load_verify_locations(cadata=authority)
        except (ssl.SSLError, ValueError) as error:
            raise ValidationError(
                "is not a certificate in PEM form", path="secureJsonData.tlsCACert"
            ) from error
    else:
        context.load_default_certs()
    if settings.tls_auth:
        _load_client_certificate(context, settings)
    return context


def _load_client_certificate(context: ssl.SSLContext, settings: MySQLSettings) -> None:
    certificate = _required(settings.tls_client_cert, "tlsClientCert")
    key = _required(settings.tls_client_key, "tlsClientKey")
    with _private_file(f"{certificate}\n{key}\n".encode()) as path:
        try:
            context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise ValidationError(
                "certificate and key do not fit together, or are not PEM", path="secureJsonData.tlsClientCert"
            ) from error


def _required(value: Secret | None, key: str) -> str:
    if not value:
        raise ValidationError("is missing", path=f"secureJsonData.{key}")
    return value.reveal()


def _no_password() -> str:
    """Stands in OpenSSL's way, which would ask for an encrypted key's password on the terminal."""
    raise ValueError("the client key is encrypted")


@contextmanager
def _private_file(content: bytes) -> Iterator[str]:
    """A path with `content` for OpenSSL, which reads only files: in memory where the system allows it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("headwater-mysql")
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        yield name
    finally:
        Path(name).unlink()
