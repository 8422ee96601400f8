"""`headwater plugin new`: a project that answers queries at once, to put one's own data source into."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from headwater.errors import ValidationError
from headwater_server.plugin_template import PluginTemplate, Project, Prompt


@click.command()
@click.argument("slug", required=False)
@click.option("--title", help="The name that users see.  [default: from SLUG]")
@click.option("--kind", metavar="sql|http|other", help="SQL with macros, an HTTP API, or anything else.")
@click.option("--author", help="For the licence and the metadata.")
@click.option("--licence", metavar="Apache-2.0|MIT|BSD-3-Clause", help="The licence of the new distribution.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where to put the new folder.  [default: here]",
)
def new(out: Path, **given: str | None) -> None:
    """Start a data-source plugin with the id SLUG, in the new folder headwater-SLUG.

    Asks for what is not given when there is a terminal, and takes the default when there is none. Prints the
    path of the folder.
    """
    template = PluginTemplate.open()
    answers: dict[str, str] = {}
    for prompt in template.questions:
        answers[prompt.key] = _answer(template, prompt, given[prompt.key], answers)
    project = template.render(answers)
    folder = out / project.name
    _write(project, folder)
    click.echo(folder)
    click.echo(_next_steps(project, folder, answers["slug"]), err=True)


def _answer(template: PluginTemplate, prompt: Prompt, given: str | None, answers: dict[str, str]) -> str:
    """What was given, checked; else what the terminal says; else the default. An id has none."""
    if given is not None:
        template.check(prompt.key, given)
        return given
    if sys.stdin.isatty():
        return _ask(template, prompt, answers)
    if prompt.key == "slug":
        raise click.UsageError("Give the new plugin an id: headwater plugin new SLUG")
    return template.default(prompt.key, answers)


def _ask(template: PluginTemplate, prompt: Prompt, answers: dict[str, str]) -> str:
    while True:
        answer: str = click.prompt(
            prompt.text,
            default=None if prompt.key == "slug" else template.default(prompt.key, answers),
            type=click.Choice(prompt.choices) if prompt.choices else str,
            err=True,
        )
        try:
            template.check(prompt.key, answer)
        except ValidationError as error:
            click.echo(f"{error}", err=True)
        else:
            return answer


def _write(project: Project, folder: Path) -> None:
    """All files, into a folder that is not there yet."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise click.UsageError(f"{folder} is there already; choose another SLUG or --out.") from error
    for name, text in project.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")


def _next_steps(project: Project, folder: Path, slug: str) -> str:
    return f"""
Made {len(project.files)} files. Next:

  cd {shlex.quote(str(folder))}
  pip install -e . 'headwater[testing]'
  headwater ds add demo --type {slug}
  headwater query demo {project.first_query}
  pytest

Then put your own data source to the places marked REPLACE."""
