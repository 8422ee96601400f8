"""Named queries: questions that somebody wrote, for others to ask with values of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily

if TYPE_CHECKING:
    from .json_form import (
        named_query_from as named_query_from,
        named_query_to as named_query_to,
        runners_form as runners_form,
    )
    from .json_schema import parameters_schema as parameters_schema
    from .limits import limited as limited
    from .model import NamedQuery as NamedQuery, NamedQueryLimits as NamedQueryLimits
    from .parameters import (
        REQUIRED as REQUIRED,
        Parameter as Parameter,
        ParameterType as ParameterType,
    )
    from .provisioning import (
        NamedQueryPlan as NamedQueryPlan,
        apply_named_queries as apply_named_queries,
        read_named_queries as read_named_queries,
    )
    from .running import PreparedQuery as PreparedQuery
    from .service import NamedQueries as NamedQueries
    from .store import (
        KEPT_VERSIONS as KEPT_VERSIONS,
        MemoryNamedQueryStore as MemoryNamedQueryStore,
        NamedQueryStore as NamedQueryStore,
        check_next as check_next,
        not_found as not_found,
    )
    from .stubs import stubs_of as stubs_of
    from .view import RunnersView as RunnersView

_MODULES = {
    "json_form": ("named_query_from", "named_query_to", "runners_form"),
    "json_schema": ("parameters_schema",),
    "limits": ("limited",),
    "model": ("NamedQuery", "NamedQueryLimits"),
    "parameters": ("Parameter", "ParameterType", "REQUIRED"),
    "provisioning": ("NamedQueryPlan", "apply_named_queries", "read_named_queries"),
    "running": ("PreparedQuery",),
    "service": ("NamedQueries",),
    "store": ("KEPT_VERSIONS", "MemoryNamedQueryStore", "NamedQueryStore", "check_next", "not_found"),
    "stubs": ("stubs_of",),
    "view": ("RunnersView",),
}  # fmt: skip

__all__ = [name for names in _MODULES.values() for name in names]

load_lazily(__name__, _MODULES)
