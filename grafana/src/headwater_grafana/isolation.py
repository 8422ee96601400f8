"""`Isolation`: installed plugins in processes of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

from attrs import frozen

from headwater.plugins import PluginRecord, Target

from .host.limits import ProcessLimits
from .host.plugin import ProcessPlugin
from .host.record import ProcessRecord, names

ALL = "all"
#: What a Python program needs of the environment, beside the proxies that every plugin gets.
_NEEDED = ("PATH", "PYTHONPATH", "HOME", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@frozen
class Isolation:
    """Runs the plugins with ids in `plugins`, or all with `"all"`, in a process each.

    ```python
    headwater = Headwater(plugin_sources=[Isolation({"mysql"})])
    ```

    A driver that crashes then ends that process and nothing else. `limits` are of each process, `limits_of`
    of those with an entry of their own. `environment` is what drivers need of it, such as `AWS_PROFILE`.
    """

    plugins: Collection[str] = ALL
    limits: ProcessLimits | None = None
    limits_of: Mapping[str, ProcessLimits] = {}
    environment: Mapping[str, str] = {}
    logger: Any = None

    def records(self, found: list[PluginRecord]) -> list[PluginRecord]:
        """`found`, with those to isolate replaced."""
        return [self._isolated(each) if self._isolates(each) else each for each in found]

    def _isolates(self, record: PluginRecord) -> bool:
        # Ids such as `__expr__` are of plugins that work on the answers of others, in the host.
        own = record.plugin_id.startswith("__")
        named = self.plugins == ALL or record.plugin_id in names(self.plugins)
        return named and not own and record.usable and record.target is Target.IN_MEMORY

    def _isolated(self, record: PluginRecord) -> PluginRecord:
        environment = {name: os.environ[name] for name in _NEEDED if name in os.environ}
        process = ProcessPlugin(
            [sys.executable, "-P", "-m", "headwater_grafana", record.plugin_id],
            plugin_id=record.plugin_id,
            environment={**environment, **self.environment},
            limits=self.limits_of.get(record.plugin_id, self.limits),
            logger=self.logger,
        )
        return ProcessRecord(
            record.plugin_id,
            process,
            entry_point=record.entry_point,
            distribution=record.distribution,
            version=record.version,
        )
