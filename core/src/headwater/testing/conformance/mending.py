"""Every failure of the kit ends in one line: what happened, and what to mend where."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import pytest

from headwater.errors import PluginRequestFailedError
from headwater.plugins.discovery import PluginRecord, PluginSource, discover
from headwater.sdk import DataSourcePlugin

__all__ = ["ConformanceError", "mend", "record_of"]

P = ParamSpec("P")
Suite = TypeVar("Suite")
Check = Callable[Concatenate[Suite, P], None]


class ConformanceError(AssertionError):
    """A check of the kit failed: what happened, and what to mend where, in one line."""

    __module__ = "headwater.testing"  # the name that pytest prints
    happened: str = ""
    mend: str = ""
    """`PLACE: RULE`."""

    @classmethod
    def of(cls, suite: type, happened: object, place: str, rule: str) -> ConformanceError:
        """`place` is `source.METHOD`, `plugin.ATTRIBUTE`, `settings`, `project` or `suite.ATTRIBUTE`."""
        sentence, mend = _sentence(happened), f"{_location(suite, place)}: {rule}"
        error = cls(f"{sentence} Mend {mend}")
        error.happened, error.mend = sentence, mend
        return error


def mend(
    place: str, rule: str, *, about_warnings: bool = False
) -> Callable[[Check[Suite, P]], Check[Suite, P]]:
    """For a check: the part of the author's code that it is about, and what that has to do."""

    def decorate(check: Check[Suite, P]) -> Check[Suite, P]:
        @functools.wraps(check)
        def run(self: Suite, /, *args: P.args, **kwargs: P.kwargs) -> None:
            __tracebackhide__ = True
            try:
                with nullcontext() if about_warnings else _drivers_may_warn():
                    check(self, *args, **kwargs)
            except ConformanceError:
                raise
            except (Exception, pytest.fail.Exception) as error:
                raise ConformanceError.of(type(self), error, place, rule) from error

        return run

    return decorate


def record_of(suite: type, plugin_id: str, sources: Iterable[PluginSource] = ()) -> PluginRecord:
    """The installed plugin. Raises ConformanceError if there is none."""
    record = _installed(plugin_id, sources)
    if record is None:
        raise ConformanceError.of(
            suite, f"No installed distribution has a plugin {plugin_id!r}", "project",
            f"under [project.entry-points.'headwater.datasources.v1'] it needs {plugin_id}; then install it",
        )  # fmt: skip
    return record


def _installed(plugin_id: str, sources: Iterable[PluginSource] = ()) -> PluginRecord | None:
    return next(
        (each for each in discover(allow=(), block=(), sources=sources) if each.plugin_id == plugin_id), None
    )


@contextmanager
def _drivers_may_warn() -> Iterator[None]:
    """Where warnings are errors, those of a driver would fail each check that queries, instead of one.

    Resources that nobody closed stay what the author wants them to be.
    """
    actions = (each[0] for each in warnings.filters if issubclass(ResourceWarning, each[2]))
    unclosed_is_error = next(actions, "") == "error"
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        if unclosed_is_error:
            warnings.simplefilter("error", ResourceWarning)
        yield


def _sentence(happened: object) -> str:
    """One line. The kit's own words as they are; other exceptions with their kind, a bug's from inside."""
    if isinstance(happened, PluginRequestFailedError):
        happened = happened.__cause__ or happened
    lines = str(happened).strip().splitlines() or [""]
    text = lines[0].rstrip(".:")
    if (
        isinstance(happened, BaseException)
        and not isinstance(happened, pytest.fail.Exception)
        and not isinstance(happened, AssertionError)
    ):
        text = f"{type(happened).__name__}: {text}"
    return f"{text}."


def _location(suite: type, place: str) -> str:
    """As the author's own files call it; in general words if the plugin does not load."""
    kind, _, member = place.partition(".")
    if kind == "suite":
        return _named(suite, member)
    with suppress(Exception):
        plugin_id: str = suite.plugin_id  # type: ignore[attr-defined]
        sources: tuple[PluginSource, ...] = suite.plugin_sources  # type: ignore[attr-defined]
        record = _installed(plugin_id) or _installed(plugin_id, sources)
        if record is not None and kind == "project":
            return f"the pyproject.toml of {record.distribution}"
        if record is not None:
            return _named(_part(record.load(), kind), member)
    return {"project": "your pyproject.toml"}.get(kind, f"your plugin's {place}")


def _part(plugin: object, kind: str) -> type:
    """The class that `kind` is about; the plugin's, where that has no such part."""
    if not isinstance(plugin, DataSourcePlugin):
        return type(plugin)
    if kind == "settings":
        return plugin.settings_type
    return plugin._data_source_class() if kind == "source" else type(plugin)


def _named(owner: type, member: str) -> str:
    """`Class.member (file:line)`: of the member if the author wrote it, else of the class."""
    written = getattr(owner, member, None)
    own = inspect.isfunction(written) and written.__module__.partition(".")[0] != "headwater"
    place = written if inspect.isfunction(written) and own else owner
    name = f"{owner.__name__}.{member}" if member else owner.__name__
    file = inspect.getsourcefile(place)
    if file is None:
        return name
    path = Path(file)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{name} ({shown}:{inspect.getsourcelines(place)[1]})"
