"""What goes wrong in a plugin's process ends there, with an error that says what it was."""

from __future__ import annotations

import logging
import os
import signal
import sys

import pytest

from headwater.errors import (
    DeadlineExceededError,
    FrameError,
    HeadwaterError,
    PluginRequestFailedError,
    PluginResourceExhaustedError,
    PluginUnavailableError,
    ValidationError,
)
from headwater.models import HealthStatus
from headwater_grafana import ProcessPlugin
from servers.process import eventually

from .faulty import faulty, host_of, query, send


def test_text_that_is_not_unicode_is_not_the_plugins_fault() -> None:
    with host_of(faulty("well")) as host:
        uid = host.add_data_source("source", type="faulty").uid
        asked = {"refId": "A", "datasource": {"uid": uid}, "queryType": "\ud800"}
        answer = host.query_data({"from": "0", "to": "1", "queries": [asked]}).responses["A"]
        assert isinstance(answer.error, ValidationError)
        assert str(answer.error) == "query: holds text that is not valid Unicode"
        with pytest.raises(ValidationError, match="resource: holds text"):
            host.call_resource("source", "\ud800")


@pytest.mark.parametrize("cause", [signal.SIGKILL, signal.SIGSEGV])
def test_a_stream_that_is_cut_is_never_taken_for_a_whole_one(cause: signal.Signals) -> None:
    plugin = faulty("hangs amid a stream")
    with host_of(plugin) as host:
        host.add_data_source("source", type="faulty")
        with host.stream("source", {}) as stream:
            assert next(stream).num_rows == 3
            send(cause, plugin)
            with pytest.raises(PluginUnavailableError, match=f"was killed by {cause.name}"):
                list(stream)


def test_a_chunk_that_cannot_be_read_ends_the_call_while_its_error_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with host_of(faulty("broken chunk")) as host:
        host.add_data_source("source", type="faulty")
        stream = host.stream("source", {})
        next(stream)
        with pytest.raises(FrameError) as kept:
            next(stream)
        assert eventually(lambda: "the call has ended" in caplog.text, 10)
        assert kept.value is not None
        stream.close()


def test_of_answers_without_end_to_one_question_the_second_is_an_error() -> None:
    with (
        host_of(faulty("answers without end")) as host,
        pytest.raises(PluginRequestFailedError, match="gave several answers, not one"),
    ):
        query(host)


def test_a_plugin_that_runs_out_of_time_of_its_own_says_so() -> None:
    with (
        host_of(faulty("out of time")) as host,
        pytest.raises(DeadlineExceededError, match="ran out of time"),
    ):
        query(host)


def test_a_plugin_that_finds_a_call_too_large_says_so_as_in_grafana() -> None:
    with (
        host_of(faulty("exhausted")) as host,
        pytest.raises(PluginResourceExhaustedError, match=r"larger than max.* shorter time range") as failed,
    ):
        query(host)
    error = failed.value
    assert (error.message_id, error.status, error.source) == ("plugin.resourceExhausted", 500, "downstream")


def test_broken_arrow_fails_its_query_and_not_its_neighbour() -> None:
    with host_of(faulty("broken Arrow")) as host:
        uid = host.add_data_source("source", type="faulty").uid
        queries = [{"refId": name, "datasource": {"uid": uid}} for name in "AB"]
        answer = host.query_data({"from": "0", "to": "1", "queries": queries}).responses
        assert isinstance(answer["A"].error, FrameError)
        assert answer["B"].error is None
        assert answer["B"].frames[0].table.to_pydict() == {"n": [1, 2, 3]}


def test_a_format_that_nobody_has_defined_is_the_plugins_fault() -> None:
    with host_of(faulty("unknown format")) as host, pytest.raises(FrameError, match="data format 99"):
        query(host)


def test_a_status_that_there_is_not_is_that_of_an_answer() -> None:
    with host_of(faulty("unknown status")) as host:
        uid = host.add_data_source("source", type="faulty").uid
        asked = {"refId": "A", "datasource": {"uid": uid}}
        assert host.query_data({"from": "0", "to": "1", "queries": [asked]}).responses["A"].status == 200


def test_an_error_without_source_or_status_is_the_plugins() -> None:
    with host_of(faulty("error without source")) as host:
        with pytest.raises(PluginRequestFailedError, match="it did not work") as failed:
            query(host)
        assert failed.value.status == 500


def test_an_unknown_health_is_unknown() -> None:
    with host_of(faulty("unknown health")) as host:
        host.add_data_source("source", type="faulty")
        result = host.check_health("source")
        assert (result.status, result.message) == (HealthStatus.UNKNOWN, "so-so")


def test_the_details_of_an_error_that_cannot_be_read_are_left_out() -> None:
    with (
        host_of(faulty("broken status")) as host,
        pytest.raises(PluginRequestFailedError, match="failed: it did not work"),
    ):
        query(host)


@pytest.mark.parametrize("mode", ["well", "deep health"])
def test_health_details_that_are_no_json_are_the_plugins_fault(mode: str) -> None:
    with host_of(faulty(mode)) as host:
        host.add_data_source("source", type="faulty")
        with pytest.raises(PluginUnavailableError, match="no JSON object"):
            host.check_health("source")


def test_a_process_that_does_not_stream_is_asked_for_whole_answers() -> None:
    with host_of(faulty("does not stream")) as host:
        host.add_data_source("source", type="faulty")
        with host.stream("source", {}) as stream:
            assert stream.read_all().table.to_pydict() == {"n": [1, 2, 3]}


def test_a_message_of_300_mb_is_read_within_the_limits_of_the_call() -> None:
    with host_of(faulty("300 MB")) as host:
        host.add_data_source("source", type="faulty")
        frame = host.query("source", {}, max_rows=1000, max_bytes=None, timeout=120)
        assert frame.num_rows == 1000
        assert "1000" in frame.notices[0].text


def test_secrets_are_masked_in_logs_and_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with host_of(faulty("tells secrets")) as host:
        with pytest.raises(HeadwaterError, match=r"wrong password \*\*\*\*"):
            query(host)
        assert eventually(lambda: "password is" in caplog.text, 10)
    assert "password is ********" in caplog.text
    assert "very-secret" not in caplog.text


def test_what_a_plugin_prints_is_in_the_hosts_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    printing = (
        "import headwater_testdata.plugin as plugin, headwater_grafana.serve.process as process\n"
        "plugin.TestDataPlugin.notes = lambda self: print('hello from a driver') or ()\n"
        "process.serve_plugin('testdata')"
    )
    path = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    plugin = ProcessPlugin([sys.executable, "-P", "-c", printing], plugin_id="faulty", environment=path)
    with host_of(plugin) as host:
        query(host)
        assert eventually(lambda: "hello from a driver" in caplog.text, 10)


def test_what_it_prints_after_the_handshake_keeps_nobody_waiting() -> None:
    with host_of(faulty("prints afterwards")) as host:
        query(host)
