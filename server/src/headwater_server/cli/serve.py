"""`headwater serve`: the HTTP API on a data directory."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from headwater_server.data_directory import DataDirectory
from headwater_server.settings.serving import SERVING
from headwater_server.settings.values import write_json_only

from .configured import ConfiguredCommand
from .failures import CONNECTION
from .inputs import read_text
from .location import pass_directory
from .workspace import open_headwater

if TYPE_CHECKING:
    from headwater import Headwater
    from headwater.datasources import ProvisioningReport
    from headwater.network import AddressPolicy
    from headwater.queries import AnswerCache
    from headwater_server.audit import AuditLog
    from headwater_server.auth import Authenticator
    from headwater_server.auth.oidc import SingleSignOn
    from headwater_server.http import HeadwaterApp
    from headwater_server.http.app import Service
    from headwater_server.serving import ListenOptions
    from headwater_server.serving.logs import LogFormat
    from headwater_server.serving.workers import Changes


@click.command(cls=ConfiguredCommand, params=list(SERVING))
@pass_directory
def serve(directory: DataDirectory, /, **options: Any) -> None:
    """Serve the HTTP API, with Grafana's paths.

    Listens on loopback. The first start makes an admin token and prints it, once. SIGTERM ends it: running
    requests may finish, and queries that take longer are cancelled at their data sources. While the active
    encryption key is missing or wrong the host does not become ready, and answers 503.
    """
    from headwater_server.serving import (
        ListenOptions,
        UnsafeListenError,
        WorkersFailedError,
        serve as run,
        serve_workers,
    )

    listen = ListenOptions(
        host=options["host"],
        port=options["port"],
        unix_socket=options["unix_socket"],
        tls_certificate=options["tls_cert"],
        tls_key=options["tls_key"],
        plain_http_ok=options["allow_plain_http"],
        trusted_proxies=options["trusted_proxies"],
        drain_timeout=options["drain_timeout"],
    )
    try:
        listen.check()
        flight = _flight(listen, options)
    except UnsafeListenError as error:
        raise click.UsageError(str(error)) from None
    changes = _changes(directory, options)
    sockets = _bind(listen)
    options["address_policy"] = _address_policy(options)
    if options["workers"] == 1 and not options["reload"]:
        with _open(directory, listen, options, flight) as app:
            run(app, listen, sockets)
        return
    with _host(directory, options) as headwater:  # what a first start makes is made once
        _single_sign_on(headwater, directory, options)  # what is wrong with it is said once, too
        _authenticator(headwater, listen, options)
    work = partial(_work, directory, listen, {**options, "provisioning": (), "announced": True})
    try:
        serve_workers(work, options["workers"], listen, sockets, changes)
    except WorkersFailedError as error:
        raise click.ClickException(str(error)) from None


def _work(
    directory: DataDirectory, listen: ListenOptions, options: dict[str, Any], channel: socket.socket
) -> None:
    """What a worker process does."""
    from headwater_server.serving.worker_server import serve_connections

    write_json_only(options["log_format"])
    with _open(directory, listen, options) as app:
        if options["reload"]:
            _load_all(app.host.headwater)
        serve_connections(app, listen, channel)


def _changes(directory: DataDirectory, options: dict[str, Any]) -> Changes | None:
    """What a reload waits for, if it is asked for. Says what is watched."""
    if not options["reload"]:
        return None
    from headwater.plugins import discover
    from headwater_server.serving.reload import Watched

    watched = Watched.of(discover(), directory.settings["plugin_files"])
    places = sorted(map(str, watched.files | watched.folders | watched.packages))
    if not places:
        raise click.UsageError(
            "--reload finds no plugin that somebody works on: name its file with `headwater --plugin FILE.py "
            "serve --reload`, or install its project with `pip install -e .`"
        )
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # compiled files know seconds, and saves may be closer
    click.echo(f"Starts anew when these change: {', '.join(places)}", err=True)
    return watched.changes


def _load_all(headwater: Headwater) -> None:
    """All plugins, so that what an edit broke is said at once and not at the next query."""
    from headwater_server.serving.reload import broken

    for line in broken(headwater.plugins):
        click.echo(f"Broken plugin: {line}", err=True)


def _address_policy(options: dict[str, Any]) -> AddressPolicy:
    from headwater.network import AddressPolicy

    return AddressPolicy(**{name: options[f"{name}_addresses"] for name in ("allow", "deny", "only")})


def _answer_cache(options: dict[str, Any]) -> AnswerCache:
    from headwater.queries import AnswerCache

    url = options["cache_url"]
    if url:
        from headwater.queries import RedisAnswerStore

        return AnswerCache(options["cache_ttl"], store=RedisAnswerStore(url))
    return AnswerCache(options["cache_ttl"], max_bytes=options["cache_memory"] * 1024 * 1024)


class _CannotListenError(click.ClickException):
    exit_code = CONNECTION


def _bind(listen: ListenOptions) -> list[socket.socket]:
    """Before the store is opened and a token made: a start that cannot succeed leaves nothing behind."""
    try:
        return listen.bind()
    except OSError as error:
        where, option = f"{listen.host}, port {listen.port}", "--port"
        if listen.unix_socket is not None:
            where, option = str(listen.unix_socket), "--unix-socket"
        raise _CannotListenError(
            f"Cannot listen on {where}: {error.strerror}. Choose another with {option}."
        ) from None


@contextmanager
def _host(
    directory: DataDirectory, options: dict[str, Any], middlewares: Sequence[object] = ()
) -> Iterator[Headwater]:
    """The host on the directory's store, provisioned; its lines go where the options say."""
    from headwater_server.serving.logs import write_host_logs

    with open_headwater(
        directory,
        middlewares,
        degraded=True,
        address_policy=options["address_policy"],
        answer_cache=_answer_cache(options),
        isolate=options["isolate"],
    ) as headwater:
        form: LogFormat = options["log_format"] or ("console" if sys.stderr.isatty() else "json")
        write_host_logs(headwater.data_sources.redactor, form=form, level=options["log_level"])
        _provision(headwater, options["provisioning"])
        yield headwater


