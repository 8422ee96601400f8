"""Every operation of the API, in the order in which paths are matched."""

from __future__ import annotations

from headwater_server.auth import Action

from . import data_sources, identity, observe, plugins, query, resources
from .identity import OrganizationBody, UserBody
from .models import (
    AddDataSourceBody,
    ChangeBody,
    DataSourceBody,
    DataSourceListItem,
    HealthBody,
    HostHealthBody,
    IdBody,
    MetricRequestBody,
    PluginBody,
    PluginErrorBody,
    PluginSettingsBody,
    UpdateDataSourceBody,
)
from .named_query_routes import named_query_operations
from .operations import Answer, Handler, Operation, Parameter
from .responses import JSON, OTHER_FORMS
from .sign_in import sign_in_operations

_ANY = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TEXT = ("text/plain",)
_NO_CACHE = (
    Parameter(
        "X-Grafana-NoCache",
        "header",
        "`true` asks the data source, whatever is remembered. So does `X-Cache-Skip: true`.",
    ),
    Parameter(
        "Cache-Control",
        "header",
        "`no-cache`, `no-store` or `max-age=0` asks the data source, whatever is remembered; `max-age=N` "
        "takes what is no older than N seconds, with `max-stale=M` what is M older while a new answer is "
        "fetched, as far as the rule allows.",
    ),
)
_FORMS = ("uid/{uid}", "{id}")


def _query() -> Operation:
    results = (JSON, *OTHER_FORMS)
    return Operation(
        method="POST",
        path="/api/ds/query",
        handler=query.query,
        summary="Run queries.",
        tag="query",
        action=Action.QUERY,
        request=MetricRequestBody,
        answers={
            200: Answer(description="All queries succeeded.", type="QueryResults", media_types=results),
            207: Answer(description="A query failed (option `multi_status`).", type="QueryResults"),
            400: Answer(description="A query failed, or the request is not valid.", type="QueryFailure"),
        },
        statuses=(404, 408, 413, 415, 422, 499, 503, 504),
        parameters=(
            *_NO_CACHE,
            Parameter("X-Query-V2", "header", "`true` takes each query's own `timeRange`."),
            Parameter(
                "X-Headwater-Progress",
                "header",
                "`true` puts progress into an answer of pieces.",
            ),
        ),
    )


def _health_and_resources() -> list[Operation]:
    operations = []
    for form in _FORMS:
        base = f"/api/datasources/{form}"
        operations.append(
            Operation(
                method="GET",
                path=f"{base}/health",
                handler=resources.health,
                summary="Try a data source.",
                tag="data sources",
                action=Action.QUERY,
                answers={
                    200: Answer(description="It is well.", type=HealthBody),
                    400: Answer(description="It is not, or the path is not valid.", type="HealthFailure"),
                },
                statuses=(404, 500),
                deprecated="{id}" in form,
            )
        )
        operations += _passed_on(resources.resource, f"{base}/resources", "Call a plugin's resource.")
        operations += _passed_on(
            resources.proxy, f"/api/datasources/proxy/{form}", "Call a path that the plugin declares."
        )
    operations += [
        Operation(
            method="GET",
            path=f"/api/prometheus/{{uid}}/api/v1/{report}",
            handler=resources.proxy,
            summary=f"The {report} of a data source, where Grafana's alerting has them.",
            tag="resources",
            action=Action.QUERY,
            answers={200: Answer(description="The plugin's answer.", media_types=("*/*",))},
        )
        for report in ("rules", "alerts")
    ]
    return operations


def _passed_on(handler: Handler, base: str, summary: str) -> list[Operation]:
    return [
        Operation(
            method=method,
            path=path,
            handler=handler,
            summary=summary,
            tag="resources",
            action=Action.QUERY,
            passes_body=method != "GET",
            answers={200: Answer(description="The plugin's answer.", media_types=("*/*",))},
            deprecated="{id}" in base,
        )
        for path in (base, f"{base}/{{path:path}}")
        for method in _ANY
    ]


