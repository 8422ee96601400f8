"""Read ClickHouse type names, such as `Map(String, Array(Nullable(DateTime64(3, 'UTC'))))`."""

from __future__ import annotations

import re

from attrs import frozen

from headwater.errors import DownstreamProtocolError

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.|'')*')
      | (?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<word>[^\W\d][\w.]*)
      | (?P<sign>[(),=])
    )""",
    re.VERBOSE | re.DOTALL,
)
_UNESCAPE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v"}
_MAX_DEPTH = 64
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
    declared = parser.read_type(0)
    if parser.peek() is not None:
        raise parser.error()
    return declared


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0

    def error(self) -> DownstreamProtocolError:
        return DownstreamProtocolError(f"The server names a type that is not understood: {self._text[:200]}")

    def peek(self, ahead: int = 0) -> tuple[str, str] | None:
        index = self._next + ahead
        return self._tokens[index] if index < len(self._tokens) else None

    def take(self, kind: str | None = None, value: str | None = None) -> str:
        token = self.peek()
        if token is None or (kind and token[0] != kind) or (value and token[1] != value):
            raise self.error()
        self._next += 1
        return token[1]

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
                self._next += 2
                members.append((_unquote(value), int(self.take("number"))))
            elif kind == "text":
                literals.append(_unquote(self.take()))
            elif kind == "number":
                literals.append(_number(self.take()))
            elif kind == "quoted" or self._is_named():
                names.append(_unquote(value) if kind == "quoted" else value)
                self._next += 1
                arguments.append(self.read_type(depth + 1))
            else:
                names.append("")
                arguments.append(self.read_type(depth + 1))
            if self.peek() == ("sign", ","):
                self.take()
        if name in {"Tuple", "Nested"}:
            return DeclaredType(name, tuple(arguments), tuple(names))
        return DeclaredType(name, tuple(arguments), (), tuple(literals), tuple(members))

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


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            # Types such as JSON have arguments in a grammar of their own, which is skipped anyway.
            tokens.append(("other", text[position]))
            position += 1
            continue
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


def _unquote(quoted: str) -> str:
    quote, body = quoted[0], quoted[1:-1]
    body = body.replace(quote * 2, quote)
    return re.sub(r"\\(.)", lambda match: _UNESCAPE.get(match[1], match[1]), body, flags=re.DOTALL)


def _number(text: str) -> int | float:
    return float(text) if any(c in text for c in ".eE") else int(text)
