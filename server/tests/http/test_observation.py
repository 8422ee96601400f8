"""What operators see: health, metrics, audit records, and safe headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from headwater import Headwater
from headwater.errors import StoreError
from headwater.plugins import TracingMiddleware
from headwater_server.audit import AuditEvent, FileAuditLog, query_hash
from headwater_server.http import create_app
from headwater_server.metrics import HostMetrics
from servers.http_host import ListedAudit, RunningHost, admin_authenticator, eventually, run_host
from servers.http_requests import query_of

WALK = {"scenario": "random_walk", "maxDataPoints": 5}


def test_host_health_is_grafanas_text(client: httpx2.Client) -> None:
    answer = client.get("/api/health")
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert re.fullmatch(
        r'\{\n  "database": "ok",\n  "version": "12\.3\.0\+headwater\.[^"]+",\n  "commit": ""\n\}',
        answer.text,
    )
    assert client.head("/api/health").status_code == 200
    assert client.post("/api/health").status_code == 405


def test_a_store_that_fails_makes_the_host_unready_but_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise StoreError("the disk is gone")

    with Headwater(allow_plugins={"testdata"}) as headwater:
        monkeypatch.setattr(headwater.store, "revision", fail)
        with run_host(create_app(headwater)) as host, host.client("") as client:
            assert client.get("/api/health").status_code == 503
            assert client.get("/api/health").json()["database"] == "failing"
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200


def samples(client: httpx2.Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_calls_into_plugins_are_counted_under_grafanas_names(client: httpx2.Client) -> None:
    client.post("/api/ds/query", json=query_of(WALK))
    client.post("/api/ds/query", json=query_of({"scenario": "error", "error": "bug"}))
    client.post("/api/ds/query", json=query_of({"scenario": "error", "error": "connection"}))
    client.post("/api/ds/query", json=query_of(WALK), headers={"Accept": "text/jsonl"})
    client.get("/api/datasources/uid/demo/health")
    client.get("/api/datasources/uid/demo/resources/scenarios")
    found = samples(client)

    def count(endpoint: str, status: str, source: str) -> float:
        labels = {"endpoint": endpoint, "plugin_id": "testdata", "status": status}
        labels |= {"status_source": source, "target": "in_memory"}
        return found[("grafana_plugin_request_total", tuple(sorted(labels.items())))]

    assert count("queryData", "ok", "plugin") == 1
    assert count("queryData", "error", "plugin") == 1
    assert count("queryData", "error", "downstream") == 1
    assert count("queryChunkedData", "ok", "plugin") == 1
    assert count("checkHealth", "ok", "plugin") == 1
    assert count("callResource", "ok", "plugin") == 1
    names = {name for name, _ in found}
    assert {
        "grafana_plugin_request_duration_milliseconds_count",
        "grafana_plugin_request_duration_seconds_bucket",
        "grafana_plugin_request_size_bytes_sum",
        "grafana_http_request_duration_seconds_count",
        "grafana_http_request_in_flight",
        "process_resident_memory_bytes",
    } <= names


def test_http_metrics_are_labelled_by_route_and_never_by_path(client: httpx2.Client) -> None:
    client.get("/api/datasources/uid/one-of-very-many/health")
    client.get("/nothing/here/one-of-very-many")
    text = client.get("/metrics").text
    assert 'handler="/api/datasources/uid/{uid}/health"' in text
    assert "one-of-very-many" not in text


def test_metrics_may_be_protected() -> None:
    from headwater_server.http import HttpOptions

    authenticator, admin = admin_authenticator()
    with Headwater(allow_plugins={"testdata"}) as headwater:
        options = HttpOptions(protect_metrics=True)
        app = create_app(headwater, authenticator=authenticator, options=options)
        with run_host(app, admin) as host, host.client("") as nobody, host.client() as client:
            assert nobody.get("/metrics").status_code == 401
            assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize("path", ["/api/datasources", "/healthz", "/nothing", "/api/openapi.json"])
def test_every_answer_has_safe_headers(client: httpx2.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "deny"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


def test_an_unknown_path_is_404_and_the_newer_api_is_reserved(client: httpx2.Client) -> None:
    assert client.get("/nothing").json()["message"] == "Not found"
    assert client.post("/api/nothing", json={}).status_code == 404
    reserved = client.get("/apis/query.grafana.app/v0alpha1/namespaces/default/query")
    assert (reserved.status_code, reserved.json()["messageId"]) == (404, "api.reserved")


def test_plugins_are_listed_with_what_a_form_needs(client: httpx2.Client) -> None:
    listed = client.get("/api/plugins").json()
    assert [each["id"] for each in listed] == ["testdata"]
    assert listed[0].keys() >= {"dependencies", "signatureType", "defaultNavUrl", "angularDetected"}
    for none in ("type=panel", "enabled=0", "core=1"):
        assert client.get(f"/api/plugins?{none}").json() == []
    for same in ("type=datasource", "enabled=1", "core=0", "embedded=0"):
        assert client.get(f"/api/plugins?{same}").json() == listed
    settings = client.get("/api/plugins/testdata/settings").json()
    assert "healthError" in settings["settingsSchema"]["properties"]
    assert settings["secretKeys"] == ["apiKey"]
    assert settings["connection"] == {}
    assert settings["queryTextKey"] == "scenario"
    missing = client.get("/api/plugins/nothing/settings")
    assert missing.status_code == 404
    assert missing.json()["message"] == "Plugin not found, no installed plugin with that id"


def test_a_plugin_in_the_host_has_no_metrics_of_its_own(client: httpx2.Client) -> None:
    answer = client.get("/api/plugins/testdata/metrics")
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.get("/api/plugins/nothing/metrics").status_code == 404


def test_plugins_that_cannot_be_used_are_errors_with_a_reason(
    host: RunningHost, client: httpx2.Client
) -> None:
    records = host.app.host.headwater.plugins
    errors = client.get("/api/plugins/errors").json()
    assert {each["pluginId"] for each in errors} == {each.plugin_id for each in records} - {"testdata"}
    assert all(each["errorCode"] == "pluginBlocked" for each in errors)


# --- audit -----------------------------------------------------------------------------------------


def audited(action: str) -> AuditEvent:
    return AuditEvent(time="t", request_id="r", who="w", address="a", action=action)


def test_an_audit_log_that_was_rotated_away_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = FileAuditLog(path)
    log.write(audited("first"))
    log.close()
    log = FileAuditLog(path)
    path.rename(tmp_path / "audit.1")
    log.write(audited("second"))
    log.close()
    assert orjson.loads((tmp_path / "audit.1").read_bytes())["action"] == "first"
    assert orjson.loads(path.read_bytes())["action"] == "second"


def test_each_query_of_a_request_is_audited_with_its_own_end(make_host: Callable[..., RunningHost]) -> None:
    audit = ListedAudit()
    with make_host(audit=audit).client() as client:
        client.post("/api/ds/query", json=query_of(WALK, {"scenario": "error", "error": "bug"}))
    assert eventually(lambda: len(audit.records) == 2)
    assert [(each.outcome, each.status) for each in audit.records] == [("ok", 400), ("error", 400)]
    assert audit.records[0].rows > 0


@pytest.mark.parametrize("accept", ["text/jsonl", "application/vnd.apache.arrow.stream"])
def test_what_was_sent_to_a_client_that_left_is_audited(
    make_host: Callable[..., RunningHost], accept: str
) -> None:
    audit = ListedAudit()
    host = make_host(audit=audit)
    with (
        host.client() as client,
        client.stream(
            "POST", "/api/ds/query", json=query_of({"scenario": "endless"}), headers={"Accept": accept}
        ) as answer,
    ):
        next(answer.iter_raw())
    assert eventually(lambda: audit.records)
    (record,) = audit.records
    assert record.outcome == "cancelled"
    assert record.rows > 0
    assert record.bytes > 0


def test_query_hashes_do_not_depend_on_the_order_of_keys() -> None:
    assert query_hash({"a": 1, "b": {"c": 2, "d": 3}}) == query_hash({"b": {"d": 3, "c": 2}, "a": 1})
    assert query_hash({"a": 1}) != query_hash({"a": 2})


# --- tracing ---------------------------------------------------------------------------------------


@pytest.fixture
def spans() -> Iterator[tuple[RunningHost, InMemorySpanExporter]]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    authenticator, admin = admin_authenticator()
    middlewares = (TracingMiddleware(provider), HostMetrics().plugin_middleware)
    with Headwater(middlewares=middlewares, allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        with run_host(create_app(headwater, authenticator=authenticator), admin) as host:
            yield host, exporter


def test_a_plugin_call_is_a_span_of_the_callers_trace(
    spans: tuple[RunningHost, InMemorySpanExporter],
) -> None:
    host, exporter = spans
    trace_id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    with host.client() as client:
        headers = {"traceparent": f"00-{trace_id}-{parent}-01", "X-Panel-Id": "7"}
        client.post("/api/ds/query", json=query_of(WALK), headers=headers)
        client.post("/api/ds/query", json=query_of({"scenario": "error", "error": "bug", "message": "dsn"}))
    good, bad = exporter.get_finished_spans()
    assert _hex(good) == trace_id
    assert good.parent is not None
    assert f"{good.parent.span_id:016x}" == parent
    assert good.name == "queryData testdata"
    assert dict(good.attributes or {})["datasource_uid"] == "demo"
    assert not bad.status.is_ok
    assert "dsn" not in bad.to_json()


def _hex(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"
