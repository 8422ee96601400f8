"""The TLS context of a data source, built from PEM texts that never stay on disk."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from headwater.errors import ValidationError

from .settings import HttpClientSettings, reveal

if TYPE_CHECKING:
    from headwater.secrets import Secret


def ssl_context(settings: HttpClientSettings) -> ssl.SSLContext:
    """TLS 1.2 or newer; verifies unless `tlsSkipVerify`; with the configured CA instead of the system's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    options = settings.options
    if options.tls_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif options.tls_auth_with_ca_cert and options.tls_ca_cert is not None:
        try:
            context.load_verify_locations(cadata=reveal(options.tls_ca_cert))
        except (ssl.SSLError, ValueError) as error:
            raise ValidationError(
                "holds no certificate in PEM form", path="secureJsonData.tlsCACert"
            ) from error
    else:
        context.load_default_certs()
    if options.tls_auth and options.tls_client_cert is not None and options.tls_client_key is not None:
        _load_client_certificate(context, options.tls_client_cert, options.tls_client_key)
    return context


def _load_client_certificate(context: ssl.SSLContext, certificate: Secret, key: Secret) -> None:
    pem = reveal(certificate) + "\n" + reveal(key)
    with _private_file(pem.encode()) as path:
        try:
            context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise ValidationError(
                "certificate and key do not fit together or are not PEM", path="secureJsonData.tlsClientCert"
            ) from error


def _no_password() -> str:
    """OpenSSL would otherwise ask for the password of an encrypted key on the terminal."""
    raise ValueError("the client key is encrypted with a password")


@contextlib.contextmanager
def _private_file(content: bytes) -> Iterator[str]:
    """A path that OpenSSL can read `content` from: in memory where the system can, else a 0600 file."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("headwater-tls")
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
