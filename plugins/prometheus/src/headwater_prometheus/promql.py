"""Adding label matchers and groupings to a PromQL expression without touching the rest of its text.

A rewriter that prints a syntax tree loses what its parser does not know: quoted UTF-8 label names, new or
experimental functions, MetricsQL's `or` groups, comments. So the expression is cut into tokens, selectors and
aggregations are found by the grammar's own rules of context, and text is inserted at their ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from itertools import islice, takewhile

from attrs import frozen

from headwater.errors import QueryError

from .naming import label_name

_TOKEN = re.compile(
    r"""
      (?P<space>   \s+ | \#[^\n]* )
    | (?P<string>  "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `[^`]*` )
    | (?P<number>  (?: 0[xX][0-9a-fA-F_]+ | (?: [0-9][0-9_]*\.?[0-9_]* | \.[0-9]+ )(?:[eE][+-]?[0-9]+)? )
                   [a-zA-Z0-9_]* )
    | (?P<name>    [A-Za-z_:][A-Za-z0-9_:.]* )
    | (?P<symbol>  =~ | !~ | != | == | >= | <= | [-+*/%^<>=(){}\[\],@:$] )
    """,
    re.VERBOSE | re.DOTALL,
)
_LABEL_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right", "fill"})
_NUMBERS = frozenset({"inf", "nan"})
_BINARY_WORDS = frozenset({"and", "or", "unless", "atan2", "default", "if", "ifnot"})
_MODIFIERS = frozenset(
    {"bool", "offset", "anchored", "smoothed", "limit", "keep_metric_names", "fill_left", "fill_right"}
)
_AGGREGATIONS = frozenset(
    {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values",
     "bottomk", "topk", "quantile", "limitk", "limit_ratio"}
)  # fmt: skip
_OF_THEIR_MOMENT = frozenset(
    {
        *_LABEL_LISTS, *(_AGGREGATIONS - {"limitk", "limit_ratio"}), "and", "or", "unless", "bool",
        "abs", "absent", "absent_over_time", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh",
        "avg_over_time", "ceil", "changes", "clamp", "clamp_max", "clamp_min", "cos", "cosh",
        "count_over_time", "day_of_month", "day_of_week", "day_of_year", "days_in_month", "deg", "delta",
        "deriv", "double_exponential_smoothing", "exp", "floor", "histogram_avg", "histogram_count",
        "histogram_fraction", "histogram_quantile", "histogram_stddev", "histogram_stdvar", "histogram_sum",
        "holt_winters", "hour", "idelta", "increase", "irate", "label_join", "label_replace",
        "last_over_time", "ln", "log10", "log2", "mad_over_time", "max_over_time", "min_over_time", "minute",
        "month", "pi", "predict_linear", "present_over_time", "quantile_over_time", "rad", "rate", "resets",
        "round", "scalar", "sgn", "sin", "sinh", "sort", "sort_by_label", "sort_by_label_desc", "sort_desc",
        "sqrt", "stddev_over_time", "stdvar_over_time", "sum_over_time", "tan", "tanh", "time", "timestamp",
        "vector", "year",
    }
)  # fmt: skip
"""What may stand before a bracket."""
_MATCH_OPERATORS = frozenset({"=", "!=", "=~", "!~"})


class _Kind(Enum):
    STRING = auto()
    NUMBER = auto()
    NAME = auto()
    SYMBOL = auto()


@frozen
class _Token:
    kind: _Kind
    text: str
    start: int
    end: int


@frozen
class _Selector:
    """Where a selector stands: tokens `first` to `last`; `brace` is its `{`, None for a bare metric name."""

    first: int
    last: int
    brace: int | None


def add_matchers(expr: str, matchers: Sequence[str]) -> str:
    """`expr` with each of `matchers` (such as `job="api"`) in every selector.

    A matcher is added beside those that are there, so it narrows a selector and never widens it. Raises
    QueryError when the expression cannot be cut into tokens or its brackets do not match.
    """
    if not matchers:
        return expr
    addition = ", ".join(matchers)
    tokens = _tokenize(expr)
    insertions: list[tuple[int, str]] = []
    for selector in _selectors(tokens):
        if selector.brace is None:
            insertions.append((tokens[selector.last].end, "{" + addition + "}"))
        else:
            insertions += _into_braces(tokens[selector.brace : selector.last + 1], addition)
    return _insert(expr, insertions)


def selectors(expr: str) -> list[str]:
    """The text of each selector in `expr`, without range and offset. Raises QueryError as above."""
    tokens = _tokenize(expr)
    return [expr[tokens[one.first].start : tokens[one.last].end] for one in _selectors(tokens)]


def is_of_its_moment(expr: str) -> bool:
    """Whether each value of a range query depends on nothing but what was there at its moment, surely.

    Other moments can be named by `@` and by a negative offset; and functions that are not Prometheus' own,
    such as MetricsQL's, may look at the whole range.
    """
    try:
        tokens = _tokenize(expr)
    except QueryError:
        return False
    for index, token in enumerate(tokens):
        after = _text(tokens, index + 1)
        word = token.text.lower() if token.kind is _Kind.NAME else ""
        if token.text == "@" or word in {"anchored", "smoothed"}:
            return False
        if word == "offset" and after in {"-", "("}:
            return False
        if word and after == "(" and word not in _OF_THEIR_MOMENT:
            return False
    return True


def add_grouping(expr: str, labels: Sequence[str]) -> str:
    """`expr` with `labels` among the labels that every aggregation keeps.

    `sum(x)` becomes `sum by (a) (x)`; an aggregation with `without` keeps all other labels already.
    """
    if not labels:
        return expr
    insertions: list[tuple[int, str]] = []
    tokens = _tokenize(expr)
    closings = _closings(tokens)
    for index, token in enumerate(tokens):
        if token.kind is not _Kind.NAME or token.text.lower() not in _AGGREGATIONS:
            continue
        after = _text(tokens, index + 1)
        if after == "(":
            end = closings[index + 1]
            if _text(tokens, end + 1).lower() in {"by", "without"} and _text(tokens, end + 2) == "(":
                insertions += _into_grouping(tokens, closings, end + 1, labels)
            else:
                insertions.append((token.end, f" by ({', '.join(map(label_name, labels))}) "))
        elif after.lower() in {"by", "without"} and _text(tokens, index + 2) == "(":
            insertions += _into_grouping(tokens, closings, index + 1, labels)
    return _insert(expr, insertions)


def _selectors(tokens: Sequence[_Token]) -> Iterator[_Selector]:
    closings, due = _closings(tokens), _operands_due(tokens)
    index = 0
    while index < len(tokens):
        if tokens[index].text == "[":
            index = closings[index]
        elif _opens_label_list(tokens, index):
            index = closings[index + 1]
        elif tokens[index].text == "{":
            end = closings[index]
            named = index > 0 and tokens[index - 1].kind is _Kind.NAME
            yield _Selector(index - 1 if named else index, end, index)
            index = end
        elif _is_bare_metric(tokens, index, operand_is_due=due[index]):
            yield _Selector(index, index, None)
        index += 1


def _into_grouping(
    tokens: Sequence[_Token], closings: Mapping[int, int], keyword: int, labels: Sequence[str]
) -> list[tuple[int, str]]:
    if tokens[keyword].text.lower() == "without":
        return []
    end = closings[keyword + 1]
    listed = takewhile(lambda token: token.text != "(", islice(tokens, keyword + 2, end))
    present = {token.text.strip("\"'`") for token in listed}
    missing = [label_name(label) for label in labels if label not in present]
    if not missing:
        return []
    return [(tokens[end].start, _comma_after(tokens[end - 1], "(") + ", ".join(missing))]


def _into_braces(tokens: Sequence[_Token], addition: str) -> list[tuple[int, str]]:
    """Where `addition` goes within `{ … }`: at the end, and before each `or` of MetricsQL."""
    ends = [
        index
        for index in range(1, len(tokens) - 1)
        if tokens[index].text == "or"
        and tokens[index].kind is _Kind.NAME
        and tokens[index - 1].kind is _Kind.STRING
        and tokens[index + 1].text not in _MATCH_OPERATORS
    ]
    return [
        (tokens[end - 1].end, _comma_after(tokens[end - 1], "{") + addition)
        for end in [*ends, len(tokens) - 1]
    ]


def _comma_after(token: _Token, opening: str) -> str:
    return "" if token.text in {opening, ","} else ", "


def _is_bare_metric(tokens: Sequence[_Token], index: int, *, operand_is_due: bool) -> bool:
    """Whether this name is a whole selector: no function, no keyword, and no braces follow."""
    token = tokens[index]
    if token.kind is not _Kind.NAME or _text(tokens, index + 1) in {"(", "{"}:
        return False
    word = token.text.lower()
    if word in _NUMBERS or (_text(tokens, index + 1).lower() in {"by", "without"} and word in _AGGREGATIONS):
        return False
    # Keywords may be metric names; then they stand where an operand is due.
    if word in _LABEL_LISTS or word in _BINARY_WORDS or word in _MODIFIERS:
        return word != "bool" and operand_is_due
    return True


def _operands_due(tokens: Sequence[_Token]) -> list[bool]:
    """For each token whether an operand is due there. In `and and x` the first one is a metric."""
    places = list[bool]()
    is_due = True
    for token in tokens:
        places.append(is_due)
        word = token.text.lower()
        if token.kind is _Kind.SYMBOL:
            is_due = word not in {")", "]", "}"}
        else:
            is_operator = word == "bool" or (word in _BINARY_WORDS and not is_due)
            is_due = token.kind is _Kind.NAME and is_operator
    return places


def _opens_label_list(tokens: Sequence[_Token], index: int) -> bool:
    token = tokens[index]
    return token.kind is _Kind.NAME and token.text.lower() in _LABEL_LISTS and _text(tokens, index + 1) == "("


def _closings(tokens: Sequence[_Token]) -> dict[int, int]:
    """Where each bracket is closed, by the place of the opening one. QueryError for one without a pair."""
    pairs = {")": "(", "]": "[", "}": "{"}
    opened: list[int] = []
    closings: dict[int, int] = {}
    for place, token in enumerate(tokens):
        if token.kind is not _Kind.SYMBOL:
            continue
        if token.text in pairs.values():
            opened.append(place)
        elif token.text in pairs:
            if not opened or tokens[opened[-1]].text != pairs[token.text]:
                raise QueryError(
                    f"unexpected {token.text!r} at character {token.start + 1} of the expression"
                )
            closings[opened.pop()] = place
    if opened:
        opening = tokens[opened[-1]]
        raise QueryError(
            f"{opening.text!r} at character {opening.start + 1} of the expression is never closed"
        )
    return closings


def _tokenize(expr: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(expr):
        match = _TOKEN.match(expr, position)
        if match is None:
            raise QueryError(f"unexpected {expr[position]!r} at character {position + 1} of the expression")
        assert match.lastgroup is not None
        if match.lastgroup != "space":
            tokens.append(_Token(_Kind[match.lastgroup.upper()], match[0], match.start(), match.end()))
        position = match.end()
    return tokens


def _text(tokens: Sequence[_Token], index: int) -> str:
    """The token's text, empty past the end and for strings, which are never a keyword."""
    if index >= len(tokens) or tokens[index].kind is _Kind.STRING:
        return ""
    return tokens[index].text


def _insert(expr: str, insertions: Sequence[tuple[int, str]]) -> str:
    pieces: list[str] = []
    done = 0
    for position, text in sorted(insertions):
        pieces += [expr[done:position], text]
        done = position
    return "".join([*pieces, expr[done:]])
