"""The methods of `Headwater` that divide a result, and read its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from headwater.calls.context import CallContext
from headwater.errors import DataSourceNotFoundError
from headwater.models import Filter, User
from headwater.queries.options import QueryOptions
from headwater.queries.read_tasks import ReadTask, ReadTasks, plan, read as read_task

from .queries import QueryMethods

if TYPE_CHECKING:
    from headwater.datasources import DataSourceCache
    from headwater.frames import FrameStream


class ReadTaskMethods(QueryMethods):
    """What plans read tasks, and reads one that was planned here or elsewhere."""

    _cache: DataSourceCache

    def read_tasks(
        self,
        data_source: str,
        query: str | Mapping[str, Any] = "",
        *,
        target: int = 8,
        columns: Sequence[str] | None = None,
        filters: Sequence[Filter] = (),
        **options: Unpack[QueryOptions],
    ) -> ReadTasks:
        """Divide the result of one query into about `target` tasks that other processes can read.

        `columns` are those that the tasks return, all without. `filters` are pushed down as far as the plugin
        applies them exactly; the answer's `unhandled_filters` are left to the reader. Options as for
        `query`; times become absolute, and `params` has to be what JSON can hold.

        A result that its plugin cannot divide is one task. Raises the query's error; QueryError for a column
        that the result lacks.
        """
        with self._query_context(options, self.limits.timeout) as context:
            asked = self._asked(data_source, query, options)
            return plan(self.query_service, self.registry, asked, target, columns, filters, context)

    def read_task(
        self,
        task: ReadTask,
        *,
        timeout: float | None = None,
        context: CallContext | None = None,
        user: User | None = None,
    ) -> FrameStream:
        """The rows of a task of `read_tasks`, planned here or in another process; as `stream` reads them.

        `user` is who asks, as plugins see it.

        Raises ReadTaskError if the data source, its schema or a version has changed since;
        DataSourceNotFoundError if this host has none of its uid.
        """
        options: QueryOptions = {} if context is None else {"context": context}
        call = self._query_context(options, timeout)
        self._check_process()
        try:
            stored = self._cache.get_by_uid(task.data_source, skip_cache=True)
        except DataSourceNotFoundError:
            call.close()
            raise DataSourceNotFoundError(
                f"This host has no data source of the uid {task.data_source!r}, which the task reads."
            ) from None
        except BaseException:
            call.close()
            raise
        stream = read_task(self.query_service, self.registry, task, stored, call, self._kept, user)
        self._streams.add(stream)
        return stream
