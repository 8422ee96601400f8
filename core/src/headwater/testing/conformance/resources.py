"""Resources: declared routes, JSON, and no way out of them."""

from __future__ import annotations

import json

import pytest

from headwater.errors import HeadwaterError
from headwater.host import Headwater

from .base import ConformanceBase

_ESCAPES = (
    "../secret",
    "%2e%2e/secret",
    "%252e%252e/secret",
    "a/../../secret",
    "//127.0.0.1/",
    "a\\..\\b",
    "a%00b",
)


class ResourceChecks(ConformanceBase):
    def test_a_declared_resource_answers_json(self, headwater: Headwater, source: str) -> None:
        self.need("resources")
        answer = headwater.call_resource(source, self.probe("resource"))
        assert answer.status == 200
        content_type = next(
            values for name, values in answer.headers.items() if name.lower() == "content-type"
        )
        assert content_type[0].startswith("application/json")
        json.loads(answer.body)

    def test_an_unknown_resource_is_not_found(self, headwater: Headwater, source: str) -> None:
        self.need("resources")
        status = _status(headwater, source, "no/such/resource/for/sure")
        assert status in (404, 405)

    @pytest.mark.parametrize("path", _ESCAPES)
    def test_no_path_escapes_the_declared_routes(self, headwater: Headwater, source: str, path: str) -> None:
        self.need("resources")
        assert 400 <= _status(headwater, source, path) < 500


def _status(headwater: Headwater, source: str, path: str) -> int:
    try:
        return headwater.call_resource(source, path).status
    except HeadwaterError as error:
        return error.status
