"""A real server, started as users start one, and a small scene that is prepared and trained on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hyperswap

rows, columns, bands = 24, 30, 16
names = ["Soil", "Wheat", "Wood"]
colors = ["#aa7744", "#ddcc33", "#116622"]
crs = 32616
transform = (20.0, 0.0, 500_000.0, 0.0, -20.0, 4_480_000.0)


@dataclass(frozen=True)
class Toy:
    """Three stripes of materials with noise; all rows but the last four are labelled."""

    pixels: NDArray[np.uint16]
    labels: NDArray[np.uint8]
    wavelengths: NDArray[np.float64]


def make_toy(seed: int = 1, height: int = rows, width: int = columns) -> Toy:
    random = np.random.default_rng(seed)
    spectra = 2000 + 800 * random.random((3, bands))
    stripes = np.broadcast_to(3 * np.arange(width) // width, (height, width))
    pixels = np.rint(spectra[stripes] + 60 * random.standard_normal((height, width, bands))).astype(np.uint16)
    labels = (stripes + 1).astype(np.uint8)
    labels[height - 4 :] = 0
    return Toy(pixels, labels, np.linspace(400, 1000, bands))


@pytest.fixture(scope="session")
def toy() -> Toy:
    return make_toy()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def hs(home: Path) -> Iterator[hyperswap.Client]:
    with hyperswap.connect(os.environ.get("HYPERSWAP_TEST_ENDPOINT"), home=home) as client:
        yield client


@pytest.fixture(scope="session")
def field(hs: hyperswap.Client, toy: Toy) -> hyperswap.Scene:
    return hs.prepare(
        toy.pixels,
        labels=toy.labels,
        name="field",
        class_names=names,
        class_colors=colors,
        wavelengths=toy.wavelengths,
        crs=crs,
        transform=transform,
        progress=False,
    )


@pytest.fixture(scope="session")
def trained(hs: hyperswap.Client, field: hyperswap.Scene) -> hyperswap.Training:
    return hs.train(field, method="linear-probe", split="12:4", patch_size=9, epochs=4, progress=False)


def pytest_runtest_logreport(report: Any) -> None:
    """Write one line a test for the program that counts the tests of the repository."""
    target = os.environ.get("HYPERSWAP_TEST_REPORT")
    if target is None or not (report.when == "call" or report.outcome != "passed"):
        return
    reason = report.longreprtext if report.outcome == "failed" else ""
    if report.outcome == "skipped":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    line = {"name": report.nodeid, "outcome": report.outcome, "seconds": report.duration, "reason": reason}
    with open(target, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
