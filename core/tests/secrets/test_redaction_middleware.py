"""What a plugin gives back shows no secret that the host knows, wherever it stands in an error."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from attrs import frozen

from headwater.calls import CallContext
from headwater.errors import DownstreamAuthError, DownstreamServerError
from headwater.models import (
    CallResourceRequest,
    CheckHealthRequest,
    CheckHealthResult,
    DataQuery,
    DataResponse,
    HealthStatus,
    PluginContext,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import CorePlugin, RedactionMiddleware, hookimpl
from headwater.plugins.middleware.redaction import mask_error
from headwater.secrets import Redactor, Secret

CANARY = "canary-c0ffee11"


class DriverError(Exception):
    pass


def refusal() -> DownstreamAuthError:
    """As a careless plugin makes it: the password is in the message, in its cause, and in a note."""
    try:
        try:
            raise DriverError(1045, f"access denied for root:{CANARY}@host")
        except DriverError as error:
            error.add_note(f"dsn=mysql://root:{CANARY}@host")
            raise DownstreamAuthError(f"login failed: {error}") from error
    except DownstreamAuthError as error:
        return error


class CarelessPlugin:
    @hookimpl
    def query_data(self, request: QueryDataRequest) -> QueryDataResponse:
        if request.queries[0].ref_id == "raise":
            raise refusal()
        return QueryDataResponse({"A": DataResponse.from_error(refusal())})

    @hookimpl
    def query_chunked_data(self, request: QueryDataRequest) -> Iterator[QueryChunk]:
        yield QueryChunk("A", error=refusal())
        raise refusal()

    @hookimpl
    def check_health(self, request: CheckHealthRequest) -> CheckHealthResult:
        return CheckHealthResult(HealthStatus.ERROR, f"no login with {CANARY}", {"tried": [CANARY]})

    @hookimpl
    def call_resource(self, request: CallResourceRequest) -> Iterator[Any]:
        yield from ()
        raise refusal()


@pytest.fixture
def plugin() -> CorePlugin:
    redactor = Redactor()
    redactor.watch(Secret(CANARY))
    return CorePlugin.of("careless", CarelessPlugin(), middlewares=[RedactionMiddleware(redactor)])


def query(ref_id: str) -> QueryDataRequest:
    return QueryDataRequest(PluginContext("careless"), (DataQuery(ref_id),))


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def is_masked(error: BaseException | None) -> bool:
    assert isinstance(error, DownstreamAuthError)
    assert isinstance(error.__cause__, DriverError)
    assert error.message.startswith("login failed: ")
    assert error.__cause__.__notes__ == ["dsn=mysql://root:********@host"]
    return CANARY not in shown(error) + repr(error) + error.message and "********" in str(error)


def test_an_error_of_a_query_is_masked_with_its_cause_and_notes(plugin: CorePlugin) -> None:
    assert CANARY in shown(refusal())

    assert is_masked(plugin.query_data(query("A"), CallContext()).responses["A"].error)


def test_an_error_that_is_raised_is_masked(plugin: CorePlugin) -> None:
    with pytest.raises(DownstreamAuthError) as caught:
        plugin.query_data(query("raise"), CallContext())

    assert is_masked(caught.value)


def test_errors_inside_and_at_the_end_of_a_stream_are_masked(plugin: CorePlugin) -> None:
    chunks = iter(plugin.query_chunked_data(query("A"), CallContext()))

    assert is_masked(next(chunks).error)
    with pytest.raises(DownstreamAuthError) as caught:
        next(chunks)
    assert is_masked(caught.value)


def test_message_and_details_of_a_health_check_are_masked(plugin: CorePlugin) -> None:
    result = plugin.check_health(CheckHealthRequest(PluginContext("careless")), CallContext())

    assert (result.message, result.details) == ("no login with ********", {"tried": ["********"]})


def test_an_error_of_a_resource_is_masked(plugin: CorePlugin) -> None:
    request = CallResourceRequest(PluginContext("careless"), "x")
    with pytest.raises(DownstreamAuthError) as caught:
        list(plugin.call_resource(request, CallContext()))

    assert is_masked(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda plugin: plugin.query_data(query("A"), CallContext()),
        lambda plugin: plugin.query_chunked_data(query("A"), CallContext()),
        lambda plugin: plugin.check_health(CheckHealthRequest(PluginContext("any")), CallContext()),
        lambda plugin: plugin.call_resource(CallResourceRequest(PluginContext("any"), "x"), CallContext()),
    ],
    ids=["query_data", "query_chunked_data", "check_health", "call_resource"],
)
class TestEveryHook:
    def test_an_error_before_any_answer_is_masked(self, call: Callable[[CorePlugin], Any]) -> None:
        with pytest.raises(DownstreamAuthError) as caught:
            call(wrapped(AnyAnswer(refusal())))
        assert is_masked(caught.value)

    def test_a_wrong_answer_is_given_on_for_the_host_to_judge(
        self, call: Callable[[CorePlugin], Any]
    ) -> None:
        assert call(wrapped(AnyAnswer(5))) == 5


class AnyAnswer:
    """Gives `answer` to every call; an error is raised."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def _give(self) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    @hookimpl
    def query_data(self) -> Any:
        return self._give()

    @hookimpl
    def query_chunked_data(self) -> Any:
        return self._give()

    @hookimpl
    def check_health(self) -> Any:
        return self._give()

    @hookimpl
    def call_resource(self) -> Any:
        return self._give()


