"""What a data source can be configured with."""

from __future__ import annotations

import attrs
from headwater.sdk import Secret, field, secret
from headwater.sdk.http import HttpOptions


@attrs.frozen(kw_only=True)
class Settings(HttpOptions):
    """REPLACE with yours: `decimals` is set with `--set decimals=3`, `api_key` with `--secret apiKey`.

    `HttpOptions` adds timeouts, TLS, basic auth, bearer tokens and headers. Every default is written here
    and nowhere else. Secrets are encrypted before they are stored.
    """

    decimals: int = field(2, minimum=0, maximum=9, doc="Digits behind the decimal point.")
    api_key: Secret | None = secret(doc="Sent as X-Api-Key.")
