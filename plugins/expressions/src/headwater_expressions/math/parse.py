"""The text of a formula as a tree. From loosest to tightest: `||`, `&&`, comparisons, `+ -`, `* / %`, `**`,
unary `! -`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from attrs import frozen

from headwater_expressions.errors import invalid

__all__ = ["Binary", "Call", "Constant", "Formula", "Node", "Unary", "Variable", "parse"]

_MOST_NESTED = 100


@frozen
class Constant:
    value: float


@frozen
class Variable:
    ref_id: str


@frozen
class Unary:
    operator: str
    operand: Node


@frozen
class Binary:
    operator: str
    left: Node
    right: Node


@frozen
class Call:
    function: str
    argument: Node | None


Node: TypeAlias = Constant | Variable | Unary | Binary | Call

#: Functions, and whether they take an argument.
FUNCTIONS = {
    **dict.fromkeys(
        ("abs", "log", "round", "ceil", "floor", "is_inf", "is_nan", "is_null", "is_number"), True
    ),
    **dict.fromkeys(("nan", "inf", "infn", "null"), False),
}

_LEVELS = (("||",), ("&&",), ("==", "!=", "<=", ">=", "<", ">"), ("+", "-"), ("*", "/", "%"), ("**",))
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |\$(?:\{(?P<braced>[^}]*)\}|(?P<variable>[A-Za-z_]\w*))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<operator>\*\*|\|\||&&|[=!<>]=|[-+*/%<>!()])
    )""",
    re.VERBOSE,
)


@frozen
class Formula:
    """A parsed formula. `variables` are the ref ids that it names, each once, in order."""

    root: Node
    variables: tuple[str, ...]


def parse(text: str) -> Formula:
    """Raises QueryRequestError that says where the formula is wrong."""
    parser = _Parser(text)
    root = parser.level(0)
    if parser.token is not None:
        raise parser.unexpected()
    return Formula(root, tuple(dict.fromkeys(parser.variables)))


@frozen
class _Token:
    kind: str
    text: str
    start: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._depth = 0
        self.variables: list[str] = []
        self.token: _Token | None = next(self._tokens, None)

    def level(self, index: int) -> Node:
        """Operands of the next tighter level, joined from left to right."""
        if index == len(_LEVELS):
            return self._operand()
        left = self.level(index + 1)
        while (operator := self._take("operator", *_LEVELS[index])) is not None:
            left = Binary(operator, left, self.level(index + 1))
        return left

    def unexpected(self) -> Exception:
        if self.token is None:
            return invalid(f"the formula {self._text!r} ends too early")
        return invalid(f"unexpected {self.token.text!r} at position {self.token.start} of {self._text!r}")

    def _operand(self) -> Node:
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise invalid(f"the formula is nested more than {_MOST_NESTED} levels deep")
        try:
            return self._bare_operand()
        finally:
            self._depth -= 1

    def _bare_operand(self) -> Node:
        if (operator := self._take("operator", "!", "-")) is not None:
            return Unary(operator, self._operand())
        if self._take("operator", "(") is not None:
            node = self.level(0)
            self._require(")")
            return node
        if (number := self._take("number")) is not None:
            return Constant(_number(number))
        if (ref_id := self._take("variable")) is not None:
            self.variables.append(ref_id)
            return Variable(ref_id)
        if self.token is not None and self.token.kind == "name":
            return self._call()
        raise self.unexpected()

    def _call(self) -> Call:
        name = self._take("name") or ""
        if name not in FUNCTIONS:
            raise invalid(f"non existing function {name}; functions are {', '.join(FUNCTIONS)}")
        self._require("(")
        argument = self.level(0) if FUNCTIONS[name] else None
        self._require(")")
        return Call(name, argument)

    def _take(self, kind: str, *texts: str) -> str | None:
        """The next token's text if it is of this kind (and one of `texts`); moves on then."""
        token = self.token
        if token is None or token.kind != kind or (texts and token.text not in texts):
            return None
        self.token = next(self._tokens, None)
        return token.text

    def _require(self, operator: str) -> None:
        if self._take("operator", operator) is None:
            raise self.unexpected()


def _tokens(text: str) -> Iterator[_Token]:
    end = len(text.rstrip())
    position = 0
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise invalid(f"unexpected {text[position:].lstrip()[:1]!r} in {text!r}")
        kind = str(match.lastgroup)
        yield _Token("variable" if kind == "braced" else kind, match[kind], match.start(kind))
        position = match.end()


def _number(text: str) -> float:
    """Decimal, hexadecimal (0x2A) or, with a leading zero, octal (072)."""
    if text[:2].lower() == "0x":
        return float(int(text, 16))
    if len(text) > 1 and text.isdigit() and text[0] == "0":
        try:
            return float(int(text, 8))
        except ValueError:
            raise invalid(f"{text} is no octal number, as a leading zero announces") from None
    return float(text)
