"""Resources and health, against Prometheus of both generations."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from headwater.errors import HeadwaterError, MethodNotImplementedError, ValidationError
from headwater.models import CallResourceResponse, HealthStatus
from headwater_prometheus.read_api import REPORTS
from servers import remote_write
from servers.prometheus import V3, start_prometheus
from servers.prometheus_samples import START, Live, Source, SourceMaker
from servers.scripted_http import Request, answer, serve

RANGE = f"start={START}&end={START + 3600}"


def data(response: CallResourceResponse) -> Any:
    assert response.status == 200
    assert response.headers["Content-Type"][0].startswith("application/json")
    return json.loads(response.body)["data"]


def test_labels_values_and_series(source: Source) -> None:
    assert {"job", "zone"} <= set(data(source.resource("api/v1/labels", RANGE)))
    assert data(source.resource("api/v1/label/job/values", RANGE + "&match[]=requests")) == ["j0", "j1", "j2"]
    series = data(source.resource("api/v1/series", RANGE + "&match[]=requests"))
    assert len(series) == 3


def test_a_form_is_passed_on_whichever_method_the_source_uses(make_source: SourceMaker, live: Live) -> None:
    form = f"{RANGE}&match[]=requests".encode()
    for method in ("GET", "POST"):
        source = make_source(live.server.url, json_data={"httpMethod": method})
        assert len(data(source.resource("api/v1/series", method="POST", body=form))) == 3


_OF_VERSION_3 = {"api/v1/features", "api/v1/scrape_pools", "api/v1/status/tsdb/blocks"}
_DOCUMENTS = [path for path in REPORTS if path.startswith("api/") and path not in _OF_VERSION_3]


@pytest.mark.parametrize("path", _DOCUMENTS)
def test_reports_answer(source: Source, path: str) -> None:
    assert isinstance(data(source.resource(path)), dict | list)


@pytest.mark.parametrize(("path", "text"), [("", "Healthy"), ("-/healthy", "Healthy"), ("-/ready", "Ready")])
def test_the_server_says_that_it_lives(source: Source, path: str, text: str) -> None:
    response = source.resource(path)
    assert response.status == 200
    assert text in response.body.decode()


def test_series_can_be_federated(make_source: SourceMaker) -> None:
    with start_prometheus(V3) as server:
        now = int(time.time() * 1000)
        remote_write.write(server.url, [remote_write.Series({"__name__": "up", "job": "a"}, [(now, 1.0)])])
        response = make_source(server.url).resource("federate", "match[]=up")
    assert response.status == 200
    assert 'up{job="a"' in response.body.decode()


def test_a_query_is_formatted(source: Source) -> None:
    assert data(source.resource("api/v1/format_query", "query=sum(up)by(job)")) == "sum by (job) (up)"
    assert data(source.resource("api/v1/format_query", method="POST", body=b"query=up%2B1")) == "up + 1"


def test_queries_can_be_passed_through(source: Source) -> None:
    assert data(source.resource("api/v1/query", "query=1%2B1"))["resultType"] == "scalar"


def test_the_servers_error_is_passed_through(source: Source) -> None:
    response = source.resource("api/v1/series")
    assert response.status == 400
    assert json.loads(response.body)["errorType"] == "bad_data"


def test_utf8_label_names_are_escaped_in_the_path(source: Source, live: Live) -> None:
    if live.server.version != V3:
        pytest.skip("only Prometheus 3 has UTF-8 names")
    assert data(source.resource("api/v1/label/http.status/values")) == ["200"]


@pytest.mark.parametrize(
    "path",
    [
        "api/v1/admin/tsdb/delete_series",
        "-/quit",
        "-/reload",
        "api/v1/admin/tsdb/snapshot",
        "api/v1/notifications/live",
        "api/v1/status",
        "config",
        "api/v1/write",
        "api/v1/label/job",
        "api/v1/label/a%2fb/values",
        "api/v1/../../-/quit",
        "api/v1/labels/..",
        "api/v1/label/%2e%2e/values",
        "api/v1//labels",
    ],
)
def test_no_other_path_reaches_the_server(make_source: SourceMaker, path: str) -> None:
    with serve(answer(b"{}")) as server:
        source = make_source(server.url)
        with pytest.raises((MethodNotImplementedError, ValidationError)):
            source.resource(path)
    assert server.requests == []


def test_only_declared_methods_are_served(source: Source) -> None:
    with pytest.raises(MethodNotImplementedError) as failed:
        source.resource("api/v1/series", method="DELETE")
    assert failed.value.status == 405


def suggest(source: Source, **asked: Any) -> list[str]:
    body = json.dumps({"start": START, "end": START + 3600, **asked}).encode()
    found: list[str] = data(source.resource("suggestions", method="POST", body=body))
    return found


def test_suggestions_of_label_names_and_values(source: Source) -> None:
    assert suggest(source, queries=["sum(rate(requests[5m]))"]) == ["__name__", "job", "zone"]
    assert suggest(source, labelName="job", queries=["requests"]) == ["j0", "j1", "j2"]
    filters = [{"key": "zone", "value": "z1", "operator": "equals"}]
    assert suggest(source, labelName="job", queries=["requests"], adhocFilters=filters) == ["j1"]
    scopes = [{"filters": [{"key": "job", "value": "j[01]", "operator": "regex-match"}]}]
    assert suggest(source, labelName="job", scopes=scopes) == ["j0", "j1"]
    assert "n" in suggest(source)


def test_suggestions_are_limited(make_source: SourceMaker) -> None:
    with serve(answer(b'{"status":"success","data":[]}')) as server:
        make_source(server.url).resource(
            "suggestions", method="POST", body=b'{"limit": 5, "labelName": "a.b"}'
        )
    assert server.requests[0].target == "/api/v1/label/U__a_2e_b/values?limit=5"


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"queries": "up"}', b'{"queries": ["a{"]}'])
def test_a_wrong_suggestions_body_is_the_callers_mistake(source: Source, body: bytes) -> None:
    with pytest.raises(HeadwaterError) as failed:
        source.resource("suggestions", method="POST", body=body)
    assert failed.value.status == 400


def test_caching_hints_are_passed_back(source: Source) -> None:
    hint = {"X-Grafana-Cache": ("max-age=60",)}
    assert source.resource("api/v1/labels", headers=hint).headers["Cache-Control"] == ("max-age=60",)


def test_a_working_server_is_healthy_and_says_what_it_is(source: Source, live: Live) -> None:
    health = source.host.check_health("source")
    assert health.status is HealthStatus.OK
    assert health.message == "Successfully queried the Prometheus API."
    assert health.details["application"] == "Prometheus"
    assert health.details["version"].startswith(live.server.version)
    assert health.details["features"] == {"rulerApiEnabled": False}


def test_mimir_is_recognised_by_its_build_info(make_source: SourceMaker) -> None:
    mimir = b'{"application":"Grafana Mimir","version":"2.1","features":{"ruler_config_api":"true"}}'
    info = b'{"status":"success","data":%b}' % mimir
    two = b'{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}'

    def script(request: Request, connection: Any) -> None:
        answer(info if "buildinfo" in request.target else two)(request, connection)

    with serve(script) as server:
        health = make_source(server.url).host.check_health("source")
    assert health.details == {"application": "Mimir", "version": "2.1", "features": {"rulerApiEnabled": True}}


def test_a_server_that_is_down_is_an_unhealthy_result(make_source: SourceMaker) -> None:
    with serve(answer()) as server:
        url = server.url
    health = make_source(url).host.check_health("source")
    assert health.status is HealthStatus.ERROR
    assert "Connection refused" in health.message
    assert health.message.endswith("There was an error returned querying the Prometheus API.")


def test_a_page_instead_of_the_api_is_unhealthy(make_source: SourceMaker) -> None:
    with serve(answer(b"<html>Login</html>", headers={"Content-Type": "text/html"})) as server:
        health = make_source(server.url).host.check_health("source")
    assert health.status is HealthStatus.ERROR
    assert "HTML" in health.message
