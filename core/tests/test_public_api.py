"""What is public, and what importing it costs."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import headwater
from headwater.datasources import ChangeNotifier, DataSourceStore
from headwater.plugins import Registry
from headwater.plugins.hookspecs import DataSourceSpec
from headwater.secrets import KeyStore

PUBLIC = {
    "headwater": {
        "AsyncFrameStream", "AsyncHeadwater", "CallContext", "DataSource", "DataSourceStore", "Filter",
        "Frame", "FrameStream", "Headwater", "HeadwaterError", "InMemoryRegistry", "MemoryStore",
        "QueryLimits", "ReadTask", "Secret", "TimeRange", "__version__", "connect", "hookimpl",
    },
    "headwater.sdk": {
        "AnswerSteps", "AnswerTraits", "AsyncDataSource",
        "CallContext", "CheckHealthResult", "Consistency", "DataQuery", "DataSource",
        "DataSourceInstanceSettings", "DataSourcePlugin", "Filter", "Partition", "Partitions",
        "HEADER_NAME", "ONE_LINE", "PrefetchQueue", "Query", "QueryExample",
        "QueryMacro", "QueryResult", "ResourceRequest", "Secret", "TimeRange", "at_byte", "at_offset",
        "field", "hookimpl", "json_response", "json_schema", "located_errors", "parse", "resource",
        "secret",
    },
    "headwater.network": {"AddressPolicy", "Resolved", "is_allowed", "resolve"},
    "headwater.sdk.sql": {
        "Cutter", "Dialect", "EPOCH_TYPE", "EpochColumns", "EpochUnit", "Execution", "ExpandedQuery",
        "IN_ORDER", "KEPT_SECONDS", "KeptAnswers", "LONG_SERIES", "MacroCall", "MacroEngine", "MacroScope",
        "named_placeholders", "NUMBERED",
        "Parameters", "Placeholders", "Pool", "PoolLimits", "PoolState", "Poolable", "ReadStatements",
        "Records", "Span", "SpanKind", "SqlConnection", "SqlDataSource", "SqlQuery", "SqlResult",
        "SqlSettings", "StandardMacros", "TABLE", "TIME_SERIES", "TimeMacros", "bind", "epoch_to_timestamp",
        "even_cuts", "metric_index", "outer_words", "quantile_cuts", "range_conditions", "scan",
        "seconds_text", "split_arguments", "statement_tokens", "statement_words", "strip_comments",
        "time_index", "time_series", "whole_group_steps", "why_whole", "without_semicolon",
    },
    "headwater.models": {
        "CallResourceRequest", "CallResourceResponse", "CheckHealthRequest", "CheckHealthResult",
        "Consistency", "DataQuery", "DataResponse", "DataSourceInstanceSettings", "Filter",
        "HealthStatus", "Partition", "Partitions", "PluginContext", "PluginInfo",
        "AnswerSteps", "AnswerTraits",
        "QueryChunk", "QueryDataRequest", "QueryDataResponse", "QueryExample", "QueryMacro",
        "ResourceOptions", "TimeRange", "User",
    },
    "headwater.calls": {
        "CallContext", "CallerThread", "CancelRegistration", "Progress", "QueryLimits", "WorkerPool",
        "CallRunner", "Workers", "result_of",
    },
    "headwater.datasources": {
        "AddDataSource", "AddOptions", "ChangeNotifier", "DataSource", "DataSourceCache", "DataSourceService",
        "DataSourceStore", "MemoryStore", "PLAIN_FIELDS", "PlainField", "ProvisioningReport",
        "REQUEST_FIELDS", "SealedFile", "SealedJob", "Subscribers", "UpdateDataSource", "UpdateOptions",
        "apply_plan", "check_uid", "export_data_sources", "job_key", "json_key", "provision", "read_plan",
    },
    "headwater.frames": {
        "start_arrow_without_pandas", "ARROW_CHUNKS_MEDIA_TYPE", "CacheStatus", "iter_data_response",
        "ARROW_MEDIA_TYPE", "ChunkBuffer", "DataLink", "DataPlane", "DataPlaneError", "DataResponse",
        "DataTopic", "EnumConfig", "Field", "FieldConfig", "FieldType", "Fill", "FillMode", "Frame",
        "FrameDecodeError", "FrameError", "FrameInclude", "FrameMeta", "FrameStream",
        "FrameTooLargeError", "FrameType", "FrameTypeError", "Inspect", "InternalLink", "Item",
        "JSON_LINES_MEDIA_TYPE", "MAX_METADATA_BYTES", "MappingType", "Notice", "QueryChunk",
        "QueryDataResponse", "SeriesKind",
        "SeriesSchema", "Severity", "Stat", "StreamClosedError", "Threshold", "Thresholds",
        "ThresholdsMode", "TimeRange", "TimeSeriesError", "TypeConfig", "ValueMapping", "Visualisation",
        "append_frame", "arrow_body_length", "calculate_interval", "check_arrow_message",
        "conversion", "decode_chunks", "decode_frame",
        "decode_grafana_file", "decode_response", "decode_stream", "encode_chunks", "encode_frame",
        "decode_arrow_chunks", "encode_arrow_chunks",
        "encode_grafana_file", "encode_response", "encode_stream", "field_labels", "format_interval",
        "interval_from", "iter_frame", "iter_response", "labels_fingerprint", "labels_text",
        "long_to_multi", "long_to_wide", "no_data", "parse_duration", "parse_interval",
        "parse_interval_string", "parse_time", "parse_time_range", "read_items", "resample",
        "round_interval", "series_from_rows", "series_schema", "stream_chunks", "unique_names", "validate",
        "wide_to_long", "wide_to_multi",
    },
    "headwater.plugins": {
        "CorePlugin", "InMemoryRegistry", "LoggingMiddleware", "Plugin", "PluginClient",
        "PluginContextProvider", "PluginFiles", "PluginRecord", "PluginSource", "PluginState",
        "RedactionMiddleware", "Registry", "SourceReader", "Target", "TracingMiddleware", "check_query",
        "check_settings", "discover", "from_bytes", "from_data", "hookimpl", "is_later", "load_all",
        "to_bytes", "to_data",
    },
    "headwater.queries": {
        "DataSourceRef", "MetricQuery", "QueryOptions", "QueryService", "ReadTask", "ReadTasks",
        "TaskReader", "parse_metric_request",
        "AnswerCache", "AnswerStore", "CacheRule", "Hit", "KeptAnswer", "MemoryAnswerStore",
        "RedisAnswerStore", "expression_of", "filters_of", "stream_of",
    },
    "headwater.queries.named": {
        "KEPT_VERSIONS", "MemoryNamedQueryStore", "NamedQueries", "NamedQuery", "NamedQueryLimits",
        "NamedQueryPlan", "NamedQueryStore", "Parameter", "ParameterType", "PreparedQuery", "REQUIRED",
        "RunnersView", "apply_named_queries", "check_next", "limited", "named_query_from", "named_query_to",
        "not_found", "parameters_schema", "read_named_queries", "runners_form", "stubs_of",
    },
    "headwater.secrets": {
        "DirectoryKeySource", "EnvironmentKeySource", "FieldState", "InMemoryKeySource", "KeyRecord",
        "KeyRing", "KeySource", "KeyState", "KeyStore", "KeyringKeySource", "LocalKey",
        "ReadOnlyDirectoryKeySource", "RedactingFormatter", "Redactor", "RemoteKey", "RemoteKeySource",
        "SealedSecrets", "Secret", "SecretCipher", "SecretOwner", "SecretState", "StoredDataKey",
        "WrappingKey", "read_key_file", "wrapping_key_id",
    },
    "headwater.datasources.rules": {
        "check_can_activate", "check_can_retire", "check_can_wrap", "key_retired", "name_taken",
        "no_active_key", "not_found", "uid_taken", "version_conflict",
    },
    "headwater.frames.schema": {"CONFIG", "LABELS", "META", "NAME", "REF_ID", "TS_TYPE", "field_labels"},
    "headwater.logs": {"get_logger", "hears_debug", "without_rich"},
    "headwater.sdk.paths": {"check_segment", "join_path", "split_path"},
    "headwater.secrets.rotation": {
        "KeyStatus", "RewrapReport", "VerifyReport", "activate", "add_key", "key_status", "retire", "rewrap",
        "verify",
    },
}  # fmt: skip


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_are_these(module: str) -> None:
    """Removing one breaks somebody. Add new ones here, so that they are public on purpose."""
    imported = importlib.import_module(module)
    assert set(imported.__all__) == PUBLIC[module]
    for name in imported.__all__:
        getattr(imported, name)


#: What embedders and authors of plugins call.
EXPLAINED = ("headwater", "headwater.calls", "headwater.datasources", "headwater.models", "headwater.sdk",
             "headwater.sdk.sql")  # fmt: skip
PROTOCOLS = (ChangeNotifier, DataSourceSpec, DataSourceStore, KeyStore, Registry)
"""Their methods are explained once, not again in each class that has them."""


@pytest.mark.parametrize("module", EXPLAINED)
def test_every_class_and_method_says_what_it_does(module: str) -> None:
    silent = []
    for name in PUBLIC[module] - {"__version__", "hookimpl"}:
        public = getattr(importlib.import_module(module), name)
        methods = vars(public).items() if inspect.isclass(public) else ()
        silent += [name] * (not inspect.getdoc(public))
        silent += [f"{name}.{method}" for method, each in methods if not explained(method, each)]
    assert silent == []


def explained(name: str, member: object) -> bool:
    callable_ = inspect.isroutine(member) or isinstance(member, property)
    of_protocol = any(getattr(getattr(each, name, None), "__doc__", None) for each in PROTOCOLS)
    return name.startswith("_") or not callable_ or bool(inspect.getdoc(member)) or of_protocol


def test_lazy_names_are_listed_loaded_once_and_others_refused() -> None:
    assert set(PUBLIC["headwater"]) <= set(dir(headwater))
    assert headwater.Headwater is headwater.Headwater
    with pytest.raises(AttributeError, match="no attribute 'Headwatr'"):
        _ = headwater.Headwatr  # type: ignore[attr-defined]


def test_type_checkers_see_the_lazy_names() -> None:
    source = Path(headwater.__file__).read_text()
    for name in PUBLIC["headwater"] - {"__version__"}:
        assert f"{name} as {name}" in source


def imported_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import headwater",
        "from headwater import hookimpl, Secret, TimeRange, CallContext, InMemoryRegistry",
        "import headwater.sdk, headwater.sdk.sql",
        "import headwater.models, headwater.errors, headwater.plugins.discovery",
        "from headwater import Headwater; Headwater(allow_plugins=['none']).close()",
    ],
)
def test_importing_costs_no_arrow(code: str) -> None:
    assert imported_by(code) & {"pyarrow", "numpy", "pandas"} == set()


def test_the_bare_package_imports_nothing_heavy() -> None:
    heavy = {
        "attrs",
        "attr",
        "cattrs",
        "structlog",
        "cryptography",
        "pluggy",
        "importlib_metadata",
        "asyncio",
    }
    assert imported_by("import headwater") & heavy == set()


@pytest.mark.parametrize(
    "package", [room for room in PUBLIC if hasattr(importlib.import_module(room), "__path__")]
)
def test_no_lazy_name_is_also_a_module(package: str) -> None:
    """Importing such a module would put it in the name's place."""
    imported = importlib.import_module(package)
    modules = {each.name for each in pkgutil.iter_modules(imported.__path__)}
    assert modules & set(imported.__all__) == set()
