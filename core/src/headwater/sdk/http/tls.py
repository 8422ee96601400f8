"""The TLS context of a data source that is reached by HTTP."""

from __future__ import annotations

import ssl

from headwater.sdk.tls import client_context

from .settings import HttpClientSettings, reveal


def ssl_context(settings: HttpClientSettings) -> ssl.SSLContext:
    """What the settings ask for; a certificate that is switched on but not given counts as off.

    Raises ValidationError for certificates that are malformed.
    """
    options = settings.options
    authority = certificate = None
    if options.tls_auth_with_ca_cert and options.tls_ca_cert is not None:
        authority = reveal(options.tls_ca_cert)
    if options.tls_auth and options.tls_client_cert is not None and options.tls_client_key is not None:
        certificate = (reveal(options.tls_client_cert), reveal(options.tls_client_key))
    return client_context(authority=authority, certificate=certificate, skip_verify=options.tls_skip_verify)
