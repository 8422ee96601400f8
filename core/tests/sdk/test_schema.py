from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar, Literal

import attrs
import pytest
from attrs import frozen
from hypothesis import given, strategies as st

from headwater import Secret
from headwater.errors import ValidationError
from headwater.models import PluginInfo
from headwater.plugins import check_query
from headwater.sdk import HEADER_NAME, ONE_LINE, field, json_schema, parse, secret
from headwater.sdk.schema import secret_keys


class Mode(StrEnum):
    FAST = "fast"
    EXACT = "exact"


@frozen
class Pool:
    size: int = field(default=4, minimum=1, maximum=64)


@frozen
class Settings:
    host: str
    max_open_conns: int = field(default=10, aliases=("maxConns",), minimum=0, doc="Most open connections.")
    timeout: float = 5.0
    tls: bool = False
    mode: Mode = Mode.FAST
    level: Literal["low", "high", 3] = "low"
    tags: tuple[str, ...] = ()
    hosts: list[str] = attrs.field(factory=list)
    limits: Mapping[str, int] = attrs.field(factory=dict)
    pool: Pool = attrs.field(factory=Pool)
    note: str | None = None
    size: int | str = 1
    anything: Any = None
    class_: str = ""
    renamed: str = field(default="", key="oldName")
    headers: Mapping[str, str] = field(factory=dict, prefix="httpHeaderName")
    port: int = field(default=1, lenient=True)
    ratio: float = field(default=0.5, lenient=True, minimum=0, maximum=1)
    verify: bool = field(default=True, lenient=True)
    label: str = field(default="", lenient=True)
    password: Secret | None = secret()
    tls_key: Secret | None = secret(key="tlsClientKey")
    header_values: Mapping[str, Secret] = secret(prefix="httpHeaderValue")


def settings(**data: Any) -> Settings:
    return parse(Settings, {"host": "db", **data}, path="jsonData")


def test_left_out_means_the_default_and_so_does_null() -> None:
    assert parse(Settings, {"host": "db"}) == Settings(host="db")
    nothing = dict.fromkeys(("maxOpenConns", "tls", "mode", "tags", "pool", "note", "port", "headers"))
    assert parse(Settings, {"host": "db", **nothing}, ignore_unknown=True) == Settings(host="db")


@pytest.mark.parametrize(
    ("data", "attribute", "value"),
    [
        ({"maxOpenConns": 3}, "max_open_conns", 3),
        ({"maxConns": 3}, "max_open_conns", 3),
        ({"maxOpenConns": 3.0}, "max_open_conns", 3),
        ({"maxOpenConns": 2**63}, "max_open_conns", 2**63),
        ({"timeout": 3}, "timeout", 3.0),
        ({"tls": True}, "tls", True),
        ({"mode": "exact"}, "mode", Mode.EXACT),
        ({"level": 3}, "level", 3),
        ({"tags": ["a", "b"]}, "tags", ("a", "b")),
        ({"hosts": ["a"]}, "hosts", ["a"]),
        ({"limits": {"a": 1}}, "limits", {"a": 1}),
        ({"pool": {"size": 9}}, "pool", Pool(9)),
        ({"note": "x"}, "note", "x"),
        ({"size": "x"}, "size", "x"),
        ({"anything": {"a": [1]}}, "anything", {"a": [1]}),
        ({"class": "x"}, "class_", "x"),
        ({"oldName": "x"}, "renamed", "x"),
        ({"httpHeaderName1": "X-A", "httpHeaderName2": None}, "headers", {"1": "X-A"}),
        ({"port": "3306"}, "port", 3306),
        ({"port": ""}, "port", 1),
        ({"ratio": "0.25"}, "ratio", 0.25),
        ({"verify": "False"}, "verify", False),
        ({"label": 5}, "label", "5"),
        ({"label": ""}, "label", ""),
    ],
)
def test_values_are_read(data: dict[str, Any], attribute: str, value: Any) -> None:
    read = getattr(settings(**data), attribute)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"host": None}, "jsonData.host: is required"),
        ({"host": 5}, "jsonData.host: expected text, got a number"),
        ({"maxOpenConns": "3"}, "jsonData.maxOpenConns: expected a whole number, got text"),
        ({"maxOpenConns": 3.5}, "jsonData.maxOpenConns: expected a whole number, got a number"),
        ({"maxOpenConns": True}, "jsonData.maxOpenConns: expected a whole number, got a boolean"),
        ({"maxOpenConns": -1}, "jsonData.maxOpenConns: must be at least 0, got -1"),
        ({"maxConns": -1}, "jsonData.maxConns: must be at least 0, got -1"),
        ({"maxOpenConns": float("nan")}, "expected a whole number"),
        ({"timeout": float("inf")}, "expected a number"),
        ({"timeout": 10**400}, "expected a number"),
        ({"tls": 1}, "jsonData.tls: expected true or false, got a number"),
        ({"tls": "true"}, "jsonData.tls: expected true or false, got text"),
        ({"mode": "slow"}, "jsonData.mode: expected one of 'fast', 'exact'"),
        ({"level": True}, "jsonData.level: expected one of 'low', 'high', 3"),
        ({"tags": "a"}, "jsonData.tags: expected a list, got text"),
        ({"tags": ["a", 1]}, "jsonData.tags[1]: expected text, got a number"),
        ({"limits": []}, "jsonData.limits: expected an object, got a list"),
        ({"limits": {"a": "x"}}, "jsonData.limits.a: expected a whole number, got text"),
        ({"pool": {"size": 65}}, "jsonData.pool.size: must be at most 64, got 65"),
        ({"pool": {"sise": 1}}, "jsonData.pool.sise: unknown key; did you mean 'size'?"),
        ({"pool": []}, "jsonData.pool: expected an object, got a list"),
        ({"size": []}, "jsonData.size: expected a whole number, got a list"),
        ({"port": "x"}, "jsonData.port: expected a whole number, got text"),
        ({"port": "9" * 5000}, "jsonData.port: expected a whole number, got text"),
        ({"ratio": "nan"}, "jsonData.ratio: expected a number, got text"),
        ({"ratio": 1_000_001}, "jsonData.ratio: must be at most 1, got 1000001.0"),
        ({"httpHeaderName1": 5}, "jsonData.httpHeaderName1: expected text, got a number"),
        ({"maxOpenCons": 3}, "jsonData.maxOpenCons: unknown key; did you mean 'maxOpenConns'?"),
        ({"zzz": 3}, "jsonData.zzz: unknown key"),
    ],
)
def test_faults_are_named_by_their_path(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**data)
    assert message in str(caught.value)


