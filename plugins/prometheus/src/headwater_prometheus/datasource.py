"""`PrometheusDataSource`: from a query to frames."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from itertools import chain
from typing import Any

import pyarrow as pa
from attrs import evolve

from headwater.calls import CallContext
from headwater.errors import HeadwaterError, LimitExceededError, PluginRequestCanceledError
from headwater.frames import FieldConfig, Frame, FrameMeta, Notice, Stat
from headwater.models import CheckHealthResult, DataSourceInstanceSettings
from headwater.sdk import DataSource, Filter, Partitions, located_errors
from headwater.sdk.http import HttpClient, HttpClientSettings

from . import __version__
from .answer import AnswerReader, AnswerTail, RowLimit, SeriesBlock, collect
from .api import PrometheusApi, locate, seconds
from .exemplars import exemplar_frame, read_exemplars, sample
from .filters import matchers
from .health import check_health
from .layouts import (
    Display,
    Layout,
    long_frame,
    multi_frames,
    scalar_frame,
    wide_frame,
)
from .parameters import bind
from .promql import add_grouping, add_matchers
from .query import PrometheusQuery
from .read_tasks import divide
from .resources import ResourceRoutes
from .settings import PrometheusSettings
from .steps import Plan, plan

_SERIES_BYTES = 256


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

    def partitions(
        self,
        query: PrometheusQuery,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        def instant(expr: str, time: int) -> AbstractContextManager[AnswerReader]:
            return self.api.instant_query(expr, time=time, context=context)

        return divide(query, self._planned(query), target, filters, instant)

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
            display = Display(planned.expr, query.legend_format, planned.step, query.label_columns)
            answer = self.api.range_query(
                planned.expr, start=planned.start, end=planned.end, step=planned.step, context=context
            )
            yield from _described(_result(answer, display, layout, context), planned)
        if query.instant:
            display = Display(planned.expr, query.legend_format, labels=query.label_columns)
            answer = self.api.instant_query(planned.expr, time=planned.at, context=context)
            yield from _described(_result(answer, display, layout, context), planned)
        if query.exemplar and context.headers.get("FromAlert") != "true":
            yield self._exemplars(planned, layout, context)

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


def _located(written: str, sent: str, frames: Iterator[Frame]) -> Iterator[Frame]:
    with located_errors(written, sent, locate):
        yield from frames


def _with_filters(expr: str, query: PrometheusQuery) -> str:
    return add_grouping(add_matchers(expr, matchers(query.scopes, query.adhoc_filters)), query.group_by_keys)


def _result(
    answer: AbstractContextManager[AnswerReader],
    display: Display,
    layout: Layout,
    context: CallContext,
) -> Generator[tuple[Frame, AnswerTail | None], None, None]:
    """Frames in order; the tail comes with the first frame if it is known by then, else with the last."""
    limits = context.limits
    row_limit = RowLimit(limits.max_rows)
    with answer as reader:
        blocks = _watched(row_limit.apply(reader.blocks()), context)
        if layout is Layout.MULTI:
            frames = chain.from_iterable(multi_frames(block, display) for block in blocks)
        else:
            block = collect(blocks)
            frames = chain([_laid_out(block, display, layout, context)] if block.metrics else [])
        held = next(frames, None)
        if held is None:
            yield _without_series(reader.tail, display, layout, context), _tail(reader, row_limit)
        elif reader.tail.result_type or layout is not Layout.MULTI:
            yield held, _tail(reader, row_limit)
            yield from ((frame, None) for frame in frames)
        else:
            for frame in frames:
                yield held, None
                held = frame
            yield held, _tail(reader, row_limit)


def _tail(reader: AnswerReader, row_limit: RowLimit) -> AnswerTail:
    if not row_limit.reached:
        return reader.tail
    cut = f"Results have been limited to {row_limit.max_rows} samples because the row limit was reached"
    return evolve(reader.tail, warnings=(*reader.tail.warnings, cut))


def _watched(blocks: Iterable[SeriesBlock], context: CallContext) -> Iterator[SeriesBlock]:
    """`blocks`, reported as progress, and refused when they outgrow the byte limit."""
    limit = context.limits.max_bytes
    rows = series = size = 0
    labels: set[str] = set()
    for block in blocks:
        rows += block.num_rows
        labels.update(*block.metrics)
        size += block.times.nbytes + block.values.nbytes + _label_bytes(block)
        context.report_progress(rows=rows, bytes=size)
        series += len(block.metrics)
        if limit is not None and size + 4 * len(labels) * max(rows, series) > limit:
            raise LimitExceededError(
                f"The answer takes more than {limit} bytes as a frame, the byte limit. "
                "Use a larger step, a shorter range or an aggregation."
            )
        yield block


def _label_bytes(block: SeriesBlock) -> int:
    """What the labels take as Python holds them, about."""
    texts = chain.from_iterable(metric.values() for metric in block.metrics)
    return _SERIES_BYTES * len(block.metrics) + sum(map(len, texts))


def _laid_out(block: SeriesBlock, display: Display, layout: Layout, context: CallContext) -> Frame:
    if layout is Layout.WIDE:
        return wide_frame(block, display, context.check, max_bytes=context.limits.max_bytes)
    return long_frame(block, display, context.check)


def _without_series(tail: AnswerTail, display: Display, layout: Layout, context: CallContext) -> Frame:
    """A scalar, a text, or no data: in `multi` a frame with a type and no fields, else no rows."""
    if tail.scalar is not None:
        return scalar_frame(*tail.scalar, tail.result_type, display, layout)
    nothing = SeriesBlock.empty(is_vector=tail.result_type == "vector")
    if layout is Layout.MULTI:
        return Frame(pa.table({}), meta=display.meta(layout, is_vector=nothing.is_vector))
    return _laid_out(nothing, display, layout, context)


def _described(
    frames: Generator[tuple[Frame, AnswerTail | None], None, None], planned: Plan
) -> Iterator[Frame]:
    """`frames` with the executed query on the first, and with what the server said of the answer."""
    first = True
    with closing(frames):
        for frame, tail in frames:
            meta = frame.meta or FrameMeta()
            if first:
                meta = _with_plan(meta, planned)
                first = False
            if tail is not None:
                meta = _with_reports(meta, tail)
            yield frame if meta is frame.meta else frame.with_(meta=meta)


def _with_plan(meta: FrameMeta, planned: Plan) -> FrameMeta:
    return evolve(
        meta,
        executed_query_string=planned.executed_query,
        custom={**meta.custom, "calculatedMinStep": planned.step},
    )


def _with_reports(meta: FrameMeta, tail: AnswerTail) -> FrameMeta:
    notices = (*map(Notice.warning, tail.warnings), *map(Notice.info, tail.infos))
    if tail.stats is None:
        return evolve(meta, notices=notices) if notices else meta
    samples = tail.stats.get("samples", {}) if isinstance(tail.stats, dict) else {}
    total = samples.get("totalQueryableSamples")
    named = FieldConfig(display_name="Total queryable samples")
    return evolve(
        meta,
        notices=notices,
        custom={**meta.custom, "stats": tail.stats},
        stats=(Stat(float(total), named),) if isinstance(total, int | float) else (),
    )
