"""The messages and services of the `.proto` files beside this module, made from their compiled descriptors.

Code that protoc generates runs only with the major version of protobuf that it was generated for; descriptors
do not care. `nox -s protocol` compiles `descriptors.binpb` and the `.pyi` files for type checkers.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "headwater_grafana/protocol"


def members_of(file: str) -> dict[str, Any]:
    """What the generated module of `file` would hold: messages, enumerations and their values, by name."""
    described = _pool().FindFileByName(f"{PACKAGE}/{file}")
    members: dict[str, Any] = {
        name: GetMessageClass(message) for name, message in described.message_types_by_name.items()
    }
    for name, enumeration in described.enum_types_by_name.items():
        members[name] = EnumTypeWrapper(enumeration)
        members |= {value.name: value.number for value in enumeration.values}
    return members


@cache
def methods_of(service: str) -> tuple[MethodDescriptor, ...]:
    """The methods of a service, given by its full name, such as `pluginv2.Data`."""
    return tuple(_pool().FindServiceByName(service).methods)


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    """A pool of our own: in the shared one `grpc.health.v1` may be another library's."""
    pool = descriptor_pool.DescriptorPool()
    compiled = files(__package__).joinpath("descriptors.binpb").read_bytes()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
        pool.Add(file)
    return pool
