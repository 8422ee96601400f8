"""A plugin written as its author would: settings, a query model, a data source."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from attrs import frozen

from headwater import CallContext, Frame, FrameStream, Headwater, Secret
from headwater.errors import (
    DeadlineExceededError,
    DownstreamAuthError,
    DownstreamServerError,
    LimitExceededError,
    PluginHealthCheckError,
    PluginRequestFailedError,
    PluginUnavailableError,
    QueryCanceledError,
    ValidationError,
)
from headwater.frames import FrameMeta, Notice
from headwater.models import AnswerTraits, CheckHealthResult, DataQuery, HealthStatus, PluginContext
from headwater.queries import DataSourceRef, MetricQuery
from headwater.sdk import DataSource, DataSourcePlugin, Query, ResourceRequest, field, resource, secret

PATIENCE = 10.0
MakeHost = Callable[..., Headwater]
CancelWhen = Callable[..., None]


@frozen
class Settings:
    rows: int = field(default=3, minimum=0)
    password: Secret | None = secret()


@frozen(kw_only=True)
class Ask(Query):
    do: str = "frame"


class Source(DataSource[Settings, Ask]):
    """Does what the query says."""

    alive: ClassVar[list[Source]] = []

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.entered = threading.Event()
        self.closed = False
        self.stream_closed = threading.Event()
        Source.alive.append(self)

    def query(self, query: Ask, context: CallContext) -> Any:
        self.entered.set()
        return getattr(self, query.do)(query, context)

    def query_chunked(self, query: Ask, context: CallContext) -> Any:
        if query.do == "way":
            return Frame.from_pydict({"way": ["piece by piece"]})
        return super().query_chunked(query, context)

    def way(self, query: Ask, context: CallContext) -> Frame:
        return Frame.from_pydict({"way": ["at once"]})

    def frame(self, query: Ask, context: CallContext) -> Frame:
        return Frame.from_pydict({"n": list(range(self.settings.rows))})

    def ref_id(self, query: Ask, context: CallContext) -> Frame:
        return Frame.from_pydict({"ref": [query.ref_id], "points": [query.max_data_points]})

    def table(self, query: Ask, context: CallContext) -> pa.Table:
        return pa.table({"n": [1]})

    def many(self, query: Ask, context: CallContext) -> Iterator[Frame]:
        for number in range(4):
            yield Frame.from_pydict({"n": [number] * 10})

    def nothing(self, query: Ask, context: CallContext) -> None:
        return None

    def wrong(self, query: Ask, context: CallContext) -> Any:
        return [1, 2]

    def number(self, query: Ask, context: CallContext) -> Any:
        return 5

    def very_many(self, query: Ask, context: CallContext) -> Iterator[Frame]:
        return repeat(Frame.from_pydict({}), 100_001)

    def interrupted(self, query: Ask, context: CallContext) -> Any:
        raise KeyboardInterrupt

    def server_error(self, query: Ask, context: CallContext) -> Any:
        raise DownstreamServerError("no such table")

    def bug(self, query: Ask, context: CallContext) -> Any:
        raise KeyError("hunter2")

    def leave(self, query: Ask, context: CallContext) -> Any:
        raise SystemExit(3)

    def wait(self, query: Ask, context: CallContext) -> Any:
        context.wait(PATIENCE)

    def stream(self, query: Ask, context: CallContext) -> FrameStream:
        schema = pa.schema({"n": pa.int64()})

        def batches() -> Iterator[pa.RecordBatch]:
            for number in range(1000):
                yield pa.record_batch([pa.array([number] * 10)], schema=schema)

        return FrameStream(schema, batches(), on_close=self.stream_closed.set)

    def noted_stream(self, query: Ask, context: CallContext) -> FrameStream:
        """Says early that it samples, and late what came up on the way."""
        rows = iter([pa.record_batch({"n": [1, 2]}), pa.record_batch({"n": [3]})])

        def batches() -> Iterator[pa.RecordBatch]:
            yield next(rows)
            stream.add_notice(Notice.warning("one shard is missing"))
            yield next(rows)
            stream.add_notice(Notice.warning("the last row is incomplete"))

        stream = FrameStream(
            pa.schema({"n": pa.int64()}), batches(), meta=FrameMeta(notices=(Notice.info("sampled"),))
        )
        return stream

    def empty_stream(self, query: Ask, context: CallContext) -> FrameStream:
        return FrameStream(pa.schema({"n": pa.int64()}), iter(()))

    def broken_stream(self, query: Ask, context: CallContext) -> FrameStream:
        schema = pa.schema({"n": pa.int64()})

        def batches() -> Iterator[pa.RecordBatch]:
            yield pa.record_batch([pa.array([1])], schema=schema)
            raise DownstreamServerError("gone")

        return FrameStream(schema, batches())

    def check_health(self, context: CallContext) -> CheckHealthResult:
        return CheckHealthResult.ok("fine", rows=self.settings.rows)

    @resource("rows")
    def rows(self, request: ResourceRequest, context: CallContext) -> int:
        return self.settings.rows

    def close(self) -> None:
        self.closed = True


class Plugin(DataSourcePlugin):
    version = "1.0"
    id = "p"
    name = "Plugin"
    settings_type = Settings
    query_type = Ask
    query_text_key = "do"
    data_source = Source


@pytest.fixture(autouse=True)
def _none_alive() -> Iterator[None]:
    Source.alive.clear()
    yield
    Source.alive.clear()


@pytest.fixture
def host(make_host: MakeHost) -> Headwater:
    return make_host(p=Plugin())


def ask(do: str, ref_id: str) -> MetricQuery:
    return MetricQuery(DataSourceRef(uid="p"), DataQuery(ref_id, json={"do": do}))


def test_the_description_comes_from_the_class(host: Headwater) -> None:
    info = host.plugin_info("p")
    assert (info.id, info.name, info.query_text_key) == ("p", "Plugin", "do")
    assert info.secret_keys == ("password",)
    assert set(info.settings_schema["properties"]) == {"rows", "password"}
    assert set(info.query_schema["properties"]) == {"do"}
    assert Source.alive == []


@pytest.mark.parametrize("do", ["frame", "table", "stream", "empty_stream", "ref_id"])
def test_whatever_a_query_returns_is_a_frame_with_its_ref_id(host: Headwater, do: str) -> None:
    assert host.query("p", do).ref_id == "A"


def test_the_query_knows_its_request(host: Headwater) -> None:
    assert host.query("p", "ref_id", max_data_points=7).table.to_pylist() == [{"ref": "A", "points": 7}]


def test_a_skipped_query_has_no_frames(host: Headwater) -> None:
    assert host.query_frames("p", "nothing") == []
    assert list(host.query_chunks("p", "nothing")) == []


def test_several_frames_are_several_frames(host: Headwater) -> None:
    assert [frame.num_rows for frame in host.query_frames("p", "many")] == [10] * 4
    assert [chunk.frame_id for chunk in host.query_chunks("p", "many")] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("do", ["many", "stream"])
def test_answers_are_cut_at_the_limit_and_say_so(host: Headwater, do: str) -> None:
    frames = host.query_frames("p", do, max_rows=25)
    assert sum(frame.num_rows for frame in frames) == 25
    assert frames[-1].meta is not None
    assert "row limit" in frames[-1].meta.notices[0].text
    assert all(frame.meta is None for frame in frames[:-1])


def test_bytes_are_limited_over_all_frames(host: Headwater) -> None:
    frames = host.query_frames("p", "many", max_bytes=250)
    assert sum(frame.num_rows for frame in frames) <= 32
    assert frames[-1].meta is not None
    assert "byte limit" in frames[-1].meta.notices[0].text


def test_a_limit_that_is_just_reached_cuts_nothing(host: Headwater) -> None:
    frames = host.query_frames("p", "many", max_rows=40)
    assert [frame.num_rows for frame in frames] == [10] * 4
    assert all(frame.meta is None for frame in frames)


def test_a_collected_answer_has_a_number_of_frames_that_memory_holds(host: Headwater) -> None:
    with pytest.raises(LimitExceededError, match="more than 100,000 frames"):
        host.query_frames("p", "very_many")


def test_an_interrupted_query_is_no_answer(host: Headwater) -> None:
    with pytest.raises(KeyboardInterrupt):
        host.query("p", "interrupted")


def test_a_collected_stream_is_closed(host: Headwater) -> None:
    host.query("p", "stream", max_rows=5)
    assert Source.alive[0].stream_closed.is_set()


def test_a_stream_passes_in_pieces_and_closes_early(host: Headwater) -> None:
    with host.stream("p", "stream") as stream:
        assert next(stream).num_rows == 10
        assert not Source.alive[0].stream_closed.is_set()
    assert Source.alive[0].stream_closed.is_set()


def test_a_source_may_answer_in_another_way_piece_by_piece(host: Headwater) -> None:
    assert host.query("p", "way").to_pylist() == [{"way": "at once"}]
    assert host.stream("p", "way").read_all().to_pylist() == [{"way": "piece by piece"}]


def test_an_empty_stream_still_has_its_schema(host: Headwater) -> None:
    assert host.stream("p", "empty_stream").read_all().table.column_names == ["n"]


def test_notices_that_come_up_on_the_way_arrive_once(host: Headwater) -> None:
    frame = host.stream("p", "noted_stream").read_all()
    assert frame.table["n"].to_pylist() == [1, 2, 3]
    expected = ["sampled", "one shard is missing", "the last row is incomplete"]
    assert [notice.text for notice in frame.notices] == expected
    assert [notice.text for notice in host.query("p", "noted_stream").notices] == expected


def test_one_outcome_for_each_query(host: Headwater) -> None:
    wishes = ["frame", "server_error", "bug", "leave", "wrong", "number", "nothing", "broken_stream", "table"]
    responses = host.query_data([ask(do, do) for do in wishes]).responses
    assert {ref_id: type(each.error) for ref_id, each in responses.items() if each.error is not None} == {
        "server_error": DownstreamServerError,
        "bug": PluginRequestFailedError,
        "leave": PluginRequestFailedError,
        "wrong": PluginRequestFailedError,
        "number": PluginRequestFailedError,
        "broken_stream": DownstreamServerError,
    }
    assert [len(responses[do].frames) for do in ("frame", "table")] == [1, 1]
    assert "nothing" not in responses
    assert not any("hunter2" in str(each.error) for each in responses.values())


def test_one_outcome_for_each_streamed_query(host: Headwater) -> None:
    queries = [ask(do, do) for do in ("bug", "broken_stream", "leave", "frame")]
    chunks = list(host.query_chunked_data(queries, CallContext()))
    assert [(chunk.ref_id, chunk.error is None) for chunk in chunks] == [
        ("bug", False),
        ("broken_stream", True),
        ("broken_stream", False),
        ("leave", False),
        ("frame", True),
    ]


def test_a_query_that_cannot_be_read_fails_alone(host: Headwater) -> None:
    bad = MetricQuery(DataSourceRef(uid="p"), DataQuery("B", json={"do": 5}))
    responses = host.query_data([ask("frame", "A"), bad]).responses
    assert responses["A"].error is None
    assert isinstance(responses["B"].error, ValidationError)


def test_a_query_may_carry_keys_that_nobody_reads(host: Headwater) -> None:
    assert host.query("p", {"do": "frame", "hide": False, "refId": "Z"}).num_rows == 3


def test_at_the_deadline_the_done_queries_keep_their_answers(host: Headwater) -> None:
    queries = [ask("frame", "A"), ask("wait", "B")]
    responses = host.query_data(queries, CallContext(timeout=0.5)).responses
    assert responses["A"].error is None
    assert isinstance(responses["B"].error, DeadlineExceededError)


def test_a_cancelled_query_is_cancelled(host: Headwater, cancel_when: CancelWhen) -> None:
    context = CallContext()
    host.query("p", "frame")
    Source.alive[0].entered.clear()
    source = Source.alive[0]
    cancel_when(source.entered, context)
    with pytest.raises(QueryCanceledError):
        host.query("p", "wait", context=context)


# --- settings and instances ------------------------------------------------------------------------


def test_an_instance_lives_until_its_settings_change(host: Headwater) -> None:
    host.query("p", "frame")
    host.query("p", "frame")
    assert len(Source.alive) == 1
    host.update_data_source("p", json_data={"rows": 5}, secure_json_data={"password": "x"})
    assert host.query("p", "frame").num_rows == 5
    first, second = Source.alive
    assert (first.closed, second.closed) == (True, False)
    assert second.settings.password == Secret("x")
    host.close()
    assert second.closed


def test_a_removed_data_source_is_closed(host: Headwater) -> None:
    host.query("p", "frame")
    host.remove_data_source("p")
    assert Source.alive[0].closed


def test_an_open_stream_keeps_its_instance(host: Headwater) -> None:
    stream = host.stream("p", "stream")
    host.update_data_source("p", json_data={"rows": 5})
    host.query("p", "frame")
    assert not Source.alive[0].closed
    stream.close()
    assert Source.alive[0].closed


def test_bad_settings_are_named_for_every_query_and_mended_by_an_edit(host: Headwater) -> None:
    host.update_data_source("p", json_data={"rows": -1}, api_version="99")
    for _ in range(2):
        with pytest.raises(ValidationError, match=r"jsonData\.rows: must be at least 0, got -1"):
            host.query("p", "frame")
    host.update_data_source("p", json_data={"rows": 1})
    assert host.query("p", "frame").num_rows == 1


def test_a_hanging_instance_is_replaced(make_host: MakeHost, release: threading.Event) -> None:
    class Hanging(Source):
        def wait(self, query: Ask, context: CallContext) -> Any:
            release.wait(PATIENCE)

    class HangingPlugin(Plugin):
        data_source = Hanging

    host = make_host(p=HangingPlugin(), options={"grace": 0.01})
    with pytest.raises(DeadlineExceededError, match="rebuilt"):
        host.query("p", "wait", timeout=0.5)
    assert host.query("p", "frame").num_rows == 3
    assert len(Source.alive) == 2


# --- health, resources, loading --------------------------------------------------------------------


def test_health_and_resources_come_from_the_data_source(host: Headwater) -> None:
    assert host.check_health("p").details == {"rows": 3}
    assert host.call_resource("p", "rows").body == b"3"


def test_a_data_source_without_a_health_check_says_so(make_host: MakeHost) -> None:
    class Bare(DataSource[Settings, Ask]):
        def query(self, query: Ask, context: CallContext) -> None: ...

    class BarePlugin(Plugin):
        data_source = Bare  # type: ignore[assignment]

    result = make_host(p=BarePlugin()).check_health("p")
    assert (result.status, result.message) == (
        HealthStatus.OK,
        "Data source is loaded; it has no health check of its own.",
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DownstreamAuthError("wrong password"), "wrong password"),
        (ConnectionRefusedError("dsn=hunter2"), "The connection to the data source failed."),
        (TimeoutError("dsn=hunter2"), "The data source did not answer in time."),
    ],
)
def test_being_down_is_a_result(make_host: MakeHost, error: Exception, message: str) -> None:
    class Down(Source):
        def check_health(self, context: CallContext) -> CheckHealthResult:
            raise error

    class DownPlugin(Plugin):
        data_source = Down

    result = make_host(p=DownPlugin()).check_health("p")
    assert (result.status, result.message) == (HealthStatus.ERROR, message)


def test_a_bug_in_a_health_check_is_no_result(make_host: MakeHost) -> None:
    class Buggy(Source):
        def check_health(self, context: CallContext) -> CheckHealthResult:
            raise KeyError("hunter2")

    class BuggyPlugin(Plugin):
        data_source = Buggy

    with pytest.raises(PluginHealthCheckError):
        make_host(p=BuggyPlugin()).check_health("p")


def test_bad_settings_are_a_health_result(host: Headwater) -> None:
    host.update_data_source("p", json_data={"rows": "many"}, api_version="99")
    assert "jsonData.rows: expected a whole number" in host.check_health("p").message


@pytest.mark.parametrize(
    ("target", "missing"),
    [
        ("a_module_nobody_has:Source", "missing 'a_module_nobody_has'"),
        ("headwater.sdk:NoSource", "missing 'NoSource'"),
        ("failing_import:Source", "data source; reinstall"),
    ],
)
def test_a_data_source_that_cannot_be_imported_makes_the_plugin_unavailable(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str, missing: str
) -> None:
    (tmp_path / "failing_import.py").write_text("from headwater.sdk import nothing_of_this_name")
    monkeypatch.syspath_prepend(str(tmp_path))

    class Lazy(Plugin):
        data_source = target  # type: ignore[assignment]

    host = make_host(p=Lazy())
    assert host.plugin_info("p").name == "Plugin"
    with pytest.raises(PluginUnavailableError, match=missing):
        host.query("p", "frame")


def test_a_plugin_that_lacks_an_attribute_says_which_when_it_is_loaded() -> None:
    class Unfinished(DataSourcePlugin):
        id = "unfinished"
        query_type = Ask

    with pytest.raises(TypeError, match=r"^Unfinished lacks settings_type, data_source$"):
        Unfinished()


def test_a_plugin_whose_author_says_nothing_of_its_answers_has_them_depend_on_everything() -> None:
    assert Plugin().answer_traits(Ask(), Settings()) == AnswerTraits()


def test_an_instance_is_that_of_a_data_source() -> None:
    with pytest.raises(ValidationError, match="plugin 'p' needs a data source"):
        Plugin().build(PluginContext("p"))


def test_a_plugin_says_which_fields_of_a_data_source_it_uses(make_host: MakeHost) -> None:
    class Connected(Plugin):
        connection: ClassVar[Mapping[str, str]] = {"url": "host:port", "basicAuthUser": "for the proxy"}

    host = make_host(silent=Plugin(), connected=Connected())
    assert host.plugin_info("silent").connection is None
    assert host.plugin_info("connected").connection == Connected.connection


def test_a_plugin_can_say_so_only_of_fields_that_there_are() -> None:
    class Wrong(Plugin):
        connection: ClassVar[Mapping[str, str]] = {"address": "host:port"}

    with pytest.raises(TypeError, match=r"^Wrong.connection names address; it can name url, user, "):
        Wrong()


@pytest.mark.parametrize("placeholders", [{"float": ":name"}, {"text": "?"}, {"text[][]": ":name"}])
def test_placeholders_are_of_kinds_that_there_are_and_name_their_parameter(
    placeholders: dict[str, str],
) -> None:
    class Wrong(Plugin):
        parameter_placeholders: ClassVar[Mapping[str, str]] = placeholders

    with pytest.raises(TypeError, match=r"^Wrong.parameter_placeholders has a wrong "):
        Wrong()


def test_a_stopped_plugin_closed_everything_even_what_is_stuck(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = Plugin()
    host = make_host(p=plugin)
    stop = plugin._instances.stop
    monkeypatch.setattr(plugin._instances, "stop", lambda: stop(timeout=0.01))
    stream = host.stream("p", "stream")
    next(stream)
    host.close()
    assert Source.alive[0].closed
    with pytest.raises(RuntimeError, match="closed"):
        plugin._workers.submit(int)
    stream.close()
