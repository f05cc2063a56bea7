"""The notebook runs from top to bottom."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]


def test_all_cells_run(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "lib"))
    notebook = nbformat.read(ROOT / "examples/faces.ipynb", as_version=4)
    # A cell that fails raises an error with its code.
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(ROOT / "examples")}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert any(output.get("text", "").startswith("1 face") for output in outputs)
