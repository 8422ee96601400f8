"""`/api/queries`: named queries, read, changed and run by those who may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from headwater.calls import CallContext
from headwater.errors import (
    DataSourceNotFoundError,
    HeadwaterError,
    ValidationError,
)
from headwater.queries.named import (
    NamedQuery,
    PreparedQuery,
    named_query_from,
    named_query_to,
    runners_form,
)
from headwater_server.audit import query_hash
from headwater_server.auth import Action, PermissionDeniedError

from .call import Call
from .named_run import NamedRun
from .openapi import describe_runs
from .query import answer_queries
from .responses import ChunkedResponse, json_response, message_response


async def list_named_queries(call: Call) -> Response:
    named_queries = await call.host.run(call.host.headwater.named_queries.list)
    return json_response([_form(call, each) for each in named_queries if _may_see(call, each.id)])


async def get_named_query(call: Call) -> Response:
    return json_response(_form(call, await _find(call, Action.RUN_QUERIES, Action.READ_QUERIES)))


async def list_versions(call: Call) -> Response:
    named = await _find(call, Action.READ_QUERIES)
    versions = await call.host.run(lambda: call.host.headwater.named_queries.versions(named.id))
    return json_response([named_query_to(each) for each in versions])


async def add_named_query(call: Call) -> Response:
    named = named_query_from(await call.json(dict[str, Any]))
    call.require(Action.WRITE_QUERIES, named.id)
    call.record.add_event(f"queries:create:{named.id}", query_hash=query_hash(named.query))
    named = await _of_data_source_that_may_be_queried(call, named)
    added = await call.host.run(lambda: call.host.headwater.named_queries.add(named, call.principal.id))
    return json_response(_form(call, added), 201)


async def update_named_query(call: Call) -> Response:
    stored = await _find(call, Action.WRITE_QUERIES)
    call.record.add_event(f"queries:write:{stored.id}")
    body = await call.json(dict[str, Any])
    named, version = named_query_from(body, id=stored.id), body.get("version")
    if named.id != stored.id:
        raise ValidationError("the id of a named query cannot be changed", path="id")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise ValidationError("expected a whole number", path="version")
    named = await _of_data_source_that_may_be_queried(call, named)
    updated = await call.host.run(
        lambda: call.host.headwater.named_queries.update(named, call.principal.id, version=version)
    )
    return json_response(_form(call, updated))


async def delete_named_query(call: Call) -> Response:
    stored = await _find(call, Action.WRITE_QUERIES)
    call.record.add_event(f"queries:delete:{stored.id}")
    await call.host.run(lambda: call.host.headwater.named_queries.remove(stored.id))
    return message_response("Named query deleted", id=stored.id)


async def list_choices(call: Call) -> Response:
    """What a parameter may be, for a form."""
    named = await _find(call, Action.RUN_QUERIES)
    name = call.path_params["name"]
    parameter = next((each for each in named.parameters if each.name == name), None)
    if parameter is None:
        raise ValidationError("is no parameter", path=f"parameters.{name[:64]}")
    headwater = call.host.headwater
    run = _run_of(call, named)
    with call.context(headwater.limits.timeout) as context:
        try:
            choices = await call.host.run(lambda: headwater.named_query_runner.choices(parameter, context))
        except HeadwaterError as error:
            raise run.shown(error) from error
    return json_response({"choices": list(choices)})


async def run_named_query(call: Call) -> Response | ChunkedResponse:
    named = await _find(call, Action.RUN_QUERIES)
    prepared = await _prepare(call, named, await call.json(dict[str, Any]))
    if call.host.is_audited:
        call.record.add_event(
            f"queries:run:{named.id}",
            data_source=named.data_source,
            query_hash=query_hash(prepared.query.query.json),
            ref_id=prepared.query.query.ref_id,
        )
    run = call.querying = _run_of(call, named)
    try:
        return await answer_queries(call, [prepared.query])
    except HeadwaterError as error:
        raise run.shown(error) from error


async def describe_named_queries(call: Call) -> Response:
    """OpenAPI of the runs that the caller may do, each with a schema of its own."""
    named_queries = await call.host.run(call.host.headwater.named_queries.list)
    runnable = [each for each in named_queries if call.principal.may(Action.RUN_QUERIES, each.id)]
    return json_response(describe_runs(runnable))


async def _find(call: Call, *actions: Action) -> NamedQuery:
    """The named query of the path, if the caller may do one of `actions` with it.

    Raises NamedQueryNotFoundError; PermissionDeniedError, also in its place to callers who may do that with
    some only: they do not learn which others exist.
    """
    id_ = call.path_params["id"]
    if not any(call.principal.may(action, id_) for action in actions):
        call.require(actions[0], id_)
    named_queries = call.host.headwater.named_queries
    if Action.WRITE_QUERIES in actions:
        return await call.host.run(lambda: named_queries.get(id_))
    known = named_queries.known(id_)
    return known if known is not None else await call.host.run(lambda: named_queries.find(id_))


def _may_see(call: Call, id_: str) -> bool:
    return any(call.principal.may(action, id_) for action in (Action.RUN_QUERIES, Action.READ_QUERIES))


def _form(call: Call, named: NamedQuery) -> dict[str, Any]:
    """All of it, or, to those who may only run it, what a run needs."""
    may_read = call.principal.may(Action.READ_QUERIES, named.id)
    return named_query_to(named) if may_read else runners_form(named)


def _run_of(call: Call, named: NamedQuery) -> NamedRun:
    return NamedRun.of(call.host.headwater, named, call.principal)


async def _prepare(call: Call, named: NamedQuery, body: Mapping[str, Any]) -> PreparedQuery:
    run, limits = _run_of(call, named), call.host.headwater.limits
    if not any(each.choices_from for each in named.parameters):
        return run.prepare(body, CallContext())
    with call.context(limits.timeout) as context:
        return await call.host.run(lambda: run.prepare(body, context))


async def _of_data_source_that_may_be_queried(call: Call, named: NamedQuery) -> NamedQuery:
    """`named` if its author may ask what it asks; nobody comes by a data source, or another named query,
    by writing a named query of it."""
    for parameter in named.parameters:
        if parameter.choices_from:
            call.require(Action.RUN_QUERIES, parameter.choices_from)
    if not call.principal.may(Action.QUERY):
        try:
            stored = await call.host.run(lambda: call.host.headwater.data_source(named.data_source))
        except DataSourceNotFoundError:
            raise PermissionDeniedError("Access denied to data source") from None
        call.require(Action.QUERY, stored.uid)
    return named
