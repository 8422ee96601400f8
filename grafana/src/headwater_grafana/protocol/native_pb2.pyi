from headwater_grafana.protocol import pluginv2_pb2 as _pluginv2_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("plugin_info", "hooks")
    PLUGIN_INFO_FIELD_NUMBER: _ClassVar[int]
    HOOKS_FIELD_NUMBER: _ClassVar[int]
    plugin_info: bytes
    hooks: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, plugin_info: _Optional[bytes] = ..., hooks: _Optional[_Iterable[str]] = ...) -> None: ...

class DiscardInstanceRequest(_message.Message):
    __slots__ = ("plugin_context",)
    PLUGIN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    plugin_context: _pluginv2_pb2.PluginContext
    def __init__(self, plugin_context: _Optional[_Union[_pluginv2_pb2.PluginContext, _Mapping]] = ...) -> None: ...

class DiscardInstanceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PartitionsRequest(_message.Message):
    __slots__ = ("plugin_context", "headers", "query", "target", "columns", "filters")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PLUGIN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    plugin_context: _pluginv2_pb2.PluginContext
    headers: _containers.ScalarMap[str, str]
    query: _pluginv2_pb2.DataQuery
    target: int
    columns: bytes
    filters: bytes
    def __init__(self, plugin_context: _Optional[_Union[_pluginv2_pb2.PluginContext, _Mapping]] = ..., headers: _Optional[_Mapping[str, str]] = ..., query: _Optional[_Union[_pluginv2_pb2.DataQuery, _Mapping]] = ..., target: _Optional[int] = ..., columns: _Optional[bytes] = ..., filters: _Optional[bytes] = ...) -> None: ...

class PartitionsResponse(_message.Message):
    __slots__ = ("partitions",)
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    partitions: bytes
    def __init__(self, partitions: _Optional[bytes] = ...) -> None: ...

class DescribeAnswerRequest(_message.Message):
    __slots__ = ("plugin_context", "query")
    PLUGIN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    plugin_context: _pluginv2_pb2.PluginContext
    query: _pluginv2_pb2.DataQuery
    def __init__(self, plugin_context: _Optional[_Union[_pluginv2_pb2.PluginContext, _Mapping]] = ..., query: _Optional[_Union[_pluginv2_pb2.DataQuery, _Mapping]] = ...) -> None: ...

class DescribeAnswerResponse(_message.Message):
    __slots__ = ("traits",)
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    traits: bytes
    def __init__(self, traits: _Optional[bytes] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("rows", "bytes", "total_rows")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    bytes: int
    total_rows: int
    def __init__(self, rows: _Optional[int] = ..., bytes: _Optional[int] = ..., total_rows: _Optional[int] = ...) -> None: ...

class WatchedAnswer(_message.Message):
    __slots__ = ("progress", "answer")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    answer: _pluginv2_pb2.QueryDataResponse
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., answer: _Optional[_Union[_pluginv2_pb2.QueryDataResponse, _Mapping]] = ...) -> None: ...
