"""What a data source can be configured with."""

from __future__ import annotations

import attrs
from headwater.sdk import Secret, field, secret
from headwater.sdk.sql import SqlSettings


@attrs.frozen(kw_only=True)
class Settings(SqlSettings):
    """REPLACE with yours, beside the pool's. `--set fetchRows=500` sets `fetch_rows`, `--secret password` the
    password.

    Every default is written here and nowhere else. Secrets are encrypted before they are stored. URL,
    user and database are part of every data source: `self.instance` has them.
    """

    fetch_rows: int = field(8192, minimum=1, maximum=100_000, doc="Rows taken from the database at a time.")
    password: Secret | None = secret(doc="Read it with reveal(), and only to send it.")
