"""What a data source can be configured with."""

from __future__ import annotations

import attrs
from headwater.sdk import Secret, field, secret


@attrs.frozen(kw_only=True)
class Settings:
    """REPLACE with yours: `decimals` is set with `--set decimals=3`, `api_key` with `--secret apiKey`.

    Every default is written here and nowhere else. Secrets are encrypted before they are stored.
    """

    decimals: int = field(2, minimum=0, maximum=9, doc="Digits behind the decimal point.")
    api_key: Secret | None = secret(doc="Key of the API. Read it with reveal(), and only to send it.")
