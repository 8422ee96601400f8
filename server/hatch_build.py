"""Puts the template of `headwater plugin new` into the wheel and the sdist.

It lies beside the distribution in the repository and inside it in an sdist, which no static path covers. An
editable install reads the repository's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLACES = {"wheel": "headwater_server/cookiecutter", "sdist": "cookiecutter"}


class TemplateHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        [template] = [
            folder
            for folder in (root / "cookiecutter", root.parent / "cookiecutter")
            if (folder / "cookiecutter.json").is_file()
        ]
        build_data["force_include"][str(template)] = _PLACES[self.target_name]
