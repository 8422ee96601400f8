"""Grafana's own client library, run in node, sees in our JSON what Python wrote."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.frames import (
    EnumConfig,
    Field,
    FieldConfig,
    Frame,
    FrameMeta,
    FrameType,
    Notice,
    Threshold,
    Thresholds,
    TypeConfig,
    encode_frame,
    encode_response,
    long_to_multi,
    long_to_wide,
)
from headwater.models import DataResponse, QueryDataResponse
from servers.process import cache_directory, find_program, unavailable

HERE = Path(__file__).parent
INSTALL_SECONDS = 300
UNDEFINED = {"special": "undefined"}


@pytest.fixture(scope="session")
def client() -> Path:
    """A folder where `require('@grafana/data')` works; installed once and kept in the cache."""
    node, npm = find_program("node"), find_program("npm")
    if node is None or npm is None or not can_require_modules(node):
        unavailable("node 20.19, 22.12 or newer and npm are needed to run Grafana's client library")
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]["@grafana/data"]
    folder = cache_directory(f"grafana-data-{wanted}")
    if not (folder / "complete").exists():
        shutil.copy(HERE / "package.json", folder)
        install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
        try:
            subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=INSTALL_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            unavailable(f"@grafana/data could not be installed: {error}")
        (folder / "complete").touch()
    shutil.copy(HERE / "read_frames.cjs", folder)
    return folder


def can_require_modules(node: str) -> bool:
    """Whether `require` loads ES modules, as Grafana's library has it do."""
    asked = [node, "-e", "process.exit(process.features.require_module ? 0 : 1)"]
    return subprocess.run(asked, check=False, timeout=60).returncode == 0


class Seen:
    """A frame as the client sees it."""

    def __init__(self, frame: dict[str, Any]) -> None:
        self.frame = frame
        self.fields = {field["name"]: field for field in frame["fields"]}

    def values(self, name: str) -> list[Any]:
        return [self._plain(value) for value in self.fields[name]["values"]]

    @staticmethod
    def _plain(value: Any) -> Any:
        if isinstance(value, dict) and value.keys() == {"special"} and value != UNDEFINED:
            return float(value["special"].replace("Infinity", "inf"))
        return value


def read(client: Path, *frames: bytes) -> list[Seen]:
    node = find_program("node")
    assert node is not None
    result = subprocess.run(
        [node, "read_frames.cjs"],
        cwd=client,
        input=b"[" + b",".join(frames) + b"]",
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "TZ": "UTC"},
    )
    assert result.returncode == 0, result.stderr.decode()
    return [Seen(frame) for frame in json.loads(result.stdout)]


def same(ours: list[Any], theirs: list[Any]) -> bool:
    return len(ours) == len(theirs) and all(
        a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))
        for a, b in zip(ours, theirs, strict=True)
    )


ENUM = FieldConfig(type=TypeConfig(EnumConfig(("low", "high"), color=("green", "red"))))
WHEN = datetime(2024, 5, 15, 12, 30, 0, 123_000, tzinfo=UTC)
WHEN_MS = 1_715_776_200_123

#: Column, the client's field type, the values it sees.
TYPES: list[tuple[str, pa.Array, str, list[Any]]] = [
    *(
        (
            f"int{bits}",
            pa.array([-(2 ** (bits - 1)), None, 1], getattr(pa, f"int{bits}")()),
            "number",
            [-(2 ** (bits - 1)), None, 1],
        )
        for bits in (8, 16, 32)
    ),
    *(
        (
            f"uint{bits}",
            pa.array([2**bits - 1, None, 1], getattr(pa, f"uint{bits}")()),
            "number",
            [2**bits - 1, None, 1],
        )
        for bits in (8, 16, 32)
    ),
    ("int64", pa.array([2**53, None, -(2**53)]), "number", [2**53, None, -(2**53)]),
    ("uint64", pa.array([2**53, None, 0], pa.uint64()), "number", [2**53, None, 0]),
    ("float32", pa.array([1.5, None, math.nan], pa.float32()), "number", [1.5, None, math.nan]),
    ("float64", pa.array([math.inf, -math.inf, 5e-324]), "number", [math.inf, -math.inf, 5e-324]),
    ("string", pa.array(['"quoted"\n', None, "é😀"]), "string", ['"quoted"\n', None, "é😀"]),
    ("bool", pa.array([True, None, False]), "boolean", [True, None, False]),
    (
        "time",
        pa.array([WHEN, None, WHEN], pa.timestamp("ms", "Asia/Tokyo")),
        "time",
        [WHEN_MS, None, WHEN_MS],
    ),
    ("date", pa.array([date(1970, 1, 2), None, None]), "time", [86_400_000, None, None]),
    ("json", pa.array(['{"a":[1]}', None, "2"], pa.json_()), "other", [{"a": [1]}, None, 2]),
    ("list", pa.array([[1, 2], None, []]), "other", [[1, 2], None, []]),
    ("struct", pa.array([{"a": 1}, None, {"a": None}]), "other", [{"a": 1}, None, {"a": None}]),
    ("decimal", pa.array([Decimal("1.25"), None, Decimal(-3)]), "number", [1.25, None, -3]),
    ("dictionary", pa.array(["x", None, "x"]).dictionary_encode(), "string", ["x", None, "x"]),
    ("null", pa.nulls(3), "string", [None, None, None]),
]


