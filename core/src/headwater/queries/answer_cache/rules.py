"""`CacheRule`: how long answers are remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from attrs import evolve, field, frozen

from headwater.errors import ValidationError

__all__ = ["CacheRule"]

_DAY = 24 * 3600.0
_LARGE = 1e12
_OFF = ("off", False, None)


def _seconds(_: object, attribute: Any, value: float) -> None:
    if not 0 <= value <= _DAY:
        raise ValidationError("is between 0 and one day", path=attribute.name)


@frozen(kw_only=True)
class CacheRule:
    """How long answers are remembered, in seconds; a `ttl` of 0 for not at all.

    For `stale_while_revalidate` after its `ttl` an answer is still given, while a new one is fetched. Where
    a data source can be asked for a part of a time range, points are remembered for `range_ttl`, but the
    newest ones, of the last `overlap`, are always fetched again: they may not be complete.
    """

    ttl: float = field(default=0.0, validator=_seconds)
    stale_while_revalidate: float = field(default=0.0, validator=_seconds)
    overlap: float = field(default=120.0, validator=_seconds)
    range_ttl: float = field(default=3600.0, validator=_seconds)

    @classmethod
    def from_settings(cls, value: Any, default: CacheRule | None = None) -> Self | CacheRule:
        """The rule in a data source's `jsonData.cache`: `off`, a duration, or an object with `ttl`,
        `staleWhileRevalidate`, `overlap` and `rangeTtl`.

        Raises ValidationError with the path of the fault.
        """
        if value in _OFF:
            return cls()
        if not isinstance(value, Mapping):
            value = {"ttl": value}
        changes = {}
        for key, duration in value.items():
            name = _NAMES.get(key)
            if name is None:
                raise ValidationError(f"unknown key; known are {', '.join(_NAMES)}", path=f"{_PATH}.{key}")
            changes[name] = _duration(duration, f"{_PATH}.{key}")
        try:
            return evolve(default or cls(), **changes)
        except ValidationError as error:
            raise ValidationError(error.reason, path=f"{_PATH}.{_KEYS[error.path]}") from None

    def for_query(self, json: Mapping[str, Any]) -> CacheRule:
        """With the `queryCachingTTL` of a query, in milliseconds as Grafana's clients send it, and the
        `queryCachingStaleTTL` that named queries set."""
        wanted = {name: _milliseconds(json.get(key)) for name, key in _OF_QUERIES.items()}
        given = {name: seconds for name, seconds in wanted.items() if seconds is not None}
        return evolve(self, **given) if given else self


_PATH = "jsonData.cache"
_NAMES = {
    "ttl": "ttl",
    "staleWhileRevalidate": "stale_while_revalidate",
    "overlap": "overlap",
    "rangeTtl": "range_ttl",
}
_OF_QUERIES = {"ttl": "queryCachingTTL", "stale_while_revalidate": "queryCachingStaleTTL"}
_KEYS = {name: key for key, name in _NAMES.items()}


def _duration(value: Any, path: str) -> float:
    """Seconds of a number, or of a text such as `30s`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(_clipped(value))
    if isinstance(value, str):
        from headwater.frames.times.intervals import parse_duration

        try:
            return parse_duration(value).total_seconds()
        except ValidationError:
            pass
    raise ValidationError("is no duration such as 30s", path=path)


def _milliseconds(value: Any) -> float | None:
    """Seconds, within what a rule may say; None for what is no number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return min(max(_clipped(value) / 1000, 0.0), _DAY)


def _clipped(value: float) -> float:
    """Integers of JSON may be larger than any float; beyond a few days it makes no difference how much."""
    return max(-_LARGE, min(value, _LARGE))
