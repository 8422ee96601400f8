"""The operations of named queries."""

from __future__ import annotations

from headwater_server.auth import Action

from . import named_queries
from .named_query_models import (
    ChoicesBody,
    NamedQueryBody,
    NamedQueryDetailsBody,
    RunNamedQueryBody,
    UpdateNamedQueryBody,
)
from .operations import Answer, Operation
from .responses import JSON, OTHER_FORMS

_TAG = "named queries"
_PATH = "/api/queries/{id}"
_FOUND = {200: Answer(description="The named query.", type=NamedQueryDetailsBody)}
_RESULTS = (JSON, *OTHER_FORMS)


def named_query_operations() -> list[Operation]:
    return [*_kept(), *_run()]


def _kept() -> list[Operation]:
    return [
        Operation(
            method="GET",
            path="/api/queries",
            handler=named_queries.list_named_queries,
            summary="List the named queries that the caller may run or read, by id.",
            tag=_TAG,
            answers={200: Answer(description="Named queries.", type=list[NamedQueryDetailsBody])},
        ),
        Operation(
            method="POST",
            path="/api/queries",
            handler=named_queries.add_named_query,
            summary="Add a named query, of a data source that the caller may query.",
            tag=_TAG,
            action=Action.WRITE_QUERIES,
            request=NamedQueryBody,
            answers={201: Answer(description="Added.", type=NamedQueryDetailsBody)},
            statuses=(400, 404, 408, 409, 413, 415),
        ),
        Operation(
            method="GET",
            path="/api/queries/openapi.json",
            handler=named_queries.describe_named_queries,
            summary="Describe the runs that the caller may do in OpenAPI, each with a schema of its own.",
            tag=_TAG,
            answers={200: Answer(description="An OpenAPI document.", type="object")},
        ),
        Operation(
            method="GET",
            path=_PATH,
            handler=named_queries.get_named_query,
            summary="Read a named query; of one that the caller may only run, what a run needs.",
            tag=_TAG,
            answers=_FOUND,
            statuses=(404,),
        ),
        Operation(
            method="PUT",
            path=_PATH,
            handler=named_queries.update_named_query,
            summary="Replace a named query, which gets the next version.",
            tag=_TAG,
            action=Action.WRITE_QUERIES,
            request=UpdateNamedQueryBody,
            answers=_FOUND,
            statuses=(400, 404, 408, 409, 413, 415),
        ),
        Operation(
            method="DELETE",
            path=_PATH,
            handler=named_queries.delete_named_query,
            summary="Remove a named query and its versions.",
            tag=_TAG,
            action=Action.WRITE_QUERIES,
            answers={200: Answer(description="Done.", type="object")},
            statuses=(404,),
        ),
        Operation(
            method="GET",
            path=f"{_PATH}/versions",
            handler=named_queries.list_versions,
            summary="List what a named query was, newest first, and who changed it.",
            tag=_TAG,
            action=Action.READ_QUERIES,
            answers={200: Answer(description="Versions.", type=list[NamedQueryDetailsBody])},
            statuses=(404,),
        ),
    ]


def _run() -> list[Operation]:
    return [
        Operation(
            method="GET",
            path=f"{_PATH}/parameters/{{name}}/choices",
            handler=named_queries.list_choices,
            summary="List what a parameter of a named query may be.",
            tag=_TAG,
            action=Action.RUN_QUERIES,
            answers={200: Answer(description="Choices; none if it is no choice.", type=ChoicesBody)},
            statuses=(400, 404, 502, 504),
        ),
        Operation(
            method="POST",
            path=f"{_PATH}/run",
            handler=named_queries.run_named_query,
            summary="Run a named query with values for its parameters.",
            tag=_TAG,
            action=Action.RUN_QUERIES,
            request=RunNamedQueryBody,
            answers={
                200: Answer(description="The rows.", type="QueryResults", media_types=_RESULTS),
                400: Answer(description="It failed, or the request is not valid.", type="QueryFailure"),
            },
            statuses=(404, 408, 413, 415, 422, 499, 502, 503, 504),
        ),
    ]
