"""Who waits for a call gets what it gives, and nothing else ends the wait."""

from __future__ import annotations

import pytest

from headwater.calls import CallContext, CallRunner, WorkerPool
from headwater.models import PluginContext


def test_a_timeout_that_a_call_raises_ends_the_wait_for_it() -> None:
    """Whoever waits looks up now and then, and must not take the call's error for a look."""
    runner = CallRunner(WorkerPool(), lambda _plugin_context: None)
    context = CallContext()

    def call() -> None:
        raise TimeoutError("the socket was silent")

    with pytest.raises(TimeoutError, match="the socket was silent"):
        runner.wait(lambda: runner.start(call, context, PluginContext(plugin_id="x")), context)
