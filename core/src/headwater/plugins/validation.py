"""Refuse hook implementations that pluggy would accept in silence and then call wrongly, or never."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from headwater.errors import PluginUnavailableError

from .hookspecs import HOOKS, PROJECT, DataSourceSpec

__all__ = ["check_implementation", "check_middleware", "flaw_in"]


def check_implementation(plugin_id: str, implementation: object) -> None:
    """Raises PluginUnavailableError with the sentence of `flaw_in`, if there is one."""
    if flaw := flaw_in(implementation):
        raise PluginUnavailableError(f"Plugin {plugin_id!r} is not valid: {flaw}.")


def flaw_in(implementation: object) -> str:
    """Why an object is no implementation of the hooks; empty if it is one."""
    if inspect.isclass(implementation):
        return f"{implementation.__name__} is a class; give an instance of it"
    marked = [name for name in dir(implementation) if _hook_options(implementation, name) is not None]
    if not marked:
        return f"{type(implementation).__name__} has no method marked with hookimpl"
    return next((flaw for name in marked if (flaw := _flaw_in_hook(implementation, name))), "")


def _flaw_in_hook(implementation: object, name: str) -> str:
    if name not in HOOKS:
        near = difflib.get_close_matches(name, HOOKS, n=1)
        hint = f", did you mean {near[0]}" if near else f"; hooks are {', '.join(HOOKS)}"
        return f"there is no hook {name}{hint}"
    function = inspect.unwrap(getattr(implementation, name))
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return f"{name} is async; hooks are synchronous, the host runs them in threads"
    return _flaw_in_arguments(name, function)


def _flaw_in_arguments(name: str, function: Any) -> str:
    allowed = list(inspect.signature(getattr(DataSourceSpec, name)).parameters)[1:]
    for argument in inspect.signature(function).parameters.values():
        if argument.kind is argument.KEYWORD_ONLY:
            return f"argument {argument.name} of {name} is keyword-only and would never be passed"
        if argument.default is not argument.empty:
            return f"argument {argument.name} of {name} has a default and would never be passed"
        if argument.name not in allowed and argument.name != "self":
            takes = ", ".join(allowed) or "none"
            return f"{name} has an argument {argument.name}; the hook's arguments are: {takes}"
    return ""


def check_middleware(middleware: object) -> None:
    """Refuse what would answer in a plugin's place, or never run. Raises TypeError with a sentence."""
    kind = type(middleware).__name__
    marks = {name: mark for name in dir(middleware) if (mark := _hook_options(middleware, name)) is not None}
    if not marks:
        raise TypeError(f"middleware {kind} has no method marked with hookimpl(wrapper=True)")
    for name, mark in marks.items():
        if name not in HOOKS:
            raise TypeError(f"middleware {kind} wraps {name}, which is no hook")
        if not mark["wrapper"]:
            raise TypeError(f"{name} of middleware {kind} needs hookimpl(wrapper=True)")


def _hook_options(implementation: object, name: str) -> Any:
    """The mark that hookimpl leaves, read without running properties."""
    if name.startswith("__"):
        return None
    static = inspect.getattr_static(implementation, name, None)
    function = getattr(static, "__func__", static)
    return getattr(function, f"{PROJECT}_impl", None)
