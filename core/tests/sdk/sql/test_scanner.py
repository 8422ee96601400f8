from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from headwater.errors import QueryError
from headwater.sdk.sql import Dialect, SpanKind, scan, split_arguments, strip_comments

ANSI = Dialect()
MYSQL = Dialect(backslash_escapes="'\"", hash_comments=True, dash_needs_space=True)
CLICKHOUSE = Dialect(backslash_escapes="'\"`", hash_comments=True, heredocs=True, nested_comments=True)
BRACKETS = Dialect(quotes="'\"`[")
POSTGRES = Dialect(quotes="'\"", heredocs=True, nested_comments=True, escape_strings=True, line_ends="\n\r")
TYPOGRAPHY = Dialect(quotes="'‘“", backslash_escapes="'")
DIALECTS = [ANSI, MYSQL, CLICKHOUSE, POSTGRES, BRACKETS]

PIECES = [
    "'",
    '"',
    "`",
    "\\",
    "/*",
    "*/",
    "--",
    "#",
    "$",
    "$t$",
    "\n",
    " ",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "a",
]
SQL = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=40)
ANY_DIALECT = st.sampled_from(DIALECTS)


def pieces(sql: str, dialect: Dialect = ANSI) -> list[tuple[str, str]]:
    return [(span.kind.value, sql[span.start : span.end]) for span in scan(sql, dialect)]


@given(SQL, ANY_DIALECT)
def test_spans_tile_the_text(sql: str, dialect: Dialect) -> None:
    spans = list(scan(sql, dialect))
    assert "".join(sql[span.start : span.end] for span in spans) == sql
    assert [span.start for span in spans] == [0, *(span.end for span in spans)][: len(spans)]
    assert all(span.start < span.end for span in spans)


@given(SQL, ANY_DIALECT)
def test_code_never_opens_anything(sql: str, dialect: Dialect) -> None:
    for span in scan(sql, dialect):
        if span.kind is SpanKind.CODE:
            code = sql[span.start : span.end]
            assert not set(code) & set(dialect.quotes)
            assert "/*" not in code


@given(st.text(max_size=20), st.sampled_from("'\"`"))
def test_any_text_may_be_quoted(text: str, quote: str) -> None:
    quoted = quote + text.replace(quote, 2 * quote) + quote
    assert pieces(f"a {quoted} b") == [("code", "a "), ("quoted", quoted), ("code", " b")]