def wrapped(plugin: object) -> CorePlugin:
    redactor = Redactor()
    redactor.watch(Secret(CANARY))
    return CorePlugin.of("any", plugin, middlewares=[RedactionMiddleware(redactor)])


def test_masking_ends_on_errors_that_refer_to_each_other() -> None:
    one, two = DownstreamServerError(CANARY, code=5), ValueError(CANARY)
    one.__cause__, two.__context__ = two, one
    group = ExceptionGroup("both", [one])
    redactor = Redactor()
    redactor.watch(Secret(CANARY))

    assert mask_error(group, redactor) is group

    assert (str(one), one.code, str(two)) == ("********", 5, "********")


def masked(error: BaseException) -> str:
    redactor = Redactor()
    redactor.watch(Secret(CANARY))
    assert mask_error(error, redactor) is error
    return shown(error) + repr(error)


@frozen(auto_exc=True)
class FrozenError(Exception):
    url: str


class StatusError(Exception):
    def __init__(self, url: str) -> None:
        self.url, self.status = url, 401

    def __str__(self) -> str:
        return f"{self.status} at {self.url}"


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (ConnectionRefusedError, (111, f"no login with {CANARY}")),
        (FileNotFoundError, (2, "no such file", f"/run/{CANARY}", None, f"/tmp/{CANARY}")),
        (ModuleNotFoundError, (f"no module {CANARY}",)),
        (SyntaxError, ("invalid", ("q.sql", 1, 2, f"SELECT {CANARY}"))),
        (StatusError, (f"http://root:{CANARY}@host",)),
        (FrozenError, (f"http://root:{CANARY}@host",)),
    ],
)
def test_errors_that_show_attributes_instead_of_their_arguments_are_masked(
    kind: type[Exception], arguments: tuple[Any, ...]
) -> None:
    error = kind(*arguments)
    assert CANARY in shown(error)

    text = masked(error)

    assert CANARY not in text
    assert "********" in text


def test_every_member_of_a_group_is_masked_with_its_causes() -> None:
    def caused(text: str) -> ValueError:
        error = ValueError(text)
        error.__cause__ = KeyError(CANARY)
        error.__context__ = OSError(CANARY)
        return error

    members = [caused(CANARY), caused("x"), caused(CANARY)]

    masked(ExceptionGroup("outer", [members[0], ExceptionGroup("inner", members[1:])]))

    assert [str(each) for each in members] == ["********", "x", "********"]
    for each in members:
        assert (str(each.__cause__), str(each.__context__)) == ("'********'", "********")


class Stream:
    """Neither a generator nor a list, as a driver's cursor."""

    def __init__(self, *items: object) -> None:
        self.items = iter(items)
        self.closed = False

    def __iter__(self) -> Iterator[Any]:
        return self.items

    def close(self) -> None:
        self.closed = True


def watched(answer: object) -> Any:
    request = CallResourceRequest(PluginContext("any"), "x")
    return wrapped(AnyAnswer(answer)).call_resource(request, CallContext())


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_a_stream_is_closed_when_it_ends_and_when_its_reader_leaves(taken: int) -> None:
    stream = Stream("one", QueryChunk("A"))
    reader = watched(stream)

    assert len(list(islice(reader, taken))) == min(taken, 2)
    reader.close()

    assert stream.closed


def test_an_answer_that_cannot_be_closed_is_read_to_its_end() -> None:
    assert list(watched(["one", QueryChunk("A")])) == ["one", QueryChunk("A")]
