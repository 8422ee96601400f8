"""An answer that a limit cut says so; one that nobody asked to cut also warns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headwater import CallContext, Headwater, QueryLimits
from headwater.errors import TruncatedResultWarning

QUERY = {"scenario": "streaming_rows", "rows": 1_000_001, "batchRows": 500_000}


@pytest.fixture
def headwater() -> Iterator[Headwater]:
    with Headwater(allow_plugins=["testdata"]) as host:
        host.add_data_source("demo", type="testdata")
        yield host


@pytest.mark.parametrize("method", ["query", "query_frames"])
def test_a_cut_by_a_default_limit_warns_the_caller(headwater: Headwater, method: str) -> None:
    with pytest.warns(TruncatedResultWarning, match="cut at 1,000,000 rows by a default limit") as caught:
        answer = getattr(headwater, method)("demo", QUERY)
    assert caught[0].filename == __file__
    frame = answer if method == "query" else answer[0]
    assert frame.truncated


def test_a_limit_that_the_caller_set_cuts_without_a_warning(headwater: Headwater) -> None:
    frame = headwater.query("demo", QUERY, max_rows=10)
    assert (frame.num_rows, frame.truncated) == (10, True)


def test_a_limit_of_the_callers_context_cuts_without_a_warning(headwater: Headwater) -> None:
    frame = headwater.query("demo", QUERY, context=CallContext(limits=QueryLimits(max_rows=10)))
    assert (frame.num_rows, frame.truncated) == (10, True)


def test_a_whole_answer_is_not_truncated(headwater: Headwater) -> None:
    frame = headwater.query("demo", QUERY, max_rows=None)
    assert (frame.num_rows, frame.truncated) == (1_000_001, False)
