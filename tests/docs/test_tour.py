"""The tour on the front page is what its commands print today."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from .test_site import load


def test_the_tour_is_what_its_commands_print() -> None:
    tour = load("tour")
    picture = tour.picture(tour.record())
    assert picture == tour.PICTURE.read_text(encoding="utf-8"), "run: python docs/_ext/tour.py"
    longest = max(len(each.text or "") for each in ET.fromstring(picture) if each.tag.endswith("}text"))
    assert longest <= 100, "a line is wider than the picture"
