"""Resources: declared routes, JSON, and no way out of them."""

from __future__ import annotations

import json

import pytest

from headwater.errors import HeadwaterError
from headwater.host import Headwater

from .base import ConformanceBase
from .mending import mend

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
    @mend("source", "return what json can hold, or json_response(…), from the method under @resource")
    def test_a_declared_resource_answers_json(self, headwater: Headwater, source: str) -> None:
        self.need("resources")
        answer = headwater.call_resource(source, self.probe("resource"))
        assert answer.status == 200, f"The resource {self.probes.resource!r} answers {answer.status}"
        headers = {name.lower(): values[0] for name, values in answer.headers.items()}
        content_type = headers.get("content-type", "")
        assert content_type.startswith("application/json"), (
            f"The resource {self.probes.resource!r} has the content type {content_type!r}"
        )
        json.loads(answer.body)

    @mend("plugin.call_resource", "answer paths that no @resource declares with 404, as the SDK does")
    def test_an_unknown_resource_is_not_found(self, headwater: Headwater, source: str) -> None:
        self.need("resources")
        status = _status(headwater, source, "no/such/resource/for/sure")
        assert status in (404, 405), f"A resource that does not exist answers {status}"

    @pytest.mark.parametrize("path", _ESCAPES)
    @mend(
        "plugin.call_resource",
        "match whole paths, as the SDK does; for addresses made of them use headwater.sdk.paths.join_path",
    )
    def test_no_path_escapes_the_declared_routes(self, headwater: Headwater, source: str, path: str) -> None:
        self.need("resources")
        status = _status(headwater, source, path)
        assert 400 <= status < 500, f"The resource path {path!r} answers {status}"


def _status(headwater: Headwater, source: str, path: str) -> int:
    try:
        return headwater.call_resource(source, path).status
    except HeadwaterError as error:
        return error.status
