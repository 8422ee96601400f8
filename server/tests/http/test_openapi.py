"""The description of the API is true: schemathesis asks the running host everything it promises.

2,000 cases by default; HEADWATER_SCHEMATHESIS_CASES asks for more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from headwater import Headwater
from headwater_server.auth import CallerLimits
from headwater_server.http import create_app
from headwater_server.http.openapi import describe
from headwater_server.http.routes import operations
from servers.http_host import RunningHost, admin_authenticator, run_host

CASES = int(os.environ.get("HEADWATER_SCHEMATHESIS_CASES", "2000"))
OPERATIONS = operations()
DOCUMENT = describe(OPERATIONS)


@pytest.fixture(scope="module")
def described() -> Iterator[RunningHost]:
    """A host of its own: the cases add and remove what they like."""
    authenticator, admin = admin_authenticator()
    limits = CallerLimits(requests_per_second=None)
    with Headwater(allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        app = create_app(headwater, authenticator=authenticator, limits=limits)
        with run_host(app, admin) as running:
            yield running


def test_the_served_description_is_openapi_3_1(described: RunningHost) -> None:
    with described.client("") as client:
        served = client.get("/api/openapi.json")
    assert served.json() == httpx2.Response(200, json=DOCUMENT).json()
    assert served.json()["openapi"] == "3.1.0"


def test_every_operation_is_described_once() -> None:
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    routed = {(each.method, re.sub(r":\w+}", "}", each.path)) for each in OPERATIONS}
    assert described == routed
    names = [each["operationId"] for methods in DOCUMENT["paths"].values() for each in methods.values()]
    assert len(names) == len(set(names))


def test_no_example_or_default_holds_a_secret() -> None:
    assert "hwsa_" not in str(DOCUMENT)


schema = schemathesis.openapi.from_dict(DOCUMENT)
EACH = max(1, CASES // len(OPERATIONS))


@schema.parametrize()
@settings(
    max_examples=EACH,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize="CI" in os.environ,
)
def test_the_host_answers_as_described(case: Any, described: RunningHost) -> None:
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {described.admin}"}
    if case.path_parameters and "uid" in case.path_parameters and len(case.path_parameters["uid"]) % 2:
        case.path_parameters["uid"] = "demo"  # half of the cases get past the look-up
    response = case.call(base_url=described.url)
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
