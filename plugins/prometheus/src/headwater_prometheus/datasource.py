"""`PrometheusDataSource`: from a query to frames."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

from attrs import evolve

from headwater.calls import CallContext
from headwater.errors import HeadwaterError, PluginRequestCanceledError
from headwater.frames import Frame, FrameStream, Notice
from headwater.models import CheckHealthResult, DataSourceInstanceSettings
from headwater.sdk import DataSource, Filter, Partitions, located_errors
from headwater.sdk.http import HttpClient, HttpClientSettings

from . import __version__
from .answer import AnswerReader
from .api import PrometheusApi, locate, seconds
from .exemplars import exemplar_frame, read_exemplars, sample
from .filters import matchers
from .health import check_health
from .layouts import Display, Layout
from .parameters import bind
from .promql import add_grouping, add_matchers, is_of_its_moment
from .query import PrometheusQuery
from .read_tasks import divide
from .resources import ResourceRoutes
from .result import Pieces, described, pieces
from .settings import PrometheusSettings
from .steps import Plan, plan
from .streams import long_parts, stream_of, wide_parts

T = TypeVar("T")

MOST_COLLECTED_BYTES = 256 * 1024 * 1024
"""Of each result of a stream that cannot be read in pieces."""


class PrometheusDataSource(ResourceRoutes, DataSource[PrometheusSettings, PrometheusQuery]):
    """One server. Opens its first connection with the first query."""

    def __init__(
        self, settings: PrometheusSettings, instance: DataSourceInstanceSettings, logger: Any = None
    ) -> None:
        super().__init__(settings, instance, logger)
        client_settings = HttpClientSettings.from_instance(instance)
        self._client = HttpClient(client_settings, user_agent=f"headwater-prometheus/{__version__}")
        self.api = PrometheusApi(self._client, settings)

    def query(self, query: PrometheusQuery, context: CallContext) -> Iterator[Frame]:
        """Frames of the range result, the instant result and the exemplars, whichever are asked for.

        In the layout `multi` series are yielded while the answer arrives, in bounded memory. What the
        server says of the whole answer (warnings, infos, statistics) stands on the result's first frame
        or, if the answer is too large to wait for its end, on the last.
        """
        planned = self._planned(query)
        return _located(query.expr, planned.expr, self._frames(query, planned, context))

    def query_chunked(self, query: PrometheusQuery, context: CallContext) -> Iterator[Frame] | FrameStream:
        """As `query`, in bounded memory in all layouts; but of several results each is collected.

        An answer in the layout `wide` that cannot be asked for in slices of time is collected, too. What is
        collected may take `MOST_COLLECTED_BYTES`, for a stream has no limit of its own.
        """
        layout = Layout(query.chosen_layout)
        if layout is Layout.MULTI:
            return self.query(query, context)
        if not query.is_one_range:
            return self._collected(query, context)
        planned = self._planned(query)
        if layout is Layout.WIDE and not is_of_its_moment(planned.expr):
            return self._collected(query, context)
        parts = self._parts(query, planned, context)
        return stream_of(_located(query.expr, planned.expr, parts), planned)

    def _collected(self, query: PrometheusQuery, context: CallContext) -> Iterator[Frame]:
        with context.with_limits(max_bytes=MOST_COLLECTED_BYTES) as bounded:
            yield from self.query(query, bounded)

    def partitions(
        self,
        query: PrometheusQuery,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        planned = self._planned(query)
        return divide(query, planned, target, filters, partial(self._ask_series, planned, context))

    def check_health(self, context: CallContext) -> CheckHealthResult:
        return check_health(self.api, context, verified=not self.settings.tls_skip_verify)

    def close(self) -> None:
        self._client.close()

    def _planned(self, query: PrometheusQuery) -> Plan:
        query.check()
        planned = plan(query, self.settings.time_interval)
        return evolve(planned, expr=_with_filters(bind(planned.expr, query.params), query))

    def _frames(self, query: PrometheusQuery, planned: Plan, context: CallContext) -> Iterator[Frame]:
        layout = Layout(query.chosen_layout)
        if query.wants_range:
            answer, display = self._ask_range(planned, context), _range_display(query, planned)
            yield from described(pieces(answer, display, layout, context), planned)
        if query.instant:
            answer = self.api.instant_query(planned.expr, time=planned.at, context=context)
            display = Display(planned.expr, query.legend_format, labels=query.label_columns)
            yield from described(pieces(answer, display, layout, context), planned)
        if query.exemplar and context.headers.get("FromAlert") != "true":
            yield self._exemplars(planned, layout, context)

    def _parts(self, query: PrometheusQuery, planned: Plan, context: CallContext) -> Pieces:
        """The range in rows of the same columns: `long` or `wide`."""
        display = _range_display(query, planned)
        ask_series = partial(self._ask_series, planned, context)
        if Layout(query.chosen_layout) is Layout.WIDE:
            return wide_parts(
                display, planned, ask_series, partial(self._ask_range, planned, context), context
            )
        lay_out = long_parts(display, ask_series, context)
        return pieces(self._ask_range(planned, context), display, Layout.LONG, context, lay_out)

    def _ask_range(
        self, planned: Plan, context: CallContext, first: int = 0, last: int | None = None
    ) -> AbstractContextManager[AnswerReader]:
        """The steps from `first` to `last`, counted from 0; by default all."""
        start = planned.start + first * planned.step
        end = planned.end if last is None else planned.start + last * planned.step
        return self.api.range_query(planned.expr, start=start, end=end, step=planned.step, context=context)

    def _ask_series(self, planned: Plan, context: CallContext) -> AbstractContextManager[AnswerReader]:
        if not planned.has_subquery:
            return self._ask_range(planned, context)
        return self.api.instant_query(planned.series_expr, time=planned.end, context=context)

    def _exemplars(self, planned: Plan, layout: Layout, context: CallContext) -> Frame:
        """Sampled for Grafana's graphs, all of them otherwise. Their failure does not fail the query."""
        params = [
            ("query", planned.expr),
            ("start", seconds(planned.start)),
            ("end", seconds(planned.end)),
        ]
        try:
            exemplars = read_exemplars(self.api.document("api/v1/query_exemplars", params, context))
        except PluginRequestCanceledError:
            raise
        except HeadwaterError as error:
            context.check()
            context.logger.warning("Exemplars could not be read.", error=str(error))
            return exemplar_frame([]).with_notice(Notice.warning(f"Exemplars could not be read: {error}"))
        return exemplar_frame(sample(exemplars, planned.step) if layout is Layout.MULTI else exemplars)


def _located(written: str, sent: str, items: Iterator[T]) -> Generator[T, None, None]:
    with located_errors(written, sent, locate):
        yield from items


def _range_display(query: PrometheusQuery, planned: Plan) -> Display:
    return Display(planned.expr, query.legend_format, planned.step, query.label_columns)


def _with_filters(expr: str, query: PrometheusQuery) -> str:
    return add_grouping(add_matchers(expr, matchers(query.scopes, query.adhoc_filters)), query.group_by_keys)
