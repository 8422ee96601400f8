"""What the Flight server asks of the host that it runs in: who calls, what they may do, who is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from headwater import Headwater
from headwater.calls import CallContext
from headwater.errors import HeadwaterError
from headwater.frames import FrameStream
from headwater.models import User
from headwater.queries import MetricQuery
from headwater.queries.named import NamedQuery, PreparedQuery


class Run(Protocol):
    """What runs a named query for a caller."""

    @property
    def named(self) -> NamedQuery: ...

    def prepare(self, body: Mapping[str, Any], context: CallContext) -> PreparedQuery:
        """The query with the values, the range and the step of `body`, which is what a run over HTTP takes.

        Raises ValidationError.
        """

    def rows(self, query: MetricQuery, context: CallContext, user: User) -> FrameStream:
        """As `Access.rows`, within the named query's limits; it shows what the caller may see."""


class Call(Protocol):
    """One call of a client that is known. Whoever opened it ends it."""

    @property
    def caller_id(self) -> str:
        """Unique among callers."""

    @property
    def user(self) -> User:
        """The caller as plugins see it."""

    @property
    def context(self) -> CallContext:
        """Ends when the host shuts down, and after the host's time for such a call."""

    def may_query(self, uid: str) -> bool:
        """Whether the caller may query the data source `uid`."""

    def may_run(self, id: str) -> bool:  # noqa: A002
        """Whether the caller may run the named query `id`."""

    def run_of(self, id: str, *, fresh: bool = False) -> Run:  # noqa: A002
        """What runs the named query `id`, as the store has it now or had it a few seconds ago.

        Raises PermissionDeniedError, NamedQueryNotFoundError, StoreError.
        """

    def note(self, action: str, data_source: str = "", query: Mapping[str, object] | None = None) -> None:
        """For the audit log: what is done with the data source of this uid."""

    def end(self, error: HeadwaterError | None = None, *, rows: int = 0, size: int = 0) -> None:
        """The call is over, with `rows` rows in `size` bytes sent."""


class Access(Protocol):
    """Methods are called from any thread, and block."""

    @property
    def headwater(self) -> Headwater: ...

    @property
    def closing(self) -> bool:
        """Whether the host is shutting down: queries that are cut off then may be asked of another."""

    def check(self, authorization: str) -> None:
        """Raises AuthenticationError unless somebody is known by these credentials."""

    def open(self, method: str, headers: Mapping[str, str], peer: str, *, streams: bool) -> Call:
        """Begin a call. `headers` have lower-case names; `peer` is the client's address.

        `streams`: rows are sent while they arrive, for which there is more time.
        Raises the host's errors for callers that are not known, or call too often.
        """

    def rows(self, query: MetricQuery, context: CallContext, user: User) -> FrameStream:
        """The answer to a query as one stream of rows. Raises the query's error."""
