"""Errors as Harlequin shows them."""

from __future__ import annotations

from harlequin.exception import HarlequinQueryError

from headwater.errors import HeadwaterError

__all__ = ["query_error"]


def query_error(error: HeadwaterError) -> HarlequinQueryError:
    """Whose fault it is stands in the title."""
    return HarlequinQueryError(str(error), title=f"Headwater: {error.source} error")
