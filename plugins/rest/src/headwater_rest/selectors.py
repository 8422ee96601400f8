"""JMESPath selectors: where rows, values and links stand in an answer."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from headwater.errors import DownstreamProtocolError

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

_PLAIN = frozenset({"identity", "current", "field", "subexpression", "index", "index_expression"})


@cache
def compile_selector(expression: str) -> ParsedResult:
    """Raises ValueError for what is no JMESPath. The empty one selects all."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.compile(expression or "@")
    except (JMESPathError, RecursionError) as error:
        raise ValueError(f"{expression[:80]!r} is not JMESPath: {str(error).splitlines()[0]}") from error


def select(expression: str, document: Any) -> Any:
    """What `expression` finds in `document`, None for nothing. Raises DownstreamProtocolError."""
    from jmespath.exceptions import JMESPathError

    if not expression:
        return document
    try:
        return compile_selector(expression).search(document)
    except (JMESPathError, RecursionError) as error:
        raise DownstreamProtocolError(
            f"The selector {expression[:80]!r} does not fit the answer: {str(error).splitlines()[0][:200]}"
        ) from error


def keeps_count(expression: str) -> bool:
    """Whether the selector finds all of one list, so that counting what it finds counts what was sent."""
    pending = [compile_selector(expression).parsed]
    while pending:
        node = pending.pop()
        if node["type"] not in _PLAIN:
            return False
        pending += [child for child in node["children"] if isinstance(child, dict)]
    return True


def plain_names(expression: str) -> list[str] | None:
    """The names of a path such as `a.b`, looked up much faster without the library; else None."""
    return _names(compile_selector(expression).parsed)


def _names(node: dict[str, Any]) -> list[str] | None:
    if node["type"] == "field":
        return [node["value"]]
    if node["type"] != "subexpression":
        return None
    parts = [_names(child) for child in node["children"]]
    return None if None in parts else [name for part in parts if part for name in part]
