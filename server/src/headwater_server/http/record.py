"""What is remembered of one request for logs, metrics and the audit log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import define, evolve, field

from headwater.errors import HeadwaterError
from headwater_server.audit import AuditEvent
from headwater_server.auth import PermissionDeniedError


@define
class RequestRecord:
    """`status` is 0 until an answer has begun."""

    request_id: str
    address: str
    route: str = "unknown"
    who: str = ""
    status: int = 0
    bytes: int = 0
    cancelled: bool = False
    started: float = field(factory=time.perf_counter)
    events: dict[str, AuditEvent] = field(factory=dict)
    _rows: Mapping[str, int] = field(factory=dict, init=False)
    _errors: Mapping[str, HeadwaterError] = field(factory=dict, init=False)

    def add_event(
        self, action: str, *, data_source: str = "", query_hash: str = "", ref_id: str = ""
    ) -> None:
        """Remember an event for the audit log; how it ended is filled in at the end of the request.

        A request has one event, or one for each ref id.
        """
        self.events[ref_id] = AuditEvent(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            request_id=self.request_id,
            who=self.who,
            address=self.address,
            action=action,
            data_source=data_source,
            query_hash=query_hash,
        )

    def count(self, rows: Mapping[str, int], errors: Mapping[str, HeadwaterError]) -> None:
        """Give the rows that each ref id brings, and what some fail with. Both may be filled until the end:
        of an answer that its client left, what had been made by then is counted."""
        self._rows, self._errors = rows, errors

    def audit_events(self) -> list[AuditEvent]:
        """The events with their end. A request that was refused is an event of its own."""
        if not self.events and (self.status in (401, 403) or self._is_denied("")):
            self.add_event(self.route)
        return [
            evolve(
                event,
                rows=self._rows.get(ref_id, 0),
                bytes=self.bytes,
                ms=round(self.milliseconds, 3),
                status=self.status,
                outcome=self._outcome(ref_id),
            )
            for ref_id, event in self.events.items()
        ]

    @property
    def milliseconds(self) -> float:
        return 1000 * (time.perf_counter() - self.started)

    def _is_denied(self, ref_id: str) -> bool:
        return isinstance(self._errors.get(ref_id), PermissionDeniedError)

    def _outcome(self, ref_id: str) -> str:
        if self._is_denied(ref_id):
            return "denied"
        error = self._errors.get(ref_id)
        if error is not None and error.status != 499:
            return "error"
        if error is not None or self.cancelled or self.status == 499:
            return "cancelled"
        if self.status in (401, 403):
            return "denied"
        if self._errors and ref_id in self._rows:
            return "ok"  # the status is that of its neighbours
        return "error" if self.status >= 400 or self.status == 0 else "ok"
