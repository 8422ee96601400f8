"""`TimeRange`: from when until when a query asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import field, frozen

__all__ = ["TimeRange"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def _aware(_: object, attribute: Any, value: datetime) -> None:
    if value.tzinfo is None:
        raise ValueError(f"{attribute.name} needs a time zone")


@frozen
class TimeRange:
    """Both ends inclusive, time-zone aware."""

    from_: datetime = field(validator=_aware)
    to: datetime = field(validator=_aware)

    @classmethod
    def from_epoch_ms(cls, from_ms: int, to_ms: int) -> TimeRange:
        """Both ends in milliseconds since 1970, UTC."""
        return cls(_EPOCH + from_ms * _MILLISECOND, _EPOCH + to_ms * _MILLISECOND)

    @classmethod
    def last(cls, duration: timedelta) -> TimeRange:
        """The time from `duration` ago until now."""
        now = datetime.now(UTC)
        return cls(now - duration, now)

    @property
    def from_ms(self) -> int:
        """The beginning in milliseconds since 1970, UTC."""
        return (self.from_ - _EPOCH) // _MILLISECOND

    @property
    def to_ms(self) -> int:
        """The end in milliseconds since 1970, UTC."""
        return (self.to - _EPOCH) // _MILLISECOND

    @property
    def from_s(self) -> int:
        """Whole unix seconds, rounded down."""
        return self.from_ms // 1000

    @property
    def to_s(self) -> int:
        """Whole unix seconds, rounded down."""
        return self.to_ms // 1000

    @property
    def duration(self) -> timedelta:
        """How long it is."""
        return self.to - self.from_
