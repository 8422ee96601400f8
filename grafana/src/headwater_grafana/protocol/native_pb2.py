"""The messages of `native.proto`."""

from .descriptors import members_of

globals().update(members_of("native.proto"))
