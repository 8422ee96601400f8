"""`Target`: the operations that work on a data directory and on a remote host alike."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from headwater.calls import CallContext, QueryLimits
    from headwater.frames import FrameStream
    from headwater.models import CallResourceResponse, CheckHealthResult, PluginInfo, QueryChunk
    from headwater.secrets import Secret

Record: TypeAlias = dict[str, Any]


@frozen
class PluginSummary:
    """`state` is READY, or why the plugin cannot be used. `target` is where it runs: `in_memory`, or `local`
    in a process of its own. `distribution` and `target` are empty if the host keeps them."""

    id: str
    version: str
    distribution: str
    state: str
    reason: str
    target: str = ""


class Target(Protocol):
    """Data sources are named by name or uid. Every method raises HeadwaterError, whichever the target is."""

    @property
    def limits(self) -> QueryLimits: ...

    def data_sources(self) -> list[Record]:
        """By name: `name`, `type`, `uid`, `url`, `read-only`."""

    def describe(self, data_source: str) -> Record:
        """All that may be shown of a data source: `name`, `type`, `uid`, …; of secrets their state."""

    def add(
        self, *, name: str, type_: str, secrets: Mapping[str, Secret], settings: Record, **fields: Any
    ) -> Record:
        """Add a data source; `fields` are url, user, database, uid, is_default. Returns name and uid."""

    def remove(self, uid: str) -> None: ...

    def check_health(self, data_source: str, timeout: float) -> CheckHealthResult:
        """`timeout` in seconds. A source that is down is a result, not an exception."""

    def call_resource(self, data_source: str, path: str, params: Mapping[str, str]) -> CallResourceResponse:
        """GET a plugin's resource. Raises MethodNotImplementedError if the plugin has none there."""

    def plugins(self) -> list[PluginSummary]: ...

    def plugin_info(self, plugin_id: str) -> PluginInfo: ...

    def text_query(self, data_source: str, text: str) -> Record:
        """The query object whose main text is `text`."""

    def query_chunks(
        self, data_source: str, query: Record, *, from_: str, to: str, context: CallContext
    ) -> Generator[QueryChunk, None, None]:
        """The answer piece by piece; an error is a piece too. Close the generator to end the query."""

    def sql(
        self, statement: str, *, from_: str, to: str, params: Mapping[str, Any], context: CallContext
    ) -> FrameStream:
        """The rows of one SELECT over data sources. Close the stream to end it."""
