"""The messages of `health.proto`."""

from .descriptors import members_of

globals().update(members_of("health.proto"))
