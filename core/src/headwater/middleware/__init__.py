"""Host-side wrappers around every plugin's hooks."""

from .logging import LoggingMiddleware

__all__ = ["LoggingMiddleware"]
