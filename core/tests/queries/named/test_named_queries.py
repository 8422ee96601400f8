"""Named queries in a host: added, changed, run, and limited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from headwater import AsyncHeadwater, CallContext, Headwater, QueryLimits
from headwater.datasources import AddDataSource
from headwater.errors import (
    DataSourceNotFoundError,
    HeadwaterError,
    NamedQueryExistsError,
    NamedQueryNotFoundError,
    NamedQueryReadOnlyError,
    NamedQueryVersionConflictError,
    QueryError,
    ValidationError,
)
from headwater.plugins.plugin import unusable
from headwater.queries.named import (
    KEPT_VERSIONS,
    MemoryNamedQueryStore,
    NamedQuery,
    Parameter,
    ParameterType,
    named_query_from,
    named_query_to,
)

from .conftest import Binding

TIMES = ": write now-6h, an ISO 8601 date or time, or milliseconds since 1970"
SQL = "SELECT region FROM orders WHERE day >= :day AND region IN (:regions)"


def named(**changes: Any) -> NamedQuery:
    body = {
        "id": "revenue",
        "datasource": "shop",
        "query": {"sql": SQL},
        "parameters": [
            {"name": "day", "type": "time"},
            {"name": "regions", "type": "text", "list": True, "default": ["north"]},
        ],
        **changes,
    }
    return named_query_from(body)


def nested(depth: int) -> Any:
    """A list in a list, and so on."""
    return [nested(depth - 1)] if depth else []


def test_values_are_bound_and_never_part_of_the_text(host: Headwater, plugin: Binding) -> None:
    host.named_queries.add(named())
    host.run("revenue", day="2026-01-31", regions=["'; DROP TABLE orders --"])
    [asked] = plugin.asked
    assert asked["sql"] == SQL
    assert asked["params"] == {
        "day": datetime(2026, 1, 31, tzinfo=UTC),
        "regions": ["'; DROP TABLE orders --"],
    }


def test_a_reference_takes_the_place_of_a_value_anywhere_in_the_query(
    host: Headwater, plugin: Binding
) -> None:
    query = {"sql": "SELECT ?", "rows": {"$param": "n"}, "params": [{"$param": "n"}, 2]}
    host.named_queries.add(named(query=query, parameters=[{"name": "n", "type": "integer"}]))
    assert host.run("revenue", n=3).num_rows == 3
    assert plugin.asked == [{"sql": "SELECT ?", "rows": 3, "params": [3, 2]}]


def test_keywords_are_options_of_the_query_or_values(host: Headwater, plugin: Binding) -> None:
    host.named_queries.add(named())
    frame = host.run("revenue", {"day": "now"}, regions=[], max_rows=1, timeout=5)
    assert frame.num_rows == 1
    assert plugin.asked[0]["params"]["regions"] == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "parameters.day: is required"),
        ({"day": "x"}, f"parameters.day: invalid time 'x'{TIMES}"),
        ({"day": "now", "regions": ["a", 1]}, "parameters.regions[1]: expected text"),
        ({"day": "now", "regions[]": []}, "parameters.regions[]: is no parameter; it takes day, regions"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_asked(
    host: Headwater, plugin: Binding, values: dict[str, Any], message: str
) -> None:
    host.named_queries.add(named())
    with pytest.raises(ValidationError) as caught:
        host.run("revenue", values)
    assert str(caught.value) == message
    assert plugin.asked == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": "a b"}, "id"),
        ({"query": {}}, "query.sql"),
        ({"query": {"sql": {"$param": "day"}}}, "query.sql"),
        ({"query": {"sql": SQL, "rows": {"$param": "other"}}}, "query"),
        ({"query": {"sql": SQL, "rows": {"$param": "day", "x": 1}}}, "query.$param"),
        ({"query": {"sql": SQL, "params": {"day": {"$param": "day"}}}}, "query.params"),
        ({"query": {"sql": SQL, "rowz": 1}}, "query.rowz"),
        ({"parameters": [{"name": "max_rows"}]}, "parameters[0].name"),
        ({"parameters": [{"name": "a"}, {"name": "a"}]}, "parameters[1].name"),
        ({"timeRange": {"from": "now", "to": "now-1h"}}, ""),
        ({"limits": {"maxRows": 0}}, "limits.maxRows"),
        ({"limits": {"timeout": "2d"}}, "limits.timeout"),
        ({"cache": {"ttl": "5x"}}, "cache.ttl"),
        ({"cache": {"ttl": "5s", "ranges": 1}}, "cache.ranges"),
        ({"cache": {"ttl": "5s", "ranges": True}}, "cache.ranges"),  # the plugin knows no time groups
        ({"tags": ["a,b"]}, "tags"),
        ({"tags": ["a"] * 51}, "parameters"),
        ({"title": "x" * 191}, "title"),
        ({"description": "x" * 10_001}, "description"),
        ({"parameters": [{"name": f"p{n}"} for n in range(101)]}, "parameters"),
        ({"query": {"sql": SQL, "options": nested(31)}}, "query"),
    ],
)
def test_a_query_that_could_not_run_is_not_kept(host: Headwater, changes: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        host.named_queries.add(named(**changes))
    assert caught.value.path == path
    assert host.named_queries.list() == []


def test_a_plugin_that_binds_nothing_needs_references(make_host: Any) -> None:
    class Silent(Binding):
        def describe_plugin(self) -> Any:
            return evolve(super().describe_plugin(), query_schema={"properties": {"sql": {}}})

    host = make_host(shop=Silent())
    with pytest.raises(ValidationError, match="binds no parameters; say where 'day' goes"):
        host.named_queries.add(named())


def test_what_only_a_plugin_knows_is_not_checked_before_it_is_there(host: Headwater) -> None:
    host.registry.remove("shop")
    host.named_queries.add(named(query={"sqll": SQL}))
    with pytest.raises(ValidationError, match=r"limits\.maxRows"):
        host.named_queries.add(named(id="other", limits={"maxRows": 0}))


def test_the_data_source_has_to_exist_and_is_kept_by_uid(host: Headwater) -> None:
    host.update_data_source("shop", name="The shop")
    assert host.named_queries.add(named(datasource="The shop")).data_source == "shop"
    with pytest.raises(DataSourceNotFoundError):
        host.named_queries.add(named(id="other", datasource="elsewhere"))


def test_every_change_is_a_version_that_says_who_made_it(host: Headwater) -> None:
    host.named_queries.add(named(), "ann")
    host.named_queries.update(named(title="Revenue"), "bob", version=1)
    host.named_queries.save(named(title="Revenue"), "cat")  # changes nothing
    newest, first = host.named_queries.versions("revenue")
    assert (newest.version, newest.title, newest.updated_by) == (2, "Revenue", "bob")
    assert (first.version, first.title, first.updated_by) == (1, "", "ann")
    assert newest.created == first.created
    assert newest.updated >= first.updated


def test_old_versions_are_forgotten(host: Headwater) -> None:
    host.named_queries.add(named())
    for number in range(KEPT_VERSIONS + 3):
        host.named_queries.update(named(title=str(number)))
    versions = host.named_queries.versions("revenue")
    assert [versions[0].version, len(versions)] == [KEPT_VERSIONS + 4, KEPT_VERSIONS]


def test_clashing_changes_are_refused(host: Headwater) -> None:
    host.named_queries.add(named())
    with pytest.raises(NamedQueryExistsError):
        host.named_queries.add(named())
    host.named_queries.update(named(title="mine"))
    with pytest.raises(NamedQueryVersionConflictError, match="has version 2, not 1"):
        host.named_queries.update(named(title="yours"), version=1)
    host.named_queries.remove("revenue")
    for use in (host.named_queries.get, host.named_queries.remove, host.named_queries.versions, host.run):
        with pytest.raises(NamedQueryNotFoundError):
            use("revenue")


def test_a_store_tells_whoever_comes_too_late() -> None:
    store = MemoryNamedQueryStore()
    store.save(evolve(named(), version=1))
    store.delete("revenue")
    with pytest.raises(NamedQueryNotFoundError, match="no named query 'revenue'"):
        store.delete("revenue")
    with pytest.raises(NamedQueryNotFoundError, match="no named query 'revenue'"):
        store.save(evolve(named(), version=2))


def test_what_a_file_provides_only_files_change(host: Headwater) -> None:
    host.named_queries.add(evolve(named(), read_only=True))
    with pytest.raises(NamedQueryReadOnlyError):
        host.named_queries.update(named(title="mine"))
    with pytest.raises(NamedQueryReadOnlyError):
        host.named_queries.remove("revenue")
    host.named_queries.remove("revenue", force=True)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"title": 5}, "title"),
        ({"datasource": None}, "datasource"),
        ({"datasource": {"type": "shop"}}, "datasource"),
        ({"query": ["SELECT 1"]}, "query"),
        ({"parameters": {"day": "time"}}, "parameters"),
        ({"parameters": ["day"]}, "parameters[0]"),
        ({"parameters": [{"name": "day", "maxLength": "5"}]}, "parameters[0].maxLength"),
        ({"parameters": [{"name": "day", "list": True, "maxItems": True}]}, "parameters[0].maxItems"),
        ({"parameters": [{"name": "day", "choices": "a"}]}, "parameters[0].choices"),
        ({"timeRange": "1h"}, "timeRange"),
        ({"limits": {"maxRows": "5"}}, "limits.maxRows"),
        ({"limits": {"maxRows": float("inf")}}, "limits.maxRows"),
        ({"limits": {"maxBytes": float("nan")}}, "limits.maxBytes"),
        ({"limits": {"timeout": True}}, "limits.timeout"),
        ({"limits": {"maxRange": "5x"}}, "limits.maxRange"),
        ({"limits": {"maxRange": float("inf")}}, "limits.maxRange"),
        ({"cache": ["30s"]}, "cache"),
        ({"tags": "sales"}, "tags"),
        ({"tags": ["sales", 1]}, "tags"),
    ],
)
def test_a_json_form_with_a_value_of_another_type_is_refused_with_its_place(
    changes: dict[str, Any], path: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        named(**changes)
    assert caught.value.path == path


def test_times_and_durations_of_python_are_text_and_seconds_in_its_json_form(host: Headwater) -> None:
    """YAML has dates, too."""
    full = named(
        parameters=[
            {"name": "day", "type": "time", "default": date(2026, 1, 31)},
            {"name": "step", "type": "duration", "minimum": timedelta(minutes=1), "list": True},
        ]
    )
    host.named_queries.add(full)
    assert named_query_to(full)["parameters"] == [
        {"name": "day", "type": "time", "default": "2026-01-31"},
        {"name": "step", "type": "duration", "minimum": 60.0, "list": True},
    ]


def test_its_json_form_says_all_of_it(host: Headwater) -> None:
    full = named(
        title="Revenue",
        description="By region.",
        timeRange={"from": "now-7d", "to": "now/d"},
        limits={"maxRows": 5, "maxBytes": 1000, "timeout": "30s", "maxRange": "31d"},
        cache={"ttl": "1m", "staleWhileRevalidate": "5m"},
        tags=["sales"],
    )
    kept = host.named_queries.add(full)
    assert named_query_from(named_query_to(kept, stamps=False)) == full
    assert named_query_to(kept)["limits"] == {
        "maxRows": 5,
        "maxBytes": 1000,
        "timeout": 30.0,
        "maxRange": 2678400.0,
    }


def test_limits_of_the_query_bound_those_of_the_caller(host: Headwater, plugin: Binding) -> None:
    host.named_queries.add(named(query={"sql": SQL, "rows": 50}, limits={"maxRows": 20, "maxRange": "1d"}))
    assert host.run("revenue", day="now").num_rows == 20
    assert host.run("revenue", day="now", max_rows=100).num_rows == 20
    assert host.run("revenue", day="now", max_rows=None).num_rows == 20
    assert host.run("revenue", day="now", max_rows=7).num_rows == 7
    with host.run_stream("revenue", day="now") as stream:
        frame = stream.collect()
    assert (frame.num_rows, frame.truncated) == (20, True)
    with pytest.raises(ValidationError, match="timeRange: is longer than 86400 seconds"):
        host.run("revenue", day="now", from_="now-2d", to="now")


def test_choices_may_be_what_another_named_query_finds(host: Headwater, plugin: Binding) -> None:
    host.named_queries.add(named(id="regions", parameters=[]))
    host.named_queries.add(
        named(parameters=[{"name": "region", "type": "choice", "choicesFrom": "regions", "default": "east"}])
    )
    host.run("revenue", region="south")
    host.run("revenue")  # a default is its author's, and is not looked up
    with pytest.raises(ValidationError, match=r"parameters\.region: is none of the choices"):
        host.run("revenue", region="west")
    assert [asked.get("params") for asked in plugin.asked] == [
        None,
        {"region": "south"},
        {"region": "east"},
        None,
    ]


def test_each_item_of_a_list_is_one_of_the_choices_that_another_named_query_finds(
    host: Headwater, plugin: Binding
) -> None:
    host.named_queries.add(named(id="regions", parameters=[]))
    some = {"name": "some", "type": "choice", "choicesFrom": "regions", "list": True}
    host.named_queries.add(named(parameters=[some]))
    host.run("revenue", some=["south", "north"])
    assert plugin.asked[-1]["params"] == {"some": ["south", "north"]}
    with pytest.raises(ValidationError, match=r"parameters\.some: is none of the choices"):
        host.run("revenue", some=["south", "west"])


def test_a_fault_of_the_query_that_finds_choices_is_no_fault_of_a_value(host: Headwater) -> None:
    host.named_queries.add(named(id="regions", parameters=[]))
    choice = {"name": "region", "type": "choice", "choicesFrom": "regions"}
    host.named_queries.add(named(parameters=[choice]))
    host.named_queries.save(named(id="regions", parameters=[{"name": "secret_day", "type": "time"}]))
    with pytest.raises(QueryError, match=r"'regions', which cannot run so: parameters\.secret_day"):
        host.run("revenue", region="south")


def test_choices_are_within_the_limits_of_the_query_that_finds_them(host: Headwater, plugin: Binding) -> None:
    def choices_of(**limits: Any) -> Sequence[Any]:
        host.named_queries.save(
            named(id="regions", query={"sql": SQL, "rows": 5}, parameters=[], limits=limits)
        )
        return host.named_query_runner.choices(parameter, CallContext(limits=QueryLimits(max_rows=3)))

    parameter = Parameter(name="region", type=ParameterType.CHOICE, choices_from="regions")
    assert [len(choices_of(**limits)) for limits in ({}, {"maxRows": 2}, {"maxRows": 9})] == [3, 2, 3]
    choices_of(timeout=5)
    assert plugin.seconds is not None
    assert plugin.seconds <= 5


def test_a_change_that_comes_while_the_query_is_read_is_seen_at_once(
    host: Headwater, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.named_queries.add(named())
    read = host.named_queries.store.get

    def slowly(id_: str) -> NamedQuery:
        found = read(id_)
        monkeypatch.undo()
        host.named_queries.update(named(title="New"))
        return found

    monkeypatch.setattr(host.named_queries.store, "get", slowly)
    host.named_queries.find("revenue")
    assert host.named_queries.find("revenue").title == "New"


def test_an_event_loop_runs_them_too(host: Headwater) -> None:
    host.named_queries.add(named())

    async def run() -> list[int]:
        headwater = AsyncHeadwater(host)
        frame, frames = await asyncio.gather(
            headwater.run("revenue", day="now"), headwater.run_frames("revenue", day="now", max_rows=1)
        )
        async with headwater.run_stream("revenue", day="now") as stream:
            streamed = [batch.num_rows async for batch in stream]
        chunks = [chunk async for chunk in headwater.run_chunks("revenue", day="now")]
        streamed += [chunk.frame.num_rows for chunk in chunks if chunk.frame is not None]
        with pytest.raises(HeadwaterError, match="is required"):
            await headwater.run("revenue")
        await headwater.close()
        return [frame.num_rows, frames[0].num_rows, *streamed]

    assert asyncio.run(run()) == [2, 1, 2, 2]


def test_it_may_be_kept_before_its_plugin_can_be_used(make_host: Callable[..., Headwater]) -> None:
    host = make_host()
    host.registry.add(unusable("shop", "Plugin 'shop' is BROKEN: no driver", "1.0"))
    host.data_sources.add(AddDataSource(name="shop", type="shop"))
    assert host.named_queries.add(named()).version == 1


def test_its_cache_rule_goes_with_the_query(host: Headwater, plugin: Binding) -> None:
    host.named_queries.add(named(cache={"ttl": "5m", "staleWhileRevalidate": "1h"}))
    host.run("revenue", day="now")
    host.run("revenue", day="now", cache_ttl=1)
    keys = ("queryCachingTTL", "queryCachingStaleTTL")
    assert [[asked.get(key) for key in keys] for asked in plugin.asked] == [
        [300_000, 3_600_000],
        [1000, None],
    ]