def _flight(listen: ListenOptions, options: dict[str, Any]) -> Sequence[Service]:
    """The Flight SQL server, if it is asked for. Raises what says why it cannot be."""
    port = options["flight_port"]
    if port is None:
        if options["flight_locations"]:
            raise click.UsageError("--flight-location goes with --flight.")
        return ()
    if options["reload"]:
        raise click.UsageError(
            "--flight does not go with --reload: Flight's connections stay with one process."
        )
    if options["workers"] != 1:
        raise click.UsageError(
            "--flight goes with one worker: Flight's connections cannot be handed to other processes. "
            "Start several hosts on the same store instead, each with a port of its own."
        )
    own = evolve(listen, port=port, unix_socket=None)
    own.check()
    for bound in _bind(own):  # before anything is begun; Flight itself binds later
        bound.close()
    try:
        from headwater_server.flight import flight_service

        service = flight_service(own, options["flight_locations"])
    except ImportError:
        raise click.UsageError(
            "--flight needs another distribution: pip install 'headwater-engines[flight]'"
        ) from None
    click.echo(f"Flight SQL at {own.flight_url}", err=True)
    return (service,)


@contextmanager
def _open(
    directory: DataDirectory,
    listen: ListenOptions,
    options: dict[str, Any],
    services: Sequence[Service] = (),
) -> Iterator[HeadwaterApp]:
    """The app on the directory's store, with everything closed at the end."""
    from headwater.frames import start_arrow_without_pandas
    from headwater_server.http import HttpOptions, create_app
    from headwater_server.metrics import HostMetrics
    from headwater_server.tracing import middlewares_if_installed

    start_arrow_without_pandas()
    metrics = HostMetrics()
    middlewares = (metrics.plugin_middleware, *middlewares_if_installed())
    with (
        _host(directory, options, middlewares) as headwater,
        closing(_audit(options["audit_log"])) as audit,
    ):
        app = create_app(
            headwater,
            authenticator=_authenticator(
                headwater, listen, options, _single_sign_on(headwater, directory, options)
            ),
            options=HttpOptions(
                multi_status=options["multi_status"],
                protect_metrics=options["protect_metrics"],
                degraded=options["degraded"],
                allowed_hosts=tuple(map(str.lower, options["allowed_hosts"])) or listen.default_allowed_hosts,
                root_url=options["root_url"],
                cors_origins=options["cors_origins"],
            ),
            audit=audit,
            metrics=metrics,
            services=services,
        )
        try:
            yield app
        finally:
            app.close()


