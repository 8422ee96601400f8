"""What the documentation promises is there, and what is there is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import headwater.frames
from headwater.frames import FieldType, data_plane as dataplane

SOURCE = Path(dataplane.__file__).parent
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "frames.md"


@pytest.mark.parametrize("name", headwater.frames.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(headwater.frames, name) is not None
    assert name in dir(headwater.frames)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = headwater.frames.nothing  # type: ignore[attr-defined]


def test_every_rule_of_the_data_plane_is_in_the_reference() -> None:
    rules = set(re.findall(r'rule="([a-z-]+)"', (SOURCE / "data_plane.py").read_text()))
    documented = set(re.findall(r"`([a-z-]+)`", REFERENCE.read_text()))
    assert len(rules) > 10
    assert rules <= documented


@pytest.mark.parametrize("field_type", FieldType)
def test_every_grafana_type_is_in_the_reference(field_type: FieldType) -> None:
    ranges = {"uint8 … uint64": "uint8 uint16 uint32 uint64", "int8 … int64": "int8 int16 int32 int64"}
    documented = REFERENCE.read_text()
    for short, whole in ranges.items():
        documented = documented.replace(short, whole)
    assert re.search(rf"\b{re.escape(field_type)}\b", documented)
