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
