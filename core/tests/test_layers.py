"""The rooms of the core stand in layers: imports point down, lazy and type-only ones too, never in a circle.

docs/explanation/architecture.md draws the same picture.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import headwater

PACKAGE = Path(headwater.__file__).parent
REPOSITORY = Path(__file__).parents[2]

LAYERS = (
    {"testing"},
    {"asgi", "notebook"},
    {"aio", "remote"},
    {"host"},
    {"faces"},
    {"queries", "sdk"},
    {"plugins"},
    {"calls", "datasources"},
    {"models"},
    {"frames", "secrets"},
    {"network"},
    {"errors", "logs", "version", "_lazy"},
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}


def imported(module: str, path: Path, names: set[str]) -> Iterator[str]:
    """The modules among `names` that `path` imports, wherever the statement stands."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(part for part in (above, node.module) if part)
            for alias in node.names:
                one = f"{source}.{alias.name}"
                if one in names or source in names:
                    yield one if one in names else source


def import_graph(package: Path) -> dict[str, set[str]]:
    paths = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in package.rglob("*.py")
    }
    return {name: set(imported(name, path, set(paths))) - {name} for name, path in paths.items()}


def packages() -> list[Path]:
    sources = [*REPOSITORY.glob("*/src"), *REPOSITORY.glob("plugins/*/src")]
    return sorted(package for source in sources for package in source.glob("headwater*") if package.is_dir())


@pytest.mark.parametrize("package", packages() or [PACKAGE], ids=lambda package: package.name)
def test_no_module_imports_itself_by_way_of_others(package: Path) -> None:
    TopologicalSorter(import_graph(package)).prepare()  # raises CycleError, with the circle


def test_every_room_has_a_layer() -> None:
    rooms = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - {"__init__"} == set(LEVEL)


def test_imports_point_down() -> None:
    def level(module: str) -> int:
        return LEVEL[module.split(".")[1]] if "." in module else -1

    upwards = {
        f"{module} imports {target}"
        for module, targets in import_graph(PACKAGE).items()
        for target in targets
        if level(target) < level(module)
        or (level(target) == level(module) and target.split(".")[1] != module.split(".")[1])
    }
    assert upwards == set()


def test_plugins_and_hosts_import_public_names_only() -> None:
    private = {
        f"{path.relative_to(REPOSITORY)} imports {node.module}.{alias.name}"
        for package in packages()
        if package != PACKAGE
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "headwater"
        for alias in node.names
        if alias.name not in public_names(node.module or "")
    }
    assert private == set()


@cache
def public_names(module: str) -> set[str]:
    """What `module` lists for others; of the errors all."""
    imported = importlib.import_module(module)
    public = {name for name in vars(imported) if not name.startswith("_")}
    return public if module == "headwater.errors" else set(getattr(imported, "__all__", ()))


def test_a_circle_is_found(tmp_path: Path) -> None:
    package = tmp_path / "circle"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "one.py").write_text("from .two import b")
    (package / "two.py").write_text("def b():\n    from . import one")
    graph = import_graph(package)
    assert graph["circle.one"] == {"circle.two"}
    assert graph["circle.two"] == {"circle.one"}
