"""Named queries as statements: `{"namedQuery": "revenue", "parameters": {"region": "south"}}`.

Who may run one needs no right to its data source. Beside the id stands what a run over HTTP takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
from attrs import evolve, frozen

from headwater.errors import ReadTaskError, ValidationError
from headwater.queries.named import NamedQuery, ParameterType, PreparedQuery

from .access import Call, Run
from .errors import refused

NAMED_QUERY: Final = "namedQuery"
_PARAMETERS: Final = "parameters"
_TYPES: Final = {
    ParameterType.INTEGER: pa.int64(),
    ParameterType.NUMBER: pa.float64(),
    ParameterType.BOOLEAN: pa.bool_(),
    ParameterType.TIME: pa.timestamp("us", "UTC"),
    ParameterType.DURATION: pa.duration("us"),
}
"""All others are text."""


@frozen
class NamedStatement:
    """A run of the named query `id` as it was in its `version`; `run` is what `POST /api/queries/ID/run`
    takes. No value in it is bound yet: the query's own definition says what each may be."""

    id: str
    version: int
    run: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {NAMED_QUERY: self.id, "version": self.version, "run": self.run}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> NamedStatement:
        """From what a ticket holds."""
        return cls(content[NAMED_QUERY], content["version"], content["run"])

    def with_parameters(self, named: NamedQuery, row: list[Any] | dict[str, Any]) -> NamedStatement:
        """With the values of `row`, by name or in the order in which `named` lists its parameters."""
        if isinstance(row, list):
            if len(row) > len(named.parameters):
                raise refused(
                    f"The named query {self.id!r} has {len(named.parameters)} parameters, not {len(row)}.",
                    "flight.parameters",
                )
            names = [parameter.name for parameter in named.parameters]
            row = dict(zip(names, row, strict=False))
        values = {**self.run.get(_PARAMETERS, {}), **json.loads(json.dumps(row, default=_as_text))}
        return evolve(self, run={**self.run, _PARAMETERS: values})


def plan_run(call: Call, given: Mapping[str, Any], options: Mapping[str, str]) -> NamedStatement:
    """The statement of an object with `namedQuery`; its time range may come from the connection.

    Raises PermissionDeniedError, NamedQueryNotFoundError, ValidationError.
    """
    id_ = given[NAMED_QUERY]
    if not isinstance(id_, str):
        raise refused(f"{NAMED_QUERY} is the id of a named query, which is text.")
    named = call.run_of(id_).named
    if not isinstance(given.get(_PARAMETERS, {}), dict):
        raise ValidationError("expected an object", path=_PARAMETERS)
    range_ = {name: options[name] for name in ("from", "to") if name in options}
    run = {**range_, **{key: value for key, value in given.items() if key != NAMED_QUERY}}
    return NamedStatement(id_, named.version, run)


def begin(call: Call, statement: NamedStatement) -> tuple[Run, PreparedQuery]:
    """What runs `statement`, with its values bound.

    Raises ReadTaskError for a named query that has changed; ValidationError for a value.
    """
    run = find_run(call, statement)
    return run, run.prepare(statement.run, call.context)


def find_run(call: Call, statement: NamedStatement) -> Run:
    """Raises ReadTaskError for a named query that has changed since the statement was planned."""
    run = call.run_of(statement.id)
    if run.named.version != statement.version:
        run = call.run_of(statement.id, fresh=True)  # another host may have changed it
    if run.named.version != statement.version:
        raise ReadTaskError(
            f"The named query {statement.id!r} has been changed since the statement was planned "
            f"(version {run.named.version}, then {statement.version}): plan it anew."
        )
    return run


def pinned(call: Call, statement: NamedStatement) -> NamedStatement:
    """`statement` with all its values, and with moments in place of relative times: read twice, it asks for
    the same. Raises as `begin`."""
    _, prepared = begin(call, statement)
    time_range = prepared.query.query.time_range
    values = json.loads(json.dumps(prepared.values, default=_as_text))
    pins = {_PARAMETERS: values, "from": time_range.from_ms, "to": time_range.to_ms}
    return evolve(statement, run={**statement.run, **pins})


def parameter_schema(named: NamedQuery) -> pa.Schema:
    """The types of what a client binds. What has a default may stay away."""
    return pa.schema(
        [
            pa.field(
                each.name,
                pa.list_(_TYPES.get(each.type, pa.string()))
                if each.is_list
                else _TYPES.get(each.type, pa.string()),
                nullable=not each.required,
            )
            for each in named.parameters
        ]
    )


def _as_text(value: object) -> str | float:
    """A value of a client's as JSON, and as parameters are read, has it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return str(value)
    raise refused(f"No parameter of a named query takes {type(value).__name__}.", "flight.parameters")
