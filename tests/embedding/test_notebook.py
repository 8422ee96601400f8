"""`examples/notebook.ipynb` runs in a kernel and shows what it was saved with."""

from __future__ import annotations

import re
from typing import Any

import nbclient
import nbformat
import pytest

from servers.example_app import EXAMPLES


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_runs_and_shows_what_it_was_saved_with() -> None:
    saved, fresh = read_notebook(), read_notebook()
    nbclient.NotebookClient(fresh, timeout=120, kernel_name="python3").execute()
    shown = words(fresh)
    assert "Aarau" in shown
    assert shown == words(saved)


def read_notebook() -> Any:
    return nbformat.reads((EXAMPLES / "notebook.ipynb").read_text(), as_version=4)  # type: ignore[no-untyped-call]


def words(notebook: Any) -> list[str]:
    """The words of all outputs: how a library draws its tables changes with its version."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = [output.get("text") or output["data"]["text/plain"] for output in outputs]
    return re.findall(r"[\w.]+", "\n".join(texts))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_questions_are_cells_of_their_own() -> None:
    cells = [
        "%load_ext headwater",
        "from headwater import Headwater\nhost = Headwater()\nhost.add_data_source('demo', type='testdata')",
        '%%headwater demo\n{"scenario": "csv", "csvContent": "city\\nAarau\\n"}',
        "%%headwater demo --as pandas -o rows --max-rows 7\nstreaming_rows",
        "len(rows)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])  # type: ignore[no-untyped-call]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    table, count = notebook.cells[2].outputs[0].data["text/html"], notebook.cells[4].outputs[0].data
    assert "Aarau" in table
    assert count["text/plain"] == "7"
