"""The notebook from a file to a map, run as a reader runs it."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

import hyperswap

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
notebook_file = Path(__file__).resolve().parents[3] / "docs" / "notebooks" / "first-map.ipynb"


def test_the_notebook_runs_from_a_file_to_its_pictures(
    hs: hyperswap.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYPERSWAP_ENDPOINT", hs.endpoint)
    # Inherited by the kernel: pictures come as in a reader's notebook.
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(notebook_file, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output["data"] for output in outputs if "data" in output]
    pictures = [base64.b64decode(data["image/png"]) for data in shown if "image/png" in data]
    assert len(pictures) == 2 and all(len(picture) > 5000 for picture in pictures)
    pages = [str(data["text/html"]) for data in shown if "text/html" in data]
    assert any("<progress" in page and "loss" in page for page in pages), "no live progress"
    assert any("overall accuracy" in page and "<svg" in page for page in pages), "no summary of the training"
    printed = "".join(output["text"] for output in outputs if output.output_type == "stream")
    accuracy = float(printed.partition("overall accuracy ")[2].partition("%")[0])
    assert accuracy > 70
    target = os.environ.get("HYPERSWAP_NOTEBOOK_OUT")
    if target:
        Path(target).mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures):
            Path(target, f"notebook-{number}.png").write_bytes(picture)
        nbformat.write(notebook, Path(target, "first-map.ipynb"))
