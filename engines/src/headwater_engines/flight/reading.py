"""Rows on their way from a data source to a client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, Final

import pyarrow as pa
from pyarrow import flight

from headwater.calls import CallContext
from headwater.errors import HeadwaterError, HostExhaustedError, QueryCanceledError, describe
from headwater.frames import FrameStream
from headwater.logs import get_logger
from headwater.queries import ReadTask
from headwater.sdk import PrefetchQueue

from .access import Access, Call
from .errors import flight_error
from .named import NamedStatement, begin
from .statements import Statement
from .watching import CancelWatch

_AHEAD: Final = 2
"""Batches that are read while the one before is sent."""


class Reads:
    """The queries that clients are reading, each in a thread of Flight's and one of its own."""

    def __init__(self, access: Access) -> None:
        self.watch = CancelWatch()
        self._access = access
        self._lock = threading.Lock()  # guards the next
        self._running: dict[tuple[str, bytes], set[CallContext]] = {}

    def stream(
        self,
        server_call: flight.ServerCallContext,
        call: Call,
        handle: bytes,
        opened: Callable[[], Statement | NamedStatement | ReadTask],
    ) -> flight.GeneratorStream:
        """The rows of a ticket. The call is ended with them, or by an error before them."""
        batches = self._batches(server_call, call, handle, opened)
        return flight.GeneratorStream(next(batches), batches)

    def schema(self, call: Call, statement: Statement | NamedStatement) -> pa.Schema:
        """The schema of a statement's rows: the query is begun for it, and ended."""
        with closing(self._rows(call, statement)) as stream:
            return stream.schema

    def cancel(self, call: Call, handles: Iterable[bytes]) -> bool:
        """End what this host reads for `call`'s caller by these tickets. False if that is nothing."""
        with self._lock:
            keys = [(call.caller_id, handle) for handle in handles]
            running = [context for key in keys for context in self._running.get(key, ())]
        for context in running:
            context.cancel()
        return bool(running)

    def some_may_go_on(self) -> bool:
        """Whether there is a read that has not been cancelled."""
        with self._lock:
            running = [context for contexts in self._running.values() for context in contexts]
        return any(not context.cancelled for context in running)

    def close(self) -> None:
        self.watch.close()

    def _batches(
        self,
        server_call: flight.ServerCallContext,
        call: Call,
        handle: bytes,
        opened: Callable[[], Statement | NamedStatement | ReadTask],
    ) -> Generator[Any, None, None]:
        """First the schema, so that the call is ended however early the generator is closed."""
        stream: FrameStream | None = None
        failure: HeadwaterError | None = None
        try:
            with self.watch.over(server_call, call.context), self._noted(call, handle):
                stream = self._rows(call, opened())
                yield stream.schema
                queue = PrefetchQueue(
                    [stream], ahead=_AHEAD, interrupt=stream.cancel, name="headwater-flight"
                )
                with closing(stream), queue, call.context.on_cancel(partial(_end, queue, stream)):
                    for batch in queue:
                        yield pa.Table.from_batches([batch]) if _has_dictionary(batch.schema) else batch
                    call.context.check()  # a queue that was stopped has an end like any other
        except GeneratorExit:
            failure = QueryCanceledError("The client went away.")
            raise
        except BaseException as error:
            failure = self._explain(error)
            raise flight_error(failure) from None
        finally:
            if stream is None:
                call.end(failure)
            else:
                stream.close()
                call.end(failure, rows=stream.rows, size=stream.bytes)

    def _rows(self, call: Call, asked: Statement | NamedStatement | ReadTask) -> FrameStream:
        if isinstance(asked, ReadTask):
            call.note("datasources:query", asked.data_source, asked.query.json)
            return self._access.headwater.read_task(asked, context=call.context, user=call.user)
        if isinstance(asked, NamedStatement):
            run, prepared = begin(call, asked)
            call.note(f"queries:run:{asked.id}", run.named.data_source, prepared.query.query.json)
            return run.rows(prepared.query, call.context, call.user)
        call.note("datasources:query", asked.uid, asked.query)
        return self._access.rows(asked.metric_query(), call.context, call.user)

    def _explain(self, error: BaseException) -> HeadwaterError:
        if isinstance(error, QueryCanceledError) and self._access.closing:
            return HostExhaustedError("The host is shutting down.")
        if isinstance(error, HeadwaterError):
            return error
        get_logger("headwater.flight").error("A Flight stream failed.", exc_info=error)
        return describe(error) if isinstance(error, Exception) else HeadwaterError("The call was ended.")

    @contextmanager
    def _noted(self, call: Call, handle: bytes) -> Iterator[None]:
        """Keep the call among those that can be cancelled by their ticket."""
        key = call.caller_id, handle
        with self._lock:
            self._running.setdefault(key, set()).add(call.context)
        try:
            yield
        finally:
            with self._lock:
                self._running[key].discard(call.context)
                if not self._running[key]:
                    del self._running[key]


def _end(queue: PrefetchQueue[Any], stream: FrameStream) -> None:
    """Let go of the data source, though the thread that sends may be held up by its client."""
    queue.stop()
    stream.close()


def _has_dictionary(schema: pa.Schema) -> bool:
    return any(pa.types.is_dictionary(field.type) for field in schema)
