"""nginx as a proxy on a loopback port."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from servers.process import (
    C_LIBRARY,
    ServerProcess,
    accepts_connections,
    fetch_debian_packages,
    find_program,
    free_port,
    library_path,
)

_CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off; client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    {hosts}
    server {{ listen 127.0.0.1:{port}; {locations} }}
}}
"""
_LOCATION = """
location {path} {{
    proxy_pass {target}; proxy_http_version 1.1; proxy_buffering off; proxy_set_header Host $http_host;
}}
"""


_HOSTS = "upstream hosts {{ {servers} }} proxy_next_upstream error timeout http_502 http_503;"


@contextmanager
def start_nginx(
    locations: Mapping[str, str], port: int | None = None, hosts: Sequence[str] = ()
) -> Iterator[str]:
    """Passes each path on to its target, as `proxy_pass` says: a target that ends in a slash strips the path.

    The target `http://hosts` is each of `hosts`, such as 127.0.0.1:3000, in turn. Yields nginx's own address.
    """
    installed = find_program("nginx")
    program, environment = (installed, {}) if installed else _fetched()
    directory = Path(tempfile.mkdtemp(prefix="headwater-nginx-"))
    port = port or free_port()
    listed = "".join(_LOCATION.format(path=path, target=target) for path, target in locations.items())
    servers = " ".join(f"server {each} max_fails=1 fail_timeout=2s;" for each in hosts)
    (directory / "nginx.conf").write_text(
        _CONFIGURATION.format(
            port=port, locations=listed, hosts=_HOSTS.format(servers=servers) if hosts else ""
        )
    )
    command = [program, "-p", str(directory), "-c", "nginx.conf", "-e", "stderr"]
    process = ServerProcess(
        command, ready=lambda: accepts_connections(port), directory=directory, environment=environment
    )
    with process:
        yield f"http://127.0.0.1:{port}"


def _fetched() -> tuple[str, dict[str, str]]:
    root = fetch_debian_packages("nginx", ["nginx"], suite="", with_dependencies=True, skip=C_LIBRARY)
    return str(root / "usr/sbin/nginx"), library_path(root)
