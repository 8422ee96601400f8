from __future__ import annotations

import json
import math
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater import Frame, Secret, errors, models
from headwater.errors import (
    DownstreamServerError,
    ErrorSource,
    HeadwaterError,
    QueryCanceledError,
    QueryRequestError,
    ValidationError,
)
from headwater.frames import CacheStatus, FieldConfig, FrameMeta, FrameType, Notice
from headwater.models import (
    AnswerSteps,
    AnswerTraits,
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    Consistency,
    DataQuery,
    DataResponse,
    DataSourceInstanceSettings,
    Filter,
    HealthStatus,
    Partition,
    Partitions,
    PluginContext,
    PluginInfo,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
    QueryExample,
    QueryMacro,
    TimeRange,
    User,
)
from headwater.network import AddressPolicy
from headwater.plugins import from_bytes, from_data, to_bytes, to_data

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=3)
TEXT = st.text(max_size=8)
ZONES = st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(
    timezones=ZONES,
    min_value=datetime(1, 1, 3),  # noqa: DTZ001
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
)
HEADERS = st.dictionaries(TEXT, st.lists(TEXT, max_size=2).map(tuple), max_size=2)
FRAMES = st.builds(
    lambda columns, name, ref_id: Frame.from_pydict(columns, name=name, ref_id=ref_id),
    st.fixed_dictionaries(
        {},
        optional={
            "i": st.just([1, None, 2**63 - 1]),
            "s": st.just(["a", None, "\x00"]),
            "f": st.just([math.inf] * 3),
        },
    ),
    TEXT,
    TEXT,
)
NETWORKS = st.lists(st.ip_addresses().map(str), max_size=2).map(tuple)
ERRORS = st.builds(DownstreamServerError, TEXT, status=st.integers(400, 599)) | st.builds(
    ValidationError, TEXT
)

MODEL_FIELDS: dict[type, dict[str, st.SearchStrategy[Any]]] = {
    TimeRange: {"from_": TIMES, "to": TIMES},
    User: {},
    CheckHealthResult: {"status": st.sampled_from(HealthStatus), "details": OBJECTS},
    CallResourceResponse: {"headers": HEADERS, "body": st.binary(max_size=20)},
    QueryChunk: {
        "frame": st.none() | FRAMES,
        "error": st.none() | ERRORS,
        "cache": st.none() | st.sampled_from(CacheStatus),
    },
    DataResponse: {
        "frames": st.lists(FRAMES, max_size=2).map(tuple),
        "error": st.none() | ERRORS,
        "error_source": st.none() | st.sampled_from(ErrorSource),
        "cache": st.none() | st.sampled_from(CacheStatus),
    },
    PluginInfo: {
        "table_query": st.dictionaries(TEXT, TEXT, max_size=1),
        "parameter_placeholders": st.dictionaries(TEXT, TEXT, max_size=2),
        "alias_ids": st.lists(TEXT, max_size=2).map(tuple),
        "query_schema": OBJECTS,
        "settings_schema": OBJECTS,
        "secret_keys": st.lists(TEXT, max_size=2).map(tuple),
        "capabilities": st.frozensets(TEXT, max_size=3),
        "macros": st.lists(st.builds(QueryMacro, TEXT, TEXT), max_size=2).map(tuple),
        "examples": st.lists(st.builds(QueryExample, TEXT, OBJECTS), max_size=2).map(tuple),
        "notes": st.lists(TEXT, max_size=2).map(tuple),
        "routes": st.lists(TEXT, max_size=2).map(tuple),
        "connection": st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    },
    DataSourceInstanceSettings: {
        "json_data": OBJECTS,
        "decrypted_secure_json_data": st.dictionaries(TEXT, TEXT.map(Secret), max_size=2),
        "updated": TIMES,
        "address_policy": st.none() | st.builds(AddressPolicy, *[NETWORKS] * 3),
    },
}
MODEL_FIELDS[QueryMacro] = {}
MODEL_FIELDS[QueryExample] = {"query": OBJECTS}
MODEL_FIELDS[DataQuery] = {"time_range": st.builds(TimeRange, TIMES, TIMES), "json": OBJECTS}
MODEL_FIELDS[AnswerSteps] = {
    "query": st.deferred(lambda: instances(DataQuery)),
    "first_frame_keys": st.lists(TEXT, max_size=2).map(tuple),
}
MODEL_FIELDS[AnswerTraits] = {
    "headers": st.none() | st.lists(TEXT, max_size=2).map(tuple),
    "steps": st.none() | st.deferred(lambda: instances(AnswerSteps)),
}
MODEL_FIELDS[QueryDataResponse] = {
    "responses": st.dictionaries(TEXT, st.deferred(lambda: instances(DataResponse)), max_size=2)
}
MODEL_FIELDS[PluginContext] = {
    "user": st.none() | st.builds(User, TEXT, TEXT),
    "data_source_instance_settings": st.none() | st.deferred(lambda: instances(DataSourceInstanceSettings)),
    "config": st.dictionaries(TEXT, TEXT, max_size=2),
}
CONTEXT = st.deferred(lambda: instances(PluginContext))
MODEL_FIELDS[QueryDataRequest] = {
    "plugin_context": CONTEXT,
    "queries": st.lists(st.deferred(lambda: instances(DataQuery)), max_size=2).map(tuple),
    "headers": st.dictionaries(TEXT, TEXT, max_size=2),
    "inputs": st.dictionaries(TEXT, st.deferred(lambda: instances(DataResponse)), max_size=1),
}
MODEL_FIELDS[CheckHealthRequest] = {
    "plugin_context": CONTEXT,
    "headers": st.dictionaries(TEXT, TEXT, max_size=2),
}
MODEL_FIELDS[CallResourceRequest] = {
    "plugin_context": CONTEXT,
    "headers": HEADERS,
    "body": st.binary(max_size=20),
}
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.binary(max_size=8)
    | st.decimals(allow_nan=False) | st.dates() | TIMES
)  # fmt: skip
MODEL_FIELDS[Filter] = {
    "operator": st.sampled_from(["=", ">=", "in", "is null"]),
    "value": VALUES | st.lists(VALUES, max_size=3).map(tuple),
}
ESTIMATES = st.none() | st.integers(min_value=0)
MODEL_FIELDS[Partition] = {
    "query": st.deferred(lambda: instances(DataQuery)),
    "estimated_rows": ESTIMATES,
    "estimated_bytes": ESTIMATES,
}
MODEL_FIELDS[Partitions] = {
    "parts": st.lists(st.deferred(lambda: instances(Partition)), max_size=2).map(tuple),
    "consistency": st.sampled_from(Consistency),
    "schema": st.sampled_from([None, pa.schema([pa.field("a", pa.decimal128(9, 2), metadata={"k": "v"})])]),
    "handled_filters": st.lists(st.deferred(lambda: instances(Filter)), max_size=2).map(tuple),
    "notices": st.lists(TEXT, max_size=2).map(tuple),
}


