"""The plugin object, and the faults that sit around the data source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, ClassVar

from attrs import evolve, frozen

from headwater.errors import QueryError
from headwater.models import (
    AnswerSteps,
    AnswerTraits,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    DataResponse,
    PluginContext,
    PluginInfo,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.sdk import CallContext, DataSourcePlugin, Query, Secret, field, hookimpl, secret

FAULT = os.environ.get("SEEDED_FAULT", "")

if FAULT == "imports_arrow":
    import pyarrow as pa  # noqa: F401


@frozen(kw_only=True)
class SeededSettings:
    first: int = field(default=1, doc="The first row's number.")
    password: Secret | None = secret(doc="Shown to the server.")


@frozen(kw_only=True)
class LooseSettings(SeededSettings):
    """Takes anything."""

    other_keys: ClassVar[tuple[str, ...]] = ("*",)


@frozen(kw_only=True)
class UntypedSettings:
    first: Any = field(default=1)
    password: Secret | None = secret()


@frozen(kw_only=True)
class SeededQuery(Query):
    kind: str = "rows"
    first: int = 0
    count: int = 3
    text: str = ""
    params: list[str] | dict[str, str] | None = None


class SeededPlugin(DataSourcePlugin):
    id = "other" if FAULT == "wrong_id" else "seeded"
    name = "Seeded"
    settings_type: ClassVar[type] = {
        "ignores_unknown_settings": LooseSettings,
        "takes_wrong_types": UntypedSettings,
    }.get(FAULT, SeededSettings)
    query_type = SeededQuery
    parameter_placeholders: ClassVar[dict[str, str]] = {
        "text": "{name}" if FAULT == "names_another_placeholder" else "$name"
    }
    data_source = "headwater_seeded.data_source:SeededSource"

    def answer_traits(self, query: SeededQuery, settings: SeededSettings) -> AnswerTraits:
        steps = AnswerSteps(60_000, query.data_query) if query.kind == "series" else None
        return AnswerTraits(user=False, headers=(), steps=steps)

    def build(self, context: PluginContext) -> Any:
        if FAULT != "stale_settings":
            return super().build(context)
        settings = context.data_source_instance_settings
        assert settings is not None
        key = (id(self), settings.uid)
        if key not in _STALE:
            _STALE[key] = super().build(context)
        return _STALE[key]

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        info = super().describe_plugin()
        if FAULT == "takes_wrong_types":
            return evolve(info, settings_schema={"properties": {"first": {"type": "integer"}}})
        if FAULT == "schema_lies_about_a_default":
            return evolve(info, settings_schema={"properties": {"first": {"type": "integer", "default": 7}}})
        return info

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        if FAULT == "fails_neighbours" and any(each.json.get("kind") == "wrong" for each in request.queries):
            failed = DataResponse.from_error(QueryError("wrong"))
            return QueryDataResponse(dict.fromkeys((each.ref_id for each in request.queries), failed))
        answer = super().query_data(request, context)
        if FAULT == "forgets_the_user" and request.queries[0].json.get("kind") == "series":
            user = request.plugin_context.user
            return _renamed(answer, name=user.login if user else "")
        if FAULT == "loses_ref_ids":
            return _renamed(answer, ref_id="Z")
        return answer

    @hookimpl
    def check_health(self, request: CheckHealthRequest, context: CallContext) -> CheckHealthResult:
        if FAULT == "health_raises":
            with self._instances.use(request.plugin_context) as served:
                source: Any = served.data_source
                source.connect().close()
        return super().check_health(request, context)

    @hookimpl
    def call_resource(self, request: Any, context: CallContext) -> Iterator[CallResourceResponse]:
        served = FAULT == "serves_any_path" and any(mark in request.path for mark in ".%")
        invented = FAULT == "invents_resources" and request.path.startswith("no/")
        if served or invented:
            yield CallResourceResponse(200, {"Content-Type": ("application/json",)}, b"{}")
        elif FAULT == "resource_is_not_json":
            yield from (
                evolve(each, headers={"Content-Type": ("text/html",)})
                for each in super().call_resource(request, context)
            )
        else:
            yield from super().call_resource(request, context)


def _renamed(answer: QueryDataResponse, **changes: Any) -> QueryDataResponse:
    """With each frame changed."""
    return QueryDataResponse(
        {
            ref_id: evolve(each, frames=tuple(frame.with_(**changes) for frame in each.frames))
            for ref_id, each in answer.responses.items()
        }
    )


_STALE: dict[Any, Any] = {}
