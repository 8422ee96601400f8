from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog

from headwater.logs import get_logger, hears_debug


@pytest.fixture
def configured() -> Iterator[list[dict[str, Any]]]:
    lines: list[dict[str, Any]] = []

    def keep(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        lines.append(dict(event))
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    yield lines
    structlog.reset_defaults()


def test_without_configuration_lines_go_to_logging_and_never_to_stdout(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, "headwater.x"):
        logger = get_logger("headwater.x", request_id="r").bind(plugin="p")
        logger.info("It is 100% done.", rows=5)
        logger.debug("not shown")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("headwater.x", logging.INFO)
    assert record.getMessage() == "It is 100% done. request_id='r' plugin='p' rows=5"
    assert vars(record)["headwater"] == {"request_id": "r", "plugin": "p", "rows": 5}
    assert capsys.readouterr().out == ""


def test_exceptions_travel_with_the_record(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        get_logger().warning("Seen.", exc_info=True)
        get_logger().warning("Given.", exc_info=error)
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [KeyError, KeyError]


def test_an_applications_structlog_gets_the_lines(configured: list[dict[str, Any]]) -> None:
    get_logger("headwater", request_id="r").info("Hello.", rows=5)
    assert configured == [{"event": "Hello.", "request_id": "r", "rows": 5}]


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_whether_debug_lines_go_anywhere_is_known_before_they_are_made(level: int) -> None:
    own = logging.getLogger(f"headwater.tests.{level}")
    own.setLevel(level)
    filtering = structlog.make_filtering_bound_logger(level)
    heard = level == logging.DEBUG
    assert hears_debug(own) is heard
    assert hears_debug(structlog.wrap_logger(own, wrapper_class=structlog.stdlib.BoundLogger).bind()) is heard
    assert hears_debug(structlog.wrap_logger(own, wrapper_class=filtering).bind()) is heard


def test_a_logger_that_cannot_tell_is_given_its_debug_lines() -> None:
    lines: list[Any] = []

    def keep(*line: Any) -> str:
        lines.append(line)
        return ""

    general = structlog.wrap_logger(object(), processors=[keep])
    assert hears_debug(general)
    assert hears_debug(general.bind())
    assert lines == []


def test_an_applications_configuration_says_whether_debug_lines_are_heard(
    configured: list[dict[str, Any]],
) -> None:
    del configured
    assert hears_debug()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    assert not hears_debug()
