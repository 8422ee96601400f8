"""The expressions of one request, in the order in which they need each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import frozen

from headwater.calls import CallContext
from headwater.frames import Frame, Notice, decode_frame, parse_duration
from headwater.models import DataQuery, DataResponse, QueryDataRequest
from headwater.sdk import parse

from . import errors, math
from .classic import classic
from .inputs import results_of
from .outputs import frames_of
from .query import ExpressionQuery
from .reduce import reduce
from .resample import resample
from .threshold import Hysteresis, condition, threshold
from .values import Results

if TYPE_CHECKING:
    from . import sql

__all__ = ["evaluate"]

_BYTES_OF_A_POINT = 16
_NO_BOUND = 1 << 62


@frozen
class _Outcome:
    """What a ref id has come to: frames, and their values where those are known already."""

    response: DataResponse
    results: Results | None = None


@frozen
class _Step:
    """One expression, ready to run: what it needs, and what makes its outcome of that."""

    needs: tuple[str, ...]
    run: Callable[[], _Outcome]


def evaluate(request: QueryDataRequest, context: CallContext) -> dict[str, DataResponse]:
    """An outcome for each query of `request`. An expression that fails fails those that need it, no other."""
    with ExitStack() as resources:
        return _Evaluation(request, context, resources).run()


class _Evaluation:
    def __init__(self, request: QueryDataRequest, context: CallContext, resources: ExitStack) -> None:
        self._request = request
        self._resources = resources  # ends with the request
        self._context = context
        self._outcomes = {ref_id: _Outcome(response) for ref_id, response in request.inputs.items()}
        most = context.limits.max_bytes
        self._max_cells = _NO_BOUND if most is None else most // _BYTES_OF_A_POINT

    def run(self) -> dict[str, DataResponse]:
        steps: dict[str, _Step] = {}
        for query in self._request.queries:
            try:
                steps[query.ref_id] = self._step(query)
            except Exception as error:
                self._fail(query.ref_id, error)
        self._check_inputs(steps)
        while ready := [ref_id for ref_id, step in steps.items() if not steps.keys() & step.needs]:
            for ref_id in ready:
                self._run_step(ref_id, steps.pop(ref_id))
        self._fail_circles(steps)
        return {query.ref_id: self._outcomes[query.ref_id].response for query in self._request.queries}

    def _step(self, query: DataQuery) -> _Step:
        expression = parse(ExpressionQuery, query.json, ignore_unknown=True, injected={"data_query": query})
        return _MAKERS[expression.type](self, expression)

    def _check_inputs(self, steps: dict[str, _Step]) -> None:
        known = self._outcomes.keys() | steps.keys()
        for ref_id, step in tuple(steps.items()):
            unknown = [needed for needed in step.needs if needed not in known]
            if ref_id in step.needs:
                self._fail(ref_id, errors.self_reference(ref_id))
            elif unknown:
                self._fail(ref_id, errors.missing(ref_id, unknown[0]))
            else:
                continue
            del steps[ref_id]

    def _run_step(self, ref_id: str, step: _Step) -> None:
        for needed in step.needs:
            if (error := self._outcomes[needed].response.error) is not None:
                self._fail(ref_id, errors.dependency_failed(ref_id, needed, error))
                return
        try:
            self._context.check()
            self._outcomes[ref_id] = step.run()
        except Exception as error:
            self._fail(ref_id, error)

    def _fail_circles(self, steps: Mapping[str, _Step]) -> None:
        """What is left needs itself by way of others, or needs such an expression."""
        circles = [circle for ref_id in steps if (circle := _circle(ref_id, steps))]
        for circle in circles:
            self._fail(circle[0], errors.cyclic(circle))
        for ref_id, step in steps.items():
            if ref_id not in self._outcomes:
                needed = next(each for each in step.needs if each in steps)
                self._fail(ref_id, errors.dependency_failed(ref_id, needed, None))

    def _fail(self, ref_id: str, error: Exception) -> None:
        explained = self._context.explain(error, ref_id=ref_id)
        self._outcomes[ref_id] = _Outcome(DataResponse.from_error(explained))

    def _results(self, ref_id: str) -> Results:
        outcome = self._outcomes[ref_id]
        if outcome.results is None:
            outcome = _Outcome(outcome.response, results_of(ref_id, outcome.response.frames))
            self._outcomes[ref_id] = outcome
        assert outcome.results is not None
        return outcome.results

    # --- kinds of expressions ----------------------------------------------------------------------

    def _math(self, query: ExpressionQuery) -> _Step:
        formula = math.parse(_text(query))

        def run() -> _Outcome:
            variables = {name: self._results(name) for name in formula.variables}
            return self._computed(
                query, math.evaluate(formula.root, variables, self._max_cells, self._context.check)
            )

        return _Step(formula.variables, run)

    def _reduce(self, query: ExpressionQuery) -> _Step:
        settings = query.settings
        return self._of_input(
            query,
            lambda given: reduce(given, query.reducer, settings.mode, settings.replace_with_value),
        )

    def _resample(self, query: ExpressionQuery) -> _Step:
        window_ms = parse_duration(query.window).total_seconds() * 1000
        return self._of_input(
            query,
            lambda given: resample(
                given, query.time_range, window_ms, query.downsampler, query.upsampler, self._max_cells
            ),
        )

    def _threshold(self, query: ExpressionQuery) -> _Step:
        if len(query.conditions) != 1:
            raise errors.invalid("threshold expression requires exactly one condition")
        given = query.conditions[0]
        load = condition(given.evaluator.type, given.evaluator.params)
        hysteresis = None
        if given.unload_evaluator is not None:
            unload = condition(given.unload_evaluator.type, given.unload_evaluator.params)
            hysteresis = Hysteresis(unload, _fingerprints(given.loaded_dimensions))
        return self._of_input(query, lambda results: threshold(results, load, hysteresis))

    def _classic(self, query: ExpressionQuery) -> _Step:
        for each in query.conditions:
            if not each.query.params:
                raise errors.invalid("a classic condition needs the ref id of its query")
        needs = tuple(dict.fromkeys(each.query.params[0] for each in query.conditions))

        def run() -> _Outcome:
            if any(name not in self._request.inputs for name in needs):
                raise errors.invalid("only data source queries may be inputs to a classic condition")
            results, matches = classic(query.conditions, {name: self._results(name) for name in needs})
            return self._computed(query, results, custom=[match.to_json() for match in matches] or None)

        return _Step(needs, run)

    @cached_property
    def _engine(self) -> sql.Engine:
        """For one statement after the other: a database and its threads cost more than most of them."""
        from .sql import Engine

        return self._resources.enter_context(Engine())

    def _sql(self, query: ExpressionQuery) -> _Step:
        from . import sql

        engine = self._engine
        statement = engine.parse(_text(query))
        needs = [self._ref_id(table) for table in statement.tables]

        def run() -> _Outcome:
            tables = {
                index: sql.table_of(name, self._outcomes[name].response.frames)
                for index, name in enumerate(needs)
            }
            if statement.explain:
                plan = engine.explain(statement, tables, self._context, parameters=query.params)
                return _Outcome(DataResponse((Frame.from_pydict({"plan": [plan]}, ref_id=query.ref_id),)))
            limits = self._context.limits
            with engine.run(
                statement, tables, self._context, ref_id=query.ref_id, parameters=query.params
            ) as stream:
                frame = stream.collect(limits.max_rows, limits.max_bytes)
            return _Outcome(DataResponse((frame.with_notice(*self._notices(needs)),)))

        return _Step(tuple(dict.fromkeys(needs)), run)

    def _ref_id(self, table: sql.TableRef) -> str:
        """The ref id that a statement's table means; SQL does not tell upper from lower case."""
        if table.arguments is not None or len(table.path) > 1:
            raise errors.sql_failed(
                f"{table.name} is no table here; select from the queries of this request by their ref ids."
            )
        known = [*self._request.inputs, *(query.ref_id for query in self._request.queries)]
        alike = [ref_id for ref_id in known if ref_id.lower() == table.name.lower()]
        return alike[0] if len(alike) == 1 and table.name not in known else table.name

    def _notices(self, ref_ids: Sequence[str]) -> Iterable[Notice]:
        return dict.fromkeys(
            notice
            for ref_id in ref_ids
            for frame in self._outcomes[ref_id].response.frames
            for notice in frame.notices
        )

    def _of_input(self, query: ExpressionQuery, function: Callable[[Results], Results]) -> _Step:
        """An expression with one input; without data there is none to compute."""
        name = query.input
        if not name:
            raise errors.invalid(f"expression [{query.ref_id}] needs the ref id of its input")
        return _Step((name,), lambda: self._computed(query, function(self._results(name))))

    def _computed(self, query: ExpressionQuery, results: Results, custom: Any = None) -> _Outcome:
        return _Outcome(DataResponse(frames_of(results, query.ref_id, custom)), results)


_MAKERS: Mapping[str, Callable[[_Evaluation, ExpressionQuery], _Step]] = {
    "math": _Evaluation._math,
    "reduce": _Evaluation._reduce,
    "resample": _Evaluation._resample,
    "threshold": _Evaluation._threshold,
    "classic_conditions": _Evaluation._classic,
    "sql": _Evaluation._sql,
}


def _text(query: ExpressionQuery) -> str:
    if not query.expression.strip():
        raise errors.invalid(f"expression [{query.ref_id}] is empty")
    return query.expression


def _circle(start: str, steps: Mapping[str, _Step]) -> list[str]:
    """The way from `start` back to it; empty if there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for needed in steps[way[-1]].needs:
            if needed == start:
                return [*way, start]
            if needed in steps and needed not in seen:
                seen.add(needed)
                ways.append([*way, needed])
    return []


def _fingerprints(frame: Mapping[str, Any] | None) -> frozenset[int]:
    """The fingerprints in a frame of type `fingerprints`, as Grafana's alerting sends it."""
    if frame is None:
        return frozenset()
    decoded: Frame = decode_frame(json.dumps(frame))
    columns: Sequence[Any] = decoded.table.columns
    return frozenset(value for column in columns for value in column.to_pylist() if value is not None)