def _data_sources() -> list[Operation]:
    changed = {200: Answer(description="Done.", type=ChangeBody)}
    found = {200: Answer(description="The data source.", type=DataSourceBody)}
    tag = "data sources"
    operations = [
        Operation(
            method="GET",
            path="/api/datasources",
            handler=data_sources.list_data_sources,
            summary="List the data sources that the caller may read, by name.",
            tag=tag,
            action=Action.READ,
            answers={200: Answer(description="Data sources.", type=list[DataSourceListItem])},
        ),
        Operation(
            method="POST",
            path="/api/datasources",
            handler=data_sources.add_data_source,
            summary="Add a data source.",
            tag=tag,
            action=Action.WRITE,
            request=AddDataSourceBody,
            answers=changed,
            statuses=(400, 404, 408, 409, 413, 415),
        ),
        Operation(
            method="GET",
            path="/api/datasources/id/{name:path}",
            handler=data_sources.get_id,
            summary="The number of a data source.",
            tag=tag,
            action=Action.READ,
            answers={200: Answer(description="Its id.", type=IdBody)},
            statuses=(404,),
            deprecated=True,
        ),
    ]
    for form in ("uid/{uid}", "name/{name:path}", "{id}"):
        path = f"/api/datasources/{form}"
        errors = (400, 404) if form == "{id}" else (404,)
        operations.append(
            Operation(
                method="GET",
                path=path,
                handler=data_sources.get_data_source,
                summary="Read a data source.",
                tag=tag,
                action=Action.READ,
                answers=found,
                statuses=errors,
                deprecated=form == "{id}",
            )
        )
        operations.append(
            Operation(
                method="DELETE",
                path=path,
                handler=data_sources.delete_data_source,
                summary="Remove a data source and its secrets.",
                tag=tag,
                action=Action.WRITE,
                answers=changed,
                statuses=errors,
                deprecated=form == "{id}",
            )
        )
        if not form.startswith("name"):
            operations.append(
                Operation(
                    method="PUT",
                    path=path,
                    handler=data_sources.update_data_source,
                    summary="Change a data source.",
                    tag=tag,
                    action=Action.WRITE,
                    request=UpdateDataSourceBody,
                    answers=changed,
                    statuses=(400, 404, 408, 409, 413, 415),
                    deprecated=form == "{id}",
                )
            )
    return operations


def _plugins() -> list[Operation]:
    return [
        Operation(
            method="GET",
            path="/api/plugins",
            handler=plugins.list_plugins,
            summary="List the usable plugins.",
            tag="plugins",
            answers={200: Answer(description="Plugins.", type=list[PluginBody])},
            parameters=(
                Parameter("type", "query", "Only plugins of this type; all here are `datasource`."),
                Parameter("enabled", "query", "`0` finds none: installed plugins are enabled."),
                Parameter("core", "query", "`1` finds none: no plugin is built into the host."),
            ),
        ),
        Operation(
            method="GET",
            path="/api/plugins/errors",
            handler=plugins.list_errors,
            summary="List installed plugins that cannot be used, and why.",
            tag="plugins",
            answers={200: Answer(description="Plugins.", type=list[PluginErrorBody])},
        ),
        Operation(
            method="GET",
            path="/api/plugins/{id}/settings",
            handler=plugins.get_settings,
            summary="A plugin with its schemas.",
            tag="plugins",
            answers={200: Answer(description="The plugin.", type=PluginSettingsBody)},
            statuses=(404, 500),
        ),
        Operation(
            method="GET",
            path="/api/plugins/{id}/metrics",
            handler=plugins.get_metrics,
            summary="Metrics of a plugin's own process, for Prometheus.",
            tag="plugins",
            action=Action.WRITE,
            answers={200: Answer(description="Metrics; none of a plugin in the host.", media_types=_TEXT)},
            statuses=(404, 500),
        ),
    ]


def _observation(protect_metrics: bool) -> list[Operation]:
    well = Answer(description="Well.", type=HostHealthBody)
    failing = Answer(description="The store fails.", type=HostHealthBody)
    text = Answer(description="A word.", media_types=_TEXT)
    return [
        Operation(
            method="GET",
            path="/api/health",
            handler=observe.host_health,
            summary="Health of the host.",
            tag="host",
            public=True,
            answers={200: well, 503: failing},
        ),
        Operation(
            method="GET",
            path="/healthz",
            handler=observe.alive,
            summary="Whether the process lives.",
            tag="host",
            public=True,
            answers={200: text},
        ),
        Operation(
            method="GET",
            path="/readyz",
            handler=observe.ready,
            summary="Whether new requests are welcome.",
            tag="host",
            public=True,
            answers={200: text, 503: text},
        ),
        Operation(
            method="GET",
            path="/metrics",
            handler=observe.metrics,
            summary="Metrics for Prometheus.",
            tag="host",
            public=not protect_metrics,
            answers={200: Answer(description="Metrics.", media_types=_TEXT)},
        ),
        Operation(
            method="GET",
            path="/api/frontend/settings",
            handler=observe.frontend_settings,
            summary="The data sources that the caller may query, and what the host is.",
            tag="host",
            answers={200: Answer(description="Settings.", type="object")},
        ),
        Operation(
            method="GET",
            path="/api/org",
            handler=identity.organization,
            summary="The organisation, of which there is one.",
            tag="host",
            answers={200: Answer(description="The organisation.", type=OrganizationBody)},
        ),
        Operation(
            method="GET",
            path="/api/user",
            handler=identity.user,
            summary="Who the caller is.",
            tag="host",
            answers={200: Answer(description="The caller.", type=UserBody)},
        ),
    ]


def operations(*, protect_metrics: bool = False, signs_in: bool = False) -> list[Operation]:
    """All operations; where two paths fit a request, the first one answers it. With `signs_in` there is a
    provider at which people sign in."""
    return [
        _query(),
        *_observation(protect_metrics),
        *_health_and_resources(),
        *_data_sources(),
        *_plugins(),
        *named_query_operations(),
        *sign_in_operations(signs_in=signs_in),
    ]
