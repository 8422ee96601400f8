from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from headwater import CallContext, Frame, Headwater, InMemoryRegistry, QueryLimits, TimeRange, hookimpl
from headwater.calls import Progress, WorkerPool
from headwater.errors import (
    DataSourceExistsError,
    DataSourceNotFoundError,
    DownstreamServerError,
    FrameError,
    HeadwaterError,
    LimitExceededError,
    MethodNotImplementedError,
    PluginHealthCheckError,
    PluginNotRegisteredError,
    PluginRequestFailedError,
    QueryCanceledError,
    ValidationError,
)
from headwater.models import (
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    DataResponse,
    HealthStatus,
    PluginContext,
    PluginInfo,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import CorePlugin

PATIENCE = 10.0
MakeHost = Callable[..., Headwater]
CancelWhen = Callable[..., None]


class Full:
    """Answers with what `outcome` says, and keeps what it was asked."""

    def __init__(self, outcome: Any = None) -> None:
        self.outcome = outcome or DataResponse((Frame.from_pydict({"a": [1, 2]}),))
        self.requests: list[Any] = []
        self.contexts: list[CallContext] = []
        self.entered = threading.Event()
        self.stopped = 0
        self.discarded: list[PluginContext] = []

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        return PluginInfo(id="full", query_text_key="rawSql")

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        self.requests.append(request)
        self.contexts.append(context)
        self.entered.set()
        outcome = self.outcome(context) if callable(self.outcome) else self.outcome
        return QueryDataResponse({} if outcome == "skip" else {"A": outcome})

    @hookimpl
    def check_health(self, request: CheckHealthRequest, context: CallContext) -> Any:
        self.entered.set()
        return self.outcome(context) if callable(self.outcome) else self.outcome

    @hookimpl
    def call_resource(self, request: CallResourceRequest, context: CallContext) -> Iterator[Any]:
        self.requests.append(request)
        answers: Any = self.outcome(context) if callable(self.outcome) else self.outcome
        yield from answers

    @hookimpl
    def stop_plugin(self) -> None:
        self.stopped += 1

    def discard_instance(self, context: PluginContext) -> None:
        self.discarded.append(context)

    @property
    def asked(self) -> Any:
        return self.requests[-1].queries[0]


def wait_for_the_end(context: CallContext) -> Any:
    context.wait(PATIENCE)


# --- queries ---------------------------------------------------------------------------------------


def test_a_query_returns_its_frame(make_host: MakeHost) -> None:
    frame = make_host(a=Full()).query("a", "SELECT 1")
    assert frame.table.to_pydict() == {"a": [1, 2]}
    assert frame.ref_id == "A"


def test_a_text_is_the_querys_main_text(make_host: MakeHost) -> None:
    full = Full()
    make_host(a=full).query("a", "SELECT 1", params=[7])
    assert full.asked.json == {"rawSql": "SELECT 1", "params": [7]}


def test_an_object_is_the_query_itself(make_host: MakeHost) -> None:
    full, query = Full(), {"rawSql": "SELECT 1", "queryType": "table"}
    make_host(a=full).query("a", query, max_data_points=5, interval_ms=10, params={"p": 1})
    assert full.asked.json == {"rawSql": "SELECT 1", "queryType": "table", "params": {"p": 1}}
    assert (full.asked.query_type, full.asked.max_data_points, full.asked.interval_ms) == ("table", 5, 10)
    assert "params" not in query


def test_a_plugin_without_a_main_text_takes_only_objects(make_host: MakeHost) -> None:
    class Silent(Full):
        @hookimpl
        def describe_plugin(self) -> PluginInfo:
            return PluginInfo(id="silent")

    host = make_host(a=Silent())
    with pytest.raises(ValidationError, match="takes query objects, not text"):
        host.query("a", "SELECT 1")
    assert host.query("a").num_rows == 2


@pytest.mark.parametrize("query", [["SELECT 1"], 5, [("rawSql", "SELECT 1")]])
def test_what_is_neither_text_nor_object_is_no_query(make_host: MakeHost, query: Any) -> None:
    with pytest.raises(ValidationError, match="give the query as text, or its keys as a mapping, not"):
        make_host(a=Full()).query("a", query)


UTC_NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
NOON_MS = 1_704_110_400_000


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"time_range": TimeRange.from_epoch_ms(1, 2)}, (1, 2)),
        ({"from_": UTC_NOON, "to": UTC_NOON.astimezone(timezone(timedelta(hours=5)))}, (NOON_MS, NOON_MS)),
        ({"from_": 5, "to": 7.9}, (5, 7)),
        ({"from_": "5", "to": "7"}, (5, 7)),
        ({"from_": "2024-01-01T12:00:00Z", "to": UTC_NOON}, (NOON_MS, NOON_MS)),
    ],
)
def test_times_are_given_in_many_ways(
    make_host: MakeHost, options: dict[str, Any], expected: tuple[int, int]
) -> None:
    full = Full()
    make_host(a=full).query("a", {}, **options)
    assert (full.asked.time_range.from_ms, full.asked.time_range.to_ms) == expected