def test_every_type_has_equal_values_in_the_client(client: Path) -> None:
    frame = Frame.from_fields([Field(name, column) for name, column, _, _ in TYPES])
    (seen,) = read(client, encode_frame(frame))
    assert seen.frame["length"] == 3
    for name, _, field_type, values in TYPES:
        assert seen.fields[name]["type"] == field_type, name
        assert same(values, seen.values(name)), (name, seen.values(name))


def test_enums_carry_their_texts(client: Path) -> None:
    column = pa.array(["high", None, "low"]).dictionary_encode()
    (seen,) = read(client, encode_frame(Frame.from_fields([Field("level", column, config=ENUM)])))
    assert seen.fields["level"]["type"] == "enum"
    assert seen.values("level") == [1, None, 0]
    assert seen.fields["level"]["config"]["type"]["enum"]["text"] == ["low", "high"]


def test_nanoseconds_reach_the_client(client: Path) -> None:
    frame = Frame.from_pydict({"t": pa.array([1_000_001, 2_000_000], pa.timestamp("ns"))})
    (seen,) = read(client, encode_frame(frame))
    assert seen.values("t") == [1, 2]
    assert seen.fields["t"]["nanos"] == [1, 0]


def test_name_ref_id_meta_labels_and_config_reach_the_client(client: Path) -> None:
    config = FieldConfig(
        unit="percent", decimals=1, min=0, max=100, thresholds=Thresholds(steps=(Threshold(color="green"),))
    )
    meta = FrameMeta(
        type=FrameType.TIME_SERIES_WIDE,
        type_version=(0, 1),
        notices=(Notice.warning("careful"),),
        executed_query_string="SELECT 1",
    )
    frame = Frame.from_fields(
        [
            Field("time", pa.array([1], pa.timestamp("ms"))),
            Field("cpu", [1.5], labels={"host": "a"}, config=config),
        ],
        name="n",
        ref_id="A",
        meta=meta,
    )
    (seen,) = read(client, encode_frame(frame))
    assert (seen.frame["name"], seen.frame["refId"]) == ("n", "A")
    assert seen.frame["meta"] == meta.to_json()
    assert seen.fields["cpu"]["labels"] == {"host": "a"}
    assert seen.fields["cpu"]["config"] == config.to_json()


def test_reshaped_series_are_named_by_their_labels(client: Path) -> None:
    long = Frame.from_pydict(
        {
            "time": pa.array([1, 1, 2, 2], pa.timestamp("ms")),
            "host": ["a", "b", "a", "b"],
            "value": [1.0, 2.0, 3.0, 4.0],
        }
    )
    wide, *multi = read(client, encode_frame(long_to_wide(long)), *map(encode_frame, long_to_multi(long)))
    shown = [(field["displayName"], field["values"]) for field in wide.frame["fields"][1:]]
    assert shown == [("value a", [1, 3]), ("value b", [2, 4])]
    assert [frame.values("value") for frame in multi] == [[1, 3], [2, 4]]


def test_frames_out_of_an_answer_are_read_too(client: Path) -> None:
    frame = Frame.from_pydict({"a": [1, 2]}, ref_id="A")
    answer = json.loads(encode_response(QueryDataResponse({"A": DataResponse((frame, Frame(pa.table({}))))})))
    full, empty = read(client, *(json.dumps(each).encode() for each in answer["results"]["A"]["frames"]))
    assert full.values("a") == [1, 2]
    assert (empty.frame["length"], empty.frame["fields"]) == (0, [])


def test_a_long_frame_is_read_as_it_was_written(client: Path) -> None:
    rows = 200_000
    frame = Frame.from_pydict(
        {"t": pa.array(range(rows), pa.timestamp("ms")), "s": [f"host-{row % 50}" for row in range(rows)]}
    )
    (seen,) = read(client, encode_frame(frame))
    assert seen.values("t") == list(range(rows))
    assert seen.values("s") == frame.table.column("s").to_pylist()
