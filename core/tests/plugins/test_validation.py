from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from types import ModuleType
from typing import Any

import pytest

from headwater import hookimpl
from headwater.errors import PluginUnavailableError
from headwater.plugins.validation import check_implementation, check_middleware, flaw_in


class Complete:
    @hookimpl
    def describe_plugin(self) -> None: ...

    @hookimpl
    def query_data(self, request: Any, context: Any) -> None: ...

    @hookimpl
    def query_chunked_data(self, request: Any, context: Any) -> None: ...

    @hookimpl
    def check_health(self, request: Any, context: Any) -> None: ...

    @hookimpl
    def call_resource(self, request: Any, context: Any) -> None: ...

    @hookimpl
    def start_plugin(self) -> None: ...

    @hookimpl
    def stop_plugin(self) -> None: ...


class FewerArguments:
    @hookimpl
    def query_data(self, request: Any) -> None: ...

    @staticmethod
    @hookimpl
    def check_health() -> None: ...

    @property
    def dangerous(self) -> None:
        raise AssertionError("checking must not run properties")


def module_plugin() -> ModuleType:
    module = ModuleType("plugin")

    @hookimpl
    def query_data(request: Any, context: Any) -> None: ...

    module.query_data = query_data  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize("sound", [Complete(), FewerArguments(), module_plugin()])
def test_sound_implementations_have_no_flaw(sound: object) -> None:
    assert flaw_in(sound) == ""
    check_implementation("sound", sound)


class NoHooks: ...


class Misspelt:
    @hookimpl
    def qery_data(self, request: Any) -> None: ...


class Foreign:
    @hookimpl
    def zzz(self) -> None: ...


class Asynchronous:
    @hookimpl
    async def query_data(self, request: Any) -> None: ...


class AsynchronousGenerator:
    @hookimpl
    async def query_chunked_data(self, request: Any) -> AsyncIterator[None]:
        yield None


class KeywordOnly:
    @hookimpl
    def query_data(self, request: Any, *, context: Any) -> None: ...


class WithDefault:
    @hookimpl
    def query_data(self, request: Any, context: Any = None) -> None: ...


class WrongArgument:
    @hookimpl
    def query_data(self, query: Any) -> None: ...


class TooManyForStart:
    @hookimpl
    def start_plugin(self, context: Any) -> None: ...


@pytest.mark.parametrize(
    ("flawed", "sentence"),
    [
        (NoHooks(), "NoHooks has no method marked with hookimpl"),
        (Complete, "Complete is a class; give an instance of it"),
        (Misspelt(), "there is no hook qery_data, did you mean query_data"),
        (Foreign(), "there is no hook zzz; hooks are describe_plugin, query_data,"),
        (Asynchronous(), "query_data is async; hooks are synchronous"),
        (AsynchronousGenerator(), "query_chunked_data is async"),
        (KeywordOnly(), "argument context of query_data is keyword-only and would never be passed"),
        (WithDefault(), "argument context of query_data has a default and would never be passed"),
        (WrongArgument(), "query_data has an argument query; the hook's arguments are: request, context"),
        (TooManyForStart(), "start_plugin has an argument context; the hook's arguments are: none"),
    ],
)
def test_flaws_are_told_in_a_sentence(flawed: object, sentence: str) -> None:
    assert sentence in flaw_in(flawed)
    with pytest.raises(PluginUnavailableError, match="Plugin 'mine' is not valid: "):
        check_implementation("mine", flawed)


class Wrapper:
    @hookimpl(wrapper=True)
    def query_data(self) -> Generator[None, Any, Any]:
        return (yield)


class NoWrapper:
    @hookimpl
    def query_data(self) -> None: ...


class WrapsNothing:
    @hookimpl(wrapper=True)
    def qery_data(self) -> Generator[None, Any, Any]:
        return (yield)


def test_a_middleware_wraps_hooks() -> None:
    check_middleware(Wrapper())


@pytest.mark.parametrize(
    ("flawed", "sentence"),
    [
        (NoHooks(), "has no method marked"),
        (NoWrapper(), "query_data of middleware NoWrapper needs hookimpl"),
        (WrapsNothing(), "wraps qery_data, which is no hook"),
    ],
)
def test_a_middleware_that_would_answer_or_never_run_is_refused(flawed: object, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        check_middleware(flawed)
