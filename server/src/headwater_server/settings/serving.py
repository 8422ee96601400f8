"""Settings of `headwater serve`."""

from __future__ import annotations

from pathlib import Path

import click

from . import values
from .common import ISOLATE
from .setting import Setting

_FILE = click.Path(path_type=Path, dir_okay=False)

SERVING = (
    Setting(
        ["--host"], key="listen_host", default="127.0.0.1", show_default=True, help="Address to listen on."
    ),
    Setting(
        ["--port"],
        key="listen_port",  # not `port`: Kubernetes sets that variable beside a service of our name
        default=3000,
        show_default=True,
        type=click.IntRange(0, 65535),
        help="0 for any.",
    ),
    Setting(["--unix-socket"], type=_FILE, help="Listen on a Unix socket instead."),
    Setting(["--tls-cert"], type=_FILE, help="Certificate chain, PEM."),
    Setting(["--tls-key"], type=_FILE, help="Its private key, PEM."),
    Setting(["--allow-plain-http"], is_flag=True, help="Listen beyond loopback without TLS."),
    Setting(
        ["--trusted-proxy", "trusted_proxies"],
        multiple=True,
        metavar="ADDRESS",
        help="A proxy whose X-Forwarded headers are believed.",
    ),
    Setting(
        ["--allowed-host", "allowed_hosts"],
        multiple=True,
        metavar="NAME",
        help="A name by which clients may call; on loopback, loopback's own names by default.",
    ),
    Setting(
        ["--cors-origin", "cors_origins"],
        multiple=True,
        metavar="ORIGIN",
        callback=values.origins,
        help="An origin whose pages may call the API from a browser, such as https://app.example.org. "
        "None by default.",
    ),
    Setting(
        ["--admin-password-file"],
        type=click.Path(dir_okay=False, allow_dash=True),
        metavar="FILE",
        help="Turns on basic auth for user `admin`.",
    ),
    Setting(
        ["--anonymous"],
        metavar="ROLE",
        callback=values.role,
        help="What callers without credentials may do: viewer, …",
    ),
    Setting(
        ["--provisioning"],
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        help="Data sources to apply at start: files (YAML, TOML, JSON), or folders of them.",
    ),
    ISOLATE,
    Setting(
        ["--allow-addresses"],
        metavar="CIDR[,…]",
        callback=values.networks,
        help="Data sources may have these addresses too, refused by default: link-local ones, say.",
    ),
    Setting(
        ["--deny-addresses"],
        metavar="CIDR[,…]",
        callback=values.networks,
        help="Data sources may not have these addresses, whatever else is said.",
    ),
    Setting(
        ["--only-addresses"],
        metavar="CIDR[,…]",
        callback=values.networks,
        help="Data sources may have no addresses but these.",
    ),
    Setting(
        ["--cache-ttl"],
        default="0s",
        show_default=True,
        metavar="DURATION",
        callback=values.cache_rule,
        help="Remember answers for so long, where a data source has no rule of its own. 0s: do not.",
    ),
    Setting(
        ["--cache-memory"],
        default=64,
        show_default=True,
        type=click.IntRange(1),
        metavar="MIB",
        help="Memory for remembered answers, of each process.",
    ),
    Setting(
        ["--cache-url"],
        secret=True,
        metavar="URL",
        help="Keep remembered answers in Valkey or Redis, for all hosts, encrypted: redis://…, rediss://…",
    ),
    Setting(["--audit-log"], type=_FILE, help="Append who did what to this file, as JSON lines."),
    Setting(
        ["--log-format"],
        type=click.Choice(["json", "console"]),
        is_eager=True,
        callback=values.log_format,
        help="json makes every line of stderr JSON. Default: console on a terminal, "
        "else events as JSON and what start and end say as text.",
    ),
    Setting(
        ["--log-level"],
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        show_default=True,
        help="The least that is logged.",
    ),
    Setting(["--multi-status"], is_flag=True, help="Answer 207, not 400, when some query failed."),
    Setting(["--protect-metrics"], is_flag=True, help="/metrics needs credentials."),
    Setting(
        ["--degraded"],
        is_flag=True,
        help="Serve even while the active encryption key is missing or wrong.",
    ),
    Setting(
        ["--root-url"],
        default="",
        callback=values.web_address,
        help="The address that users see, with the path under which a proxy has it.",
    ),
    Setting(
        ["--drain-timeout"],
        default=30.0,
        show_default=True,
        help="Seconds that requests have to end.",
    ),
    Setting(
        ["--workers"],
        default="1",
        show_default=True,
        type=values.TextOrNumber(),
        metavar="NUMBER|auto",
        callback=values.worker_count,
        help="Processes that answer; `auto`: one for each core. Limits for callers hold in each of them.",
    ),
    Setting(
        ["--reload"],
        is_flag=True,
        help="While developing: start anew when a plugin's file changes, "
        "of one file or of an editable package.",
    ),
    Setting(
        ["--flight", "flight_port"],
        type=click.IntRange(1, 65535),
        metavar="PORT",
        help="Also serve Arrow Flight SQL on this port, to the same callers. "
        "Needs headwater-engines[flight].",
    ),
    Setting(
        ["--flight-location", "flight_locations"],
        multiple=True,
        metavar="URI",
        help="Where clients may read what this host planned, such as grpc+tls://data-2:8815. Default: here.",
    ),
)
