"""From a request to outcomes by ref id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily

if TYPE_CHECKING:
    from .answer_cache.cache import AnswerCache as AnswerCache
    from .answer_cache.kept import AnswerStore as AnswerStore, Hit as Hit, KeptAnswer as KeptAnswer
    from .answer_cache.memory import MemoryAnswerStore as MemoryAnswerStore
    from .answer_cache.redis import RedisAnswerStore as RedisAnswerStore
    from .answer_cache.rules import CacheRule as CacheRule
    from .chunks import stream_of as stream_of
    from .filters import expression_of as expression_of, filters_of as filters_of
    from .options import QueryOptions as QueryOptions
    from .read_tasks import ReadTask as ReadTask, ReadTasks as ReadTasks, TaskReader as TaskReader
    from .request import (
        DataSourceRef as DataSourceRef,
        MetricQuery as MetricQuery,
        parse_metric_request as parse_metric_request,
    )
    from .service import QueryService as QueryService

_MODULES = {
    "answer_cache.cache": ("AnswerCache",),
    "answer_cache.kept": ("AnswerStore", "Hit", "KeptAnswer"),
    "answer_cache.memory": ("MemoryAnswerStore",),
    "answer_cache.redis": ("RedisAnswerStore",),
    "answer_cache.rules": ("CacheRule",),
    "chunks": ("stream_of",),
    "filters": ("expression_of", "filters_of"),
    "options": ("QueryOptions",),
    "read_tasks": ("ReadTask", "ReadTasks", "TaskReader"),
    "request": ("DataSourceRef", "MetricQuery", "parse_metric_request"),
    "service": ("QueryService",),
}  # fmt: skip

__all__ = [name for names in _MODULES.values() for name in names]

load_lazily(__name__, _MODULES)
