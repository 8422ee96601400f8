"""The distribution: found, compatible, cheap to import, typed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import importlib_metadata
from packaging.requirements import Requirement

from headwater.plugins.discovery import PluginRecord, PluginState

from .base import ConformanceBase


class PackagingChecks(ConformanceBase):
    def test_the_plugin_loads_and_describes_itself_by_its_entry_points_name(
        self, record: PluginRecord, headwater: object
    ) -> None:
        record.load()
        assert record.state is PluginState.READY
        info = headwater.plugin_info(record.plugin_id)  # type: ignore[attr-defined]
        assert info.id == record.plugin_id
        assert info.name

    def test_the_distribution_bounds_the_core_it_works_with(self, record: PluginRecord) -> None:
        """A lower bound, and an upper one below the next major version of the core."""
        requirements = map(Requirement, importlib_metadata.requires(record.distribution) or ())
        core = [each for each in requirements if each.name == "headwater" and each.marker is None]
        assert core, "the distribution does not require headwater"
        operators = {specifier.operator for specifier in core[0].specifier}
        assert operators & {">=", "~=", ">"}, "no lower bound on headwater"
        assert operators & {"<", "<=", "~="}, "no upper bound on headwater"

    def test_importing_the_plugin_imports_neither_arrow_nor_its_driver(self, record: PluginRecord) -> None:
        module = record.entry_point.partition(":")[0]
        code = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
        path = [entry for entry in sys.path if entry]
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        imported = set(json.loads(done.stdout))
        assert not imported & {"pyarrow", *self.driver_modules}

    def test_the_package_is_typed(self, record: PluginRecord) -> None:
        package = record.entry_point.partition(":")[0].partition(".")[0]
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        assert (Path(spec.origin).parent / "py.typed").is_file()
