"""Plugin contexts and queries to messages and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve

from headwater.errors import ValidationError
from headwater.models import DataQuery, DataSourceInstanceSettings, PluginContext, TimeRange, User
from headwater.secrets import Secret

from . import pluginv2_pb2 as pb
from .native_call import NativeCall
from .parameters import read_parameters, write_parameters

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# Grafana marks the caller's HTTP headers; these have names of their own.
_HTTP = "http_"
_UNMARKED = frozenset({"authorization", "x-id-token", "cookie", "fromalert", "x-grafana-id"})


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Text that UTF-8 cannot say, such as half of a surrogate pair, becomes ValidationError, of `what`."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise ValidationError("holds text that is not valid Unicode", path=what) from error


@writing("context")
def write_plugin_context(context: PluginContext) -> pb.PluginContext:
    """Secrets are in it in clear: it goes over a socket that nobody else can open."""
    message = pb.PluginContext(
        org_id=context.org_id,
        plugin_id=context.plugin_id,
        grafana_config=context.config,
        plugin_version=context.plugin_version,
        user_agent=context.user_agent,
        api_version=context.api_version,
        namespace=context.namespace,
    )
    if (user := context.user) is not None:
        message.user.CopyFrom(pb.User(login=user.login, name=user.name, email=user.email, role=user.role))
    if (settings := context.data_source_instance_settings) is not None:
        message.data_source_instance_settings.CopyFrom(_write_settings(settings))
    return message


def read_plugin_context(message: pb.PluginContext, call: NativeCall | None) -> PluginContext:
    """The context as a plugin sees it. Raises ValidationError."""
    user = message.user
    settings = None
    if message.HasField("data_source_instance_settings"):
        settings = _read_settings(message.data_source_instance_settings, message.plugin_id)
        if call is not None:
            settings = evolve(
                settings, version=call.version, updated=call.updated, address_policy=call.address_policy
            )
    return PluginContext(
        plugin_id=message.plugin_id,
        plugin_version=message.plugin_version,
        org_id=message.org_id,
        user=User(user.login, user.name, user.email, user.role) if message.HasField("user") else None,
        data_source_instance_settings=settings,
        config=dict(message.grafana_config),
        user_agent=message.user_agent,
        namespace=message.namespace or "default",
        api_version=message.api_version,
    )


@writing("query")
def write_query(query: DataQuery, *, native: bool) -> pb.DataQuery:
    """Raises ValidationError for what JSON cannot say; parameters may be more, if `native`."""
    message = pb.DataQuery(
        ref_id=query.ref_id,
        max_data_points=query.max_data_points,
        interval_ms=query.interval_ms,
        time_range=pb.TimeRange(from_epoch_ms=query.time_range.from_ms, to_epoch_ms=query.time_range.to_ms),
        query_type=query.query_type,
    )
    members = dict(query.json)
    try:
        message.json = json.dumps(members).encode()
    except (TypeError, ValueError) as error:
        if not native or "params" not in members:
            raise ValidationError("holds what JSON cannot say", path="query") from error
        message.native_parameters = write_parameters(members.pop("params"))
        message.json = json.dumps(members).encode()
    return message


def read_query(message: pb.DataQuery) -> DataQuery:
    """Raises ValidationError."""
    members = _json_object(message.json, "query")
    if message.native_parameters:
        members["params"] = read_parameters(message.native_parameters)
    asked = message.time_range
    try:
        time_range = TimeRange.from_epoch_ms(asked.from_epoch_ms, asked.to_epoch_ms)
    except OverflowError as error:
        raise ValidationError("lies beyond the years that there are", path="timeRange") from error
    return DataQuery(
        ref_id=message.ref_id,
        query_type=message.query_type,
        max_data_points=message.max_data_points,
        interval_ms=message.interval_ms,
        time_range=time_range,
        json=members,
    )


def write_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The caller's headers under the names that Grafana's SDK looks for."""
    return {name if name.lower() in _UNMARKED else _HTTP + name: value for name, value in headers.items()}


def read_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The caller's headers under their own names."""
    return {name.removeprefix(_HTTP): value for name, value in headers.items()}


def _write_settings(settings: DataSourceInstanceSettings) -> pb.DataSourceInstanceSettings:
    secrets = settings.decrypted_secure_json_data
    return pb.DataSourceInstanceSettings(
        id=settings.id,
        name=settings.name,
        url=settings.url,
        user=settings.user,
        database=settings.database,
        basic_auth_enabled=settings.basic_auth_enabled,
        basic_auth_user=settings.basic_auth_user,
        json_data=json.dumps(dict(settings.json_data)).encode(),
        decrypted_secure_json_data={name: secret.reveal() for name, secret in secrets.items()},
        last_updated_ms=(settings.updated - _EPOCH) // _MILLISECOND,
        uid=settings.uid,
        api_version=settings.api_version,
    )


def _read_settings(message: pb.DataSourceInstanceSettings, plugin_id: str) -> DataSourceInstanceSettings:
    secrets = message.decrypted_secure_json_data
    try:
        updated = _EPOCH + message.last_updated_ms * _MILLISECOND
    except OverflowError as error:
        raise ValidationError("lies beyond the years that there are", path="lastUpdatedMs") from error
    return DataSourceInstanceSettings(
        id=message.id,
        uid=message.uid,
        name=message.name,
        type=plugin_id,
        url=message.url,
        user=message.user,
        database=message.database,
        basic_auth_enabled=message.basic_auth_enabled,
        basic_auth_user=message.basic_auth_user,
        json_data=_json_object(message.json_data, "jsonData"),
        decrypted_secure_json_data={name: Secret(value) for name, value in secrets.items()},
        updated=updated,
        api_version=message.api_version,
    )


def _json_object(data: bytes, path: str) -> dict[str, Any]:
    if not data:
        return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValidationError("is not JSON", path=path) from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValidationError("is not a JSON object", path=path)
    return value
