"""What is wrong with an expression, in Grafana's words where it has some. The ids are Grafana's, too."""

from __future__ import annotations

from headwater.errors import HeadwaterError, LimitExceededError, QueryRequestError

__all__ = [
    "conversion_failed",
    "cyclic",
    "dependency_failed",
    "invalid",
    "missing",
    "self_reference",
    "sql_failed",
    "too_large",
]


def invalid(message: str) -> QueryRequestError:
    """An expression that cannot be understood."""
    return QueryRequestError(message, "sse.parseError")


def missing(ref_id: str, needed: str) -> QueryRequestError:
    return QueryRequestError(
        f"expression [{ref_id}]: unable to find dependent node '{needed}'", "sse.missingQuery"
    )


def self_reference(ref_id: str) -> QueryRequestError:
    return QueryRequestError(
        f"expression '{ref_id}' cannot reference itself. Must be query or another expression",
        "sse.selfReference",
    )


def cyclic(ref_ids: list[str]) -> QueryRequestError:
    return QueryRequestError(
        f"expressions refer to each other in a circle (cyclic components): {' -> '.join(ref_ids)}",
        "sse.cyclicReference",
    )


def dependency_failed(ref_id: str, needed: str, error: HeadwaterError | None) -> QueryRequestError:
    """`needed` failed, so `ref_id` was not computed."""
    failed = QueryRequestError(
        f"did not execute expression [{ref_id}] due to a failure of the dependent expression or query "
        f"[{needed}]",
        "sse.dependencyError",
    )
    failed.__cause__ = error
    return failed


def conversion_failed(ref_id: str, reason: object) -> QueryRequestError:
    """The frames of `ref_id` are neither series nor numbers."""
    return QueryRequestError(f"[{ref_id}] got error: {reason}", "sse.readDataError")


def sql_failed(message: str) -> QueryRequestError:
    return QueryRequestError(message, "sse.sql.error")


def too_large(what: str) -> LimitExceededError:
    return LimitExceededError(what)
