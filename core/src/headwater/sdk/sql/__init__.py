"""SQL for plugins: a tokenizer that knows strings and comments, and a macro engine on top of it."""

from .macros import MacroCall, MacroEngine
from .scanner import Dialect, Span, SpanKind, scan, split_arguments, strip_comments

__all__ = [
    "Dialect",
    "MacroCall",
    "MacroEngine",
    "Span",
    "SpanKind",
    "scan",
    "split_arguments",
    "strip_comments",
]
