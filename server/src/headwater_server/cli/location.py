"""Where a command works: on a data directory, or on a remote host."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Concatenate, ParamSpec, TypeVar

import click
from attrs import frozen

from headwater_server.data_directory import DataDirectory

P = ParamSpec("P")
T = TypeVar("T")


@frozen
class Location:
    """`host` is the URL of a remote host; empty for the data directory, which `data_dir` may name."""

    data_dir: str | None
    host: str = ""
    token_file: str = ""

    @property
    def directory(self) -> DataDirectory:
        """Looked for only by commands that need it. Raises ValidationError."""
        return DataDirectory.named(self.data_dir)


class LocalOnlyError(click.ClickException):
    exit_code = 2


pass_location = click.make_pass_decorator(Location)


def pass_directory(command: Callable[Concatenate[DataDirectory, P], T]) -> Callable[P, T]:
    """Give the data directory to a command that cannot work on a remote host."""

    @click.pass_context
    def run(context: click.Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        location = context.find_object(Location)
        assert location is not None
        if location.host:
            raise LocalOnlyError(
                f"`{context.command_path}` works on a data directory only: "
                "run it on the host's machine, without --host or HEADWATER_HOST."
            )
        result: T = context.invoke(command, location.directory, *args, **kwargs)
        return result

    return update_wrapper(run, command)
