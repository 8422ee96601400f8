"""The distribution: found, compatible, cheap to import, typed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import importlib_metadata
import pytest
from packaging.requirements import Requirement

from headwater.plugins.discovery import PluginRecord, PluginState

from .base import ConformanceBase
from .mending import mend


class PackagingChecks(ConformanceBase):
    @mend(
        "plugin.id",
        "it is the name of the entry point, and the module imports without anything but its dependencies",
    )
    def test_the_plugin_loads_and_describes_itself_by_its_entry_points_name(
        self, record: PluginRecord, headwater: object
    ) -> None:
        record.load()
        assert record.state is PluginState.READY, f"The plugin is {record.state}: {record.reason}"
        info = headwater.plugin_info(record.plugin_id)  # type: ignore[attr-defined]
        assert info.id == record.plugin_id, (
            f"The plugin calls itself {info.id!r}, its entry point {record.plugin_id!r}"
        )
        assert info.name, "The plugin has no name"

    @mend("project", "dependencies need both bounds, such as headwater>=0.1,<1")
    def test_the_distribution_bounds_the_core_it_works_with(self, record: PluginRecord) -> None:
        """A lower bound, and an upper one below the next major version of the core."""
        _need_distribution(record)
        requirements = map(Requirement, importlib_metadata.requires(record.distribution) or ())
        core = [each for each in requirements if each.name == "headwater" and each.marker is None]
        assert core, "The distribution does not require headwater"
        operators = {specifier.operator for specifier in core[0].specifier}
        assert operators & {">=", "~=", ">"}, "There is no lower bound on headwater"
        assert operators & {"<", "<=", "~="}, "There is no upper bound on headwater"

    @mend(
        "plugin",
        "import them where they are used, and name the data source as text: data_source = 'module:Class'",
    )
    def test_importing_the_plugin_imports_neither_arrow_nor_its_driver(self, record: PluginRecord) -> None:
        _need_distribution(record)
        module = record.entry_point.partition(":")[0]
        code = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
        path = [entry for entry in sys.path if entry]
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        heavy = {"pyarrow", *self.driver_modules}.intersection(json.loads(done.stdout))
        assert not heavy, f"Importing {module} imports {', '.join(sorted(heavy))}"

    @mend(
        "project",
        "the package needs an empty file py.typed beside its __init__.py, and the wheel has to hold it",
    )
    def test_the_package_is_typed(self, record: PluginRecord) -> None:
        _need_distribution(record)
        package = record.entry_point.partition(":")[0].partition(".")[0]
        spec = find_spec(package)
        folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else None
        assert folder is not None, f"The package {package} has no folder"
        assert (folder / "py.typed").is_file(), f"There is no {folder / 'py.typed'}"


def _need_distribution(record: PluginRecord) -> None:
    if Path(record.entry_point).suffix == ".py":
        pytest.skip("a plugin of one file is in no distribution")
