"""Settings that SQL data sources share, in Grafana's words."""

from __future__ import annotations

from datetime import timedelta

from attrs import frozen

from headwater.errors import ValidationError
from headwater.sdk.schema import field

__all__ = ["SqlSettings"]


@frozen(kw_only=True)
class SqlSettings:
    """Base of `jsonData`: how many connections there may be and for how long, and what may run on them."""

    max_open_conns: int = field(
        100, minimum=0, lenient=True, doc="Connections open at a time; 0 for any number."
    )
    max_idle_conns: int = field(100, minimum=0, lenient=True, doc="Connections kept open while unused.")
    conn_max_lifetime: int = field(
        14_400, minimum=0, lenient=True, doc="Seconds after which a connection is replaced; 0 for never."
    )
    connection_timeout: float = field(
        10.0, minimum=0, lenient=True, doc="Seconds that connecting, log-in included, may take; 0 for 10."
    )
    read_only: bool = field(True, doc="Let only reading statements through, in sessions that cannot write.")
    time_interval: str = field("", doc="Shortest value of $__interval, such as 10s.")

    @property
    def connect_seconds(self) -> float:
        """Seconds that connecting may take."""
        return self.connection_timeout or 10.0

    def shortest_interval(self) -> timedelta:
        """`time_interval` as a duration. Raises ValidationError."""
        from headwater.frames import parse_interval_string

        try:
            return parse_interval_string(self.time_interval) if self.time_interval else timedelta(0)
        except ValidationError as error:
            raise ValidationError("expected an interval such as 10s", path="jsonData.timeInterval") from error
