"""`PluginFolders`: all plugins that Grafana has installed below a folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from headwater.errors import ValidationError
from headwater.plugins import PluginRecord, PluginState, Target

from .folder import PluginFolder
from .limits import ProcessLimits
from .plugin import ProcessPlugin
from .record import ProcessRecord, names


@frozen
class PluginFolders:
    """The plugins in the folders below `path`, each in a process of its own.

    ```python
    folders = PluginFolders("/var/lib/grafana/plugins", allow_unsigned={"acme-thing-datasource"})
    headwater = Headwater(plugin_sources=[folders])
    ```

    Signatures are not checked, so `allow_unsigned` names each plugin that may run. `limits` are of each
    process, `limits_of` of those with an entry of their own; `environment` is what they get beside proxies.
    """

    path: Path = field(converter=Path)
    allow_unsigned: Collection[str] = field(default=(), converter=names)
    limits: ProcessLimits | None = None
    limits_of: Mapping[str, ProcessLimits] = {}
    environment: Mapping[str, str] = {}
    logger: Any = None

    def records(self, found: Sequence[PluginRecord]) -> list[PluginRecord]:
        """`found` and the plugins of the folders."""
        return [*found, *(self._record(folder) for folder in self._folders())]

    def _folders(self) -> Iterable[Path]:
        try:
            return sorted(each.parent for each in self.path.glob("*/plugin.json"))
        except OSError:
            return ()

    def _record(self, path: Path) -> PluginRecord:
        try:
            folder = PluginFolder.read(path)
        except ValidationError as error:
            return _unusable(path, path.name, "", PluginState.INVALID, str(error))
        if folder.info.id not in self.allow_unsigned:
            reason = f"it is {folder.signature}; name it in allow_unsigned to run it"
            return _unusable(path, folder.info.id, folder.info.version, PluginState.BLOCKED, reason)
        process = ProcessPlugin(
            folder.command,
            plugin_id=folder.info.id,
            info=folder.info,
            environment=self.environment,
            limits=self.limits_of.get(folder.info.id, self.limits),
            logger=self.logger,
        )
        return ProcessRecord(
            folder.info.id,
            process,
            entry_point=folder.command[0],
            distribution=str(path),
            version=folder.info.version,
            remark=f"it is {folder.signature}",
        )


def _unusable(path: Path, plugin_id: str, version: str, state: PluginState, reason: str) -> PluginRecord:
    return PluginRecord(
        plugin_id,
        entry_point=str(path),
        distribution=str(path),
        version=version,
        import_=lambda: None,
        state=state,
        reason=reason,
        target=Target.LOCAL,
    )
