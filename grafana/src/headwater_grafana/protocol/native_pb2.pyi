from headwater_grafana.protocol import pluginv2_pb2 as _pluginv2_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("plugin_info",)
    PLUGIN_INFO_FIELD_NUMBER: _ClassVar[int]
    plugin_info: bytes
    def __init__(self, plugin_info: _Optional[bytes] = ...) -> None: ...

class DiscardInstanceRequest(_message.Message):
    __slots__ = ("plugin_context",)
    PLUGIN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    plugin_context: _pluginv2_pb2.PluginContext
    def __init__(self, plugin_context: _Optional[_Union[_pluginv2_pb2.PluginContext, _Mapping]] = ...) -> None: ...

class DiscardInstanceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
