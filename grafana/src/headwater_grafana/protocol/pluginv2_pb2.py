"""The messages of `pluginv2.proto`."""

from .descriptors import members_of

globals().update(members_of("pluginv2.proto"))
