"""Drives Harlequin's app with Textual's pilot: `app_session.py SESSION DATA_DIR` ends with 0 if all is well.

In a process of its own: a closed app leaves coroutines behind that nobody awaits.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from harlequin import Harlequin
from textual.pilot import Pilot

from headwater_harlequin import HeadwaterAdapter


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not condition():  # noqa: ASYNC110 - the app tells nobody
            await asyncio.sleep(0.05)


async def started(app: Harlequin) -> None:
    """Connected, and with its catalog."""
    await until(lambda: app.connection is not None and app.editor is not None)
    await until(lambda: bool(app.data_catalog.database_tree.root.children))


async def query(app: Harlequin, pilot: Pilot[None]) -> None:
    """The catalog shows the data sources, and a query fills the results."""
    labels = [str(node.label) for node in app.data_catalog.database_tree.root.children]
    assert [label.split(" ds")[0] for label in labels] == ["demo", "my shop"], labels
    assert app.editor is not None
    app.editor.text = "streaming_rows"
    await pilot.press("ctrl+j")
    await until(lambda: app.results_viewer.tab_count > 0)
    table = app.results_viewer.get_visible_table()
    assert table is not None
    assert table.row_count == 1000, table.row_count
    names = [str(column.label).split()[0] for column in table.ordered_columns]
    assert names == ["id", "time", "city", "value"], names


async def cancel(app: Harlequin, pilot: Pilot[None]) -> None:
    """The button of that name ends a query."""
    assert app.editor is not None
    app.editor.text = '{"scenario": "slow", "delayMs": 600000}'
    await pilot.press("ctrl+j")
    connection = app.connection
    await until(lambda: bool(connection._running))  # type: ignore[union-attr]
    app.action_cancel_query()
    await until(lambda: not connection._running)  # type: ignore[union-attr]


async def settled(app: Harlequin) -> None:
    """Its queries have ended, and it has shown how: closed before, it looks for tables that are gone."""
    querying = True
    while querying:
        await until(lambda: all(worker.group != "query_runners" for worker in app.workers))
        shown = asyncio.Event()
        app.call_later(shown.set)  # after what they told it
        await shown.wait()
        querying = any(worker.group == "query_runners" for worker in app.workers)


async def main(session: str, data_dir: str) -> None:
    app = Harlequin(HeadwaterAdapter(("demo",), data_dir=data_dir), record_history=False)
    async with app.run_test(size=(120, 36)) as pilot:
        await started(app)
        await {"query": query, "cancel": cancel}[session](app, pilot)
        await settled(app)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