def instances(model: type) -> st.SearchStrategy[Any]:
    """Instances of a model; what `MODEL_FIELDS` does not name is text, a whole number or a boolean."""
    plain = {"str": TEXT, "int": st.integers(), "bool": st.booleans()}
    given_fields = MODEL_FIELDS[model]
    rest = {
        each.name: plain[getattr(each.type, "__name__", str(each.type))]
        for each in attrs.fields(model)
        if each.name not in given_fields
    }
    return st.builds(model, **rest, **given_fields)


def comparable(value: Any) -> Any:
    """Frames and errors compare by identity; here by what they hold."""
    if isinstance(value, Frame):
        return (value.table.to_pydict(), value.schema.to_string(), value.name, value.ref_id, value.meta)
    if isinstance(value, HeadwaterError):
        return (type(value), str(value), value.status, value.source, value.message_id)
    if attrs.has(type(value)):
        return (
            type(value),
            {each.name: comparable(getattr(value, each.name)) for each in attrs.fields(type(value))},
        )
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    return value


def test_every_model_is_covered() -> None:
    assert set(MODEL_FIELDS) == {
        getattr(models, name) for name in models.__all__ if attrs.has(getattr(models, name))
    }


@pytest.mark.parametrize("model", MODEL_FIELDS, ids=lambda model: model.__name__)
@given(data=st.data())
def test_a_model_survives_the_round_trip(model: type, data: st.DataObject) -> None:
    instance = data.draw(instances(model))
    written = to_bytes(instance, reveal_secrets=True)
    assert comparable(from_bytes(written, model)) == comparable(instance)
    assert comparable(from_data(to_data(instance, reveal_secrets=True), model)) == comparable(instance)


def test_a_frame_keeps_types_meta_labels_and_config() -> None:
    table = pa.table(
        {"t": pa.array([1], pa.timestamp("ns", "Europe/Berlin")), "d": pa.array([None], pa.decimal128(38, 9))}
    )
    frame = Frame.from_table(
        table,
        name="x",
        ref_id="A",
        meta=FrameMeta(type=FrameType.TABLE, notices=(Notice.warning("cut"),)),
        labels={"d": {"host": "a"}},
        configs={"d": FieldConfig(unit="s")},
    )
    again = from_bytes(to_bytes(QueryChunk("A", frame=frame)), QueryChunk).frame
    assert again is not None
    assert again.table.equals(frame.table, check_metadata=True)
    assert again.meta == frame.meta