@pytest.mark.parametrize("options", [{}, {"from_": "now-1h"}, {"to": "now"}])
def test_the_last_hour_is_the_default(make_host: MakeHost, options: dict[str, Any]) -> None:
    full = Full()
    before = datetime.now(UTC)
    make_host(a=full).query("a", {}, **options)
    assert full.asked.time_range.duration == timedelta(hours=1)
    assert before - timedelta(seconds=1) <= full.asked.time_range.to <= datetime.now(UTC)


@pytest.mark.parametrize(
    "options",
    [
        {"from_": datetime(2024, 1, 1), "to": UTC_NOON},  # noqa: DTZ001
        {"from_": datetime(2024, 1, 1)},  # noqa: DTZ001
        {"to": datetime(2024, 1, 1)},  # noqa: DTZ001
        {"from_": "yesterday-ish"},
        {"from_": "now", "to": "now-1h"},
    ],
)
def test_times_that_cannot_be_read_are_refused(make_host: MakeHost, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_host(a=Full()).query("a", {}, **options)


def test_an_option_that_does_not_exist_is_a_type_error(make_host: MakeHost) -> None:
    wrong: Any = {"time_out": 5}
    with pytest.raises(TypeError, match="unknown option 'time_out'; options are from_, to,"):
        make_host(a=Full()).query("a", {}, **wrong)


def test_the_error_of_a_query_is_raised(make_host: MakeHost) -> None:
    error = DownstreamServerError("no such table", code=1146)
    with pytest.raises(DownstreamServerError, match="no such table"):
        make_host(a=Full(DataResponse(error=error))).query("a", {})


def test_several_frames_need_query_frames(make_host: MakeHost) -> None:
    frame = Frame.from_pydict({"a": [1]})
    host = make_host(a=Full(DataResponse((frame, frame))))
    assert len(host.query_frames("a", {})) == 2
    with pytest.raises(FrameError, match="2 frames; use query_frames"):
        host.query("a", {})


@pytest.mark.parametrize("outcome", [DataResponse(), "skip"])
def test_an_answer_without_frames_is_empty(make_host: MakeHost, outcome: Any) -> None:
    host = make_host(a=Full(outcome))
    assert host.query_frames("a", {}) == []
    assert host.query("a", {}).num_rows == 0


def test_bounds_reach_the_plugin(make_host: MakeHost) -> None:
    full = Full()
    host = make_host(a=full, options={"limits": QueryLimits(timeout=50)})
    host.query("a", {}, max_rows=5, max_bytes=None)
    assert (full.contexts[-1].limits.max_rows, full.contexts[-1].limits.max_bytes) == (5, None)
    assert 40 < (full.contexts[-1].remaining() or 0) <= 50
    host.query("a", {}, timeout=7)
    assert 0 < (full.contexts[-1].remaining() or 0) <= 7
    host.query("a", {}, timeout=None)
    assert full.contexts[-1].remaining() is None


def test_progress_is_told(make_host: MakeHost) -> None:
    def report(context: CallContext) -> DataResponse:
        context.report_progress(rows=3)
        return DataResponse()

    host, seen = make_host(a=Full(report)), list[Progress]()
    host.query("a", {}, on_progress=seen.append)
    host.query("a", {}, on_progress=seen.append, context=CallContext())
    assert seen == [Progress(rows=3)] * 2


def test_a_query_is_cancelled_from_another_thread(make_host: MakeHost, cancel_when: CancelWhen) -> None:
    full, context = Full(wait_for_the_end), CallContext()
    host = make_host(a=full)
    cancel_when(full.entered, context)
    with pytest.raises(QueryCanceledError):
        host.query("a", {}, context=context)


# --- data sources ----------------------------------------------------------------------------------


def test_a_data_source_is_found_by_uid_before_name(make_host: MakeHost) -> None:
    host = make_host(a=Full())
    first = host.add_data_source("x", type="a", uid="1")
    second = host.add_data_source("other", type="a", uid="x")
    assert host.data_source("1") == first
    assert host.data_source("x") == second
    host.remove_data_source("x")
    assert host.data_source("x") == first


def test_a_new_uid_goes_before_a_name_that_was_used_until_now(make_host: MakeHost) -> None:
    host = make_host(a=Full())
    first = host.add_data_source("x", type="a", uid="1")
    assert host.data_source("x") == first
    second = host.add_data_source("other", type="a", uid="x")
    assert host.data_source("x") == second


def test_a_renamed_data_source_loses_its_old_name(make_host: MakeHost) -> None:
    host = make_host(a=Full())
    host.add_data_source("old", type="a", uid="1")
    assert host.data_source("old").uid == "1"
    host.update_data_source("old", name="new")
    assert host.data_source("new").uid == "1"
    with pytest.raises(DataSourceNotFoundError, match="no data source 'old'"):
        host.data_source("old")


def test_names_are_not_looked_up_in_the_store_at_each_query(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host(a=Full())
    host.add_data_source("by name", type="a")
    host.query("by name", {})

    def fail(*_: Any) -> Any:
        raise AssertionError("asked the store again")

    monkeypatch.setattr(host.store, "get_by_uid", fail)
    monkeypatch.setattr(host.store, "get_by_name", fail)
    host.query("by name", {})


def test_an_unknown_plugin_is_refused_when_a_data_source_is_added(make_host: MakeHost) -> None:
    with pytest.raises(PluginNotRegisteredError, match="'nothing' is not registered"):
        make_host(a=Full()).add_data_source("x", type="nothing")


def test_a_taken_name_is_refused(make_host: MakeHost) -> None:
    with pytest.raises(DataSourceExistsError):
        make_host(a=Full()).add_data_source("a", type="a")


def test_an_edit_is_seen_by_the_next_query(make_host: MakeHost) -> None:
    full = Full()
    host = make_host(a=full)
    host.query("a", {})
    host.update_data_source("a", url="http://new", secure_json_data={"password": "hunter2"})
    host.query("a", {})
    settings = [each.plugin_context.data_source_instance_settings for each in full.requests]
    assert [each.version for each in settings] == [1, 2]
    assert settings[1].url == "http://new"
    assert settings[1].decrypted_secure_json_data["password"].reveal() == "hunter2"


def test_a_removed_data_source_is_gone_and_its_instance_too(make_host: MakeHost) -> None:
    full = Full()
    host = make_host(a=full)
    host.query("a", {})
    host.remove_data_source("a")
    (discarded,) = full.discarded
    asked = full.requests[0].plugin_context
    assert (discarded.namespace, discarded.org_id) == (asked.namespace, asked.org_id)
    assert discarded.data_source_instance_settings is not None
    assert discarded.data_source_instance_settings.uid == "a"
    with pytest.raises(DataSourceNotFoundError):
        host.query("a", {})


# --- health ----------------------------------------------------------------------------------------


def test_health_is_the_plugins_word(make_host: MakeHost) -> None:
    result = CheckHealthResult.failed("down", since="noon")
    assert make_host(a=Full(result)).check_health("a") == result


def test_a_health_check_that_takes_too_long_is_a_result(make_host: MakeHost) -> None:
    result = make_host(a=Full(wait_for_the_end)).check_health("a", timeout=0.02)
    assert result.status is HealthStatus.ERROR
    assert "deadline" in result.message


def test_a_health_check_that_hangs_is_given_up(make_host: MakeHost, release: threading.Event) -> None:
    full = Full(lambda _: release.wait(PATIENCE))
    host = make_host(a=full, options={"grace": 0.01})
    assert host.check_health("a", timeout=0.5).status is HealthStatus.ERROR
    assert host.query_service.abandoned == 1


def test_a_health_check_may_be_cancelled(make_host: MakeHost, cancel_when: CancelWhen) -> None:
    full, context = Full(wait_for_the_end), CallContext()
    host = make_host(a=full)
    cancel_when(full.entered, context)
    with pytest.raises(QueryCanceledError):
        host.check_health("a", context=context)


def test_a_health_check_with_a_bug_is_an_error(make_host: MakeHost) -> None:
    def bug(_: CallContext) -> Any:
        raise KeyError("hunter2")

    with pytest.raises(PluginHealthCheckError):
        make_host(a=Full(bug)).check_health("a")


# --- resources -------------------------------------------------------------------------------------


def test_a_resource_answer_comes_whole(make_host: MakeHost) -> None:
    answers = [CallResourceResponse(201, {"ETag": ("1",)}, b"a"), CallResourceResponse(500, {}, b"b")]
    full = Full(answers)
    answer = make_host(a=full).call_resource(
        "a", "/tables/x", method="POST", query_string="limit=5", headers={"Accept": ("*/*",)}, body=b"{}"
    )
    assert answer == CallResourceResponse(201, {"ETag": ("1",)}, b"ab")
    asked = full.requests[0]
    assert (asked.path, asked.url, asked.method) == ("tables/x", "tables/x?limit=5", "POST")
    assert (asked.headers, asked.body) == ({"Accept": ("*/*",)}, b"{}")


def test_a_resource_answer_is_bounded(make_host: MakeHost) -> None:
    def endless(_: CallContext) -> Iterator[CallResourceResponse]:
        while True:
            yield CallResourceResponse(body=b"x" * 100)

    host = make_host(a=Full(endless), options={"limits": QueryLimits(max_bytes=1000)})
    with pytest.raises(LimitExceededError, match="longer than 1,000 bytes"):
        host.call_resource("a", "x")


def test_a_resource_call_that_hangs_is_given_up(make_host: MakeHost, release: threading.Event) -> None:
    def hang(_: CallContext) -> Iterator[CallResourceResponse]:
        release.wait(PATIENCE)
        yield CallResourceResponse()

    host = make_host(a=Full(hang), options={"grace": 0.01, "limits": QueryLimits(timeout=0.5)})
    with pytest.raises(HeadwaterError, match="did not return"):
        host.call_resource("a", "x")


def test_a_missing_resource_hook_is_not_implemented(make_host: MakeHost) -> None:
    class OnlyHealth:
        @hookimpl
        def check_health(self) -> CheckHealthResult:
            return CheckHealthResult.ok("")

    with pytest.raises(MethodNotImplementedError):
        make_host(a=OnlyHealth()).call_resource("a", "x")


# --- life cycle ------------------------------------------------------------------------------------


def test_closing_ends_what_is_running(make_host: MakeHost) -> None:
    full = Full(wait_for_the_end)
    host = make_host(a=full)
    outcome: list[BaseException] = []

    def query() -> None:
        try:
            host.query("a", {})
        except HeadwaterError as error:
            outcome.append(error)

    thread = threading.Thread(target=query)
    thread.start()
    assert full.entered.wait(PATIENCE)
    host.close()
    thread.join(PATIENCE)
    (error,) = outcome
    assert isinstance(error, QueryCanceledError)
    assert str(error) == "The host is closing."


def test_a_closed_host_has_stopped_its_plugins_and_says_so(make_host: MakeHost) -> None:
    full = Full()
    with make_host(a=full) as host:
        host.query("a", {})
    host.close()
    assert full.stopped == 1
    with pytest.raises(RuntimeError, match="closed"):
        host.query("a", {})


def test_a_plugin_that_does_not_stop_hinders_no_other(
    make_host: MakeHost, caplog: pytest.LogCaptureFixture
) -> None:
    class Stubborn(Full):
        @hookimpl
        def stop_plugin(self) -> None:
            raise RuntimeError("no")

    last = Full()
    make_host(a=Stubborn(), z=last).close()
    assert last.stopped == 1
    assert "Stopping a plugin failed" in caplog.text


def test_closing_leaves_a_given_store_and_given_workers_open() -> None:
    workers, registry = WorkerPool(), InMemoryRegistry()
    registry.add(CorePlugin.of("a", Full()))
    with Headwater(registry=registry, workers=workers) as first:
        first.add_data_source("a", type="a")
        store = first.store
    assert workers.submit(int).result(PATIENCE) == 0
    assert store.get_by_name("a").type == "a"


def test_two_hosts_share_nothing(make_host: MakeHost) -> None:
    one, other = make_host(a=Full()), make_host(b=Full())
    with pytest.raises(DataSourceNotFoundError):
        one.query("b", {})
    one.close()
    assert other.query("b", {}).num_rows == 2


def test_a_plugin_is_described_by_id(make_host: MakeHost) -> None:
    host = make_host(a=Full())
    assert host.plugin_info("a").query_text_key == "rawSql"
    with pytest.raises(PluginNotRegisteredError):
        host.plugin_info("b")


def test_a_bug_in_a_plugin_is_no_secret_but_its_text_is(
    make_host: MakeHost, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(_: CallContext) -> Any:
        raise RuntimeError("dsn=hunter2")

    with pytest.raises(PluginRequestFailedError, match=r"within the plugin \(RuntimeError\)") as caught:
        make_host(a=Full(bug)).query("a", {})
    assert "hunter2" not in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "unexpected error" in caplog.text


# --- streams ---------------------------------------------------------------------------------------


def test_a_plugin_without_streams_is_streamed_from_its_frame(make_host: MakeHost) -> None:
    with make_host(a=Full()).stream("a", {}) as stream:
        assert pa.table(stream).to_pydict() == {"a": [1, 2]}
