"""`/api/datasources`: list, read, add, change and remove data sources, by uid, name or id."""

from __future__ import annotations

from starlette.responses import Response

from headwater.datasources import AddDataSource, DataSource
from headwater.errors import DataSourceNotFoundError, ValidationError
from headwater_server.auth import Action, PermissionDeniedError

from .call import Call
from .models import (
    AddDataSourceBody,
    ChangeBody,
    DataSourceBody,
    DataSourceListItem,
    IdBody,
    UpdateDataSourceBody as UpdateBody,
)
from .plugins import plugin_name
from .responses import json_response


async def list_data_sources(call: Call) -> Response:
    headwater = call.host.headwater

    def run() -> list[DataSourceListItem]:
        stored = [each for each in headwater.store.list() if call.principal.may(Action.READ, each.uid)]
        return [DataSourceListItem.of(each, plugin_name(headwater, each.type)) for each in stored]

    return json_response(await call.host.run(run))


async def get_data_source(call: Call) -> Response:
    return json_response(await _body(call, await find(call, Action.READ)))


async def get_id(call: Call) -> Response:
    return json_response(IdBody((await find(call, Action.READ)).id))


async def add_data_source(call: Call) -> Response:
    call.require(Action.WRITE)
    body = await call.json(AddDataSourceBody)
    values = body.values()
    if values["secure_json_data"]:
        call.require(Action.WRITE_SECRETS)
    headwater = call.host.headwater

    def run() -> DataSource:
        headwater.plugin_info(body.type)
        # The type stays as the client wrote it, be it an alias: clients of Grafana choose by it what they do.
        return headwater.data_sources.add(AddDataSource(**values))

    added = await call.host.run(run)
    call.record.add_event("datasources:create", data_source=added.uid)
    return await _changed(call, "Datasource added", added)


async def update_data_source(call: Call) -> Response:
    stored = await find(call, Action.WRITE)
    call.record.add_event("datasources:write", data_source=stored.uid)
    body = await call.json(UpdateBody)
    changes = body.values()
    if changes["secure_json_data"]:
        call.require(Action.WRITE_SECRETS, stored.uid)
    if body.uid and body.uid != stored.uid:
        raise ValidationError("the uid of a data source cannot be changed", path="uid")
    del changes["uid"]
    updated = await call.host.run(lambda: call.host.headwater.update_data_source(stored.uid, **changes))
    return await _changed(call, "Datasource updated", updated)


async def delete_data_source(call: Call) -> Response:
    stored = await find(call, Action.WRITE)
    call.record.add_event("datasources:delete", data_source=stored.uid)
    await call.host.run(lambda: call.host.headwater.remove_data_source(stored.uid))
    return json_response(ChangeBody(message="Data source deleted", id=stored.id))


async def find(call: Call, action: Action) -> DataSource:
    """The data source that the path names by `uid`, `name` or `id`, if the caller may do `action` on it.

    Raises DataSourceNotFoundError; PermissionDeniedError, also in its place to callers who may do `action` on
    some data sources only: they do not learn which others exist.
    """
    uid = call.path_params.get("uid")
    if uid is not None:
        call.require(action, uid)
    try:
        stored = await _found(call, action)
    except DataSourceNotFoundError:
        if call.principal.may(action):
            raise
        raise PermissionDeniedError("Access denied to data source") from None
    call.require(action, stored.uid)
    return stored


async def _found(call: Call, action: Action) -> DataSource:
    """To be asked something, the data source that queries would use now will do: memory has it mostly."""
    uid = call.path_params.get("uid", "")
    if uid and action is Action.QUERY and not call.skips_cache:
        remembered = call.host.headwater.remembered_data_source(uid)
        if remembered is not None:
            return remembered
    return await call.host.run(lambda: _look_up(call))


def _look_up(call: Call) -> DataSource:
    store, params = call.host.headwater.store, call.path_params
    if "uid" in params:
        return store.get_by_uid(params["uid"])
    if "name" in params:
        return store.get_by_name(params["name"])
    text = params["id"]
    if not (text.isascii() and text.isdecimal()) or int(text) >= 2**31:
        raise ValidationError("id is invalid")
    return store.get_by_id(int(text))


async def _changed(call: Call, message: str, stored: DataSource) -> Response:
    body = await _body(call, stored)
    return json_response(ChangeBody(message=message, id=stored.id, name=stored.name, datasource=body))


async def _body(call: Call, stored: DataSource) -> DataSourceBody:
    states = await call.host.run(lambda: call.host.headwater.data_sources.secret_states(stored))
    return DataSourceBody.of(stored, states)
