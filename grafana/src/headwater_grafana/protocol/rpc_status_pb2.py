"""The messages of `rpc_status.proto`."""

from .descriptors import members_of

globals().update(members_of("rpc_status.proto"))
