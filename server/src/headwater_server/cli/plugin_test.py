"""`headwater plugin test`: the conformance kit on one plugin, with what to do about each failure."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .completion import complete_plugins_and_files
from .failures import OK, QUERY, USAGE
from .inputs import parse_assignment, read_secret

if TYPE_CHECKING:
    from headwater.plugins import PluginSource
    from headwater.testing import CheckResult, DataSourceConfig, PluginChecks

_FILE = click.Path(path_type=Path, dir_okay=False)
_GROUP = "headwater.datasources.v1"
_MARKS = {"passed": ".", "failed": "F", "declined": "-", "not run": "-"}


class _NoKitError(click.ClickException):
    exit_code = USAGE


@click.command("test")
@click.argument(
    "plugin", required=False, metavar="[PLUGIN|FILE.py]", shell_complete=complete_plugins_and_files
)
@click.option("--suite", type=click.Path(path_type=Path, exists=True), help="Its suite, a file or a folder.")
@click.option("--url", default="", help="Where the data source is, without credentials.")
@click.option("--user", default="")
@click.option("--database", default="")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting; see `plugin info`.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="KEY[=@FILE|=env:NAME]",
    help="A secret: asked for, or read from a file or an environment variable.",
)
@click.option(
    "--data-source", type=_FILE, help="Take all of these from a provisioning file with one data source of it."
)
@click.option(
    "--probe",
    "probes",
    multiple=True,
    metavar="NAME=QUERY",
    help="What to ask: simple, wrong, rows (with $count), empty, slow, text (with $text), "
    "duplicate_columns; or the path of a resource.",
)
@click.option(
    "--check", default="", metavar="TEXT", help="Run only this area, or checks with this in the name."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--junit", type=_FILE, help="Also write the results to this file, as JUnit's XML.")
@click.option("--verbose", "-v", is_flag=True, help="Show tracebacks, and why checks declined.")
@click.pass_context
def test(context: click.Context, /, plugin: str | None, **options: Any) -> None:
    """Run the conformance kit on a plugin: one of this folder, an installed one, or a FILE.py.

    Uses the plugin's own suite: --suite, or the project's tests, or test_FILE.py. Without one, or with
    options that say where the data source is and what to ask it, a suite is made from the plugin's examples.
    Exits with 0 if it conforms, with 1 if a check failed.
    """
    if find_spec("pytest") is None:
        raise _NoKitError("The conformance kit is not installed: pip install 'headwater[testing]'")
    from headwater.testing import check_plugin

    plugin_id, sources, suites = _subject(plugin)
    config, probes = _data_source(plugin_id, options), dict(map(parse_assignment, options["probes"]))
    if options["suite"]:
        if config or probes:
            raise click.UsageError("--suite says itself what it connects to and asks: leave out the others.")
        suites = [options["suite"]]
    elif config or probes:
        suites = []
    if not options["as_json"]:
        where = ", ".join(map(str, suites)) or "made from its examples"
        click.echo(f"Plugin {plugin_id}, suite {where}")
    checks = check_plugin(
        plugin_id,
        suites,
        config=config,
        probes=probes,
        sources=sources,
        only=options["check"],
        junit=options["junit"],
        seen=None if options["as_json"] else _Progress().show,
    )
    if options["as_json"]:
        _print_json(plugin_id, checks)
    else:
        _print_text(plugin_id, checks, derived=not suites, verbose=options["verbose"])
    context.exit(OK if checks.conforms else QUERY)


def _subject(plugin: str | None) -> tuple[str, list[PluginSource], list[Path]]:
    """The plugin's id, where else than among the installed ones it comes from, and its suites."""
    from headwater.plugins import discover

    if plugin is not None and plugin.endswith(".py"):
        return _file(Path(plugin))
    declared = _declared_here()
    if plugin is None:
        if len(declared) != 1:
            what = f"it has {', '.join(declared)}" if declared else "this folder's pyproject.toml has none"
            raise click.UsageError(f"Say which plugin: {what}.")
        [plugin] = declared
    if plugin not in declared:
        return plugin, [], []
    if all(record.plugin_id != plugin for record in discover()):
        raise click.UsageError(f"{plugin} is not installed here. Install this folder: pip install -e .")
    return plugin, [], _suites([Path("tests"), Path()])


def _file(path: Path) -> tuple[str, list[PluginSource], list[Path]]:
    from headwater.plugins import PluginFiles

    source = PluginFiles([path])
    [record] = source.records([])
    if not record.usable:
        raise click.UsageError(record.reason)
    return record.plugin_id, [source], _suites([path.with_name(f"test_{path.name}")])


