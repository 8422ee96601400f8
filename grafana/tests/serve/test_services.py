"""Every service of a plugin process, asked as Grafana's backend asks it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from headwater import Headwater
from headwater.frames import Frame, decode_frame
from headwater.models import TimeRange
from headwater_grafana.protocol import go_plugin_pb2, health_pb2, pluginv2_pb2 as pb
from headwater_grafana.protocol.errors import DETAILS, source_of
from headwater_grafana.protocol.frames import ChunkReader, read_frame, write_frame
from headwater_testdata.scenarios import SCENARIOS
from servers.plugin_process import PluginProcess

WALK = {"scenario": "random_walk", "seed": 3}


@pytest.fixture(scope="module")
def plugin() -> Iterator[PluginProcess]:
    with PluginProcess("testdata") as started:
        yield started


@pytest.fixture(scope="module")
def in_process() -> Iterator[Headwater]:
    with Headwater(allow_plugins={"testdata"}) as host:
        host.add_data_source("source", type="testdata")
        yield host


def ask(plugin: PluginProcess, *queries: dict[str, Any], **options: Any) -> Any:
    return plugin.stub("pluginv2.Data").query_data(plugin.query(*queries, **options)).responses


def the_same_here(host: Headwater, query: dict[str, Any]) -> list[Frame]:
    hour = TimeRange.from_epoch_ms(1_767_225_600_000, 1_767_229_200_000)
    return host.query_frames("source", query, time_range=hour, max_data_points=100, interval_ms=60_000)


def test_the_host_pings_the_service_plugin(plugin: PluginProcess) -> None:
    health = plugin.stub("grpc.health.v1.Health")
    assert health.check(health_pb2.HealthCheckRequest(service="plugin")).status == 1
    with pytest.raises(grpc.RpcError) as other:
        health.check(health_pb2.HealthCheckRequest(service="another"))
    assert other.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("asked", ["ARROW", "JSON", "NATIVE"])
def test_an_answer_has_the_format_that_was_asked_for(
    plugin: PluginProcess, in_process: Headwater, asked: str
) -> None:
    format_ = pb.DataFrameFormat.Value(asked)
    answer = ask(plugin, WALK, format_=format_)["A"]
    assert (answer.format, answer.status, answer.error) == (format_, 200, "")
    expected = the_same_here(in_process, WALK)
    assert list(answer.frames) == [write_frame(frame, format_) for frame in expected]
    assert [read_frame(data, format_).ref_id for data in answer.frames] == ["A"]


def test_a_format_that_nobody_has_defined_is_answered_in_arrow(plugin: PluginProcess) -> None:
    assert ask(plugin, WALK, format_=7)["A"].format == pb.ARROW


def test_native_answers_keep_types_that_grafana_does_not_have(
    plugin: PluginProcess, in_process: Headwater
) -> None:
    [frame] = ask(plugin, {"scenario": "all_types"}, format_=pb.NATIVE)["A"].frames
    [expected] = the_same_here(in_process, {"scenario": "all_types"})
    assert read_frame(frame, pb.NATIVE) == expected


def test_each_query_fails_by_itself_with_source_and_status(plugin: PluginProcess) -> None:
    answers = ask(plugin, WALK, {"scenario": "nope"}, {"scenario": "error", "error": "bug", "message": "x"})
    assert answers["A"].error == ""
    assert (answers["B"].status, answers["B"].error_source) == (400, "downstream")
    assert answers["B"].error.startswith("There is no scenario 'nope'")
    assert (answers["C"].status, answers["C"].error_source) == (500, "plugin")
    assert not answers["B"].native_error or not answers["B"].frames


def test_settings_that_do_not_fit_fail_every_query_and_not_the_call(plugin: PluginProcess) -> None:
    answers = ask(plugin, WALK, WALK, context=plugin.context(seed="many"))
    assert {answer.error for answer in answers.values()} == {answers["A"].error}
    assert "seed" in answers["A"].error
    assert len(answers) == 2


@pytest.mark.parametrize("asked", ["ARROW", "JSON", "NATIVE"])
def test_rows_come_in_chunks(plugin: PluginProcess, in_process: Headwater, asked: str) -> None:
    query = {"scenario": "streaming_rows", "rows": 20_000, "batchRows": 8192}
    request = plugin.query(query, format_=pb.DataFrameFormat.Value(asked))
    chunks = list(plugin.stub("pluginv2.Data").query_chunked_data(request))
    assert {(chunk.ref_id, chunk.frame_id, chunk.format) for chunk in chunks} == {("A", "0", request.format)}
    reader = ChunkReader()
    rows = [
        row for chunk in chunks for row in reader.read("A", "0", chunk.frame, chunk.format).table.to_pylist()
    ]
    [expected] = the_same_here(in_process, query)
    if asked == "NATIVE":
        assert rows == expected.table.to_pylist()
    assert [row["id"] for row in rows] == list(range(20_000))
    assert len(chunks) == 3
    if asked == "JSON":
        assert [b'"schema"' in chunk.frame for chunk in chunks] == [True, False, False]


def test_a_chunked_query_that_fails_says_so_in_a_chunk(plugin: PluginProcess) -> None:
    query = {"scenario": "streaming_rows", "rows": 20_000, "failAfterRows": 8192, "batchRows": 8192}
    chunks = list(plugin.stub("pluginv2.Data").query_chunked_data(plugin.query(query)))
    assert [bool(chunk.error) for chunk in chunks] == [False, True]
    assert (chunks[-1].status, chunks[-1].error_source) == (502, "downstream")


def test_cancelling_the_call_ends_the_query(plugin: PluginProcess) -> None:
    slow = plugin.query({"scenario": "slow", "delayMs": 60_000})
    call = plugin.stub("pluginv2.Data").query_data.future(slow)
    with pytest.raises(grpc.FutureTimeoutError):
        call.result(timeout=0.3)
    call.cancel()
    for _ in range(100):
        if 'endpoint="queryData",status="cancelled"' in metrics_of(plugin):
            return
        time.sleep(0.05)
    pytest.fail("the query went on after its call was cancelled")


def test_the_deadline_of_the_call_is_the_querys(plugin: PluginProcess) -> None:
    """Whichever side sees it first says so: the call's status, or the query's."""
    slow = plugin.query({"scenario": "slow", "delayMs": 60_000})
    try:
        answer = plugin.stub("pluginv2.Data").query_data(slow, timeout=0.3)
    except grpc.RpcError as over:
        assert over.code() is grpc.StatusCode.DEADLINE_EXCEEDED  # noqa: PT017 - one of two outcomes
    else:
        assert answer.responses["A"].status == 504


def test_health_has_status_message_and_details(plugin: PluginProcess) -> None:
    check = plugin.stub("pluginv2.Diagnostics").check_health
    well = check(pb.CheckHealthRequest(plugin_context=plugin.context({"apiKey": "very-secret"})))
    assert (well.status, well.message) == (pb.CheckHealthResponse.OK, "Test data is ready.")
    assert json.loads(well.json_details) == {"scenarios": len(SCENARIOS), "apiKey": "set"}
    ill = check(pb.CheckHealthRequest(plugin_context=plugin.context(healthError="on holiday")))
    assert (ill.status, ill.message) == (pb.CheckHealthResponse.ERROR, "on holiday")


def test_secrets_are_masked_in_what_the_plugin_says(plugin: PluginProcess) -> None:
    context = plugin.context({"apiKey": "very-secret"}, healthError="wrong key very-secret")
    answer = plugin.stub("pluginv2.Diagnostics").check_health(pb.CheckHealthRequest(plugin_context=context))
    assert answer.message == "wrong key ********"


def blamed(error: Any) -> str:
    """The source in the status details of a call that failed."""
    return source_of(dict(error.trailing_metadata())[DETAILS])


def metrics_of(plugin: PluginProcess) -> str:
    collected = plugin.stub("pluginv2.Diagnostics").collect_metrics(pb.CollectMetricsRequest())
    text: str = collected.metrics.prometheus.decode()
    return text


def test_metrics_are_those_of_the_process_and_of_its_calls(plugin: PluginProcess) -> None:
    ask(plugin, WALK)
    text = metrics_of(plugin)
    assert 'grafana_plugin_request_total{endpoint="queryData",status="ok",status_source="plugin"}' in text
    assert "process_resident_memory_bytes" in text


def resource(plugin: PluginProcess, path: str, url: str = "") -> list[Any]:
    request = pb.CallResourceRequest(
        plugin_context=plugin.context(), path=path, url=url or path, method="GET"
    )
    return list(plugin.stub("pluginv2.Resource").call_resource(request))


def test_a_resource_answers_as_http_does(plugin: PluginProcess, in_process: Headwater) -> None:
    [answer] = resource(plugin, "/columns", "columns?table=csv")
    assert answer.code == 400
    assert list(answer.headers["Content-Type"].values) == ["application/json"]
    assert json.loads(answer.body)["messageId"] == "query.invalid"
    [listed] = resource(plugin, "scenarios")
    assert listed.code == 200
    assert listed.body == in_process.call_resource("source", "scenarios").body


def test_a_resource_that_there_is_not_is_unimplemented(plugin: PluginProcess) -> None:
    with pytest.raises(grpc.RpcError) as missing:
        resource(plugin, "nope")
    assert missing.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert blamed(missing.value) == "plugin"


def test_a_stream_without_end_runs_until_its_reader_leaves(plugin: PluginProcess) -> None:
    stream = plugin.stub("pluginv2.Stream")
    data = json.dumps({"scenario": "endless", "batchRows": 5}).encode()
    known: dict[str, Any] = {"plugin_context": plugin.context(), "path": "live", "data": data}
    assert stream.subscribe_stream(pb.SubscribeStreamRequest(**known)).status == 0
    packets = stream.run_stream(pb.RunStreamRequest(**known))
    first, second = next(packets).data, next(packets).data
    packets.cancel()
    assert decode_frame(first).table.column("id").to_pylist() == [0, 1, 2, 3, 4]
    assert json.loads(second)["data"]["values"][0] == [5, 6, 7, 8, 9]
    assert "schema" not in json.loads(second)


def test_nobody_subscribes_without_a_query_or_publishes(plugin: PluginProcess) -> None:
    stream = plugin.stub("pluginv2.Stream")
    known: dict[str, Any] = {"plugin_context": plugin.context(), "path": "live"}
    assert stream.subscribe_stream(pb.SubscribeStreamRequest(**known)).status == 1
    assert stream.publish_stream(pb.PublishStreamRequest(**known)).status == 2


def test_services_that_the_plugin_lacks_are_unimplemented(plugin: PluginProcess) -> None:
    call: Any = plugin.channel.unary_unary("/pluginv2.AdmissionControl/ValidateAdmission")
    with pytest.raises(grpc.RpcError) as missing:
        call(go_plugin_pb2.Empty().SerializeToString())
    assert missing.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_request_that_is_no_json_is_the_callers_fault(plugin: PluginProcess) -> None:
    request = plugin.query(WALK)
    request.queries[0].json = b"{"
    with pytest.raises(grpc.RpcError) as wrong:
        plugin.stub("pluginv2.Data").query_data(request)
    assert wrong.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert blamed(wrong.value) == "downstream"
