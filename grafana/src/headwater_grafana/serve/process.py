"""`serve_plugin`: the life of a plugin process, from the handshake to its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import IO, TYPE_CHECKING, NoReturn

from headwater.calls import WorkerPool
from headwater.frames import start_arrow_without_pandas
from headwater.plugins import CorePlugin, LoggingMiddleware, RedactionMiddleware, discover
from headwater.secrets import Redactor
from headwater_grafana.protocol.handshake import COOKIE, COOKIE_NAME, Handshake

from .logs import hclog_line, write_logs_to_stderr
from .metrics import RequestMetrics
from .stdio import CapturedOutput

if TYPE_CHECKING:
    from headwater.plugins import PluginRecord

    from .server import PluginServer

_GRACE_SECONDS = 1.5  # hosts kill two seconds after they have asked for the end
_LOOK_SECONDS = 1.0
_ADDRESS_VARIABLE = "GF_PLUGIN_GRPC_ADDRESS_"
_ANY_PORT = "127.0.0.1:0"


def serve_plugin(plugin_id: str, *, standalone: bool = False) -> NoReturn:
    """Serve the installed plugin `plugin_id` to the process that has started this one, until that ends it.

    `standalone` listens on TCP, for a host that is told the address, to debug a plugin: at the address in
    `GF_PLUGIN_GRPC_ADDRESS_` and the id in upper case with `_` for `-`, or at any free port of loopback.
    """
    if not standalone and os.environ.get(COOKIE_NAME) != COOKIE[1]:
        _refuse("This is a plugin: Grafana or headwater starts it. To debug it by itself, give --standalone.")
    parent = None if standalone else os.getppid()
    redactor, ending = Redactor(), threading.Event()
    _heed_signals(ending, standalone=standalone)
    output = None if standalone else CapturedOutput.capture(redactor)
    write_logs_to_stderr(redactor)
    record = _installed(plugin_id)
    workers, metrics = WorkerPool("headwater-call"), RequestMetrics()
    plugin = CorePlugin(
        plugin_id,
        record.load,
        version=record.version,
        middlewares=(metrics, RedactionMiddleware(redactor), LoggingMiddleware()),
    )
    # gRPC writes lines of its own to stderr, which hosts would take for the plugin's.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from .calls import PluginCalls
    from .server import PluginServer

    server = PluginServer(
        PluginCalls(plugin, redactor, workers), metrics, workers, output=output, shut_down=ending.set
    )
    start_arrow_without_pandas()
    handshake = _listen(server, _standalone_address(plugin_id) if standalone else "")
    if output is not None:
        _announce(output.handshake, handshake.line)
    else:
        print(f"{plugin_id} listens on {handshake.address}", flush=True)
    workers.submit(_warm_up, plugin)
    _wait(ending, parent, server)
    if output is not None:
        output.release()  # or the end would wait for the call that reads it
    server.stop(_GRACE_SECONDS)
    sys.stderr.flush()
    os._exit(0)  # a driver's thread that never returns must not keep the process


def _installed(plugin_id: str) -> PluginRecord:
    records = [each for each in discover(allow={plugin_id}) if each.plugin_id == plugin_id]
    usable = next((each for each in records if each.usable), None)
    if usable is None:
        _refuse(records[0].explanation if records else f"No plugin {plugin_id!r} is installed here.")
    return usable


def _standalone_address(plugin_id: str) -> str:
    name = plugin_id.upper().replace("-", "_")
    address = os.environ.get(_ADDRESS_VARIABLE + name) or _ANY_PORT
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and int(port) < 2**16):  # gRPC would take the rest of a larger one
        _refuse(f"{_ADDRESS_VARIABLE}{name} is {address!r}, and not an address such as 127.0.0.1:10001.")
    return address


def _listen(server: PluginServer, address: str) -> Handshake:
    try:
        return server.listen(address)
    except RuntimeError:  # gRPC's, which does not say why
        _refuse(f"It cannot listen on {address or 'a socket'}; something else may.")


def _announce(stdout: IO[str], line: str) -> None:
    """Hosts wait for this line and take nothing else on standard output."""
    stdout.write(line)
    stdout.flush()


def _warm_up(plugin: CorePlugin) -> None:
    """Import, while the host connects, what the first query needs.

    What fails here fails again at a call, where there is somebody to tell.
    """
    plugin.start()


def _heed_signals(ending: threading.Event, *, standalone: bool) -> None:
    """Ctrl-C in a host's terminal reaches its plugins, too; there it is the host's to handle."""
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    signal.signal(signal.SIGINT, (lambda *_: ending.set()) if standalone else signal.SIG_IGN)


def _wait(ending: threading.Event, parent: int | None, server: PluginServer) -> None:
    """Until the end is asked for, or the host, `parent`, is no more."""
    while not ending.wait(_LOOK_SECONDS):
        if parent is not None and os.getppid() != parent:
            return
        if not server.hears:
            os.write(2, b"The plugin's process can take no more calls, and ends.\n")
            os._exit(1)


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(hclog_line("error", message) + "\n")
    sys.exit(1)
