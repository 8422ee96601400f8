"""`SecretFailures`: tells operators of stored secrets that cannot be opened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from headwater.secrets import FieldState
from headwater_server.audit import AuditEvent, AuditLog
from headwater_server.metrics import HostMetrics

_AUDIT_SECONDS = 3600.0


class SecretFailures:
    """Counts each time that a secret is needed and cannot be opened; audits the same one once an hour.
    Thread-safe."""

    def __init__(
        self, metrics: HostMetrics, audit: AuditLog, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._audit = audit
        self._clock = clock
        self._lock = threading.Lock()  # guards when each failure was audited last
        self._audited: dict[tuple[str, str], float] = {}

    def record(self, uid: str, field: FieldState) -> None:
        self._metrics.secrets_decrypt_failures.labels(field.state.value).inc()
        if self._is_new((uid, field.name)):
            self._audit.write(
                AuditEvent(
                    time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    request_id="",
                    who="",
                    address="",
                    action="secrets:open",
                    data_source=uid,
                    detail=str(field),
                    outcome="error",
                )
            )

    def _is_new(self, secret: tuple[str, str]) -> bool:
        with self._lock:
            now = self._clock()
            recent = {each: at for each, at in self._audited.items() if now - at < _AUDIT_SECONDS}
            is_new = secret not in recent
            self._audited = recent | ({secret: now} if is_new else {})
            return is_new
