"""Host-side wrappers around every plugin's hooks."""

from .error_source import ErrorSourceMiddleware
from .logging import LoggingMiddleware

__all__ = ["ErrorSourceMiddleware", "LoggingMiddleware"]