@given(st.text(max_size=20).filter(lambda text: "*/" not in text and not text.endswith("*")), ANY_DIALECT)
def test_any_text_may_be_a_comment(text: str, dialect: Dialect) -> None:
    if dialect.nested_comments and "/*" in f"{text}*":
        return
    if text.startswith("/"):
        text = " " + text
    assert pieces(f"a/*{text}*/b", dialect) == [("code", "a"), ("comment", f"/*{text}*/"), ("code", "b")]


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        (ANSI, "a--b\nc", [("code", "a"), ("comment", "--b"), ("code", "\nc")]),
        (ANSI, r"'a\' b", [("quoted", r"'a\'"), ("code", " b")]),
        (MYSQL, r"'a\' b' c", [("quoted", r"'a\' b'"), ("code", " c")]),
        (MYSQL, r"`a\` b", [("quoted", r"`a\`"), ("code", " b")]),
        (CLICKHOUSE, r"`a\`b` c", [("quoted", r"`a\`b`"), ("code", " c")]),
        (CLICKHOUSE, r'"a\"b" c', [("quoted", r'"a\"b"'), ("code", " c")]),
        (BRACKETS, "[a']]b] 'c'", [("quoted", "[a']]b]"), ("code", " "), ("quoted", "'c'")]),
        (TYPOGRAPHY, r"‘a'\’b“’'” c", [
            ("quoted", "‘a'\\’"), ("code", "b"), ("quoted", "“’'”"), ("code", " c"),
        ]),
        (TYPOGRAPHY, "‘’’", [("quoted", "‘’"), ("code", "’")]),
        (ANSI, "[a']", [("code", "[a"), ("quoted", "']")]),
        (MYSQL, "5--1 -- two\n#three", [
            ("code", "5--1 "), ("comment", "-- two"), ("code", "\n"), ("comment", "#three"),
        ]),
        (MYSQL, "1 --", [("code", "1 "), ("comment", "--")]),
        (ANSI, "a # b", [("code", "a # b")]),
        (ANSI, "/* /* */ b */", [("comment", "/* /* */"), ("code", " b */")]),
        (POSTGRES, "/* /* */ b */ c", [("comment", "/* /* */ b */"), ("code", " c")]),
        (ANSI, "/* /*/ b", [("comment", "/* /*/"), ("code", " b")]),
        (ANSI, "/*/ a */ b", [("comment", "/*/ a */"), ("code", " b")]),
        (POSTGRES, "$t$ ' $$ $t$ a", [("quoted", "$t$ ' $$ $t$"), ("code", " a")]),
        (POSTGRES, "$$ ' $$", [("quoted", "$$ ' $$")]),
        (POSTGRES, "$1 + $2", [("code", "$1 + $2")]),
        (POSTGRES, "$ü$ ; $ü$", [("quoted", "$ü$ ; $ü$")]),
        (POSTGRES, "a$t$ ; b$t$", [("code", "a$t$ ; b$t$")]),
        (POSTGRES, "a$$t$ ;", [("code", "a$$t$ ;")]),
        (POSTGRES, "$t$a$t$$t$;$t$", [("quoted", "$t$a$t$"), ("quoted", "$t$;$t$")]),
        (POSTGRES, r"E'\' ;' a", [("code", "E"), ("quoted", r"'\' ;'"), ("code", " a")]),
        (POSTGRES, r"(e'\'')", [("code", "(e"), ("quoted", r"'\''"), ("code", ")")]),
        (POSTGRES, r"xE'\' ;", [("code", "xE"), ("quoted", r"'\'"), ("code", " ;")]),
        (POSTGRES, r"E '\' ;", [("code", "E "), ("quoted", r"'\'"), ("code", " ;")]),
        (POSTGRES, "--a\rb\nc", [("comment", "--a"), ("code", "\rb\nc")]),
        (ANSI, "--a\rb\nc", [("comment", "--a\rb"), ("code", "\nc")]),
        (ANSI, r"E'\' ;", [("code", "E"), ("quoted", r"'\'"), ("code", " ;")]),
        (ANSI, "$t$ a $t$", [("code", "$t$ a $t$")]),
        (POSTGRES, "`a", [("code", "`a")]),
        (ANSI, "'unclosed -- /*", [("quoted", "'unclosed -- /*")]),
        (ANSI, "/* unclosed '", [("comment", "/* unclosed '")]),
        (POSTGRES, "$t$ unclosed", [("quoted", "$t$ unclosed")]),
        (MYSQL, "'ends in \\", [("quoted", "'ends in \\")]),
        (ANSI, "", []),
    ],
)  # fmt: skip
def test_each_dialect_has_its_rules(dialect: Dialect, sql: str, expected: list[tuple[str, str]]) -> None:
    assert pieces(sql, dialect) == expected


@pytest.mark.parametrize(
    ("sql", "stripped"),
    [("a/*b*/c", "a c"), ("a--b\nc", "a \nc"), ("'--' /**/", "'--'  "), ("a", "a")],
)
def test_a_comment_becomes_a_space(sql: str, stripped: str) -> None:
    assert strip_comments(sql, ANSI) == stripped


@given(SQL, ANY_DIALECT)
def test_stripping_comments_changes_nothing_else(sql: str, dialect: Dialect) -> None:
    stripped = strip_comments(sql, dialect)
    assert [text for kind, text in pieces(stripped, dialect) if kind == "quoted"] == [
        text for kind, text in pieces(sql, dialect) if kind == "quoted"
    ]
    code = "".join(" " if kind == "comment" else text for kind, text in pieces(sql, dialect))
    assert "".join(" " if kind == "comment" else text for kind, text in pieces(stripped, dialect)) == code


