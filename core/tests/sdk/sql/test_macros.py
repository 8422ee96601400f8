from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, strategies as st

from headwater.errors import MacroError, QueryError
from headwater.sdk.sql import Dialect, MacroCall, MacroEngine

ANSI = Dialect()


def echo(call: MacroCall, scope: str) -> str:
    shown = "" if call.arguments is None else f"({'|'.join(call.arguments)})"
    return f"<{scope}:{call.name}{shown}>"


def two(call: MacroCall, scope: str) -> str:
    first, second = call.expect(2)
    return f"{first} BETWEEN {second}"


def again(call: MacroCall, scope: str) -> str:
    return "$__echo"


MACROS = {"__echo": echo, "__two": two, "__again": again, "__e": echo}


def expand(sql: str) -> str:
    return MacroEngine(MACROS, ANSI).expand(sql, "s")


@pytest.mark.parametrize(
    ("sql", "expanded"),
    [
        ("SELECT $__echo", "SELECT <s:__echo>"),
        ("SELECT $__echo()", "SELECT <s:__echo()>"),
        ("$__echo(a, b) + $__echo(c)", "<s:__echo(a|b)> + <s:__echo(c)>"),
        ("$__echo($__echo(a), f($__e))", "<s:__echo(<s:__echo(a)>|f(<s:__e>))>"),
        ("$__echo('a,b', (c, d))", "<s:__echo('a,b'|(c, d))>"),
        ("$__echo('$__echo')", "<s:__echo('$__echo')>"),
        ("$__two(t, 1)", "t BETWEEN 1"),
        ("$__again", "$__echo"),
        ("$__echo (a)", "<s:__echo> (a)"),
        ("$__echo_more $__e", None),
        ("$_echo $echo __echo $", "$_echo $echo __echo $"),
        ("'$__echo' \"$__echo\" `$__echo`", "'$__echo' \"$__echo\" `$__echo`"),
        ("-- $__echo\n/* $__echo( */ $__echo", "-- $__echo\n/* $__echo( */ <s:__echo>"),
        ("$__echo(a -- ,)\n, b)", "<s:__echo(a -- ,)|b)>"),
        ("", ""),
    ],
)
def test_macros_are_expanded_in_code_alone(sql: str, expanded: str | None) -> None:
    if expanded is None:
        with pytest.raises(MacroError, match=r"unknown macro \$__echo_more"):
            expand(sql)
    else:
        assert expand(sql) == expanded


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("$__unknown", "$__unknown"),
        ("$__unknown($__e,  b) $__e", "$__unknown(<s:__e>, b) <s:__e>"),
    ],
)
def test_unknown_macros_may_be_kept(sql: str, kept: str) -> None:
    assert MacroEngine(MACROS, ANSI, keep_unknown=True).expand(sql, "s") == kept


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("$__two(a)", "$__two expected 2 argument(s), received 1"),
        ("$__two", "$__two expected 2 argument(s), received 0"),
        ("$__two(a, b, c)", "received 3"),
        ("$__nothing(a)", "unknown macro $__nothing"),
    ],
)
def test_wrong_use_is_told(sql: str, message: str) -> None:
    with pytest.raises(MacroError) as caught:
        expand(sql)
    assert message in str(caught.value)


def around(call: MacroCall, scope: str) -> str:
    return f"<{call.sql[: call.start]}|{call.sql[call.start : call.end]}|{call.sql[call.end :]}>"


@pytest.mark.parametrize(
    ("sql", "expanded"),
    [
        ("a + $__around, b", "a + <a + |$__around|, b>, b"),
        ("a + $__around( 'x)',y), b", "a + <a + |$__around( 'x)',y)|, b>, b"),
    ],
)
def test_a_macro_knows_what_stands_around_it(sql: str, expanded: str) -> None:
    assert MacroEngine({"__around": around}, ANSI).expand(sql, "s") == expanded


def test_a_bracket_that_is_never_closed_is_told() -> None:
    with pytest.raises(QueryError, match="missing close bracket"):
        expand("$__echo(a")


def test_one_of_several_counts_may_be_expected() -> None:
    assert MacroCall("m", ("a",), "").expect(1, 2) == ("a",)
    assert MacroCall("m", None, "").expect(0) == ()
    with pytest.raises(MacroError, match="expected 0 or 2"):
        MacroCall("m", ("a",), "").expect(0, 2)


def test_nesting_is_bounded() -> None:
    assert expand("$__e(" * 32 + "x" + ")" * 32).count("__e") == 32
    with pytest.raises(MacroError, match="32 deep"):
        expand("$__e(" * 33 + "x" + ")" * 33)


SQL = st.lists(
    st.sampled_from(["'", '"', "/*", "*/", "--", "\n", "(", ")", ",", "a", "$", "__e", "$__e", "$__e(a)"]),
    max_size=20,
).map("".join)


@given(SQL)
def test_text_without_macros_in_code_stays_as_it_is(sql: str) -> None:
    assert expand(sql.replace("$", "")) == sql.replace("$", "")


@given(st.text("ab$_e(),' ", max_size=15).filter(lambda text: "'" not in text))
def test_quoted_text_and_comments_are_never_touched(text: str) -> None:
    sql = f"'{text}' -- {text}\n/* {text} */"
    assert expand(sql) == sql


@given(SQL)
def test_any_text_is_expanded_or_refused_with_our_errors(sql: str) -> None:
    try:
        expand(sql)
    except QueryError:
        return


def repeat(call: MacroCall, scope: str) -> str:
    (argument,) = call.expect(1)
    return f"{argument} > 1 AND {argument} < 2"


REPEATING: MacroEngine[str] = MacroEngine({"__repeat": repeat}, ANSI)


def nested(depth: int, innermost: str = "x") -> str:
    return "$__repeat(" * depth + innermost + ")" * depth


def test_nested_macros_that_repeat_their_argument_are_bounded() -> None:
    """28 levels would make gigabytes of a few hundred characters."""
    tracemalloc.start()
    with pytest.raises(MacroError, match=r"^the macros make too long a text of the query; nest or repeat"):
        REPEATING.expand(f"SELECT {nested(28)}", "s")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


def test_the_bound_holds_for_all_arguments_together() -> None:
    with pytest.raises(MacroError, match="too long a text"):
        ENGINE_OF_BOTH.expand(f"$__echo({', '.join([nested(12)] * 100)})", "s")


def test_a_long_query_with_many_macros_is_no_bomb() -> None:
    sql = ", ".join(["$__repeat(a)"] * 80_000)
    assert REPEATING.expand(sql, "s").count("a > 1") == 80_000


ENGINE_OF_BOTH: MacroEngine[str] = MacroEngine({"__repeat": repeat, "__echo": echo}, ANSI)
