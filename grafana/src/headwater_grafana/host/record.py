"""`ProcessRecord`: a plugin in a process, as discovery lists it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from headwater.errors import HeadwaterError, PluginUnavailableError
from headwater.plugins import PluginRecord, PluginState, Target

from .plugin import ProcessPlugin


def names(given: Collection[str]) -> Collection[str]:
    """A text is one name, not the letters in which others may be found."""
    return {given} if isinstance(given, str) else given


class ProcessRecord(PluginRecord):
    """READY once its process answers. One that cannot be started is BROKEN, and tried again at its next use:
    what kept it from starting may pass. `remark` is its `reason` while it can be used."""

    def __init__(
        self,
        plugin_id: str,
        process: ProcessPlugin,
        *,
        entry_point: str,
        distribution: str,
        version: str,
        remark: str = "",
    ) -> None:
        super().__init__(
            plugin_id,
            entry_point=entry_point,
            distribution=distribution,
            version=version,
            import_=lambda: process,
            reason=remark,
            target=Target.LOCAL,
        )
        self._process = process
        self._remark = remark

    def load(self) -> object:
        """Start the process. Raises PluginUnavailableError."""
        if not self.usable and self.state is not PluginState.BROKEN:
            raise PluginUnavailableError(self.explanation)
        try:
            self._process.describe_plugin()
        except HeadwaterError as error:
            self.state, self.reason = PluginState.BROKEN, str(error)
            raise PluginUnavailableError(self.explanation, retryable=error.retryable) from error
        self.state, self.reason = PluginState.READY, self._remark
        return self._process

    def close(self) -> None:
        self._process.stop_plugin()

    def on_restart(self, listener: Callable[[], object]) -> None:
        self._process.supervisor.on_restart(listener)
