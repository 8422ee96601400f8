"""Contexts, queries and errors come back as they were."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from headwater.calls import CallContext, QueryLimits
from headwater.errors import (
    DownstreamAuthError,
    DownstreamError,
    DownstreamServerError,
    HeadwaterError,
    PluginRequestFailedError,
    QueryError,
    ValidationError,
)
from headwater.models import DataQuery, DataSourceInstanceSettings, PluginContext, TimeRange, User
from headwater.network import AddressPolicy
from headwater.secrets import Secret
from headwater_grafana.protocol import pluginv2_pb2 as pb
from headwater_grafana.protocol.contexts import (
    read_headers,
    read_plugin_context,
    read_query,
    write_headers,
    write_plugin_context,
    write_query,
)
from headwater_grafana.protocol.errors import RemoteError, read_outcome, write_outcome
from headwater_grafana.protocol.native_call import METADATA_KEY, NativeCall

SETTINGS = DataSourceInstanceSettings(
    uid="u7",
    name="Shop",
    type="mysql",
    id=7,
    url="db:3306",
    user="reader",
    database="shop",
    basic_auth_enabled=True,
    basic_auth_user="web",
    json_data={"maxOpenConns": 3},
    decrypted_secure_json_data={"password": Secret("s3cret")},
    version=4,
    updated=datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
    api_version="v1",
    address_policy=AddressPolicy(deny=("10.0.0.0/8",)),
)
CONTEXT = PluginContext(
    plugin_id="mysql",
    plugin_version="1.2.3",
    org_id=5,
    user=User("ada", "Ada", "ada@example.org", "Editor"),
    data_source_instance_settings=SETTINGS,
    config={"GF_SQL_ROW_LIMIT": "100"},
    user_agent="Grafana/13",
    namespace="stack-1",
    api_version="v1",
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_headwater_hands_over_the_whole_context() -> None:
    call = NativeCall.of(CONTEXT, CallContext(limits=QueryLimits(max_rows=7)))
    again = NativeCall.from_metadata([(METADATA_KEY, call.to_bytes())])
    assert again == call
    wire = pb.PluginContext.FromString(write_plugin_context(CONTEXT).SerializeToString())
    assert read_plugin_context(wire, again) == CONTEXT


def test_grafana_hands_over_what_it_knows() -> None:
    settings = read_plugin_context(write_plugin_context(CONTEXT), None).data_source_instance_settings
    assert settings is not None
    assert settings.updated == SETTINGS.updated.replace(microsecond=123000)
    assert settings.decrypted_secure_json_data["password"].reveal() == "s3cret"
    assert (settings.version, settings.address_policy) == (0, None)


@pytest.mark.parametrize("data", [b"[1]", b"{", b"nan", b'"text"'])
def test_settings_that_are_no_json_object_are_refused(data: bytes) -> None:
    message = write_plugin_context(CONTEXT)
    message.data_source_instance_settings.json_data = data
    with pytest.raises(ValidationError, match="jsonData"):
        read_plugin_context(message, None)


def test_a_time_of_no_year_is_refused() -> None:
    message = write_plugin_context(CONTEXT)
    message.data_source_instance_settings.last_updated_ms = 2**62
    with pytest.raises(ValidationError, match="lastUpdatedMs"):
        read_plugin_context(message, None)


@pytest.mark.parametrize(
    "members",
    [{"updated": float("inf")}, {"updated": 2**80}, {"address_policy": ["10.0.0.0/8"]}, {"limits": 1}],
    ids=["infinity", "no year", "a list", "a number"],
)
def test_a_call_that_no_host_of_headwater_writes_is_refused(members: dict[str, Any]) -> None:
    written = json.loads(NativeCall.of(CONTEXT).to_bytes()) | members
    for data in (json.dumps(written).encode(), b"[" * 100_000):
        with pytest.raises(ValidationError, match=METADATA_KEY):
            NativeCall.from_metadata([(METADATA_KEY, data)])


@pytest.mark.parametrize("cut", [b"", b"\0" * 40])
def test_damaged_parameters_are_refused(cut: bytes) -> None:
    query = DataQuery(json={"params": {"at": Decimal("1.5")}}, time_range=TimeRange.from_epoch_ms(0, 1))
    message = write_query(query, native=True)
    whole = message.native_parameters
    for place in range(8, len(whole) - len(cut), 16):
        message.native_parameters = whole[:place] + (cut + whole[place + len(cut) :] if cut else b"")
        with suppress(ValidationError):
            read_query(message)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_a_query_comes_back_as_it_was(members: dict[str, Any]) -> None:
    query = DataQuery("B", "logs", 50, 2000, TimeRange.from_epoch_ms(-5, 10**12), members)
    wire = pb.DataQuery.FromString(write_query(query, native=False).SerializeToString())
    assert read_query(wire) == query


@pytest.mark.parametrize(
    "params",
    [
        {"day": date(2026, 1, 2), "price": Decimal("1.20"), "raw": b"\x00\xff", "none": None, "n": 2**40},
        [datetime(2026, 1, 2, tzinfo=UTC), "text", 1.5, [1, 2], timedelta(seconds=1)],
    ],
)
def test_parameters_may_be_what_json_cannot_say(params: Any) -> None:
    query = DataQuery(json={"rawSql": "SELECT 1", "params": params})
    assert read_query(write_query(query, native=True)).json == query.json


def test_what_nothing_can_say_is_refused_by_name() -> None:
    query = DataQuery(json={"params": {"it": object()}})
    with pytest.raises(ValidationError, match=r"params\.it: a object"):
        write_query(query, native=True)
    with pytest.raises(ValidationError, match="query"):
        write_query(query, native=False)


def test_headers_have_the_names_that_grafanas_sdk_looks_for() -> None:
    headers = {"X-Dashboard-Uid": "d1", "Authorization": "Bearer x", "FromAlert": "true"}
    marked = write_headers(headers)
    assert marked == {"http_X-Dashboard-Uid": "d1", "Authorization": "Bearer x", "FromAlert": "true"}
    assert read_headers(marked) == headers


def said_by(error: HeadwaterError) -> tuple[Any, ...]:
    own = (getattr(error, name, None) for name in ("code", "name", "path"))
    return (str(error), error.message_id, error.status, error.source, error.retryable, *own)


@pytest.mark.parametrize(
    "error",
    [
        QueryError("no such column"),
        DownstreamAuthError("wrong password"),
        DownstreamServerError("deadlock", code=1213, name="ER_LOCK_DEADLOCK", status=400, retryable=True),
    ],
)
def test_an_error_comes_back_with_its_type_and_its_cause(error: HeadwaterError) -> None:
    error.__cause__ = OSError("what the driver said")
    message = pb.DataResponse()
    write_outcome(message, error, native=True)
    again = read_outcome(message)
    assert type(again) is type(error)
    assert said_by(again) == said_by(error)
    assert isinstance(again.__cause__, RemoteError)
    assert str(again.__cause__) == "builtins.OSError: what the driver said"


@pytest.mark.parametrize(
    ("source", "kind"), [("downstream", DownstreamError), ("plugin", PluginRequestFailedError)]
)
def test_an_error_of_grafana_has_source_and_status(source: str, kind: type[HeadwaterError]) -> None:
    again = read_outcome(pb.DataResponse(error="no", error_source=source, status=403))
    assert type(again) is kind
    assert (str(again), again.status) == ("no", 403)


def test_an_error_that_cannot_be_read_is_the_plugins() -> None:
    for data in (b"{", b"[" * 100_000, json.dumps({"error": {"message": 1}}).encode()):
        assert isinstance(read_outcome(pb.DataResponse(native_error=data)), PluginRequestFailedError)