CONTEXT_WITH_SECRET = PluginContext(
    "p",
    data_source_instance_settings=DataSourceInstanceSettings(
        uid="u", name="n", type="p", decrypted_secure_json_data={"password": Secret("hunter2")}
    ),
)


@pytest.mark.parametrize("write", [to_data, to_bytes])
def test_secrets_are_refused_unless_asked_for(write: Any) -> None:
    for holder in (CONTEXT_WITH_SECRET, QueryDataRequest(CONTEXT_WITH_SECRET, ()), Secret("hunter2")):
        with pytest.raises(TypeError, match="reveal_secrets") as caught:
            write(holder)
        assert "hunter2" not in str(caught.value)
    assert "hunter2" in str(write(CONTEXT_WITH_SECRET, reveal_secrets=True))


def test_a_secret_comes_back_as_one() -> None:
    again = from_bytes(to_bytes(CONTEXT_WITH_SECRET, reveal_secrets=True), PluginContext)
    assert again == CONTEXT_WITH_SECRET
    assert "hunter2" not in repr(again)


def test_the_data_is_plain_json() -> None:
    query = DataQuery("B", json={"a": [1, None]}, time_range=TimeRange.from_epoch_ms(0, 1))
    data = to_data(QueryDataRequest(PluginContext("p"), (query,)))
    assert json.loads(json.dumps(data)) == data
    assert data["queries"][0]["time_range"] == {
        "from_": "1970-01-01T00:00:00+00:00",
        "to": "1970-01-01T00:00:00.001000+00:00",
    }


def test_an_error_tells_of_itself_and_leaves_its_cause_behind() -> None:
    error = DownstreamServerError("no such table", code=1146, status=404)
    error.__cause__ = KeyError("hunter2")
    assert to_data(DataResponse.from_error(error))["error"] == {
        "message_id": "downstream.server",
        "message": "no such table",
        "status": 404,
        "source": "downstream",
        "code": 1146,
    }


KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HeadwaterError) and kind is not QueryRequestError
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_comes_back_as_its_kind(kind: type[HeadwaterError]) -> None:
    again = from_bytes(to_bytes(QueryChunk("A", error=kind("x"))), QueryChunk).error
    assert isinstance(again, HeadwaterError)
    assert issubclass(kind, type(again))
    assert "message_id" not in vars(kind) or type(again) is kind
    assert (str(again), again.status, again.source) == ("x", kind.status, kind.source)


def test_errors_of_requests_and_of_strangers_keep_their_message_id() -> None:
    wrong = QueryRequestError("No queries found", "query.noQueries")
    for error in (wrong, QueryCanceledError("gone")):
        again = from_data(to_data(QueryChunk("A", error=error)), QueryChunk).error
        assert again is not None
        assert (again.message_id, str(again)) == (error.message_id, str(error))


def test_unknown_keys_are_ignored_and_missing_ones_have_defaults() -> None:
    assert from_data({"plugin_id": "p", "from": "the future"}, PluginContext) == PluginContext("p")


@pytest.mark.parametrize("status", ["1e999", "NaN", "null", "[]"])
def test_a_status_that_is_no_number_is_refused(status: str) -> None:
    written = f'{{"message_id": "x", "message": "m", "status": {status}, "source": "plugin"}}'
    with pytest.raises(ValidationError):
        from_bytes(written.encode(), errors.HeadwaterError)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", PluginContext),
        (b"\xff", PluginContext),
        (b"[" * 100_000, PluginContext),
        (b"[]", PluginContext),
        (b"null", PluginContext),
        (b"{}", PluginContext),
        (b'{"from_": "yesterday", "to": "now"}', TimeRange),
        (b'{"from_": "2024-01-01T00:00:00", "to": "2024-01-01T00:00:00"}', TimeRange),
        (b'{"body": "***"}', CallResourceResponse),
        (b'{"status": "fine"}', CheckHealthResult),
        (b'{"ref_id": "A", "frame": "AAAA"}', QueryChunk),
        (b'{"ref_id": "A", "error": {"message": "x"}}', QueryChunk),
        (b'{"responses": {"A": 5}}', QueryDataResponse),
    ],
)
def test_what_cannot_be_read_is_a_validation_error(data: bytes, kind: type) -> None:
    with pytest.raises(ValidationError):
        from_bytes(data, kind)


def test_the_place_of_a_fault_is_named() -> None:
    with pytest.raises(ValidationError, match=r"TimeRange\.to"):
        from_data({"from_": "2024-01-01T00:00:00+00:00", "to": "x"}, TimeRange)
