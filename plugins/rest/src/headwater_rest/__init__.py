"""Headwater data source for REST APIs, described by settings instead of code."""

__version__ = "0.1.0"
