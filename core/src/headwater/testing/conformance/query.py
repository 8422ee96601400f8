"""Queries: schemas, values, types, limits."""

from __future__ import annotations

import pyarrow as pa

from headwater.host import Headwater

from .base import ConformanceBase


class QueryChecks(ConformanceBase):
    def test_the_same_query_has_the_same_answer(self, headwater: Headwater, source: str) -> None:
        first = self.ask(headwater, source, self.probes.simple)
        assert sum(frame.num_rows for frame in first) > 0
        assert self.ask(headwater, source, self.probes.simple) == first

    def test_frames_carry_their_querys_ref_id(self, headwater: Headwater, source: str) -> None:
        assert all(frame.ref_id == "A" for frame in self.ask(headwater, source, self.probes.simple))

    def test_an_empty_answer_keeps_its_schema(self, headwater: Headwater, source: str) -> None:
        frames = self.ask(headwater, source, self.optional_probe("empty"))
        assert all(frame.num_rows == 0 for frame in frames)
        assert any(frame.num_columns for frame in frames)

    def test_every_type_keeps_its_values(self, headwater: Headwater, source: str) -> None:
        for probe in self.optional_probe("types"):
            column = self.ask_one(headwater, source, probe.query).table.column(0)
            assert column.type == probe.type, f"{probe.name}: {column.type} instead of {probe.type}"
            assert column.to_pylist() == pa.array(probe.values, probe.type).to_pylist(), probe.name

    def test_text_of_every_script_arrives_unchanged(self, headwater: Headwater, source: str) -> None:
        make = self.optional_probe("text")
        for text in ("", "Zürich", "日本語", "🦆", "a\tb\nc", "'\"`\\"):
            column = self.ask_one(headwater, source, make(text)).table.column(0)
            assert column.to_pylist() == [text]

    def test_two_columns_of_one_name_are_both_there(self, headwater: Headwater, source: str) -> None:
        names = self.ask_one(headwater, source, self.optional_probe("duplicate_columns")).schema.names
        assert len(names) > len(set(names))

    def test_a_row_limit_cuts_with_a_notice(self, headwater: Headwater, source: str) -> None:
        self.need("row_limit")
        frame = self.ask_one(headwater, source, self.probes.rows(50), max_rows=20)
        assert frame.num_rows == 20
        assert any("limited" in notice.text for notice in frame.notices)

    def test_an_answer_of_exactly_the_limit_has_no_notice(self, headwater: Headwater, source: str) -> None:
        self.need("row_limit")
        frame = self.ask_one(headwater, source, self.probes.rows(20), max_rows=20)
        assert frame.num_rows == 20
        assert not frame.notices
