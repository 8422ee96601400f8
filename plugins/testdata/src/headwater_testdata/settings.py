"""What a test-data source can be configured with."""

from __future__ import annotations

import attrs

from headwater.sdk import Secret, field, secret


@attrs.frozen(kw_only=True)
class ScenarioSettings:
    """`jsonData` and secrets of a test-data source; an empty one is complete."""

    seed: int = field(default=0, doc="Seed of queries that give none.")
    health_error: str = field(default="", doc="The health check fails with this message.")
    health_delay_ms: int = field(
        default=0, minimum=0, doc="The health check takes this long, in milliseconds."
    )
    api_key: Secret | None = secret(doc="Never sent anywhere; the health check says whether it is set.")
