"""What is remembered of one request for logs, metrics and the audit log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import define, evolve, field

from headwater.errors import HeadwaterError
from headwater_server.audit import AuditRecord


@define
class RequestRecord:
    request_id: str
    address: str
    route: str = "unknown"
    who: str = ""
    status: int = 0
    bytes: int = 0
    cancelled: bool = False
    started: float = field(factory=time.perf_counter)
    deeds: dict[str, AuditRecord] = field(factory=dict)

    def note(self, action: str, *, data_source: str = "", query_hash: str = "", ref_id: str = "") -> None:
        """Remember a deed for the audit log; how it ended is filled in at the end of the request.

        A request has one deed, or one for each ref id.
        """
        self.deeds[ref_id] = AuditRecord(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            request_id=self.request_id,
            who=self.who,
            address=self.address,
            action=action,
            data_source=data_source,
            query_hash=query_hash,
        )

    def count(self, rows: Mapping[str, int], errors: Mapping[str, HeadwaterError]) -> None:
        """Fill in the rows that each ref id brought, and what some failed with."""
        for ref_id, count in rows.items():
            if ref_id in self.deeds:
                self.deeds[ref_id] = evolve(
                    self.deeds[ref_id], rows=count, outcome=_outcome(errors.get(ref_id))
                )

    def finished(self) -> list[AuditRecord]:
        """The deeds with their end. A request that was refused is a deed of its own."""
        if not self.deeds and self.status in (401, 403):
            self.note(self.route)
        return [
            evolve(
                deed,
                bytes=self.bytes,
                ms=round(self.milliseconds, 3),
                status=self.status,
                outcome=deed.outcome if deed.outcome != "ok" else self.outcome,
            )
            for deed in self.deeds.values()
        ]

    @property
    def milliseconds(self) -> float:
        return 1000 * (time.perf_counter() - self.started)

    @property
    def outcome(self) -> str:
        if self.cancelled or self.status == 499:
            return "cancelled"
        if self.status in (401, 403):
            return "denied"
        return "error" if self.status >= 400 or self.status == 0 else "ok"


def _outcome(error: HeadwaterError | None) -> str:
    if error is None:
        return "ok"
    return "cancelled" if error.status == 499 else "error"
