"""Queries: schemas, values, types, limits."""

from __future__ import annotations

import warnings

import pyarrow as pa

from headwater.host import Headwater

from .base import ConformanceBase
from .mending import mend


class QueryChecks(ConformanceBase):
    @mend("source.query", "answer alike each time; if the data itself changes, choose another probes.simple")
    def test_the_same_query_has_the_same_answer(self, headwater: Headwater, source: str) -> None:
        first = self.ask(headwater, source, self.probes.simple)
        assert sum(frame.num_rows for frame in first) > 0, "probes.simple gave no row"
        again = self.ask(headwater, source, self.probes.simple)
        assert again == first, "probes.simple gave another answer the second time"

    @mend("plugin.query_data", "leave the ref id to the SDK, or set it to that of the query")
    def test_frames_carry_their_querys_ref_id(self, headwater: Headwater, source: str) -> None:
        ref_ids = {frame.ref_id for frame in self.ask(headwater, source, self.probes.simple)}
        assert ref_ids == {"A"}, f"The frames of query A have the ref ids {sorted(ref_ids)}"

    @mend(
        "source.query",
        "take the columns and their types from the driver's description, which is there without rows",
    )
    def test_an_empty_answer_keeps_its_schema(self, headwater: Headwater, source: str) -> None:
        frames = self.ask(headwater, source, self.optional_probe("empty"))
        assert all(frame.num_rows == 0 for frame in frames), "probes.empty gave rows"
        assert any(frame.num_columns for frame in frames), "An answer without rows has no columns"

    @mend("source.query", "map this type of the source to that Arrow type")
    def test_every_type_keeps_its_values(self, headwater: Headwater, source: str) -> None:
        for probe in self.optional_probe("types"):
            column = self.ask_one(headwater, source, probe.query).table.column(0)
            assert column.type == probe.type, (
                f"{probe.name} has the type {column.type} instead of {probe.type}"
            )
            expected = pa.array(probe.values, probe.type).to_pylist()
            assert column.to_pylist() == expected, (
                f"{probe.name} has the values {column.to_pylist()!r} instead of {expected!r}"
            )

    @mend("source.query", "have the driver speak UTF-8, and quote texts as the source does")
    def test_text_of_every_script_arrives_unchanged(self, headwater: Headwater, source: str) -> None:
        make = self.optional_probe("text")
        for text in ("", "Zürich", "日本語", "🦆", "a\tb\nc", "'\"`\\"):
            column = self.ask_one(headwater, source, make(text)).table.column(0)
            assert column.to_pylist() == [text], f"The text {text!r} arrived as {column.to_pylist()!r}"

    @mend("source.query", "build the table from a list of arrays and their names, not from a dictionary")
    def test_two_columns_of_one_name_are_both_there(self, headwater: Headwater, source: str) -> None:
        names = self.ask_one(headwater, source, self.optional_probe("duplicate_columns")).schema.names
        assert len(names) > len(set(names)), f"Two columns of one name became {names}"

    @mend(
        "source.query",
        "return a FrameStream, which the SDK cuts with a notice; a cut of your own needs one, too",
    )
    def test_a_row_limit_cuts_with_a_notice(self, headwater: Headwater, source: str) -> None:
        self.need("row_limit")
        frame = self.ask_one(headwater, source, self.probes.rows(50), max_rows=20)
        assert frame.num_rows == 20, f"Of probes.rows(50) with max_rows=20 came {frame.num_rows} rows"
        assert any("limited" in notice.text for notice in frame.notices), "Rows are missing without a notice"

    @mend("source.query", "say that rows are missing only after one more was seen")
    def test_an_answer_of_exactly_the_limit_has_no_notice(self, headwater: Headwater, source: str) -> None:
        self.need("row_limit")
        frame = self.ask_one(headwater, source, self.probes.rows(20), max_rows=20)
        assert frame.num_rows == 20, f"Of probes.rows(20) with max_rows=20 came {frame.num_rows} rows"
        assert not frame.notices, f"A whole answer has the notice {frame.notices[0].text!r}"

    @mend(
        "source.query",
        "call the driver as its present version asks, or add the warning to your filterwarnings",
        about_warnings=True,
    )
    def test_a_query_raises_no_warning(self, headwater: Headwater, source: str) -> None:
        """Where the suite's filters make warnings errors; the other checks let a driver warn."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.ask(headwater, source, self.probes.simple)
            with self.stream(headwater, source, self.probes.rows(10)) as stream:
                next(stream)
        for each in caught:
            try:
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
            except Warning as warning:
                raise AssertionError(
                    f"{each.filename}:{each.lineno} gives a {each.category.__name__}: {each.message}"
                ) from warning