def test_stripping_makes_no_comment_of_two_minus_signs() -> None:
    assert strip_comments("SELECT 5--/* minus minus */1", MYSQL) == "SELECT 5--/**/1"
    assert strip_comments("SELECT 5/* minus */1", MYSQL) == "SELECT 5 1"
    assert strip_comments("SELECT 5-- minus\n", ANSI) == "SELECT 5 \n"


@pytest.mark.parametrize(
    ("sql", "arguments"),
    [
        ("()", []),
        ("( )", []),
        ("(a)", ["a"]),
        ("(a, b ,c)", ["a", "b", "c"]),
        ("(,)", ["", ""]),
        ("(f(a, b), [1, 2], {x, y})", ["f(a, b)", "[1, 2]", "{x, y}"]),
        ("('a,)', \"b(\", `c,`)", ["'a,)'", '"b("', "`c,`"]),
        ("(a /* , ) */, b -- ,)\n)", ["a /* , ) */", "b -- ,)"]),
        ("(((a)))", ["((a))"]),
        ("(a])", ["a]"]),
    ],
)
def test_arguments_are_split_at_their_own_commas(sql: str, arguments: list[str]) -> None:
    assert split_arguments(f"f{sql} rest", 1, ANSI) == (arguments, 1 + len(sql))


ARGUMENT = st.recursive(
    st.sampled_from(["a", "'x,)'", '"("', "1", "/*,*/b"]),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"f({', '.join(items)})"),
    max_leaves=8,
)


@given(st.lists(ARGUMENT, min_size=1, max_size=4))
def test_nested_arguments_come_back_whole(arguments: list[str]) -> None:
    sql = f"({','.join(arguments)})"
    assert split_arguments(sql, 0, ANSI) == (arguments, len(sql))


@pytest.mark.parametrize("sql", ["(", "(a", "(a, (b)", "('a)", "(a]", "(/*)"])
def test_a_bracket_that_is_never_closed_is_an_error(sql: str) -> None:
    with pytest.raises(QueryError) as caught:
        split_arguments(sql, 0, ANSI)
    assert str(caught.value) == "failed to parse macro arguments (missing close bracket?)"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("unit", ["'a\\'", "/*", "(", "--", "$t", "''", "\\", "E'", "\r--"])
def test_long_text_is_read_in_linear_time(dialect: Dialect, unit: str) -> None:
    sql = unit * 100_000  # quadratic reading would run into the test's timeout
    assert "".join(text for _, text in pieces(sql, dialect)) == sql


@pytest.mark.parametrize(
    ("dialect", "before", "hidden", "after"),
    [
        (ANSI, "a", "/* b /* c */", "d */"),
        (ANSI, "a", "/*/ b */", "c"),
        (POSTGRES, "a", "/* b /* c */ d */", "e */"),
        (POSTGRES, "a", "/*/**//**/*/", "b"),
        (CLICKHOUSE, "a", "/* b /* c */ d", ""),
        (MYSQL, "a", "-- b", ""),
        (MYSQL, "a", "--", ""),
        (MYSQL, "1--2", "", ""),
        (MYSQL, "1--2 ", "#3", ""),
        (POSTGRES, "SELECT E", r"'a\'b'", ", c"),
        (POSTGRES, "e", r"'a\'b'", ", c"),
        (POSTGRES, "SELECT X", "'a\\'", ", c"),
        (POSTGRES, "SELECT namE", "'a\\'", ", c"),
    ],
)
def test_what_is_hidden_ends_where_the_dialect_says(
    dialect: Dialect, before: str, hidden: str, after: str
) -> None:
    found = [text for kind, text in pieces(f"{before}{hidden}{after}", dialect) if text]
    assert found == [text for text in (before, hidden, after) if text]


def test_a_comment_ends_by_its_own_marks_whatever_stands_before() -> None:
    assert pieces("/*a*/b/*c*/d", POSTGRES) == [
        ("comment", "/*a*/"), ("code", "b"), ("comment", "/*c*/"), ("code", "d"),
    ]  # fmt: skip


def test_an_escaped_quote_within_an_argument_does_not_end_it() -> None:
    text = r"(E'a\',b', c)"
    assert split_arguments(text, 0, POSTGRES) == ([r"E'a\',b'", "c"], len(text))
