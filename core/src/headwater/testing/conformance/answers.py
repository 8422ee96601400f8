"""Answers remembered: what a plugin says they depend on is all that they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from headwater.host import Headwater
from headwater.models import TimeRange, User
from headwater.plugins.discovery import PluginRecord
from headwater.queries import AnswerCache, CacheRule
from headwater.testing.features import DataSourceConfig

from .base import ConformanceBase
from .mending import mend

_USERS = (User("alice", "Alice", "alice@example.com"), User("bob", "Bob", "bob@example.com"))
_MOVED = timedelta(minutes=10)


class AnswerChecks(ConformanceBase):
    @mend(
        "plugin.answer_traits",
        "name all that an answer depends on: user, headers; and steps only where what is said of a point of "
        "time is the same in every range",
    )
    def test_a_remembered_answer_is_the_fresh_one(
        self, record: PluginRecord, config: DataSourceConfig, headwater: Headwater, source: str
    ) -> None:
        """For two users, each over a range of time and over one that begins later."""
        query = self.probes.over_time or self.probes.simple
        asked = self.time_range
        moved = TimeRange(asked.from_ + _MOVED, asked.to + _MOVED)
        with self.host(record, answer_cache=AnswerCache(CacheRule(ttl=60.0))) as remembering:
            self.add(remembering, config, source)
            for time_range in (asked, moved):
                for user in _USERS:
                    remembered = _answer(remembering, source, query, time_range, user)
                    fresh = _answer(headwater, source, query, time_range, user)
                    assert remembered == fresh, (
                        f"{user.name} got a remembered answer, from {time_range.from_:%H:%M} on, "
                        "that differs from the fresh one"
                    )


def _answer(
    host: Headwater, source: str, query: Mapping[str, Any], time_range: TimeRange, user: User
) -> list[tuple[str, list[Any]]]:
    """The frames' names and columns. Raises the query's error."""
    request = {
        "queries": [{"refId": "A", "datasource": {"uid": host.data_source(source).uid}, **query}],
        "from": str(int(time_range.from_.timestamp() * 1000)),
        "to": str(int(time_range.to.timestamp() * 1000)),
    }
    response = host.query_data(request, user=user).responses["A"]
    if response.error is not None:
        raise response.error
    return [(frame.name, [column.to_pylist() for column in frame.table.columns]) for frame in response.frames]
