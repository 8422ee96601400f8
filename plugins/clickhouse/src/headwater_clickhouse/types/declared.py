"""Read ClickHouse type names, such as `Map(String, Array(Nullable(DateTime64(3, 'UTC'))))`."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from attrs import frozen

from headwater.errors import DownstreamProtocolError

_TOKEN = re.compile(
    r"""(?:
        (?P<text>'(?:[^'\\]|\\.|'')*')
      | (?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<word>[^\W\d][\w.]*)
      | (?P<sign>[(),=])
    )""",
    re.VERBOSE | re.DOTALL,
)
_UNESCAPE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v"}
_SPACES = re.compile(r"\s*")
_MAX_DEPTH = 64
#: Characters of a type name. An Enum16 may list 65,536 names.
_MAX_TEXT = 4 << 20
#: Geo types are names for nested arrays of points.
_SYNONYMS = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "MultiLineString": "Array(LineString)",
    "Polygon": "Array(Ring)",
    "MultiPolygon": "Array(Polygon)",
}


@frozen
class DeclaredType:
    """A type name taken apart.

    `arguments` are the type arguments, `names` their names (tuple elements; empty text where unnamed),
    `literals` the numbers and strings, `members` an enum's names by value.
    """

    name: str
    arguments: tuple[DeclaredType, ...] = ()
    names: tuple[str, ...] = ()
    literals: tuple[int | float | str, ...] = ()
    members: tuple[tuple[str, int], ...] = ()

    @property
    def bare(self) -> DeclaredType:
        """The type within Nullable, LowCardinality and SimpleAggregateFunction."""
        inner = self
        while inner.name in {"Nullable", "LowCardinality", "SimpleAggregateFunction"} and inner.arguments:
            inner = inner.arguments[-1]
        return inner


def parse_type(text: str) -> DeclaredType:
    """Raises DownstreamProtocolError for text that is not a type name."""
    parser = _Parser(text)
    try:
        declared = parser.read_type(0)
    except ValueError as error:  # a number that is none
        raise parser.error() from error
    if parser.peek() is not None:
        raise parser.error()
    return declared


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text[:_MAX_TEXT])
        self._read: deque[tuple[str, str]] = deque()

    def error(self) -> DownstreamProtocolError:
        return DownstreamProtocolError(f"The server names a type that is not understood: {self._text[:200]}")

    def peek(self, ahead: int = 0) -> tuple[str, str] | None:
        while len(self._read) <= ahead and (token := next(self._tokens, None)) is not None:
            self._read.append(token)
        return self._read[ahead] if ahead < len(self._read) else None

    def take(self, kind: str | None = None, value: str | None = None) -> str:
        token = self.peek()
        if token is None or (kind and token[0] != kind) or (value and token[1] != value):
            raise self.error()
        return self._read.popleft()[1]

    def read_type(self, depth: int) -> DeclaredType:
        if depth > _MAX_DEPTH:
            raise self.error()
        name = self.take("word")
        if name in _SYNONYMS:
            return parse_type(_SYNONYMS[name])
        if self.peek() != ("sign", "("):
            return DeclaredType(name)
        self.take()
        if name in {"AggregateFunction", "JSON", "Object", "Dynamic", "QBit"}:
            self._skip_arguments()
            return DeclaredType(name)
        declared = self._read_arguments(name, depth)
        self.take("sign", ")")
        return declared

    def _read_arguments(self, name: str, depth: int) -> DeclaredType:
        arguments: list[DeclaredType] = []
        names: list[str] = []
        literals: list[int | float | str] = []
        members: list[tuple[str, int]] = []
        if name == "SimpleAggregateFunction":
            self._skip_function()
        while self.peek() != ("sign", ")"):
            kind, value = self.peek() or ("", "")
            if kind == "text" and self.peek(1) == ("sign", "="):
                self.take()
                self.take()
                members.append((_unquote(value), self._read_member()))
            elif kind == "text":
                literals.append(_unquote(self.take()))
            elif kind == "number":
                literals.append(_number(self.take()))
            elif kind == "quoted" or self._is_named():
                names.append(_unquote(value) if kind == "quoted" else value)
                self.take()
                arguments.append(self.read_type(depth + 1))
            else:
                names.append("")
                arguments.append(self.read_type(depth + 1))
            if self.peek() == ("sign", ","):
                self.take()
        if name in {"Tuple", "Nested"}:
            return DeclaredType(name, tuple(arguments), tuple(names))
        return DeclaredType(name, tuple(arguments), (), tuple(literals), tuple(members))

    def _read_member(self) -> int:
        value = int(self.take("number"))
        if not -(1 << 15) <= value < 1 << 15:
            raise self.error()
        return value

    def _is_named(self) -> bool:
        """Whether a word is an element's name: a type follows it directly."""
        after = self.peek(1)
        return after is not None and after[0] == "word"

    def _skip_function(self) -> None:
        """The first argument of SimpleAggregateFunction is a function's name, perhaps with parameters."""
        self.take("word")
        if self.peek() == ("sign", "("):
            self.take()
            self._skip_arguments()
        self.take("sign", ",")

    def _skip_arguments(self) -> None:
        depth = 1
        while depth:
            value = self.take()
            depth += {"(": 1, ")": -1}.get(value, 0)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kinds and texts, one at a time. A quote that is never closed ends them."""
    position = 0
    while position < len(text):
        position = _after_spaces(text, position)
        match = _TOKEN.match(text, position)
        if match is not None and match.lastgroup is not None:
            yield match.lastgroup, match[match.lastgroup]
            position = match.end()
        elif position < len(text):
            # Types such as JSON have arguments in a grammar of their own, which is skipped anyway.
            yield "other", text[position]
            if text[position] in "'\"`":
                return
            position += 1


def _after_spaces(text: str, position: int) -> int:
    match = _SPACES.match(text, position)
    return position if match is None else match.end()


def _unquote(quoted: str) -> str:
    quote, body = quoted[0], quoted[1:-1]
    body = body.replace(quote * 2, quote)
    return re.sub(r"\\(.)", lambda match: _UNESCAPE.get(match[1], match[1]), body, flags=re.DOTALL)


def _number(text: str) -> int | float:
    return float(text) if any(c in text for c in ".eE") else int(text)
