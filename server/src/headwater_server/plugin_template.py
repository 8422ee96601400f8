"""The project that authors of plugins start from, rendered as cookiecutter renders it.

The template is a cookiecutter template (https://cookiecutter.readthedocs.io/en/stable/advanced/), limited to
what needs no more than Jinja. The rules that its hook checks are data in `cookiecutter.json`, for both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from headwater.errors import ValidationError

if TYPE_CHECKING:
    import jinja2

_PACKAGED = Path(__file__).parent / "cookiecutter"
_IN_REPOSITORY = Path(__file__).parents[3] / "cookiecutter"


@frozen
class Prompt:
    """What the template asks for. `choices` is empty for free text."""

    key: str
    text: str
    choices: tuple[str, ...] = ()


@frozen
class Project:
    """A rendered template: the folder's name, texts of files by path, and the arguments of a first query."""

    name: str
    files: Mapping[str, str]
    first_query: str


class PluginTemplate:
    """Asks questions and makes a project of the answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._settings: dict[str, Any] = json.loads((folder / "cookiecutter.json").read_text("utf-8"))

    @classmethod
    def open(cls) -> PluginTemplate:
        """The template of this installation: packaged in the wheel, or the repository's own."""
        return cls(_PACKAGED if _PACKAGED.is_dir() else _IN_REPOSITORY)

    @property
    def questions(self) -> tuple[Prompt, ...]:
        prompts = self._settings["__prompts__"]
        return tuple(
            Prompt(key, prompts[key], tuple(default) if isinstance(default, list) else ())
            for key, default in self._settings.items()
            if not key.startswith("_")
        )

    def default(self, key: str, answers: Mapping[str, str]) -> str:
        """The answer to `key` if nobody gives one; `answers` holds those to the questions before it."""
        default = self._settings[key]
        return str(default[0]) if isinstance(default, list) else self._text(default, answers)

    def check(self, key: str, answer: str) -> None:
        """Raises ValidationError with the rule that `answer` breaks."""
        settings = self._settings
        rule = "slug" if key == "slug" else "text"
        if isinstance(choices := settings[key], list):
            if answer not in choices:
                raise ValidationError(f"{answer!r} is none of {', '.join(choices)}", path=key)
        elif not re.fullmatch(settings[f"_{rule}_pattern"], answer):
            raise ValidationError(f"{answer!r} breaks the rule: {settings[f'_{rule}_rule']}", path=key)
        elif key == "slug" and answer in settings["_reserved_slugs"]:
            raise ValidationError(f"{answer!r} is taken by a distribution of Headwater itself", path=key)

    def render(self, answers: Mapping[str, str]) -> Project:
        """The project for `answers`, one to each question."""
        known: dict[str, Any] = {}
        for key, value in self._settings.items():
            is_derived = key.startswith("__") and isinstance(value, str)
            known[key] = self._text(value, known) if is_derived else answers.get(key, value)
        files = {
            name: self._environment.get_template(path).render(cookiecutter=known)
            for path in self._paths()
            if not (name := self._text(path, known)).endswith("/")  # a name that is empty: not for this kind
        }
        return Project(self._text(self._project.name, known), files, known["__query"])

    @cached_property
    def _project(self) -> Path:
        [project] = self._folder.glob("*{{cookiecutter.slug}}")
        return project

    @cached_property
    def _environment(self) -> jinja2.Environment:
        import jinja2

        return jinja2.Environment(  # noqa: S701 - what is rendered is no HTML
            loader=jinja2.FileSystemLoader([self._project, self._folder / "templates"]),
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
            **self._settings["_jinja2_env_vars"],
        )

    def _paths(self) -> Iterator[str]:
        for path in sorted(self._project.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                yield path.relative_to(self._project).as_posix()

    def _text(self, template: str, answers: Mapping[str, Any]) -> str:
        return self._environment.from_string(template).render(cookiecutter=answers)
