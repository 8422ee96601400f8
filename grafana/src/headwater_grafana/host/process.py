"""`PluginProcess`: one run of a plugin's program, from its start to its end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from typing import IO

import grpc

from headwater.errors import PluginUnavailableError, ValidationError
from headwater_grafana.protocol import go_plugin_pb2, health_pb2
from headwater_grafana.protocol.handshake import (
    COOKIE,
    PROTOCOL_VERSIONS,
    SOCKET_DIRECTORY,
    Handshake,
    HandshakeError,
)
from headwater_grafana.protocol.services import IN_CALLERS_THREAD, UNLIMITED, Stub

from .guardian import Guardian
from .limits import ProcessLimits
from .output import Lines, PluginLog
from .private_folder import PrivateFolder

_READ_BYTES = 64 * 1024
_STOP_SECONDS = 2.0
_LOOK_SECONDS = 0.5
_LAST_BREATH_SECONDS = 0.2
_SILENT_SECONDS = 10.0
_LAST_WORDS = 500
_PINGS, _PING_SECONDS = 5, 0.1
_PORTS = {"PLUGIN_MIN_PORT": "10000", "PLUGIN_MAX_PORT": "25000"}


class PluginProcess:
    """Starts at once, in a thread that lives as long as the process: a plugin is killed when the thread that
    started it ends. `ready` ends with the channel, or with PluginUnavailableError.

    The process leads a group of its own, which is killed with it. Its sockets and temporary files are in a
    folder that nobody else may enter: secrets cross those sockets in clear.

    `attached`: the program only says where a plugin of somebody else's listens, which is not asked to end and
    may be silent as long as it likes.
    """

    def __init__(
        self,
        plugin_id: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        limits: ProcessLimits,
        start_timeout: float,
        log: PluginLog,
        attached: bool = False,
    ) -> None:
        self.plugin_id = plugin_id
        self.ready: Future[grpc.Channel] = Future()
        self.started: float = time.monotonic()
        self.end_is_counted = False
        """By the supervisor, once."""
        self._command = command
        self._environment = environment
        self._limits = limits
        self._deadline = self.started + start_timeout
        self._start_timeout = start_timeout
        self._log = log
        self._attached = attached
        self._ended = threading.Event()
        self._calls: set[object] = set()
        self._heard = self.started
        self._suspected = self._silent = self._stopping = False
        self._popen: subprocess.Popen[bytes] | None = None
        self._channel: grpc.Channel | None = None
        self._folder: PrivateFolder | None = None
        self._guardian: Guardian | None = None
        self._last_words = ""
        self._thread = threading.Thread(target=self._run, name=f"headwater-plugin-{plugin_id}", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """None before it has started."""
        return None if self._popen is None else self._popen.pid

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @property
    def how_it_ended(self) -> str:
        """`exited with status 3`, `was killed by SIGSEGV`; what it said last, if it did not end well."""
        status = None if self._popen is None else self._popen.returncode
        if status is None:
            return "did not start"
        if status == -signal.SIGKILL and self._silent:
            return f"did not answer for {_SILENT_SECONDS:g} s and was killed"
        if status < 0:
            return f"was killed by {_signal_name(-status)}"
        said = f": {self._last_words.rstrip('.')}" if status and self._last_words else ""
        return f"exited with status {status}{said}"

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within `seconds`."""
        return self._ended.wait(seconds)

    def stop(self) -> None:
        """Ask it to end, and kill it if it has not after two seconds."""
        self._stopping = True
        channel = self._channel
        if channel is not None and not (self._attached or self.ended):
            with suppress(grpc.RpcError, ValueError):
                Stub(channel, "plugin.GRPCController").shutdown(go_plugin_pb2.Empty(), timeout=_STOP_SECONDS)
            self.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process and everything that it has started."""
        self._stopping = True
        while self._thread.is_alive() and not self._ended.is_set():
            self._kill_group()
            self._ended.wait(0.05)
        self._thread.join(_STOP_SECONDS)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """While a call goes on. When none gets an answer for long, the process is suspected."""
        call = object()
        if not self._calls:
            self.heard()
        self._calls.add(call)
        try:
            yield
        finally:
            self._calls.discard(call)

    def heard(self) -> None:
        """A call has an answer, or a part of one."""
        self._heard = time.monotonic()

    def suspect(self) -> None:
        """Have it killed unless it answers a ping: a call has waited for it in vain. Does not wait for that.

        It may be there and yet answer nobody any more: stopped, or short of memory or threads.
        """
        if not (self._attached or self._suspected or self.ended) and self.ready.done():
            self._suspected = True
            threading.Thread(target=self._examine, name=f"{self._thread.name}-ping", daemon=True).start()

    # --- in its thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._start()
            self._watch()
        except (PluginUnavailableError, ValidationError) as error:
            self._fail_start(error)
        except BaseException as error:
            failed = PluginUnavailableError(
                f"The process of plugin {self.plugin_id!r} cannot be started "
                f"({type(error).__name__}: {error})."
            )
            failed.__cause__ = error
            self._fail_start(failed)
        finally:
            self._clean_up()

    def _start(self) -> None:
        self._folder = PrivateFolder()
        account = self._limits.account
        if account is not None:
            os.chown(self._folder.path, *account)
        self._popen = subprocess.Popen(
            self._limits.launching(self._command),
            env=self._whole_environment(self._folder.path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            cwd=self._folder.path,
        )
        self._guardian = Guardian(self._popen.pid)

    def _whole_environment(self, folder: str) -> dict[str, str]:
        # go-plugin's older versions do not know its variable for the folder of sockets, but TMPDIR.
        ours = {SOCKET_DIRECTORY: folder, "TMPDIR": folder, **_PORTS}
        return {**self._environment, **dict((COOKIE, PROTOCOL_VERSIONS)), **ours}

    def _watch(self) -> None:
        """Read what the process writes until it has ended: first the handshake."""
        popen = self._popen
        assert popen is not None
        assert popen.stdout is not None
        assert popen.stderr is not None
        lines = {popen.stdout: Lines(self._stdout), popen.stderr: Lines(self._stderr)}
        with selectors.DefaultSelector() as selector:
            for pipe in lines:
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map() or not _has_ended(popen):
                events = selector.select(_LOOK_SECONDS) if selector.get_map() else _pause()
                for key, _ in events:
                    self._read(key.fileobj, lines, selector)  # type: ignore[arg-type]
                if not events and _has_ended(popen):
                    break  # a process that it has started holds the pipes
                if not self.ready.done() and time.monotonic() > self._deadline:
                    raise self._unavailable(f"did not say where it listens within {self._start_timeout:g} s")
                if self._calls and time.monotonic() - self._heard > _SILENT_SECONDS:
                    self.heard()  # or the next round would ping it again
                    self.suspect()
        for each in lines.values():
            each.end()

    def _read(
        self, pipe: IO[bytes], lines: Mapping[IO[bytes], Lines], selector: selectors.BaseSelector
    ) -> None:
        data = os.read(pipe.fileno(), _READ_BYTES)
        if data:
            lines[pipe].feed(data)
        else:
            selector.unregister(pipe)

    def _stderr(self, line: str) -> None:
        self._last_words = self._log.stderr(line)[-_LAST_WORDS:] or self._last_words

    def _stdout(self, line: str) -> None:
        if self._channel is not None or self.ready.done():
            self._log.stdout(line)
            return
        try:
            handshake = Handshake.parse(line)
        except HandshakeError as error:
            self._log.stdout(line)
            raise self._unavailable(f"began with a line that cannot be used, because {error}") from error
        self._channel = grpc.insecure_channel(handshake.target, options=(*UNLIMITED, *IN_CALLERS_THREAD))
        # Meanwhile its output has to be read, or a chatty plugin would wait for us as we for it.
        threading.Thread(
            target=self._connect, args=(self._channel,), name=f"{self._thread.name}-output", daemon=True
        ).start()

    def _connect(self, channel: grpc.Channel) -> None:
        try:
            self._ping(channel)
        except grpc.RpcError as error:
            if not self.wait(_LAST_BREATH_SECONDS):  # its end would say more
                self._fail_start(self._unavailable(f"does not answer ({error.code().name.lower()})"))
        except PluginUnavailableError as error:
            self._fail_start(error)
        else:
            with suppress(InvalidStateError):
                self.ready.set_result(channel)
            self._hear(channel)

    def _hear(self, channel: grpc.Channel) -> None:
        """What is printed after the handshake comes over gRPC; until it is read, go-plugin may hold up who
        prints."""
        heard = {
            go_plugin_pb2.StdioData.STDOUT: Lines(self._log.stdout),
            go_plugin_pb2.StdioData.STDERR: Lines(self._stderr),
        }
        try:
            for piece in Stub(channel, "plugin.GRPCStdio").stream_stdio(go_plugin_pb2.Empty()):
                if (lines := heard.get(piece.channel)) is not None:
                    lines.feed(piece.data)
        except (grpc.RpcError, ValueError):  # it has no such service, or has ended
            pass
        for each in heard.values():
            each.end()

    def _ping(self, channel: grpc.Channel) -> None:
        """Raises RpcError, and PluginUnavailableError for a wrong answer."""
        for tries_left in reversed(range(_PINGS)):
            try:
                answer = _check(channel, max(self._deadline - time.monotonic(), _LAST_BREATH_SECONDS))
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or not tries_left:
                    raise
                time.sleep(_PING_SECONDS)
            else:
                if answer.status != health_pb2.HealthCheckResponse.SERVING:
                    raise self._unavailable("says that it does not serve")
                return

    def _examine(self) -> None:
        channel = self._channel
        assert channel is not None
        try:
            _check(channel, _SILENT_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._silent = True
                self._kill_group()
        except ValueError:  # the channel has been closed: the process has ended
            pass
        finally:
            self._suspected = False

    def _fail_start(self, error: BaseException) -> None:
        self._stopping = True
        self._give_up(error)
        self._kill_group()

    def _give_up(self, error: BaseException) -> None:
        with suppress(InvalidStateError):
            self.ready.set_exception(error)

    def _clean_up(self) -> None:
        if self._popen is not None:
            self._kill_group()
            self._popen.wait()
            for pipe in (self._popen.stdout, self._popen.stderr):
                assert pipe is not None
                pipe.close()
        if self._guardian is not None:
            self._guardian.dismiss()
        self._ended.set()
        self._give_up(self._unavailable(f"{self.how_it_ended} before it could be asked"))
        if self._channel is not None:
            self._channel.close()
        if self._folder is not None:
            self._folder.remove()
        if not self._stopping:
            self._log.ended(self.how_it_ended)

    def _kill_group(self) -> None:
        """While the process has not been waited for, nobody else has its number."""
        if self._popen is not None and self._popen.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)

    def _unavailable(self, what: str) -> PluginUnavailableError:
        return PluginUnavailableError(f"The process of plugin {self.plugin_id!r} {what}.")


def _check(channel: grpc.Channel, seconds: float) -> health_pb2.HealthCheckResponse:
    """go-plugin's ping. Raises RpcError."""
    asked = health_pb2.HealthCheckRequest(service="plugin")
    answer: health_pb2.HealthCheckResponse = Stub(channel, "grpc.health.v1.Health").check(
        asked, timeout=seconds
    )
    return answer


def _has_ended(popen: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it stays to be waited for, so that its group can be killed."""
    return os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _pause() -> list[tuple[selectors.SelectorKey, int]]:
    time.sleep(_LOOK_SECONDS)
    return []


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