def _provision(headwater: Headwater, paths: tuple[Path, ...]) -> None:
    """Bring the store to what the files say. All are read before anything changes."""
    if not paths:
        return
    from headwater.datasources import apply_plan, read_plan
    from headwater.queries.named import apply_named_queries, read_named_queries

    data_sources, named_queries = read_plan(paths), read_named_queries(paths)
    _say_provisioned("data sources", apply_plan(headwater.data_sources, data_sources))
    report = apply_named_queries(headwater.named_queries, named_queries)
    if named_queries.queries or report.deleted:
        _say_provisioned("named queries", report)


def _say_provisioned(what: str, report: ProvisioningReport) -> None:
    changes = {name: getattr(report, name) for name in ("added", "updated", "deleted", "unchanged")}
    done = ", ".join(f"{len(names)} {outcome}" for outcome, names in changes.items() if names)
    click.echo(f"Provisioned {what}: {done or 'none'}.", err=True)


def _single_sign_on(
    headwater: Headwater, directory: DataDirectory, options: dict[str, Any]
) -> SingleSignOn | None:
    """The provider of `headwater.toml`, if it names one. Raises ValidationError."""
    file = directory.configuration
    table = file.members.get("oidc")
    if table is None:
        return None
    try:
        from headwater_server.auth.oidc import SingleSignOn, is_safe_address, read_oidc_settings
    except ImportError:
        raise file.error(("oidc",), "needs another library: pip install 'headwater-server[oidc]'") from None
    from headwater_server.auth.sql_sessions import SqlSessionStore
    from headwater_server.store import SqlStore

    settings = read_oidc_settings(table, file.path.parent)
    if settings.client_secret is not None:
        headwater.data_sources.redactor.watch(settings.client_secret)
    if settings.client_id and not is_safe_address(options["root_url"]):
        raise file.error(
            ("oidc", "client_id"),
            "browsers come back from the provider to the address of --root-url: give it, and with https://",
        )
    assert isinstance(headwater.store, SqlStore)
    return SingleSignOn(settings, SqlSessionStore(headwater.store.engine))


def _authenticator(
    headwater: Headwater, listen: ListenOptions, options: dict[str, Any], sso: SingleSignOn | None = None
) -> Authenticator:
    """Tokens of the store. The first start makes one for the admin, and shows it this one time."""
    from headwater.secrets import Secret
    from headwater_server.auth import Authenticator
    from headwater_server.auth.authenticator import first_admin_token
    from headwater_server.auth.sql_tokens import SqlTokenStore
    from headwater_server.store import SqlStore

    assert isinstance(headwater.store, SqlStore)
    tokens = SqlTokenStore(headwater.store.engine)
    made = first_admin_token(tokens)
    redactor = headwater.data_sources.redactor
    where = f"unix:{listen.unix_socket}" if listen.unix_socket else listen.url
    if "announced" not in options:
        click.echo(f"Headwater serves {where}", err=True)
    if made is not None:
        token = redactor.watch(made).reveal()
        click.echo(f"Admin token, shown only now: {token}", err=True)
        if not listen.unix_socket:
            page = options["root_url"].rstrip("/") or listen.url
            click.echo(f"Explore page, signed in: {page}/#token={token}", err=True)
    password = None
    if (file := options["admin_password_file"]) is not None:
        password = redactor.watch(Secret(read_text(file).rstrip("\r\n")))
    return Authenticator(tokens, admin_password=password, anonymous=options["anonymous"], sso=sso)


def _audit(path: Path | None) -> AuditLog:
    from headwater_server.audit import FileAuditLog, NoAuditLog

    return NoAuditLog() if path is None else FileAuditLog(path)
