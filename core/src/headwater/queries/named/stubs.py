"""Types for a program that runs named queries: what `run` takes for each, so that a checker knows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from keyword import iskeyword
from typing import Final

from .model import NamedQuery
from .parameters import Parameter, ParameterType

__all__ = ["stubs_of"]

_TYPES: Final[Mapping[ParameterType, str]] = {
    ParameterType.TEXT: "str",
    ParameterType.INTEGER: "int",
    ParameterType.NUMBER: "float",
    ParameterType.BOOLEAN: "bool",
    ParameterType.TIME: "datetime | str",
    ParameterType.DURATION: "timedelta | str",
    ParameterType.CHOICE: "str | float | bool",
}
_TAKEN: Final = frozenset({"self", "named_query", "options", "__debug__"})
_HEAD: Final = '''"""Made by `headwater named stubs`: what `run` takes for each named query.

    queries = typing.cast("Queries", headwater)
    frame = queries.run("an-id", …)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, Unpack, overload

from headwater import Frame
from headwater.queries import QueryOptions
'''


def stubs_of(queries: Iterable[NamedQuery]) -> str:
    """A Python module with a protocol `Queries` for `Headwater`, and `AsyncQueries` for `AsyncHeadwater`."""
    known = list(queries)
    parts = [_HEAD, *_protocol("Queries", "def", known), *_protocol("AsyncQueries", "async def", known)]
    return "\n".join(parts).rstrip() + "\n"


def _protocol(name: str, define: str, queries: list[NamedQuery]) -> Iterator[str]:
    yield f"\nclass {name}(Protocol):"
    if not queries:
        yield "    ...\n"
    for query in queries:
        if len(queries) > 1:
            yield "    @overload"
        yield f"    {define} run("
        yield f"        self, named_query: Literal[{_literal(query.id)}], {_values(query)}"
        yield "    ) -> Frame:"
        yield f"        {_literal(query.title or query.description or query.id)}\n"


def _values(query: NamedQuery) -> str:
    """One keyword for each parameter; a mapping where a name cannot be one."""
    if any(iskeyword(each.name) or each.name in _TAKEN for each in query.parameters):
        return "values: Mapping[str, Any], /, **options: Unpack[QueryOptions]"
    given = [f"{each.name}: {_type(each)}" + ("" if each.required else " = ...") for each in query.parameters]
    return ", ".join(["/", *(["*", *given] if given else []), "**options: Unpack[QueryOptions]"])


def _type(parameter: Parameter) -> str:
    one = _TYPES[parameter.type]
    if parameter.choices and not any(isinstance(choice, float) for choice in parameter.choices):
        one = f"Literal[{', '.join(map(_literal, parameter.choices))}]"
    return f"Sequence[{one}]" if parameter.is_list else one


def _literal(value: object) -> str:
    """As Python writes it, in ASCII: whatever a text holds, it stays within its quotes."""
    return json.dumps(value) if isinstance(value, str) else repr(value)
