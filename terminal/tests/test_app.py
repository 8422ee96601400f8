"""Harlequin itself, as it runs in a terminal: its own app, driven by Textual's pilot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from harlequin import Harlequin

from headwater_harlequin import HeadwaterAdapter


@pytest.fixture
def app(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harlequin:
    """Without the history and catalogs that Harlequin keeps for the user."""
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return Harlequin(HeadwaterAdapter(("demo",), data_dir=data_dir), record_history=False)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the app tells nobody
            await asyncio.sleep(0.05)


async def started(app: Harlequin) -> None:
    """Connected, and with its catalog: an app that ends before has work left that nobody awaits."""
    await until(lambda: app.connection is not None and app.editor is not None)
    await until(lambda: bool(app.data_catalog.database_tree.root.children))


def test_a_query_fills_the_results_and_the_catalog_shows_the_data_sources(app: Harlequin) -> None:
    async def session() -> None:
        async with app.run_test(size=(120, 36)) as pilot:
            await started(app)
            labels = [str(node.label) for node in app.data_catalog.database_tree.root.children]
            assert [label.split(" ds")[0] for label in labels] == ["demo", "my shop"]
            assert app.editor is not None
            app.editor.text = "streaming_rows"
            await pilot.press("ctrl+j")
            await until(lambda: app.results_viewer.tab_count > 0)
            table = app.results_viewer.get_visible_table()
            assert table is not None
            assert table.row_count == 1000
            assert [str(column.label).split()[0] for column in table.ordered_columns] == [
                "id", "time", "city", "value",
            ]  # fmt: skip

    asyncio.run(session())


def test_the_cancel_button_ends_a_query(app: Harlequin) -> None:
    async def session() -> None:
        async with app.run_test(size=(120, 36)) as pilot:
            await started(app)
            assert app.editor is not None
            app.editor.text = '{"scenario": "slow", "delayMs": 60000}'
            await pilot.press("ctrl+j")
            connection = app.connection
            await until(lambda: bool(connection._running))  # type: ignore[union-attr]
            app.action_cancel_query()
            await until(lambda: not connection._running)  # type: ignore[union-attr]

    asyncio.run(session())