def test_a_misplaced_secret_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        settings(tls="hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("wrong", [None, [], "x", 5, {1: 2}])
def test_only_an_object_is_an_object(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="object"):
        parse(Settings, wrong)


def test_secrets_come_from_the_secrets_alone() -> None:
    secrets = {"password": Secret("a"), "tlsClientKey": Secret("b"), "httpHeaderValue1": Secret("c")}
    read = parse(Settings, {"host": "db"}, secrets=secrets)
    assert (read.password, read.tls_key) == (Secret("a"), Secret("b"))
    assert read.header_values == {"1": Secret("c")}
    with pytest.raises(ValidationError, match="password: unknown key"):
        settings(password="hunter2")


def test_a_repr_shows_no_secret() -> None:
    assert "password" not in repr(parse(Settings, {"host": "db"}, secrets={"password": Secret("a")}))


def test_secret_keys_are_listed() -> None:
    assert secret_keys(Settings) == ("password", "tlsClientKey", "httpHeaderValue*")


def test_other_keys_may_be_allowed_by_the_class() -> None:
    @frozen
    class Open:
        a: int = 0
        other_keys: ClassVar = ("enable*", "x")

    assert parse(Open, {"a": 1, "enableThis": True, "x": 2}) == Open(1)
    with pytest.raises(ValidationError, match="unknown key"):
        parse(Open, {"y": 1})


def test_an_authors_own_validator_speaks_in_the_error() -> None:
    def even(_: Any, attribute: Any, value: int) -> None:
        if value % 2:
            raise ValueError(f"{attribute.name} must be even")

    @frozen
    class Own:
        number: int = attrs.field(default=0, validator=even)
        choice: str = attrs.field(default="a", validator=attrs.validators.in_(["a", "b"]))

    with pytest.raises(ValidationError, match=r"^q: number must be even$"):
        parse(Own, {"number": 3}, path="q")
    with pytest.raises(ValidationError, match=r"^'choice' must be in \['a', 'b'\] \(got 'c'\)$"):
        parse(Own, {"choice": "c"})


def test_private_and_computed_attributes_are_read_as_attrs_would() -> None:
    @frozen
    class Private:
        _hidden_name: int = 0
        computed: int = attrs.field(init=False, default=7)
        twice: int = attrs.field(default=attrs.Factory(lambda self: self._hidden_name * 2, takes_self=True))

    assert parse(Private, {"hiddenName": 4}) == Private(hidden_name=4)
    assert parse(Private, {"hiddenName": 4}).twice == 8
    assert set(json_schema(Private)["properties"]) == {"hiddenName", "twice"}


@frozen
class Inner:
    a: int = 0


@frozen
class Outer:
    one: Inner | None = None
    many: tuple[Inner, ...] = ()
    named: Mapping[str, Inner] = attrs.field(factory=dict)


def test_unknown_keys_are_ignored_at_every_depth_or_at_none() -> None:
    known = Outer(Inner(1), (Inner(2),), {"x": Inner(3)})
    inner: list[dict[str, Any]] = [{"a": number, "zzz": [{}]} for number in (1, 2, 3)]
    data = {"one": inner[0], "many": [inner[1]], "named": {"x": inner[2]}, "zzz": None}
    assert parse(Outer, data, ignore_unknown=True) == known
    info = PluginInfo("p", query_schema=json_schema(Outer))
    unknown: list[tuple[dict[str, Any], str]] = [
        ({"one": inner[0]}, "one.zzz"),
        ({"many": [{}, inner[1]]}, "many[1].zzz"),
        ({"named": {"x": inner[2]}}, "named.x.zzz"),
    ]
    for query, path in unknown:
        for refuses in (partial(parse, Outer), partial(check_query, info)):
            with pytest.raises(ValidationError) as caught:
                refuses(query)
            assert caught.value.path == path


def test_a_text_of_another_form_is_refused_by_name() -> None:
    @frozen
    class Headers:
        name: str = field("", pattern=HEADER_NAME)
        tags: Mapping[str, str] = field(factory=dict, prefix="tag", pattern=ONE_LINE)
        token: Secret | None = secret(pattern=ONE_LINE)
        keys: Mapping[str, Secret] = secret(prefix="key.", pattern=ONE_LINE)

    made = parse(Headers, {"name": "X-A", "tag1": "ü"}, secrets={"key.a": Secret("€")})
    assert (made.name, made.tags, made.keys) == ("X-A", {"1": "ü"}, {"a": Secret("€")})
    for data, secrets, path in [
        ({"name": "X A"}, {}, "name"),
        ({"tag2": "a\n"}, {}, "tag2"),
        ({}, {"token": Secret("a\n")}, "secureJsonData.token"),
        ({}, {"key.b": Secret("a\n")}, "secureJsonData.key.b"),
    ]:
        with pytest.raises(ValidationError) as caught:
            parse(Headers, data, secrets=secrets)
        assert caught.value.path == path
    described = json_schema(Headers)
    assert described["properties"]["token"] == {"type": "string", "writeOnly": True, "pattern": ONE_LINE}
    assert described["patternProperties"]["^tag.*$"] == {"type": "string", "pattern": ONE_LINE}


def test_the_schema_describes_what_parse_takes() -> None:
    described = json_schema(Settings)
    properties = described["properties"]
    assert described["required"] == ["host"]
    assert properties["maxOpenConns"] == {
        "type": "integer",
        "description": "Most open connections.",
        "minimum": 0,
        "default": 10,
    }
    assert properties["mode"]["enum"] == ["fast", "exact"]
    assert properties["level"]["enum"] == ["low", "high", 3]
    assert properties["tags"] == {"type": "array", "items": {"type": "string"}}
    assert properties["pool"]["properties"]["size"]["maximum"] == 64
    assert properties["note"] == {"type": "string"}
    assert properties["size"] == {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 1}
    assert properties["password"] == {"type": "string", "writeOnly": True}
    assert "headers" not in properties


@frozen
class Bare:
    some: list = field(factory=list)  # type: ignore[type-arg]
    pair: tuple = ()  # type: ignore[type-arg]
    since: datetime | None = None


def test_a_list_without_a_type_of_its_items_takes_any() -> None:
    assert parse(Bare, {"some": [1, "a"], "pair": [1, "a"]}) == Bare([1, "a"], (1, "a"))
    properties = json_schema(Bare)["properties"]
    assert properties["some"] == {"type": "array", "items": {}, "default": []}
    assert properties["pair"] == {"type": "array", "items": {}}


def test_what_json_has_no_value_for_is_given_in_code_alone() -> None:
    now = datetime.now(UTC)
    assert parse(Bare, {"since": now}).since == now
    with pytest.raises(ValidationError, match=r"^since: expected datetime, got text$"):
        parse(Bare, {"since": now.isoformat()})


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = [*json_schema(Settings)["properties"], "httpHeaderName1", "maxConns"]


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_json_is_read_or_refused_with_our_error(data: dict[str, Any]) -> None:
    try:
        read = parse(Settings, data)
    except ValidationError as error:
        assert error.path  # noqa: PT017
        return
    assert isinstance(read.max_open_conns, int)
    assert isinstance(read.timeout, float)
    assert isinstance(read.tags, tuple)


@frozen
class Plain:
    text: str = ""
    number: int = 0
    real: float = 0.0
    flag: bool = False
    texts: Sequence[str] = ()


PLAIN = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=5),
        "number": st.integers(-(2**63), 2**64),
        "real": st.floats(allow_nan=False, allow_infinity=False),
        "flag": st.booleans(),
        "texts": st.lists(st.text(max_size=3), max_size=3),
    },
)


@given(PLAIN)
def test_what_fits_is_taken_as_it_is(data: dict[str, Any]) -> None:
    expected = {**data, "texts": tuple(data.get("texts", ()))}
    assert parse(Plain, data) == Plain(**expected)
