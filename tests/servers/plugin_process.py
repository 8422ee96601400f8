"""A plugin process of ours, started and asked as Grafana does it, with gRPC's Python library on this side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from headwater_grafana.protocol import pluginv2_pb2 as pb
from headwater_grafana.protocol.handshake import COOKIE, Handshake
from headwater_grafana.protocol.services import UNLIMITED, Stub

_STOP_SECONDS = 10.0
HOUR = pb.TimeRange(from_epoch_ms=1_767_225_600_000, to_epoch_ms=1_767_229_200_000)


class PluginProcess:
    """`python -m headwater_grafana PLUGIN` with Grafana's environment, which is nearly empty. Ends with the
    `with` block."""

    def __init__(
        self,
        plugin_id: str,
        *,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        command: Sequence[str] | None = None,
    ) -> None:
        self.plugin_id = plugin_id
        self._log = tempfile.NamedTemporaryFile(prefix="headwater-plugin-", suffix=".log")  # noqa: SIM115 - ended by stop
        self.process = subprocess.Popen(
            command or [sys.executable, "-P", "-m", "headwater_grafana", plugin_id, *arguments],
            env=dict((COOKIE,)) if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        self.line: str = self.process.stdout.readline()
        """The first line of its standard output; empty if it has ended without one."""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return Path(self._log.name).read_text()

    @property
    def channel(self) -> grpc.Channel:
        if not hasattr(self, "_channel"):
            self._channel = grpc.insecure_channel(Handshake.parse(self.line).target, options=UNLIMITED)
        return self._channel

    def stub(self, service: str) -> Any:
        """The methods of a service, such as `pluginv2.Data`."""
        return Stub(self.channel, service)

    def context(self, secrets: Mapping[str, str] | None = None, **json_data: Any) -> pb.PluginContext:
        """What Grafana tells of a data source. Its id for the plugin is that of the packed folder."""
        described = json.dumps([json_data, dict(secrets or {})])
        settings = pb.DataSourceInstanceSettings(
            id=7,
            uid="u7",
            name="source",
            json_data=json.dumps(json_data).encode(),
            decrypted_secure_json_data=secrets or {},
            last_updated_ms=zlib.crc32(described.encode()),  # another version for other settings
        )
        return pb.PluginContext(
            org_id=1,
            plugin_id=f"headwater-{self.plugin_id}-datasource",
            user=pb.User(login="ada", name="Ada", email="ada@example.org", role="Editor"),
            data_source_instance_settings=settings,
            grafana_config={"GF_VERSION": "13.0.0"},
            user_agent="Grafana/13.0.0 (linux; amd64)",
        )

    def query(
        self, *queries: Mapping[str, Any], format_: int = pb.ARROW, context: pb.PluginContext | None = None
    ) -> pb.QueryDataRequest:
        """A request of these queries, ref ids A, B, …"""
        return pb.QueryDataRequest(
            plugin_context=context or self.context(),
            queries=[
                pb.DataQuery(
                    ref_id=chr(ord("A") + place),
                    max_data_points=100,
                    interval_ms=60_000,
                    time_range=HOUR,
                    json=json.dumps(each).encode(),
                )
                for place, each in enumerate(queries)
            ],
            format=format_,  # type: ignore[arg-type] # numbers that the enumeration lacks, too
        )

    def wait(self) -> int:
        """The exit status."""
        return self.process.wait(_STOP_SECONDS)

    def stop(self) -> None:
        if hasattr(self, "_channel"):
            self._channel.close()
        if self.process.poll() is None:
            os.kill(self.pid, 9)
            self.process.wait(_STOP_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
