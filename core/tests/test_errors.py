from __future__ import annotations

import copy
import errno
import pickle
from collections.abc import Callable

import pytest

from headwater import errors
from headwater.errors import (
    DownstreamConnectionError,
    DownstreamServerError,
    DownstreamTimeoutError,
    ErrorSource,
    HeadwaterError,
    HostExhaustedError,
    PluginRequestFailedError,
    QueryRequestError,
    ValidationError,
    describe,
    exhausted,
)

ALL = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HeadwaterError) and kind is not HeadwaterError
]
EXAMPLES = [
    QueryRequestError("No queries found", "query.noQueries"),
    ValidationError("is required", path="jsonData.url"),
    DownstreamServerError("no such table", code=1146, name="42S02", status=404, retryable=True),
    PluginRequestFailedError("broken", source=ErrorSource.HOST),
]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_the_tree_in_the_docstring_draws_every_error(kind: type[HeadwaterError]) -> None:
    lines = [line for line in (errors.__doc__ or "").splitlines() if f"─ {kind.__name__}" in line]
    assert len(lines) == 1
    shown = lines[0].split(kind.__name__)[1].split()
    if shown and shown[0].isdigit():  # what a line leaves out, the class inherits
        assert int(shown[0]) == kind.status
        assert set(shown[1:2]) & set(ErrorSource) <= {kind.source}
        assert ("retryable" in shown) == kind.retryable


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_survive_pickle_and_copy(error: HeadwaterError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_a_fresh_error_keeps_the_cause_and_drops_the_traceback(error: HeadwaterError) -> None:
    cause = OSError("refused")
    try:
        raise error from cause
    except HeadwaterError:
        fresh = error.fresh()
    assert fresh is not error
    assert fresh.__cause__ is cause
    assert fresh.__traceback__ is None
    assert vars(fresh) == vars(error)


def test_an_instance_overrides_the_defaults_of_its_class_alone() -> None:
    special = HeadwaterError("x", status=418, source=ErrorSource.CALLER, retryable=True)
    assert (special.status, special.source, special.retryable) == (418, ErrorSource.CALLER, True)
    assert (HeadwaterError.status, HeadwaterError.source, HeadwaterError.retryable) == (
        500,
        ErrorSource.HOST,
        False,
    )


def test_a_validation_error_names_the_place() -> None:
    error = ValidationError("is required", path="jsonData.url")
    assert str(error) == "jsonData.url: is required"
    assert (error.path, error.reason) == ("jsonData.url", "is required")
    assert str(ValidationError("is required")) == "is required"


@pytest.mark.parametrize(
    ("foreign", "kind"),
    [
        (TimeoutError("secret"), DownstreamTimeoutError),
        (ConnectionRefusedError("secret"), DownstreamConnectionError),
        (BrokenPipeError("secret"), DownstreamConnectionError),
        (KeyError("secret"), PluginRequestFailedError),
        (SystemExit("secret"), PluginRequestFailedError),
    ],
)
def test_foreign_exceptions_are_described_without_their_text(
    foreign: BaseException, kind: type[HeadwaterError]
) -> None:
    described = describe(foreign)
    assert type(described) is kind
    assert "secret" not in str(described)
    assert described.__cause__ is foreign


def test_our_own_errors_are_described_by_themselves() -> None:
    error = ValidationError("no")
    assert describe(error) is error


def _raised_from(cause: Exception) -> Exception:
    try:
        raise RuntimeError("secret") from cause
    except RuntimeError as error:
        return error


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
@pytest.mark.parametrize(
    "wrap", [lambda error: error, _raised_from, lambda error: ValueError("secret", error)]
)
def test_what_this_machine_has_none_left_of_is_the_hosts_fault(
    wrap: Callable[[Exception], Exception], code: int
) -> None:
    error = wrap(OSError(code, "secret"))
    described = describe(error)
    assert type(described) is HostExhaustedError
    assert (described.source, described.status, described.retryable) == (ErrorSource.HOST, 503, True)
    assert str(described).startswith("The host has no ")
    assert described.__cause__ is error


def test_other_failures_of_the_system_are_not() -> None:
    assert exhausted(OSError(errno.ECONNRESET, "reset")) is None
    assert exhausted(_raised_from(KeyError("x"))) is None


@pytest.mark.parametrize(
    ("source", "wire"),
    [("plugin", "plugin"), ("host", "plugin"), ("downstream", "downstream"), ("caller", "downstream")],
)
def test_grafana_knows_only_two_sources(source: str, wire: str) -> None:
    assert ErrorSource(source).wire == wire


@pytest.mark.parametrize("status", [405, 406, 412, 413, 414, 416, 417, 426, 431, 501])
def test_statuses_that_a_wrong_request_causes_are_the_plugins(status: int) -> None:
    assert ErrorSource.from_http_status(status) is ErrorSource.PLUGIN


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 502, 503, 504])
def test_other_statuses_are_the_data_sources(status: int) -> None:
    assert ErrorSource.from_http_status(status) is ErrorSource.DOWNSTREAM
