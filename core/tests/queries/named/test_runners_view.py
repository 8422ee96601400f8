"""Who may run a named query and not read it sees rows, and nothing of the question."""

from __future__ import annotations

import pyarrow as pa

from headwater import CallContext, Frame, Headwater
from headwater.errors import DeadlineExceededError, ErrorSource, LimitExceededError, NamedQueryFailedError
from headwater.frames import DataLink, FieldConfig, FrameMeta, FrameType, InternalLink, Notice
from headwater.models import QueryDataResponse
from headwater.queries.named import RunnersView

from .conftest import Binding, failing
from .test_named_queries import SQL, named


def answer(host: Headwater) -> QueryDataResponse:
    named_query = host.named_queries.add(named())
    with CallContext() as context:
        prepared = host.named_query_runner.prepare(named_query, {"day": "now"}, {}, context)
        return RunnersView(named_query).of_answer(host.query_data([prepared.query], context))


def test_the_rows_and_not_the_text(host: Headwater) -> None:
    frame = answer(host).responses["A"].frames[0]
    assert frame.table.column_names == ["region"]
    assert SQL not in str(frame.table.schema) + repr(frame.meta)


def test_an_error_keeps_its_status_and_loses_its_text(host: Headwater, plugin: Binding) -> None:
    plugin.error = failing()
    response = answer(host).responses["A"]
    assert isinstance(response.error, NamedQueryFailedError)
    assert (response.status, response.error_source) == (500, ErrorSource.DOWNSTREAM)
    assert str(response.error) == (
        "The named query 'revenue' failed (downstream.server); those who may read it see why."
    )


def test_a_limit_is_told_without_where_the_rows_are_from() -> None:
    error = LimitExceededError("The answer of http://10.0.0.7:9090 is larger than the response limit.")
    shown = RunnersView(named()).of_error(error)
    assert "10.0.0.7" not in str(shown)
    assert (shown.status, shown.source) == (error.status, error.source)
    assert error.message_id in str(shown)


def test_a_deadline_is_told() -> None:
    error = DeadlineExceededError("The query ran out of time.")
    assert RunnersView(named()).of_error(error) is error


def test_what_a_driver_notes_of_columns_is_left_out() -> None:
    noted = {"ARROW:FLIGHT:SQL:TABLE_NAME": "hidden", "ARROW:extension:name": "a.b", "labels": '{"a":"b"}'}
    schema = pa.schema([pa.field("n", pa.int64(), metadata=noted)], metadata={"sql": "hidden"})
    table = RunnersView(named()).of_frame(Frame(pa.table([[1]], schema=schema), name="n")).table
    assert table.schema.metadata == {b"name": b"n"}
    assert table.field("n").metadata == {b"ARROW:extension:name": b"a.b", b"labels": b'{"a":"b"}'}


def test_links_into_other_data_sources_and_where_a_column_is_from_are_left_out() -> None:
    hidden = InternalLink(query={"expr": "hidden"}, data_source_uid="hidden", data_source_name="hidden")
    open_ = DataLink(title="Runbook", url="https://example.org/runbook")
    config = FieldConfig(
        unit="s",
        path="$.hidden",
        custom={"from": "hidden"},
        links=(DataLink("Trace", internal=hidden), open_),
    )
    frame = Frame.from_pydict({"n": [1.0]}).with_configs({"n": config})
    shown = RunnersView(named()).of_frame(frame)
    assert shown.fields[0].config == FieldConfig(unit="s", links=(open_,))
    assert "hidden" not in str(shown.table.schema)


def test_a_name_that_repeats_the_question_becomes_the_title() -> None:
    view = RunnersView(named(title="Requests"))
    text = 'sum(rate(http_requests_total{job="api"}[5m]))'
    meta = FrameMeta(
        type=FrameType.TIME_SERIES_MULTI,
        executed_query_string=f"Expr: {text}\nStep: 15s",
        notices=(
            Notice.warning(f"{text} is no counter"),
            Notice.warning("Results have been limited to 5 rows"),
        ),
        custom={"expr": text},
    )
    frame = Frame.from_pydict({"Value": [1.0]}, name=text, meta=meta)
    shown = view.of_frame(frame.with_configs({"Value": FieldConfig(display_name_from_ds=text)}))
    assert shown.name == "Requests"
    assert shown.fields[0].config is not None
    assert shown.fields[0].config.display_name_from_ds == "Requests"
    assert text not in str(shown.table.schema.metadata) + repr(shown.meta)
    assert shown.meta is not None
    assert shown.meta.type is FrameType.TIME_SERIES_MULTI
    assert [notice.text for notice in shown.notices] == ["Results have been limited to 5 rows"]
