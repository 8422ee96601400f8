"""TLS contexts for clients, built from PEM texts that never stay on disk."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

from headwater.errors import ValidationError

__all__ = ["client_context"]


def client_context(
    *,
    authority: str | None = None,
    certificate: tuple[str, str] | None = None,
    skip_verify: bool = False,
) -> ssl.SSLContext:
    """TLS 1.2 or newer; verifies the server and its name unless `skip_verify`.

    `authority`: CA certificates as PEM, instead of the system's. `certificate`: the client's certificate and
    its key, as PEM. The name to expect is the `server_hostname` with which the context wraps a socket.

    Raises ValidationError, its path `secureJsonData.tlsCACert` or `secureJsonData.tlsClientCert`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authority is not None:
        try:
            context.load_verify_locations(cadata=authority)
        except (ssl.SSLError, ValueError) as error:
            raise ValidationError(
                "holds no certificate in PEM form", path="secureJsonData.tlsCACert"
            ) from error
    else:
        context.load_default_certs()
    if certificate is not None:
        _load_client_certificate(context, *certificate)
    return context


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    with _private_file(f"{certificate}\n{key}\n".encode()) as path:
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
