"""A host's own logger takes what the host logs, and no other host's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from headwater import CallContext, Headwater, InMemoryRegistry, hookimpl
from headwater.errors import HeadwaterError, PluginRequestFailedError
from headwater.logs import get_logger
from headwater.models import QueryDataRequest, QueryDataResponse
from headwater.secrets import InMemoryKeySource


class Lines(logging.Handler):
    """Keeps records, and what they carry."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def text(self) -> str:
        return "\n".join(record.getMessage() for record in self.records)


class Failing:
    """Logs by its call's logger, then breaks; and does not end well either."""

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        context.logger.info("Working.")
        raise KeyError("a bug")

    @hookimpl
    def stop_plugin(self) -> None:
        raise RuntimeError("no")


def a_logger(name: str) -> tuple[logging.Logger, Lines]:
    logger, lines = logging.getLogger(f"test-{name}"), Lines()
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.handlers = [lines]
    return logger, lines


@pytest.fixture
def hosts() -> Iterator[tuple[Headwater, Lines, Headwater, Lines]]:
    one_logger, one_lines = a_logger("one")
    other_logger, other_lines = a_logger("other")
    one = Headwater(registry=InMemoryRegistry(), logger=one_logger)
    other = Headwater(registry=InMemoryRegistry(), logger=other_logger)
    for host in (one, other):
        host.add_plugin("failing", Failing())
        host.add_data_source("x", type="failing")
    one_lines.records.clear()
    other_lines.records.clear()
    yield one, one_lines, other, other_lines
    one.close()
    other.close()


def test_what_concerns_a_call_goes_to_the_hosts_logger_and_to_no_other(
    hosts: tuple[Headwater, Lines, Headwater, Lines], caplog: pytest.LogCaptureFixture
) -> None:
    one, lines, _, other_lines = hosts
    with caplog.at_level(logging.DEBUG), pytest.raises(PluginRequestFailedError):
        one.query("x", {})
    assert "Working." in lines.text
    assert "Plugin request completed. request_id=" in lines.text
    one.close()
    assert "Stopping a plugin failed." in lines.text
    assert other_lines.records == []
    assert not [record for record in caplog.records if record.name.startswith("headwater")]


def test_a_context_without_a_logger_takes_the_hosts_and_keeps_its_request_id(
    hosts: tuple[Headwater, Lines, Headwater, Lines],
) -> None:
    one, lines, _, _ = hosts
    with pytest.raises(HeadwaterError):
        one.query("x", {}, context=CallContext(request_id="r-1"))
    assert "Working. request_id='r-1'" in lines.text


def test_a_contexts_own_logger_goes_before_the_hosts(
    hosts: tuple[Headwater, Lines, Headwater, Lines],
) -> None:
    one, lines, _, _ = hosts
    logger, own_lines = a_logger("request")
    with pytest.raises(HeadwaterError):
        one.query("x", {}, context=CallContext(logger=logger))
    assert "Working." in own_lines.text
    assert "Working." not in lines.text


def test_the_first_key_is_told_to_the_hosts_logger() -> None:
    logger, lines = a_logger("app")
    Headwater(registry=InMemoryRegistry(), key_sources=[InMemoryKeySource()], logger=logger).close()
    assert "a first encryption key was made" in lines.text


def test_a_key_that_goes_with_its_data_sources_is_not_told() -> None:
    logger, lines = a_logger("app")
    Headwater(registry=InMemoryRegistry(), logger=logger).close()
    assert lines.records == []


def test_a_structlog_logger_does_as_well() -> None:
    seen: list[dict[str, Any]] = []

    def keep(_logger: Any, _method: str, event: Any) -> Any:
        seen.append(dict(event))
        raise structlog.DropEvent

    logger = structlog.wrap_logger(None, processors=[keep], team="billing")
    get_logger(over=logger, request_id="r").info("Hello.")
    assert seen == [{"event": "Hello.", "request_id": "r", "team": "billing"}]


def test_something_else_is_refused_when_the_host_is_made() -> None:
    with pytest.raises(TypeError, match="not str"):
        Headwater(registry=InMemoryRegistry(), logger="app")
