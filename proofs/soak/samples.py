"""What a host's process holds while it is under load, and at rest."""

from __future__ import annotations

import threading
import time

from attrs import define, field

from chaos.hosts import descriptors, memory, threads


@define
class Samples:
    """Of the host's process, each second of load: MB, threads, descriptors. And MB at each rest."""

    pid: int
    resident: list[float] = field(factory=list)
    threads: list[int] = field(factory=list)
    descriptors: list[int] = field(factory=list)
    at_rest: list[float] = field(factory=list)

    def take(self, until: threading.Event) -> None:
        while not until.wait(1):
            self.resident.append(memory(self.pid, "VmRSS"))
            self.threads.append(threads(self.pid))
            self.descriptors.append(descriptors(self.pid))

    def rest(self, seconds: float) -> None:
        time.sleep(seconds)
        self.at_rest.append(memory(self.pid, "VmRSS"))
