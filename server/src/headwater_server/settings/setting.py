"""One setting: an option of click that is a variable and a key of the configuration file as well."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from .configuration_file import ConfigurationFile

_FILE = "headwater_server.configuration_file"
_GIVEN = "headwater_server.given"
_SEPARATORS = re.compile(r"[,\s]+")


class Setting(click.Option):
    """An option whose value may come from the variable `HEADWATER_` + `key`, or from `key` of the file, too.

    `secret` is for values that may hold a password; they are never shown whole. `has_option` is false for
    what no argument can give. `all_of` is the one text that a list may be in the file instead.
    """

    def __init__(
        self,
        declarations: Sequence[str],
        *,
        key: str = "",
        secret: bool = False,
        has_option: bool = True,
        all_of: str | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(declarations, **attributes)
        assert self.name is not None
        self.key = key or self.name
        self.secret = secret
        self.option = self.opts[0] if has_option else ""
        self.all_of = all_of
        self.variable = f"HEADWATER_{self.key.upper()}"
        self.envvar = self.variable
        self.show_envvar = True

    @property
    def is_path(self) -> bool:
        return isinstance(self.type, click.Path)

    def fault(self, value: object) -> str:
        """Why `value` of a file is not of this setting's type; empty if it is."""
        if self.multiple:
            listed = isinstance(value, list) and all(isinstance(each, str) for each in value)
            return "" if listed or (value == self.all_of is not None) else "is not a list of texts"
        for kinds, names, wanted in (
            ((bool,), ("boolean",), "true or false"),
            ((int,), ("integer", "integer range"), "a whole number"),
            ((int, float), ("float", "float range"), "a number"),
            ((str, int), ("text or number",), "text or a whole number"),
        ):
            if self.type.name in names:
                right = isinstance(value, kinds) and (kinds == (bool,) or not isinstance(value, bool))
                return "" if right else f"is not {wanted}"
        return "" if isinstance(value, str) else "is not text"

    def value_from_envvar(self, ctx: click.Context) -> Any:
        text = self.resolve_envvar_value(ctx)
        if text is None or not self.multiple or self.is_path:
            return super().value_from_envvar(ctx)
        return tuple(filter(None, _SEPARATORS.split(text)))

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        converted = super().type_cast_value(ctx, value)
        ctx.meta.setdefault(_GIVEN, {})[self.key] = converted
        return converted

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Where the wrong value stands."""
        source = ctx.get_parameter_source(self.name or "") if ctx is not None else None
        if ctx is not None and source in (ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP):
            return self.origin(ctx)
        return f"'{self.opts[0]}'"

    def given(self, ctx: click.Context) -> Any:
        """The value of its type, before a callback made something else of it; None if there is none."""
        return ctx.meta.get(_GIVEN, {}).get(self.key)

    def origin(self, ctx: click.Context) -> str:
        """What gave the value: `--port`, `HEADWATER_LISTEN_PORT`, `headwater.toml:3: listen_port`, or
        `default`."""
        source = ctx.get_parameter_source(self.name or "")
        if source is ParameterSource.COMMANDLINE:
            return self.opts[0]
        if source is ParameterSource.ENVIRONMENT:
            return self.variable
        if source is ParameterSource.DEFAULT_MAP:
            file: ConfigurationFile = ctx.meta[_FILE]
            return f"{file.place((self.key,))}: {self.key}"
        return "default"


def look_in(file: ConfigurationFile, ctx: click.Context) -> None:
    """Let `file` give the settings of a command what neither an argument nor a variable gives."""
    ctx.meta[_FILE] = file
    ctx.default_map = dict(_defaults(ctx.command, file))


def _defaults(command: click.Command, file: ConfigurationFile) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for setting in command.params:
        if isinstance(setting, Setting) and setting.key in file.members:
            value = file.members[setting.key]
            if setting.is_path:
                value = [_below(file, each) for each in value] if setting.multiple else _below(file, value)
            elif setting.multiple and isinstance(value, str):
                value = [value]
            found[setting.name or ""] = value
    return found


def _below(file: ConfigurationFile, path: str) -> str:
    return str(Path(file.path.parent, path))
