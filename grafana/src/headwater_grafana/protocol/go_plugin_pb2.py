"""The messages of `go_plugin.proto`."""

from .descriptors import members_of

globals().update(members_of("go_plugin.proto"))
