"""Slow answers and failures of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import pyarrow as pa

from headwater.errors import (
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamError,
    DownstreamProtocolError,
    DownstreamTimeoutError,
    LimitExceededError,
    QueryError,
)
from headwater.frames import Frame
from headwater.sdk import CallContext
from headwater_testdata.query import FailureKind, ScenarioQuery

from .scenario import Scenario

_DEFAULT_DELAY_MS = 1000

_FAILURES: Mapping[FailureKind, tuple[type[Exception], str]] = {
    "bug": (RuntimeError, "This scenario has a bug."),
    "caller": (QueryError, "The query is wrong."),
    "limit": (LimitExceededError, "The query asks for too much."),
    "downstream": (DownstreamError, "The data source failed."),
    "connection": (DownstreamConnectionError, "The data source cannot be reached."),
    "auth": (DownstreamAuthError, "The data source refused the credentials."),
    "timeout": (DownstreamTimeoutError, "The data source took too long."),
    "protocol": (DownstreamProtocolError, "The data source's answer makes no sense."),
}


def slow(query: ScenarioQuery, context: CallContext) -> Frame:
    """Answers after `delay_ms` (1 s if not given); ends at once when cancelled."""
    delay = query.delay_ms or _DEFAULT_DELAY_MS
    context.wait(delay / 1000)
    return Frame.from_table(pa.table({"waited_ms": pa.array([delay], pa.int64())}), name="slow")


def error(query: ScenarioQuery, context: CallContext) -> NoReturn:
    """Fails after `delay_ms` in the way `error` names: a bug, or an error with a source of its own."""
    context.wait(query.delay_ms / 1000)
    fail(query)


def fail(query: ScenarioQuery) -> NoReturn:
    """Raise the failure that the query asks for."""
    kind, text = _FAILURES[query.error]
    raise kind(query.message or text)


SCENARIOS = (
    Scenario("slow", "One row after a while.", slow, ("delayMs",)),
    Scenario("error", "Fails on demand.", error, ("error", "message", "delayMs")),
)