def _declared_here() -> list[str]:
    """Ids of the plugins that the project in this folder has."""
    try:
        project = tomllib.loads(Path("pyproject.toml").read_text()).get("project", {})
    except (OSError, ValueError):
        return []
    return list(project.get("entry-points", {}).get(_GROUP, {}))


def _suites(places: Iterable[Path]) -> list[Path]:
    """The files with a suite in the first place that has some."""
    for place in places:
        files = sorted(place.rglob("test_*.py")) if place.is_dir() else [place]
        if found := [
            file for file in files if file.is_file() and "DataSourceConformance" in file.read_text()
        ]:
            return found
    return []


def _data_source(plugin_id: str, options: Mapping[str, Any]) -> DataSourceConfig | None:
    """What the options say of it. None if they say nothing."""
    from headwater.testing import DataSourceConfig

    given = [key for key in ("url", "user", "database", "settings", "secrets") if options[key]]
    if (file := options["data_source"]) is not None:
        if given:
            raise click.UsageError("--data-source has all of it: leave out the others.")
        return _of_file(plugin_id, file)
    if not given:
        return None
    secrets = {key: secret.reveal() for key, secret in map(read_secret, options["secrets"])}
    return DataSourceConfig(
        url=options["url"],
        user=options["user"],
        database=options["database"],
        json_data=dict(map(parse_assignment, options["settings"])),
        secure_json_data=secrets,
    )


def _of_file(plugin_id: str, file: Path) -> DataSourceConfig:
    from headwater.datasources import read_plan
    from headwater.testing import DataSourceConfig

    commands = [each.command for each in read_plan([file]).data_sources]
    fitting = [each for each in commands if each.type == plugin_id]
    if len(fitting) != 1:
        raise click.UsageError(f"{file} has {len(fitting)} data sources of type {plugin_id}, not one.")
    [command] = fitting
    return DataSourceConfig(
        url=command.url,
        user=command.user,
        database=command.database,
        basic_auth=command.basic_auth,
        basic_auth_user=command.basic_auth_user,
        json_data=command.json_data,
        secure_json_data={key: secret.reveal() for key, secret in command.secure_json_data.items()},
    )


class _Progress:
    """A line for each area, with a mark for each check as it ends."""

    def __init__(self) -> None:
        self._area = ""

    def show(self, result: CheckResult) -> None:
        if result.area != self._area:
            click.echo(f"{chr(10) if self._area else ''}  {result.area:<13}", nl=False)
            self._area = result.area
        click.echo(_MARKS[result.outcome], nl=False)


def _print_json(plugin_id: str, checks: PluginChecks) -> None:
    import attrs
    import orjson

    record = {"plugin": plugin_id, "conforms": checks.conforms, **attrs.asdict(checks)}
    click.echo(orjson.dumps(record, option=orjson.OPT_INDENT_2))


def _print_text(plugin_id: str, checks: PluginChecks, *, derived: bool, verbose: bool) -> None:
    click.echo()
    for text in checks.errors:
        click.echo(f"\nThe suite cannot be read:\n{text}")
    failed = [each for each in checks.results if each.outcome == "failed"]
    for each in failed:
        _print_failure(each, verbose=verbose)
    idle = [each for each in checks.results if each.outcome in ("declined", "not run")]
    _print_idle(idle, derived=derived, verbose=verbose)
    counts = Counter(each.outcome for each in checks.results)
    said = ", ".join(f"{counts[name]} {name}" for name in _MARKS if counts[name]) or "no check ran"
    click.echo(f"\n{plugin_id}: {said}.")
    if failed:
        click.echo(f"Again with one of them: --check {failed[0].check}{'' if verbose else ' -v'}")


def _print_failure(result: CheckResult, *, verbose: bool) -> None:
    click.echo(f"\nFAILED  {result.area}: {result.check.replace('_', ' ')}")
    if verbose:
        click.echo(result.traceback)
    click.echo(f"  Happened  {result.happened}")
    click.echo(f"  Contract  {result.contract}")
    click.echo(f"  Mend      {result.mend or 'what raised that: the suite, or its server; -v shows where'}")


def _print_idle(idle: list[CheckResult], *, derived: bool, verbose: bool) -> None:
    """Why checks did not run; each reason once, with how many."""
    if not idle:
        return
    reasons = Counter(each.reason for each in idle)
    click.echo("\nNot checked:")
    for reason, count in reasons.items():
        click.echo(f"  {count:>3}  {reason}")
        if verbose:
            for each in idle:
                if each.reason == reason:
                    click.echo(f"         {each.area}: {each.check.replace('_', ' ')}")
    if derived:
        click.echo(
            "  A probe is given with --probe NAME=QUERY, or all of them in a suite of the plugin's own."
        )
