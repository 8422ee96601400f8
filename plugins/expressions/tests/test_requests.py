"""Expressions that need each other, and what they are given."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from headwater import CallContext
from headwater.errors import DownstreamServerError, QueryCanceledError, ValidationError
from headwater.frames import Frame, FrameMeta, FrameType, Notice

from .conftest import Request, number, series, values


def math(expression: str) -> dict[str, Any]:
    return {"type": "math", "expression": expression}


def errors(answer: Any) -> dict[str, str]:
    return {ref_id: str(each.error) for ref_id, each in answer.items() if each.error is not None}


def test_order_is_that_of_need() -> None:
    answer = Request(A=number(1)).answer(D=math("$C * 2"), C=math("$B + 1"), B=math("$A + 1"))
    assert {ref_id: values(each.frames) for ref_id, each in answer.items()} == {"D": [6], "C": [3], "B": [2]}


def test_a_circle_is_the_error_of_its_members() -> None:
    answer = Request(A=number(1)).answer(
        X=math("$Y"), Y=math("$Z + $A"), Z=math("$X"), W=math("$X + 1"), Q=math("$A")
    )
    assert errors(answer) == {
        "X": "expressions refer to each other in a circle (cyclic components): X -> Y -> Z -> X",
        "Y": "expressions refer to each other in a circle (cyclic components): Y -> Z -> X -> Y",
        "Z": "expressions refer to each other in a circle (cyclic components): Z -> X -> Y -> Z",
        "W": "did not execute expression [W] due to a failure of the dependent expression or query [X]",
    }
    assert values(answer["Q"].frames) == [1]


def test_missing_and_own_ref_ids() -> None:
    answer = Request().answer(A=math("$A + 1"), B=math("$C"), D=math("$B"), Q=math("1"))
    assert errors(answer) == {
        "A": "expression 'A' cannot reference itself. Must be query or another expression",
        "B": "expression [B]: unable to find dependent node 'C'",
        "D": "did not execute expression [D] due to a failure of the dependent expression or query [B]",
    }
    assert answer["B"].status == 400


def test_a_failed_input_fails_what_needs_it() -> None:
    request = Request(A=DownstreamServerError("the server is down"), B=number(1))
    answer = request.answer(C=math("$A"), D=math("$C"), Q=math("$B"))
    failed = "did not execute expression [{}] due to a failure of the dependent expression or query [{}]"
    assert errors(answer) == {"C": failed.format("C", "A"), "D": failed.format("D", "C")}
    assert values(answer["Q"].frames) == [1]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "type: is required"),
        ({"type": "fourier"}, "type: expected one of"),
        ({"type": "math", "expression": 1}, "expression: expected text"),
        ({"type": "threshold", "conditions": [{}]}, r"conditions\[0\].evaluator: is required"),
    ],
)
def test_malformed_expressions(query: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Request().frames(**query)


def test_notices_of_inputs_are_kept() -> None:
    cut = series({1: 1}).with_notice(Notice.warning("Results have been limited to 1"))
    answer = Request(A=cut).answer(
        B=math("$A * 2"), C={"type": "reduce", "expression": "B", "reducer": "mean"},
        D={"type": "sql", "expression": "SELECT * FROM A"},
    )  # fmt: skip
    for ref_id in "BCD":
        assert [notice.text for notice in answer[ref_id].frames[0].notices] == [
            "Results have been limited to 1"
        ]


def test_a_cancelled_call_ends_every_expression() -> None:
    context = CallContext()
    context.cancel()
    answer = Request(A=number(1)).answer(context, Q=math("$A"))
    assert isinstance(answer["Q"].error, QueryCanceledError)


class TestInputs:
    """Which frames are series, and which are numbers."""

    def test_a_wide_frame_is_a_series_for_each_column(self) -> None:
        wide = Frame.from_pydict(
            {"time": pa.array([1000, 2000], pa.timestamp("ms")), "a": [1, 2], "b": [3.5, None]},
            labels={"a": {"host": "a"}},
        )
        assert Request(A=wide).math("$A * 2") == [({1: 2, 2: 4}, {"host": "a"}), {1: 7, 2: None}]

    def test_series_are_in_the_order_of_their_times(self) -> None:
        times = pa.array([3000, 1000, 2000], pa.timestamp("ms"))
        latest_first = Frame.from_pydict({"time": times, "a": [3.0, 1.0, None], "b": [30, 10, 20]})
        answer = Request(A=latest_first).answer(
            L={"type": "reduce", "expression": "A", "reducer": "last"}, M=math("$A + 0")
        )
        assert values(answer["L"].frames) == [3, 30]
        assert values(answer["M"].frames) == [{1: 1, 2: None, 3: 3}, {1: 10, 2: 20, 3: 30}]
        assert list(values(answer["M"].frames)[0]) == [1, 2, 3]

    def test_true_and_false_over_time_are_a_series(self) -> None:
        up = Frame.from_pydict({"time": pa.array([1000, 2000], pa.timestamp("ms")), "up": [True, False]})
        assert Request(A=up).math("$A + 0") == [{1: 1, 2: 0}]

    def test_a_long_frame_is_a_series_for_each_set_of_texts(self) -> None:
        long = Frame.from_pydict(
            {
                "time": pa.array([1000, 1000, 2000], pa.timestamp("ms")),
                "host": ["a", "b", "a"],
                "value": pa.array([1, 2, 3], pa.decimal128(5, 1)),
            }
        )
        assert Request(A=long).math("$A + 0") == [({1: 1, 2: 3}, {"host": "a"}), ({1: 2}, {"host": "b"})]

    def test_a_table_of_texts_and_one_number_is_numbers(self) -> None:
        table = Frame.from_pydict({"Loc": ["MIA", "NYC"], "Host": ["A", "B"], "Avg_CPU": [1, 2]})
        assert Request(A=table).math("$A * 10") == [
            (10, {"Host": "A", "Loc": "MIA"}),
            (20, {"Host": "B", "Loc": "NYC"}),
        ]

    def test_a_declared_numeric_table(self) -> None:
        meta = FrameMeta(type=FrameType.NUMERIC_LONG, type_version=(0, 1))
        table = Frame.from_pydict({"host": ["a", "b"], "cpu": [1.0, None]}, meta=meta)
        assert Request(A=table).math("$A") == [(1, {"host": "a"}), (None, {"host": "b"})]

    def test_frames_without_rows_are_no_data(self) -> None:
        empty = series({}).slice(0, 0)
        (frame,) = Request(A=empty).frames(type="math", expression="$A + 1")
        assert frame.name == "no data"

    @pytest.mark.parametrize(
        "frame",
        [
            Frame.from_pydict({"text": ["a", "b"]}),
            Frame.from_pydict({"a": [1, 2], "b": [3, 4]}),
            Frame.from_pydict({"l": [[1], [2]], "a": [3, 4]}),
            Frame.from_pydict({"time": pa.array([1], pa.timestamp("ms")), "text": ["a"], "up": [True]}),
        ],
    )
    def test_other_tables_are_refused(self, frame: Frame) -> None:
        answer = Request(A=frame).answer(Q=math("$A"))
        assert str(answer["Q"].error).startswith("[A] got error: input data must be a wide series")

    def test_times_that_nanoseconds_cannot_hold_are_refused(self) -> None:
        far = Frame.from_pydict({"time": pa.array([10**15], pa.timestamp("s")), "value": [1]})
        assert str(Request(A=far).answer(Q=math("$A"))["Q"].error).startswith("[A] got error: ")

    def test_sql_may_be_the_input_of_math(self) -> None:
        answer = Request().answer(
            S={"type": "sql", "expression": "SELECT 'a' AS host, 4 AS cpu"}, Q=math("$S / 2")
        )
        assert values(answer["Q"].frames) == [(2, {"host": "a"})]
