"""`headwater health`: does the host on this machine answer. For container engines and service managers."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path
from typing import Any

import click

from headwater_server.settings.serving import SERVING

from .configured import ConfiguredCommand
from .failures import CONNECTION

_WHERE = ("listen_host", "listen_port", "unix_socket", "tls_cert")
_REMEDY = "Start it with `headwater serve`, or say where it listens: see `headwater health --help`."
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}  # noqa: S104 - nothing is bound


@click.command(cls=ConfiguredCommand, params=[each for each in SERVING if each.key in _WHERE])
@click.option("--ready", is_flag=True, help="Ask whether it is ready to serve, not only whether it lives.")
@click.option("--timeout", default=4.0, show_default=True, help="Seconds to wait for the answer.")
@click.pass_context
def health(context: click.Context, /, ready: bool, timeout: float, **options: Any) -> None:
    """Ask the host on this machine whether it answers.

    It is looked for where `serve` listens with the same settings. Prints what it says; exits with 4 if it
    does not answer, or says no.
    """
    connection = _connection(options, timeout)
    try:
        connection.request("GET", "/readyz" if ready else "/healthz")
        answer = connection.getresponse()
        said = answer.read(65_536).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or error
        raise _NoAnswerError(f"The host does not answer: {reason}\n{_REMEDY}") from None
    finally:
        connection.close()
    click.echo(said)
    context.exit(0 if answer.status == 200 else CONNECTION)


class _NoAnswerError(click.ClickException):
    exit_code = CONNECTION


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _connection(options: dict[str, Any], timeout: float) -> http.client.HTTPConnection:
    if options["unix_socket"] is not None:
        return _UnixConnection(options["unix_socket"], timeout)
    host = _EVERYWHERE.get(options["host"], options["host"].strip("[]"))
    if options["tls_cert"] is None:
        return http.client.HTTPConnection(host, options["port"], timeout=timeout)
    own = ssl.create_default_context()
    own.check_hostname = False  # the certificate is for the public name, and this is the same machine
    own.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, options["port"], timeout=timeout, context=own)
