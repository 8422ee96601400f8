"""The description of the API in OpenAPI 3.1, made from the operations and the structs of their bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, get_args

import msgspec

from headwater.queries.named import NamedQuery, parameters_schema
from headwater_server import __version__

from .models import ErrorBody, HealthBody
from .named_query_models import RunNamedQueryBody
from .operations import Answer, Operation
from .responses import JSON, OTHER_FORMS

_REF = "#/components/schemas/{name}"
_PATH_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_WHAT_IT_IS = {
    "uid": "uid of the data source",
    "id": "id: of a plugin or a named query, or the number of a data source",
    "name": "name of the data source",
    "path": "path of the resource",
}

# Frames are too free for structs: their form is Grafana's, and `headwater.frames` writes it.
_FRAME = {
    "type": "object",
    "required": ["schema", "data"],
    "properties": {
        "schema": {
            "type": "object",
            "required": ["fields"],
            "properties": {
                "name": {"type": "string"},
                "refId": {"type": "string"},
                "meta": {"type": "object"},
                "fields": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["type"],
                        "properties": {
                            "name": {"type": "string"},
                            "type": {"type": "string"},
                            "typeInfo": {"type": "object"},
                            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                            "config": {"type": "object"},
                        },
                    },
                },
            },
        },
        "data": {
            "type": "object",
            "required": ["values"],
            "properties": {
                "values": {"type": "array", "items": {"type": "array"}},
                "entities": {"type": "array"},
                "nanos": {"type": "array"},
            },
        },
    },
}
_RESULTS = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "error": {"type": "string"},
                    "errorSource": {"enum": ["plugin", "downstream", ""]},
                    "status": {"type": "integer"},
                    "frames": {"type": "array", "items": {"$ref": _REF.format(name="Frame")}},
                },
                "additionalProperties": False,
            },
        }
    },
}


def describe(operations: Iterable[Operation]) -> dict[str, Any]:
    """The document, without `servers`: it is as good wherever the app is mounted."""
    operations = list(operations)
    schemas = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = _PATH_PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    return _document(
        "Headwater", "Data sources over HTTP, with the paths and bodies of Grafana's API.", paths, schemas
    )


def _document(
    title: str, description: str, paths: Mapping[str, Any], schemas: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": __version__,
            "description": description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "admin": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"token": []}, {"admin": []}],
    }


def describe_runs(named_queries: Iterable[NamedQuery]) -> dict[str, Any]:
    """A document of runs: a path for each of `named_queries`, and in its body their own parameters."""
    paths = {f"/api/queries/{named.id}/run": {"post": _run_operation(named)} for named in named_queries}
    _, schemas = msgspec.json.schema_components([ErrorBody, RunNamedQueryBody], ref_template=_REF)
    return _document("Named queries", "The runs that the caller may do.", paths, schemas | _free_schemas())


def _run_operation(named: NamedQuery) -> dict[str, Any]:
    parameters = parameters_schema(named)
    body = {
        "allOf": [{"$ref": _REF.format(name="RunNamedQueryBody")}],
        "properties": {"parameters": parameters},
        "required": ["parameters"] if parameters["required"] else [],
    }
    answers = {
        "200": _answer(
            Answer(description="The rows.", type="QueryResults", media_types=(JSON, *OTHER_FORMS))
        ),
        "400": _answer(Answer(description="It failed.", type="QueryFailure")),
    }
    return {
        "operationId": f"run_{named.id}",
        "summary": named.title or named.id,
        **({"description": named.description} if named.description else {}),
        "tags": list(named.tags),
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": answers,
    }


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    types: set[Any] = {ErrorBody, HealthBody}
    for operation in operations:
        bodies = [operation.request, *(answer.type for answer in operation.answers.values())]
        types.update(part for body in bodies for part in (get_args(body) or (body,)) if _is_struct(part))
    ordered = sorted(types, key=lambda each: each.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_REF)
    error, health = {"$ref": _REF.format(name="ErrorBody")}, {"$ref": _REF.format(name="HealthBody")}
    return schemas | _free_schemas() | {"HealthFailure": {"anyOf": [health, error]}}


def _free_schemas() -> dict[str, Any]:
    """Of answers to queries."""
    error, results = {"$ref": _REF.format(name="ErrorBody")}, {"$ref": _REF.format(name="QueryResults")}
    return {"Frame": _FRAME, "QueryResults": _RESULTS, "QueryFailure": {"anyOf": [results, error]}}


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _operation_id(operation),
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": _responses(operation),
    }
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _WHAT_IT_IS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in _PATH_PARAMETER.findall(operation.path)
    ]
    parameters += [
        {"name": each.name, "in": each.location, "description": each.description, "schema": dict(each.schema)}
        for each in operation.parameters
    ]
    if parameters:
        described["parameters"] = parameters
    if operation.request is not None:
        schema = _schema_of(operation.request)
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif operation.passes_body:
        described["requestBody"] = {"content": {"application/json": {"schema": {}}}}
    if operation.action is not None:
        described["description"] = f"Needs `{operation.action}`."
    if operation.public:
        described["security"] = []
    if operation.deprecated:
        described["deprecated"] = True
    return described


def _responses(operation: Operation) -> dict[str, Any]:
    responses = {str(status): _answer(answer) for status, answer in operation.answers.items()}
    statuses = {*operation.statuses, 405, 421, *(() if operation.public else (401, 403, 429))}
    for status in sorted(statuses - set(operation.answers)):
        responses[str(status)] = _error(status)
    if "*/*" in operation.answers.get(200, Answer(description="")).media_types:
        responses["default"] = {"description": "Whatever the plugin answers, or an error of the host."}
    return responses


def _error(status: int) -> dict[str, Any]:
    names = {499: "Client Closed Request"}
    return {
        "description": names.get(status) or HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": {"$ref": _REF.format(name="ErrorBody")}}},
    }


def _answer(answer: Answer) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media_type in answer.media_types:
        is_json = media_type == "application/json" and answer.type is not None
        content[media_type] = {"schema": _schema_of(answer.type)} if is_json else {}
    return {"description": answer.description, "content": content}


def _schema_of(type_: Any) -> dict[str, Any]:
    if isinstance(type_, str):
        return {"type": "object"} if type_ == "object" else {"$ref": _REF.format(name=type_)}
    if _is_struct(type_):
        return {"$ref": _REF.format(name=type_.__name__)}
    return {"type": "array", "items": _schema_of(get_args(type_)[0])}


def _is_struct(type_: object) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _operation_id(operation: Operation) -> str:
    words = re.findall(r"[a-z]+", operation.path.removeprefix("/api").lower())
    return "_".join([operation.method.lower(), *words])
