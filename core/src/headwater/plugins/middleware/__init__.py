"""Host-side wrappers around every plugin's hooks."""

from .logging import LoggingMiddleware
from .redaction import RedactionMiddleware

__all__ = ["LoggingMiddleware", "RedactionMiddleware"]
