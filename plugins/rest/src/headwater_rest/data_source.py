"""`RestDataSource`: from a query through an endpoint's pages to a stream of batches."""

from __future__ import annotations

from typing import Any

from headwater.calls import CallContext
from headwater.errors import HeadwaterError, PluginRequestCanceledError, QueryError
from headwater.frames import FrameStream
from headwater.models import CheckHealthResult, DataSourceInstanceSettings
from headwater.sdk import DataSource, ResourceRequest, resource

from .api import RestApi
from .batches import stream_of
from .columns import readers_of, schema_of
from .pages import read_blocks
from .query import RestQuery
from .requests import find_endpoint, first_request, needs_parameters, parameters_of
from .settings import Endpoint, RestSettings


class RestDataSource(DataSource[RestSettings, RestQuery]):
    """One API. Opens its first connection with the first query."""

    def __init__(
        self, settings: RestSettings, instance: DataSourceInstanceSettings, logger: Any = None
    ) -> None:
        super().__init__(settings, instance, logger)
        self._api = RestApi(settings, instance)

    def query(self, query: RestQuery, context: CallContext) -> FrameStream:
        """The endpoint's rows, page by page. Reads ahead only what types are inferred from."""
        name, endpoint = find_endpoint(self.settings, query.endpoint)
        request = first_request(endpoint, query, self._api.base_path)
        blocks = read_blocks(self._api, self.settings, endpoint, request, context)
        try:
            return stream_of(
                name,
                endpoint,
                blocks,
                limit=query.limit,
                infer_rows=self.settings.infer_rows,
                asked=request.shown(self._api.origin),
            )
        except BaseException:
            blocks.close()
            raise

    def check_health(self, context: CallContext) -> CheckHealthResult:
        """Ask for the first page of one endpoint, the first that needs no parameters if none is named."""
        try:
            name = self.settings.health_endpoint or self._first_endpoint()
            with self.query(RestQuery(endpoint=name, limit=1), context) as stream:
                columns = len(stream.schema)
                for _ in stream:
                    pass
        except PluginRequestCanceledError:
            raise
        except HeadwaterError as error:
            return CheckHealthResult.failed(str(error), error=error.message_id)
        return CheckHealthResult.ok(f"The endpoint {name} answers.", columns=columns)

    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """The endpoints, as a schema browser asks for them."""
        return [_described(name, endpoint) for name, endpoint in self.settings.endpoints.items()]

    @resource("columns")
    def columns(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """The columns of endpoint `table`: as declared, else from its first page."""
        name, endpoint = find_endpoint(self.settings, request.query.get("table", ""))
        declared = endpoint.columns
        if all(column.type for column in declared) and declared:
            schema = schema_of(readers_of(declared, (), of_text=False))
        elif needs_parameters(endpoint):
            return [{"name": each.name, "type": each.type, "comment": each.doc} for each in declared]
        else:
            with self.query(RestQuery(endpoint=name, limit=1), context) as stream:
                schema = stream.schema
        comments = {column.name: column.doc for column in declared}
        return [
            {"name": each.name, "type": str(each.type), "comment": comments.get(each.name, "")}
            for each in schema
        ]

    def close(self) -> None:
        self._api.close()

    def _first_endpoint(self) -> str:
        for name, endpoint in self.settings.endpoints.items():
            if not needs_parameters(endpoint):
                return name
        raise QueryError("No endpoint can be asked without parameters; give one defaults for all of its own.")


def _described(name: str, endpoint: Endpoint) -> dict[str, Any]:
    names = ", ".join(f"{{{each}}}" for each in parameters_of(endpoint))
    return {"name": name, "comment": "; ".join(part for part in (endpoint.doc, names) if part)}
