"""Instances: built without I/O, independent, closed without a trace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

from headwater.host import Headwater
from headwater.testing.features import DataSourceConfig

from .base import ConformanceBase, eventually
from .mending import mend

_DISCARD_PORT = 9


class LifecycleChecks(ConformanceBase):
    @mend("source.__init__", "connect at the first query, not in the constructor")
    def test_building_an_instance_opens_nothing(self, headwater: Headwater, config: DataSourceConfig) -> None:
        """At a dead address only the first use may fail."""
        self.need("network")
        source = self.add(headwater, config, "dead", url=dead_address(config.url))
        self.build(headwater, source).close()

    @mend("source", "keep state in the instance, not in the class or the module; close() ends its own only")
    def test_two_data_sources_share_no_state(self, headwater: Headwater, config: DataSourceConfig) -> None:
        first, second = (self.add(headwater, config, name) for name in ("first", "second"))
        expected = self.ask(headwater, first, self.probes.simple)
        answer = self.ask(headwater, second, self.probes.simple)
        assert answer == expected, "Two data sources of the same settings answer differently"
        headwater.remove_data_source(first)
        self.answers(headwater, second, "after another data source was removed")

    @mend("plugin.build", "make a new instance for each version of a data source; keep none of your own")
    def test_an_edit_takes_effect_at_the_next_query(
        self, headwater: Headwater, config: DataSourceConfig
    ) -> None:
        self.need("network")
        source = self.add(headwater, config, "edited")
        self.ask(headwater, source, self.probes.simple)
        headwater.update_data_source(source, url=dead_address(config.url))
        self.error_of(headwater, source, self.probes.simple, "the URL is a dead one now")
        headwater.update_data_source(source, url=config.url)
        self.answers(headwater, source, "with its first URL again")

    @mend("source.close", "end there every thread, connection and file that the data source opened")
    def test_closing_the_host_leaves_no_thread_and_no_file_open(self, config: DataSourceConfig) -> None:
        """After a warm-up, because libraries keep pools of their own for the life of the process."""
        self._use_once(config)
        before = _settled_files()
        with _started_here() as started:
            self._use_once(config)
        assert eventually(lambda: not _running(started), self.deadline), (
            f"Threads were left running: {', '.join(_running(started))}"
        )
        assert eventually(lambda: len(_open_files()) <= len(before), self.deadline), (
            f"Files or sockets were left open: {', '.join(_added(before, _open_files()))}"
        )

    @mend("source.close", "it ends quietly, also unused and called twice")
    def test_an_instance_can_be_closed_unused_and_twice(self, headwater: Headwater, source: str) -> None:
        data_source = self.build(headwater, source)
        data_source.close()
        data_source.close()

    def _use_once(self, config: DataSourceConfig) -> None:
        with Headwater(allow_plugins={self.plugin_id}, plugin_sources=self.plugin_sources) as host:
            source = self.add(host, config, "once")
            self.ask(host, source, self.probes.simple)
            with self.stream(host, source, self.probes.rows(10)) as stream:
                next(stream)
            host.check_health(source, timeout=self.deadline)


@contextmanager
def _started_here() -> Iterator[set[threading.Thread]]:
    """The threads that this one starts within the block, and those that they start: of others, which other
    tests have left, some may begin meanwhile."""
    family, start = {threading.current_thread()}, threading.Thread.start

    def note(thread: threading.Thread) -> None:
        if threading.current_thread() in family:
            family.add(thread)
        start(thread)

    with mock.patch.object(threading.Thread, "start", note):
        yield family


def _running(threads: set[threading.Thread]) -> list[str]:
    """The names of those that live, without this one and those of the shared watchdog."""
    shared = ("headwater-watchdog", "headwater-deadline")
    others = threads - {threading.current_thread()}
    return sorted(each.name for each in others if each.is_alive() and not each.name.startswith(shared))


def _settled_files() -> dict[str, str]:
    """Those open after what is ending has ended."""
    fewest = _open_files()
    for _ in range(20):
        time.sleep(0.02)
        fewest = min(fewest, _open_files(), key=len)
    return fewest


def _open_files() -> dict[str, str]:
    """What this process has open, by descriptor: paths and sockets; of systems without /proc, nothing."""
    found = {}
    for descriptor in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):  # closed meanwhile
            found[descriptor.name] = str(descriptor.readlink())
    return found


def _added(before: dict[str, str], now: dict[str, str]) -> list[str]:
    return sorted(name for descriptor, name in now.items() if before.get(descriptor) != name)


def dead_address(url: str) -> str:
    """The same kind of address, where nobody listens."""
    scheme, separator, _ = url.partition("://")
    return f"{scheme}://127.0.0.1:{_DISCARD_PORT}" if separator else f"127.0.0.1:{_DISCARD_PORT}"
